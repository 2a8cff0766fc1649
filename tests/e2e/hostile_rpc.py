# SPDX-License-Identifier: MIT
"""A client of xtcpd's sockets that keeps to no rule. Arguments: the programs' path, the control
path, the stack's address. Everything it does must end in a closed connection or an error."""
import os
import random
import re
import socket
import struct
import sys
import threading

PATH, CONTROL, STACK = sys.argv[1:]
MAGIC, VERSION = 0x50544358, 2
with open("rpc/rpc.h") as header:
    NAMES = re.findall(r"^\tRPC_(\w+)[,\n ]", header.read().split("enum rpc_type")[1].split("};")[0],
                       re.MULTILINE)
TYPE = {name: i + 1 for i, name in enumerate(NAMES)}
ATTACH, CONNECT, BIND, LISTEN, SETSOCKOPT, GETSOCKOPT, GETNAME = range(1, 8)
REFUSED, OPTIONS, FELL, INTERFACE = (TYPE[n] for n in ("REFUSED", "OPTIONS", "FELL", "INTERFACE"))
TYPES = TYPE["TYPE_MAX"]
assert TYPE["GETNAME"] == GETNAME and TYPES >= 19, TYPE
KEEP = 2  # a flag of SETSOCKOPT
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
        for wrong in ({"magic": 0}, {"version": 0}, {"version": 1}, {"version": 65535},
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


def reply(data):
    """type, error, arg, value of an answer."""
    assert len(data) == 40 + 512, len(data)
    magic, version, type, error, arg, value_len = struct.unpack_from("=IHHiiI", data)
    assert magic == MAGIC and version == VERSION and value_len <= 512, data[:24]
    return type, error, arg, data[40:40 + value_len]


def kept_options():
    """Options kept for a socket that might fall to the kernel: bounded, and given back whole."""
    with marked() as f:
        attached(f)
        for i in range(3000):
            send(request(type=SETSOCKOPT, flags=1 | KEEP, level=rng.choice((1, 6, 0, -1)),
                         name=rng.randrange(70), value_len=rng.choice((0, 1, 4, 4, 4, 16, 216, 512)),
                         value=rng.randbytes(512)), [f.fileno()])
        at, seen = 0, 0
        for _ in range(1000):
            _, error, at, value = reply(send(request(type=OPTIONS, arg=at), [f.fileno()]))
            assert error == 0, error
            while value:
                _, _, length = struct.unpack_from("=iiI", value)
                assert 12 + length <= len(value)
                value = value[12 + length:]
                seen += 1
            if at == 0:
                break
        assert at == 0 and 0 < seen < 4096 // 12, (at, seen)
        for at in (-1, 1 << 30, -(1 << 31)):
            reply(send(request(type=OPTIONS, arg=at), [f.fileno()]))


def told():
    """Reports and questions about no socket, with whatever descriptor and text."""
    with marked() as f, open("/dev/null") as null:
        for i in range(400):
            send(request(type=rng.choice((REFUSED, FELL)), arg=rng.getrandbits(31),
                         level=rng.getrandbits(31), name=i, address=rng.randbytes(16),
                         value_len=rng.randrange(513), value=rng.randbytes(512)),
                 [rng.choice((f, f, null)).fileno()])
        type, error, _, value = reply(send(request(type=INTERFACE), [f.fileno()]))
        assert (type, error, len(value)) == (INTERFACE, 0, 92), (type, error, len(value))


def reads_nothing():
    """Asks and asks, and never looks at an answer; connects to a listener that never accepts."""
    with marked() as f:
        attached(f)
        asked = []
        for i in range(900):
            s = connect()
            socket.send_fds(s, [request(type=rng.choice((GETNAME, INTERFACE, OPTIONS)))],
                            [f.fileno()])
            asked.append(s)
        for s in asked:
            s.close()
    with marked() as l:
        attached(l)
        bound = reply(send(request(type=BIND, address=struct.pack("=H", socket.AF_INET) +
                                   bytes(14)), [l.fileno()]))
        assert bound[1] == 0, bound
        assert reply(send(request(type=LISTEN, arg=1 << 30), [l.fileno()]))[1] == 0
        name = send(request(type=GETNAME), [l.fileno()])[24:40]
        held = []
        for i in range(300):
            c = marked()
            c.connect(PATH)
            socket.send_fds(c, [request(type=CONNECT, flags=0, address=name[:4] +
                                        socket.inet_aton(STACK) + bytes(8), pad=0)], [c.fileno()])
            c.setblocking(False)
            held.append(c)
        for c in held:  # writes as much as it is let, and reads nothing
            try:
                while True:
                    c.send(bytes(65536))
            except OSError:
                pass
        for c in held:
            c.close()


def not_what_it_claims():
    """A descriptor by the right name that is no such socket, or one of another connection."""
    kinds = ((socket.SOCK_DGRAM, "datagrams"), (socket.SOCK_SEQPACKET, "packets"))
    for kind, _ in kinds:
        with socket.socket(socket.AF_UNIX, kind) as f:
            f.bind(b"\0xtcp/hostile%d" % rng.getrandbits(60))
            for type in range(1, TYPES):
                send(request(type=type), [f.fileno()])
    accepted = b"\0xtcp/A1\0" + rng.randbytes(40)  # the name of an accepted socket
    with socket.socket(socket.AF_UNIX) as f, marked() as other:
        f.bind(accepted)
        for type in range(1, TYPES):
            send(request(type=type), [f.fileno()])
        attached(other)
        with marked() as mine:  # on one connection, with the descriptor of another
            mine.settimeout(5)
            mine.connect(PATH)
            socket.send_fds(mine, [request(type=ATTACH, flags=0)], [other.fileno()])
            try:
                assert mine.recv(1) == b""
            except ConnectionResetError:
                pass
        assert reply(send(request(type=GETNAME), [other.fileno()]))[1] == 0


def record(magic=0x4f544358, version=VERSION, value_len=4, level=6, name=1, value=b"\1"):
    return struct.pack("=IHHii16s", magic, version, value_len, level, name, value)


def among_the_bytes():
    """What looks like an option in a stream and is none is data; what is one is not."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((STACK, 9))
        here = probe.getsockname()[0]
    with socket.create_server((here, 0)) as listener, marked() as f, open("/dev/null") as null:
        address = struct.pack("=H", socket.AF_INET) + struct.pack(">H", listener.getsockname()[1])
        address += socket.inet_aton(here) + b"\0" * 8
        f.settimeout(10)
        f.connect(PATH)
        socket.send_fds(f, [request(type=CONNECT, flags=0, address=address)], [f.fileno()])
        other = listener.accept()[0]
        other.settimeout(10)
        wanted, got = b"", []
        reader = threading.Thread(target=lambda: got.extend(iter(lambda: other.recv(65536), b"")))
        reader.start()
        for i in range(3000):
            wrong = rng.choice(({"magic": 0}, {"version": 1}, {"value_len": 5}, {"level": 7},
                                {"value_len": 65535}, {"name": -1}, {"value": b"\1" * 16},
                                {"level": 1, "name": 26}, {"name": 4, "value": b"\0"}))
            data = rng.choice((record(**wrong), rng.randbytes(rng.randrange(1, 100)),
                               record()[:rng.randrange(1, 32)], record()))
            fds = [rng.choice((null.fileno(), f.fileno()))] * rng.randrange(9)
            wanted += b"" if data == record() and len(fds) == 1 else data
            socket.send_fds(f, [data], fds) if fds else f.sendall(data)
        f.shutdown(socket.SHUT_WR)
        reader.join()
        got = b"".join(got)
        assert got == wanted, (len(got), len(wanted))
        other.close()


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


for attack in (garbage, wrong_fields, stray_descriptors, misused_sockets,
               kept_options, told, reads_nothing, not_what_it_claims, among_the_bytes, flood, control):
    attack()
    print("hostile_rpc:", attack.__name__, flush=True)
