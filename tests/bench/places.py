# SPDX-License-Identifier: MIT
"""Where a server and its client run: five places that a workload cannot tell apart.

    veth      both on the kernel's stack, in two namespaces joined by a veth pair
    loopback  both on the kernel's stack, in one namespace
    server    the server on the private stack, the client on the kernel across the TAP
    client    the roles exchanged
    both      both on one private stack

A place has `address` (where the server listens), prefixes for commands on either side, and the pid
of xtcpd where there is one. Everything is made when a place is entered and gone when it is left.
"""

import contextlib
import os
import subprocess
import time

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
BUILD = os.path.realpath(os.environ.get("BUILD", os.path.join(ROOT, "build")))
LAB = os.path.join(ROOT, "scripts/lab")
KERNEL, STACK = "10.77.0.1", "10.77.0.2"


def quiet(*command, **kwargs):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **kwargs)


class Place:
    xtcpd = None

    def __init__(self, name, pin=None):
        self.name = name
        self.pin = ["taskset", "-c", pin] if pin else []
        self.started = []

    def server(self, *command, **kwargs):
        """Starts a server; ended when the place is left, or by stop()."""
        kwargs.setdefault("stdout", subprocess.DEVNULL)
        kwargs.setdefault("stderr", subprocess.DEVNULL)
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        process = subprocess.Popen(self.server_side + self.pin + list(command), env=self.env, **kwargs)
        self.started.append(process)
        return process

    def client(self, *command, **kwargs):
        """Runs a client to its end; what it printed."""
        done = subprocess.run(self.client_side + self.pin + list(command), env=self.env, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=600, **kwargs)
        if done.returncode:
            raise RuntimeError(f"{self.name}: {' '.join(command)}: {done.stdout}{done.stderr}")
        return done.stdout

    def start_client(self, *command, **kwargs):
        process = subprocess.Popen(self.client_side + self.pin + list(command), env=self.env, **kwargs)
        self.started.append(process)
        return process

    def wait_port(self, port):
        end = time.monotonic() + 20
        while f":{port} " not in subprocess.run(self.listening, env=self.env, text=True, check=True,
                                                stdout=subprocess.PIPE).stdout:
            if time.monotonic() > end:
                raise RuntimeError(f"{self.name}: nobody listens on port {port}")
            time.sleep(0.02)

    def stop(self):
        for process in self.started:
            process.terminate()
        for process in self.started:
            process.wait()
        self.started = []


class KernelPlace(Place):
    def __init__(self, name, near, far, address, pin=None):
        super().__init__(name, pin)
        self.env = dict(os.environ)
        self.address = address
        self.server_side = ["nsenter", f"--net=/run/netns/{far}", "--"]
        self.client_side = ["nsenter", f"--net=/run/netns/{near}", "--"]
        self.listening = self.server_side + ["ss", "-Hltn"]


class StackPlace(Place):
    def __init__(self, name, lab, pin=None):
        super().__init__(name, pin)
        self.env = dict(os.environ, LAB=lab, BUILD=BUILD)
        with open(f"/run/xtcp-{lab}/xtcpd.pid") as f:
            self.xtcpd = int(f.read())
        self.address = KERNEL if name == "client" else STACK
        self.server_side = [LAB, "peer" if name == "client" else "run"]
        self.client_side = [LAB, "peer" if name == "server" else "run"]
        self.listening = [LAB, "peer", "ss", "-Hltn"] if name == "client" else [LAB, "ctl", "ss", "-ltn"]


@contextlib.contextmanager
def namespaces(*names):
    made = []
    try:
        for name in names:
            quiet("ip", "netns", "add", name)
            made.append(name)
            quiet("ip", "-n", name, "link", "set", "lo", "up")
        yield
    finally:
        for name in made:
            subprocess.run(["ip", "netns", "delete", name], check=False)


@contextlib.contextmanager
def enter(name, pin=None):
    """The place of that name; pin: the cores all of it may use, xtcpd as well."""
    tag = f"bench-{os.getpid()}"
    if name in ("veth", "loopback"):
        near, far = f"xtcp-{tag}-near", f"xtcp-{tag}-far"
        with namespaces(near, far):
            quiet("ip", "link", "add", "bench0", "netns", near, "type", "veth",
                  "peer", "name", "bench0", "netns", far)
            for namespace, address in ((near, KERNEL), (far, STACK)):
                quiet("ip", "-n", namespace, "addr", "add", f"{address}/24", "dev", "bench0")
                quiet("ip", "-n", namespace, "link", "set", "bench0", "up")
            place = KernelPlace(name, near if name == "veth" else far, far,
                                STACK if name == "veth" else "127.0.0.1", pin)
            try:
                yield place
            finally:
                place.stop()
        return
    env = dict(os.environ, LAB=tag, BUILD=BUILD)
    quiet(*(["taskset", "-c", pin] if pin else []), LAB, "up", env=env)
    try:
        place = StackPlace(name, tag, pin)
        try:
            yield place
        finally:
            place.stop()
    finally:
        quiet(LAB, "down", env=env)
