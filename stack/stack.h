/* SPDX-License-Identifier: MIT */
/*
 * The stack's public face: frames and the time go in, frames and events come out.
 *
 * Theory of operation
 *   - struct stack holds everything: two of them live side by side in one process. No system call,
 *     no clock, no global, no thread. The caller owns the loop:
 *
 *         stack_advance(st, now_us);            the time; runs due timers
 *         stack_input(st, pkt) ...              every frame that has arrived
 *         tcp_...(sk) ...                       what programs asked for (tcp/tcp.h)
 *         stack_flush(st);                      sends the ACKs and segments the batch called for
 *         while ((sk = stack_next_event(st, &ev)))   what programs must be told
 *         sleep until input or stack_next_timer_us(st)
 *
 *   - Within a batch nothing is acknowledged and no socket is pumped; stack_flush() does it once
 *     for all, so ACKs merge and segments leave as large as the window allows.
 *   - Frames leave through ops->transmit, synchronously, from within any call above.
 *   - Memory is bounded: pkt buffers by config.pkt_limit_bytes, every table and queue by its own
 *     limit in struct sysctls.
 */
#ifndef XTCP_STACK_H
#define XTCP_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "stack/base/addr.h"
#include "stack/base/pkt.h"

struct stack;
struct tcp_sock;
struct snmp_mib;
struct stack_trace;

#define FRAME_IOV_MAX 24

/*
 * A frame to send. iov[0] is the headers from the Ethernet header on; the rest is payload that
 * lies in send buffers: valid during the call only.
 */
struct frame_out {
	struct iovec iov[FRAME_IOV_MAX];
	int iovcnt;
	size_t len;	      /* sum of iov */
	uint16_t hdr_len;     /* Ethernet + IP + TCP headers */
	uint16_t gso_size;    /* payload bytes per segment when the link must cut it; else 0 */
	bool csum_partial;    /* the L4 checksum field holds the pseudo-header's sum only */
	uint16_t csum_start;  /* offset of the L4 header */
	uint16_t csum_offset; /* of the checksum field within it */
	bool ecn;	      /* CWR is set: a TSO cut must set it on the first segment only */
};

struct stack_ops {
	/* Sends one frame. False: the link could not take it, it is dropped (and counted). */
	bool (*transmit)(void *ctx, const struct frame_out *f);
	/*
	 * Asked only when a listener's accept queue looks full: how many of the connections that
	 * were popped by tcp_accept() have not yet been taken by the program (they count against
	 * the backlog). May be NULL: none.
	 */
	unsigned (*accept_unread)(void *ctx, void *listener_user);
	/* ... and whether one of them, by its user, is known to be in the program's hands. May be
	 * NULL: it is. */
	bool (*accept_is_taken)(void *ctx, void *user);
	/*
	 * Asked for each SYN: does the listener's program still have it? It may have closed it
	 * since the caller last looked. May be NULL: it has.
	 */
	bool (*still_listens)(void *ctx, void *listener_user);
	/* Told of drops and of what happens to connections: stack/trace.h. NULL: nobody watches. */
	void (*trace)(void *ctx, const struct stack_trace *t);
};

struct stack_config {
	struct mac_addr mac;
	uint32_t mtu_bytes;	/* of the link: 576..65535 */
	uint32_t tso_max_bytes; /* largest TCP payload handed to the link at once; 0: no TSO */
	bool tx_csum_offload;	/* leave L4 checksums to the link */
	uint8_t seed[32];	/* all randomness comes from here */
	size_t pkt_limit_bytes; /* receive side buffers; sysctls.tcp_mem */
};

/* Keys of Fast Open cookies (RFC 7413 4.1.2): the first makes them, both are believed. */
struct fastopen_keys {
	uint32_t count; /* 1 or 2 */
	uint32_t word[2][4];
};

/*
 * What can be tuned, under the names Linux gives (net.ipv4.<name>, net.core.<name>). Times keep
 * Linux's units. stack_sysctls() returns the live struct: changes hold for what happens next.
 */
#define STACK_PAGE_BYTES 4096u
#define PORT_RANGES_MAX 32

struct port_ranges {
	uint32_t count;
	struct {
		uint16_t low, high;
	} range[PORT_RANGES_MAX]; /* ascending, with gaps between them */
};

struct sysctls {
	uint32_t somaxconn;		/* 4096 */
	uint32_t rmem_max, wmem_max;	/* 212992: what SO_RCVBUF, SO_SNDBUF can ask for */
	uint32_t tcp_max_syn_backlog;	/* 4096: request_socks per listener */
	uint32_t tcp_syncookies;	/* 0 off, 1 when the SYN queue is full, 2 always */
	uint32_t tcp_abort_on_overflow; /* 0 */
	uint32_t tcp_synack_retries;	/* 5 */
	uint32_t tcp_syn_retries;	/* 6 */
	uint32_t tcp_retries1;		/* 3: so many time-outs look like a black hole */
	uint32_t tcp_retries2;		/* 15 */
	uint32_t tcp_orphan_retries;	/* 0: eight, while the RTO can still grow */
	uint32_t tcp_max_orphans;	/* 65536 */
	uint32_t tcp_fin_timeout_s;	/* 60: FIN_WAIT_2 of an orphan */
	uint32_t tcp_tw_reuse;		/* 1 (Linux: 2): connect() may reuse TIME_WAIT */
	uint32_t tcp_max_tw_buckets;	/* 262144 */
	uint32_t tcp_timewait_len_ms;	/* 60000 */
	uint32_t tcp_keepalive_time_s;	/* 7200 */
	uint32_t tcp_keepalive_intvl_s; /* 75 */
	uint32_t tcp_keepalive_probes;	/* 9 */
	uint32_t tcp_window_scaling;	/* 1 */
	uint32_t tcp_timestamps;	/* 1 */
	uint32_t tcp_sack;		/* 1 */
	uint32_t tcp_frto;		/* 2, which is the same as 1: RFC 5682 */
	uint32_t tcp_ecn;		/* 2: 0 never, 1 always, 2 when asked */
	uint32_t tcp_ecn_fallback;	/* 1: a SYN sent again does not ask */
	uint32_t tcp_rmem[3];		/* min, default, max bytes */
	uint32_t tcp_wmem[3];
	/* STACK_PAGE_BYTES of received packets: what ends the pressure, what is pressure, and what
	 * all buffers together may take; stack_advance() obeys a change. From pkt_limit_bytes. */
	uint32_t tcp_mem[3];
	uint32_t tcp_challenge_ack_limit;	/* per second; RFC 5961 7 */
	uint32_t tcp_invalid_ratelimit_ms;	/* 500 */
	uint32_t tcp_rfc1337;			/* 0 */
	uint32_t tcp_rto_min_ms;		/* 200 */
	uint32_t tcp_rto_max_ms;		/* 120000 */
	uint32_t tcp_initial_cwnd;		/* 10; RFC 6928 */
	uint32_t tcp_slow_start_after_idle;	/* 1 */
	uint32_t tcp_pacing_ss_ratio;		/* 200 percent of cwnd per round trip */
	uint32_t tcp_pacing_ca_ratio;		/* 120 */
	uint32_t tcp_pacing;			/* 0; 1: every connection, as with Linux's fq */
	uint32_t tcp_notsent_lowat;		/* UINT32_MAX */
	int32_t tcp_adv_win_scale;		/* 1: half of a receive buffer is window */
	uint32_t tcp_moderate_rcvbuf;		/* 1: receive buffers grow by themselves */
	uint32_t tcp_workaround_signed_windows; /* 0 */
	uint32_t tcp_dsack;			/* 1; RFC 2883 */
	uint32_t tcp_reordering;		/* 3 */
	uint32_t tcp_max_reordering;		/* 300 */
	uint32_t tcp_recovery;			/* 1: RACK; 2: its window stays; 4: no dupthresh */
	uint32_t tcp_early_retrans;		/* 3: tail loss probes; 0: none */
	uint32_t tcp_min_rtt_wlen_s;		/* 300 */
	uint32_t tcp_thin_linear_timeouts;	/* 0 */
	uint32_t tcp_syn_linear_timeouts;	/* 0 (Linux: 4): SYNs before the RTO doubles */
	uint32_t tcp_tso_win_divisor;		/* 3 */
	uint32_t tcp_min_tso_segs;		/* 2 */
	uint32_t tcp_tso_rtt_log;		/* 9: bursts grow below 2^9 us of round trip */
	uint32_t tcp_stdurg;			/* 0 */
	uint32_t tcp_reflect_tos;		/* 0 */
	uint32_t ip_no_pmtu_disc;		/* 0 */
	uint32_t tcp_min_snd_mss;		/* 48 */
	uint32_t tcp_base_mss;			/* 1024 */
	uint32_t tcp_mtu_probing;		/* 0; RFC 4821: 1 after time-outs, 2 always */
	uint32_t tcp_mtu_probe_floor;		/* 48 */
	uint32_t tcp_probe_interval_s;		/* 600 */
	uint32_t tcp_probe_threshold;		/* 8 bytes */
	uint32_t tcp_max_sockets;		/* 1048576 */
	uint32_t tcp_fastopen;			/* 1: TFO_* in tcp/fastopen.h */
	uint32_t tcp_fastopen_blackhole_timeout_s;  /* 0: black holes are not looked for */
	struct fastopen_keys tcp_fastopen_key;	    /* at random */
	uint32_t tcp_cubic_hystart;		    /* 2: RFC 9406; 1: as Linux has it; 0: none */
	char tcp_congestion_control[16];	    /* "cubic" when there, else "reno" */
	char tcp_allowed_congestion_control[32];    /* all; enforced by tcp_setsockopt()'s caller */
	uint16_t ip_local_port_range[2];	    /* 32768, 60999 */
	struct port_ranges ip_local_reserved_ports; /* none: to be bound by name only */
	uint16_t ip_unprivileged_port_start;	    /* 1024; enforced by the caller of tcp_bind() */
	uint32_t ip_nonlocal_bind;		    /* 0 */
	uint32_t ip_default_ttl;		    /* 64 */
	uint32_t ipfrag_high_thresh;		    /* 4 MiB */
	uint32_t ipfrag_max_queues;		    /* 1024 datagrams */
	uint32_t ipfrag_max_fragments;		    /* 64 per datagram */
	uint32_t ipfrag_time_s;			    /* 30 */
	uint32_t icmp_ratelimit_per_s;		    /* 1000, burst icmp_msgs_burst */
	uint32_t icmp_msgs_burst;		    /* 50 */
	uint32_t icmp_echo_ignore_all;		    /* 0 */
	uint32_t ip_pmtu_expires_s;		    /* 600 */
	uint32_t ip_min_pmtu;			    /* 552 */
	uint32_t neigh_gc_thresh3;		    /* 1024 entries */
	uint32_t neigh_unres_qlen;		    /* 64 packets per incomplete entry */
	uint32_t neigh_retrans_ms;		    /* 1000 */
	uint32_t neigh_reachable_ms;		    /* 30000 */
	uint32_t neigh_delay_first_probe_ms;	    /* 5000 */
	uint32_t neigh_mcast_solicit;		    /* 3 */
	uint32_t neigh_ucast_solicit;		    /* 3 */
	uint32_t neigh_gc_stale_s;		    /* 60 */
};

/* NULL when memory is short or config is out of range. `ctx` is passed to ops. */
struct stack *stack_create(const struct stack_config *config, const struct stack_ops *ops,
			   void *ctx, uint64_t now_us);
void stack_destroy(struct stack *st); /* frees every socket too, silently */
struct sysctls *stack_sysctls(struct stack *st);
struct pkt_pool *stack_pkt_pool(struct stack *st);
uint64_t stack_now_us(const struct stack *st);

/* Takes ownership of a frame: data at the Ethernet header, csum_valid and gso_size as the link
 * reported them. */
void stack_input(struct stack *st, struct pkt *frame);
void stack_advance(struct stack *st, uint64_t now_us);
void stack_flush(struct stack *st);
void stack_trim(struct stack *st); /* gives back the memory it keeps warm: for a quiet moment */
uint64_t stack_next_timer_us(const struct stack *st); /* TIMER_NEVER when none */

/* Events of one socket since it was last reported (enum tcp_event in tcp/tcp.h); NULL: no more. */
struct tcp_sock *stack_next_event(struct stack *st, unsigned *events);
/* Would it tell one? A flush whose segments stay within this stack makes some of its own. */
bool stack_has_event(const struct stack *st);

/*
 * Assigns an address with its prefix length (the connected route comes with it) and announces it
 * by gratuitous ARP. 0, -EEXIST, -EINVAL, -ENOSPC.
 */
int stack_addr_add(struct stack *st, uint32_t v4, unsigned prefix_len);
/* The i-th address; false beyond the last. */
bool stack_addr_get(const struct stack *st, unsigned i, uint32_t *v4, unsigned *prefix_len);
bool stack_is_local_v4(const struct stack *st, uint32_t v4); /* ours or 127.0.0.0/8 */
const struct stack_config *stack_config(const struct stack *st);
const struct snmp_mib *stack_mib(const struct stack *st); /* stack/base/snmp.h */

#endif
