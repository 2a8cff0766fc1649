/* SPDX-License-Identifier: MIT */
/* `tcp_metrics`: as ip-tcp_metrics(8). */
#include <stdio.h>
#include <string.h>

#include "ctl/command.h"

static void print_rows(const json_t *doc)
{
	size_t i;
	json_t *row;

	json_array_foreach(json_object_get(doc, "tcp_metrics"), i, row)
	{
		long long age_ms = get_int(row, "age_ms");
		const char *cookie = get_string(row, "fo_cookie", NULL);
		printf("%s age %lld.%03lldsec fo_mss %lld", get_string(row, "dst", "?"),
		       age_ms / 1000, age_ms % 1000, get_int(row, "fo_mss"));
		if (cookie)
			printf(" fo_cookie %s", cookie);
		printf(" source %s\n", get_string(row, "source", "?"));
	}
}

int cmd_metrics(const struct ctl *ctl, int argc, char **argv)
{
	struct ctl_line line = {.len = 0};

	for (int i = 0; i < argc; i++) {
		if (!strcmp(argv[i], "all") && i == 2)
			continue; /* flush all */
		line_word(&line, argv[i]);
	}
	if (line_check(&line))
		return CTL_USAGE;
	return ctl_show(ctl, line.text, print_rows);
}
