/* SPDX-License-Identifier: MIT */
/* `neigh`: as ip-neighbour(8); -s adds the times since an entry was used, confirmed, updated. */
#include <stdio.h>
#include <string.h>

#include "ctl/command.h"

static void print_rows(const json_t *doc, bool statistics)
{
	size_t i;
	json_t *row;

	json_array_foreach(json_object_get(doc, "neighbours"), i, row)
	{
		const char *lladdr = get_string(row, "lladdr", NULL);
		printf("%s dev %s ", get_string(row, "dst", "?"), get_string(row, "dev", "?"));
		if (lladdr)
			printf("lladdr %s ", lladdr);
		if (statistics)
			printf("used %lld/%lld/%lld probes %lld queued %lld ",
			       get_int(row, "used_ms") / 1000, get_int(row, "confirmed_ms") / 1000,
			       get_int(row, "updated_ms") / 1000, get_int(row, "probes"),
			       get_int(row, "queued"));
		printf("%s\n", get_string(row, "state", "?"));
	}
}

static void print_plain(const json_t *doc)
{
	print_rows(doc, false);
}

static void print_statistics(const json_t *doc)
{
	print_rows(doc, true);
}

/* "nud permanent", which ip(8) takes, says nothing here: an entry made by hand is. */
static void copy_words(struct ctl_line *line, int argc, char **argv, bool *statistics)
{
	for (int i = 0; i < argc; i++) {
		bool pair = i + 1 < argc;
		if (!strcmp(argv[i], "-s"))
			*statistics = true;
		else if (pair && !strcmp(argv[i], "nud") && !strcmp(argv[i + 1], "permanent"))
			i++;
		else if (!strcmp(argv[i], "list") || !strcmp(argv[i], "ls"))
			line_word(line, "show");
		else if (!strcmp(argv[i], "delete"))
			line_word(line, "del");
		else if (!strcmp(argv[i], "all") && i == 2)
			continue; /* flush all */
		else
			line_word(line, argv[i]);
	}
}

int cmd_neigh(const struct ctl *ctl, int argc, char **argv)
{
	struct ctl_line line = {.len = 0};
	bool statistics = false;

	copy_words(&line, argc, argv, &statistics);
	if (line_check(&line))
		return CTL_USAGE;
	return ctl_show(ctl, line.text, statistics ? print_statistics : print_plain);
}
