# SPDX-License-Identifier: MIT
"""Python's own servers and clients: python.py serve ADDRESS, python.py ask ADDRESS.

Ports 8001 asyncio streams, 8002 ThreadingTCPServer, 8003 ForkingTCPServer, all of which answer each
line with its SHA-256; 8004 http.server. The asking side uses asyncio, socketserver's blocking
sockets with makefile(), http.client, urllib and requests."""
import asyncio
import hashlib
import http.client
import http.server
import os
import random
import socket
import socketserver
import sys
import threading
import urllib.error
import urllib.request

ASYNCIO, THREADING, FORKING, HTTP = 8001, 8002, 8003, 8004
LIMIT = 1 << 20


def answer(line):
    return hashlib.sha256(line).hexdigest().encode() + b"\n"


class LineHandler(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(answer(line))


class Threading(socketserver.ThreadingTCPServer):
    allow_reuse_address, daemon_threads, request_queue_size = True, True, 64


class Forking(socketserver.ForkingTCPServer):
    allow_reuse_address, request_queue_size = True, 64


class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


async def handle_async(reader, writer):
    while line := await reader.readline():
        writer.write(answer(line))
        await writer.drain()
    writer.close()


async def serve_async(address):
    server = await asyncio.start_server(handle_async, address, ASYNCIO, limit=LIMIT, backlog=256)
    await server.serve_forever()


def serve(address):
    for kind, port, handler in ((Threading, THREADING, LineHandler), (Forking, FORKING, LineHandler),
                                (http.server.ThreadingHTTPServer, HTTP, Echo)):
        server = kind((address, port), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    asyncio.run(serve_async(address))


def lines(seed, count):
    rng = random.Random(seed)
    return [rng.randbytes(rng.randrange(1, 20000)).replace(b"\n", b".") + b"\n" for _ in range(count)]


async def ask_async(address, seed):
    reader, writer = await asyncio.open_connection(address, ASYNCIO)
    for line in lines(seed, 10):
        writer.write(line)
        await writer.drain()
        assert await reader.readline() == answer(line)
    writer.write_eof()
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


async def many_async(address):
    await asyncio.gather(*(ask_async(address, seed) for seed in range(100)))


def ask_blocking(address, port):
    with socket.create_connection((address, port), timeout=20) as s:
        stream = s.makefile("rwb")
        for line in lines(port, 20):
            stream.write(line)
            stream.flush()
            assert stream.readline() == answer(line)
        s.shutdown(socket.SHUT_WR)
        assert stream.read() == b""


def ask_http(address):
    import requests
    body = os.urandom(2_000_000)
    url = f"http://{address}:{HTTP}/"
    client = http.client.HTTPConnection(address, HTTP, timeout=20)
    for _ in range(5):
        client.request("POST", "/", body)
        assert client.getresponse().read() == body
    client.close()
    assert urllib.request.urlopen(urllib.request.Request(url, body), timeout=20).read() == body
    with requests.Session() as session:
        for _ in range(5):
            assert session.post(url, data=body, timeout=20).content == body
    for refused in (lambda: requests.get(f"http://{address}:1/", timeout=5),
                    lambda: urllib.request.urlopen(f"http://{address}:1/", timeout=5)):
        try:
            refused()
            sys.exit("port 1 answered")
        except (requests.ConnectionError, urllib.error.URLError) as e:
            assert "refused" in str(e), e


def ask(address):
    asyncio.run(many_async(address))
    for port in (THREADING, FORKING):
        threads = [threading.Thread(target=ask_blocking, args=(address, port)) for _ in range(16)]
        failed = []
        threading.excepthook = failed.append
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert not failed, failed
    ask_http(address)
    print("all answers right")


{"serve": serve, "ask": ask}[sys.argv[1]](sys.argv[2])
