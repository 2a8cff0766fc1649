/* SPDX-License-Identifier: MIT */
/* Reading rules and finding the one that decides: see rules.h. */
#include "rpc/rules.h"

#include <string.h>

/* --- words of a line; none is NUL-terminated */

struct word {
	const char *at;
	size_t len;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next word, moving *at over it. False: the line, or what of it is no comment, is over. */
static bool next_word(const char **at, const char *end, struct word *w)
{
	while (*at < end && is_space(**at))
		(*at)++;
	if (*at == end || **at == '#')
		return false;
	w->at = *at;
	while (*at < end && !is_space(**at))
		(*at)++;
	w->len = (size_t)(*at - w->at);
	return true;
}

static bool is(const struct word *w, const char *text)
{
	return w->len == strlen(text) && memcmp(w->at, text, w->len) == 0;
}

/* A decimal number up to max, moving *at over it. */
static bool take_number(const char **at, const char *end, uint32_t max, uint32_t *n)
{
	const char *from = *at;
	uint32_t v = 0;

	for (; *at < end && **at >= '0' && **at <= '9'; (*at)++) {
		v = v * 10 + (uint32_t)(**at - '0');
		if (v > max)
			return false;
	}
	*n = v;
	return *at > from;
}

static bool take_char(const char **at, const char *end, char c)
{
	if (*at == end || **at != c)
		return false;
	(*at)++;
	return true;
}

static bool take_v4(const char **at, const char *end, uint32_t *v4)
{
	uint32_t byte;

	*v4 = 0;
	for (int i = 0; i < 4; i++) {
		if (i > 0 && !take_char(at, end, '.'))
			return false;
		if (!take_number(at, end, 255, &byte))
			return false;
		*v4 = *v4 << 8 | byte;
	}
	return true;
}

/* ADDRESS[/LENGTH] or "any" */
static const char *parse_prefix(const char **at, const char *end, struct rule *rule)
{
	uint32_t length = 32;

	if (end - *at >= 3 && memcmp(*at, "any", 3) == 0) {
		*at += 3;
		length = 0;
	} else if (!take_v4(at, end, &rule->v4)) {
		return "not an IPv4 address, and not \"any\"";
	} else if (take_char(at, end, '/') && !take_number(at, end, 32, &length)) {
		return "a prefix's length is a number from 0 to 32";
	}
	rule->mask = length ? ~0u << (32 - length) : 0;
	rule->v4 &= rule->mask;
	return NULL;
}

/* [:PORT[-PORT]] */
static const char *parse_ports(const char **at, const char *end, struct rule *rule)
{
	static const char wrong[] = "not a port or a range of ports from 0 to 65535";
	uint32_t from = 0, to = 65535;

	if (take_char(at, end, ':')) {
		if (!take_number(at, end, 65535, &from))
			return wrong;
		to = from;
		if (take_char(at, end, '-') && !take_number(at, end, 65535, &to))
			return wrong;
	}
	if (from > to)
		return "a range of ports that ends before it begins";
	rule->port_min = (uint16_t)from;
	rule->port_max = (uint16_t)to;
	return *at == end ? NULL : "nothing may stand behind ADDRESS[/LENGTH][:PORT[-PORT]]";
}

static const char *parse_where(const struct word *w, struct rule *rule)
{
	const char *at = w->at, *end = w->at + w->len;
	const char *why = parse_prefix(&at, end, rule);

	return why ? why : parse_ports(&at, end, rule);
}

static const char *parse_program(const struct word *w, struct rule *rule)
{
	const size_t key = sizeof("program=") - 1;
	size_t len = w->len - key;

	if (rule->program[0])
		return "two programs in one rule";
	if (len == 0 || len >= sizeof(rule->program) || memchr(w->at + key, '/', len) ||
	    memchr(w->at, '\0', w->len))
		return "a program's name has 1 to 63 characters and no /";
	memcpy(rule->program, w->at + key, len);
	return NULL;
}

static const char *parse_condition(const struct word *w, struct rule *rule)
{
	if (w->len >= 8 && memcmp(w->at, "program=", 8) == 0)
		return parse_program(w, rule);
	bool bind = is(w, "bind") || is(w, "listen");
	if (!bind && !is(w, "connect"))
		return "none of bind, connect, program=NAME";
	if (rule->uses)
		return "bind and connect in one rule: leave both out";
	rule->uses = bind ? RULE_BIND : RULE_CONNECT;
	return NULL;
}

/* NULL, or why it is wrong. *found: there was a rule in it. */
static const char *parse_line(const char *at, size_t len, struct rule *rule, bool *found)
{
	const char *end = at + len, *why;
	struct word w;

	memset(rule, 0, sizeof(*rule));
	*found = next_word(&at, end, &w);
	if (!*found)
		return NULL;
	if (is(&w, "kernel"))
		rule->target = RULE_KERNEL;
	else if (!is(&w, "stack"))
		return "a rule begins with stack or kernel";
	if (!next_word(&at, end, &w))
		return "the address is missing (any: every one)";
	why = parse_where(&w, rule);
	while (!why && next_word(&at, end, &w))
		why = parse_condition(&w, rule);
	if (!rule->uses)
		rule->uses = RULE_BOTH;
	return why;
}

/* --- the file */

void rules_init(struct rules *r)
{
	r->count = 0;
	r->error = NULL;
	r->line = 1;
	r->len = 0;
}

static void end_line(struct rules *r)
{
	struct rule rule;
	bool found;
	const char *why = parse_line(r->text, r->len, &rule, &found);

	if (!why && found && r->count == RULES_MAX)
		why = "more than 256 rules";
	if (!why && found) {
		rule.line = r->line;
		r->rule[r->count++] = rule;
	}
	r->error = why;
	r->error_line = r->line++;
	r->len = 0;
}

void rules_feed(struct rules *r, const char *data, size_t len)
{
	for (size_t i = 0; i < len && !r->error; i++) {
		if (data[i] == '\n') {
			end_line(r);
		} else if (r->len < sizeof(r->text)) {
			r->text[r->len++] = data[i];
		} else {
			r->error = "a line has at most 256 characters";
			r->error_line = r->line;
		}
	}
}

void rules_end(struct rules *r)
{
	if (!r->error && r->len)
		end_line(r);
}

/* --- asking */

static bool fits_program(const struct rule *rule, const struct rules_program *who)
{
	return !rule->program[0] || !strcmp(rule->program, who->file) ||
	       !strcmp(rule->program, who->comm);
}

static bool fits_all(const struct rule *rule)
{
	return rule->mask == 0 && rule->port_min == 0 && rule->port_max == 65535 &&
	       rule->uses == RULE_BOTH;
}

const struct rule *rules_find(const struct rules *r, enum rule_use use, uint32_t v4, uint16_t port,
			      const struct rules_program *who)
{
	for (unsigned i = 0; i < r->count; i++) {
		const struct rule *rule = &r->rule[i];
		if (rule->uses & use && (v4 & rule->mask) == rule->v4 && port >= rule->port_min &&
		    port <= rule->port_max && fits_program(rule, who))
			return rule;
	}
	return NULL;
}

enum rule_target rules_default(const struct rules *r, const struct rules_program *who)
{
	for (unsigned i = 0; i < r->count; i++)
		if (fits_all(&r->rule[i]) && fits_program(&r->rule[i], who))
			return (enum rule_target)r->rule[i].target;
	return RULE_STACK;
}

bool rules_may_fall(const struct rules *r, const struct rules_program *who)
{
	for (unsigned i = 0; i < r->count; i++) {
		if (!fits_program(&r->rule[i], who))
			continue;
		if (r->rule[i].target == RULE_KERNEL)
			return true;
		if (fits_all(&r->rule[i]))
			return false;
	}
	return false;
}

bool rules_all_fall(const struct rules *r, const struct rules_program *who)
{
	for (unsigned i = 0; i < r->count; i++) {
		if (!fits_program(&r->rule[i], who))
			continue;
		if (r->rule[i].target == RULE_STACK)
			return false;
		if (fits_all(&r->rule[i]))
			return true;
	}
	return false;
}
