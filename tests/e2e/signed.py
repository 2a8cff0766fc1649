# SPDX-License-Identifier: MIT
"""A program that signs its segments, for either stack; it knows nothing of xtcp. SCHEME is md5 (RFC
2385) or ao (RFC 5925).

    SCHEME serve ADDRESS PORT PEER KEY [late]   echoes whoever connects under the key; set before
                                                listen(), or after it
    SCHEME ask ADDRESS PORT KEY BYTES           sends so much, gets it back, says "same"; an empty
                                                key: none
    SCHEME options                              what setsockopt() and getsockopt() say to this and
                                                that
"""
import ctypes
import errno
import socket
import struct
import sys
import threading

TCP_MD5SIG = 14
TCP_MD5SIG_EXT = 32
TCP_AO_ADD_KEY = 38
TCP_AO_DEL_KEY = 39
TCP_AO_INFO = 40
TCP_AO_GET_KEYS = 41
TCP_AO_REPAIR = 42


def sockaddr(peer, family=socket.AF_INET):
    return struct.pack("=HH4s120x", family, 0, socket.inet_aton(peer))


def sig(peer, key, family=socket.AF_INET, flags=0, prefix=0, keylen=None):
    length = len(key) if keylen is None else keylen
    return sockaddr(peer, family) + struct.pack("=BBHi80s", flags, prefix, length, 0, key)


def ao_add(peer, key, sndid=7, rcvid=7, alg=b"hmac(sha1)", choose=0, prefix=32, maclen=0, flags=0):
    return sockaddr(peer) + struct.pack("=64siIHBBBBBB80s", alg, 0, choose, 0, prefix, sndid, rcvid,
                                        maclen, flags, len(key), key)


def ao_del(peer, sndid, rcvid, choose=0, current=0, rnext=0, prefix=32):
    return sockaddr(peer) + struct.pack("=iIHBBBBBB", 0, choose, 0, prefix, sndid, rcvid, current,
                                        rnext, 0)


def set_key(sock, scheme, peer, key):
    if key and scheme == "md5":
        sock.setsockopt(socket.IPPROTO_TCP, TCP_MD5SIG, sig(peer, key))
    elif key:
        sock.setsockopt(socket.IPPROTO_TCP, TCP_AO_ADD_KEY, ao_add(peer, key))


def echo(conn):
    with conn:
        while data := conn.recv(65536):
            conn.sendall(data)


def serve(scheme, address, port, peer, key, late=False):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    if not late:
        set_key(listener, scheme, peer, key)
    listener.listen(16)
    if late:
        set_key(listener, scheme, peer, key)
    while True:
        conn, _ = listener.accept()
        threading.Thread(target=echo, args=(conn,), daemon=True).start()


def ask(scheme, address, port, key, size):
    sent = bytes(i * 7 % 251 for i in range(1021)) * (size // 1021 + 1)
    sent = sent[:size]
    conn = socket.socket()
    conn.settimeout(3)
    set_key(conn, scheme, address, key)
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


def said(what, sock, name, value):
    try:
        sock.setsockopt(socket.IPPROTO_TCP, name, value)
        print(what, "ok")
    except OSError as e:
        print(what, errno.errorcode[e.errno])


def md5_options():
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


def get(sock, name, value):
    """getsockopt() that reads what is in the value: Python's own gives it zeros."""
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(value, len(value))
    size = ctypes.c_uint32(304 if name == TCP_AO_GET_KEYS else len(value))
    if libc.getsockopt(sock.fileno(), socket.IPPROTO_TCP, name, buffer, ctypes.byref(size)) < 0:
        return errno.errorcode[ctypes.get_errno()]
    return buffer.raw


def show_keys(sock, question, room):
    got = get(sock, TCP_AO_GET_KEYS, question + bytes(304 * (room - 1)))
    if isinstance(got, str):
        print("keys", got)
        return
    print("keys:", struct.unpack_from("=I", got, 272)[0])
    for at in range(0, len(got), 304):
        address, alg, key, _, bits, sndid, rcvid, prefix, maclen, flags, keylen, _, good, bad = (
            struct.unpack_from("=4x4s120x64s80sIHBBBBBBiQQ", got, at))
        print(" ", socket.inet_ntoa(address), alg.rstrip(b"\0").decode(), key[:keylen].hex(), bits,
              sndid, rcvid, prefix, maclen, flags, good, bad)


def show_info(sock):
    got = get(sock, TCP_AO_INFO, bytes(48))
    print("info", got if isinstance(got, str) else got.hex())


def ao_options():
    def question(nkeys, bits, peer=None, sndid=0, rcvid=0, prefix=0):
        address = sockaddr(peer) if peer else bytes(128)
        return address + struct.pack("=144xIHBBBBBBiQQ", nkeys, bits, sndid, rcvid, prefix, 0, 0, 0,
                                     0, 0, 0)

    sock = socket.socket()
    peer = "192.0.2.1"
    everything = 4
    show_keys(sock, question(1, everything), 1)
    show_info(sock)
    said("delete nothing", sock, TCP_AO_DEL_KEY, ao_del(peer, 1, 1))
    said("add", sock, TCP_AO_ADD_KEY, ao_add(peer, b"abc", 1, 2, choose=3))
    said("add again", sock, TCP_AO_ADD_KEY, ao_add(peer, b"abc", 1, 2))
    said("a SendID again", sock, TCP_AO_ADD_KEY, ao_add(peer, b"abc", 1, 3))
    said("another", sock, TCP_AO_ADD_KEY, ao_add(peer, b"x" * 16, 3, 4, b"cmac(aes128)", maclen=8))
    said("for all", sock, TCP_AO_ADD_KEY,
         ao_add("0.0.0.0", b"any", 5, 6, b"hmac(sha256)", prefix=0, flags=2))
    said("a code of 17", sock, TCP_AO_ADD_KEY, ao_add(peer, b"abc", 9, 9, maclen=17))
    said("no such algorithm", sock, TCP_AO_ADD_KEY, ao_add(peer, b"abc", 9, 9, b"rot13"))
    said("bits beyond the prefix", sock, TCP_AO_ADD_KEY, ao_add(peer, b"abc", 9, 9, prefix=24))
    said("md5 as well", sock, TCP_MD5SIG, sig(peer, b"abc"))
    said("repair", sock, TCP_AO_REPAIR, bytes(16))
    show_keys(sock, question(0, everything), 1)
    show_keys(sock, question(2, everything), 2)
    show_keys(sock, question(4, everything), 4)
    show_keys(sock, question(1, 1), 1)
    show_keys(sock, question(1, 0, peer, 3, 4, 32), 1)
    show_keys(sock, question(1, 0), 1)
    said("delete the current", sock, TCP_AO_DEL_KEY, ao_del(peer, 1, 2))
    said("for another", sock, TCP_AO_DEL_KEY, ao_del(peer, 1, 2, 3, 3, 4))
    show_info(sock)
    said("required", sock, TCP_AO_INFO, struct.pack("=IHBB40x", 4, 0, 0, 0))
    show_info(sock)
    said("delete the one for all", sock, TCP_AO_DEL_KEY, ao_del("0.0.0.0", 5, 6, prefix=0))
    try:
        sock.connect(("127.0.0.1", 9))
        print("connect ok")
    except OSError as e:
        print("connect", errno.errorcode[e.errno])


scheme, what, *rest = sys.argv[1:]
if what == "serve":
    serve(scheme, rest[0], int(rest[1]), rest[2], rest[3].encode(), len(rest) > 4)
elif what == "ask":
    ask(scheme, rest[0], int(rest[1]), rest[2].encode(), int(rest[3]))
elif scheme == "md5":
    md5_options()
else:
    ao_options()
