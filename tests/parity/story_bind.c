/* SPDX-License-Identifier: MIT */
/* socket(), bind() and listen(). */
#include "tests/parity/parity.h"

static int sock_of(const char *what, int family, int type, int protocol)
{
	int fd = socket(family, type, protocol);
	say(what, fd < 0 ? -1 : 0);
	return fd;
}

static void socket_arguments(void)
{
	sock_of("stream", AF_INET, SOCK_STREAM, 0);
	sock_of("tcp", AF_INET, SOCK_STREAM, IPPROTO_TCP);
	sock_of("udp on stream", AF_INET, SOCK_STREAM, IPPROTO_UDP);
	sock_of("icmp on stream", AF_INET, SOCK_STREAM, IPPROTO_ICMP);
	sock_of("negative protocol", AF_INET, SOCK_STREAM, -1);
	sock_of("protocol 9999", AF_INET, SOCK_STREAM, 9999);
	sock_of("seqpacket", AF_INET, SOCK_SEQPACKET, 0);
	sock_of("type 77", AF_INET, 77 & 0xf, 0);
	sock_of("stray flag", AF_INET, SOCK_STREAM | 0x10000, 0);
	sock_of("dgram with tcp", AF_INET, SOCK_DGRAM, IPPROTO_TCP);
	sock_of("dgram", AF_INET, SOCK_DGRAM, 0);
	sock_of("unix", AF_UNIX, SOCK_STREAM, 0);
	sock_of("family 99", 99, SOCK_STREAM, 0);
}

static void socket_flags(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	say("nonblock", (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	say("cloexec", (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	say("access mode", fcntl(fd, F_GETFL) & O_ACCMODE);
	fd = tcp();
	say("nonblock", (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	say("cloexec", (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
}

static void socket_is_a_socket(void)
{
	struct stat st;
	say("fstat", fstat(tcp(), &st));
	say("S_ISSOCK", S_ISSOCK(st.st_mode));
	say("lseek", lseek(tcp(), 0, SEEK_CUR));
}

static void bind_twice(void)
{
	int fd = tcp();
	say("bind", try_bind(fd, ME, PORT));
	say("again", try_bind(fd, ME, PORT));
	say("elsewhere", try_bind(fd, ME, PORT + 1));
}

static void bind_short_length(void)
{
	struct sockaddr_in a = addr_of(ME, PORT);
	int fd = tcp();
	say("0", bind(fd, (struct sockaddr *)&a, 0));
	say("2", bind(fd, (struct sockaddr *)&a, 2));
	say("15", bind(fd, (struct sockaddr *)&a, sizeof(a) - 1));
	say("16", bind(fd, (struct sockaddr *)&a, sizeof(a)));
}

static void bind_long_length(void)
{
	struct sockaddr_storage s = {0};
	struct sockaddr_in a = addr_of(ME, PORT);
	memcpy(&s, &a, sizeof(a));
	say("sockaddr_storage", bind(tcp(), (struct sockaddr *)&s, sizeof(s)));
	say("too long", bind(tcp(), (struct sockaddr *)&s, sizeof(s) + 1));
}

static void bind_family(void)
{
	struct sockaddr_in a = addr_of(ME, PORT);
	a.sin_family = AF_INET6;
	say("inet6", bind(tcp(), (struct sockaddr *)&a, sizeof(a)));
	a.sin_family = 77;
	say("77", bind(tcp(), (struct sockaddr *)&a, sizeof(a)));
	a.sin_family = AF_UNSPEC;
	say("unspec with an address", bind(tcp(), (struct sockaddr *)&a, sizeof(a)));
	a.sin_addr.s_addr = 0;
	say("unspec any", bind(tcp(), (struct sockaddr *)&a, sizeof(a)));
}

static void bind_foreign_address(void)
{
	say("peer's", try_bind(tcp(), PEER, PORT));
	say("8.8.8.8", try_bind(tcp(), "8.8.8.8", PORT));
	say("loopback", try_bind(tcp(), "127.0.0.1", PORT));
	say("loopback 2", try_bind(tcp(), "127.9.8.7", PORT));
	say("any", try_bind(tcp(), "0.0.0.0", PORT + 1));
}

static void bind_free(void)
{
	int on = 1, is = -1, fd = tcp(), from = tcp();
	socklen_t len = sizeof(is);
	struct sockaddr_in a = {0};
	say("get", getsockopt(fd, IPPROTO_IP, IP_FREEBIND, &is, &len));
	say("off", is);
	say("set", setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on)));
	say("get", getsockopt(fd, IPPROTO_IP, IP_FREEBIND, &is, &len));
	say("on", is);
	say("no value", setsockopt(from, IPPROTO_IP, IP_FREEBIND, &on, 0));
	say("set", setsockopt(from, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on)));
	say("foreign", try_bind(fd, "8.8.8.8", PORT));
	len = sizeof(a);
	say("name", getsockname(fd, (struct sockaddr *)&a, &len));
	say_addr("is", &a, len);
	say("listen", listen(fd, 1));
	say("taken", try_bind(tcp(), "0.0.0.0", PORT));
	say("from there", try_bind(from, "8.8.4.4", 0));
	say("connect", try_connect(from, PEER, PORT));
}

static void bind_bad_pointer(void)
{
	say("NULL", bind(tcp(), NULL, sizeof(struct sockaddr_in)));
	say("bad fd", try_bind(999, ME, PORT));
	say("not a socket", try_bind(0, ME, PORT));
}

static void bind_in_use(void)
{
	say("first", try_bind(tcp(), ME, PORT));
	say("same", try_bind(tcp(), ME, PORT));
	say("any", try_bind(tcp(), "0.0.0.0", PORT));
	say("loopback", try_bind(tcp(), "127.0.0.1", PORT));
}

static int reusing(int option)
{
	int fd = tcp(), one = 1;
	setsockopt(fd, SOL_SOCKET, option, &one, sizeof(one));
	return fd;
}

static void bind_reuseaddr(void)
{
	int a = reusing(SO_REUSEADDR), b = reusing(SO_REUSEADDR);
	say("a", try_bind(a, ME, PORT));
	say("b", try_bind(b, ME, PORT));
	say("without", try_bind(tcp(), ME, PORT));
	say("listen a", listen(a, 1));
	say("listen b", listen(b, 1));
	say("c", try_bind(reusing(SO_REUSEADDR), ME, PORT));
	say("c any", try_bind(reusing(SO_REUSEADDR), "0.0.0.0", PORT));
}

static void bind_reuseport(void)
{
	int a = reusing(SO_REUSEPORT), b = reusing(SO_REUSEPORT);
	say("a", try_bind(a, ME, PORT));
	say("b", try_bind(b, ME, PORT));
	say("without", try_bind(tcp(), ME, PORT));
	say("reuseaddr alone", try_bind(reusing(SO_REUSEADDR), ME, PORT));
	say("listen a", listen(a, 1));
	say("listen b", listen(b, 1));
}

static void bind_port_zero(void)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	int fd = tcp();
	say("bind", try_bind(fd, ME, 0));
	getsockname(fd, (struct sockaddr *)&a, &len);
	say_addr("name", &a, len);
}

static void bind_after_close(void)
{
	int fd = tcp();
	say("bind", try_bind(fd, ME, PORT));
	say("listen", listen(fd, 1));
	close(fd);
	say("bind again", try_bind(tcp(), ME, PORT));
}

static void bind_after_connect(void)
{
	say("bind", try_bind(connected_to_peer(), ME, PORT));
}

static void bind_over_time_wait(void)
{
	struct pair p = accepted();
	char c;
	close(p.fd); /* our FIN first: TIME_WAIT is ours */
	peer_recv(&c, 1);
	peer_close();
	close(p.listener);
	say("without reuse", try_bind(tcp(), ME, PORT));
	say("with reuse", try_bind(reusing(SO_REUSEADDR), ME, PORT));
}

static void listen_unbound(void)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	int fd = tcp();
	say("listen", listen(fd, 1));
	getsockname(fd, (struct sockaddr *)&a, &len);
	say_addr("name", &a, len);
}

static void listen_again(void)
{
	int fd = listening(PORT);
	say("listen 1", listen(fd, 1));
	say("listen 0", listen(fd, 0));
	say("listen -1", listen(fd, -1));
	say("bind", try_bind(fd, ME, PORT + 1));
}

static void listen_connected(void)
{
	say("listen", listen(connected_to_peer(), 1));
	say("bad fd", listen(999, 1));
	say("not a socket", listen(0, 1));
}

static void listen_same_port(void)
{
	int a = reusing(SO_REUSEADDR), b = reusing(SO_REUSEADDR);
	try_bind(a, ME, PORT);
	try_bind(b, ME, PORT);
	say("a", listen(a, 1));
	say("b", listen(b, 1));
	close(a);
	say("b after a is closed", listen(b, 1));
}

static void low_port_as_root(void)
{
	say("80", try_bind(tcp(), ME, 80));
	say("1", try_bind(tcp(), ME, 1));
	say("1023", try_bind(tcp(), "0.0.0.0", 1023));
}

static void low_port_as_nobody(void)
{
	int fd;
	if (setgid(65534) || setuid(65534))
		say("setuid", -1);
	fd = tcp();
	say("80", try_bind(fd, ME, 80));
	say("1024", try_bind(fd, ME, 1024));
}

const struct story bind_stories[] = {
    {"socket-arguments", socket_arguments},
    {"socket-flags", socket_flags},
    {"socket-is-a-socket", socket_is_a_socket},
    {"bind-twice", bind_twice},
    {"bind-short-length", bind_short_length},
    {"bind-long-length", bind_long_length},
    {"bind-family", bind_family},
    {"bind-foreign-address", bind_foreign_address},
    {"bind-free", bind_free},
    {"bind-bad-pointer", bind_bad_pointer},
    {"bind-in-use", bind_in_use},
    {"bind-reuseaddr", bind_reuseaddr},
    {"bind-reuseport", bind_reuseport},
    {"bind-port-zero", bind_port_zero},
    {"bind-after-close", bind_after_close},
    {"bind-after-connect", bind_after_connect},
    {"bind-over-time-wait", bind_over_time_wait},
    {"listen-unbound", listen_unbound},
    {"listen-again", listen_again},
    {"listen-connected", listen_connected},
    {"listen-same-port", listen_same_port},
    {"low-port-as-root", low_port_as_root},
    {"low-port-as-nobody", low_port_as_nobody},
    {NULL, NULL},
};
