/* SPDX-License-Identifier: MIT */
/*
 * `ps`: what programs were denied, by process (processes.h). Who holds which socket of the stack is
 * in the answer to `ss` and in /proc, where xtcpctl looks.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/address.h"
#include "daemon/control_impl.h"
#include "daemon/processes.h"
#include "rpc/rules.h"

struct ps_stream {
	struct control_rows rows;
	struct daemon *d;
	size_t bytes;
	struct process process[]; /* as it was */
};

static json_t *kernel_note(const struct process_note *note)
{
	json_t *row = json_object();

	control_set_string(row, "use", note->use == RULE_BIND ? "bind" : "connect");
	control_set_v4(row, "address", ntohl(note->addr.sin_addr.s_addr));
	control_set_u64(row, "port", ntohs(note->addr.sin_port));
	control_set_string(row, "rule", note->text);
	control_set_u64(row, "count", note->count);
	return row;
}

static json_t *refused_note(const struct process_note *note)
{
	const char *error = strerrorname_np(note->error);
	json_t *row = json_object();

	control_set_string(row, "call", note->text);
	if (note->level || note->name) {
		control_set(row, "level", json_integer(note->level));
		control_set(row, "name", json_integer(note->name));
	}
	control_set_string(row, "error", error ? error : "?");
	control_set_u64(row, "count", note->count);
	return row;
}

static json_t *row_of(const struct control_rows *rows, size_t i)
{
	const struct process *p = &container_of(rows, struct ps_stream, rows)->process[i];
	json_t *row = json_object(), *kernel = json_array(), *refused = json_array();

	for (unsigned n = 0; n < p->notes; n++) {
		if (p->note[n].kind == NOTE_KERNEL)
			json_array_append_new(kernel, kernel_note(&p->note[n]));
		else
			json_array_append_new(refused, refused_note(&p->note[n]));
	}
	control_set_u64(row, "pid", (uint64_t)p->pid);
	control_set_string(row, "name", p->comm);
	control_set_u64(row, "uid", p->uid);
	control_set(row, "kernel", kernel);
	control_set(row, "refused", refused);
	control_set_u64(row, "missed", p->missed);
	return row;
}

static void ps_free(struct control_stream *stream)
{
	struct ps_stream *s = container_of(stream, struct ps_stream, rows.stream);

	control_release(s->d, s->bytes);
	free(s);
}

json_t *control_ps(struct control_call *call)
{
	struct processes *p = &call->d->processes;

	if (call->argc > 1)
		return control_usage(call);
	processes_sweep(p);
	size_t bytes = sizeof(struct ps_stream) + p->count * sizeof(struct process);
	if (!control_reserve(call->d, bytes))
		return control_error("ps: %s", strerror(ENOBUFS));
	struct ps_stream *s = calloc(1, bytes);
	if (!s) {
		control_release(call->d, bytes);
		return control_error("ps: %s", strerror(ENOMEM));
	}
	s->rows = (struct control_rows){
	    .stream = {.next = control_rows_next, .free = ps_free},
	    .name = "processes",
	    .row = row_of,
	};
	s->d = call->d;
	s->bytes = bytes;
	list_for_each (pos, &p->all)
		s->process[s->rows.count++] = *container_of(pos, struct process, node);
	call->stream = &s->rows.stream;
	return NULL;
}
