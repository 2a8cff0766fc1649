/* SPDX-License-Identifier: MIT */
/*
 * Which sockets `ss` shows. The names of states and their groups are those of ss(8); without a
 * word about states it shows connections, as ss does: neither listeners nor what is only half
 * made (SYN-RECV) or over (TIME-WAIT, UNCONN).
 */
#include <string.h>

#include "daemon/control_impl.h"
#include "daemon/parse.h"
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

static bool parse_port(const char *s, int *port)
{
	uint32_t n;

	if (!parse_u32(s, 0, 65535, &n))
		return false;
	*port = (int)n;
	return true;
}

/* "A" or "A/N" */
static bool parse_network(const char *s, struct config_address *a)
{
	char copy[32];
	uint32_t n = 32;

	if (strlen(s) >= sizeof(copy))
		return false;
	memcpy(copy, s, strlen(s) + 1);
	char *slash = strchr(copy, '/');
	if (slash && !parse_u32(slash + 1, 0, 32, &n))
		return false;
	if (slash)
		*slash = '\0';
	a->prefix_len = n;
	return config_parse_v4(copy, &a->v4);
}

/* A word that takes another. False: not one of ours, or not a value for it. */
static bool parse_pair(struct ss_filter *f, const char *word, const char *value, bool *first_state)
{
	if (!strcmp(word, "state")) {
		f->states = (*first_state ? 0 : f->states) | bits_of(value);
		*first_state = false;
		return bits_of(value) != 0;
	}
	if (!strcmp(word, "exclude")) {
		f->states = (*first_state ? ALL_BITS : f->states) & ~bits_of(value);
		*first_state = false;
		return bits_of(value) != 0;
	}
	if (!strcmp(word, "sport"))
		return parse_port(value, &f->sport);
	if (!strcmp(word, "dport"))
		return parse_port(value, &f->dport);
	if (!strcmp(word, "src"))
		return parse_network(value, &f->src);
	if (!strcmp(word, "dst"))
		return parse_network(value, &f->dst);
	return false;
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

json_t *ss_filter_parse(struct ss_filter *f, const struct control_call *call)
{
	bool first_state = true;

	*f = (struct ss_filter){
	    .states = CONNECTED_BITS & ~BUCKET_BITS,
	    .sport = -1,
	    .dport = -1,
	};
	for (int i = 1; i < call->argc; i++) {
		const char *word = call->argv[i];
		if (word[0] == '-') {
			if (!parse_flags(f, word + 1))
				return control_usage(call);
		} else if (!strcmp(word, "all")) {
			f->states = ALL_BITS;
		} else if (!strcmp(word, "listening")) {
			f->states = BIT(TCP_LISTEN);
		} else if (!strcmp(word, "info")) {
			f->info = true;
		} else if (i + 1 == call->argc) {
			return control_usage(call);
		} else if (!parse_pair(f, word, call->argv[i + 1], &first_state)) {
			return control_error("ss: not understood: %.64s %.64s", word,
					     call->argv[i + 1]);
		} else {
			i++;
		}
	}
	return NULL;
}

static bool in_network(const struct ip_addr *a, const struct config_address *net)
{
	if (net->prefix_len == 0)
		return true;
	return a->family == ADDR_IPV4 && same_network(a->v4, net->v4, net->prefix_len);
}

bool ss_filter_takes(const struct ss_filter *f, const struct tcp_diag *d)
{
	return (f->states & BIT(d->state)) && (f->sport < 0 || f->sport == d->local.port) &&
	       (f->dport < 0 || f->dport == d->remote.port) &&
	       in_network(&d->local.addr, &f->src) && in_network(&d->remote.addr, &f->dst);
}
