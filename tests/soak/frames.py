# SPDX-License-Identifier: MIT
"""Hostile frames for so many seconds, about connections that are there: it listens to what passes on the
interface, and forges what comes near. Arguments: interface, stack's address, own address, seed, seconds."""
import random
import socket
import struct
import sys
import time

INTERFACE, STACK, OWN, seed, seconds = sys.argv[1:]
rng = random.Random(int(seed))
end = time.monotonic() + float(seconds)
packet = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
packet.bind((INTERFACE, 0))
packet.settimeout(0.05)
stack, own = socket.inet_aton(STACK), socket.inet_aton(OWN)


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ipv4(payload, source, ident=0, fragment=0, protocol=6):
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), ident, fragment, 64, protocol, 0,
                         source, stack)
    return header[:10] + struct.pack(">H", checksum(header)) + header[12:] + payload


def tcp(source, sport, dport, seq, ack, flags, window=1000, options=b"", payload=b""):
    segment = struct.pack(">HHIIBBHHH", sport, dport, seq & 0xffffffff, ack & 0xffffffff,
                          (5 + len(options) // 4) << 4, flags, window, 0, rng.getrandbits(4))
    segment += options + payload
    value = checksum(source + stack + struct.pack(">HH", 6, len(segment)) + segment)
    return segment[:16] + struct.pack(">H", value) + segment[18:]


def send(payload):
    try:
        packet.send(mac + payload)
    except OSError:
        pass


def overheard():
    """A segment of the stack's: its MAC addresses and the connection's other end's view of it."""
    limit = time.monotonic() + 1
    while time.monotonic() < limit:
        try:
            frame = packet.recv(65536)
        except TimeoutError:
            continue
        if len(frame) >= 54 and frame[26:30] == stack and frame[30:34] == own and frame[23] == 6:
            sport, dport, seq, ack = struct.unpack(">HHII", frame[34:46])
            return frame[6:12] + frame[:6] + b"\x08\0", (dport, sport, ack, seq)
    return None


def flood():
    """Half-open connections, from everybody and from the neighbour."""
    for _ in range(2000):
        source = bytes([10, 77, 0, rng.randrange(3, 255)]) if rng.random() < 0.5 else own
        send(ipv4(tcp(source, rng.randrange(1024, 65536), rng.choice((80, 6379, 7, 5201)),
                      rng.getrandbits(32), 0, 2, options=rng.choice((b"", b"\2\4\5\xb4"))), source))


def blind():
    """In the window and near it: RST, SYN, data, ACKs of what was never sent."""
    for _ in range(60):
        heard = overheard()
        if not heard or heard[1][1] == 22:
            return
        sport, dport, seq, ack = heard[1]
        for _ in range(4):
            near = rng.choice((0, 1, -1, 100, 30000, -30000, 1 << 31, rng.getrandbits(32)))
            flags = rng.choice((4, 2, 16, 20, 18, 17, 48, 24, 0, 255))
            if flags & 4 and near == 0:
                near = 1  # the exact number is the one that may end a connection
            payload = rng.choice((b"", b"", rng.randbytes(rng.randrange(1400))))
            if payload and -1400 <= near <= 65536:
                payload = b""  # ... and bytes in the window would be taken: RFC 5961 is no signature
            send(ipv4(tcp(own, sport, dport, seq + near, ack + rng.choice((0, -1, 1000, 1 << 31)),
                          flags & ~1 if 0 <= near < 65536 else flags,
                          window=rng.choice((0, 1000, 65535)), payload=payload,
                          options=rng.choice((b"", rng.randbytes(12),
                                              b"\1\1\5\n" + struct.pack(">II", (ack - 100) & 0xffffffff,
                                                                       ack & 0xffffffff)))), own))


def fragments():
    body = tcp(own, 4000, 80, 1, 1, 16, payload=rng.randbytes(3000))
    for ident in range(200):
        for _ in range(4):
            at = 8 * rng.randrange(len(body) // 8)
            send(ipv4(body[at:at + 8 * rng.randrange(1, 60)], own, rng.randrange(100),
                      at // 8 | rng.choice((0x2000, 0x2000, 0))))


def icmp():
    for _ in range(20):
        heard = overheard()
        if not heard:
            return
        sport, dport, seq, ack = heard[1]
        quote = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 1500, 1, 0x4000, 64, 6, 0, stack, own)
        quote += struct.pack(">HHI", dport, sport, (ack + rng.choice((0, -1, 5000))) & 0xffffffff)
        kind, code = rng.choice(((3, 4), (3, 1), (3, 3), (11, 0), (12, 0), (4, 0), (5, 1)))
        body = struct.pack(">BBHI", kind, code, 0, rng.choice((0, 68, 576, 1200, 65535))) + quote
        send(ipv4(body[:2] + struct.pack(">H", checksum(body)) + body[4:], own, protocol=1))


heard = overheard()
if heard:
    mac = heard[0]
    while time.monotonic() < end:
        rng.choice((flood, blind, blind, fragments, icmp))()
