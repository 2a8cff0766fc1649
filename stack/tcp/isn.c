/* SPDX-License-Identifier: MIT */
/*
 * Numbers that must not be guessed: initial sequence numbers (RFC 6528 3: a clock plus a keyed hash
 * of the four-tuple) and the offset of the timestamp clock (RFC 7323 5.4; by host pair as Linux, so
 * that timestamps of successive connections stay comparable for TIME_WAIT).
 */
#include "stack/stack_impl.h"

static uint32_t keyed_hash(const struct siphash_key *key, const struct sock_common *c, bool ports)
{
	uint32_t in[3] = {c->laddr.v4, c->raddr.v4};
	if (ports)
		in[2] = (uint32_t)c->lport << 16 | c->rport;
	return (uint32_t)siphash(key, in, sizeof(in));
}

uint32_t tcp_isn(struct stack *st, const struct sock_common *c)
{
	/* RFC 9293 3.4.1: the clock ticks every four microseconds. */
	return keyed_hash(&st->tcp.isn_key, c, true) + (uint32_t)(st->now_us >> 2);
}

uint32_t tcp_ts_offset(struct stack *st, const struct sock_common *c)
{
	if (st->sysctl.tcp_timestamps == 2) /* as Linux: without an offset */
		return 0;
	return keyed_hash(&st->tcp.ts_key, c, false);
}
