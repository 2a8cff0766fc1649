# SPDX-License-Identifier: MIT
"""What a pcapng file of xtcpd's holds: one line a packet, then what its statistics block says.

    capture.py FILE          "in|out LENGTH comment; comment"
    capture.py --slow SOCKET [SECONDS]   listens and reads nothing until stdin ends; then as above
"""
import socket
import struct
import sys

DIRECTIONS = {0: "unknown", 1: "in", 2: "out"}


def options(data):
    while len(data) >= 4:
        code, length = struct.unpack_from("<HH", data)
        if code == 0:
            return
        yield code, data[4:4 + length]
        data = data[4 + (length + 3) // 4 * 4:]


def show_packet(body):
    captured = struct.unpack_from("<I", body, 12)[0]
    comments, flags = [], 0
    for code, value in options(body[20 + (captured + 3) // 4 * 4:]):
        if code == 1:
            comments.append(value.decode())
        elif code == 2:
            flags = struct.unpack("<I", value)[0]
    print(DIRECTIONS[flags & 3], captured, "; ".join(comments))


def show_stats(body):
    counts = {code: struct.unpack("<Q", value)[0] for code, value in options(body[12:])}
    print("received", counts[4], "lost", counts[5])


def show(data):
    at = 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        assert length % 4 == 0 and length >= 12, length
        assert struct.unpack_from("<I", data, at + length - 4)[0] == length
        body = data[at + 8:at + length - 4]
        if kind == 6:
            show_packet(body)
        elif kind == 5:
            show_stats(body)
        else:
            assert kind in (0x0A0D0D0A, 1), kind
        at += length


def listen_and_wait(path):
    client = socket.socket(socket.AF_UNIX)
    client.connect(path)
    client.sendall(b"capture pcapng\n")
    data = client.recv(1)  # it listens
    print("listening", flush=True)
    sys.stdin.read()
    client.shutdown(socket.SHUT_WR)
    while True:
        more = client.recv(1 << 20)
        if not more:
            return data
        data += more


if sys.argv[1] == "--slow":
    show(listen_and_wait(sys.argv[2]))
else:
    with open(sys.argv[1], "rb") as f:
        show(f.read())
