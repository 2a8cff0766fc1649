# SPDX-License-Identifier: MIT
"""A client of xtcpd's sockets that keeps to no rule. Arguments: the programs' path, the control
path, the stack's address. Everything it does must end in a closed connection or an error."""
import os
import random
import socket
import struct
import sys

PATH, CONTROL, STACK = sys.argv[1:]
MAGIC, VERSION = 0x50544358, 1
ATTACH, CONNECT, BIND, LISTEN, SETSOCKOPT, GETSOCKOPT, GETNAME = range(1, 8)
TYPES = 18
rng = random.Random(1)


def request(magic=MAGIC, version=VERSION, type=GETNAME, flags=1, pad=0, arg=0, level=0, name=0,
            value_len=0, address=b"\0" * 16, address_len=16, reserved=0, value=b""):
    return struct.pack("=IHHIIiiiI16sII512s", magic, version, type, flags, pad, arg, level, name,
                       value_len, address, address_len, reserved, value)


def connect(path=PATH):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.settimeout(10)
    s.connect(path)
    return s


def send(data, fds=(), path=PATH):
    """Sends a request and waits for what comes: a reply or the end."""
    with connect(path) as s:
        try:
            if fds:
                socket.send_fds(s, [data], list(fds))
            else:
                s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            return s.recv(4096)
        except (ConnectionResetError, BrokenPipeError):
            return b""


def marked():
    f = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    f.bind(b"\0xtcp/hostile%d" % rng.getrandbits(60))
    return f


def garbage():
    for path in (PATH, "\0xtcpd:" + PATH):
        for length in [0, 1, 4, 55, 56, 567, 568, 569, 1136, 2000] + [rng.randrange(3000)
                                                                      for _ in range(40)]:
            send(rng.randbytes(length), path=path)


def wrong_fields():
    with marked() as f:
        for wrong in ({"magic": 0}, {"version": 0}, {"version": 2}, {"version": 65535},
                      {"type": 0}, {"type": TYPES}, {"type": 65535}, {"value_len": 513},
                      {"value_len": 0xffffffff}, {"reserved": 1}, {"flags": 0xffffffff},
                      {"pad": 0xffffffff}):
            send(request(**wrong))
            send(request(**wrong), [f.fileno()])
        for type in range(TYPES + 1):
            send(request(type=type))  # no descriptor
            send(request(type=type, value_len=512, arg=-1, level=-1, name=-1,
                         address=rng.randbytes(16)), [f.fileno()])
            send(request(type=type)[:-1], [f.fileno()])  # short
            send(request(type=type) + b"x", [f.fileno()])  # long


def stray_descriptors():
    with open("/dev/null") as null, socket.socket() as tcp, marked() as f:
        left, right = os.pipe()
        listening = marked()
        listening.listen()
        for fds in ([null.fileno()], [left], [tcp.fileno()], [listening.fileno()],
                    [f.fileno()] * 2, [f.fileno(), null.fileno(), left], [null.fileno()] * 100):
            for type in range(1, TYPES):
                send(request(type=type), fds)
        listening.close()
        os.close(left)
        os.close(right)
        # the very connection it comes by
        for type in range(1, TYPES):
            with connect() as s:
                try:
                    socket.send_fds(s, [request(type=type)], [s.fileno()])
                    s.shutdown(socket.SHUT_WR)
                    s.recv(4096)
                except OSError:
                    pass


def attached(f):
    f.settimeout(5)
    f.connect(PATH)
    socket.send_fds(f, [request(type=ATTACH, flags=0)], [f.fileno()])


def misused_sockets():
    """Sockets that were attached, and then talk nonsense where a connection's bytes go."""
    address = struct.pack("=H", socket.AF_INET) + struct.pack(">H", 7) + socket.inet_aton(STACK)
    address += b"\0" * 8
    for i in range(60):
        f = marked()
        try:
            attached(f)
            if i % 3 == 0:
                f.sendall(rng.randbytes(rng.randrange(2000)))
            elif i % 3 == 1:
                f.sendall(request(type=LISTEN) * 2)
            else:
                # padding announced and not sent, or more sent than announced
                f.sendall(request(type=CONNECT, flags=0, address=address, pad=rng.randrange(9)))
                f.sendall(rng.randbytes(rng.randrange(9)))
        except OSError:
            pass
        f.close()
    with marked() as f:
        attached(f)
        for type in rng.choices(range(1, TYPES), k=100):
            if type != 12:  # LINGER would wait for us to close
                send(request(type=type, address=address, arg=rng.getrandbits(31),
                             level=rng.choice([0, 1, 6]), name=rng.randrange(64), value_len=4,
                             value=rng.randbytes(4)), [f.fileno()])


def flood():
    idle = [connect() for _ in range(300)]  # say nothing
    for s in idle[::2]:
        try:
            s.sendall(request()[:rng.randrange(1, 560)])  # half a request
        except OSError:
            pass
    descriptors = [marked() for _ in range(200)]
    for f in descriptors:
        try:
            attached(f)
        except OSError:
            pass
    for s in idle + descriptors:
        s.close()


def control():
    for line in (b"\n", b"\0\n", b"ss " + b"-a " * 10000 + b"\n", b"A" * 1000000 + b"\n",
                 b"route add\n", b"route add 1/33 via x\n", b"sysctl =\n", b"sysctl a=b=c\n",
                 b"neigh \xff\xfe\n", b'{"request": "ss"}\n', b"help", b"\r\n\r\n") + tuple(
                     rng.randbytes(rng.randrange(500)) + b"\n" for _ in range(50)):
        try:
            send(line, path=CONTROL)
        except OSError:
            pass
    unread = [connect(CONTROL) for _ in range(20)]
    for s in unread:  # asks much, reads nothing
        s.setblocking(False)
        try:
            for _ in range(2000):
                s.send(b"nstat -az\nss -a\n")
        except OSError:
            pass
    for s in unread:
        s.close()


for attack in (garbage, wrong_fields, stray_descriptors, misused_sockets, flood, control):
    attack()
    print("hostile_rpc:", attack.__name__, flush=True)
