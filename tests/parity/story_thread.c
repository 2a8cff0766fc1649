/* SPDX-License-Identifier: MIT */
/* Several threads, and several processes, on one socket. */
#include "tests/parity/parity.h"

#include <pthread.h>

static char buf[65536];
static struct pair pair;

static struct {
	pthread_t id;
	_Atomic pid_t tid;
	long rc;
	int err;
} other;

static void *started(void *arg)
{
	long (*call)(void) = (long (*)(void))arg;
	other.tid = gettid();
	other.rc = call();
	other.err = errno;
	return NULL;
}

/* Another thread makes the call, and is blocked in it. */
static void in_thread(long (*call)(void))
{
	other.tid = 0;
	pthread_create(&other.id, NULL, started, (void *)call);
	while (!other.tid)
		poll(NULL, 0, 1);
	until_asleep(getpid(), other.tid);
}

static void say_thread(const char *what)
{
	pthread_join(other.id, NULL);
	errno = other.err;
	say(what, other.rc);
}

static long reading(void)
{
	return read(pair.fd, buf, 8);
}

static long receiving_all(void)
{
	return recv(pair.fd, buf, 8, MSG_WAITALL);
}

static long accepting(void)
{
	return accept(pair.listener, NULL, NULL) < 0 ? -1 : 0;
}

static long polling(void)
{
	struct pollfd p = {pair.fd, POLLIN | POLLRDHUP, 0};
	return poll(&p, 1, -1) < 0 ? -1 : p.revents & (POLLIN | POLLHUP);
}

static long writing(void)
{
	static char big[32 << 20];
	return write(pair.fd, big, sizeof(big)) > 0 ? 1 : -1;
}

static long connecting(void)
{
	return try_connect(pair.fd, SILENT, PORT);
}

static void close_while_reading(void)
{
	pair = accepted();
	in_thread(reading);
	say("close", close(pair.fd));
	peer_send("late");
	say_thread("the reader");
}

static void shutdown_while_reading(void)
{
	pair = accepted();
	in_thread(reading);
	say("shutdown", shutdown(pair.fd, SHUT_RD));
	say_thread("the reader");
}

static void shutdown_both_while_reading(void)
{
	pair = accepted();
	in_thread(receiving_all);
	say("shutdown", shutdown(pair.fd, SHUT_RDWR));
	say_thread("the reader");
	say("peer", peer_recv(buf, 8));
}

static void shutdown_while_accepting(void)
{
	pair.listener = listening(PORT);
	in_thread(accepting);
	say("shutdown", shutdown(pair.listener, SHUT_RDWR));
	say_thread("accept");
}

static void close_while_accepting(void)
{
	pair.listener = listening(PORT);
	in_thread(accepting);
	say("close", close(pair.listener));
	say("the peer still gets in", peer_connect(PORT));
	say_thread("accept");
}

static void shutdown_while_polling(void)
{
	pair = accepted();
	in_thread(polling);
	say("shutdown", shutdown(pair.fd, SHUT_RDWR));
	say_thread("poll");
}

static void shutdown_while_writing(void)
{
	signal(SIGPIPE, SIG_IGN);
	pair = accepted();
	in_thread(writing);
	say("shutdown", shutdown(pair.fd, SHUT_WR));
	say_thread("some was written");
}

static void reset_while_writing(void)
{
	pair = accepted();
	in_thread(writing);
	peer_reset();
	say_thread("some was written");
	say("SO_ERROR", so_error(pair.fd));
}

static void reset_while_reading(void)
{
	pair = accepted();
	in_thread(reading);
	peer_reset();
	say_thread("the reader");
}

static void shutdown_while_connecting(void)
{
	pair.fd = tcp();
	in_thread(connecting);
	say("shutdown", shutdown(pair.fd, SHUT_RDWR));
	say_thread("connect");
}

static void two_readers(void)
{
	pair = accepted();
	in_thread(reading);
	peer_send("one");
	say_thread("first");
	in_thread(reading);
	peer_close();
	say_thread("end");
	say("for everybody", read(pair.fd, buf, 8));
}

#define MANY 6

static void *accept_one(void *arg)
{
	int *n = arg, fd = accept(pair.listener, NULL, NULL);
	*n = fd >= 0 ? (int)write(fd, "x", 1) : -1;
	return NULL;
}

static void accept_in_many_threads(void)
{
	pthread_t t[MANY];
	int n[MANY], sum = 0;
	pair.listener = listening(PORT);
	for (int i = 0; i < MANY; i++)
		pthread_create(&t[i], NULL, accept_one, &n[i]);
	for (int i = 0; i < MANY; i++)
		peer_connect(PORT);
	for (int i = 0; i < MANY; i++) {
		pthread_join(t[i], NULL);
		sum += n[i];
	}
	say("served", sum);
}

static void accept_in_many_processes(void)
{
	int served = 0, status;
	pair.listener = listening(PORT);
	for (int i = 0; i < MANY; i++) {
		if (fork() == 0) {
			int n;
			accept_one(&n);
			_exit(n == 1);
		}
	}
	for (int i = 0; i < MANY; i++)
		peer_connect(PORT);
	for (int i = 0; i < MANY; i++) {
		wait(&status);
		served += WEXITSTATUS(status);
	}
	say("served", served);
}

static void *write_some(void *arg)
{
	long *sum = arg;
	for (int i = 0; i < 50; i++)
		*sum += write(pair.fd, buf, 1000);
	return NULL;
}

static void many_writers(void)
{
	pthread_t t[MANY];
	long sums[MANY] = {0}, sum = 0;
	pair = accepted();
	for (int i = 0; i < MANY; i++)
		pthread_create(&t[i], NULL, write_some, &sums[i]);
	for (int i = 0; i < MANY; i++) {
		pthread_join(t[i], NULL);
		sum += sums[i];
	}
	say("written", sum);
	close(pair.fd);
	say("peer", peer_recv_all());
}

static int reusing_listener(void)
{
	int one = 1, fd = tcp();
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	if (try_bind(fd, ME, PORT) || listen(fd, 16))
		say("listener", -1);
	return fd;
}

/* Each has a listener of its own on the one port, and takes what comes until nothing more does. */
static void reuseport_in_two_processes(void)
{
	int a = reusing_listener(), b, total = 0, ends[2];
	char c;
	pipe(ends);
	pid_t pid = fork();
	if (pid == 0) {
		close(a);
		b = reusing_listener();
		write(ends[1], "r", 1);
		for (;;)
			if (accept(b, NULL, NULL) >= 0)
				write(ends[1], "c", 1);
	}
	read(ends[0], &c, 1);
	for (int i = 0; i < 20; i++)
		total += peer_connect(PORT) == 0;
	say("connected", total);
	nonblocking(a);
	total = 0;
	for (int i = 0; i < 20; i++) {
		struct pollfd p[2] = {{a, POLLIN, 0}, {ends[0], POLLIN, 0}};
		poll(p, 2, 5000);
		total += p[0].revents ? accept(a, NULL, NULL) >= 0 : read(ends[0], &c, 1) == 1;
	}
	say("accepted", total);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	say("by the one that is left", peer_connect(PORT));
	wait_for(a, POLLIN);
	say("accept", accept(a, NULL, NULL) < 0 ? -1 : 0);
}

static void reuseport_and_another_user(void)
{
	int status;
	reusing_listener();
	pid_t pid = fork();
	if (pid == 0) {
		int one = 1;
		if (setgid(65534) || setuid(65534))
			_exit(9);
		int fd = tcp();
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
		_exit(try_bind(fd, ME, PORT) ? errno : 0);
	}
	waitpid(pid, &status, 0);
	errno = WEXITSTATUS(status);
	say("bind", errno ? -1 : 0);
}

static void reuseport_after_listen(void)
{
	int one = 1, a = tcp(), b = tcp();
	say("bind", try_bind(a, ME, PORT));
	setsockopt(b, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	say("one without", try_bind(b, ME, PORT));
	setsockopt(a, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	say("set too late", try_bind(b, ME, PORT));
}

static void closed_in_parent_open_in_child(void)
{
	int ends[2];
	char c;
	pair = accepted();
	pipe(ends);
	pid_t pid = fork();
	if (pid == 0) {
		read(ends[0], &c, 1);
		write(pair.fd, "child", 5);
		_exit(0);
	}
	close(pair.fd);
	write(ends[1], "g", 1);
	say_bytes("peer", buf, peer_recv(buf, 64));
	waitpid(pid, NULL, 0);
	say("EOF", peer_recv(buf, 64));
}

static void shutdown_by_a_child(void)
{
	pair = accepted();
	pid_t pid = fork();
	if (pid == 0) {
		shutdown(pair.fd, SHUT_WR);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	say("EOF", peer_recv(buf, 64));
	say("the parent too", send(pair.fd, "x", 1, MSG_NOSIGNAL));
	peer_send("abc");
	say_bytes("read", buf, read(pair.fd, buf, 64));
}

const struct story thread_stories[] = {
    {"thread-close-reading", close_while_reading},
    {"thread-shutdown-reading", shutdown_while_reading},
    {"thread-shutdown-both-reading", shutdown_both_while_reading},
    {"thread-shutdown-accepting", shutdown_while_accepting},
    {"thread-close-accepting", close_while_accepting},
    {"thread-shutdown-polling", shutdown_while_polling},
    {"thread-shutdown-writing", shutdown_while_writing},
    {"thread-shutdown-connecting", shutdown_while_connecting},
    {"thread-reset-writing", reset_while_writing},
    {"thread-reset-reading", reset_while_reading},
    {"thread-two-readers", two_readers},
    {"thread-many-accept", accept_in_many_threads},
    {"process-many-accept", accept_in_many_processes},
    {"thread-many-write", many_writers},
    {"reuseport-two-processes", reuseport_in_two_processes},
    {"reuseport-another-user", reuseport_and_another_user},
    {"reuseport-too-late", reuseport_after_listen},
    {"process-open-in-child", closed_in_parent_open_in_child},
    {"process-shutdown-by-child", shutdown_by_a_child},
    {NULL, NULL},
};
