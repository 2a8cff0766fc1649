/* SPDX-License-Identifier: MIT */
/* Conditions of ss: see ss_expression.h. Parsed by descent; only parentheses and "not" nest. */
#include "daemon/ss_expression.h"

#include <stdio.h>
#include <string.h>

#include "daemon/config.h"
#include "daemon/parse.h"

#define DEPTH_MAX 16

struct parser {
	struct ss_expression *e;
	char *const *word;
	int count, at;
	unsigned depth;
	char *why;
	size_t why_size;
};

static bool fail(struct parser *p, const char *about, const char *why)
{
	snprintf(p->why, p->why_size, "%.64s: %s", about, why);
	return false;
}

static const char *peek(const struct parser *p)
{
	return p->at < p->count ? p->word[p->at] : "";
}

static bool accept_word(struct parser *p, const char *a, const char *b, const char *c)
{
	const char *w = peek(p);

	if (!*w || (strcmp(w, a) != 0 && strcmp(w, b) != 0 && strcmp(w, c) != 0))
		return false;
	p->at++;
	return true;
}

static bool put(struct parser *p, struct ss_step step)
{
	if (p->e->steps == SS_STEPS_MAX)
		return fail(p, "the filter", "too long");
	p->e->step[p->e->steps++] = step;
	return true;
}

static bool put_kind(struct parser *p, enum ss_step_kind kind)
{
	return put(p, (struct ss_step){.kind = (uint8_t)kind});
}

/* --- conditions */

enum comparison { EQUAL, DIFFERENT, GREATER, LESS, AT_LEAST, AT_MOST };

/* "=" unless another is there. */
static enum comparison comparison(struct parser *p)
{
	if (accept_word(p, "!=", "ne", "neq"))
		return DIFFERENT;
	if (accept_word(p, ">=", "ge", "geq"))
		return AT_LEAST;
	if (accept_word(p, "<=", "le", "leq"))
		return AT_MOST;
	if (accept_word(p, ">", "gt", "gt"))
		return GREATER;
	if (accept_word(p, "<", "lt", "lt"))
		return LESS;
	accept_word(p, "=", "==", "eq");
	return EQUAL;
}

static bool parse_port(struct parser *p, const char *text, uint16_t *port)
{
	uint32_t n;

	if (!parse_u32(text, 0, 65535, &n))
		return fail(p, text, "not a port, as :80");
	*port = (uint16_t)n;
	return true;
}

/* How ports compare is told in bounds; what is less is what is not at least, so that no range is
 * empty. */
static bool put_port(struct parser *p, bool remote, enum comparison how, uint16_t port)
{
	struct ss_step step = {.kind = SS_PORT, .remote = remote, .low = 0, .high = UINT16_MAX};
	bool negated = how == DIFFERENT || how == GREATER || how == LESS;

	if (how == EQUAL || how == DIFFERENT || how == AT_LEAST || how == LESS)
		step.low = port;
	if (how == EQUAL || how == DIFFERENT || how == AT_MOST || how == GREATER)
		step.high = port;
	return put(p, step) && (!negated || put_kind(p, SS_NOT));
}

static bool parse_network(const char *text, struct ss_step *step)
{
	char copy[32];
	uint32_t len = 32;

	if (!copy_string(copy, sizeof(copy), text))
		return false;
	char *slash = strchr(copy, '/');
	if (slash && !parse_u32(slash + 1, 0, 32, &len))
		return false;
	if (slash)
		*slash = '\0';
	step->prefix_len = (uint8_t)len;
	return config_parse_v4(copy, &step->v4);
}

/* "A", "A/N", "A:PORT", "A/N:PORT", ":PORT", "*:PORT" */
static bool put_endpoint(struct parser *p, bool remote, const char *text)
{
	struct ss_step step = {.kind = SS_ADDRESS, .remote = remote};
	char address[32];
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : strlen(text);
	uint16_t port;

	if (len >= sizeof(address))
		return fail(p, text, "not an address");
	memcpy(address, text, len);
	address[len] = '\0';
	bool any = !*address || !strcmp(address, "*");
	if (!any && !parse_network(address, &step))
		return fail(p, text, "not ADDRESS, ADDRESS/LENGTH or either with :PORT");
	if (!put(p, step)) /* of length 0, if any will do */
		return false;
	if (!colon || !strcmp(colon + 1, "*"))
		return true;
	return parse_port(p, colon + 1, &port) && put_port(p, remote, EQUAL, port) &&
	       put_kind(p, SS_AND);
}

static bool condition(struct parser *p)
{
	const char *key = peek(p);
	bool port = !strcmp(key, "sport") || !strcmp(key, "dport");
	uint16_t n;

	if (!*key)
		return fail(p, "the filter", "it ends too early");
	if (!port && strcmp(key, "src") != 0 && strcmp(key, "dst") != 0)
		return fail(p, key, "not understood (state, exclude, sport, dport, src, dst)");
	p->at++;
	enum comparison how = comparison(p);
	const char *value = peek(p);
	if (!*value)
		return fail(p, key, "something is missing after it");
	p->at++;
	if (port)
		return parse_port(p, value + (value[0] == ':'), &n) &&
		       put_port(p, key[0] == 'd', how, n);
	if (how != EQUAL && how != DIFFERENT)
		return fail(p, key, "an address is = or != another");
	return put_endpoint(p, key[0] == 'd', value) && (how == EQUAL || put_kind(p, SS_NOT));
}

/* --- what joins them */

static bool any_of(struct parser *p);

static bool factor(struct parser *p)
{
	if (p->depth == DEPTH_MAX)
		return fail(p, "the filter", "too deep");
	p->depth++;
	bool ok;
	if (accept_word(p, "not", "!", "!"))
		ok = factor(p) && put_kind(p, SS_NOT);
	else if (accept_word(p, "(", "(", "("))
		ok = any_of(p) &&
		     (accept_word(p, ")", ")", ")") || fail(p, "(", "it is not closed"));
	else
		ok = condition(p);
	p->depth--;
	return ok;
}

static bool ends_list(const char *w)
{
	return !*w || !strcmp(w, ")") || !strcmp(w, "or") || !strcmp(w, "||") || !strcmp(w, "|");
}

static bool all_of(struct parser *p)
{
	if (!factor(p))
		return false;
	while (!ends_list(peek(p))) {
		accept_word(p, "and", "&&", "&");
		if (!factor(p) || !put_kind(p, SS_AND))
			return false;
	}
	return true;
}

static bool any_of(struct parser *p)
{
	if (!all_of(p))
		return false;
	while (accept_word(p, "or", "||", "|"))
		if (!all_of(p) || !put_kind(p, SS_OR))
			return false;
	return true;
}

bool ss_expression_parse(struct ss_expression *e, int argc, char *const *argv, char *why,
			 size_t size)
{
	struct parser p = {.e = e, .word = argv, .count = argc, .why = why, .why_size = size};

	e->steps = 0;
	if (argc == 0)
		return true;
	if (!any_of(&p))
		return false;
	return p.at == argc || fail(&p, peek(&p), "nothing is open that it could close");
}

/* --- a test */

static bool holds(const struct ss_step *s, const struct sock_addr *a)
{
	if (s->kind == SS_PORT)
		return s->low <= a->port && a->port <= s->high;
	return s->prefix_len == 0 ||
	       (a->addr.family == ADDR_IPV4 && same_network(a->addr.v4, s->v4, s->prefix_len));
}

/* The stack is a word, its top the lowest bit: two conditions at least stand between one more bit
 * and SS_STEPS_MAX, so it is never deeper than that. */
bool ss_expression_takes(const struct ss_expression *e, const struct sock_addr *local,
			 const struct sock_addr *remote)
{
	uint64_t bits = 1;

	for (unsigned i = 0; i < e->steps; i++) {
		const struct ss_step *s = &e->step[i];
		if (s->kind == SS_NOT)
			bits ^= 1;
		else if (s->kind == SS_AND)
			bits = (bits >> 1) & (bits | ~(uint64_t)1);
		else if (s->kind == SS_OR)
			bits = (bits >> 1) | (bits & 1);
		else
			bits = bits << 1 | holds(s, s->remote ? remote : local);
	}
	return bits & 1;
}
