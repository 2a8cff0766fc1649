# SPDX-License-Identifier: MIT
"""memcached's text protocol: memcached.py ADDRESS PORT CONNECTIONS. Every connection, all of them
open at once, sets and gets its own values; a counter that all increment ends at their number."""
import socket
import sys

address, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
clients = [socket.create_connection((address, port), 10).makefile("rwb") for _ in range(count)]


def ask(client, request, wanted):
    client.write(request)
    client.flush()
    got = client.read(len(wanted))
    if got != wanted:
        sys.exit(f"{request[:60]!r}: got {got[:60]!r}, wanted {wanted[:60]!r}")


ask(clients[0], b"set total 0 0 1\r\n0\r\n", b"STORED\r\n")
for n, client in enumerate(clients):
    for size in (1, 1000, 500000):
        value = bytes([65 + n % 26]) * size
        head = b"key-%d-%d 0 " % (n, size)
        ask(client, b"set " + head + b"60 %d\r\n%s\r\n" % (size, value), b"STORED\r\n")
        ask(client, b"get key-%d-%d\r\n" % (n, size),
            b"VALUE " + head + b"%d\r\n%s\r\nEND\r\n" % (size, value))
    ask(client, b"incr total 1\r\n", b"%d\r\n" % (n + 1))
ask(clients[-1], b"delete total\r\nget total\r\n", b"DELETED\r\nEND\r\n")
