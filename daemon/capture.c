/* SPDX-License-Identifier: MIT */
/* Frames and events to who listens: see capture.h. */
#include "daemon/capture.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/daemon.h"
#include "stack/base/bytes.h"
#include "stack/link/impair.h"

#define SNAP_MIN_BYTES 128	 /* the headers, whoever listens */
#define NOTE_PATIENCE_US 5000000 /* a frame may wait for its neighbour's address */
#define ETHERNET_BYTES 14

/* --- a frame, copied */

static uint64_t wall_clock_us(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

struct copy {
	struct captured *c; /* made by the first piece */
	size_t snap_bytes;
};

static void copy_piece(void *ctx, const uint8_t *frame, size_t len)
{
	struct copy *copy = ctx;
	size_t kept = len < copy->snap_bytes ? len : copy->snap_bytes;

	if (copy->c)
		return;
	copy->c = malloc(sizeof(*copy->c) + kept);
	if (!copy->c)
		return;
	*copy->c = (struct captured){.time_us = wall_clock_us(), .len = kept, .orig_len = len};
	list_init(&copy->c->node);
	memcpy(copy->c->data, frame, kept);
	packet_parse(&copy->c->packet, copy->c->data, kept);
}

/* As one frame, its checksum made. NULL: no memory, or no frame at all. */
static struct captured *captured_new(const struct capture *cap, const struct frame_out *f,
				     enum pcapng_direction direction)
{
	struct copy copy = {.snap_bytes = cap->snap_bytes};
	struct frame_out whole = *f;

	whole.gso_size = 0;
	if (!frame_segment(&whole, copy_piece, &copy)) {
		whole.csum_partial = false;
		frame_segment(&whole, copy_piece, &copy);
	}
	if (copy.c)
		copy.c->direction = direction;
	return copy.c;
}

static void comment(struct captured *c, const char *words)
{
	size_t len = strlen(words);

	if (len + 2 > sizeof(c->comment) - c->comment_len)
		return;
	if (c->comment_len)
		c->comment[c->comment_len++] = '\n';
	memcpy(c->comment + c->comment_len, words, len + 1);
	c->comment_len += len;
}

static void publish(struct capture *cap, struct captured *c)
{
	list_for_each_safe (pos, &cap->listeners) {
		struct capture_listener *l = container_of(pos, struct capture_listener, node);
		if (l->packet)
			l->packet(l, c);
	}
	free(c);
}

/* What is sent while a frame is being received comes after it. */
static void publish_in_order(struct capture *cap, struct captured *c)
{
	if (cap->in)
		list_add_tail(&cap->held, &c->node);
	else
		publish(cap, c);
}

/* --- notes */

static void note_drop(struct capture *cap, unsigned i)
{
	cap->notes--;
	memmove(&cap->note[i], &cap->note[i + 1], (cap->notes - i) * sizeof(cap->note[0]));
}

static void note(struct daemon *d, const struct stack_trace *t, const char *words)
{
	struct capture *cap = &d->capture;

	if (cap->notes == CAPTURE_NOTES_MAX)
		note_drop(cap, 0);
	struct capture_note *n = &cap->note[cap->notes++];
	*n = (struct capture_note){.laddr = t->laddr,
				   .raddr = t->raddr,
				   .lport = t->lport,
				   .rport = t->rport,
				   .until_us = d->loop.now_us + NOTE_PATIENCE_US};
	memcpy(n->words, words, sizeof(n->words));
}

/* The notes that have waited for this frame become its comments. */
static void take_notes(struct daemon *d, struct captured *c)
{
	struct capture *cap = &d->capture;

	for (unsigned i = 0; i < cap->notes;) {
		const struct capture_note *n = &cap->note[i];
		bool mine =
		    packet_is_of(&c->packet, true, n->laddr.v4, n->lport, n->raddr.v4, n->rport);
		if (mine)
			comment(c, n->words);
		if (mine || n->until_us < d->loop.now_us)
			note_drop(cap, i);
		else
			i++;
	}
}

/* --- events */

/* One that was to be sent: its Ethernet header is still to be written where no neighbour was
 * found. */
static void dropped_output(struct daemon *d, const struct stack_trace *t, const char *words)
{
	struct captured *c = captured_new(&d->capture, t->drop.out, PCAPNG_OUT);

	if (!c)
		return;
	if (c->len >= ETHERNET_BYTES) {
		memset(c->data, 0, ETHERNET_BYTES);
		memcpy(c->data + 6, stack_config(d->stack)->mac.b, 6);
		put_be16(c->data + 12, 0x0800);
	}
	packet_parse(&c->packet, c->data, c->len);
	take_notes(d, c);
	comment(c, words);
	c->dropped = true;
	publish_in_order(&d->capture, c);
}

/* One that came earlier and has waited in a queue. */
static void dropped_later(struct daemon *d, const struct stack_trace *t, const char *words)
{
	const struct pkt *p = t->drop.pkt;
	const uint8_t *frame = p->buf + p->frame_at;
	size_t len = (size_t)(p->data - frame) + p->len;
	struct frame_out f = {.iov[0] = {(void *)frame, len}, .iovcnt = 1, .len = len};
	const struct mac_addr *own = &stack_config(d->stack)->mac;

	/* Its buffer may have been exchanged for one that holds no headers. */
	if (len < ETHERNET_BYTES || memcmp(frame, own->b, sizeof(own->b)) != 0)
		return;
	struct captured *c = captured_new(&d->capture, &f, PCAPNG_IN);
	if (!c)
		return;
	comment(c, words);
	comment(c, "which came earlier");
	c->dropped = true;
	publish_in_order(&d->capture, c);
}

static void on_drop(struct daemon *d, const struct stack_trace *t, const char *words)
{
	struct capture *cap = &d->capture;

	if (t->drop.why == DROP_LINK_TX || t->drop.why == DROP_LOOPBACK_FULL)
		return; /* capture_output() says the first; the second is not of the link */
	if (t->drop.out) {
		dropped_output(d, t, words);
	} else if (t->drop.pkt && t->drop.pkt != cap->in_pkt) {
		dropped_later(d, t, words);
	} else if (cap->in) {
		comment(cap->in, words);
		cap->in->dropped = true;
	}
}

/* Is it what the frame that is being received has caused? */
static bool caused_by_input(const struct capture *cap, const struct stack_trace *t)
{
	bool about_output =
	    t->kind == TRACE_RETRANS || t->kind == TRACE_SYNACK || t->kind == TRACE_PROBE;
	return cap->in && !about_output &&
	       packet_is_of(&cap->in->packet, false, t->laddr.v4, t->lport, t->raddr.v4, t->rport);
}

static void on_event(void *ctx, const struct stack_trace *t)
{
	struct daemon *d = ctx;
	struct capture *cap = &d->capture;
	char words[TRACE_WORDS_MAX];

	list_for_each_safe (pos, &cap->listeners) {
		struct capture_listener *l = container_of(pos, struct capture_listener, node);
		if (l->event)
			l->event(l, t, cap->in ? &cap->in->packet : NULL);
	}
	if (!trace_words(t, words))
		return;
	if (t->kind == TRACE_DROP)
		on_drop(d, t, words);
	else if (caused_by_input(cap, t))
		comment(cap->in, words);
	else
		note(d, t, words);
}

/* --- who listens */

void capture_init(struct daemon *d)
{
	list_init(&d->capture.listeners);
	list_init(&d->capture.held);
}

static void listeners_changed(struct daemon *d)
{
	struct capture *cap = &d->capture;

	cap->on = !list_empty(&cap->listeners);
	cap->snap_bytes = SNAP_MIN_BYTES;
	list_for_each (pos, &cap->listeners) {
		const struct capture_listener *l = container_of(pos, struct capture_listener, node);
		if (l->snap_bytes > cap->snap_bytes)
			cap->snap_bytes = l->snap_bytes;
	}
	if (!cap->on)
		cap->notes = 0;
	stack_set_trace(d->stack, cap->on ? on_event : NULL);
}

bool capture_listen(struct daemon *d, struct capture_listener *l)
{
	if (d->capture.count == CAPTURE_LISTENERS_MAX)
		return false;
	d->capture.count++;
	list_add_tail(&d->capture.listeners, &l->node);
	listeners_changed(d);
	return true;
}

void capture_unlisten(struct daemon *d, struct capture_listener *l)
{
	d->capture.count--;
	list_del(&l->node);
	listeners_changed(d);
}

/* --- frames */

void capture_input(struct daemon *d, struct pkt *frame)
{
	struct capture *cap = &d->capture;
	struct frame_out f;

	frame_describe(&f, frame);
	cap->in = captured_new(cap, &f, PCAPNG_IN);
	cap->in_pkt = frame;
	stack_input(d->stack, frame);
	cap->in_pkt = NULL;
	struct captured *in = cap->in;
	cap->in = NULL;
	if (in)
		publish(cap, in);
	list_for_each_safe (pos, &cap->held) {
		list_del(pos);
		publish(cap, container_of(pos, struct captured, node));
	}
}

void capture_output(struct daemon *d, const struct frame_out *f, bool taken, const char *impaired)
{
	struct captured *c = captured_new(&d->capture, f, PCAPNG_OUT);

	if (!c)
		return;
	take_notes(d, c);
	if (impaired)
		comment(c, impaired);
	if (!taken) {
		comment(c, "dropped: LINK_TX");
		c->dropped = true;
	}
	publish_in_order(&d->capture, c);
}
