/* SPDX-License-Identifier: MIT */
/*
 * What the files of the control socket share: a call, its answer, the table of commands.
 *
 * A command returns its document at once or, where that would keep the loop for too long, leaves a
 * stream in the call: the document is then made piece by piece, each piece when the client has
 * taken the one before.
 */
#ifndef XTCP_DAEMON_CONTROL_IMPL_H
#define XTCP_DAEMON_CONTROL_IMPL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/daemon.h"
#include "daemon/ss_expression.h"

#define CONTROL_LINE_MAX 1024 /* bytes of a request, its newline not counted */
#define CONTROL_WORDS_MAX 64

/* Bytes on their way to a client. */
struct control_buffer {
	char *data;
	size_t sent, len, cap;
	bool failed; /* memory was short: what is there is not whole */
};

struct control_client;

struct control_stream {
	/* Appends the next piece; false: that was the last. True with nothing appended: there is
	 * nothing now, control_stream_wake() says when there is. */
	bool (*next)(struct control_stream *s, struct control_buffer *out);
	void (*free)(struct control_stream *s);
	/* The client will say no more: what is endless ends. NULL: it ends by itself. */
	void (*stop)(struct control_stream *s);
	struct control_client *client; /* control.c's own: who waits */
};

struct control_call {
	struct daemon *d;
	int argc;
	char *argv[CONTROL_WORDS_MAX]; /* argv[0]: the command */
	bool may_change;
	struct control_stream *stream; /* set by a command that returns NULL */
};

struct control_command {
	const char *name, *usage, *summary;
	json_t *(*run)(struct control_call *call);
};

extern const struct control_command control_commands[]; /* ends with a NULL name */

/* --- control_call.c */
/* Carries out one request. The answer is in *out, or the beginning of it, with *stream set. */
void control_execute(struct daemon *d, char *line, bool may_change, struct control_buffer *out,
		     struct control_stream **stream);
json_t *control_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* NULL, or the error that says who may change what. */
json_t *control_refuse_change(const struct control_call *call);
/* Says of an error that it is about the words of the request ("usage":true); the error. */
json_t *control_misused(json_t *error);
/* Takes "dev NAME" out of the words: there is one link. NULL, or the error for another. */
json_t *control_take_dev(struct control_call *call);
/* The error for words a command does not take. */
json_t *control_usage(const struct control_call *call);
json_t *control_done(void);

/* --- control.c */
/* Memory for answers that are made piece by piece is bounded for all clients together. */
bool control_reserve(struct daemon *d, size_t bytes);
void control_release(struct daemon *d, size_t bytes);

void control_stream_wake(struct control_stream *s);

/* --- control_rows.c: {"NAME":[row, row...]}, a few rows a piece */
struct control_rows {
	struct control_stream stream;
	const char *name;
	size_t count, done;
	json_t *(*row)(struct control_rows *rows, size_t i);
};
bool control_rows_next(struct control_stream *s, struct control_buffer *out);

/* --- control_table.c: such a list of a whole table, as it is at the call */
struct control_table_kind {
	const char *name; /* the list's */
	size_t entry_bytes;
	/* Hands each entry to control_table_take(table, entry), until that says false. */
	void (*for_each)(struct daemon *d, void *table);
	json_t *(*row)(const struct daemon *d, const void *entry);
};
json_t *control_table_show(struct control_call *call, const struct control_table_kind *kind);
bool control_table_take(void *table, const void *entry);

/* --- control_queue.c: what is on its way to a client that listens, bounded; what finds no room is
 * lost, and counted */
struct control_queue {
	struct daemon *d;
	struct control_stream *stream;
	struct list records;
	size_t bytes, reserved_bytes;
	uint64_t taken, lost;
};
bool control_queue_init(struct control_queue *q, struct daemon *d, struct control_stream *stream);
void control_queue_free(struct control_queue *q);
/* Room for a record of len bytes, to be filled now; NULL: it is lost. */
void *control_queue_put(struct control_queue *q, size_t len);
/* Appends as many as make a piece. False: there are none. */
bool control_queue_get(struct control_queue *q, struct control_buffer *out);

/* --- control_json.c */
void control_append(struct control_buffer *b, const char *data, size_t len);
void control_append_json(struct control_buffer *b, const json_t *doc);
void control_buffer_free(struct control_buffer *b);
/* Adds value (owned from here on, NULL when memory is short) to an object. */
void control_set(json_t *object, const char *key, json_t *value);
void control_set_u64(json_t *object, const char *key, uint64_t value);
void control_set_string(json_t *object, const char *key, const char *value);
void control_set_v4(json_t *object, const char *key, uint32_t v4);
void control_set_mac(json_t *object, const char *key, const struct mac_addr *mac);

/* --- control_tcp_info.c */
struct tcp_info;
json_t *control_tcp_info(const struct tcp_info *info);

/* --- control_ss_filter.c */
struct ss_filter {
	uint32_t states; /* 1 << enum tcp_state */
	bool info;
	bool kill;   /* those that fit are ended, and shown if they were */
	bool chosen; /* a state was named, or a condition */
	struct ss_expression expression;
};
/* From the words after "ss". NULL, or the error. */
json_t *ss_filter_parse(struct ss_filter *f, const struct control_call *call);
struct tcp_diag;
bool ss_filter_takes(const struct ss_filter *f, const struct tcp_diag *d);
const char *ss_state_name(unsigned state); /* as ss prints it: "ESTAB" */

/* --- the commands, a file each */
json_t *control_capture(struct control_call *call);
json_t *control_help(struct control_call *call);
json_t *control_limits(struct control_call *call);
json_t *control_link(struct control_call *call);
json_t *control_neigh(struct control_call *call);
json_t *control_metrics(struct control_call *call);
json_t *control_nstat(struct control_call *call);
json_t *control_ps(struct control_call *call);
json_t *control_route(struct control_call *call);
json_t *control_ss(struct control_call *call);
json_t *control_status(struct control_call *call);
json_t *control_sysctl(struct control_call *call);
json_t *control_trace(struct control_call *call);

#endif
