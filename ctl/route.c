/* SPDX-License-Identifier: MIT */
/* `route`: as ip-route(8). */
#include <stdio.h>
#include <string.h>

#include "ctl/command.h"

static void print_word(const json_t *row, const char *key, const char *name)
{
	const json_t *value = json_object_get(row, key);

	if (json_is_string(value))
		printf("%s %s ", name, json_string_value(value));
	else if (json_is_integer(value))
		printf("%s %lld ", name, (long long)json_integer_value(value));
}

static void print_routes(const json_t *doc)
{
	size_t i;
	json_t *row;

	json_array_foreach(json_object_get(doc, "routes"), i, row)
	{
		const char *protocol = get_string(row, "protocol", "static");
		const char *type = get_string(row, "type", NULL);
		printf("%s%s%s ", type ? type : "", type ? " " : "", get_string(row, "dst", "?"));
		print_word(row, "gateway", "via");
		print_word(row, "dev", "dev");
		if (!strcmp(protocol, "kernel"))
			printf("proto kernel ");
		print_word(row, "scope", "scope");
		print_word(row, "prefsrc", "src");
		print_word(row, "metric", "metric");
		print_word(row, "mtu", "mtu");
		print_word(row, "advmss", "advmss");
		print_word(row, "window", "window");
		print_word(row, "initcwnd", "initcwnd");
		putchar('\n');
	}
}

int cmd_route(const struct ctl *ctl, int argc, char **argv)
{
	struct ctl_line line = {.len = 0};

	for (int i = 0; i < argc; i++) {
		if (i == 1 && (!strcmp(argv[i], "list") || !strcmp(argv[i], "ls")))
			line_word(&line, "show");
		else if (i == 1 && !strcmp(argv[i], "delete"))
			line_word(&line, "del");
		else
			line_word(&line, argv[i]);
	}
	return line_check(&line) ? CTL_USAGE : ctl_show(ctl, line.text, print_routes);
}
