/* SPDX-License-Identifier: MIT */
/* Frames through the models of impairment.h, and the timer that lets them go on. */
#include "daemon/impairment.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/daemon.h"

struct way {
	struct daemon *d;
	enum impair_direction dir;
};

static void receive(struct daemon *d, const struct impair_frame *q)
{
	struct pkt *p = pkt_alloc(stack_pkt_pool(d->stack), q->len);

	if (!p) {
		daemon_count(d, XtcpdLinkNoBuffer);
		return;
	}
	memcpy(p->buf, q->data, q->len);
	p->len = q->len;
	link_deliver(d, p);
}

static void transmit(struct daemon *d, struct impair_frame *q)
{
	struct frame_out f = {.iov[0] = {q->data, q->len}, .iovcnt = 1, .len = q->len};
	link_write(d, &f);
}

/* Lets go what is due by `until_us`. */
static void release(struct daemon *d, enum impair_direction dir, uint64_t until_us)
{
	struct impair_frame *q;

	while ((q = impair_pop(&d->impairment.model[dir], until_us))) {
		if (dir == IMPAIR_IN)
			receive(d, q);
		else
			transmit(d, q);
		free(q);
	}
}

static void arm(struct daemon *d)
{
	struct impairment *im = &d->impairment;
	uint64_t in = impair_next_us(&im->model[IMPAIR_IN]);
	uint64_t out = impair_next_us(&im->model[IMPAIR_OUT]);
	uint64_t next = in < out ? in : out;

	if (next == TIMER_NEVER)
		timer_cancel(&d->loop.wheel, &im->timer);
	else
		timer_set(&d->loop.wheel, &im->timer, next);
}

static void timer_due(struct timer *t, void *ctx)
{
	struct daemon *d = ctx;

	(void)t;
	release(d, IMPAIR_IN, d->loop.now_us);
	release(d, IMPAIR_OUT, d->loop.now_us);
	arm(d);
}

void impairment_init(struct daemon *d)
{
	static const struct impair_config nothing = {0};

	for (int dir = 0; dir < IMPAIR_DIRECTIONS; dir++)
		impair_init(&d->impairment.model[dir], &nothing);
	timer_init(&d->loop.wheel, &d->impairment.timer, timer_due);
}

void impairment_stop(struct daemon *d)
{
	impairment_off(d, IMPAIR_OUT);
	d->impairment.on[IMPAIR_IN] = false;
	impair_destroy(&d->impairment.model[IMPAIR_IN]);
	timer_cancel(&d->loop.wheel, &d->impairment.timer);
}

void impairment_set(struct daemon *d, enum impair_direction dir, const struct impair_config *config)
{
	struct impair_config own = *config;

	own.stream = (uint8_t)dir; /* both directions may have one seed and not one fate */
	impair_restart(&d->impairment.model[dir], &own);
	d->impairment.on[dir] = true;
}

void impairment_off(struct daemon *d, enum impair_direction dir)
{
	d->impairment.on[dir] = false;
	release(d, dir, TIMER_NEVER);
	arm(d);
}

static void push(void *ctx, const uint8_t *frame, size_t len)
{
	const struct way *way = ctx;
	impair_push(&way->d->impairment.model[way->dir], frame, len, way->d->loop.now_us);
}

static bool pass(struct daemon *d, enum impair_direction dir, const struct frame_out *f)
{
	struct way way = {d, dir};

	if (!frame_segment(f, push, &way))
		return false;
	release(d, dir, d->loop.now_us);
	arm(d);
	return true;
}

void impairment_receive(struct daemon *d, struct pkt *frame)
{
	struct frame_out f;

	if (!frame_describe(&f, frame) || !pass(d, IMPAIR_IN, &f))
		daemon_count(d, XtcpdLinkBadFrame);
	pkt_free(frame);
}

bool impairment_transmit(struct daemon *d, const struct frame_out *f)
{
	return pass(d, IMPAIR_OUT, f);
}
