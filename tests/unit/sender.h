/* SPDX-License-Identifier: MIT */
/*
 * One established connection seen from its sending side: what a test writes into it, what leaves on
 * the wire, what the scripted peer acknowledges. Sequence numbers are offsets: 0 is the first data
 * byte. There is one connection at a time.
 */
#ifndef XTCP_TESTS_SENDER_H
#define XTCP_TESTS_SENDER_H

#include "stack/tcp/tcp_send.h"

#define SENDER_MSS 1000u
#define SENDER_RTT_US 100000u

struct sender_options {
	bool no_sack, timestamps, reno, bbr; /* cubic if neither */
	uint32_t tso_max_bytes;
	uint32_t window; /* what the peer offers; 0: 1,000,000 */
	uint32_t mss;	 /* what the peer offers; 0: SENDER_MSS (besides timestamps) */
};

/* A segment the stack has sent. */
struct sent {
	uint32_t seq, len; /* offset, payload bytes */
	uint32_t ack, wnd;
	uint16_t urg, gso_size;
	uint8_t flags, sack_cnt;
	uint32_t tsval;
};

extern struct stack *sender_stack;
extern struct tcp_sock *sender_sk;

/* Opens a connection whose handshake takes SENDER_RTT_US, so that SRTT is that and RTO 300 ms. */
void sender_open(const struct sender_options *o);
/* Only the SYN is out: nobody answers. */
void sender_open_unanswered(const struct sender_options *o);
void sender_close(void);

void sender_write(uint32_t bytes);    /* and flush */
uint32_t sender_fill(uint32_t bytes); /* as much as the send buffer takes; no flush */
void sender_flush(void);
void sender_wait(uint64_t us); /* time passes; due timers run */
/* Time passes until something is sent; the time it took. Fails the test after `most_us`. */
uint64_t sender_wait_sent(uint64_t most_us);

/* The peer: an ACK of all bytes below offset `ack`; SACK blocks as offsets {start, end}, ... */
void peer_ack(uint32_t ack);
void peer_ack_window(uint32_t ack, uint32_t window);
void peer_sack(uint32_t ack, unsigned blocks, const uint32_t (*sack)[2]);
/* tsecr: the timestamp echoed; the others echo the newest. */
void peer_sack_ts(uint32_t ack, uint32_t tsecr, unsigned blocks, const uint32_t (*sack)[2]);
void peer_data(uint32_t offset, uint32_t bytes); /* of the peer's own stream */

/* The oldest segment not yet looked at; fails the test if there is none. */
struct sent sender_sent(void);
bool sender_sent_any(void);
void sender_forget(void); /* whatever has been sent so far */
void expect_segment(uint32_t seq, uint32_t len);
void expect_segments(uint32_t seq, uint32_t bytes, uint32_t len); /* in pieces of len */
void expect_silence(void);
uint64_t sender_mib(enum snmp counter);
unsigned sender_events(void); /* of the socket since last asked */

#endif
