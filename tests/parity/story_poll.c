/* SPDX-License-Identifier: MIT */
/* poll, select and epoll in each state of a socket. */
#include "tests/parity/parity.h"

static int epoll_with(int fd, uint32_t events)
{
	int ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event e = {.events = events, .data.u32 = 1};
	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
	return ep;
}

static void say_epoll(const char *what, int ep, int wait_ms)
{
	struct epoll_event e = {0};
	int n = epoll_wait(ep, &e, 1, wait_ms);
	if (n == 0)
		printf("%s: no event\n", what);
	else
		say_mask(what, (int)(e.events & (EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLERR |
						 EPOLLHUP | EPOLLRDHUP)));
}

static void fresh(void)
{
	say_mask("fresh", mask_of(tcp(), 0));
}

static void connected(void)
{
	say_mask("connected", mask_of(connected_to_peer(), 0));
	say_mask("accepted", mask_of(accepted().fd, 0));
}

static void peer_fin(void)
{
	struct pair p = accepted();
	peer_close();
	say_mask("FIN", wait_for(p.fd, POLLRDHUP));
}

static void peer_fin_after_data(void)
{
	char buf[16];
	struct pair p = accepted();
	peer_send("abc");
	peer_close();
	say_mask("data and FIN", wait_for(p.fd, POLLRDHUP));
	say_bytes("read", buf, read(p.fd, buf, sizeof(buf)));
	say_mask("FIN", mask_of(p.fd, 0));
}

static void shut_write_mask(void)
{
	struct pair p = accepted();
	shutdown(p.fd, SHUT_WR);
	say_mask("SHUT_WR", mask_of(p.fd, 0));
	peer_close();
	say_mask("and FIN", wait_for(p.fd, POLLHUP));
}

static void shut_both_mask(void)
{
	struct pair p = accepted();
	shutdown(p.fd, SHUT_RDWR);
	say_mask("SHUT_RDWR", mask_of(p.fd, 0));
}

static void epoll_level(void)
{
	char c;
	struct pair p = accepted();
	int ep = epoll_with(p.fd, EPOLLIN | EPOLLRDHUP);
	say_epoll("idle", ep, 0);
	peer_send("ab");
	say_epoll("data", ep, 2000);
	say_epoll("still", ep, 0);
	read(p.fd, &c, 1);
	say_epoll("half read", ep, 0);
	read(p.fd, &c, 1);
	say_epoll("all read", ep, 0);
	peer_close();
	say_epoll("FIN", ep, 2000);
}

static void epoll_edge(void)
{
	struct pair p = accepted();
	int ep = epoll_with(p.fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
	say_epoll("first", ep, 0);
	say_epoll("again", ep, 0);
	peer_send("ab");
	say_epoll("data", ep, 2000);
	say_epoll("again", ep, 0);
	peer_send("cd");
	say_epoll("more", ep, 2000);
}

static void epoll_oneshot(void)
{
	struct pair p = accepted();
	int ep = epoll_with(p.fd, EPOLLIN | EPOLLONESHOT);
	peer_send("ab");
	say_epoll("data", ep, 2000);
	say_epoll("again", ep, 50);
	struct epoll_event e = {.events = EPOLLIN | EPOLLONESHOT};
	epoll_ctl(ep, EPOLL_CTL_MOD, p.fd, &e);
	say_epoll("rearmed", ep, 0);
}

static void epoll_added_before_connect(void)
{
	int fd = tcp(), ep = epoll_with(fd, EPOLLOUT | EPOLLET);
	say_epoll("fresh", ep, 0);
	nonblocking(fd);
	peer_listen(PORT);
	say("connect", try_connect(fd, PEER, PORT));
	say_epoll("connected", ep, 2000);
	say_epoll("again", ep, 0);
}

static void epoll_added_before_listen(void)
{
	int fd = tcp(), ep = epoll_with(fd, EPOLLIN);
	say_epoll("fresh", ep, 0);
	try_bind(fd, ME, PORT);
	listen(fd, 4);
	say_epoll("listening", ep, 0);
	peer_connect(PORT);
	say_epoll("pending", ep, 2000);
}

static void epoll_nested(void)
{
	struct pair p = accepted();
	int inner = epoll_with(p.fd, EPOLLIN), outer = epoll_with(inner, EPOLLIN);
	say_epoll("idle", outer, 0);
	peer_send("x");
	say_epoll("data", outer, 2000);
}

static void epoll_of_listener_edge(void)
{
	int l = listening(PORT), ep = epoll_with(l, EPOLLIN | EPOLLOUT | EPOLLET);
	say_epoll("idle", ep, 0);
	peer_connect(PORT);
	say_epoll("one", ep, 2000);
	say_epoll("again", ep, 0);
	peer_connect(PORT);
	say_epoll("two", ep, 2000);
}

static void select_sets(void)
{
	struct pair p = accepted();
	fd_set r, w;
	struct timeval tv = {2, 0};
	peer_send("x");
	wait_for(p.fd, POLLIN);
	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_SET(p.fd, &r);
	FD_SET(p.fd, &w);
	FD_SET(p.listener, &r);
	say("select", select(p.fd + p.listener, &r, &w, NULL, &tv));
	say("readable", FD_ISSET(p.fd, &r) != 0);
	say("writable", FD_ISSET(p.fd, &w) != 0);
	say("listener", FD_ISSET(p.listener, &r) != 0);
}

static void masks_after_reset_with_unsent(void)
{
	struct pair p = accepted();
	write(p.fd, "abc", 3);
	peer_reset();
	int m = wait_for(p.fd, POLLHUP);
	say_mask("reset", m & (POLLIN | POLLHUP | POLLRDHUP | POLLOUT));
}

const struct story poll_stories[] = {
    {"poll-fresh", fresh},
    {"poll-connected", connected},
    {"poll-peer-fin", peer_fin},
    {"poll-peer-fin-after-data", peer_fin_after_data},
    {"poll-shut-write", shut_write_mask},
    {"poll-shut-both", shut_both_mask},
    {"epoll-level", epoll_level},
    {"epoll-edge", epoll_edge},
    {"epoll-oneshot", epoll_oneshot},
    {"epoll-added-before-connect", epoll_added_before_connect},
    {"epoll-added-before-listen", epoll_added_before_listen},
    {"epoll-nested", epoll_nested},
    {"epoll-listener-edge", epoll_of_listener_edge},
    {"select-sets", select_sets},
    {"poll-reset", masks_after_reset_with_unsent},
    {NULL, NULL},
};
