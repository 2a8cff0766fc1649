/* SPDX-License-Identifier: MIT */
/*
 * A socket in each state a program can bring one into, for stories that try a call in all of them.
 *
 * Every socket is new, non-blocking, and in its state for good: what the state waits for (a FIN, a
 * reset, a refusal) has arrived, as poll() tells.
 */
#include "tests/parity/parity.h"

#define SOON 5000 /* ms: a state that is not reached by then is told as it is */

static int listener = -1;

static int fresh_socket(void)
{
	int fd = tcp();
	nonblocking(fd);
	return fd;
}

static int bound_socket(void)
{
	int fd = fresh_socket(), one = 1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	try_bind(fd, ME, PORT + 1);
	return fd;
}

static int listening_socket(void)
{
	int fd = listening(PORT);
	nonblocking(fd);
	return fd;
}

static int pending_socket(void)
{
	int fd = listening_socket();
	peer_connect(PORT);
	wait_for(fd, POLLIN);
	return fd;
}

static int unlistened_socket(void)
{
	int fd = listening_socket();
	shutdown(fd, SHUT_RDWR);
	return fd;
}

static int connecting_socket(void)
{
	int fd = fresh_socket();
	try_connect(fd, SILENT, PORT);
	return fd;
}

static int connected_socket(void)
{
	int fd = connected_to_peer();
	nonblocking(fd);
	return fd;
}

static int accepted_socket(void)
{
	struct pair p = accepted();
	listener = p.listener;
	nonblocking(p.fd);
	return p.fd;
}

static int readable_socket(void)
{
	int fd = accepted_socket();
	peer_send("abc");
	wait_for(fd, POLLIN);
	return fd;
}

static int shut_reading_socket(void)
{
	int fd = accepted_socket();
	shutdown(fd, SHUT_RD);
	return fd;
}

static int shut_writing_socket(void)
{
	char c;
	int fd = accepted_socket();
	shutdown(fd, SHUT_WR);
	peer_recv(&c, 1);
	settle(fd);
	return fd;
}

static int shut_both_socket(void)
{
	char c;
	int fd = accepted_socket();
	shutdown(fd, SHUT_RDWR);
	peer_recv(&c, 1);
	settle(fd);
	return fd;
}

static int half_closed_socket(void)
{
	int fd = accepted_socket();
	peer_shutdown(SHUT_WR);
	wait_for_bits(fd, POLLRDHUP, SOON);
	return fd;
}

static int data_and_fin_socket(void)
{
	int fd = accepted_socket();
	peer_send("abc");
	peer_shutdown(SHUT_WR);
	wait_for_bits(fd, POLLRDHUP, SOON);
	return fd;
}

static int closed_both_ways_socket(void)
{
	int fd = shut_writing_socket();
	peer_close();
	wait_for_bits(fd, POLLHUP, SOON);
	return fd;
}

static int closed_by_peer_first_socket(void)
{
	char c;
	int fd = half_closed_socket();
	shutdown(fd, SHUT_WR);
	peer_recv(&c, 1);
	wait_for_bits(fd, POLLHUP, SOON);
	settle(fd);
	return fd;
}

static int reset_socket(void)
{
	int fd = accepted_socket();
	peer_reset();
	wait_for_bits(fd, POLLHUP, SOON);
	return fd;
}

static int reset_and_told_socket(void)
{
	char c;
	int fd = reset_socket();
	read(fd, &c, 1);
	return fd;
}

static int reset_with_data_socket(void)
{
	int fd = readable_socket();
	peer_reset();
	wait_for_bits(fd, POLLHUP, SOON);
	return fd;
}

static int refused_socket(void)
{
	int fd = fresh_socket();
	try_connect(fd, PEER, PORT + 2);
	wait_for_bits(fd, POLLHUP, SOON);
	return fd;
}

static int refused_and_told_socket(void)
{
	int fd = refused_socket();
	so_error(fd);
	return fd;
}

static int refused_blocking_socket(void)
{
	int fd = tcp();
	try_connect(fd, PEER, PORT + 2);
	nonblocking(fd);
	return fd;
}

static int disconnected_socket(void)
{
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	int fd = connected_socket();
	connect(fd, &none, sizeof(none));
	return fd;
}

static const struct {
	const char *name;
	int (*make)(void);
} states[] = {
    {"fresh", fresh_socket},
    {"bound", bound_socket},
    {"listening", listening_socket},
    {"pending", pending_socket},
    {"unlistened", unlistened_socket},
    {"connecting", connecting_socket},
    {"connected", connected_socket},
    {"accepted", accepted_socket},
    {"readable", readable_socket},
    {"shut reading", shut_reading_socket},
    {"shut writing", shut_writing_socket},
    {"shut both", shut_both_socket},
    {"half-closed", half_closed_socket},
    {"data and FIN", data_and_fin_socket},
    {"closed both ways", closed_both_ways_socket},
    {"closed, theirs first", closed_by_peer_first_socket},
    {"reset", reset_socket},
    {"reset and told", reset_and_told_socket},
    {"reset with data", reset_with_data_socket},
    {"refused", refused_socket},
    {"refused and told", refused_and_told_socket},
    {"refused, blocking", refused_blocking_socket},
    {"disconnected", disconnected_socket},
};

static volatile sig_atomic_t pipes_broken;

static void count_sigpipe(int sig)
{
	(void)sig;
	pipes_broken++;
}

void in_every_state(void (*try_it)(int fd))
{
	struct sigaction sa = {.sa_handler = count_sigpipe};
	sigaction(SIGPIPE, &sa, NULL);
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		int fd = states[i].make();
		pipes_broken = 0;
		printf("- %s\n", states[i].name);
		try_it(fd);
		if (pipes_broken)
			say("SIGPIPE", pipes_broken);
		close(fd);
		close(listener);
		listener = -1;
		peer_close();
		peer_close_listener();
	}
}
