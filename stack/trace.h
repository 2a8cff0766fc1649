/* SPDX-License-Identifier: MIT */
/*
 * What a stack tells whoever watches it: why a frame was dropped, and what happens to connections.
 *
 * Theory of operation: stack_set_trace() names a function that is called, synchronously, as each
 * thing happens; it must not call back into the stack. NULL, nobody watches: each place pays one
 * branch and nothing is made up. An event comes during the stack_input() of the frame that caused
 * it, or before the frame goes to ops->transmit that it is about (a retransmission), or outside
 * both (a timer, a call).
 *
 * Sequence numbers are relative to the initial one, as wireshark and tcpdump show them.
 */
#ifndef XTCP_TRACE_H
#define XTCP_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "stack/base/addr.h"
#include "stack/base/snmp.h"

struct stack;
struct pkt;
struct frame_out;

enum trace_kind {
	TRACE_DROP,
	TRACE_STATE,
	TRACE_SYNACK,	   /* sent, or sent again, for a connection that is none yet */
	TRACE_ESTABLISHED, /* and what the handshake has settled */
	TRACE_RETRANS,
	TRACE_PROBE, /* of a closed window, or keepalive */
	TRACE_CWND,
};

/* Why a segment is sent again. */
enum trace_cause {
	TRACE_BY_RTO,	  /* the timer: RFC 6298 5.4 */
	TRACE_AFTER_RTO,  /* what the timeout has marked lost */
	TRACE_BY_TLP,	  /* tail loss probe: RFC 8985 7 */
	TRACE_BY_RACK,	  /* lost by time: RFC 8985 */
	TRACE_BY_DUPACKS, /* fast retransmit, partial ACKs: RFC 5681, RFC 6582 */
};

/* Why cwnd or ssthresh have changed. */
enum trace_why {
	TRACE_SLOW_START,
	TRACE_AVOIDANCE,
	TRACE_RECOVERY,	 /* fast recovery begins */
	TRACE_REDUCTION, /* proportional rate reduction: RFC 6937 */
	TRACE_RECOVERED, /* the episode is over */
	TRACE_UNDO,	 /* it was needless: RFC 4015 */
	TRACE_TIMEOUT,	 /* RFC 5681 3.1 equation 4 */
	TRACE_CWR,	 /* a reduction without recovery: a probe has repaired a loss */
	TRACE_ECN,	 /* RFC 3168 6.1.2 */
	TRACE_MODEL,	 /* an algorithm with a model of the path: BBR */
	TRACE_IDLE,	 /* RFC 5681 4.1 */
	TRACE_UNUSED,	 /* RFC 7661 */
};

struct stack_trace {
	enum trace_kind kind;
	/* The connection; rport 0: TRACE_DROP, which may be about none. */
	struct ip_addr laddr, raddr;
	uint16_t lport, rport;
	union {
		struct {
			enum drop_reason why;
			const struct pkt *pkt;	     /* a received one, if it is at hand */
			const struct frame_out *out; /* one that does not leave */
		} drop;
		struct {
			uint8_t from, to; /* enum tcp_state */
			int err;	  /* to TCP_CLOSE: what the program is told, or 0 */
		} state;
		struct {
			uint16_t mss;
			uint8_t wscale;
			unsigned times; /* sent before */
			bool wscale_ok, sack_ok, tstamp_ok;
		} synack;
		struct {
			uint32_t mss, cwnd_segs, srtt_us;
			uint8_t snd_wscale, rcv_wscale;
			bool wscale_ok, sack_ok, tstamp_ok;
		} established;
		struct {
			enum trace_cause cause;
			uint32_t seq, bytes, rto_us;
			unsigned times; /* sent before */
			bool syn, fin;
		} retrans;
		struct {
			bool keepalive;
			unsigned times; /* sent before without an answer */
		} probe;
		struct {
			enum trace_why why;
			uint32_t mss; /* what follows is in bytes */
			uint32_t from, to, ssthresh_from, ssthresh_to;
		} cwnd;
	};
};

typedef void stack_trace_fn(void *ctx, const struct stack_trace *t);

/* NULL: nobody. */
void stack_set_trace(struct stack *st, stack_trace_fn *fn);

#endif
