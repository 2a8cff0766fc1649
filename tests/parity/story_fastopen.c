/* SPDX-License-Identifier: MIT */
/* MSG_FASTOPEN and TCP_FASTOPEN_CONNECT: connect() and the first write in one. */
#include "tests/parity/parity.h"

static ssize_t fast_send(int fd, const char *text, int port, int flags)
{
	struct sockaddr_in to = addr_of(PEER, port);
	return sendto(fd, text, strlen(text), MSG_FASTOPEN | MSG_NOSIGNAL | flags,
		      (struct sockaddr *)&to, sizeof(to));
}

static void peer_hears(void)
{
	char got[100];
	say("peer accepts", peer_accept());
	say_bytes("peer has", got, peer_recv(got, sizeof(got)));
}

static void peer_answers(int fd)
{
	char got[100];
	say("peer answers", peer_send("answer"));
	say_bytes("read", got, read(fd, got, sizeof(got)));
}

/* The peer gives a cookie with the first connection. */
static void learn_cookie(void)
{
	int fd = tcp();
	say("peer listens", peer_listen_fastopen(PORT));
	say("first", fast_send(fd, "first", PORT, 0));
	peer_hears();
	close(fd);
	say("peer closes", peer_close());
}

static int syn_data(int fd)
{
	struct tcp_info i = {0};
	socklen_t len = sizeof(i);
	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &len);
	return !!(i.tcpi_options & TCPI_OPT_SYN_DATA);
}

static void without_cookie(void)
{
	int fd = tcp();
	say("peer listens", peer_listen(PORT));
	say("send", fast_send(fd, "hello", PORT, 0));
	peer_hears();
	peer_answers(fd);
	say("SYN data", syn_data(fd));
	say("again", fast_send(fd, "hello", PORT, 0));
}

static void with_cookie(void)
{
	learn_cookie();
	int fd = tcp();
	say("send", fast_send(fd, "hello", PORT, 0));
	peer_hears();
	peer_answers(fd);
	say("SYN data", syn_data(fd));
}

static void not_blocking(void)
{
	int fd = tcp();
	say("peer listens", peer_listen(PORT));
	nonblocking(fd);
	say("send", fast_send(fd, "hello", PORT, 0));
	say_mask("then", wait_for(fd, POLLOUT));
	say("SO_ERROR", so_error(fd));
	say("send", send(fd, "hello", 5, 0));
	say("peer accepts", peer_accept());
	say("shutdown", shutdown(fd, SHUT_WR));
	say("peer has", peer_recv_all());
}

static void not_blocking_with_cookie(void)
{
	learn_cookie();
	int fd = tcp();
	nonblocking(fd);
	say("send", fast_send(fd, "hello", PORT, 0));
	say_mask("then", wait_for(fd, POLLOUT));
	say("more", send(fd, " world", 6, 0));
	say("peer accepts", peer_accept());
	say("shutdown", shutdown(fd, SHUT_WR));
	say("peer has", peer_recv_all());
	say("SYN data", syn_data(fd));
}

static void dontwait(void)
{
	learn_cookie();
	int fd = tcp();
	say("send", fast_send(fd, "hello", PORT, MSG_DONTWAIT));
	say_mask("then", wait_for(fd, POLLOUT));
	peer_hears();
}

static void much(void)
{
	static char block[300000];
	struct sockaddr_in to = addr_of(PEER, PORT);
	learn_cookie();
	int fd = tcp();
	say("sendto", sendto(fd, block, 10000, MSG_FASTOPEN, (struct sockaddr *)&to, sizeof(to)));
	say("peer accepts", peer_accept());
	say("write", write(fd, block, 50000));
	say("shutdown", shutdown(fd, SHUT_WR));
	say("peer has", peer_recv_all());
}

static void vector(void)
{
	char a[] = "one ", b[] = "", c[] = "two ", d[] = "three";
	struct sockaddr_in to = addr_of(PEER, PORT);
	struct iovec iov[] = {{a, 4}, {b, 0}, {c, 4}, {d, 5}};
	struct msghdr m = {
	    .msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = iov, .msg_iovlen = 4};
	say("peer listens", peer_listen_fastopen(PORT));
	for (int i = 0; i < 2; i++) {
		int fd = tcp();
		say("sendmsg", sendmsg(fd, &m, MSG_FASTOPEN));
		peer_hears();
		say("SYN data", syn_data(fd));
		say("peer closes", peer_close());
	}
}

static void nothing(void)
{
	learn_cookie();
	int fd = tcp();
	say("send nothing", fast_send(fd, "", PORT, 0));
	say("peer accepts", peer_accept());
	peer_answers(fd);
}

static void refused(void)
{
	int fd = tcp();
	say("send", fast_send(fd, "hello", PORT, 0));
	say("SO_ERROR", so_error(fd));
	fd = tcp();
	nonblocking(fd);
	say("send", fast_send(fd, "hello", PORT, 0));
	say_mask("then", wait_for(fd, POLLERR));
	say("SO_ERROR", so_error(fd));
}

static void arguments(void)
{
	struct sockaddr_in to = addr_of(PEER, PORT);
	const struct sockaddr *addr = (struct sockaddr *)&to;
	int fd = tcp();
	say("no address", sendto(fd, "x", 1, MSG_FASTOPEN, NULL, 0));
	say("short", sendto(fd, "x", 1, MSG_FASTOPEN, addr, 8));
	to.sin_family = AF_INET6;
	say("family", sendto(fd, "x", 1, MSG_FASTOPEN, addr, sizeof(to)));
	to.sin_family = AF_UNSPEC;
	say("unspec", sendto(fd, "x", 1, MSG_FASTOPEN, addr, sizeof(to)));
	say("listener", fast_send(listening(PORT + 1), "x", PORT, 0));
	fd = connected_to_peer();
	say("connected", fast_send(fd, "x", PORT, 0));
	say("connected, no address", sendto(fd, "x", 1, MSG_FASTOPEN, NULL, 0));
}

static void set_connect(int fd, int value)
{
	socklen_t len = sizeof(value);
	say("FASTOPEN_CONNECT",
	    setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &value, sizeof(value)));
	say("get", getsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &value, &len));
	say("value", value);
}

static void connect_option(void)
{
	int fd = tcp();
	set_connect(fd, 1);
	set_connect(fd, 0);
	set_connect(fd, 2);
	set_connect(fd, -1);
	set_connect(listening(PORT + 1), 1);
	set_connect(connected_to_peer(), 1);
}

static void connect_without_cookie(void)
{
	int fd = tcp();
	say("peer listens", peer_listen(PORT));
	set_connect(fd, 1);
	say("connect", try_connect(fd, PEER, PORT));
	say("write", write(fd, "hello", 5));
	peer_hears();
}

static void connect_with_cookie(void)
{
	learn_cookie();
	int fd = tcp();
	set_connect(fd, 1);
	say("connect", try_connect(fd, PEER, PORT));
	say_mask("at once", mask_of(fd, 0));
	say("write", write(fd, "hello", 5));
	peer_hears();
	peer_answers(fd);
	say("SYN data", syn_data(fd));
	say("connect again", try_connect(fd, PEER, PORT));
}

static void connect_nonblocking(void)
{
	learn_cookie();
	int fd = tcp();
	nonblocking(fd);
	set_connect(fd, 1);
	say("connect", try_connect(fd, PEER, PORT));
	say_mask("at once", mask_of(fd, 0));
	say("write", write(fd, "hello", 5));
	peer_hears();
}

/* A socket whose SYN waits for what is written. */
static int deferred(int port)
{
	int fd = tcp(), on = 1;
	say("FASTOPEN_CONNECT", setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof(on)));
	say("connect", try_connect(fd, PEER, port));
	return fd;
}

static void deferred_sendto(void)
{
	learn_cookie();
	int fd = deferred(PORT);
	say("MSG_FASTOPEN", fast_send(fd, "hello", PORT, 0));
	peer_hears();
	peer_answers(fd);
	say("SYN data", syn_data(fd));
	say("again", fast_send(fd, "hello", PORT, 0));
}

/* As much as the SYN takes, and the rest later. */
static void deferred_much(void)
{
	static char block[10000];
	learn_cookie();
	int fd = deferred(PORT);
	nonblocking(fd);
	ssize_t n = write(fd, block, sizeof(block));
	say("in part", n > 500 && n < 1500);
	say_mask("then", wait_for(fd, POLLOUT));
	say("more", write(fd, block, 100));
	say("peer accepts", peer_accept());
	say("shutdown", shutdown(fd, SHUT_WR));
	say("peer has all", peer_recv_all() == n + 100);
	fd = deferred(PORT);
	say("blocking", write(fd, block, sizeof(block)));
	say("peer accepts", peer_accept());
	say("shutdown", shutdown(fd, SHUT_WR));
	say("peer has", peer_recv_all());
}

static void deferred_vector(void)
{
	char a[] = "one ", b[] = "two";
	struct iovec iov[] = {{a, 4}, {b, 3}};
	learn_cookie();
	int fd = deferred(PORT);
	say("writev", writev(fd, iov, 2));
	peer_hears();
	say("SYN data", syn_data(fd));
}

static void deferred_nothing(void)
{
	learn_cookie();
	int fd = deferred(PORT);
	nonblocking(fd);
	say("read", read(fd, &fd, 1));
	say("send nothing", send(fd, "", 0, 0));
	say_mask("then", wait_for(fd, POLLOUT));
	say("peer accepts", peer_accept());
	say("send", send(fd, "hello", 5, 0));
	say("SYN data", syn_data(fd));
}

static void deferred_refused(void)
{
	learn_cookie();
	int fd = deferred(PORT + 1); /* where nobody listens */
	say("write", write(fd, "hello", 5));
	say("SO_ERROR", so_error(fd));
	fd = deferred(PORT + 1);
	nonblocking(fd);
	say("write", write(fd, "hello", 5));
	say_mask("then", wait_for(fd, POLLERR));
	say("write", write(fd, "hello", 5));
}

/* A cookie that one story has learnt the next ones have too: those that want none come first. */
const struct story fastopen_stories[] = {
    {"fastopen-without-cookie", without_cookie},
    {"fastopen-nonblocking", not_blocking},
    {"fastopen-refused", refused},
    {"fastopen-arguments", arguments},
    {"fastopen-connect-option", connect_option},
    {"fastopen-connect-without-cookie", connect_without_cookie},
    {"fastopen-with-cookie", with_cookie},
    {"fastopen-nonblocking-with-cookie", not_blocking_with_cookie},
    {"fastopen-dontwait", dontwait},
    {"fastopen-much", much},
    {"fastopen-vector", vector},
    {"fastopen-nothing", nothing},
    {"fastopen-connect-with-cookie", connect_with_cookie},
    {"fastopen-connect-nonblocking", connect_nonblocking},
    {"fastopen-deferred-sendto", deferred_sendto},
    {"fastopen-deferred-much", deferred_much},
    {"fastopen-deferred-vector", deferred_vector},
    {"fastopen-deferred-nothing", deferred_nothing},
    {"fastopen-deferred-refused", deferred_refused},
    {NULL, NULL},
};
