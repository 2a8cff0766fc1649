/* SPDX-License-Identifier: MIT */
/* `sysctl`: as sysctl(8): names read, NAME=VALUE writes, -a lists, -n prints values alone. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "ctl/command.h"

static void print_values(const json_t *doc)
{
	const char *key;
	json_t *value;

	json_object_foreach(json_object_get(doc, "sysctls"), key, value)
	    printf("%s = %s\n", key, json_string_value(value));
}

static void print_values_alone(const json_t *doc)
{
	const char *key;
	json_t *value;

	json_object_foreach(json_object_get(doc, "sysctls"), key, value)
	    puts(json_string_value(value));
}

/* As sysctl(8), a name may be written with slashes. */
static void put_dots(char *word)
{
	for (char *c = word; *c && *c != '='; c++)
		*c = *c == '/' ? '.' : *c;
}

static int one(const struct ctl *ctl, const char *word, bool names)
{
	struct ctl_line line = {.len = 0};

	line_word(&line, "sysctl");
	if (word)
		line_word(&line, word);
	if (line_check(&line))
		return CTL_USAGE;
	return ctl_show(ctl, line.text, names ? print_values : print_values_alone);
}

int cmd_sysctl(const struct ctl *ctl, int argc, char **argv)
{
	bool names = true, all = false;
	int c, status = CTL_OK;

	optind = 0;
	opterr = 0;
	while ((c = getopt(argc, argv, "+anw")) != -1) {
		if (c == '?')
			return help_wrong_flag(argv);
		names &= c != 'n';
		all |= c == 'a';
	}
	if (all || optind == argc)
		return one(ctl, NULL, names);
	for (int i = optind; i < argc; i++) {
		put_dots(argv[i]);
		int s = one(ctl, argv[i], names);
		status = s ? s : status;
	}
	return status;
}
