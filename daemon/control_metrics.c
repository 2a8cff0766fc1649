/* SPDX-License-Identifier: MIT */
/* `tcp_metrics`: what TCP remembers of other hosts, as ip-tcp_metrics(8) shows and forgets it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/control_impl.h"
#include "daemon/parse.h"

struct metrics_stream {
	struct control_rows rows;
	struct daemon *d;
	size_t cap, reserved_bytes;
	struct tcp_metrics *entry;
};

static json_t *row_of(const struct control_rows *rows, size_t i)
{
	const struct metrics_stream *s = container_of(rows, struct metrics_stream, rows);
	const struct tcp_metrics *m = &s->entry[i];
	uint64_t now = stack_now_us(s->d->stack);
	char hex[2 * TCP_METRICS_COOKIE_MAX + 1] = "";
	json_t *row = json_object();

	for (unsigned b = 0; b < m->cookie_len; b++)
		snprintf(hex + 2 * (size_t)b, 3, "%02x", m->cookie[b]);
	control_set_v4(row, "dst", m->raddr);
	control_set_v4(row, "source", m->laddr);
	control_set_u64(row, "age_ms", now > m->learnt_us ? (now - m->learnt_us) / 1000 : 0);
	control_set_u64(row, "fo_mss", m->fastopen_mss);
	if (m->cookie_len)
		control_set_string(row, "fo_cookie", hex);
	return row;
}

static void metrics_free(struct control_stream *stream)
{
	struct metrics_stream *s = container_of(stream, struct metrics_stream, rows.stream);

	control_release(s->d, s->reserved_bytes);
	free(s->entry);
	free(s);
}

static bool count_entry(void *arg, const struct tcp_metrics *m)
{
	struct metrics_stream *s = arg;

	(void)m;
	s->cap++;
	return true;
}

static bool copy_entry(void *arg, const struct tcp_metrics *m)
{
	struct metrics_stream *s = arg;

	s->entry[s->rows.count++] = *m;
	return s->rows.count < s->cap;
}

static json_t *show(struct control_call *call)
{
	struct metrics_stream *s = calloc(1, sizeof(*s));

	if (!s)
		return control_error("tcp_metrics: %s", strerror(ENOMEM));
	s->rows = (struct control_rows){
	    .stream = {.next = control_rows_next, .free = metrics_free},
	    .name = "tcp_metrics",
	    .row = row_of,
	};
	s->d = call->d;
	tcp_metrics_for_each(call->d->stack, count_entry, s);
	size_t bytes = s->cap * sizeof(*s->entry);
	if (control_reserve(s->d, bytes)) {
		s->reserved_bytes = bytes;
		s->entry = calloc(s->cap, sizeof(*s->entry));
	}
	if (s->cap && !s->entry) {
		metrics_free(&s->rows.stream);
		return control_error("tcp_metrics: %s", strerror(ENOMEM));
	}
	if (s->cap)
		tcp_metrics_for_each(call->d->stack, copy_entry, s);
	call->stream = &s->rows.stream;
	return NULL;
}

static json_t *flush(struct control_call *call)
{
	uint32_t v4;

	if (call->argc == 2) {
		tcp_metrics_flush(call->d->stack, NULL);
		return control_done();
	}
	if (!config_parse_v4(call->argv[2], &v4))
		return control_error("not an IPv4 address: %.64s", call->argv[2]);
	if (tcp_metrics_flush(call->d->stack, &v4) == 0)
		return control_error("there is no entry for %s", call->argv[2]);
	return control_done();
}

json_t *control_metrics(struct control_call *call)
{
	const char *verb = call->argc > 1 ? call->argv[1] : "show";

	if (!strcmp(verb, "show"))
		return call->argc > 2 ? control_usage(call) : show(call);
	json_t *refused = control_refuse_change(call);
	if (refused)
		return refused;
	return !strcmp(verb, "flush") && call->argc <= 3 ? flush(call) : control_usage(call);
}
