# SPDX-License-Identifier: MIT
"""A program whose rules leave 10.77.0.1:5000-5999 to the kernel: whose is a socket, and is it still
the same one to the program? Run preloaded, in the laboratory's namespace."""
import ctypes
import errno
import fcntl
import os
import select
import signal
import socket
import struct

KERNEL, STACK = "10.77.0.1", "10.77.0.2"
F_SETSIG, F_GETSIG, F_SETOWN_EX, F_GETOWN_EX, F_OWNER_TID = 10, 11, 15, 16, 0
libc = ctypes.CDLL(None, use_errno=True)


def is_kernels(s):
    """Past the library, by the system call itself."""
    name, length = ctypes.create_string_buffer(128), ctypes.c_uint32(128)
    number = {"x86_64": 51, "aarch64": 204}[os.uname().machine]
    assert libc.syscall(number, s.fileno(), name, ctypes.byref(length)) == 0
    return struct.unpack("=H", name.raw[:2])[0] == socket.AF_INET


def expect(what, got, wanted):
    assert got == wanted, f"{what}: {got!r}, wanted {wanted!r}"


def fails(what, number, call, *args):
    try:
        call(*args)
    except OSError as e:
        expect(what, errno.errorcode[e.errno], errno.errorcode[number])
    else:
        raise AssertionError(f"{what} did not fail")


def by_address():
    for address, kernels in (((KERNEL, 5000), True), ((KERNEL, 5999), True),
                             ((STACK, 5000), False), (("0.0.0.0", 6000), False),
                             (("0.0.0.0", 0), False)):
        with socket.socket() as s:
            expect("before bind()", is_kernels(s), False)
            s.bind(address)
            expect(f"bind({address})", is_kernels(s), kernels)
            s.listen()
            expect("getsockname()", s.getsockname()[0], address[0])
            fails("another bind()", errno.EINVAL, s.bind, (address[0], 5001))
            expect("after another bind()", is_kernels(s), kernels)


def connections():
    with socket.create_server((KERNEL, 5000)) as l:
        with socket.create_connection((KERNEL, 5000)) as c, l.accept()[0] as a:
            expect("connect()", [is_kernels(c), is_kernels(a)], [True, True])
            c.sendall(b"hello")
            expect("bytes", a.recv(5, socket.MSG_WAITALL), b"hello")
    with socket.create_server((STACK, 5000)) as l, socket.create_connection((STACK, 5000)) as c:
        expect("connect() to the stack", [is_kernels(l), is_kernels(c)], [False, False])
    fails("a port nobody has", errno.ECONNREFUSED, socket.create_connection, (KERNEL, 5003))


def bound_stays():
    with socket.socket() as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.bind((STACK, 0))
        s.settimeout(10)
        fails("nobody there", errno.ECONNREFUSED, s.connect, (KERNEL, 5003))
        expect("bound on the stack", is_kernels(s), False)
    with socket.socket() as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        fails("nobody there", errno.ECONNREFUSED, s.connect, (STACK, 4999))
        fails("nobody there either", errno.ECONNREFUSED, s.connect, (KERNEL, 5003))
        expect("tried on the stack", is_kernels(s), False)


OPTIONS = (
    (socket.SOL_SOCKET, socket.SO_REUSEADDR, 1, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1, 1),
    (socket.SOL_SOCKET, socket.SO_RCVBUF, 20000, 40000),
    (socket.SOL_SOCKET, socket.SO_SNDBUF, 30000, 60000),
    (socket.SOL_SOCKET, socket.SO_OOBINLINE, 1, 1),
    (socket.SOL_SOCKET, socket.SO_RCVLOWAT, 3, 3),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 33, 33),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 7, 7),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4, 4),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 12345, 12345),
    (socket.IPPROTO_TCP, socket.TCP_SYNCNT, 2, 2),
    (socket.IPPROTO_IP, socket.IP_TOS, 16, 16),
    (socket.IPPROTO_IP, socket.IP_TTL, 9, 9),
)


def options_stay():
    with socket.socket() as s, socket.socket() as untouched:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
        for level, name, value, _ in OPTIONS:
            s.setsockopt(level, name, value)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 5))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 3, 500000))
        s.bind((KERNEL, 5001))
        untouched.bind((KERNEL, 5002))
        expect("whose", [is_kernels(s), is_kernels(untouched)], [True, True])
        for level, name, _, wanted in OPTIONS:
            expect(f"option {level}, {name}", s.getsockopt(level, name), wanted)
        expect("TCP_CONGESTION", s.getsockopt(6, socket.TCP_CONGESTION, 16).rstrip(b"\0"), b"reno")
        expect("SO_LINGER", s.getsockopt(1, socket.SO_LINGER, 8), struct.pack("ii", 1, 5))
        expect("SO_RCVTIMEO", s.getsockopt(1, socket.SO_RCVTIMEO, 16), struct.pack("ll", 3, 500000))


def flags_stay():
    with socket.socket() as s:
        fd = s.fileno()
        s.setblocking(False)
        copy = os.dup2(fd, 100, inheritable=True)
        fcntl.fcntl(fd, F_SETOWN_EX, struct.pack("ii", F_OWNER_TID, os.getpid()))
        fcntl.fcntl(fd, F_SETSIG, signal.SIGUSR2)
        fcntl.fcntl(fd, fcntl.F_SETFL, os.O_NONBLOCK | os.O_ASYNC)
        signal.signal(signal.SIGUSR2, lambda *_: arrived.append(1))
        arrived = []
        s.bind((KERNEL, 5004))
        s.listen()
        expect("descriptor", s.fileno(), fd)
        expect("FD_CLOEXEC", [os.get_inheritable(fd), os.get_inheritable(copy)], [False, True])
        expect("flags", fcntl.fcntl(copy, fcntl.F_GETFL) & (os.O_NONBLOCK | os.O_ASYNC),
               os.O_NONBLOCK | os.O_ASYNC)
        expect("F_GETSIG", fcntl.fcntl(fd, F_GETSIG), signal.SIGUSR2)
        expect("F_GETOWN_EX", fcntl.fcntl(fd, F_GETOWN_EX, bytes(8)),
               struct.pack("ii", F_OWNER_TID, os.getpid()))
        with socket.socket(fileno=copy) as other:
            expect("the other descriptor", [is_kernels(other), other.getsockname()],
                   [True, (KERNEL, 5004)])
            with socket.create_connection((KERNEL, 5004)):
                while not arrived:
                    signal.sigtimedwait([], 0.01)


def epoll_stays():
    with socket.create_server((KERNEL, 5005)) as l, socket.socket() as s:
        copy = s.dup()
        level, edge, second = select.epoll(), select.epoll(), select.epoll()
        level.register(s, select.EPOLLOUT)
        edge.register(s, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)
        second.register(copy, select.EPOLLIN)
        level.register(copy, select.EPOLLIN)
        s.setblocking(False)
        fails("connect()", errno.EINPROGRESS, s.connect, (KERNEL, 5005))
        expect("whose", [is_kernels(s), is_kernels(copy)], [True, True])
        a, _ = l.accept()
        expect("level", level.poll(5), [(s.fileno(), select.EPOLLOUT)])
        expect("edge", dict(edge.poll(5)).get(s.fileno(), 0) & select.EPOLLOUT, select.EPOLLOUT)
        expect("edge again", edge.poll(0), [])
        expect("nothing to read", second.poll(0), [])
        a.sendall(b"x")
        expect("something to read", second.poll(5), [(copy.fileno(), select.EPOLLIN)])
        expect("edge for reading", dict(edge.poll(5))[s.fileno()] & select.EPOLLIN, select.EPOLLIN)
        level.modify(s, select.EPOLLIN)  # the set knows it by this number
        edge.unregister(s)
        expect("modified", sorted(level.poll(5)),
               sorted([(s.fileno(), select.EPOLLIN), (copy.fileno(), select.EPOLLIN)]))
        for thing in (level, edge, second, copy, a):
            thing.close()


def forked():
    with socket.create_server((KERNEL, 5006)) as l:
        if os.fork() == 0:
            with socket.create_connection((KERNEL, 5006)) as c:
                c.sendall(b"1" if is_kernels(c) else b"0")
            os._exit(0)
        with l.accept()[0] as a:
            expect("in a child", a.recv(1), b"1")
        expect("the child", os.wait()[1], 0)


for test in (by_address, connections, bound_stays, options_stay, flags_stay, epoll_stays, forked):
    test()
    print("rules:", test.__name__, flush=True)
