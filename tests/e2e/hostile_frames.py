# SPDX-License-Identifier: MIT
"""Writes wrong frames to an interface. Arguments: the interface, the victim's address, the address
to send from. From a seed: the same frames each time."""
import random
import socket
import struct
import subprocess
import sys

INTERFACE, VICTIM, OWN = sys.argv[1:]
rng = random.Random(2)

# The neighbour table knows the victim's MAC: the echo before this filled it.
neighbour = subprocess.run(["ip", "neigh", "show", VICTIM, "dev", INTERFACE], check=True,
                           capture_output=True, text=True).stdout.split()
victim_mac = bytes.fromhex(neighbour[neighbour.index("lladdr") + 1].replace(":", ""))
words = subprocess.run(["ip", "-o", "link", "show", INTERFACE], check=True, capture_output=True,
                       text=True).stdout.split()
own_mac = bytes.fromhex(words[words.index("link/ether") + 1].replace(":", ""))

packet = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
packet.bind((INTERFACE, 0))


def send(frame):
    try:
        packet.send(frame)
    except OSError:
        pass  # longer than the MTU, or shorter than an Ethernet header


def ethernet(payload, kind=0x0800):
    return victim_mac + own_mac + struct.pack(">H", kind) + payload


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ipv4(payload, protocol=6, version=4, words=5, length=None, id=0, fragment=0, ttl=64,
         source=OWN, destination=VICTIM, options=b"", right_sum=True):
    length = 20 + len(options) + len(payload) if length is None else length
    header = struct.pack(">BBHHHBBH4s4s", version << 4 | words, 0, length, id, fragment, ttl,
                         protocol, 0, socket.inet_aton(source),
                         socket.inet_aton(destination)) + options
    value = checksum(header) if right_sum else rng.getrandbits(16)
    return header[:10] + struct.pack(">H", value) + header[12:] + payload


def tcp(flags, options=b"", words=None, right_sum=True, port=7, payload=b"", urgent=0, sport=None):
    words = 5 + len(options) // 4 if words is None else words
    segment = struct.pack(">HHIIBBHHH", sport or rng.randrange(1024, 65536), port,
                          rng.getrandbits(32), rng.getrandbits(32), words << 4, flags, 1000, 0,
                          urgent) + options + payload
    pseudo = socket.inet_aton(OWN) + socket.inet_aton(VICTIM) + struct.pack(">HH", 6, len(segment))
    value = checksum(pseudo + segment) if right_sum else rng.getrandbits(16)
    return segment[:16] + struct.pack(">H", value) + segment[18:]


def wrong_ip():
    good = tcp(2)
    for wrong in ({"version": 0}, {"version": 5}, {"version": 6}, {"words": 0}, {"words": 4},
                  {"words": 15}, {"length": 0}, {"length": 19}, {"length": 20}, {"length": 21},
                  {"length": 65535}, {"ttl": 0}, {"right_sum": False}, {"source": "127.0.0.1"},
                  {"source": "255.255.255.255"}, {"source": "224.0.0.1"}, {"source": VICTIM},
                  {"destination": "127.0.0.1"}, {"destination": "10.77.0.77"},
                  {"destination": "10.77.0.255"}, {"protocol": 0}, {"protocol": 255}):
        for _ in range(5):
            send(ethernet(ipv4(good, **wrong)))
    for options in (b"\x83\x00\x00\x00", b"\x44\xff\x00\x00", b"\x07\x01\x00\x00", b"\xff" * 40,
                    b"\x01" * 39 + b"\x07", b"\x00" * 4):
        send(ethernet(ipv4(good, options=options, words=5 + len(options) // 4)))
    whole = ethernet(ipv4(good))
    for end in range(len(whole)):
        send(whole[:end])


def wrong_tcp():
    for flags in range(256):
        send(ethernet(ipv4(tcp(flags))))
        send(ethernet(ipv4(tcp(flags, right_sum=False))))
        send(ethernet(ipv4(tcp(flags, words=rng.randrange(5)))))
        send(ethernet(ipv4(tcp(flags, words=15))))
    for options in (b"\x02\x00\x00\x00", b"\x02\x01\x05\xb4", b"\x02\x04\x00\x00",
                    b"\x02\x04\x00\x01", b"\x03\x03\xff\x01", b"\x08\x0a" + b"\0" * 10,
                    b"\x08\xff\x01\x01", b"\x05\x0a" + b"\xff" * 10, b"\x13\x12" + b"\0" * 18,
                    b"\xfe\x00\x00\x00", b"\x01" * 40, b"\xff" * 40):
        for flags in (2, 16, 18, 24, 4):
            send(ethernet(ipv4(tcp(flags, options=options, payload=rng.randbytes(10)))))
    for _ in range(200):
        options = rng.randbytes(4 * rng.randrange(11))
        send(ethernet(ipv4(tcp(rng.getrandbits(8), options=options, urgent=rng.getrandbits(16),
                               payload=rng.randbytes(rng.randrange(100))))))


def fragments():
    body = tcp(2, payload=rng.randbytes(1000))
    for id in range(300):
        for _ in range(6):
            at = 8 * rng.randrange(140)
            more = 0x2000 if rng.random() < 0.7 else 0
            send(ethernet(ipv4(body[at:at + 8 * rng.randrange(20)], id=id, fragment=more | at // 8)))
    send(ethernet(ipv4(rng.randbytes(1000), id=1, fragment=0x1fff)))  # beyond 65,535


def icmp_and_arp():
    for kind in range(256):
        for code in (0, 3, 4, 255):
            body = struct.pack(">BBHI", kind, code, 0, rng.getrandbits(32))
            body += ipv4(tcp(16, sport=7), source=VICTIM, destination=OWN)[:rng.randrange(40)]
            body = body[:2] + struct.pack(">H", checksum(body)) + body[4:]
            send(ethernet(ipv4(body, protocol=1)))
    for _ in range(300):
        arp = struct.pack(">HHBBH", rng.choice([0, 1, 1, 1]), rng.choice([0x0800, 0x86dd]),
                          rng.choice([0, 6, 6, 255]), rng.choice([0, 4, 4, 16]), rng.randrange(5))
        arp += rng.randbytes(rng.randrange(24))
        send(ethernet(arp, 0x0806))


def noise():
    for _ in range(2000):
        send(ethernet(rng.randbytes(rng.randrange(1500)), rng.choice([0x0800, 0x0806, 0x86dd, 5])))
        send(rng.randbytes(rng.randrange(14, 1514)))


for attack in (wrong_ip, wrong_tcp, fragments, icmp_and_arp, noise):
    attack()
    print("hostile_frames:", attack.__name__, flush=True)
