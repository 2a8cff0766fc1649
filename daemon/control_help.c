/* SPDX-License-Identifier: MIT */
/* `help`: the table of commands. */
#include <string.h>

#include "daemon/control_impl.h"

json_t *control_help(struct control_call *call)
{
	json_t *doc = json_object(), *list = json_array();

	for (const struct control_command *c = control_commands; c->name; c++) {
		if (call->argc > 1 && strcmp(call->argv[1], c->name) != 0)
			continue;
		json_t *row = json_object();
		control_set_string(row, "name", c->name);
		control_set_string(row, "usage", c->usage);
		control_set_string(row, "summary", c->summary);
		json_array_append_new(list, row);
	}
	control_set(doc, "commands", list);
	return doc;
}
