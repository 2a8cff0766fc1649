/* SPDX-License-Identifier: MIT */
/*
 * The event loop: see loop.h. epoll_pwait2() takes nanoseconds, so that the stack's timers need no
 * timerfd and an idle daemon sleeps without limit.
 */
#include "daemon/loop.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t clock_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

uint64_t loop_clock_us(void)
{
	return clock_ns() / 1000;
}

int loop_init(struct loop *loop)
{
	memset(loop, 0, sizeof(*loop));
	spin_init(&loop->spin);
	loop->now_us = loop_clock_us();
	timer_wheel_init(&loop->wheel, loop->now_us);
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return loop->epoll_fd < 0 ? -errno : 0;
}

void loop_destroy(struct loop *loop)
{
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	loop->epoll_fd = -1;
}

int loop_add(struct loop *loop, struct loop_source *src, int fd, uint32_t events, loop_fn *fn)
{
	struct epoll_event ev = {.events = events, .data.ptr = src};

	src->fd = fd;
	src->fn = fn;
	src->events = events;
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0)
		return 0;
	src->fd = -1;
	src->events = 0;
	return -errno;
}

int loop_modify(struct loop *loop, struct loop_source *src, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = src};

	if (src->events == events)
		return 0;
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, src->fd, &ev) < 0)
		return -errno;
	src->events = events;
	return 0;
}

void loop_remove(struct loop *loop, struct loop_source *src)
{
	if (src->fd >= 0)
		epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, src->fd, NULL);
	loop_forget(loop, src);
}

void loop_forget(struct loop *loop, struct loop_source *src)
{
	for (int i = loop->batch_pos; i < loop->batch_len; i++)
		if (loop->batch[i].data.ptr == src)
			loop->batch[i].data.ptr = NULL;
	src->fd = -1;
	src->events = 0;
}

/* Looks until something is ready or until_ns. What is there at once was worth no looking. */
static int look(struct loop *loop, uint64_t now_ns, uint64_t until_ns)
{
	int n = epoll_wait(loop->epoll_fd, loop->batch, LOOP_BATCH, 0);
	uint64_t longest_ns = 0;

	if (n != 0)
		return n;
	while (n == 0 && now_ns < until_ns) {
		uint64_t last_ns = now_ns;
		sched_yield();
		n = epoll_wait(loop->epoll_fd, loop->batch, LOOP_BATCH, 0);
		now_ns = clock_ns();
		if (now_ns - last_ns > longest_ns)
			longest_ns = now_ns - last_ns;
	}
	spin_looked(&loop->spin, longest_ns);
	return n;
}

/* Before sleeping, if it pays and no timer is due before that. */
static int spin(struct loop *loop, uint64_t deadline_us, uint64_t now_ns)
{
	uint64_t until_ns = now_ns + loop->spin_us * 1000ull;

	if (deadline_us <= until_ns / 1000 || !spin_pays(&loop->spin, loop->spin_us * 1000ull))
		return 0;
	return look(loop, now_ns, until_ns);
}

static int sleep_until(struct loop *loop, uint64_t deadline_us)
{
	struct timespec timeout = {0}, *limit = &timeout;

	if (deadline_us == TIMER_NEVER) {
		limit = NULL;
	} else if (deadline_us != 0) {
		uint64_t now = loop_clock_us();
		uint64_t us = deadline_us > now ? deadline_us - now : 0;
		timeout.tv_sec = (time_t)(us / 1000000);
		timeout.tv_nsec = (long)(us % 1000000) * 1000;
	}
	return epoll_pwait2(loop->epoll_fd, loop->batch, LOOP_BATCH, limit, NULL);
}

void loop_wait(struct loop *loop, uint64_t deadline_us)
{
	uint64_t began_ns = clock_ns();
	int n = spin(loop, deadline_us, began_ns);

	if (n == 0)
		n = sleep_until(loop, deadline_us);
	uint64_t now_ns = clock_ns();
	if (deadline_us != 0)
		spin_waited(&loop->spin, now_ns - began_ns);
	loop->batch_len = n < 0 ? 0 : n; /* EINTR: nothing is ready, the caller comes back */
	loop->batch_pos = 0;
	loop->now_us = now_ns / 1000;
}

void loop_dispatch(struct loop *loop)
{
	while (loop->batch_pos < loop->batch_len) {
		const struct epoll_event *ev = &loop->batch[loop->batch_pos++];
		struct loop_source *src = ev->data.ptr;
		if (src)
			src->fn(src, ev->events);
	}
	loop->batch_len = loop->batch_pos = 0;
}
