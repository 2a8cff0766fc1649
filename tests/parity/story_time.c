/* SPDX-License-Identifier: MIT */
/* Time limits, SO_LINGER, and what ends a connection: the errors, each told once. */
#include "tests/parity/parity.h"

#include <sys/time.h>

static char buf[65536];

static void limit(int fd, int name, int ms)
{
	struct timeval tv = {ms / 1000, ms % 1000 * 1000};
	say("limit", setsockopt(fd, SOL_SOCKET, name, &tv, sizeof(tv)));
}

static void say_limit(const char *what, int fd, int name)
{
	struct timeval tv = {-7, -7};
	socklen_t len = sizeof(tv);
	int rc = getsockopt(fd, SOL_SOCKET, name, &tv, &len);
	printf("%s: %d %ld.%06ld length %u\n", what, rc, (long)tv.tv_sec, (long)tv.tv_usec, len);
}

static void limits_on_receiving(void)
{
	struct iovec v = {buf, 8};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
	struct mmsghdr mm = {.msg_hdr = m};
	struct pair p = accepted();
	limit(p.fd, SO_RCVTIMEO, 40);
	say("read", read(p.fd, buf, 8));
	say("readv", readv(p.fd, &v, 1));
	say("recv", recv(p.fd, buf, 8, 0));
	say("peek", recv(p.fd, buf, 8, MSG_PEEK));
	say("trunc", recv(p.fd, buf, 8, MSG_TRUNC));
	say("recvmsg", recvmsg(p.fd, &m, 0));
	say("recvmmsg", recvmmsg(p.fd, &mm, 1, 0, NULL));
}

static void limit_on_waitall(void)
{
	struct pair p = accepted();
	limit(p.fd, SO_RCVTIMEO, 40);
	peer_send("abc");
	wait_for(p.fd, POLLIN);
	say_bytes("waitall", buf, recv(p.fd, buf, 8, MSG_WAITALL));
	say("nothing left", recv(p.fd, buf, 8, MSG_WAITALL));
}

static void limit_on_sending(void)
{
	struct pair p = accepted();
	limit(p.fd, SO_SNDTIMEO, 40);
	ssize_t n;
	while ((n = write(p.fd, buf, sizeof(buf))) > 0)
		;
	say("write", n);
	say("send", send(p.fd, buf, sizeof(buf), 0) > 0 ? 0 : -1);
}

static void limits_get_and_set(void)
{
	int fd = tcp();
	say_limit("at first", fd, SO_RCVTIMEO);
	limit(fd, SO_RCVTIMEO, 1500);
	say_limit("1.5 s", fd, SO_RCVTIMEO);
	limit(fd, SO_SNDTIMEO, 0);
	say_limit("none", fd, SO_SNDTIMEO);
	struct timeval negative = {-1, 0}, odd = {0, 1000000};
	say("negative", setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &negative, sizeof(negative)));
	say_limit("negative", fd, SO_RCVTIMEO);
	say("odd", setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &odd, sizeof(odd)));
	say("short", setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &odd, 8));
}

static void limits_are_inherited(void)
{
	int l = listening(PORT);
	limit(l, SO_RCVTIMEO, 2500);
	limit(l, SO_SNDTIMEO, 3500);
	peer_connect(PORT);
	int fd = accept(l, NULL, NULL);
	say_limit("receiving", fd, SO_RCVTIMEO);
	say_limit("sending", fd, SO_SNDTIMEO);
}

static void other_options_are_inherited(void)
{
	int v = 3, l = listening(PORT);
	struct linger g = {1, 7};
	socklen_t len = sizeof(g);
	setsockopt(l, SOL_SOCKET, SO_RCVLOWAT, &v, sizeof(v));
	setsockopt(l, SOL_SOCKET, SO_OOBINLINE, &v, sizeof(v));
	setsockopt(l, SOL_SOCKET, SO_BROADCAST, &v, sizeof(v));
	setsockopt(l, SOL_SOCKET, SO_LINGER, &g, sizeof(g));
	peer_connect(PORT);
	int fd = accept(l, NULL, NULL);
	memset(&g, 0, sizeof(g));
	getsockopt(fd, SOL_SOCKET, SO_LINGER, &g, &len);
	printf("linger %d %d\n", g.l_onoff, g.l_linger);
	const int names[] = {SO_RCVLOWAT, SO_OOBINLINE, SO_BROADCAST};
	for (int i = 0; i < 3; i++) {
		len = sizeof(v);
		getsockopt(fd, SOL_SOCKET, names[i], &v, &len);
		say("value", v);
	}
}

static void linger_set(int fd, int on, int seconds)
{
	struct linger l = {on, seconds};
	say("linger", setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)));
}

static void linger_waits_for_the_end(void)
{
	int n = -1;
	struct pair p = accepted();
	int other = dup(p.fd);
	linger_set(p.fd, 1, 5);
	say("write", write(p.fd, "last words", 10));
	close(other);
	say("close", close(p.fd));
	n = peer_recv(buf, 64);
	say_bytes("peer", buf, n);
	say("EOF", peer_recv(buf, 64));
}

static void linger_zero_after_shutdown(void)
{
	struct pair p = accepted();
	linger_set(p.fd, 1, 0);
	say("shutdown", shutdown(p.fd, SHUT_WR));
	say("EOF, not reset", peer_recv(buf, 64));
	close(p.fd);
	int rc = peer_recv(buf, 64);
	printf("then: %s\n", rc < 0 ? strerrorname_np(-rc) : "EOF");
}

static void linger_zero_with_unsent(void)
{
	struct pair p = accepted();
	linger_set(p.fd, 1, 0);
	say("write", write(p.fd, "abc", 3));
	close(p.fd);
	int n;
	while ((n = peer_recv(buf, 64)) > 0)
		;
	printf("in the end: %s\n", n < 0 ? strerrorname_np(-n) : "EOF");
}

static void linger_values(void)
{
	struct linger l = {7, -1};
	socklen_t len = sizeof(l);
	int fd = tcp();
	say("negative", setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)));
	getsockopt(fd, SOL_SOCKET, SO_LINGER, &l, &len);
	printf("on %d, long: %d\n", l.l_onoff, l.l_linger > 1000000);
	linger_set(fd, 0, 9);
	getsockopt(fd, SOL_SOCKET, SO_LINGER, &l, &len);
	say("on", l.l_onoff);
}

static void user_timeout_of_a_connect(void)
{
	int ms = 500, fd = tcp();
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
	say("connect", try_connect(fd, SILENT, PORT));
	say("SO_ERROR", so_error(fd));
}

static void one_syn_alone(void)
{
	int one = 1, fd = tcp();
	say("set", setsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &one, sizeof(one)));
	say("connect", try_connect(fd, SILENT, PORT));
}

static void unreachable_is_told_once(void)
{
	int fd = tcp();
	nonblocking(fd);
	say("connect", try_connect(fd, "10.77.0.79", PORT));
	say_mask("mask", wait_for(fd, POLLOUT));
	say("SO_ERROR", so_error(fd));
	say("SO_ERROR", so_error(fd));
	say("read", read(fd, buf, 1));
	say("write", send(fd, buf, 1, MSG_NOSIGNAL));
}

static void reset_is_told_once_to_whoever_asks(void)
{
	struct pair p = accepted();
	int d = dup(p.fd);
	peer_reset();
	wait_for_bits(p.fd, POLLHUP, 5000);
	say("write", send(d, "x", 1, MSG_NOSIGNAL));
	say("read", read(p.fd, buf, 1));
	say("SO_ERROR", so_error(d));
	say("write", send(p.fd, "x", 1, MSG_NOSIGNAL));
}

static void reset_after_data_is_read(void)
{
	struct pair p = accepted();
	peer_send("abc");
	wait_for(p.fd, POLLIN);
	peer_reset();
	wait_for_bits(p.fd, POLLHUP, 5000);
	say_bytes("read", buf, read(p.fd, buf, 64));
	say("read", read(p.fd, buf, 64));
	say("read", read(p.fd, buf, 64));
}

static void reset_by_unread_bytes(void)
{
	struct pair p = accepted();
	write(p.fd, "unread", 6);
	int n = -1;
	for (int ms = 0; ms < 5000 && n != 0; ms++) {
		ioctl(p.fd, TIOCOUTQ, &n);
		poll(NULL, 0, 1);
	}
	peer_close();
	wait_for_bits(p.fd, POLLHUP, 5000);
	say("read", read(p.fd, buf, 64));
	say("read", read(p.fd, buf, 64));
}

static void keepalive_finds_nothing_wrong(void)
{
	int one = 1, v;
	socklen_t len = sizeof(v);
	struct pair p = accepted();
	setsockopt(p.fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	setsockopt(p.fd, IPPROTO_TCP, TCP_KEEPIDLE, &one, sizeof(one));
	setsockopt(p.fd, IPPROTO_TCP, TCP_KEEPINTVL, &one, sizeof(one));
	setsockopt(p.fd, IPPROTO_TCP, TCP_KEEPCNT, &one, sizeof(one));
	say("nothing for two seconds", poll(&(struct pollfd){p.fd, POLLIN, 0}, 1, 2200));
	say("get", getsockopt(p.fd, SOL_SOCKET, SO_KEEPALIVE, &v, &len));
	say("write", write(p.fd, "x", 1));
	say("peer", peer_recv(buf, 64));
}

const struct story time_stories[] = {
    {"limit-receiving", limits_on_receiving},
    {"limit-waitall", limit_on_waitall},
    {"limit-sending", limit_on_sending},
    {"limit-get-set", limits_get_and_set},
    {"limit-inherited", limits_are_inherited},
    {"options-inherited", other_options_are_inherited},
    {"linger-waits", linger_waits_for_the_end},
    {"linger-zero-after-shutdown", linger_zero_after_shutdown},
    {"linger-zero-with-unsent", linger_zero_with_unsent},
    {"linger-values", linger_values},
    {"user-timeout-connect", user_timeout_of_a_connect},
    {"syncnt-connect", one_syn_alone},
    {"error-unreachable-once", unreachable_is_told_once},
    {"error-reset-once", reset_is_told_once_to_whoever_asks},
    {"error-reset-after-data", reset_after_data_is_read},
    {"error-reset-by-unread", reset_by_unread_bytes},
    {"keepalive-quiet", keepalive_finds_nothing_wrong},
    {NULL, NULL},
};
