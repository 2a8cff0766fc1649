/* SPDX-License-Identifier: MIT */
/*
 * Which sockets `ss` shows. The names of states and their groups are those of ss(8); without a
 * word about states it shows connections, as ss does: neither listeners nor what is only half
 * made (SYN-RECV) or over (TIME-WAIT, UNCONN).
 */
#include <string.h>

#include "daemon/control_impl.h"
#include "stack/tcp/tcp.h"

#define BIT(state) (1u << (state))
#define SYN_RECV_BITS (BIT(TCP_SYN_RECV) | BIT(TCP_NEW_SYN_RECV))
#define ALL_BITS (BIT(TCP_NEW_SYN_RECV + 1) - 2)
#define CONNECTED_BITS (ALL_BITS & ~(BIT(TCP_LISTEN) | BIT(TCP_CLOSE)))
#define BUCKET_BITS (SYN_RECV_BITS | BIT(TCP_TIME_WAIT))

static const struct {
	const char *name;
	uint32_t bits;
} groups[] = {
    {"established", BIT(TCP_ESTABLISHED)},
    {"syn-sent", BIT(TCP_SYN_SENT)},
    {"syn-recv", SYN_RECV_BITS},
    {"fin-wait-1", BIT(TCP_FIN_WAIT1)},
    {"fin-wait-2", BIT(TCP_FIN_WAIT2)},
    {"time-wait", BIT(TCP_TIME_WAIT)},
    {"closed", BIT(TCP_CLOSE)},
    {"unconnected", BIT(TCP_CLOSE)},
    {"close-wait", BIT(TCP_CLOSE_WAIT)},
    {"last-ack", BIT(TCP_LAST_ACK)},
    {"listening", BIT(TCP_LISTEN)},
    {"listen", BIT(TCP_LISTEN)},
    {"closing", BIT(TCP_CLOSING)},
    {"all", ALL_BITS},
    {"connected", CONNECTED_BITS},
    {"synchronized", CONNECTED_BITS & ~BIT(TCP_SYN_SENT)},
    {"bucket", BUCKET_BITS},
    {"big", ALL_BITS & ~BUCKET_BITS},
};

const char *ss_state_name(unsigned state)
{
	static const char *const names[] = {
	    [TCP_ESTABLISHED] = "ESTAB",    [TCP_SYN_SENT] = "SYN-SENT",
	    [TCP_SYN_RECV] = "SYN-RECV",    [TCP_FIN_WAIT1] = "FIN-WAIT-1",
	    [TCP_FIN_WAIT2] = "FIN-WAIT-2", [TCP_TIME_WAIT] = "TIME-WAIT",
	    [TCP_CLOSE] = "UNCONN",	    [TCP_CLOSE_WAIT] = "CLOSE-WAIT",
	    [TCP_LAST_ACK] = "LAST-ACK",    [TCP_LISTEN] = "LISTEN",
	    [TCP_CLOSING] = "CLOSING",	    [TCP_NEW_SYN_RECV] = "SYN-RECV",
	};
	const char *name = state < sizeof(names) / sizeof(names[0]) ? names[state] : NULL;

	return name ? name : "UNKNOWN";
}

static uint32_t bits_of(const char *name)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (!strcmp(groups[i].name, name))
			return groups[i].bits;
	return 0;
}

/* "state NAME" or "exclude NAME": the first one replaces what is shown otherwise. */
static bool parse_state(struct ss_filter *f, const char *word, const char *name, bool *first)
{
	bool state = !strcmp(word, "state");
	uint32_t bits = bits_of(name);

	if (*first)
		f->states = state ? 0 : ALL_BITS;
	*first = false;
	f->states = state ? f->states | bits : f->states & ~bits;
	return bits != 0;
}

/* "-ltn", as fingers have it: what says which sockets and what of them; the rest is layout. */
static bool parse_flags(struct ss_filter *f, const char *letters)
{
	for (; *letters; letters++) {
		if (!strchr("altnpioe4H", *letters))
			return false;
		if (*letters == 'a')
			f->states = ALL_BITS;
		else if (*letters == 'l')
			f->states = BIT(TCP_LISTEN);
		else if (*letters == 'i')
			f->info = true;
	}
	return true;
}

/* What joins a state to the conditions joins nothing there. */
static bool is_and(const char *word)
{
	return !strcmp(word, "and") || !strcmp(word, "&&") || !strcmp(word, "&");
}

/* States and flags, wherever they stand; what is left is the expression. */
json_t *ss_filter_parse(struct ss_filter *f, const struct control_call *call)
{
	char *rest[CONTROL_WORDS_MAX] = {NULL};
	char why[160];
	bool first_state = true;
	int left = 0;

	*f = (struct ss_filter){.states = CONNECTED_BITS & ~BUCKET_BITS};
	for (int i = 1; i < call->argc; i++) {
		char *word = call->argv[i];
		if (word[0] == '-') {
			if (!parse_flags(f, word + 1))
				return control_usage(call);
		} else if (!strcmp(word, "all")) {
			f->states = ALL_BITS;
		} else if (!strcmp(word, "listening")) {
			f->states = BIT(TCP_LISTEN);
		} else if (!strcmp(word, "info")) {
			f->info = true;
		} else if (!strcmp(word, "kill")) {
			f->kill = true;
		} else if (!strcmp(word, "state") || !strcmp(word, "exclude")) {
			if (++i == call->argc)
				return control_usage(call);
			if (!parse_state(f, word, call->argv[i], &first_state))
				return control_misused(
				    control_error("ss: no such state: %.64s", call->argv[i]));
			if (left > 0 && is_and(rest[left - 1]))
				left--;
		} else if (left > 0 || !is_and(word)) {
			rest[left++] = word;
		}
	}
	if (!ss_expression_parse(&f->expression, left, rest, why, sizeof(why)))
		return control_misused(control_error("ss: %s", why));
	f->chosen = left > 0 || !first_state;
	return NULL;
}

bool ss_filter_takes(const struct ss_filter *f, const struct tcp_diag *d)
{
	return (f->states & BIT(d->state)) &&
	       ss_expression_takes(&f->expression, &d->local, &d->remote);
}
