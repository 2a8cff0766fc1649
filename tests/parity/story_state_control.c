/* SPDX-License-Identifier: MIT */
/* Every call that does not move bytes, in every state of a socket. */
#include "tests/parity/parity.h"

#include <linux/sockios.h>

static void masks(int fd)
{
	say_mask("poll", mask_of(fd, 0));
	struct pollfd p = {fd, 0, 0};
	poll(&p, 1, 0);
	say_mask("asked for nothing", p.revents);
}

static void epoll_masks(int fd)
{
	int ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP | EPOLLET};
	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
	e.events = 0;
	say("epoll_wait", epoll_wait(ep, &e, 1, 0));
	say_mask("events", (int)e.events & 0x7fff);
	e.events = 0;
	say("again", epoll_wait(ep, &e, 1, 0));
	close(ep);
}

static void selects(int fd)
{
	fd_set r, w, x;
	struct timeval tv = {0, 0};
	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_ZERO(&x);
	FD_SET(fd, &r);
	FD_SET(fd, &w);
	FD_SET(fd, &x);
	say("select", select(fd + 1, &r, &w, &x, &tv));
	printf("read %d write %d except %d\n", FD_ISSET(fd, &r) != 0, FD_ISSET(fd, &w) != 0,
	       FD_ISSET(fd, &x) != 0);
}

static void say_name(const char *what, int fd, int (*call)(int, struct sockaddr *, socklen_t *))
{
	struct sockaddr_in a = {0};
	socklen_t len = sizeof(a);
	if (call(fd, (struct sockaddr *)&a, &len) < 0)
		say(what, -1);
	else
		say_addr(what, &a, len);
}

static void names(int fd)
{
	say_name("name", fd, getsockname);
	say_name("peer", fd, getpeername);
}

static void errors(int fd)
{
	say("SO_ERROR", so_error(fd));
	say("again", so_error(fd));
}

static void binds(int fd)
{
	say("bind", try_bind(fd, ME, PORT + 5));
	say_name("name", fd, getsockname);
	say("foreign", try_bind(fd, "8.8.8.8", PORT + 5));
}

static void listens(int fd)
{
	say("listen", listen(fd, 3));
	say("again", listen(fd, 3));
}

static void accepts(int fd)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	int got = accept(fd, (struct sockaddr *)&a, &len);
	say("accept", got < 0 ? -1 : 0);
	close(got);
	say("bad length", accept(fd, (struct sockaddr *)&a, (socklen_t *)16));
	say("bad flags", accept4(fd, NULL, NULL, 0x1234));
}

static void connects(int fd)
{
	peer_listen(PORT + 3);
	say("connect", try_connect(fd, PEER, PORT + 3));
	wait_for(fd, POLLOUT);
	say("SO_ERROR", so_error(fd));
	say("again", try_connect(fd, PEER, PORT + 3));
	wait_for(fd, POLLOUT);
	say("and again", try_connect(fd, PEER, PORT + 3));
}

static void connects_blocking(int fd)
{
	struct timeval tv = {0, 50000};
	peer_listen(PORT + 3);
	fcntl(fd, F_SETFL, O_RDWR);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	say("connect", try_connect(fd, PEER, PORT + 3));
	say("again", try_connect(fd, PEER, PORT + 3));
}

static void connects_to_nobody(int fd)
{
	say("connect", try_connect(fd, PEER, PORT + 4));
	say_mask("mask", wait_for(fd, POLLIN));
	say("again", try_connect(fd, PEER, PORT + 4));
	say("and again", try_connect(fd, PEER, PORT + 4));
}

static void connects_badly(int fd)
{
	struct sockaddr_in a = addr_of(PEER, PORT + 4);
	say("NULL", connect(fd, NULL, sizeof(a)));
	say("short", connect(fd, (struct sockaddr *)&a, 7));
	say("one byte", connect(fd, (struct sockaddr *)&a, 1));
	say("huge", connect(fd, (struct sockaddr *)&a, 4096));
	a.sin_family = AF_INET6;
	say("inet6", connect(fd, (struct sockaddr *)&a, sizeof(a)));
}

static void dissolves(int fd)
{
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	char c;
	say("connect", connect(fd, &none, sizeof(none)));
	say_name("peer", fd, getpeername);
	say("SO_ERROR", so_error(fd));
	say("read", read(fd, &c, 1));
	say("write", send(fd, "x", 1, MSG_NOSIGNAL));
}

static void dissolves_and_connects(int fd)
{
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	peer_listen(PORT + 3);
	say("dissolve", connect(fd, &none, sizeof(none)));
	say("connect", try_connect(fd, PEER, PORT + 3));
	say_mask("mask", wait_for(fd, POLLOUT));
	say("write", send(fd, "x", 1, MSG_NOSIGNAL));
}

static void shuts_reading(int fd)
{
	char c;
	say("shutdown", shutdown(fd, SHUT_RD));
	say("again", shutdown(fd, SHUT_RD));
	say("read", read(fd, &c, 1));
}

static void shuts_writing(int fd)
{
	say("shutdown", shutdown(fd, SHUT_WR));
	settle(fd);
	say("again", shutdown(fd, SHUT_WR));
	say("write", send(fd, "x", 1, MSG_NOSIGNAL));
}

static void shuts_both(int fd)
{
	char c;
	say("shutdown", shutdown(fd, SHUT_RDWR));
	settle(fd);
	say("again", shutdown(fd, SHUT_RDWR));
	say("read", read(fd, &c, 1));
	say("write", send(fd, "x", 1, MSG_NOSIGNAL));
}

static void shuts_badly(int fd)
{
	say("3", shutdown(fd, 3));
	say("-1", shutdown(fd, -1));
}

static void asks(const char *what, int fd, unsigned long request)
{
	int v = -77;
	int rc = ioctl(fd, request, &v);
	if (rc < 0)
		say(what, rc);
	else
		printf("%s: %d\n", what, v);
}

/* What is queued to be sent is a meaningless number once there is no connection. */
static bool is_closed(int fd)
{
	struct tcp_info i = {0};
	socklen_t len = sizeof(i);
	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &len) == 0 && i.tcpi_state == TCP_CLOSE;
}

static void counts(int fd)
{
	asks("FIONREAD", fd, FIONREAD);
	asks("SIOCATMARK", fd, SIOCATMARK);
	if (is_closed(fd))
		return;
	asks("SIOCOUTQ", fd, SIOCOUTQ);
	asks("SIOCOUTQNSD", fd, SIOCOUTQNSD);
}

static void ioctls_badly(int fd)
{
	say("FIONREAD", ioctl(fd, FIONREAD, (void *)16));
	say("SIOCOUTQ", ioctl(fd, SIOCOUTQ, (void *)16));
	say("SIOCATMARK", ioctl(fd, SIOCATMARK, (void *)16));
	say("FIONBIO", ioctl(fd, FIONBIO, (void *)16));
	say("0x1234", ioctl(fd, 0x1234, NULL));
	say("TCGETS", isatty(fd) ? 1 : -1);
}

static void stats(int fd)
{
	struct stat st;
	say("fstat", fstat(fd, &st));
	printf("socket %d size %ld mode %o\n", S_ISSOCK(st.st_mode), (long)st.st_size,
	       st.st_mode & 07777);
	say("fsync", fsync(fd));
	say("ftruncate", ftruncate(fd, 0));
}

static void tcp_states(int fd)
{
	struct tcp_info i;
	socklen_t len = sizeof(i);
	memset(&i, 0, sizeof(i));
	say("TCP_INFO", getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &len));
	say("state", i.tcpi_state);
	say("ca state", i.tcpi_ca_state);
	say("retransmits", i.tcpi_retransmits);
	say("probes", i.tcpi_probes);
	say("backoff", i.tcpi_backoff);
	say("lost", i.tcpi_lost);
	say("reordering", i.tcpi_reordering);
}

/* Where there are no buffers and no connection there is still an answer. */
static void numbers(int fd)
{
	uint32_t memory[9], cc[64];
	socklen_t len = sizeof(cc);
	say("TCP_CC_INFO", getsockopt(fd, IPPROTO_TCP, TCP_CC_INFO, cc, &len));
	len = sizeof(memory);
	say("SO_MEMINFO", getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &len));
	say("bytes", len);
	len = 8;
	say("two of it", getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &len));
	say("bytes", len);
}

static void peer_of_accept(int fd)
{
	int v = -1;
	socklen_t len = sizeof(v);
	say("SO_ACCEPTCONN", getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &v, &len));
	say("is", v);
}

#define STORY(fn)                                                                                  \
	static void fn##_everywhere(void)                                                          \
	{                                                                                          \
		in_every_state(fn);                                                                \
	}
STORY(masks)
STORY(epoll_masks)
STORY(selects)
STORY(names)
STORY(errors)
STORY(binds)
STORY(listens)
STORY(accepts)
STORY(connects)
STORY(connects_blocking)
STORY(connects_to_nobody)
STORY(connects_badly)
STORY(dissolves)
STORY(dissolves_and_connects)
STORY(shuts_reading)
STORY(shuts_writing)
STORY(shuts_both)
STORY(shuts_badly)
STORY(counts)
STORY(ioctls_badly)
STORY(stats)
STORY(tcp_states)
STORY(numbers)
STORY(peer_of_accept)

const struct story state_control_stories[] = {
    {"state-poll", masks_everywhere},
    {"state-epoll", epoll_masks_everywhere},
    {"state-select", selects_everywhere},
    {"state-names", names_everywhere},
    {"state-so-error", errors_everywhere},
    {"state-bind", binds_everywhere},
    {"state-listen", listens_everywhere},
    {"state-accept", accepts_everywhere},
    {"state-connect", connects_everywhere},
    {"state-connect-blocking", connects_blocking_everywhere},
    {"state-connect-refused", connects_to_nobody_everywhere},
    {"state-connect-badly", connects_badly_everywhere},
    {"state-dissolve", dissolves_everywhere},
    {"state-dissolve-and-connect", dissolves_and_connects_everywhere},
    {"state-shutdown-read", shuts_reading_everywhere},
    {"state-shutdown-write", shuts_writing_everywhere},
    {"state-shutdown-both", shuts_both_everywhere},
    {"state-shutdown-badly", shuts_badly_everywhere},
    {"state-ioctl-counts", counts_everywhere},
    {"state-ioctl-badly", ioctls_badly_everywhere},
    {"state-fstat", stats_everywhere},
    {"state-tcp-info", tcp_states_everywhere},
    {"state-numbers", numbers_everywhere},
    {"state-acceptconn", peer_of_accept_everywhere},
    {NULL, NULL},
};
