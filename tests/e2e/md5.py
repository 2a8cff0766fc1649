# SPDX-License-Identifier: MIT
"""A program that signs its segments (RFC 2385), for either stack; it knows nothing of xtcp.

    serve ADDRESS PORT PEER KEY [late]   echoes whoever connects under the key; set before
                                         listen(), or after it
    ask ADDRESS PORT KEY BYTES           sends so much, gets it back, says "same"; an empty key: none
    options                              what setsockopt() and getsockopt() say to this and that
"""
import errno
import socket
import struct
import sys
import threading

TCP_MD5SIG = 14
TCP_MD5SIG_EXT = 32


def sig(peer, key, family=socket.AF_INET, flags=0, prefix=0, keylen=None):
    address = struct.pack("=HH4s120x", family, 0, socket.inet_aton(peer))
    length = len(key) if keylen is None else keylen
    return address + struct.pack("=BBHi80s", flags, prefix, length, 0, key)


def set_key(sock, peer, key):
    if key:
        sock.setsockopt(socket.IPPROTO_TCP, TCP_MD5SIG, sig(peer, key))


def echo(conn):
    with conn:
        while data := conn.recv(65536):
            conn.sendall(data)


def serve(address, port, peer, key, late=False):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    if not late:
        set_key(listener, peer, key)
    listener.listen(16)
    if late:
        set_key(listener, peer, key)
    while True:
        conn, _ = listener.accept()
        threading.Thread(target=echo, args=(conn,), daemon=True).start()


def ask(address, port, key, size):
    sent = bytes(i * 7 % 251 for i in range(1021)) * (size // 1021 + 1)
    sent = sent[:size]
    conn = socket.socket()
    conn.settimeout(3)
    set_key(conn, address, key)
    try:
        conn.connect((address, port))
    except OSError as e:
        print("no connection:", "timed out" if isinstance(e, TimeoutError) else e.strerror)
        return
    conn.settimeout(20)
    writer = threading.Thread(target=lambda: (conn.sendall(sent), conn.shutdown(socket.SHUT_WR)))
    writer.start()
    got = b""
    while data := conn.recv(65536):
        got += data
    writer.join()
    print("same" if got == sent else f"different: {len(got)} of {len(sent)}")


def options():
    def said(what, sock, name, value):
        try:
            sock.setsockopt(socket.IPPROTO_TCP, name, value)
            print(what, "ok")
        except OSError as e:
            print(what, errno.errorcode[e.errno])

    sock = socket.socket()
    peer = "192.0.2.1"
    said("delete nothing", sock, TCP_MD5SIG, sig(peer, b""))
    said("set", sock, TCP_MD5SIG, sig(peer, b"abc"))
    said("set again", sock, TCP_MD5SIG, sig(peer, b"abcd"))
    said("delete another", sock, TCP_MD5SIG, sig("192.0.2.2", b""))
    said("short", sock, TCP_MD5SIG, sig(peer, b"abc")[:-1])
    said("shorter than an int", sock, TCP_MD5SIG, b"abc")
    said("key of 80", sock, TCP_MD5SIG, sig(peer, b"k" * 80))
    said("key of 81", sock, TCP_MD5SIG, sig(peer, b"k", keylen=81))
    said("another family", sock, TCP_MD5SIG, sig(peer, b"abc", family=socket.AF_INET6))
    said("prefix ignored", sock, TCP_MD5SIG, sig(peer, b"abc", flags=1, prefix=99))
    said("prefix of 33", sock, TCP_MD5SIG_EXT, sig(peer, b"abc", flags=1, prefix=33))
    said("prefix of 24", sock, TCP_MD5SIG_EXT, sig(peer, b"abc", flags=1, prefix=24))
    said("delete /25", sock, TCP_MD5SIG_EXT, sig(peer, b"", flags=1, prefix=25))
    said("delete /24", sock, TCP_MD5SIG_EXT, sig(peer, b"", flags=1, prefix=24))
    said("delete", sock, TCP_MD5SIG, sig(peer, b""))
    said("delete again", sock, TCP_MD5SIG, sig(peer, b""))
    for name in (TCP_MD5SIG, TCP_MD5SIG_EXT):
        try:
            print("get", sock.getsockopt(socket.IPPROTO_TCP, name, 216))
        except OSError as e:
            print("get", errno.errorcode[e.errno])


what, *rest = sys.argv[1:]
if what == "serve":
    serve(rest[0], int(rest[1]), rest[2], rest[3].encode(), len(rest) > 4)
elif what == "ask":
    ask(rest[0], int(rest[1]), rest[2].encode(), int(rest[3]))
else:
    options()
