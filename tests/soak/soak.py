# SPDX-License-Identifier: MIT
"""Everything at once for a while, then nothing: see run. What each actor does follows from the seed; how
they meet does not. An actor's failure is the run's, unless it was killed on purpose."""
import argparse
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time

parser = argparse.ArgumentParser()
for name in ("seconds", "seed", "tmp", "dir", "daemon"):
    parser.add_argument("--" + name, required=True)
args = parser.parse_args()
STACK, KERNEL, PYTHON = "10.77.0.2", "10.77.0.1", "/usr/bin/python3"
end = time.monotonic() + float(args.seconds)
failures, done = [], {}
lock = threading.Lock()


def say(*words):
    print(f"{time.monotonic() - end + float(args.seconds):7.1f}", *words, flush=True)


def left():
    return end - time.monotonic()


def lab(where, *command, **kw):
    return subprocess.Popen(["scripts/lab", where, *map(str, command)], stdin=subprocess.DEVNULL,
                            stdout=kw.pop("stdout", subprocess.DEVNULL),
                            stderr=kw.pop("stderr", subprocess.STDOUT), **kw)


def alive():
    return os.path.exists(f"/proc/{args.daemon}/stat")


def ctl(*words, timeout=60):
    """What xtcpctl says, whether it succeeds or not."""
    return subprocess.run(["scripts/lab", "ctl", *words], capture_output=True, text=True,
                          timeout=timeout)


def finish(process, name, seconds, killed=False, statuses=(0,)):
    """Waits for the end of it; killed: it is ended by force, and need not have succeeded."""
    try:
        status = process.wait(seconds)
    except subprocess.TimeoutExpired:
        if seconds >= 60:  # nothing takes so long: what does it wait for?
            say("slow:", process.args, "\n" + ctl("ss", "-tinp").stdout)
        process.send_signal(signal.SIGKILL)
        process.wait()
        status = 0 if killed else "stuck"
    with lock:
        done[name] = done.get(name, 0) + 1
        if status not in statuses and not killed:
            failures.append(f"{name}: {status}")
            say("FAILED", name, status)


# --- actors: each is called again and again until the time is over

def http(rng):
    flags = rng.choice(([], ["-H", "Connection: close"]))
    page = rng.choice(("small", "small", "large"))
    finish(lab(rng.choice(("peer", "run")), "wrk", "-c", rng.choice((1, 4, 40)), "-t", 1, "-d",
               f"{rng.randrange(1, 5)}s", *flags, f"http://{STACK}/{page}"),
           "wrk", rng.choice((1, 2, 60)), killed=True)


def reload_nginx(rng):
    time.sleep(rng.random() * 6)
    servers["nginx"].send_signal(signal.SIGHUP)
    done["reload"] = done.get("reload", 0) + 1


def redis(rng):
    finish(lab(rng.choice(("peer", "run")), "redis-benchmark", "-h", STACK, "-q", "-c",
               rng.choice((1, 10, 60)), "-n", rng.randrange(100, 4000), "-P", rng.choice((1, 16)),
               "-d", rng.choice((3, 30000)), "-t", "set,get"), "redis-benchmark",
           rng.choice((1, 60)), killed=True)


def iperf(rng):
    where, address = rng.choice((("peer", STACK), ("run", STACK), ("run", KERNEL)))
    finish(lab(where, "iperf3", "-c", address, "-t", rng.randrange(1, 4), "-P", rng.choice((1, 3)),
               *rng.choice(([], ["-R"], ["--bidir"]))), "iperf3", rng.choice((1, 60)), killed=True)


def programs(rng):
    finish(lab("run", PYTHON, "tests/soak/programs.py", STACK, KERNEL, rng.getrandbits(32),
               rng.randrange(1, 6), stdout=open(f"{args.tmp}/programs.out", "ab")), "programs", 120)


def killed_programs(rng):
    p = lab("run", PYTHON, "tests/soak/programs.py", STACK, KERNEL, rng.getrandbits(32), 30,
            start_new_session=True)
    time.sleep(rng.random() * 3)
    os.killpg(p.pid, signal.SIGKILL)
    finish(p, "programs killed", 10, killed=True)


def hostile_frames(rng):
    finish(lab("peer", PYTHON, "tests/soak/frames.py", "xtcp0", STACK, KERNEL, rng.getrandbits(32),
               2, stdout=open(f"{args.tmp}/frames.out", "ab")), "hostile frames", 60)


def hostile_rpc(rng):
    time.sleep(rng.random() * 5)
    finish(lab("peer", PYTHON, "tests/e2e/hostile_rpc.py", f"{args.dir}/xtcpd.sock",
               f"{args.dir}/control.sock", STACK, stdout=open(f"{args.tmp}/rpc.out", "ab")),
           "hostile requests", rng.choice((3, 120)), killed=True)


IMPAIR = ("loss=1%", "delay=5ms", "jitter=3ms", "reorder=3%", "duplicate=2%", "corrupt=1%",
          "rate=200mbit", "limit=50", "loss=30%", "mark=5%")


def watcher(rng):
    """Looks at this and that; sometimes is gone in the middle."""
    words = rng.choice((["ss", "-a"], ["ss", "-tin"], ["ss", "-anp"], ["nstat", "-az"], ["link"],
                        ["ps"], ["neigh"], ["route"], ["tcp_metrics"], ["sysctl"], ["limits"],
                        ["capture", "-w", "-"], ["capture", "drop"], ["trace"], ["trace", ":80"]))
    p = lab("ctl", *words)
    endless = words[0] in ("capture", "trace")
    finish(p, "xtcpctl", rng.random() * 4 if endless else 60, killed=endless)


def settings(rng):
    """A bad network now and then, and sysctls that are as good as any."""
    time.sleep(rng.random())
    if rng.random() < 0.3:
        ctl("link", "impair", rng.choice(("in", "out", "both")),
            *rng.sample(IMPAIR, rng.randrange(1, 4)), f"seed={rng.randrange(100)}")
        time.sleep(rng.random() * 2)
        ctl("link", "impair", "off")
        return
    name, values = rng.choice((
        ("tcp_sack", "01"), ("tcp_timestamps", "012"), ("tcp_window_scaling", "01"),
        ("tcp_ecn", "012"), ("tcp_syncookies", "012"), ("tcp_tw_reuse", "012"),
        ("tcp_fastopen", ("0", "1", "3", "1539")), ("tcp_recovery", "0127"),
        ("tcp_mtu_probing", "012"), ("tcp_fin_timeout", ("1", "60")), ("tcp_frto", "02"),
        ("tcp_max_syn_backlog", ("2", "128", "4096")), ("net.core.somaxconn", ("4", "4096")),
        ("tcp_abort_on_overflow", "01"), ("tcp_max_tw_buckets", ("10", "10000")),
        ("tcp_max_orphans", ("1", "10000")), ("tcp_autocorking", "01"),
        ("tcp_congestion_control", ("reno", "cubic", "bbr")), ("tcp_early_retrans", "03"),
        ("tcp_moderate_rcvbuf", "01"), ("tcp_rmem", ("4096 8192 16384", "4096 131072 6291456")),
        ("tcp_wmem", ("4096 8192 16384", "4096 16384 4194304")), ("tcp_slow_start_after_idle", "01"),
        ("tcp_reordering", ("3", "30")), ("tcp_thin_linear_timeouts", "01"),
        ("tcp_keepalive_time", ("1", "7200")), ("tcp_min_tso_segs", "2"),
        ("tcp_notsent_lowat", ("4096", "4294967295")), ("tcp_retries2", ("3", "15")),
        ("tcp_rfc1337", "01"), ("tcp_challenge_ack_limit", ("10", "1000")),
        ("ip_local_port_range", ("32768 33000", "32768 60999"))))
    ctl("sysctl", f"{name}={rng.choice(values)}")
    done["settings"] = done.get("settings", 0) + 1


ACTORS = [http, http, reload_nginx, redis, iperf, programs, programs, killed_programs,
          hostile_frames, hostile_rpc, watcher, settings]


def act(actor, number):
    rng = random.Random(f"{args.seed} {number}")
    while left() > 0 and alive():
        try:
            actor(rng)
        except Exception as e:
            failures.append(f"{actor.__name__}: {e!r}")
            return


# --- servers

def nginx_conf():
    www = f"{args.tmp}/www"
    os.mkdir(www)
    with open(f"{www}/small", "w") as f:
        f.write("small\n")
    with open(f"{www}/large", "wb") as f:
        f.write(os.urandom(1500000))
    temps = "".join(f"{kind}_temp_path {args.tmp}/{kind};" for kind in
                    ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    with open(f"{args.tmp}/nginx.conf", "w") as f:
        f.write(f"daemon off; worker_processes 2; pid {args.tmp}/nginx.pid; "
                "events { worker_connections 1024; } "
                f"http {{ access_log off; sendfile on; keepalive_requests 1000000; {temps} "
                f"server {{ listen {STACK}:80; root {www}; }} }}\n")
    return f"{args.tmp}/nginx.conf"


servers = {
    "nginx": lab("run", "nginx", "-c", nginx_conf(), "-e", f"{args.tmp}/error.log"),
    "redis": lab("run", "redis-server", "--bind", STACK, "--save", "", "--protected-mode", "no"),
    "iperf3": lab("run", "iperf3", "-s"),
    "kernel's iperf3": lab("peer", "iperf3", "-s", "-p", 5201, "-B", KERNEL),
    "echo": lab("run", PYTHON, "tests/soak/echo.py", STACK, stdout=open(f"{args.tmp}/echo.out", "ab")),
}


# --- what is there

def descriptors():
    return len(os.listdir(f"/proc/{args.daemon}/fd"))


def resident_kib():
    with open(f"/proc/{args.daemon}/status") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))


def cpu_ticks():
    with open(f"/proc/{args.daemon}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def until(seconds, what, condition):
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit or not alive():
            failures.append(f"in vain: {what}")
            return
        time.sleep(0.2)


def sockets(*states):
    out = ctl("ss", "-aHn").stdout.splitlines()
    return [line for line in out if not line.startswith(("TIME-WAIT",) + states)]


before = descriptors()
until(10, "servers", lambda: len([s for s in sockets() if s.startswith("LISTEN")]) >= 4)
threads = [threading.Thread(target=act, args=(a, i)) for i, a in enumerate(ACTORS)]
for t in threads:
    t.start()
while any(t.is_alive() for t in threads) and alive():
    say(f"{descriptors()} descriptors, {resident_kib()} KiB", dict(sorted(done.items())))
    for _ in range(10):
        if not any(t.is_alive() for t in threads):
            break
        time.sleep(1)
for t in threads:
    t.join(130)
if not alive():
    sys.exit("xtcpd is gone: " + open(f"{args.dir}/xtcpd.log", errors="replace").read()[-6000:])

# --- and then nothing
ctl("link", "impair", "off")
for words in ("tcp_fin_timeout=5", "tcp_retries2=3", "tcp_orphan_retries=1"):
    ctl("sysctl", words)
echo = subprocess.run(["scripts/lab", "peer", "nc", "-N", "-w", "20", STACK, "7"], input=b"still here",
                      capture_output=True).stdout
if echo != b"still here":
    failures.append(f"echo afterwards: {echo}")
for name, server in servers.items():
    if server.poll() is not None:
        failures.append(f"{name} has ended: {server.returncode}")
    server.terminate()
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        failures.append(f"{name} does not end")
        server.kill()
        server.wait()
until(240, "no sockets", lambda: not sockets())
if sockets():
    say("left:", sockets()[:20])
before += 2  # the pair that accept() is told by is made once and kept (daemon/accept_push.c)
until(20, f"no more descriptors than {before}", lambda: descriptors() <= before)
if descriptors() > before:
    links = [os.readlink(f"/proc/{args.daemon}/fd/{n}") for n in os.listdir(f"/proc/{args.daemon}/fd")]
    say("descriptors:", links)
    unix = subprocess.run(["scripts/lab", "peer", "ss", "-xapnH"], capture_output=True, text=True).stdout
    for line in unix.splitlines():
        if any(f" {link[8:-1]} " in line for link in links if link.startswith("socket:")):
            say(line)
    say(ctl("status").stdout)
counters = ctl("nstat", "-az").stdout
say(f"at the end {descriptors()} descriptors, {resident_kib()} KiB,", done)
until(70, "no TIME_WAIT", lambda: " timewait 0," in ctl("status").stdout)
say(ctl("status").stdout)
time.sleep(3)
woken = lambda: int(re.search(r"XtcpdWakeups\s+(\d+)", ctl("nstat", "-az").stdout).group(1))
ticks, wakeups = cpu_ticks(), woken()
time.sleep(10)
ticks, wakeups = cpu_ticks() - ticks, woken() - wakeups
say(f"idle for 10 s: {ticks} ticks of CPU, {wakeups} wake-ups (some by the question)")
if ticks > 10 or wakeups > 60:
    failures.append(f"not idle: {ticks} ticks, {wakeups} wake-ups")
for failure in failures:
    say("FAILURE:", failure)
sys.exit(1 if failures else 0)
