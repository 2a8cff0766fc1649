/* SPDX-License-Identifier: MIT */
/*
 * ss(8)'s filters: "state NAME", "sport = :80", "dst 10.0.0.0/8:443" and so on. Conditions are
 * joined by "and" or nothing; a list with "or" or "not" is refused rather than misread.
 */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ss.h"

#define WORDS_MAX 64

struct words {
	char text[1024];
	char *word[WORDS_MAX + 1]; /* ends with NULL */
	int count;
};

static int fail(const char *what, const char *word)
{
	fprintf(stderr, "xtcpctl: ss: %s: %s\n", word ? word : "the filter", what);
	return CTL_USAGE;
}

/* An argument may hold several words ("( sport = :80 )"); parentheses around a list of conditions
 * that must all hold change nothing. */
static int split(struct words *w, int argc, char **argv)
{
	size_t len = 0;
	char *save = NULL;

	for (int i = 0; i < argc; i++) {
		int n = snprintf(w->text + len, sizeof(w->text) - len, "%s ", argv[i]);
		if (n < 0 || (size_t)n >= sizeof(w->text) - len)
			return fail("too long", NULL);
		len += (size_t)n;
	}
	for (char *s = strtok_r(w->text, " \t()", &save); s; s = strtok_r(NULL, " \t()", &save)) {
		if (w->count == WORDS_MAX)
			return fail("too long", NULL);
		w->word[w->count++] = s;
	}
	return CTL_OK;
}

static int put_port(struct ctl_line *line, const char *key, const char *text)
{
	char number[16];
	char *end;
	long port = strtol(text, &end, 10);

	if (!*text || *end || port < 0 || port > 65535) {
		const struct servent *service = getservbyname(text, "tcp");
		if (!service)
			return fail("neither a port nor a service", text);
		port = (service->s_port & 0xff) << 8 | (service->s_port >> 8 & 0xff);
	}
	snprintf(number, sizeof(number), "%ld", port);
	line_word(line, key);
	line_word(line, number);
	return CTL_OK;
}

/* "A", "A/N", "A:PORT", ":PORT", "*:PORT" */
static int put_endpoint(struct ctl_line *line, bool source, char *text)
{
	char *colon = strrchr(text, ':');

	if (colon)
		*colon = '\0';
	if (*text && strcmp(text, "*") != 0) {
		line_word(line, source ? "src" : "dst");
		line_word(line, text);
	}
	if (!colon || !strcmp(colon + 1, "*"))
		return CTL_OK;
	return put_port(line, source ? "sport" : "dport", colon + 1);
}

static bool is_equals(const char *s)
{
	return s && (!strcmp(s, "=") || !strcmp(s, "==") || !strcmp(s, "eq"));
}

/* The condition at word[i]; *i moves behind it. */
static int condition(struct ctl_line *line, const struct words *w, int *i)
{
	const char *key = w->word[(*i)++];
	bool port = !strcmp(key, "sport") || !strcmp(key, "dport");
	bool address = !strcmp(key, "src") || !strcmp(key, "dst");

	if ((port || address) && is_equals(w->word[*i]))
		(*i)++;
	char *value = w->word[*i];
	if (!value)
		return fail("something is missing after it", key);
	(*i)++;
	if (port)
		return put_port(line, key, value[0] == ':' ? value + 1 : value);
	if (address)
		return put_endpoint(line, !strcmp(key, "src"), value);
	if (strcmp(key, "state") != 0 && strcmp(key, "exclude") != 0)
		return fail("not understood (state, exclude, sport, dport, src, dst)", key);
	line_word(line, key);
	line_word(line, value);
	return CTL_OK;
}

int ss_filter(struct ctl_line *line, int argc, char **argv)
{
	struct words w = {.count = 0};
	int status = split(&w, argc, argv);

	for (int i = 0; status == CTL_OK && i < w.count;) {
		if (!strcmp(w.word[i], "and") || !strcmp(w.word[i], "&&"))
			i++;
		else
			status = condition(line, &w, &i);
	}
	return status;
}
