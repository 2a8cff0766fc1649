/* SPDX-License-Identifier: MIT */
/* epoll, select and poll: what is more than a mask. */
#include "tests/parity/parity.h"

#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

static char buf[65536];
static void *volatile nowhere = (void *)16;

static int set_with(int fd, uint32_t events)
{
	int ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event e = {.events = events, .data.fd = fd};
	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e))
		say("epoll_ctl", -1);
	return ep;
}

static void wait_on(const char *what, int ep, int ms)
{
	struct epoll_event e = {0};
	int n = epoll_wait(ep, &e, 1, ms);
	if (n <= 0)
		say(what, n);
	else
		say_mask(what, (int)(e.events & 0x7fff));
}

static void edge_after_partial_read(void)
{
	struct pair p = accepted();
	int ep = set_with(p.fd, EPOLLIN | EPOLLET);
	peer_send("abcdef");
	wait_on("data", ep, 5000);
	read(p.fd, buf, 2);
	wait_on("rest is no edge", ep, 0);
	peer_send("g");
	wait_on("more is", ep, 5000);
}

static void edge_out_after_full(void)
{
	struct pair p = accepted();
	int ep = set_with(p.fd, EPOLLOUT | EPOLLET);
	nonblocking(p.fd);
	wait_on("at first", ep, 0);
	while (write(p.fd, buf, sizeof(buf)) > 0)
		;
	say("full", errno == EAGAIN ? 0 : -1);
	shutdown(p.fd, SHUT_RD);
	pid_t pid = fork();
	if (pid == 0) {
		peer_recv_all();
		_exit(0);
	}
	struct epoll_event e = {0};
	do {
		say("room again", epoll_wait(ep, &e, 1, 5000));
	} while (!(e.events & EPOLLOUT));
	shutdown(p.fd, SHUT_WR);
	waitpid(pid, NULL, 0);
}

static void edge_of_the_end(void)
{
	struct pair p = accepted();
	int ep = set_with(p.fd, EPOLLIN | EPOLLRDHUP | EPOLLET);
	peer_close();
	wait_on("end", ep, 5000);
	wait_on("once", ep, 0);
	say("read", read(p.fd, buf, 1));
	wait_on("still", ep, 0);
}

static void edge_of_a_refusal(void)
{
	int fd = tcp(), ep = set_with(fd, EPOLLIN | EPOLLOUT | EPOLLET);
	nonblocking(fd);
	wait_on("fresh", ep, 0);
	try_connect(fd, PEER, PORT);
	wait_on("refused", ep, 5000);
	wait_on("once", ep, 0);
	say("SO_ERROR", so_error(fd));
}

static void only_the_end_is_asked_for(void)
{
	struct pair p = accepted();
	int ep = set_with(p.fd, EPOLLRDHUP);
	peer_send("abc");
	wait_for(p.fd, POLLIN);
	wait_on("data", ep, 0);
	peer_shutdown(SHUT_WR);
	wait_on("end", ep, 5000);
}

static void urgent_only(void)
{
	struct pair p = accepted();
	int ep = set_with(p.fd, EPOLLPRI);
	peer_send("abc");
	wait_for(p.fd, POLLIN);
	wait_on("data", ep, 0);
	peer_send_oob("!");
	wait_on("urgent", ep, 5000);
	recv(p.fd, buf, 1, MSG_OOB);
	wait_on("taken", ep, 0);
}

static void hangup_is_always_told(void)
{
	struct pair p = accepted();
	int ep = set_with(p.fd, 0);
	wait_on("nothing", ep, 0);
	shutdown(p.fd, SHUT_WR);
	peer_close();
	wait_on("hang-up", ep, 5000);
}

static void modified(void)
{
	struct pair p = accepted();
	int ep = set_with(p.fd, EPOLLIN);
	struct epoll_event e = {.events = EPOLLOUT};
	wait_on("in", ep, 0);
	say("mod", epoll_ctl(ep, EPOLL_CTL_MOD, p.fd, &e));
	wait_on("out", ep, 0);
	say("del", epoll_ctl(ep, EPOLL_CTL_DEL, p.fd, NULL));
	wait_on("gone", ep, 0);
	say("del again", epoll_ctl(ep, EPOLL_CTL_DEL, p.fd, NULL));
	say("mod", epoll_ctl(ep, EPOLL_CTL_MOD, p.fd, &e));
	say("add", epoll_ctl(ep, EPOLL_CTL_ADD, p.fd, &e));
	say("add again", epoll_ctl(ep, EPOLL_CTL_ADD, p.fd, &e));
	say("bad op", epoll_ctl(ep, 99, p.fd, &e));
	say("bad fd", epoll_ctl(ep, EPOLL_CTL_ADD, 999, &e));
	say("bad set", epoll_ctl(p.fd, EPOLL_CTL_ADD, p.fd, &e));
}

static void closed_one_is_gone(void)
{
	struct pair p = accepted();
	int ep = set_with(p.fd, EPOLLIN);
	peer_send("abc");
	wait_for(p.fd, POLLIN);
	close(p.fd);
	wait_on("closed", ep, 0);
}

static void copy_keeps_it(void)
{
	struct pair p = accepted();
	int ep = set_with(p.fd, EPOLLIN), d = dup(p.fd);
	close(p.fd);
	peer_send("abc");
	wait_on("still told", ep, 5000);
	say_bytes("read", buf, read(d, buf, 8));
}

static void two_sets(void)
{
	struct pair p = accepted();
	int a = set_with(p.fd, EPOLLIN), b = set_with(p.fd, EPOLLIN | EPOLLET);
	peer_send("abc");
	wait_on("a", a, 5000);
	wait_on("b", b, 5000);
	wait_on("a", a, 0);
	wait_on("b", b, 0);
}

static void exclusive(void)
{
	int l = listening(PORT);
	int a = set_with(l, EPOLLIN | EPOLLEXCLUSIVE), b = set_with(l, EPOLLIN | EPOLLEXCLUSIVE);
	struct epoll_event e = {.events = EPOLLIN};
	say("mod", epoll_ctl(a, EPOLL_CTL_MOD, l, &e));
	e.events = EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT;
	int c = epoll_create1(0);
	say("with oneshot", epoll_ctl(c, EPOLL_CTL_ADD, l, &e));
	peer_connect(PORT);
	wait_for(l, POLLIN);
	wait_on("a", a, 0);
	wait_on("b", b, 0);
	close(accept(l, NULL, NULL));
	wait_on("taken", a, 0);
}

static void oneshot_listener(void)
{
	int l = listening(PORT), ep = set_with(l, EPOLLIN | EPOLLONESHOT);
	struct epoll_event e = {.events = EPOLLIN | EPOLLONESHOT};
	peer_connect(PORT);
	wait_on("one", ep, 5000);
	peer_connect(PORT);
	wait_on("not again", ep, 20);
	close(accept(l, NULL, NULL));
	epoll_ctl(ep, EPOLL_CTL_MOD, l, &e);
	wait_on("rearmed", ep, 5000);
}

static void listener_edge_after_accept(void)
{
	int l = listening(PORT), ep = set_with(l, EPOLLIN | EPOLLET);
	nonblocking(l);
	peer_connect(PORT);
	wait_on("one", ep, 5000);
	close(accept(l, NULL, NULL));
	say("none left", accept(l, NULL, NULL));
	peer_connect(PORT);
	wait_on("two", ep, 5000);
}

static void set_before_bind(void)
{
	int fd = tcp(), ep = set_with(fd, EPOLLIN | EPOLLET);
	say("bind", try_bind(fd, ME, PORT));
	say("listen", listen(fd, 4));
	while (epoll_wait(ep, &(struct epoll_event){0}, 1, 0) > 0)
		;
	peer_connect(PORT);
	wait_on("pending", ep, 5000);
}

static void with_other_descriptors(void)
{
	struct pair p = accepted();
	int ends[2], event = eventfd(0, EFD_NONBLOCK), timer = timerfd_create(CLOCK_MONOTONIC, 0);
	struct epoll_event got[8];
	uint64_t one = 1;
	pipe(ends);
	const int fds[] = {p.fd, p.listener, ends[0], event, timer};
	int ep = epoll_create1(0);
	for (int i = 0; i < 5; i++) {
		struct epoll_event e = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
		epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &e);
	}
	struct itimerspec soon = {{0, 0}, {0, 1000}};
	say("nothing", epoll_wait(ep, got, 8, 0));
	peer_send("abc");
	write(ends[1], "x", 1);
	write(event, &one, sizeof(one));
	timerfd_settime(timer, 0, &soon, NULL);
	for (int i = 0; i < 5; i++)
		if (i != 1)
			wait_for(fds[i], POLLIN);
	int n = epoll_wait(ep, got, 8, 0);
	unsigned which = 0;
	for (int i = 0; i < n; i++)
		which |= 1u << got[i].data.u32;
	say("ready", n);
	say("which", which);
}

static void masked_wait(void)
{
	struct pair p = accepted();
	int ep = set_with(p.fd, EPOLLIN);
	sigset_t all, none;
	struct epoll_event e;
	catch (SIGUSR1, 0);
	sigfillset(&all);
	sigemptyset(&none);
	sigprocmask(SIG_BLOCK, &all, NULL);
	kill(getpid(), SIGUSR1);
	say("blocked", epoll_wait(ep, &e, 1, 0));
	say("let in", epoll_pwait(ep, &e, 1, 5000, &none));
	say("signals", times_caught());
	kill(getpid(), SIGUSR1);
	struct pollfd f = {p.fd, POLLIN, 0};
	say("ppoll", ppoll(&f, 1, NULL, &none));
	kill(getpid(), SIGUSR1);
	fd_set r;
	FD_ZERO(&r);
	FD_SET(p.fd, &r);
	say("pselect", pselect(p.fd + 1, &r, NULL, NULL, NULL, &none));
}

static void bad_waits(void)
{
	struct pair p = accepted();
	int ep = set_with(p.fd, EPOLLIN);
	struct epoll_event e;
	say("no room", epoll_wait(ep, &e, 0, 0));
	say("not a set", epoll_wait(p.fd, &e, 1, 0));
	say("bad set", epoll_wait(999, &e, 1, 0));
	peer_send("x");
	wait_for(p.fd, POLLIN);
	say("nowhere", epoll_wait(ep, nowhere, 1, 0));
}

static void polls(void)
{
	struct pair p = accepted();
	struct pollfd f[4] = {
	    {p.fd, POLLIN, 0}, {-1, POLLIN, 7}, {999, POLLIN, 0}, {p.listener, POLLOUT, 0}};
	say("poll", poll(f, 4, 0));
	for (int i = 0; i < 4; i++)
		say_mask("events", f[i].revents);
	say("of nothing", poll(NULL, 0, 0));
	say("nowhere", poll(nowhere, 1, 0));
	say("time", ppoll(f, 1, &(struct timespec){0, -1}, NULL));
	f[0].events = POLLRDNORM | POLLRDBAND | POLLWRNORM | POLLWRBAND;
	say("other names", poll(f, 1, 0));
	say("write normal", (f[0].revents & POLLWRNORM) != 0);
	say("write band", (f[0].revents & POLLWRBAND) != 0);
}

static void selects(void)
{
	struct pair p = accepted();
	struct timeval tv = {0, 0};
	fd_set r, w;
	FD_ZERO(&r);
	FD_SET(p.fd, &r);
	w = r;
	say("negative", select(-1, &r, NULL, NULL, &tv));
	say("idle", select(p.fd + 1, &r, NULL, NULL, &tv));
	say("set is emptied", FD_ISSET(p.fd, &r) != 0);
	say("writable", select(p.fd + 1, NULL, &w, NULL, &tv));
	FD_SET(p.fd, &r);
	say("too few", select(p.fd, &r, NULL, NULL, &tv));
	FD_ZERO(&r);
	FD_SET(999, &r);
	say("bad fd", select(1000, &r, NULL, NULL, &tv));
	tv.tv_sec = -1;
	say("bad time", select(0, NULL, NULL, NULL, &tv));
}

static void select_of_an_end(void)
{
	struct pair p = accepted();
	struct timeval tv = {5, 0};
	fd_set r, w, x;
	peer_close();
	wait_for(p.fd, POLLIN);
	FD_ZERO(&r);
	FD_SET(p.fd, &r);
	w = x = r;
	say("select", select(p.fd + 1, &r, &w, &x, &tv));
	printf("%d %d %d\n", FD_ISSET(p.fd, &r), FD_ISSET(p.fd, &w), FD_ISSET(p.fd, &x));
}

static void nested_edge(void)
{
	struct pair p = accepted();
	int inner = set_with(p.fd, EPOLLIN), outer = set_with(inner, EPOLLIN | EPOLLET);
	peer_send("a");
	wait_on("first", outer, 5000);
	wait_on("no edge", outer, 0);
	read(p.fd, buf, 8);
	peer_send("b");
	wait_on("second", outer, 5000);
	say("into itself",
	    epoll_ctl(inner, EPOLL_CTL_ADD, inner, &(struct epoll_event){.events = EPOLLIN}));
	say("loop",
	    epoll_ctl(inner, EPOLL_CTL_ADD, outer, &(struct epoll_event){.events = EPOLLIN}));
}

static void poll_of_a_set(void)
{
	struct pair p = accepted();
	int ep = set_with(p.fd, EPOLLIN);
	say_mask("idle", mask_of(ep, 0));
	peer_send("abc");
	say_mask("data", wait_for(ep, POLLIN));
}

static void many_in_one_set(void)
{
	struct epoll_event got[64];
	int l = listening(PORT), ep = epoll_create1(0), n = 0, fds[20];
	for (int i = 0; i < 20; i++) {
		peer_connect(PORT);
		fds[i] = accept(l, NULL, NULL);
		struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.fd = fds[i]};
		epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &e);
	}
	say("all are writable", epoll_wait(ep, got, 64, 0));
	peer_send("abc"); /* on the last of them */
	n = epoll_wait(ep, got, 64, 5000);
	say("one is readable", n);
	say("the last", got[0].data.fd == fds[19]);
}

const struct story epoll_stories[] = {
    {"epoll-edge-partial-read", edge_after_partial_read},
    {"epoll-edge-out", edge_out_after_full},
    {"epoll-edge-end", edge_of_the_end},
    {"epoll-edge-refused", edge_of_a_refusal},
    {"epoll-rdhup-only", only_the_end_is_asked_for},
    {"epoll-pri-only", urgent_only},
    {"epoll-hup-always", hangup_is_always_told},
    {"epoll-ctl", modified},
    {"epoll-closed", closed_one_is_gone},
    {"epoll-copy", copy_keeps_it},
    {"epoll-two-sets", two_sets},
    {"epoll-exclusive", exclusive},
    {"epoll-oneshot-listener", oneshot_listener},
    {"epoll-listener-edge-after-accept", listener_edge_after_accept},
    {"epoll-before-bind", set_before_bind},
    {"epoll-other-descriptors", with_other_descriptors},
    {"epoll-masks-signals", masked_wait},
    {"epoll-bad-waits", bad_waits},
    {"epoll-nested-edge", nested_edge},
    {"epoll-polled", poll_of_a_set},
    {"epoll-many", many_in_one_set},
    {"poll-arguments", polls},
    {"select-arguments", selects},
    {"select-end", select_of_an_end},
    {NULL, NULL},
};
