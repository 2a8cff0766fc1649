/* SPDX-License-Identifier: MIT */
/*
 * Scripted TCP conversations. One stack at 10.77.0.2/24 talks to a peer at 10.77.0.1 that is the
 * test itself; a scenario reads like the figures of RFC 9293, in the notation of tcpdump and
 * packetdrill:
 *
 *     wire_in(w, "S 0:0(0) win 65535 <mss 1460,sackOK,wscale 7>");
 *     wire_out(w, "S. 0:0(0) ack 1 <mss 1460>");
 *     wire_in(w, ". 1:1(0) ack 1 win 512");
 *     wire_in(w, "P. 1:101(100) ack 1 win 512");
 *     wire_out(w, ". 1:1(0) ack 101");
 *
 * Flags are S F R P U E W, a dot for ACK, and "-" for none. Sequence numbers are relative: each
 * side's own SYN is 0, its first byte 1. "win" is the field as it is on the wire. Options in angle
 * brackets: mss N, wscale N, sackOK, ts VAL ECR, sack A:B C:D (relative), FO (a Fast Open cookie asked
 * for) or FO HEX (a cookie), eol, nop; "urg N" is the urgent pointer. In wire_out() what is not mentioned (win, ack, urg, each option) is not compared;
 * "no-ts", "no-sack", "no-mss", "no-wscale", "no-sackOK" and "no-FO" say that it must be absent, "ts * N"
 * and "ts N *" leave one half open, "FO *" any cookie. Payload is a known pattern of the sequence number in both
 * directions, and is compared wherever it arrives.
 *
 * "md5 KEY" signs what comes in and judges what has been sent (RFC 2385); where the flow has a
 * key of its own (md5_key) every segment is under it, unless it says "no-md5" or another.
 *
 * A flow with an `ao` is signed by TCP-AO (RFC 5925): "no-ao" is not, "bad-ao" is wrong.
 *
 * When a connection has timestamps (the SYN carried them) and wire_in() does not say "ts", it
 * adds a current one, echoing the last TSval the stack sent.
 */
#ifndef XTCP_TESTS_WIRE_H
#define XTCP_TESTS_WIRE_H

#include <check.h>

#include "tests/unit/host.h"
#include "tests/unit/sign.h"

#define WIRE_PORT 8080	    /* the stack's, when it listens */
#define WIRE_PEER_PORT 4000 /* the peer's */
#define WIRE_FLOWS_MAX 64

/* A segment that the stack has sent. */
struct wire_segment {
	uint16_t sport, dport;
	uint32_t seq, ack; /* relative */
	uint32_t len;
	uint16_t win, urg, gso_size;
	uint8_t flags, tos, ttl;
	bool df;
	struct tcp_options opt; /* SACK blocks relative */
	const uint8_t *payload; /* until wire_free() */
	const uint8_t *tcp;	/* the whole of it, from the header on */
	size_t tcp_len;
};

/* One conversation, by the peer's port. */
struct wire_flow {
	uint16_t port, peer_port; /* port 0: learnt from the SYN */
	uint32_t iss, peer_iss;	  /* what relative 0 is; iss is learnt from the SYN */
	uint32_t last_tsval;
	bool ts;
	const char *md5_key;
	const struct sign_ao *ao; /* the peer's */
};

struct wire {
	struct host *h;
	struct stack *st;
	struct tcp_sock *listener;
	struct tcp_sock *sk; /* the connection that wire_write() and the like are about */
	struct wire_flow flow[WIRE_FLOWS_MAX], *at;
	unsigned flows;
	uint32_t written, read; /* offsets in both streams of sk */
	uint16_t gso_size;	/* of the frames of wire_in(): as if the link had aggregated them */
	uint8_t tos;		/* of them, too */
};

/* MTU 1500, no offload: every checksum is compared. */
struct wire *wire_new(void);
struct wire *wire_new_with(const struct stack_config *config);
struct stack_config wire_config(void);
void wire_free(struct wire *w);

/* From here on the conversation between WIRE_PORT (or our own choice, for a connect) and the
 * peer's port. */
void wire_use(struct wire *w, uint16_t port, uint16_t peer_port);

/* The peer's segment arrives, and the batch ends; with _batch it goes on. */
void wire_in(struct wire *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void wire_in_batch(struct wire *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void wire_flush(struct wire *w);
/* Of the peer's stream: what the stack expects next, and the first byte beyond its window. */
uint32_t wire_next_seq(const struct wire *w);
uint32_t wire_right_edge(const struct wire *w);
void wire_data_in(struct wire *w, uint32_t len); /* so many bytes that come next */
/* The next segment the stack has sent must be this one. */
void wire_out(struct wire *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* It is sent no sooner than that from now, and no later; nothing is before it. Time ends at to_ms. */
void wire_out_between(struct wire *w, uint64_t from_ms, uint64_t to_ms, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void wire_out_none(struct wire *w);
void wire_out_forget(struct wire *w);			/* whatever has been sent so far */
bool wire_next(struct wire *w, struct wire_segment *s); /* false: nothing more has been sent */
/* An ICMP error about a segment of this conversation with that relative sequence number. */
void wire_icmp(struct wire *w, uint8_t type, uint8_t code, uint16_t mtu, uint32_t seq);

/* Time passes; timers that are due on the way run. */
void wire_us(struct wire *w, uint64_t us);
void wire_ms(struct wire *w, uint64_t ms);

/* --- the program ------------------------------------------------------------------------------ */

struct tcp_sock *wire_socket(struct wire *w);
struct tcp_sock *wire_listen(struct wire *w, int backlog); /* on WIRE_PORT */
struct tcp_sock *wire_accept(struct wire *w);	 /* becomes w->sk; fails if there is none */
void wire_fill(struct wire *w, uint32_t bytes);	 /* writes all of it */
void wire_write(struct wire *w, uint32_t bytes); /* and flushes */
uint32_t wire_unread(struct wire *w);
void wire_read(struct wire *w, uint32_t bytes); /* exactly these are consumed; flushes */
void wire_close(struct wire *w);		/* tcp_close(w->sk), flushes */
void wire_set_int(struct tcp_sock *sk, int level, int name, int value);
int wire_get_int(struct tcp_sock *sk, int level, int name);
/* The events of w->sk since last asked are these. */
void wire_events(struct wire *w, unsigned events);

/* --- three-way handshakes ----------------------------------------------------------------------
 * Both leave w->sk ESTABLISHED, nothing on the wire unread, and its events consumed. `options` are
 * the SYN's ("mss 1460,sackOK,..."); the peer's window is `win` in the last segment of its own. */
void wire_passive_open(struct wire *w, const char *options, uint16_t win);
void wire_active_open(struct wire *w, const char *options, uint16_t win);
/* Socket, connect, and the SYN is out (and has been compared). */
void wire_connect(struct wire *w);

#define WIRE_OPTIONS "mss 1460,sackOK,ts 1000 0,wscale 7"

/* What byte of a stream is at that relative sequence number. */
uint8_t wire_pattern(uint32_t relative_seq);
uint64_t wire_counter(const struct wire *w, enum snmp c);
#define wire_counts(w, c, value) ck_assert_uint_eq(wire_counter(w, c), value)
/* A field of TCP_INFO, without its tcpi_. */
struct tcp_info wire_info(const struct wire *w);
#define wire_info_is(w, field, value) ck_assert_uint_eq(wire_info(w).tcpi_##field, value)
#define wire_state(w, s) ck_assert_int_eq(tcp_state((w)->sk), s)

#endif
