/* SPDX-License-Identifier: MIT */
/*
 * ss(8)'s filters: "state NAME", "( sport = :80 or dst 10.0.0.0/8:443 )" and so on, as words for xtcpd,
 * which knows what they mean. What only this side has is the names of services.
 */
#include <ctype.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ss.h"

#define WORD_MAX 128

/* The next word of *text, which is passed: a parenthesis, or what stands between blanks and those.
 * False: there is none. */
static bool next_word(const char **text, char word[WORD_MAX])
{
	*text += strspn(*text, " \t\n");
	size_t len = strchr("()", **text) ? 1 : strcspn(*text, " \t\n()");

	if (!**text)
		return false;
	snprintf(word, WORD_MAX, "%.*s", (int)(len < WORD_MAX ? len : WORD_MAX), *text);
	*text += len;
	return true;
}

/* A service at `port` becomes its number; what is none is left to xtcpd. */
static void resolve(char word[WORD_MAX], char *port)
{
	const struct servent *service =
	    isalpha((unsigned char)*port) ? getservbyname(port, "tcp") : NULL;

	if (service)
		snprintf(port, WORD_MAX - (size_t)(port - word), "%u",
			 (unsigned)((service->s_port & 0xff) << 8 | (service->s_port >> 8 & 0xff)));
}

static bool is_comparison(const char *word)
{
	return strspn(word, "=!<>") == strlen(word) || !strcmp(word, "eq") || !strcmp(word, "ne") ||
	       !strcmp(word, "neq") || !strcmp(word, "gt") || !strcmp(word, "lt") ||
	       !strcmp(word, "ge") || !strcmp(word, "geq") || !strcmp(word, "le") ||
	       !strcmp(word, "leq");
}

void ss_filter(struct ctl_line *line, int argc, char **argv)
{
	char word[WORD_MAX];
	bool port_follows = false;

	for (int i = 0; i < argc; i++)
		for (const char *text = argv[i]; next_word(&text, word);) {
			char *colon = strrchr(word, ':');
			bool value = !is_comparison(word);
			if (value && (colon || port_follows))
				resolve(word, colon ? colon + 1 : word);
			if (value)
				port_follows = !strcmp(word, "sport") || !strcmp(word, "dport");
			line_word(line, word);
		}
}
