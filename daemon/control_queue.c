/* SPDX-License-Identifier: MIT */
/*
 * Records on their way to a client that listens to what happens, and takes it as fast as it can:
 * bounded in bytes, which are reserved when it begins; what finds no room is lost and counted, so
 * that a slow reader slows nobody else.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/control_impl.h"

#define QUEUE_BYTES ((size_t)8 << 20)
#define PIECE_BYTES ((size_t)256 << 10)

struct record {
	struct list node;
	size_t len;
	char data[];
};

bool control_queue_init(struct control_queue *q, struct daemon *d, struct control_stream *stream)
{
	*q = (struct control_queue){.d = d, .stream = stream};
	list_init(&q->records);
	if (!control_reserve(d, QUEUE_BYTES))
		return false;
	q->reserved_bytes = QUEUE_BYTES;
	return true;
}

void control_queue_free(struct control_queue *q)
{
	list_for_each_safe (pos, &q->records) {
		list_del(pos);
		free(container_of(pos, struct record, node));
	}
	control_release(q->d, q->reserved_bytes);
	q->reserved_bytes = 0;
}

void *control_queue_put(struct control_queue *q, size_t len)
{
	size_t cost = sizeof(struct record) + len;
	struct record *r = cost <= q->reserved_bytes - q->bytes ? malloc(cost) : NULL;

	if (!r) {
		q->lost++;
		return NULL;
	}
	list_init(&r->node);
	r->len = len;
	if (list_empty(&q->records))
		control_stream_wake(q->stream);
	list_add_tail(&q->records, &r->node);
	q->bytes += cost;
	q->taken++;
	return r->data;
}

bool control_queue_get(struct control_queue *q, struct control_buffer *out)
{
	size_t before = out->len;

	while (!list_empty(&q->records) && out->len - before < PIECE_BYTES) {
		struct record *r = container_of(q->records.next, struct record, node);
		control_append(out, r->data, r->len);
		q->bytes -= sizeof(*r) + r->len;
		list_del(&r->node);
		free(r);
	}
	return out->len > before;
}
