/* SPDX-License-Identifier: MIT */
/*
 * `ps`: what programs were denied, by process (processes.h). Who holds which socket of the stack is
 * in the answer to `ss` and in /proc, where xtcpctl looks.
 */
#include <string.h>

#include "daemon/address.h"
#include "daemon/control_impl.h"
#include "daemon/processes.h"
#include "rpc/rules.h"

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

static json_t *row_of(const struct daemon *d, const void *entry)
{
	const struct process *p = entry;
	json_t *row = json_object(), *kernel = json_array(), *refused = json_array();

	(void)d;
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

static void for_each(struct daemon *d, void *table)
{
	list_for_each (pos, &d->processes.all)
		if (!control_table_take(table, container_of(pos, struct process, node)))
			break;
}

static const struct control_table_kind ps_table = {
    .name = "processes",
    .entry_bytes = sizeof(struct process),
    .for_each = for_each,
    .row = row_of,
};

json_t *control_ps(struct control_call *call)
{
	if (call->argc > 1)
		return control_usage(call);
	processes_sweep(&call->d->processes);
	return control_table_show(call, &ps_table);
}
