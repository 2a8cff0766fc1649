/* SPDX-License-Identifier: MIT */
/* Signals during each call that blocks: EINTR, SA_RESTART, and what a time limit makes of it. */
#include "tests/parity/parity.h"

#include <sys/time.h>

static char buf[65536];

static void send_hello(void)
{
	peer_send("hello");
}

static void connect_peer(void)
{
	peer_connect(PORT);
}

static void read_all(void)
{
	peer_recv_all();
}

static struct pair caught_pair(int flags)
{
	struct pair p = accepted();
	catch (SIGUSR1, flags);
	return p;
}

static void eintr_read(void)
{
	struct pair p = caught_pair(0);
	meanwhile_signal(SIGUSR1);
	say("read", read(p.fd, buf, 8));
	done();
}

static void eintr_readv(void)
{
	struct iovec v = {buf, 8};
	struct pair p = caught_pair(0);
	meanwhile_signal(SIGUSR1);
	say("readv", readv(p.fd, &v, 1));
	done();
}

static void eintr_recv(void)
{
	struct pair p = caught_pair(0);
	meanwhile_signal(SIGUSR1);
	say("recv", recv(p.fd, buf, 8, 0));
	done();
}

static void eintr_recv_peek(void)
{
	struct pair p = caught_pair(0);
	meanwhile_signal(SIGUSR1);
	say("peek", recv(p.fd, buf, 8, MSG_PEEK));
	done();
}

static void eintr_recv_trunc(void)
{
	struct pair p = caught_pair(0);
	meanwhile_signal(SIGUSR1);
	say("trunc", recv(p.fd, buf, 8, MSG_TRUNC));
	done();
}

static void eintr_recvfrom(void)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	struct pair p = caught_pair(0);
	meanwhile_signal(SIGUSR1);
	say("recvfrom", recvfrom(p.fd, buf, 8, 0, (struct sockaddr *)&a, &len));
	done();
}

static void eintr_recvmsg(void)
{
	struct iovec v = {buf, 8};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
	struct pair p = caught_pair(0);
	meanwhile_signal(SIGUSR1);
	say("recvmsg", recvmsg(p.fd, &m, 0));
	done();
}

static void eintr_recvmmsg(void)
{
	struct iovec v = {buf, 8};
	struct mmsghdr m[2] = {{.msg_hdr = {.msg_iov = &v, .msg_iovlen = 1}},
			       {.msg_hdr = {.msg_iov = &v, .msg_iovlen = 1}}};
	struct pair p = caught_pair(0);
	peer_send("one");
	wait_for(p.fd, POLLIN);
	meanwhile_signal(SIGUSR1);
	say("recvmmsg", recvmmsg(p.fd, m, 2, 0, NULL));
	done();
	say("length", m[0].msg_len);
}

static void eintr_waitall(void)
{
	struct pair p = caught_pair(0);
	peer_send("half");
	wait_for(p.fd, POLLIN);
	meanwhile_signal(SIGUSR1);
	say("waitall", recv(p.fd, buf, 8, MSG_WAITALL));
	done();
}

static int full_socket(int flags)
{
	struct pair p = caught_pair(flags);
	nonblocking(p.fd);
	for (int idle = 0; idle < 3; idle++) /* what is taken in late makes room */
		while (write(p.fd, buf, sizeof(buf)) > 0 || wait_a_moment(p.fd, POLLOUT))
			idle = 0;
	fcntl(p.fd, F_SETFL, O_RDWR);
	return p.fd;
}

static void eintr_write(void)
{
	int fd = full_socket(0);
	meanwhile_signal(SIGUSR1);
	say("write", write(fd, buf, sizeof(buf)));
	done();
}

static void eintr_sendmsg(void)
{
	struct iovec v = {buf, sizeof(buf)};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
	int fd = full_socket(0);
	meanwhile_signal(SIGUSR1);
	say("sendmsg", sendmsg(fd, &m, 0));
	done();
}

static void eintr_write_some(void)
{
	static char big[16 << 20];
	struct pair p = caught_pair(0);
	meanwhile_signal(SIGUSR1);
	ssize_t n = write(p.fd, big, sizeof(big));
	done();
	say("some were taken", n > 0 && n < (ssize_t)sizeof(big));
}

static void eintr_accept(void)
{
	int l = listening(PORT);
	catch (SIGUSR1, 0);
	meanwhile_signal(SIGUSR1);
	say("accept", accept(l, NULL, NULL));
	done();
}

static void eintr_connect(void)
{
	int fd = tcp();
	catch (SIGUSR1, 0);
	meanwhile_signal(SIGUSR1);
	say("connect", try_connect(fd, SILENT, PORT));
	done();
	nonblocking(fd);
	say("again", try_connect(fd, SILENT, PORT));
}

static void eintr_write_while_connecting(void)
{
	int fd = tcp();
	catch (SIGUSR1, 0);
	nonblocking(fd);
	try_connect(fd, SILENT, PORT);
	fcntl(fd, F_SETFL, O_RDWR);
	meanwhile_signal(SIGUSR1);
	say("write", write(fd, "x", 1));
	done();
}

static void eintr_read_while_connecting(void)
{
	int fd = tcp();
	catch (SIGUSR1, 0);
	nonblocking(fd);
	try_connect(fd, SILENT, PORT);
	fcntl(fd, F_SETFL, O_RDWR);
	meanwhile_signal(SIGUSR1);
	say("read", read(fd, buf, 1));
	done();
}

static void eintr_poll(void)
{
	struct pair p = caught_pair(SA_RESTART);
	struct pollfd f = {p.fd, POLLIN, 0};
	meanwhile_signal(SIGUSR1);
	say("poll", poll(&f, 1, -1));
	done();
	meanwhile_signal(SIGUSR1);
	say("ppoll", ppoll(&f, 1, NULL, NULL));
	done();
}

static void eintr_select(void)
{
	struct pair p = caught_pair(SA_RESTART);
	fd_set r;
	FD_ZERO(&r);
	FD_SET(p.fd, &r);
	meanwhile_signal(SIGUSR1);
	say("select", select(p.fd + 1, &r, NULL, NULL, NULL));
	done();
	meanwhile_signal(SIGUSR1);
	say("pselect", pselect(p.fd + 1, &r, NULL, NULL, NULL, NULL));
	done();
}

static void eintr_epoll(void)
{
	struct pair p = caught_pair(SA_RESTART);
	int ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event e = {.events = EPOLLIN};
	epoll_ctl(ep, EPOLL_CTL_ADD, p.fd, &e);
	meanwhile_signal(SIGUSR1);
	say("epoll_wait", epoll_wait(ep, &e, 1, -1));
	done();
}

static void eintr_splice(void)
{
	int ends[2];
	struct pair p = caught_pair(0);
	pipe(ends);
	meanwhile_signal(SIGUSR1);
	say("splice", splice(p.fd, NULL, ends[1], NULL, 100, 0));
	done();
}

static void eintr_with_time_limit(void)
{
	struct timeval tv = {15, 0};
	struct pair p = caught_pair(SA_RESTART);
	setsockopt(p.fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	meanwhile_signal(SIGUSR1);
	say("read", read(p.fd, buf, 8));
	done();
}

static void eintr_accept_with_time_limit(void)
{
	struct timeval tv = {15, 0};
	int l = listening(PORT);
	catch (SIGUSR1, SA_RESTART);
	setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	meanwhile_signal(SIGUSR1);
	say("accept", accept(l, NULL, NULL));
	done();
}

static void eintr_connect_with_time_limit(void)
{
	struct timeval tv = {15, 0};
	int fd = tcp();
	catch (SIGUSR1, SA_RESTART);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	meanwhile_signal(SIGUSR1);
	say("connect", try_connect(fd, SILENT, PORT));
	done();
}

static void restart_read(void)
{
	struct pair p = caught_pair(SA_RESTART);
	meanwhile_signals_then(SIGUSR1, send_hello);
	say_bytes("read", buf, read(p.fd, buf, 8));
	done();
	say("signals", times_caught());
}

static void restart_recvmsg(void)
{
	struct iovec v = {buf, 8};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
	struct pair p = caught_pair(SA_RESTART);
	meanwhile_signals_then(SIGUSR1, send_hello);
	say("recvmsg", recvmsg(p.fd, &m, 0));
	done();
	say("signals", times_caught());
}

static void restart_accept(void)
{
	int l = listening(PORT);
	catch (SIGUSR1, SA_RESTART);
	meanwhile_signals_then(SIGUSR1, connect_peer);
	say("accept", accept(l, NULL, NULL) < 0 ? -1 : 0);
	done();
	say("signals", times_caught());
}

static void restart_write(void)
{
	int fd = full_socket(SA_RESTART);
	meanwhile_signals_then(SIGUSR1, read_all);
	say("write", write(fd, buf, sizeof(buf)));
	shutdown(fd, SHUT_WR);
	done();
	say("signals", times_caught());
}

/* It gives up after a while, and not at a signal. */
static void restart_connect(void)
{
	int fd = tcp(), after_ms = 700;
	catch (SIGUSR1, SA_RESTART);
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &after_ms, sizeof(after_ms));
	meanwhile_signal(SIGUSR1);
	say("connect", try_connect(fd, SILENT, PORT));
	done();
	say("signals", times_caught() > 0);
}

static void ignored_signals(void)
{
	struct pair p = accepted();
	signal(SIGUSR1, SIG_IGN);
	meanwhile_signals_then(SIGUSR1, send_hello);
	say_bytes("read", buf, read(p.fd, buf, 8));
	done();
}

static void stopped_and_continued(void)
{
	struct pair p = accepted();
	signal(SIGCONT, SIG_DFL);
	meanwhile_signals_then(SIGCONT, send_hello);
	say_bytes("read", buf, read(p.fd, buf, 8));
	done();
}

/* A storm of signals does not disturb calls that do not block. */
static void storm(void)
{
	struct itimerval every = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};
	int wrong = 0, one = 1;
	struct pair p = accepted();
	catch (SIGALRM, 0);
	setitimer(ITIMER_REAL, &every, NULL);
	for (int i = 0; i < 300; i++) {
		struct sockaddr_in a;
		socklen_t len = sizeof(a);
		wrong += setsockopt(p.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0;
		wrong += getpeername(p.fd, (struct sockaddr *)&a, &len) != 0;
		wrong += so_error(p.fd) != 0;
		int fd = tcp();
		wrong += try_bind(fd, ME, 0) != 0;
		wrong += listen(fd, 1) != 0;
		wrong += close(fd) != 0;
	}
	setitimer(ITIMER_REAL, &never, NULL);
	say("wrong", wrong);
	say("signals came", times_caught() > 0);
}

const struct story signal_stories[] = {
    {"eintr-read", eintr_read},
    {"eintr-readv", eintr_readv},
    {"eintr-recv", eintr_recv},
    {"eintr-recv-peek", eintr_recv_peek},
    {"eintr-recv-trunc", eintr_recv_trunc},
    {"eintr-recvfrom", eintr_recvfrom},
    {"eintr-recvmsg", eintr_recvmsg},
    {"eintr-recvmmsg", eintr_recvmmsg},
    {"eintr-waitall", eintr_waitall},
    {"eintr-write", eintr_write},
    {"eintr-sendmsg", eintr_sendmsg},
    {"eintr-write-some", eintr_write_some},
    {"eintr-accept", eintr_accept},
    {"eintr-connect", eintr_connect},
    {"eintr-write-while-connecting", eintr_write_while_connecting},
    {"eintr-read-while-connecting", eintr_read_while_connecting},
    {"eintr-poll", eintr_poll},
    {"eintr-select", eintr_select},
    {"eintr-epoll", eintr_epoll},
    {"eintr-splice", eintr_splice},
    {"eintr-read-time-limit", eintr_with_time_limit},
    {"eintr-accept-time-limit", eintr_accept_with_time_limit},
    {"eintr-connect-time-limit", eintr_connect_with_time_limit},
    {"restart-read", restart_read},
    {"restart-recvmsg", restart_recvmsg},
    {"restart-accept", restart_accept},
    {"restart-write", restart_write},
    {"restart-connect", restart_connect},
    {"signal-ignored", ignored_signals},
    {"signal-continue", stopped_and_continued},
    {"signal-storm", storm},
    {NULL, NULL},
};
