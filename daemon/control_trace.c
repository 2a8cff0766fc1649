/* SPDX-License-Identifier: MIT */
/*
 * `trace`: what happens to connections, a line an event, with the time since the first of them:
 *
 *     0.000000 10.77.0.2:80 10.77.0.1:43210 SYN-ACK sent, mss 1460 wscale 7 sack ts
 *
 * cwnd grows with every ACK: that is said in one line when something else happens.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/control_impl.h"
#include "daemon/parse.h"

#define GROWN_MAX 256
#define LINE_BYTES (TRACE_WORDS_MAX + 96)

struct trace_stream {
	struct control_stream stream;
	struct capture_listener listener;
	struct control_queue queue;
	uint32_t v4;   /* 0: any */
	uint32_t port; /* of that address, or of either side; UINT32_MAX: any */
	bool begun, ending;
	uint64_t begun_us;
	struct stack_trace grown[GROWN_MAX]; /* TRACE_CWND by connection; rport 0: none */
};

/* --- which connection */

static bool end_is(const struct trace_stream *s, const struct ip_addr *addr, uint16_t port)
{
	return (!s->v4 || s->v4 == addr->v4) && (s->port == UINT32_MAX || s->port == port);
}

static bool takes(const struct trace_stream *s, const struct stack_trace *t)
{
	return t->rport && (end_is(s, &t->laddr, t->lport) || end_is(s, &t->raddr, t->rport));
}

/* --- lines */

static void put_line(struct trace_stream *s, const struct stack_trace *t)
{
	uint32_t l = t->laddr.v4, r = t->raddr.v4;
	uint64_t now = stack_now_us(s->queue.d->stack);
	char words[TRACE_WORDS_MAX], line[LINE_BYTES];

	if (!trace_words(t, words))
		return;
	if (!s->begun) {
		s->begun = true;
		s->begun_us = now;
	}
	now -= s->begun_us;
	int n = snprintf(line, sizeof(line), "%5u.%06u %u.%u.%u.%u:%u %u.%u.%u.%u:%u %s\n",
			 (unsigned)(now / 1000000), (unsigned)(now % 1000000), l >> 24,
			 l >> 16 & 255, l >> 8 & 255, l & 255, t->lport, r >> 24, r >> 16 & 255,
			 r >> 8 & 255, r & 255, t->rport, words);
	void *to = control_queue_put(&s->queue, (size_t)n);
	if (to)
		memcpy(to, line, (size_t)n);
}

/* --- cwnd that grows */

static struct stack_trace *grown_of(struct trace_stream *s, const struct stack_trace *t)
{
	uint32_t h = (t->raddr.v4 * 31 + t->laddr.v4) * 31 + ((uint32_t)t->rport << 16 | t->lport);

	return &s->grown[h * 0x9e3779b1 >> 24 & (GROWN_MAX - 1)];
}

static bool same_connection(const struct stack_trace *a, const struct stack_trace *b)
{
	return a->rport == b->rport && a->lport == b->lport && a->raddr.v4 == b->raddr.v4 &&
	       a->laddr.v4 == b->laddr.v4;
}

static void flush_grown(struct trace_stream *s, struct stack_trace *grown)
{
	if (grown->rport)
		put_line(s, grown);
	grown->rport = 0;
}

static bool just_moves(const struct stack_trace *t)
{
	return t->kind == TRACE_CWND && t->cwnd.ssthresh_from == t->cwnd.ssthresh_to &&
	       (t->cwnd.why == TRACE_SLOW_START || t->cwnd.why == TRACE_AVOIDANCE ||
		t->cwnd.why == TRACE_REDUCTION || t->cwnd.why == TRACE_MODEL);
}

static void take(struct trace_stream *s, const struct stack_trace *t)
{
	struct stack_trace *grown = grown_of(s, t);
	bool known = grown->rport && same_connection(grown, t);

	if (!just_moves(t)) {
		if (known)
			flush_grown(s, grown);
		put_line(s, t);
	} else if (known && grown->cwnd.why == t->cwnd.why) {
		grown->cwnd.to = t->cwnd.to;
	} else {
		flush_grown(s, grown);
		*grown = *t;
	}
}

static void on_event(struct capture_listener *l, const struct stack_trace *t,
		     const struct packet *about)
{
	struct trace_stream *s = container_of(l, struct trace_stream, listener);
	struct stack_trace own = *t;

	if (s->ending)
		return;
	if (t->kind == TRACE_DROP && about && about->tcp) {
		own.laddr = ip_v4(about->dst);
		own.raddr = ip_v4(about->src);
		own.lport = about->dport;
		own.rport = about->sport;
	}
	if (takes(s, &own))
		take(s, &own);
}

/* --- the stream */

static bool next(struct control_stream *stream, struct control_buffer *out)
{
	struct trace_stream *s = container_of(stream, struct trace_stream, stream);
	char line[96];

	if (control_queue_get(&s->queue, out) || !s->ending)
		return true;
	int n = snprintf(line, sizeof(line), "{\"events\":%llu,\"lost\":%llu}\n",
			 (unsigned long long)s->queue.taken, (unsigned long long)s->queue.lost);
	control_append(out, line, (size_t)n);
	return false;
}

static void stop(struct control_stream *stream)
{
	struct trace_stream *s = container_of(stream, struct trace_stream, stream);

	for (unsigned i = 0; i < GROWN_MAX; i++)
		flush_grown(s, &s->grown[i]);
	s->ending = true;
}

static void stream_free(struct control_stream *stream)
{
	struct trace_stream *s = container_of(stream, struct trace_stream, stream);

	capture_unlisten(s->queue.d, &s->listener);
	control_queue_free(&s->queue);
	free(s);
}

/* --- the command */

/* "ADDRESS", ":PORT" or "ADDRESS:PORT" */
static bool parse_connection(struct trace_stream *s, const char *word)
{
	const char *colon = strchr(word, ':');
	size_t len = colon ? (size_t)(colon - word) : strlen(word);
	char address[32];

	if (len >= sizeof(address))
		return false;
	memcpy(address, word, len);
	address[len] = '\0';
	return (len == 0 || config_parse_v4(address, &s->v4)) &&
	       (!colon || parse_u32(colon + 1, 1, 65535, &s->port));
}

json_t *control_trace(struct control_call *call)
{
	struct trace_stream *s = calloc(1, sizeof(*s));
	json_t *error = NULL;

	if (!s)
		return control_error("trace: %s", strerror(ENOMEM));
	s->stream = (struct control_stream){.next = next, .free = stream_free, .stop = stop};
	s->listener.event = on_event;
	s->port = UINT32_MAX;
	if (call->argc > 2)
		error = control_usage(call);
	else if (call->argc == 2 && !parse_connection(s, call->argv[1]))
		error = control_error("trace: %.64s: neither ADDRESS, :PORT nor ADDRESS:PORT",
				      call->argv[1]);
	else if (!control_queue_init(&s->queue, call->d, &s->stream))
		error = control_error("trace: %s", strerror(ENOMEM));
	if (error) {
		free(s);
		return error;
	}
	if (!capture_listen(call->d, &s->listener)) {
		control_queue_free(&s->queue);
		free(s);
		return control_error("trace: %d listen already: no more may",
				     CAPTURE_LISTENERS_MAX);
	}
	call->stream = &s->stream;
	return NULL;
}
