/* SPDX-License-Identifier: MIT */
/* Which packets a capture is about: see packet.h. */
#include <stdio.h>
#include <string.h>

#include "daemon/config.h"
#include "daemon/packet.h"
#include "daemon/parse.h"

static const struct {
	const char *name, *takes;
} words[] = {
    [PACKET_HOST] = {"host", "an IPv4 address"},
    [PACKET_PORT] = {"port", "a number from 0 to 65535"},
    [PACKET_TCP] = {"tcp", NULL},
    [PACKET_ICMP] = {"icmp", NULL},
    [PACKET_ARP] = {"arp", NULL},
    [PACKET_DROP] = {"drop", NULL},
    [PACKET_COMMENT] = {"comment", NULL},
};
#define WORDS (int)(sizeof(words) / sizeof(words[0]))

static bool read_value(struct packet_condition *c, const char *value)
{
	return c->what == PACKET_HOST ? config_parse_v4(value, &c->value)
				      : parse_u32(value, 0, 65535, &c->value);
}

/* One condition at argv[*i]; *i moves behind it. */
static const char *parse_condition(struct packet_condition *c, int argc, char **argv, int *i,
				   char *why, size_t why_len)
{
	const char *word = argv[(*i)++];
	int what = 0;

	while (what < WORDS && strcmp(words[what].name, word) != 0)
		what++;
	if (what == WORDS) {
		snprintf(why, why_len,
			 "%.48s: a filter has host ADDRESS, port N, tcp, icmp, arp, drop, comment, "
			 "joined by and",
			 word);
		return why;
	}
	*c = (struct packet_condition){.what = what};
	if (!words[what].takes || (*i < argc && read_value(c, argv[(*i)++])))
		return NULL;
	snprintf(why, why_len, "after %s comes %s", word, words[what].takes);
	return why;
}

const char *packet_filter_parse(struct packet_filter *f, int argc, char **argv, char *why,
				size_t why_len)
{
	f->count = 0;
	for (int i = 0; i < argc;) {
		if (f->count == PACKET_CONDITIONS_MAX)
			return "a filter has at most 16 conditions";
		const char *wrong =
		    parse_condition(&f->condition[f->count++], argc, argv, &i, why, why_len);
		if (wrong)
			return wrong;
		if (i == argc)
			return NULL;
		if (strcmp(argv[i], "and") != 0) {
			snprintf(why, why_len, "%.48s: conditions are joined by and", argv[i]);
			return why;
		}
		if (++i == argc)
			return "after and comes another condition";
	}
	return NULL;
}

static bool holds(const struct packet_condition *c, const struct packet *p, bool dropped,
		  bool commented)
{
	switch (c->what) {
	case PACKET_HOST:
		return (p->ipv4 || p->arp) && (p->src == c->value || p->dst == c->value);
	case PACKET_PORT:
		return p->tcp && (p->sport == c->value || p->dport == c->value);
	case PACKET_TCP:
		return p->tcp;
	case PACKET_ICMP:
		return p->icmp;
	case PACKET_ARP:
		return p->arp;
	case PACKET_DROP:
		return dropped;
	case PACKET_COMMENT:
		return commented;
	}
	return false;
}

bool packet_filter_takes(const struct packet_filter *f, const struct packet *p, bool dropped,
			 bool commented)
{
	for (unsigned i = 0; i < f->count; i++)
		if (!holds(&f->condition[i], p, dropped, commented))
			return false;
	return true;
}
