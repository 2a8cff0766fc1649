# SPDX-License-Identifier: MIT
"""Programs over the private stack for so many seconds: asyncio, threads, fork, exec, descriptors passed on,
options set, connections left, reset, half closed. Arguments: the stack's address, the kernel's,
seed, seconds. Bytes that come back must be those that were sent; a connection may be lost (the network is
bad and others forge segments), and is then lost with an error."""
import array
import asyncio
import errno
import os
import random
import select
import socket
import struct
import subprocess
import sys
import threading
import time

STACK, KERNEL = sys.argv[1:3]
rng = random.Random(int(sys.argv[3]))
end = time.monotonic() + float(sys.argv[4])
LOST = (ConnectionError, TimeoutError, BlockingIOError)
FEW = (errno.EADDRNOTAVAIL, errno.EMFILE, errno.ENOBUFS, errno.EHOSTUNREACH, errno.ENOMEM, errno.EPROTO)


def options(s):
    for _ in range(rng.randrange(4)):
        level, name, value = rng.choice((
            (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
            (socket.IPPROTO_TCP, socket.TCP_NODELAY, 0), (socket.SOL_SOCKET, socket.SO_RCVBUF, 5000),
            (socket.SOL_SOCKET, socket.SO_SNDBUF, 5000), (socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0),
            (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1), (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1),
            (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 5000), (socket.IPPROTO_TCP, 25, 8192),
            (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, rng.randrange(2))),
            (socket.IPPROTO_TCP, socket.TCP_CONGESTION, rng.choice((b"reno", b"cubic")))))
        s.setsockopt(level, name, value)
    s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)


def exchange(s, most=100000):
    """Sends, and gets the same back."""
    data = rng.randbytes(rng.randrange(1, most))
    got = bytearray()
    sender = threading.Thread(target=quietly, args=(s.sendall, data))
    sender.start()
    try:
        while len(got) < len(data):
            part = s.recv(rng.choice((1, 1000, 65536)) if len(got) < 2000 else 65536)
            if not part:
                raise ConnectionResetError("closed")
            got += part
    except OSError:
        quietly(s.shutdown, socket.SHUT_RDWR)
        raise
    finally:
        sender.join()
    assert got == data, "other bytes came back"


def quietly(call, *args):
    try:
        call(*args)
    except OSError:
        pass


def echo_client():
    with socket.create_connection((STACK, 7), timeout=20) as s:
        options(s)
        for _ in range(rng.randrange(4)):
            exchange(s)
            if rng.random() < 0.2:
                s.shutdown(socket.SHUT_WR)
                break


def own_server(serve, clients=4):
    """A listener and clients within the process, over the stack's own address."""
    with socket.create_server((STACK, 0), backlog=rng.choice((0, 1, 100))) as listener:
        options(listener)
        address = listener.getsockname()
        threads = [threading.Thread(target=quietly, args=(client_of, address)) for _ in range(clients)]
        for t in threads:
            t.start()
        listener.settimeout(0.5)
        for _ in range(rng.randrange(clients + 1)):
            try:
                s, _ = listener.accept()
            except TimeoutError:
                break
            with s:
                s.settimeout(20)
                quietly(serve, s)
    for t in threads:
        t.join()


def client_of(address):
    with socket.create_connection(address, timeout=5) as s:
        exchange(s, 20000)


def echo_once(s):
    for _ in range(20):
        data = s.recv(65536)
        if not data:
            return
        s.sendall(data)


def forked():
    """A child uses the connection, or dies with it; the parent goes on."""
    with socket.create_connection((STACK, 7), timeout=20) as s:
        pid = os.fork()
        if pid == 0:
            try:
                exchange(s, 5000)
            finally:
                os._exit(0)
        if rng.random() < 0.3:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
            return
        os.waitpid(pid, 0)
        exchange(s, 5000)


def executed():
    """Another program inherits it as its standard output."""
    with socket.create_connection((STACK, 7), timeout=20) as s:
        subprocess.run(["/bin/echo", "hello from another program"], stdout=s.fileno(), check=False)
        if s.recv(1) != b"h":
            raise ConnectionResetError


def passed():
    """Down a Unix socket, and perhaps never taken out of it."""
    left, right = socket.socketpair()
    with left, right:
        with socket.create_connection((STACK, 7), timeout=20) as s:
            for _ in range(rng.randrange(1, 4)):
                socket.send_fds(left, [b"x"], [s.fileno()])
        if rng.random() < 0.7:
            _, fds, _, _ = socket.recv_fds(right, 1, 1)
            with socket.socket(fileno=fds[0]) as s:
                s.settimeout(20)
                exchange(s, 5000)


def many():
    """Non-blocking, level or edge triggered; most are left in the middle."""
    poll = select.epoll()
    sockets = {}
    for _ in range(rng.randrange(1, 80)):
        s = socket.socket()
        s.setblocking(False)
        err = s.connect_ex((rng.choice((STACK, STACK, KERNEL)), rng.choice((7, 80, 9, 6379))))
        if err not in (0, errno.EINPROGRESS, errno.ECONNREFUSED, *FEW):
            raise OSError(err, os.strerror(err))
        poll.register(s, select.EPOLLIN | select.EPOLLOUT | rng.choice((0, select.EPOLLET)))
        sockets[s.fileno()] = s
    limit = time.monotonic() + 0.5
    while sockets and time.monotonic() < limit:
        for fd, _ in poll.poll(0.1):
            s = sockets[fd]
            if s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or rng.random() < 0.1:
                sockets.pop(fd).close()
            else:
                quietly(s.send, b"GET / HTTP/1.0\r\n\r\n")
    for s in sockets.values():
        s.close()
    poll.close()


async def many_at_once():
    async def one():
        try:
            reader, writer = await asyncio.wait_for(asyncio.open_connection(STACK, 7), 10)
        except (OSError, asyncio.TimeoutError):
            return
        try:
            for _ in range(rng.randrange(5)):
                data = rng.randbytes(rng.randrange(1, 30000))
                writer.write(data)
                got = await asyncio.wait_for(reader.readexactly(len(data)), 20)
                assert got == data, "other bytes came back"
        except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
    tasks = [asyncio.create_task(one()) for _ in range(30)]
    if rng.random() < 0.3:
        await asyncio.sleep(0.05)
        for t in tasks[::2]:
            t.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, AssertionError):
            raise result


def asynchronous():
    asyncio.run(many_at_once())


def listeners():
    """Come and go while SYNs are under way; shut down; connected to by themselves."""
    for _ in range(10):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((STACK, 0))
        listener.listen(rng.randrange(3))
        for _ in range(rng.randrange(5)):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(listener.getsockname())
            if rng.random() < 0.5:
                s.close()
        if rng.random() < 0.3:
            quietly(listener.shutdown, socket.SHUT_RDWR)
        listener.close()


def urgent():
    with socket.create_connection((STACK, 7), timeout=20) as s:
        s.send(b"abc")
        s.send(b"!", socket.MSG_OOB)
        s.send(b"def", 0x8000)  # MSG_MORE
        s.sendall(b"ghi")
        quietly(s.recv, 100)


WORK = (echo_client, echo_client, lambda: own_server(echo_once), lambda: own_server(lambda s: None), forked,
        executed, passed, many, asynchronous, listeners, urgent)
while time.monotonic() < end:
    work = rng.choice(WORK)
    try:
        work()
    except LOST:
        pass
    except OSError as e:
        if e.errno not in FEW:
            raise
