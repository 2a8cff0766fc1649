/* SPDX-License-Identifier: MIT */
/*
 * The small programs the end-to-end scenarios need and no Debian package has. They know nothing of
 * xtcp: each runs over the kernel's TCP and over the private stack as it is.
 *
 *	generate BYTES [SEED]		a stream that is the same every time, to stdout
 *	accept ADDRESS PORT COUNT	accepts and closes so many connections
 *	options ADDRESS PORT COUNT	the same, and sets two options on each
 *	connect ADDRESS PORT COUNT	one after another, each until the server has closed it
 *	echo ADDRESS PORT		an epoll server: sends back what comes, until it is ended
 *	hold ADDRESS PORT COUNT		so many connections at once; when all of them are there each
 *					sends a message of its own and gets it back. "held" is
 *					said in between; it waits for the end of stdin then
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 256
#define ECHO_BUFFER 65536
#define MESSAGE 512

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

static void check(int result, const char *what)
{
	if (result < 0)
		die(what);
}

static struct sockaddr_in address_of(char **argv)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
				  .sin_port = htons((uint16_t)strtoul(argv[3], NULL, 10))};

	if (inet_pton(AF_INET, argv[2], &sin.sin_addr) != 1) {
		fprintf(stderr, "%s: not an IPv4 address\n", argv[2]);
		exit(1);
	}
	return sin;
}

static void write_all(int fd, const void *data, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = write(fd, (const char *)data + done, len - done);

		if (n < 0)
			die("write");
		done += (size_t)n;
	}
}

/* xorshift64*: fast, and the same everywhere */
static int generate(char **argv)
{
	static uint64_t block[8192];
	uint64_t seed = argv[3] ? strtoull(argv[3], NULL, 10) : 0;
	uint64_t x = 0x9e3779b97f4a7c15u * (seed + 1);
	unsigned long long left = strtoull(argv[2], NULL, 10);

	while (left > 0) {
		size_t len = left < sizeof(block) ? (size_t)left : sizeof(block);

		for (size_t i = 0; i < sizeof(block) / sizeof(block[0]); i++) {
			x ^= x >> 12;
			x ^= x << 25;
			x ^= x >> 27;
			block[i] = x * 0x2545f4914f6cdd1du;
		}
		write_all(STDOUT_FILENO, block, len);
		left -= len;
	}
	return 0;
}

static int listen_on(struct sockaddr_in sin, int flags)
{
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | flags, 0);

	check(fd, "socket");
	check(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), "SO_REUSEADDR");
	check(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), "bind");
	check(listen(fd, 4096), "listen");
	return fd;
}

static int accept_each(char **argv, void (*use)(int child))
{
	int fd = listen_on(address_of(argv), 0);

	for (unsigned long left = strtoul(argv[4], NULL, 10); left > 0; left--) {
		struct sockaddr_in from;
		socklen_t len = sizeof(from);
		int child = accept(fd, (struct sockaddr *)&from, &len);

		check(child, "accept");
		if (use)
			use(child);
		check(close(child), "close");
	}
	return 0;
}

static int accept_loop(char **argv)
{
	return accept_each(argv, NULL);
}

static void set_two(int fd)
{
	int on = 1;

	check(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), "TCP_NODELAY");
	check(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)), "SO_KEEPALIVE");
}

static int options_loop(char **argv)
{
	return accept_each(argv, set_two);
}

static int connect_loop(char **argv)
{
	struct sockaddr_in sin = address_of(argv);

	for (unsigned long left = strtoul(argv[4], NULL, 10); left > 0; left--) {
		char byte;
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		check(fd, "socket");
		check(connect(fd, (struct sockaddr *)&sin, sizeof(sin)), "connect");
		if (read(fd, &byte, 1) != 0)
			die("read");
		check(close(fd), "close");
	}
	return 0;
}

static void raise_limit(void)
{
	struct rlimit limit;

	check(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
	limit.rlim_cur = limit.rlim_max;
	check(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
}

static void watch(int epoll, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	check(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

static void accept_ready(int epoll, int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		watch(epoll, fd);
	if (errno != EAGAIN && errno != ECONNABORTED)
		die("accept4");
}

static void echo_ready(int fd)
{
	static char buffer[ECHO_BUFFER];
	ssize_t n = read(fd, buffer, sizeof(buffer));

	if (n > 0)
		write_all(fd, buffer, (size_t)n);
	else
		close(fd);
}

static int echo(char **argv)
{
	struct epoll_event events[EVENTS];
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	raise_limit();
	int listener = listen_on(address_of(argv), SOCK_NONBLOCK | SOCK_CLOEXEC);
	check(epoll, "epoll_create1");
	watch(epoll, listener);
	int n;
	while ((n = epoll_wait(epoll, events, EVENTS, -1)) >= 0 || errno == EINTR) {
		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == listener)
				accept_ready(epoll, listener);
			else
				echo_ready(events[i].data.fd);
		}
	}
	die("epoll_wait");
}

static void message_of(char *message, unsigned long i)
{
	memset(message, 'a' + (int)(i % 26), MESSAGE);
	snprintf(message, MESSAGE, "message %lu", i);
}

static void expect_message(int fd, unsigned long i)
{
	char wanted[MESSAGE], got[MESSAGE];
	ssize_t n = recv(fd, got, sizeof(got), MSG_WAITALL);

	check((int)n, "recv");
	message_of(wanted, i);
	if (n != MESSAGE || memcmp(got, wanted, MESSAGE) != 0) {
		fprintf(stderr, "connection %lu: %zd bytes, not those sent\n", i, n);
		exit(1);
	}
}

static int hold(char **argv)
{
	struct sockaddr_in sin = address_of(argv);
	unsigned long count = strtoul(argv[4], NULL, 10);
	int *fd = calloc(count, sizeof(*fd));
	char message[MESSAGE];

	if (!fd)
		die("calloc");
	raise_limit();
	for (unsigned long i = 0; i < count; i++) {
		fd[i] = socket(AF_INET, SOCK_STREAM, 0);
		check(fd[i], "socket");
		check(connect(fd[i], (struct sockaddr *)&sin, sizeof(sin)), "connect");
	}
	for (unsigned long i = 0; i < count; i++) {
		message_of(message, i);
		write_all(fd[i], message, MESSAGE);
	}
	for (unsigned long i = 0; i < count; i++)
		expect_message(fd[i], i);
	puts("held");
	fflush(stdout);
	while (read(STDIN_FILENO, message, sizeof(message)) > 0)
		;
	for (unsigned long i = 0; i < count; i++)
		close(fd[i]);
	free(fd);
	return 0;
}

static const struct command {
	const char *name;
	int argc;
	int (*run)(char **argv);
} commands[] = {
    {"generate", 3, generate},	  {"generate", 4, generate}, {"accept", 5, accept_loop},
    {"connect", 5, connect_loop}, {"echo", 4, echo},	     {"hold", 5, hold},
    {"options", 5, options_loop},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (argc == commands[i].argc && !strcmp(argv[1], commands[i].name))
			return commands[i].run(argv);
	fprintf(stderr, "usage: see the head of helper.c\n");
	return 2;
}
