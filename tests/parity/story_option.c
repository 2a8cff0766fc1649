/* SPDX-License-Identifier: MIT */
/* getsockopt() and setsockopt(). */
#include "tests/parity/parity.h"

static void get(const char *what, int fd, int level, int name)
{
	int v = -77;
	socklen_t len = sizeof(v);
	int rc = getsockopt(fd, level, name, &v, &len);
	if (rc < 0)
		say(what, rc);
	else
		printf("%s: %d length %u\n", what, v, len);
}

static void set(const char *what, int fd, int level, int name, int v)
{
	say(what, setsockopt(fd, level, name, &v, sizeof(v)));
	get(what, fd, level, name);
}

static void defaults_of(int fd)
{
	get("SO_TYPE", fd, SOL_SOCKET, SO_TYPE);
	get("SO_DOMAIN", fd, SOL_SOCKET, SO_DOMAIN);
	get("SO_PROTOCOL", fd, SOL_SOCKET, SO_PROTOCOL);
	get("SO_ACCEPTCONN", fd, SOL_SOCKET, SO_ACCEPTCONN);
	get("SO_ERROR", fd, SOL_SOCKET, SO_ERROR);
	get("SO_REUSEADDR", fd, SOL_SOCKET, SO_REUSEADDR);
	get("SO_REUSEPORT", fd, SOL_SOCKET, SO_REUSEPORT);
	get("SO_KEEPALIVE", fd, SOL_SOCKET, SO_KEEPALIVE);
	get("SO_OOBINLINE", fd, SOL_SOCKET, SO_OOBINLINE);
	get("SO_RCVLOWAT", fd, SOL_SOCKET, SO_RCVLOWAT);
	get("SO_BROADCAST", fd, SOL_SOCKET, SO_BROADCAST);
	get("SO_DONTROUTE", fd, SOL_SOCKET, SO_DONTROUTE);
	get("SO_PRIORITY", fd, SOL_SOCKET, SO_PRIORITY);
	get("TCP_NODELAY", fd, IPPROTO_TCP, TCP_NODELAY);
	get("TCP_CORK", fd, IPPROTO_TCP, TCP_CORK);
	get("TCP_KEEPIDLE", fd, IPPROTO_TCP, TCP_KEEPIDLE);
	get("TCP_KEEPINTVL", fd, IPPROTO_TCP, TCP_KEEPINTVL);
	get("TCP_KEEPCNT", fd, IPPROTO_TCP, TCP_KEEPCNT);
	get("TCP_SYNCNT", fd, IPPROTO_TCP, TCP_SYNCNT);
	get("TCP_LINGER2", fd, IPPROTO_TCP, TCP_LINGER2);
	get("TCP_DEFER_ACCEPT", fd, IPPROTO_TCP, TCP_DEFER_ACCEPT);
	get("TCP_USER_TIMEOUT", fd, IPPROTO_TCP, TCP_USER_TIMEOUT);
	get("IP_TOS", fd, IPPROTO_IP, IP_TOS);
	get("IP_TTL", fd, IPPROTO_IP, IP_TTL);
}

static void option_defaults(void)
{
	defaults_of(tcp());
}

static void option_defaults_listener(void)
{
	defaults_of(listening(PORT));
}

static void option_defaults_accepted(void)
{
	defaults_of(accepted().fd);
}

static void option_flags(void)
{
	int fd = tcp();
	set("SO_REUSEADDR", fd, SOL_SOCKET, SO_REUSEADDR, 1);
	set("SO_REUSEADDR 5", fd, SOL_SOCKET, SO_REUSEADDR, 5);
	set("SO_REUSEPORT", fd, SOL_SOCKET, SO_REUSEPORT, 1);
	set("SO_KEEPALIVE", fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set("SO_OOBINLINE", fd, SOL_SOCKET, SO_OOBINLINE, 1);
	set("TCP_NODELAY", fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set("TCP_NODELAY 0", fd, IPPROTO_TCP, TCP_NODELAY, 0);
	set("TCP_CORK", fd, IPPROTO_TCP, TCP_CORK, 1);
	set("TCP_QUICKACK", fd, IPPROTO_TCP, TCP_QUICKACK, 0);
}

static void option_keepalive(void)
{
	int fd = tcp();
	set("idle", fd, IPPROTO_TCP, TCP_KEEPIDLE, 30);
	set("idle 0", fd, IPPROTO_TCP, TCP_KEEPIDLE, 0);
	set("idle 40000", fd, IPPROTO_TCP, TCP_KEEPIDLE, 40000);
	set("intvl", fd, IPPROTO_TCP, TCP_KEEPINTVL, 5);
	set("intvl 0", fd, IPPROTO_TCP, TCP_KEEPINTVL, 0);
	set("cnt", fd, IPPROTO_TCP, TCP_KEEPCNT, 4);
	set("cnt 200", fd, IPPROTO_TCP, TCP_KEEPCNT, 200);
}

static void option_ranges(void)
{
	int fd = tcp();
	set("MAXSEG 1000", fd, IPPROTO_TCP, TCP_MAXSEG, 1000);
	set("MAXSEG 10", fd, IPPROTO_TCP, TCP_MAXSEG, 10);
	set("MAXSEG 100000", fd, IPPROTO_TCP, TCP_MAXSEG, 100000);
	set("SYNCNT 3", fd, IPPROTO_TCP, TCP_SYNCNT, 3);
	set("SYNCNT 0", fd, IPPROTO_TCP, TCP_SYNCNT, 0);
	set("SYNCNT 500", fd, IPPROTO_TCP, TCP_SYNCNT, 500);
	set("USER_TIMEOUT", fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 5000);
	set("USER_TIMEOUT -1", fd, IPPROTO_TCP, TCP_USER_TIMEOUT, -1);
	set("DEFER_ACCEPT 10", fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, 10);
	set("LINGER2 10", fd, IPPROTO_TCP, TCP_LINGER2, 10);
	set("LINGER2 -1", fd, IPPROTO_TCP, TCP_LINGER2, -1);
	set("IP_TOS", fd, IPPROTO_IP, IP_TOS, 0x10);
	set("IP_TTL 5", fd, IPPROTO_IP, IP_TTL, 5);
	set("IP_TTL 0", fd, IPPROTO_IP, IP_TTL, 0);
	set("IP_TTL 300", fd, IPPROTO_IP, IP_TTL, 300);
	set("IP_TTL -1", fd, IPPROTO_IP, IP_TTL, -1);
}

static void option_path(void)
{
	int fd = tcp();
	get("MTU_DISCOVER", fd, IPPROTO_IP, IP_MTU_DISCOVER);
	set("MTU_DISCOVER DONT", fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
	set("MTU_DISCOVER DO", fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
	set("MTU_DISCOVER OMIT", fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
	set("MTU_DISCOVER 6", fd, IPPROTO_IP, IP_MTU_DISCOVER, 6);
	set("MTU_DISCOVER -1", fd, IPPROTO_IP, IP_MTU_DISCOVER, -1);
	get("MTU unconnected", fd, IPPROTO_IP, IP_MTU);
	get("MTU", accepted().fd, IPPROTO_IP, IP_MTU);
	get("RECVERR", fd, IPPROTO_IP, IP_RECVERR);
}

static void option_unsent(void)
{
	int fd = tcp();
	get("NOTSENT_LOWAT", fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT);
	set("NOTSENT_LOWAT 16384", fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 16384);
	set("NOTSENT_LOWAT -1", fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, -1);
	set("NOTSENT_LOWAT 1", fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 1);
	get("THIN_LINEAR", fd, IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS);
	set("THIN_LINEAR 1", fd, IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, 1);
	set("THIN_LINEAR 2", fd, IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, 2);
}

/* A stream of any length gets through a socket that takes no more than a little at a time. */
static void option_unsent_stream(void)
{
	int fd = connected_to_peer();
	char block[5000] = {0}, back[100];
	set("NOTSENT_LOWAT 1", fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 1);
	long total = 0;
	for (int i = 0; i < 20; i++)
		total += write(fd, block, sizeof(block));
	say("written", total);
	say("shutdown", shutdown(fd, SHUT_WR));
	say("the peer has", peer_recv_all());
	say("peer sends", peer_send("done"));
	say_bytes("read", back, read(fd, back, sizeof(back)));
}

static void option_fastopen_listener(void)
{
	int fd = tcp();
	char key[40];
	socklen_t len = 8;
	get("FASTOPEN", fd, IPPROTO_TCP, TCP_FASTOPEN);
	set("FASTOPEN 5", fd, IPPROTO_TCP, TCP_FASTOPEN, 5);
	set("FASTOPEN -1", fd, IPPROTO_TCP, TCP_FASTOPEN, -1);
	set("FASTOPEN 0", fd, IPPROTO_TCP, TCP_FASTOPEN, 0);
	set("NO_COOKIE 1", fd, IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, 1);
	set("NO_COOKIE 2", fd, IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, 2);
	say("KEY short", setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_KEY, "0123", 4));
	say("KEY one", setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_KEY, "0123456789abcdef", 16));
	say("KEY get 8", getsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_KEY, key, &len));
	say_bytes("KEY", key, len);
	say("KEY two",
	    setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_KEY, "0123456789abcdefghijklmnopqrstuv", 32));
	len = sizeof(key);
	say("KEY get", getsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_KEY, key, &len));
	say_bytes("KEY", key, len);
	set("FASTOPEN on a connection", accepted().fd, IPPROTO_TCP, TCP_FASTOPEN, 5);
}

static void option_buffers(void)
{
	int fd = tcp();
	set("SNDBUF 20000", fd, SOL_SOCKET, SO_SNDBUF, 20000);
	set("SNDBUF 1", fd, SOL_SOCKET, SO_SNDBUF, 1);
	set("RCVBUF 20000", fd, SOL_SOCKET, SO_RCVBUF, 20000);
	set("RCVBUF 1", fd, SOL_SOCKET, SO_RCVBUF, 1);
}

static void option_unknown(void)
{
	int fd = tcp();
	set("SOL_SOCKET 9999", fd, SOL_SOCKET, 9999, 1);
	set("IPPROTO_TCP 9999", fd, IPPROTO_TCP, 9999, 1);
	set("IPPROTO_IP 9999", fd, IPPROTO_IP, 9999, 1);
	set("level 9999", fd, 9999, 1, 1);
	set("IPV6", fd, IPPROTO_IPV6, 26, 1);
	set("SO_TYPE", fd, SOL_SOCKET, SO_TYPE, 1);
	set("SO_ERROR", fd, SOL_SOCKET, SO_ERROR, 1);
	set("SO_ACCEPTCONN", fd, SOL_SOCKET, SO_ACCEPTCONN, 1);
}

static void option_lengths(void)
{
	int fd = tcp(), v = 1;
	socklen_t len = 0;
	say("set short", setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &v, 1));
	say("set zero", setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &v, 0));
	say("set NULL", setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, NULL, 4));
	say("get zero", getsockopt(fd, SOL_SOCKET, SO_TYPE, &v, &len));
	say("length", len);
	len = 2;
	say("get two", getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &v, &len));
	say("length", len);
	len = 100;
	int big[25];
	say("get hundred", getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, big, &len));
	say("length", len);
	len = (socklen_t)-1;
	say("get negative", getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &v, &len));
	say("get NULL length", getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &v, NULL));
	say("bad fd", setsockopt(999, IPPROTO_TCP, TCP_NODELAY, &v, 4));
	say("not a socket", setsockopt(0, IPPROTO_TCP, TCP_NODELAY, &v, 4));
}

static void option_linger(void)
{
	int fd = tcp();
	struct linger l = {1, 5};
	socklen_t len = sizeof(l);
	say("set", setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)));
	memset(&l, 0, sizeof(l));
	say("get", getsockopt(fd, SOL_SOCKET, SO_LINGER, &l, &len));
	say("onoff", l.l_onoff);
	say("seconds", l.l_linger);
	say("short", setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, 4));
}

static void option_congestion(void)
{
	char name[16] = "";
	socklen_t len = sizeof(name);
	int fd = tcp();
	say("reno", setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4));
	say("get", getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len));
	say_bytes("name", name, (ssize_t)strlen(name));
	say("cubic", setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5));
	say("nonesuch", setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "nonesuch", 8));
	say("empty", setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "", 0));
}

static void pacing_rate(const char *what, int fd)
{
	uint64_t wide = 0;
	uint32_t narrow = 0;
	socklen_t len = sizeof(wide);
	say(what, getsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &wide, &len));
	say("bytes", len);
	say_bytes("rate", &wide, sizeof(wide));
	len = sizeof(narrow);
	say("narrow", getsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &narrow, &len));
	say_bytes("rate", &narrow, len);
}

static void option_pacing(void)
{
	int fd = tcp();
	uint64_t wide = 10000000000;
	uint32_t narrow = 1000000;
	pacing_rate("default", fd);
	say("set", setsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &narrow, sizeof(narrow)));
	pacing_rate("narrow", fd);
	say("set", setsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &wide, sizeof(wide)));
	pacing_rate("wide", fd);
	narrow = UINT32_MAX;
	say("set", setsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &narrow, sizeof(narrow)));
	pacing_rate("none", fd);
	say("short", setsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &narrow, 2));

	int l = listening(PORT);
	say("set", setsockopt(l, SOL_SOCKET, SO_MAX_PACING_RATE, &wide, sizeof(wide)));
	peer_connect(PORT);
	pacing_rate("inherited", accept(l, NULL, NULL));
}

static void option_inherited(void)
{
	int l = listening(PORT);
	set("KEEPALIVE", l, SOL_SOCKET, SO_KEEPALIVE, 1);
	set("NODELAY", l, IPPROTO_TCP, TCP_NODELAY, 1);
	set("KEEPIDLE", l, IPPROTO_TCP, TCP_KEEPIDLE, 99);
	set("TOS", l, IPPROTO_IP, IP_TOS, 0x08);
	peer_connect(PORT);
	int fd = accept(l, NULL, NULL);
	get("KEEPALIVE", fd, SOL_SOCKET, SO_KEEPALIVE);
	get("NODELAY", fd, IPPROTO_TCP, TCP_NODELAY);
	get("KEEPIDLE", fd, IPPROTO_TCP, TCP_KEEPIDLE);
	get("TOS", fd, IPPROTO_IP, IP_TOS);
	get("REUSEADDR", fd, SOL_SOCKET, SO_REUSEADDR);
}

/* Options of a connection that is being made, until it is given up or made. */
static void set_while_connecting(int fd, const char *to)
{
	nonblocking(fd);
	try_connect(fd, to, PORT + 1);
	set("NODELAY", fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set("KEEPIDLE", fd, IPPROTO_TCP, TCP_KEEPIDLE, 99);
	set("KEEPIDLE 0", fd, IPPROTO_TCP, TCP_KEEPIDLE, 0);
	set("SNDBUF", fd, SOL_SOCKET, SO_SNDBUF, 20000);
	set("9999", fd, IPPROTO_TCP, 9999, 1);
	set("SYNCNT", fd, IPPROTO_TCP, TCP_SYNCNT, 2);
	set("TOS", fd, IPPROTO_IP, IP_TOS, 0x10);
}

static void they_are_kept(int fd)
{
	get("NODELAY", fd, IPPROTO_TCP, TCP_NODELAY);
	get("KEEPIDLE", fd, IPPROTO_TCP, TCP_KEEPIDLE);
	get("SNDBUF", fd, SOL_SOCKET, SO_SNDBUF);
	get("SYNCNT", fd, IPPROTO_TCP, TCP_SYNCNT);
	get("TOS", fd, IPPROTO_IP, IP_TOS);
}

static void option_connecting(void)
{
	int fd = tcp();
	char got[100];
	set("REUSEADDR", fd, SOL_SOCKET, SO_REUSEADDR, 1);
	set_while_connecting(fd, SILENT);
	set("MAXSEG", fd, IPPROTO_TCP, TCP_MAXSEG, 1000);
	set("FASTOPEN_CONNECT", fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1);
	say_mask("poll", mask_of(fd, 0));
	say("shutdown", shutdown(fd, SHUT_RDWR));
	they_are_kept(fd);
	fd = tcp();
	set_while_connecting(fd, PEER); /* nobody listens */
	say("error", so_error(fd));
	they_are_kept(fd);
	fd = tcp();
	say("listen", peer_listen(PORT + 1));
	set("LINGER2", fd, IPPROTO_TCP, TCP_LINGER2, 5);
	set_while_connecting(fd, PEER);
	say("accept", peer_accept());
	wait_for(fd, POLLOUT);
	they_are_kept(fd);
	say("write", write(fd, "hello", 5));
	say_bytes("the peer has", got, peer_recv(got, sizeof(got)));
}

/* Any number of them, whatever they are, in front of what they are for. */
static void option_fresh(void)
{
	int fd = tcp(), l = tcp(), on = 1;
	char got[100];
	set("UNSENT", fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 1); /* with little room for them */
	for (int i = 1; i <= 300; i++) {
		setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &i, sizeof(i));
		setsockopt(l, IPPROTO_TCP, TCP_USER_TIMEOUT, &i, sizeof(i));
	}
	get("USER_TIMEOUT", fd, IPPROTO_TCP, TCP_USER_TIMEOUT);
	say("peer listens", peer_listen(PORT + 1));
	for (int i = 0; i < 30; i++)
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	nonblocking(fd);
	say("connect", try_connect(fd, PEER, PORT + 1));
	say("accept", peer_accept());
	wait_for(fd, POLLOUT);
	get("KEEPALIVE", fd, SOL_SOCKET, SO_KEEPALIVE);
	get("USER_TIMEOUT", fd, IPPROTO_TCP, TCP_USER_TIMEOUT);
	say("write", write(fd, "hello", 5));
	say_bytes("the peer has", got, peer_recv(got, sizeof(got)));
	setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	say("bind", try_bind(l, ME, PORT));
	setsockopt(l, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	say("listen", listen(l, 4));
	get("USER_TIMEOUT", l, IPPROTO_TCP, TCP_USER_TIMEOUT);
	say_mask("poll", mask_of(l, 0));
	say("connect", peer_connect(PORT));
	get("KEEPALIVE", accept(l, NULL, NULL), SOL_SOCKET, SO_KEEPALIVE);
}

/* IP_TOS sets it, too. */
static void option_priority(void)
{
	static const int tos[] = {0x02, 0x04, 0x08, 0x10, 0x18, 0xb8, 0xff, -1, 0x100, 0};
	int fd = tcp();
	for (unsigned i = 0; i < sizeof(tos) / sizeof(tos[0]); i++) {
		set("TOS", fd, IPPROTO_IP, IP_TOS, tos[i]);
		get("PRIORITY", fd, SOL_SOCKET, SO_PRIORITY);
	}
	set("PRIORITY", fd, SOL_SOCKET, SO_PRIORITY, 3);
	say("short", setsockopt(fd, IPPROTO_IP, IP_TOS, "\x10", 1));
	get("PRIORITY", fd, SOL_SOCKET, SO_PRIORITY);
	int l = listening(PORT);
	set("TOS", l, IPPROTO_IP, IP_TOS, 0x10);
	peer_connect(PORT);
	get("inherited", accept(l, NULL, NULL), SOL_SOCKET, SO_PRIORITY);
	set("PRIORITY", l, SOL_SOCKET, SO_PRIORITY, 3);
	peer_connect(PORT);
	get("inherited", accept(l, NULL, NULL), SOL_SOCKET, SO_PRIORITY);
}

static void tcp_info_of(const char *what, int fd)
{
	struct tcp_info i;
	socklen_t len = sizeof(i);
	memset(&i, 0, sizeof(i));
	say(what, getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &len));
	say("state", i.tcpi_state);
	say("retransmits", i.tcpi_retransmits);
	say("unacked", i.tcpi_state == TCP_LISTEN ? 0 : i.tcpi_unacked);
	say("options", i.tcpi_options & (TCPI_OPT_TIMESTAMPS | TCPI_OPT_SACK | TCPI_OPT_WSCALE));
}

static void option_tcp_info(void)
{
	char c;
	struct pair p = accepted();
	tcp_info_of("fresh", tcp());
	tcp_info_of("listener", p.listener);
	tcp_info_of("established", p.fd);
	peer_shutdown(SHUT_WR);
	read(p.fd, &c, 1);
	tcp_info_of("close wait", p.fd);
}

/* Both directions are at an end, and the descriptor is still there to be asked. */
static void all_of(int fd)
{
	struct linger l = {0, 0};
	socklen_t len = sizeof(l);
	struct tcp_info i;
	char name[16] = "";
	defaults_of(fd);
	get("SO_SNDBUF", fd, SOL_SOCKET, SO_SNDBUF);
	get("TCP_MAXSEG", fd, IPPROTO_TCP, TCP_MAXSEG);
	get("TCP_NOTSENT_LOWAT", fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT);
	get("IP_MTU_DISCOVER", fd, IPPROTO_IP, IP_MTU_DISCOVER);
	get("unknown", fd, IPPROTO_TCP, 9999);
	say("SO_LINGER", getsockopt(fd, SOL_SOCKET, SO_LINGER, &l, &len));
	say("seconds", l.l_linger);
	len = sizeof(name);
	say("TCP_CONGESTION", getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len));
	say_bytes("name", name, (ssize_t)strlen(name));
	pacing_rate("rate", fd);
	len = sizeof(i);
	say("TCP_INFO", getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &len));
	say("state", i.tcpi_state);
}

static void set_some(int fd)
{
	struct linger l = {1, 3};
	uint64_t rate = 5000000;
	set("NODELAY", fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set("KEEPCNT", fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
	set("KEEPIDLE", fd, IPPROTO_TCP, TCP_KEEPIDLE, 77);
	set("USER_TIMEOUT", fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 7777);
	set("SNDBUF", fd, SOL_SOCKET, SO_SNDBUF, 30000);
	set("RCVBUF", fd, SOL_SOCKET, SO_RCVBUF, 30000);
	set("TOS", fd, IPPROTO_IP, IP_TOS, 0x10);
	set("TTL", fd, IPPROTO_IP, IP_TTL, 33);
	set("LINGER2", fd, IPPROTO_TCP, TCP_LINGER2, 7);
	say("reno", setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4));
	say("linger", setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)));
	say("rate", setsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, sizeof(rate)));
}

static void set_others(int fd)
{
	struct linger l = {0, 0};
	set("NODELAY", fd, IPPROTO_TCP, TCP_NODELAY, 0);
	set("KEEPCNT", fd, IPPROTO_TCP, TCP_KEEPCNT, 5);
	set("KEEPCNT 0", fd, IPPROTO_TCP, TCP_KEEPCNT, 0);
	set("unknown", fd, IPPROTO_TCP, 9999, 1);
	set("SYNCNT", fd, IPPROTO_TCP, TCP_SYNCNT, 4);
	set("KEEPALIVE", fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	say("linger", setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)));
}

static void closed_by_peer_first(int fd)
{
	peer_close();
	wait_for(fd, POLLRDHUP);
	say("shutdown", shutdown(fd, SHUT_WR));
	wait_for_bits(fd, POLLHUP, 5000);
	settle(fd);
}

static void option_after_the_end(void)
{
	struct pair p = accepted();
	set_some(p.fd);
	closed_by_peer_first(p.fd);
	all_of(p.fd);
	set_others(p.fd);
	all_of(p.fd);
}

static void option_after_the_end_plain(void)
{
	int fd = connected_to_peer();
	closed_by_peer_first(fd);
	defaults_of(fd);
	get("TCP_MAXSEG", fd, IPPROTO_TCP, TCP_MAXSEG);
	get("TCP_NOTSENT_LOWAT", fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT);
	get("unknown", fd, IPPROTO_TCP, 9999);
	set("unknown", fd, IPPROTO_IP, 9999, 1);
	set("MAXSEG", fd, IPPROTO_TCP, TCP_MAXSEG, 700);
	set("NODELAY", fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

static void until_closed(int fd)
{
	struct tcp_info i = {0};
	socklen_t len = sizeof(i);
	for (int ms = 0; ms < 5000 && i.tcpi_state != TCP_CLOSE; ms++) {
		poll(NULL, 0, 1);
		getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &len);
	}
}

static void option_after_own_end(void)
{
	int fd = connected_to_peer();
	set_some(fd);
	say("shutdown", shutdown(fd, SHUT_RDWR));
	settle(fd);
	all_of(fd);
	say("peer", peer_close());
	until_closed(fd);
	set_others(fd);
	all_of(fd);
}

/* What was set holds for the next connection of the same descriptor. */
static void option_of_the_next_connection(void)
{
	struct pair p = accepted();
	set_some(p.fd);
	closed_by_peer_first(p.fd);
	set("KEEPCNT", p.fd, IPPROTO_TCP, TCP_KEEPCNT, 6);
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	say("connected yet", try_connect(p.fd, PEER, PORT + 1));
	say("no more", connect(p.fd, &none, sizeof(none)));
	get("TCP_NODELAY", p.fd, IPPROTO_TCP, TCP_NODELAY);
	say("listen", peer_listen(PORT + 1));
	say("connect", try_connect(p.fd, PEER, PORT + 1));
	say("accept", peer_accept());
	get("TCP_NODELAY", p.fd, IPPROTO_TCP, TCP_NODELAY);
	get("TCP_KEEPIDLE", p.fd, IPPROTO_TCP, TCP_KEEPIDLE);
	get("TCP_KEEPCNT", p.fd, IPPROTO_TCP, TCP_KEEPCNT);
	get("SO_SNDBUF", p.fd, SOL_SOCKET, SO_SNDBUF);
	get("IP_TTL", p.fd, IPPROTO_IP, IP_TTL);
}

static void option_timeouts(void)
{
	int fd = tcp();
	struct timeval tv = {3, 500000};
	socklen_t len = sizeof(tv);
	say("set", setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	memset(&tv, 0, sizeof(tv));
	say("get", getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, &len));
	say("seconds", tv.tv_sec);
	say("microseconds", tv.tv_usec);
	tv.tv_usec = 2000000;
	say("bad", setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)));
	say("short", setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, 4));
}

const struct story option_stories[] = {
    {"option-defaults", option_defaults},
    {"option-defaults-listener", option_defaults_listener},
    {"option-defaults-accepted", option_defaults_accepted},
    {"option-flags", option_flags},
    {"option-keepalive", option_keepalive},
    {"option-ranges", option_ranges},
    {"option-buffers", option_buffers},
    {"option-fastopen-listener", option_fastopen_listener},
    {"option-path", option_path},
    {"option-unsent", option_unsent},
    {"option-unsent-stream", option_unsent_stream},
    {"option-unknown", option_unknown},
    {"option-lengths", option_lengths},
    {"option-linger", option_linger},
    {"option-congestion", option_congestion},
    {"option-pacing", option_pacing},
    {"option-inherited", option_inherited},
    {"option-connecting", option_connecting},
    {"option-fresh", option_fresh},
    {"option-priority", option_priority},
    {"option-tcp-info", option_tcp_info},
    {"option-after-the-end", option_after_the_end},
    {"option-after-the-end-plain", option_after_the_end_plain},
    {"option-after-own-end", option_after_own_end},
    {"option-next-connection", option_of_the_next_connection},
    {"option-timeouts", option_timeouts},
    {NULL, NULL},
};
