/* SPDX-License-Identifier: MIT */
/*
 * bench-relay NETNS TAP NETNS TAP IMPAIRMENT: joins two network namespaces by a TAP device in each
 * and the same bad network that xtcpd puts in front of its stack, so that the kernel's TCP can be
 * measured over it. The devices have no offload: a frame is a packet, as on the wire. Says "ready",
 * and ends at the end of its standard input.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "daemon/impairment.h"

#define FRAME_MAX 2048
#define BATCH 256

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int open_tap(const char *netns, const char *name)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	char path[64];
	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	int ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0 || setns(ns, CLONE_NEWNET) < 0)
		die(path);
	close(ns);
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0)
		die(name);
	return fd;
}

/* What has come in goes into the model, what is due out of it. */
static void carry(int from, int to, struct impair *model)
{
	uint8_t frame[FRAME_MAX];
	struct impair_frame *f;
	ssize_t n;
	for (int i = 0; i < BATCH && (n = read(from, frame, sizeof(frame))) > 0; i++)
		impair_push(model, frame, (size_t)n, now_us());
	while ((f = impair_pop(model, now_us()))) {
		if (write(to, f->data, f->len) < 0 && errno != EAGAIN && errno != EIO)
			die("write");
		free(f);
	}
}

static void sleep_until(struct pollfd *p, uint64_t until_us)
{
	uint64_t now = now_us(), us = until_us > now ? until_us - now : 0;
	struct timespec t = {(time_t)(us / 1000000), (long)(us % 1000000) * 1000};
	if (ppoll(p, 3, until_us == UINT64_MAX ? NULL : &t, NULL) < 0 && errno != EINTR)
		die("ppoll");
}

int main(int argc, char **argv)
{
	struct impair_config config = {0};
	struct impair model[2];
	char why[128];
	if (argc != 6) {
		fprintf(stderr, "usage: bench-relay NETNS TAP NETNS TAP IMPAIRMENT\n");
		return 2;
	}
	if (impair_parse(&config, argv[5], why, sizeof(why))) {
		fprintf(stderr, "bench-relay: %s: %s\n", argv[5], why);
		return 2;
	}
	struct pollfd p[3] = {{.fd = open_tap(argv[1], argv[2]), .events = POLLIN},
			      {.fd = open_tap(argv[3], argv[4]), .events = POLLIN},
			      {.fd = STDIN_FILENO, .events = POLLIN}};
	for (int i = 0; i < 2; i++) {
		config.stream = (uint8_t)i;
		impair_init(&model[i], &config);
	}
	puts("ready");
	fflush(stdout);
	while (!(p[2].revents & (POLLIN | POLLHUP))) {
		carry(p[0].fd, p[1].fd, &model[0]);
		carry(p[1].fd, p[0].fd, &model[1]);
		uint64_t a = impair_next_us(&model[0]), b = impair_next_us(&model[1]);
		sleep_until(p, a < b ? a : b);
	}
	return 0;
}
