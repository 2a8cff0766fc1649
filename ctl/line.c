/* SPDX-License-Identifier: MIT */
/* A request to xtcpd: words with single spaces between them, in one line. */
#include <stdio.h>
#include <string.h>

#include "ctl/command.h"

void line_word(struct ctl_line *line, const char *word)
{
	size_t need = strlen(word) + (line->len ? 1 : 0);

	if (strchr(word, '\n') || need >= sizeof(line->text) - line->len) {
		line->too_long = true;
		return;
	}
	line->len += (size_t)sprintf(line->text + line->len, "%s%s", line->len ? " " : "", word);
}

void line_words(struct ctl_line *line, int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		line_word(line, argv[i]);
}

int line_check(const struct ctl_line *line)
{
	if (!line->too_long)
		return CTL_OK;
	fprintf(stderr, "xtcpctl: a request is one line of at most %zu bytes\n",
		sizeof(line->text) - 1);
	return CTL_USAGE;
}
