/* SPDX-License-Identifier: MIT */
/* The flags of send() and recv(), SO_RCVLOWAT, and urgent bytes. */
#include "tests/parity/parity.h"

static char buf[64];

static void send_rest(void)
{
	peer_send("def");
}

static void send_six(void)
{
	peer_send("abcdef");
}

static void close_peer(void)
{
	peer_close();
}

static void reset_peer(void)
{
	peer_reset();
}

static struct pair readable(const char *bytes)
{
	struct pair p = accepted();
	peer_send(bytes);
	wait_for(p.fd, POLLIN);
	return p;
}

static void peek_twice(void)
{
	struct pair p = readable("abcdef");
	say_bytes("peek 4", buf, recv(p.fd, buf, 4, MSG_PEEK));
	say_bytes("peek all", buf, recv(p.fd, buf, 64, MSG_PEEK));
	say_bytes("read 2", buf, read(p.fd, buf, 2));
	say_bytes("peek", buf, recv(p.fd, buf, 64, MSG_PEEK));
	say_bytes("read", buf, read(p.fd, buf, 64));
}

static void peek_at_the_end(void)
{
	struct pair p = accepted();
	peer_close();
	wait_for(p.fd, POLLIN);
	say("peek", recv(p.fd, buf, 4, MSG_PEEK));
	say("read", read(p.fd, buf, 4));
}

static void peek_of_reset(void)
{
	struct pair p = accepted();
	peer_reset();
	wait_for(p.fd, POLLIN);
	say("peek", recv(p.fd, buf, 4, MSG_PEEK));
	say("peek again", recv(p.fd, buf, 4, MSG_PEEK));
	say("SO_ERROR", so_error(p.fd));
}

static void peek_waitall(void)
{
	struct pair p = readable("abc");
	meanwhile(send_rest);
	say_bytes("peek", buf, recv(p.fd, buf, 6, MSG_PEEK | MSG_WAITALL));
	done();
	say_bytes("read", buf, recv(p.fd, buf, 6, MSG_WAITALL));
}

static void peek_readv(void)
{
	char a[2], b[8];
	struct iovec v[2] = {{a, 2}, {b, 8}};
	struct msghdr m = {.msg_iov = v, .msg_iovlen = 2};
	struct pair p = readable("abcdef");
	say("peek", recvmsg(p.fd, &m, MSG_PEEK));
	say_bytes("a", a, 2);
	say_bytes("b", b, 4);
	say("read", recvmsg(p.fd, &m, 0));
}

static void trunc_discards(void)
{
	struct pair p = readable("abcdefgh");
	memset(buf, '.', sizeof(buf));
	say("trunc", recv(p.fd, buf, 3, MSG_TRUNC));
	say_bytes("untouched", buf, 3);
	say("more than there is", recv(p.fd, buf, 64, MSG_TRUNC));
	say("nothing left", recv(p.fd, buf, 64, MSG_TRUNC | MSG_DONTWAIT));
}

static void trunc_peek(void)
{
	struct pair p = readable("abcdef");
	say("peek", recv(p.fd, NULL, 4, MSG_TRUNC | MSG_PEEK));
	say_bytes("read", buf, read(p.fd, buf, 64));
}

static void trunc_message(void)
{
	struct iovec v = {buf, 3};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
	struct pair p = readable("abcdef");
	say("recvmsg", recvmsg(p.fd, &m, MSG_TRUNC));
	say("flags", m.msg_flags);
	say_bytes("rest", buf, read(p.fd, buf, 64));
}

static void waitall_until_end(void)
{
	struct pair p = readable("abc");
	meanwhile(close_peer);
	say_bytes("waitall", buf, recv(p.fd, buf, 6, MSG_WAITALL));
	done();
	say("again", recv(p.fd, buf, 6, MSG_WAITALL));
}

static void waitall_until_reset(void)
{
	struct pair p = readable("abc");
	meanwhile(reset_peer);
	say_bytes("waitall", buf, recv(p.fd, buf, 6, MSG_WAITALL));
	done();
	say("again", recv(p.fd, buf, 6, MSG_WAITALL));
}

static void waitall_nonblocking(void)
{
	struct pair p = readable("abc");
	nonblocking(p.fd);
	say_bytes("waitall", buf, recv(p.fd, buf, 6, MSG_WAITALL));
	say("again", recv(p.fd, buf, 6, MSG_WAITALL));
}

static void waitall_message(void)
{
	struct iovec v[2] = {{buf, 2}, {buf + 2, 4}};
	struct msghdr m = {.msg_iov = v, .msg_iovlen = 2};
	struct pair p = readable("abc");
	meanwhile(send_rest);
	say_bytes("recvmsg", buf, recvmsg(p.fd, &m, MSG_WAITALL));
	done();
	say("flags", m.msg_flags);
}

static void lowat_get_and_set(void)
{
	int v = 10, fd = tcp();
	socklen_t len = sizeof(v);
	say("set", setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &v, sizeof(v)));
	v = -1;
	getsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &v, &len);
	say("get", v);
	v = 0;
	say("zero", setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &v, sizeof(v)));
	getsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &v, &len);
	say("get", v);
	v = -5;
	say("negative", setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &v, sizeof(v)));
	getsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &v, &len);
	say("get", v == INT32_MAX || v > 1);
	v = 5;
	say("SO_SNDLOWAT", setsockopt(fd, SOL_SOCKET, SO_SNDLOWAT, &v, sizeof(v)));
	getsockopt(fd, SOL_SOCKET, SO_SNDLOWAT, &v, &len);
	say("get", v);
}

static void lowat_blocks_read(void)
{
	int v = 6;
	struct pair p = accepted();
	setsockopt(p.fd, SOL_SOCKET, SO_RCVLOWAT, &v, sizeof(v));
	meanwhile(send_six);
	say_bytes("read", buf, read(p.fd, buf, 64));
	done();
}

static void lowat_nonblocking(void)
{
	int v = 6;
	struct pair p = readable("abc");
	nonblocking(p.fd);
	setsockopt(p.fd, SOL_SOCKET, SO_RCVLOWAT, &v, sizeof(v));
	say_bytes("read", buf, read(p.fd, buf, 64));
}

static void more_is_held_back(void)
{
	struct pair p = accepted();
	say("more", send(p.fd, "abc", 3, MSG_MORE));
	say("end", send(p.fd, "def", 3, 0));
	for (int n = 0; n < 6;)
		n += peer_recv(buf + n, 64);
	say_bytes("peer", buf, 6);
}

static void more_and_close(void)
{
	struct pair p = accepted();
	say("more", send(p.fd, "abc", 3, MSG_MORE));
	close(p.fd);
	say_bytes("peer", buf, peer_recv(buf, 64));
	say("EOF", peer_recv(buf, 64));
}

static void more_and_nodelay(void)
{
	int one = 1;
	struct pair p = accepted();
	say("more", send(p.fd, "abc", 3, MSG_MORE));
	say("nodelay", setsockopt(p.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)));
	say_bytes("peer", buf, peer_recv(buf, 64));
}

static void cork_and_uncork(void)
{
	int v = 1;
	struct pair p = accepted();
	setsockopt(p.fd, IPPROTO_TCP, TCP_CORK, &v, sizeof(v));
	write(p.fd, "abc", 3);
	write(p.fd, "def", 3);
	v = 0;
	say("uncork", setsockopt(p.fd, IPPROTO_TCP, TCP_CORK, &v, sizeof(v)));
	say_bytes("peer", buf, peer_recv(buf, 64));
}

static struct pair urgent(const char *before, const char *bytes)
{
	struct pair p = accepted();
	if (*before)
		peer_send(before);
	peer_send_oob(bytes);
	wait_for_bits(p.fd, POLLPRI, 5000);
	return p;
}

static void oob_last_of_many(void)
{
	struct pair p = urgent("", "abc");
	say_bytes("oob", buf, recv(p.fd, buf, 8, MSG_OOB));
	say_bytes("read", buf, read(p.fd, buf, 64));
}

static void oob_peek(void)
{
	struct pair p = urgent("", "!");
	say_bytes("peek", buf, recv(p.fd, buf, 8, MSG_OOB | MSG_PEEK));
	say_bytes("oob", buf, recv(p.fd, buf, 8, MSG_OOB));
	say("again", recv(p.fd, buf, 8, MSG_OOB));
}

static void oob_nothing_wanted(void)
{
	struct pair p = urgent("", "!");
	say("0 bytes", recv(p.fd, buf, 0, MSG_OOB));
	say("then", recv(p.fd, buf, 1, MSG_OOB));
}

static void oob_inline(void)
{
	int one = 1;
	struct pair p = accepted();
	setsockopt(p.fd, SOL_SOCKET, SO_OOBINLINE, &one, sizeof(one));
	peer_send("ab");
	peer_send_oob("!");
	wait_for_bits(p.fd, POLLPRI, 5000);
	say("oob", recv(p.fd, buf, 1, MSG_OOB));
	say("at mark", sockatmark(p.fd));
	say_bytes("read", buf, read(p.fd, buf, 64));
	say("at mark", sockatmark(p.fd));
	say_bytes("read", buf, read(p.fd, buf, 64));
	say("at mark", sockatmark(p.fd));
}

static void oob_mark_stops_reading(void)
{
	struct pair p = urgent("abcd", "!");
	peer_send("efgh");
	say_bytes("before", buf, recv(p.fd, buf, 64, MSG_WAITALL | MSG_DONTWAIT));
	say("at mark", sockatmark(p.fd));
	say_bytes("after", buf, read(p.fd, buf, 64));
	say("at mark", sockatmark(p.fd));
}

static void oob_fionread(void)
{
	int n = -1;
	struct pair p = urgent("abcd", "!");
	ioctl(p.fd, FIONREAD, &n);
	say("before the mark", n);
	read(p.fd, buf, 64);
	ioctl(p.fd, FIONREAD, &n);
	say("at the mark", n);
}

static void oob_in_select(void)
{
	fd_set x;
	struct timeval tv = {5, 0};
	struct pair p = urgent("", "!");
	FD_ZERO(&x);
	FD_SET(p.fd, &x);
	say("select", select(p.fd + 1, NULL, NULL, &x, &tv));
	say("except", FD_ISSET(p.fd, &x) != 0);
	recv(p.fd, buf, 1, MSG_OOB);
	tv = (struct timeval){0, 0};
	FD_SET(p.fd, &x);
	say("after it is read", select(p.fd + 1, NULL, NULL, &x, &tv));
}

static void oob_send(void)
{
	struct pair p = accepted();
	say("send", send(p.fd, "abc", 3, 0));
	say("oob", send(p.fd, "!", 1, MSG_OOB));
	say("peer's oob", peer_recv_oob());
	say_bytes("peer", buf, peer_recv(buf, 64));
}

static void oob_send_many(void)
{
	struct pair p = accepted();
	say("oob", send(p.fd, "abc!", 4, MSG_OOB));
	say("peer's oob", peer_recv_oob());
	say_bytes("peer", buf, peer_recv(buf, 64));
}

static void oob_then_end(void)
{
	struct pair p = urgent("ab", "!");
	peer_close();
	wait_for_bits(p.fd, POLLRDHUP, 5000);
	say_bytes("oob", buf, recv(p.fd, buf, 1, MSG_OOB));
	say_bytes("read", buf, read(p.fd, buf, 64));
	say("end", read(p.fd, buf, 64));
}

static void oob_twice(void)
{
	struct pair p = urgent("", "1");
	say_bytes("first", buf, recv(p.fd, buf, 1, MSG_OOB));
	peer_send_oob("2");
	wait_for_bits(p.fd, POLLPRI, 5000);
	say_bytes("second", buf, recv(p.fd, buf, 1, MSG_OOB));
}

const struct story flag_stories[] = {
    {"peek-twice", peek_twice},
    {"peek-end", peek_at_the_end},
    {"peek-reset", peek_of_reset},
    {"peek-waitall", peek_waitall},
    {"peek-message", peek_readv},
    {"trunc-discards", trunc_discards},
    {"trunc-peek", trunc_peek},
    {"trunc-message", trunc_message},
    {"waitall-end", waitall_until_end},
    {"waitall-reset", waitall_until_reset},
    {"waitall-nonblocking", waitall_nonblocking},
    {"waitall-message", waitall_message},
    {"lowat-get-set", lowat_get_and_set},
    {"lowat-blocks", lowat_blocks_read},
    {"lowat-nonblocking", lowat_nonblocking},
    {"more-held-back", more_is_held_back},
    {"more-and-close", more_and_close},
    {"more-and-nodelay", more_and_nodelay},
    {"cork-and-uncork", cork_and_uncork},
    {"oob-last-of-many", oob_last_of_many},
    {"oob-peek", oob_peek},
    {"oob-nothing-wanted", oob_nothing_wanted},
    {"oob-inline", oob_inline},
    {"oob-mark-stops-reading", oob_mark_stops_reading},
    {"oob-fionread", oob_fionread},
    {"oob-select", oob_in_select},
    {"oob-send", oob_send},
    {"oob-send-many", oob_send_many},
    {"oob-then-end", oob_then_end},
    {"oob-twice", oob_twice},
    {NULL, NULL},
};
