/* SPDX-License-Identifier: MIT */
/* connect(), blocking and not, and what follows a failure. */
#include "tests/parity/parity.h"

static void connect_plain(void)
{
	int fd = tcp();
	say("peer listens", peer_listen(PORT));
	say("connect", try_connect(fd, PEER, PORT));
	say_mask("mask", mask_of(fd, 0));
	say("SO_ERROR", so_error(fd));
	say("again", try_connect(fd, PEER, PORT));
	say("elsewhere", try_connect(fd, PEER, PORT + 1));
}

static void connect_refused(void)
{
	int fd = tcp();
	say("connect", try_connect(fd, PEER, PORT));
	say_mask("mask", mask_of(fd, 0));
	say("SO_ERROR", so_error(fd));
	say("again", try_connect(fd, PEER, PORT));
	say("peer listens", peer_listen(PORT));
	say("third", try_connect(fd, PEER, PORT));
	say("write", write(fd, "x", 1));
}

static void connect_nonblocking(void)
{
	int fd = tcp();
	nonblocking(fd);
	say("peer listens", peer_listen(PORT));
	say("connect", try_connect(fd, PEER, PORT));
	say_mask("mask", wait_for(fd, POLLOUT));
	say("SO_ERROR", so_error(fd));
	say("second", try_connect(fd, PEER, PORT));
	say("third", try_connect(fd, PEER, PORT));
}

static void connect_nonblocking_refused(void)
{
	int fd = tcp();
	nonblocking(fd);
	say("connect", try_connect(fd, PEER, PORT));
	say_mask("mask", wait_for(fd, POLLOUT));
	say("SO_ERROR", so_error(fd));
	say("SO_ERROR again", so_error(fd));
}

static void connect_nonblocking_refused_read(void)
{
	char c;
	int fd = tcp();
	nonblocking(fd);
	say("connect", try_connect(fd, PEER, PORT));
	wait_for(fd, POLLIN);
	say("read", read(fd, &c, 1));
	say("read again", read(fd, &c, 1));
	say("SO_ERROR", so_error(fd));
}

static void connect_nonblocking_refused_connect(void)
{
	int fd = tcp();
	nonblocking(fd);
	say("connect", try_connect(fd, PEER, PORT));
	wait_for(fd, POLLOUT);
	say("connect again", try_connect(fd, PEER, PORT));
}

static void connect_in_progress(void)
{
	int fd = tcp();
	char c;
	nonblocking(fd);
	/* Nobody has this address: ARP is asked for a few seconds. */
	say("connect", try_connect(fd, "10.77.0.77", PORT));
	say("again", try_connect(fd, "10.77.0.77", PORT));
	say_mask("mask", mask_of(fd, 0));
	say("read", read(fd, &c, 1));
	say("SO_ERROR", so_error(fd));
}

static void connect_no_such_host(void)
{
	say("connect", try_connect(tcp(), "10.77.0.77", PORT));
}

static void connect_arguments(void)
{
	struct sockaddr_in a = addr_of(PEER, PORT);
	say("short", connect(tcp(), (struct sockaddr *)&a, 15));
	say("zero", connect(tcp(), (struct sockaddr *)&a, 0));
	say("NULL", connect(tcp(), NULL, sizeof(a)));
	say("bad fd", try_connect(999, PEER, PORT));
	say("not a socket", try_connect(0, PEER, PORT));
	a.sin_family = AF_INET6;
	say("inet6", connect(tcp(), (struct sockaddr *)&a, sizeof(a)));
	a.sin_family = AF_UNIX;
	say("unix", connect(tcp(), (struct sockaddr *)&a, sizeof(a)));
}

static void connect_no_route(void)
{
	say("203.0.113.5", try_connect(tcp(), "203.0.113.5", PORT));
	say("multicast", try_connect(tcp(), "224.0.0.1", PORT));
	say("broadcast", try_connect(tcp(), "255.255.255.255", PORT));
	say("subnet broadcast", try_connect(tcp(), "10.77.0.255", PORT));
}

static void connect_listener(void)
{
	say("connect", try_connect(listening(PORT), PEER, PORT));
}

static void connect_unspec(void)
{
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	int fd = connected_to_peer();
	char c;
	say("dissolve", connect(fd, &none, sizeof(none)));
	say("peer reads", peer_recv(&c, 1));
	say("getpeername", getpeername(fd, (struct sockaddr *)&a, &len));
	say("connect again", try_connect(fd, PEER, PORT));
	say("on a fresh socket", connect(tcp(), &none, sizeof(none)));
}

static void connect_to_self_address(void)
{
	int l = listening(PORT), fd = tcp();
	char c = 0;
	say("own address", try_connect(fd, ME, PORT));
	int s = accept(l, NULL, NULL);
	say("write", write(fd, "x", 1));
	say("read", read(s, &c, 1));
	say("byte", c);
}

static void connect_loopback(void)
{
	int l = tcp(), fd = tcp();
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	say("bind", try_bind(l, "127.0.0.1", PORT));
	say("listen", listen(l, 1));
	say("connect", try_connect(fd, "127.0.0.1", PORT));
	getpeername(fd, (struct sockaddr *)&a, &len);
	say_addr("peer", &a, len);
	getsockname(fd, (struct sockaddr *)&a, &len);
	say_addr("name", &a, len);
	say("refused", try_connect(tcp(), "127.0.0.1", PORT + 1));
	say("any", try_connect(tcp(), "0.0.0.0", PORT));
}

static void connect_bound(void)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	int fd = tcp();
	say("peer listens", peer_listen(PORT));
	say("bind", try_bind(fd, ME, 4444));
	say("connect", try_connect(fd, PEER, PORT));
	getsockname(fd, (struct sockaddr *)&a, &len);
	say_addr("name", &a, len);
	int second = tcp(), one = 1;
	setsockopt(second, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	say("bind the same", try_bind(second, ME, 4444));
}

static void connect_bound_any(void)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	int fd = tcp();
	say("peer listens", peer_listen(PORT));
	say("bind", try_bind(fd, "0.0.0.0", 4445));
	say("connect", try_connect(fd, PEER, PORT));
	getsockname(fd, (struct sockaddr *)&a, &len);
	say_addr("name", &a, len);
}

static void connect_zero_port(void)
{
	say("port 0", try_connect(tcp(), PEER, 0));
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void connect_interrupted(void)
{
	struct sigaction sa = {.sa_handler = on_alarm};
	int fd = tcp();
	sigaction(SIGUSR1, &sa, NULL);
	pid_t me = getpid(), child = fork();
	if (child == 0) {
		usleep(300000);
		kill(me, SIGUSR1);
		_exit(0);
	}
	say("connect", try_connect(fd, "10.77.0.77", PORT));
	say("again", try_connect(fd, "10.77.0.77", PORT));
	waitpid(child, NULL, 0);
}

static void connect_send_timeout(void)
{
	struct timeval tv = {0, 200000};
	int fd = tcp();
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	say("connect", try_connect(fd, "10.77.0.77", PORT));
}

const struct story connect_stories[] = {
    {"connect-plain", connect_plain},
    {"connect-refused", connect_refused},
    {"connect-nonblocking", connect_nonblocking},
    {"connect-nonblocking-refused", connect_nonblocking_refused},
    {"connect-nonblocking-refused-read", connect_nonblocking_refused_read},
    {"connect-nonblocking-refused-connect", connect_nonblocking_refused_connect},
    {"connect-in-progress", connect_in_progress},
    {"connect-no-such-host", connect_no_such_host},
    {"connect-arguments", connect_arguments},
    {"connect-no-route", connect_no_route},
    {"connect-listener", connect_listener},
    {"connect-unspec", connect_unspec},
    {"connect-own-address", connect_to_self_address},
    {"connect-loopback", connect_loopback},
    {"connect-bound", connect_bound},
    {"connect-bound-any", connect_bound_any},
    {"connect-port-zero", connect_zero_port},
    {"connect-interrupted", connect_interrupted},
    {"connect-send-timeout", connect_send_timeout},
    {NULL, NULL},
};
