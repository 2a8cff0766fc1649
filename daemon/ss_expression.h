/* SPDX-License-Identifier: MIT */
/*
 * Conditions on a socket's addresses, in the language of ss(8):
 *
 *	sport = :80 and not ( dst 10.0.0.0/8 or dport >= :1024 )
 *
 * "and" may be left out and binds more closely than "or". What is parsed is a program of a bounded
 * number of steps for a stack of bits, so a test costs no allocation and no recursion.
 */
#ifndef XTCP_DAEMON_SS_EXPRESSION_H
#define XTCP_DAEMON_SS_EXPRESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stack/base/addr.h"

#define SS_STEPS_MAX 48

enum ss_step_kind {
	SS_PORT,    /* low <= port <= high */
	SS_ADDRESS, /* in v4/prefix_len */
	SS_NOT,
	SS_AND,
	SS_OR,
};

struct ss_step {
	uint8_t kind;
	bool remote; /* which end a condition is about */
	uint8_t prefix_len;
	uint16_t low, high;
	uint32_t v4;
};

struct ss_expression {
	struct ss_step step[SS_STEPS_MAX];
	unsigned steps; /* 0: every socket fits */
};

/* False with the reason, about a word of argv. */
bool ss_expression_parse(struct ss_expression *e, int argc, char *const *argv, char *why,
			 size_t size);
bool ss_expression_takes(const struct ss_expression *e, const struct sock_addr *local,
			 const struct sock_addr *remote);

#endif
