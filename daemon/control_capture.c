/* SPDX-License-Identifier: MIT */
/*
 * `capture`: frames with their comments, as pcapng or as lines of text, for as long as the client
 * listens or until `count` of them. The end tells what was lost because the client was slow: the
 * statistics block of pcapng, or {"captured":N,"lost":N} after the lines.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/control_impl.h"
#include "daemon/parse.h"

#define SNAP_DEFAULT_BYTES 262144
#define LINE_BYTES (PACKET_LINE_MAX + 2 * CAPTURE_COMMENT_MAX + 64)

struct capture_stream {
	struct control_stream stream;
	struct capture_listener listener;
	struct control_queue queue;
	struct packet_filter filter;
	uint32_t count; /* 0: no end */
	bool text, begun, ending;
	struct packet_flows flows;
};

/* --- packets */

static void put_pcapng(struct capture_stream *s, const struct captured *c)
{
	struct pcapng_packet p = {
	    .time_us = c->time_us,
	    .data = c->data,
	    .len = c->len < s->listener.snap_bytes ? c->len : s->listener.snap_bytes,
	    .orig_len = c->orig_len,
	    .comment = c->comment_len ? c->comment : NULL,
	    .direction = c->direction,
	};
	void *to = control_queue_put(&s->queue, pcapng_packet_bytes(&p));

	if (to)
		pcapng_packet(to, &p);
}

/* "  # one; another", or nothing; its length. `to` has room for twice what comments may be. */
static size_t join_comments(char *to, const char *comment)
{
	char *at = to;

	if (!*comment)
		return 0;
	at += sprintf(at, "  # ");
	for (; *comment; comment++) {
		*at++ = *comment == '\n' ? ';' : *comment;
		if (*comment == '\n')
			*at++ = ' ';
	}
	return (size_t)(at - to);
}

static void put_text(struct capture_stream *s, const struct captured *c)
{
	char packet[PACKET_LINE_MAX], clock[16], line[LINE_BYTES];
	time_t second = (time_t)(c->time_us / 1000000);
	struct tm tm;

	packet_print(&c->packet, c->data, c->len, &s->flows, packet);
	localtime_r(&second, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	int n =
	    snprintf(line, sizeof(line), "%s.%06u %-3s %s", clock, (unsigned)(c->time_us % 1000000),
		     c->direction == PCAPNG_IN ? "In" : "Out", packet);
	size_t len = (size_t)n + join_comments(line + n, c->comment);
	line[len++] = '\n';
	void *to = control_queue_put(&s->queue, len);
	if (to)
		memcpy(to, line, len);
}

static void on_packet(struct capture_listener *l, const struct captured *c)
{
	struct capture_stream *s = container_of(l, struct capture_stream, listener);

	if (s->ending ||
	    !packet_filter_takes(&s->filter, &c->packet, c->dropped, c->comment_len > 0))
		return;
	if (s->text)
		put_text(s, c);
	else
		put_pcapng(s, c);
	if (s->count && s->queue.taken + s->queue.lost >= s->count)
		s->ending = true;
}

/* --- the stream */

static void append_begin(struct capture_stream *s, struct control_buffer *out)
{
	uint8_t block[PCAPNG_BEGIN_BYTES];
	size_t len = pcapng_begin(block, s->queue.d->link.name);

	control_append(out, (const char *)block, len);
}

static void append_end(struct capture_stream *s, struct control_buffer *out)
{
	uint64_t taken = s->queue.taken, lost = s->queue.lost;
	uint8_t block[PCAPNG_STATS_BYTES];
	struct timespec now;
	char line[96];

	clock_gettime(CLOCK_REALTIME, &now);
	uint64_t now_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	if (!s->text) {
		size_t len = pcapng_stats(block, now_us, taken + lost, lost);
		control_append(out, (const char *)block, len);
		return;
	}
	int n = snprintf(line, sizeof(line), "{\"captured\":%llu,\"lost\":%llu}\n",
			 (unsigned long long)taken, (unsigned long long)lost);
	control_append(out, line, (size_t)n);
}

static bool next(struct control_stream *stream, struct control_buffer *out)
{
	struct capture_stream *s = container_of(stream, struct capture_stream, stream);

	if (!s->begun && !s->text)
		append_begin(s, out);
	s->begun = true;
	if (control_queue_get(&s->queue, out) || !s->ending)
		return true;
	append_end(s, out);
	return false;
}

static void stop(struct control_stream *stream)
{
	container_of(stream, struct capture_stream, stream)->ending = true;
}

static void stream_free(struct control_stream *stream)
{
	struct capture_stream *s = container_of(stream, struct capture_stream, stream);

	capture_unlisten(s->queue.d, &s->listener);
	control_queue_free(&s->queue);
	free(s);
}

/* --- the command */

/* [pcapng | text] [count N] [snap BYTES]: the index of the first word behind them, or *error. */
static int parse_flags(struct capture_stream *s, const struct control_call *call, json_t **error)
{
	uint32_t snap;
	int i = 1;

	for (; i < call->argc && !*error; i++) {
		bool pair = i + 1 < call->argc;
		if (!strcmp(call->argv[i], "pcapng")) {
			s->text = false;
		} else if (!strcmp(call->argv[i], "text")) {
			s->text = true;
		} else if (pair && !strcmp(call->argv[i], "count")) {
			if (!parse_u32(call->argv[++i], 1, UINT32_MAX, &s->count))
				*error = control_error("count: not a number above 0");
		} else if (pair && !strcmp(call->argv[i], "snap")) {
			if (!parse_u32(call->argv[++i], 64, SNAP_DEFAULT_BYTES, &snap))
				*error = control_error("snap: not a number from 64 to %d",
						       SNAP_DEFAULT_BYTES);
			else
				s->listener.snap_bytes = snap;
		} else {
			break;
		}
	}
	return i;
}

json_t *control_capture(struct control_call *call)
{
	struct capture_stream *s = calloc(1, sizeof(*s));
	json_t *error = NULL;
	char why[256];

	if (!call->may_change) {
		free(s);
		return control_error("capture: for root and the user of xtcpd only");
	}
	if (!s)
		return control_error("capture: %s", strerror(ENOMEM));
	s->stream = (struct control_stream){.next = next, .free = stream_free, .stop = stop};
	s->listener.packet = on_packet;
	s->listener.snap_bytes = SNAP_DEFAULT_BYTES;
	int at = parse_flags(s, call, &error);
	const char *wrong =
	    packet_filter_parse(&s->filter, call->argc - at, call->argv + at, why, sizeof(why));
	if (!error && wrong)
		error = control_error("capture: %s", wrong);
	if (!error && !control_queue_init(&s->queue, call->d, &s->stream))
		error = control_error("capture: %s", strerror(ENOMEM));
	if (error) {
		free(s);
		return error;
	}
	if (!capture_listen(call->d, &s->listener)) {
		control_queue_free(&s->queue);
		free(s);
		return control_error("capture: %d listen already: no more may",
				     CAPTURE_LISTENERS_MAX);
	}
	call->stream = &s->stream;
	return NULL;
}
