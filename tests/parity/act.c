/* SPDX-License-Identifier: MIT */
/*
 * Somebody who acts while the story is blocked in a call.
 *
 * A child watches the story's thread in /proc and acts when it has been asleep for a while without
 * a break: a call that is waiting for an event sleeps on, one that asks for something does not.
 */
#include "tests/parity/parity.h"

#include <sys/syscall.h>

#define LOOKS 10
#define LOOK_MS 4

static pid_t actor = -1;
static int finished[2] = {-1, -1};

static bool sleeps(pid_t pid, pid_t tid)
{
	char path[64], text[256] = "";
	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : syscall(SYS_read, fd, text, sizeof(text) - 1);
	if (fd >= 0)
		syscall(SYS_close, fd);
	char *after_name = n > 0 ? strrchr(text, ')') : NULL;
	return after_name && after_name[1] == ' ' && after_name[2] == 'S';
}

void until_asleep(pid_t pid, pid_t tid)
{
	for (int in_a_row = 0; in_a_row < LOOKS;) {
		poll(NULL, 0, LOOK_MS);
		in_a_row = sleeps(pid, tid) ? in_a_row + 1 : 0;
	}
}

static void start(void)
{
	if (pipe2(finished, O_CLOEXEC) < 0)
		exit(2);
	fflush(stdout);
	actor = fork();
	if (actor == 0)
		close(finished[1]);
	else
		close(finished[0]);
}

void meanwhile(void (*act)(void))
{
	start();
	if (actor)
		return;
	until_asleep(getppid(), getppid());
	act();
	_exit(0);
}

/* Until the call has returned, or `times` have been. */
static bool signalled(int sig, int times)
{
	struct pollfd p = {finished[0], POLLIN, 0};
	for (int i = 0; i < times; i++) {
		until_asleep(getppid(), getppid());
		if (poll(&p, 1, 0) > 0)
			return false;
		kill(getppid(), sig);
	}
	return true;
}

void meanwhile_signal(int sig)
{
	start();
	if (actor)
		return;
	signalled(sig, 1000);
	_exit(0);
}

void meanwhile_signals_then(int sig, void (*act)(void))
{
	start();
	if (actor)
		return;
	if (signalled(sig, 3)) {
		until_asleep(getppid(), getppid());
		act();
	}
	_exit(0);
}

void done(void)
{
	close(finished[1]);
	waitpid(actor, NULL, 0);
}

static volatile sig_atomic_t caught;

static void count(int sig)
{
	(void)sig;
	caught++;
}

void catch (int sig, int flags)
{
	struct sigaction sa = {.sa_handler = count, .sa_flags = flags};
	sigaction(sig, &sa, NULL);
	caught = 0;
}

int times_caught(void)
{
	return caught;
}
