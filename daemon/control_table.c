/* SPDX-License-Identifier: MIT */
/*
 * A list that shows a table of the daemon's: the table is walked twice, to count its entries and to
 * copy them, so that the rows made later are all of one moment.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/control_impl.h"

struct control_table {
	struct control_rows rows; /* its count is that of the copied entries */
	const struct control_table_kind *kind;
	struct daemon *d;
	size_t cap, reserved_bytes;
	uint8_t *entry; /* cap of them; NULL while they are counted */
};

static void table_free(struct control_stream *stream)
{
	struct control_table *t = container_of(stream, struct control_table, rows.stream);

	control_release(t->d, t->reserved_bytes);
	free(t->entry);
	free(t);
}

static json_t *row_of(struct control_rows *rows, size_t i)
{
	const struct control_table *t = container_of(rows, struct control_table, rows);

	return t->kind->row(t->d, t->entry + i * t->kind->entry_bytes);
}

bool control_table_take(void *table, const void *entry)
{
	struct control_table *t = table;
	size_t bytes = t->kind->entry_bytes;

	if (!t->entry) {
		t->cap++;
		return true;
	}
	memcpy(t->entry + t->rows.count * bytes, entry, bytes);
	return ++t->rows.count < t->cap;
}

/* Room for as many entries as were counted. */
static int table_reserve(struct control_table *t)
{
	size_t bytes = t->cap * t->kind->entry_bytes;

	if (!control_reserve(t->d, bytes))
		return -ENOBUFS;
	t->reserved_bytes = bytes;
	t->entry = calloc(t->cap, t->kind->entry_bytes);
	return t->entry ? 0 : -ENOMEM;
}

json_t *control_table_show(struct control_call *call, const struct control_table_kind *kind)
{
	struct control_table *t = calloc(1, sizeof(*t));

	if (!t)
		return control_error("%s: %s", call->argv[0], strerror(ENOMEM));
	*t = (struct control_table){
	    .rows = {.stream = {.next = control_rows_next, .free = table_free},
		     .name = kind->name,
		     .row = row_of},
	    .kind = kind,
	    .d = call->d,
	};
	kind->for_each(t->d, t);
	if (t->cap) {
		int err = table_reserve(t);
		if (err < 0) {
			table_free(&t->rows.stream);
			return control_error("%s: %s", call->argv[0], strerror(-err));
		}
		kind->for_each(t->d, t);
	}
	call->stream = &t->rows.stream;
	return NULL;
}
