/* SPDX-License-Identifier: MIT */
/*
 * How slow start ends before the path's queue overflows: see hystart.c.
 */
#ifndef XTCP_TCP_HYSTART_H
#define XTCP_TCP_HYSTART_H

#include "stack/stack_impl.h"

/* net.ipv4.tcp_cubic_hystart */
enum hystart_mode { HYSTART_NONE, HYSTART_LINUX, HYSTART_PLUSPLUS };

struct hystart {
	uint32_t round_end; /* the round is over when this is acknowledged */
	uint32_t round_min_rtt_us;
	union {
		uint32_t last_round_min_rtt_us; /* HyStart++ */
		uint32_t round_start_us;	/* HyStart */
	};
	union {
		uint32_t css_baseline_us; /* HyStart++ */
		uint32_t last_ack_us;	  /* HyStart: of the train */
	};
	uint16_t rtt_samples; /* of this round */
	uint8_t css_rounds;
	uint8_t mode : 2;
	bool in_css : 1, done : 1;
};

void hystart_begin(struct hystart *h, const struct tcp_sock *sk); /* slow start begins */
/* ... and after a time-out once more. RFC 9406 4.3: HyStart++ is for the first one, later ones know
 * where to end; Linux's HyStart is for all. */
void hystart_again(struct hystart *h, const struct tcp_sock *sk);
/* In slow start, before cwnd grows: may set ssthresh. */
void hystart_on_ack(struct hystart *h, struct tcp_sock *sk, const struct ack_sample *s);
/* As tcp_slow_start(), which it calls. */
uint32_t hystart_grow(const struct hystart *h, struct tcp_sock *sk, uint32_t acked_bytes);

#endif
