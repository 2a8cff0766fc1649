/* SPDX-License-Identifier: MIT */
/*
 * What the files of the passive open (listen.c, request.c, syncookies.c), of TIME_WAIT and of the
 * demultiplexer share with each other and with nobody else.
 */
#ifndef XTCP_TCP_PASSIVE_H
#define XTCP_TCP_PASSIVE_H

#include "stack/stack_impl.h"

#define TCP_TIMEOUT_INIT_S 1 /* RFC 6298 2.1: the first SYN-ACK's timeout */
#define TCP_REQUEST_RTO_MAX_S 120
/* As Linux: beyond any window the old connection can have offered. */
#define ISN_BEYOND_TIMEWAIT (65535 + 2)

/* TCP_DEFER_ACCEPT is given in seconds and kept as SYN-ACK timeouts: the least number that takes
 * as long, and how long that is. */
uint8_t secs_to_retrans(uint32_t seconds);
uint32_t retrans_to_secs(uint8_t retrans);

/* RFC 9293 3.10.7.4, first, for a window [from, to) */
bool tcp_in_window(uint32_t seq, uint32_t end_seq, uint32_t from, uint32_t to);
/* Says whether an answer to seg, outside the window, must be withheld. Data is always answered:
 * only answers to bare segments can make two hosts answer each other for ever. */
bool tcp_oow_segment_limited(struct stack *st, const struct tcp_segment *seg, uint32_t *last_ms,
			     enum snmp counter);

/* listen.c */
/* A SYN that takes a timewait_sock's place: `isn` is the initial sequence number to use. */
void listen_rcv_reopen(struct tcp_sock *listener, struct tcp_segment *seg, uint32_t isn);
/* The handshake's last segment: the child is made, given the segment and queued, the request_sock
 * unhashed. False: it could not be (counted). */
bool listen_complete(struct tcp_sock *listener, struct request_sock *req, struct tcp_segment *seg);
void listen_count_drop(struct tcp_sock *listener, struct tcp_segment *seg, enum drop_reason why);

/* request.c */
/* What the SYN and its listener settle. False: there is no route back. */
bool request_init(struct request_sock *req, struct tcp_sock *listener,
		  const struct tcp_segment *seg, const struct tcp_options *opt);
struct request_sock *request_add(const struct request_sock *init); /* a copy, queued and timed */
/* Sends the SYN-ACK, with ts_ms as the clock of its timestamp. */
void request_send_synack(const struct request_sock *req, uint32_t ts_ms);

/* syncookies.c */
void cookie_send_synack(struct request_sock *req);
/* An ACK to the listener itself: true if it answers a cookie of ours (and is taken care of). */
bool cookie_rcv(struct tcp_sock *listener, struct tcp_segment *seg);

/* timewait.c */
void timewait_send_ack(struct stack *st, const struct timewait_sock *tw);

#endif
