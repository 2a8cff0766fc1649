# SPDX-License-Identifier: MIT
"""The work that is measured: each function does it once in a place and returns its figures."""

import json
import os
import re
import subprocess
import tempfile
import time

from places import BUILD

HELPER = os.path.join(BUILD, "e2e-helper")
NGINX = """daemon off; worker_processes {workers}; pid {dir}/pid; error_log {dir}/error.log crit;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 1000000000; client_body_temp_path {dir}/t1;
proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3; uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
server {{ listen {address}:80 backlog=4096; root {dir}/www; }} }}
"""


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_bytes(pid):
    with open(f"/proc/{pid}/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def microseconds(text):
    number, unit = re.fullmatch(r"([0-9.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 1, "ms": 1e3, "s": 1e6}[unit]


def bulk(place, seconds, reverse=False, streams=1):
    place.server("iperf3", "-s", "-1", "-B", place.address)
    place.wait_port(5201)
    before = cpu_seconds(place.xtcpd) if place.xtcpd else 0
    end = json.loads(place.client("iperf3", "-c", place.address, "-t", str(seconds), "-J", "-P", str(streams),
                                  *(["-R"] if reverse else [])))["end"]["sum_received"]
    figures = {"gbit_s": end["bits_per_second"] / 1e9}
    if place.xtcpd:
        figures["xtcpd_cpu_s_per_gbyte"] = (cpu_seconds(place.xtcpd) - before) / (end["bytes"] / 1e9)
    return figures


def half_round_trip(place, seconds, size=14):
    place.server("sockperf", "server", "--tcp", "-i", place.address, "-p", "11111")
    place.wait_port(11111)
    out = place.client("sockperf", "ping-pong", "--tcp", "-i", place.address, "-p", "11111",
                       "-t", str(seconds), "-m", str(size))
    found = {p: float(us) for p, us in re.findall(r"percentile ([0-9.]+) =\s+([0-9.]+)", out)}
    return {"p50_us": found["50.000"], "p99_us": found["99.000"], "p999_us": found["99.900"]}


def web(place, seconds, connections=32, keep=True):
    with tempfile.TemporaryDirectory() as work:
        os.chmod(work, 0o755)
        os.mkdir(f"{work}/www")
        with open(f"{work}/www/small", "w") as f:
            f.write("small\n")
        with open(f"{work}/conf", "w") as f:
            f.write(NGINX.format(dir=work, address=place.address, workers=1))
        place.server("nginx", "-c", f"{work}/conf", "-e", f"{work}/error.log")
        place.wait_port(80)
        before = cpu_seconds(place.xtcpd) if place.xtcpd else 0
        out = place.client("wrk", "--latency", "-t", "1", "-c", str(connections), "-d", f"{seconds}s",
                           *([] if keep else ["-H", "Connection: close"]), f"http://{place.address}/small")
        place.stop()
    figures = {"requests_s": float(re.search(r"Requests/sec:\s+([0-9.]+)", out)[1])}
    for p in ("50", "99"):
        figures[f"p{p}_us"] = microseconds(re.search(rf"^ +{p}% +(\S+)$", out, re.M)[1])
    if place.xtcpd:
        total = int(re.search(r"(\d+) requests in", out)[1])
        figures["xtcpd_cpu_us_per_request"] = (cpu_seconds(place.xtcpd) - before) * 1e6 / total
    return figures


def redis(place, seconds, command="get", pipeline=1):
    with tempfile.TemporaryDirectory() as work:
        place.server("redis-server", "--bind", place.address, "--save", "", "--protected-mode", "no",
                     "--dir", work)
        place.wait_port(6379)
        out = place.client("redis-benchmark", "-h", place.address, "-c", "50", "-P", str(pipeline),
                           "-n", str(seconds * 60000 * pipeline), "-t", command, "--csv")
        place.stop()
    return {"requests_s": float(re.search(rf'"{command.upper()}","([0-9.]+)"', out)[1])}


def connection_rate(place, seconds):
    count = seconds * 4000
    place.server(HELPER, "accept", place.address, "7000", str(count))
    place.wait_port(7000)
    began = time.monotonic()
    place.client(HELPER, "connect", place.address, "7000", str(count))
    return {"connections_s": count / (time.monotonic() - began)}


def idle(place, _seconds, count=10000):
    """Memory per idle connection, and how long one active one takes among them."""
    per_port = 15000
    memory = {"xtcpd": rss_bytes(place.xtcpd) if place.xtcpd else 0, "slab": slab_bytes()}
    holders = []
    for at in range(0, count, per_port):
        port = 7000 + at // per_port
        place.server(HELPER, "echo", place.address, str(port))
        place.wait_port(port)
        holders.append(place.start_client(HELPER, "hold", place.address, str(port), str(min(per_port, count - at)),
                                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
    for holder in holders:
        if holder.stdout.readline() != "held\n":
            raise RuntimeError(f"{place.name}: {count} connections could not be held")
    time.sleep(2.5)  # idle: xtcpd gives back what the beginning took, after a quiet second
    figures = {"kernel_bytes_per_connection": (slab_bytes() - memory["slab"]) / count}
    if place.xtcpd:
        figures["xtcpd_bytes_per_connection"] = (rss_bytes(place.xtcpd) - memory["xtcpd"]) / count
    place.server("sockperf", "server", "--tcp", "-i", place.address, "-p", "11111")
    place.wait_port(11111)
    out = place.client("sockperf", "ping-pong", "--tcp", "-i", place.address, "-p", "11111", "-t", "2")
    figures["p50_us"] = float(re.search(r"percentile 50.000 =\s+([0-9.]+)", out)[1])
    for holder in holders:
        holder.stdin.close()
        holder.wait()
    return figures


def slab_bytes():
    with open("/proc/meminfo") as f:
        return int(re.search(r"^Slab:\s+(\d+)", f.read(), re.M)[1]) * 1024
