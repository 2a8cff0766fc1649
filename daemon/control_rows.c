/* SPDX-License-Identifier: MIT */
/*
 * A document that is one long list, made a few rows at a time: what its maker has copied must hold
 * until the last of them, since the table it comes from changes meanwhile.
 */
#include <string.h>

#include "daemon/control_impl.h"

#define PIECE_ROWS 32

static void append_text(struct control_buffer *out, const char *text)
{
	control_append(out, text, strlen(text));
}

bool control_rows_next(struct control_stream *s, struct control_buffer *out)
{
	struct control_rows *rows = container_of(s, struct control_rows, stream);
	size_t left = rows->count - rows->done;
	size_t end = rows->done + (left > PIECE_ROWS ? PIECE_ROWS : left);

	if (rows->done == 0) {
		append_text(out, "{\"");
		append_text(out, rows->name);
		append_text(out, "\":[");
	}
	for (; rows->done < end; rows->done++) {
		json_t *row = rows->row(rows, rows->done);
		if (rows->done)
			append_text(out, ",");
		control_append_json(out, row);
		json_decref(row);
	}
	if (rows->done < rows->count)
		return true;
	append_text(out, "]}\n");
	return false;
}
