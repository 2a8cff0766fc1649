/* SPDX-License-Identifier: MIT */
/* `help`: our own commands; `help COMMAND`: that one, as xtcpctl and as the control socket take
 * it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/command.h"

static void print_all(void)
{
	puts("Usage: xtcpctl [--json] [--socket PATH] COMMAND [ARGUMENT...]\n"
	     "Shows and changes the state of xtcpd, in the words of ss, nstat and ip.\n");
	for (const struct ctl_command *c = ctl_commands; c->name; c++)
		printf("  %-11s %s\n", c->name, c->summary);
	puts("\n"
	     "  -j, --json       print the answer as JSON\n"
	     "      --socket P   the control socket (XTCP_CONTROL, /run/xtcp/control.sock)\n"
	     "  -V, --version\n"
	     "\n"
	     "xtcpctl help COMMAND tells more. Exit status: 0; 1 xtcpd refused; 2 wrong usage;\n"
	     "3 xtcpd cannot be reached.");
}

void help_print(const struct ctl_command *c)
{
	printf("%s: %s\nUsage: xtcpctl %s\n", c->name, c->summary, c->usage);
}

int help_wrong(const char *command, const char *word, const char *why)
{
	fprintf(stderr, "xtcpctl: %s: %s: %s (xtcpctl help %s)\n", command, word, why, command);
	return CTL_USAGE;
}

int help_no_arguments(int argc, char **argv)
{
	bool shows = argc == 2 && (!strcmp(argv[1], "show") || !strcmp(argv[1], "list") ||
				   !strcmp(argv[1], "ls"));

	return argc < 2 || shows ? CTL_OK : help_wrong(argv[0], argv[1], "not understood");
}

int help_wrong_flag(char **argv)
{
	char flag[3] = {'-', (char)optopt, '\0'};

	/* a long one: getopt_long() has moved behind it */
	return help_wrong(argv[0], optopt ? flag : argv[optind - 1], "a flag it does not have");
}

static void print_wire(const json_t *doc)
{
	const json_t *list = json_object_get(doc, "commands");
	size_t i;
	json_t *row;

	json_array_foreach(list, i, row)
	    printf("By hand (a line to the control socket):\n  %s\n", get_string(row, "usage", ""));
}

int cmd_help(const struct ctl *ctl, int argc, char **argv)
{
	const struct ctl_command *c = ctl_commands;
	struct ctl_line line = {.len = 0};

	if (ctl->json && argc > 0) {
		line_words(&line, argc, argv);
		return line_check(&line) ? CTL_USAGE : ctl_show(ctl, line.text, print_wire);
	}
	if (argc < 2) {
		print_all();
		return CTL_OK;
	}
	while (c->name && strcmp(c->name, argv[1]) != 0)
		c++;
	if (!c->name) {
		fprintf(stderr, "xtcpctl: %s: no such command (xtcpctl help)\n", argv[1]);
		return CTL_USAGE;
	}
	help_print(c);
	return CTL_OK;
}
