/* SPDX-License-Identifier: MIT */
/*
 * In a kernel a system call's effects are there when it returns, and a packet's when the device
 * has handed it over; a script relies on both. Here they are messages to another process, so after
 * each of them settle() asks two questions over the control socket, one after the other's answer.
 * The first one is answered in a turn of xtcpd's loop that also took what was sent before it, and
 * the second in a later turn: by then the first turn has come to its end.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/packetdrill/under_test.h"

void give_up(const char *what)
{
	fprintf(stderr, "xtcp under packetdrill: %s: %s\n", what, strerror(errno));
	_exit(EXIT_FAILURE);
}

int control_connect(const char *dir)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/control.sock", dir);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0)
		give_up(sun.sun_path);
	return fd;
}

/* A question and the whole of its answer, which is a line. */
static void ask(int control)
{
	char answer[4096];
	ssize_t n;

	if (send(control, "status\n", 7, MSG_NOSIGNAL) != 7)
		give_up("xtcpd has ended");
	do {
		n = recv(control, answer, sizeof(answer), 0);
		if (n == 0 || (n < 0 && errno != EINTR))
			give_up("xtcpd has ended");
	} while (n < 0 || answer[n - 1] != '\n');
}

void settle(int control)
{
	static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
	int saved = errno;

	pthread_mutex_lock(&one_at_a_time);
	ask(control);
	ask(control);
	pthread_mutex_unlock(&one_at_a_time);
	errno = saved;
}
