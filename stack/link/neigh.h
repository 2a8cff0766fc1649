/* SPDX-License-Identifier: MIT */
/*
 * Neighbours: who on the link has which address. ARP (RFC 826) with the entry states of RFC 4861,
 * as Linux has them.
 *
 *   NONE        just made
 *   INCOMPLETE  asked by broadcast, no answer yet; packets wait in a bounded queue
 *   REACHABLE   confirmed within neigh_reachable_ms, by ARP or by the progress of a connection
 *   STALE       not confirmed for longer; used as it is, and then DELAY
 *   DELAY       used since it was STALE: an upper layer may confirm it within
 *               neigh_delay_first_probe_ms; else PROBE
 *   PROBE       asked by unicast, and used meanwhile: an entry in use is refreshed before it is
 * lost FAILED      no answer; the next packet asks anew PERMANENT   set by hand
 */
#ifndef XTCP_LINK_NEIGH_H
#define XTCP_LINK_NEIGH_H

#include <stdbool.h>
#include <stdint.h>

#include "stack/base/addr.h"
#include "stack/base/list.h"
#include "stack/base/siphash.h"
#include "stack/base/timer.h"
#include "stack/stack.h"

#define ETHERNET_HDR_BYTES 14
#define ETHERNET_P_IP 0x0800
#define ETHERNET_P_ARP 0x0806

enum neigh_state {
	NEIGH_NONE,
	NEIGH_INCOMPLETE,
	NEIGH_REACHABLE,
	NEIGH_STALE,
	NEIGH_DELAY,
	NEIGH_PROBE,
	NEIGH_FAILED,
	NEIGH_PERMANENT,
};

struct neigh {
	struct list hash_node;
	struct list lru_node; /* least recently used first */
	struct timer timer;   /* what the state waits for */
	struct list queue;    /* neigh_frame.node: waiting for the address, oldest first */
	unsigned queued;
	uint32_t v4;
	struct mac_addr mac;
	uint8_t state;	/* enum neigh_state */
	uint8_t probes; /* questions asked in this state */
	bool suspect;	/* another host claims the address: probe by broadcast */
	uint64_t confirmed_us, used_us, updated_us;
};

#define NEIGH_BUCKETS 256
/* All that waits for an answer, of all entries together. */
#define NEIGH_QUEUE_MAX_BYTES (4u << 20)

struct neigh_table {
	struct list bucket[NEIGH_BUCKETS]; /* neigh.hash_node, by keyed hash */
	struct list lru;		   /* neigh.lru_node */
	struct siphash_key key;
	unsigned count;
	size_t queued_bytes;
};

void neigh_table_init(struct stack *st);
void neigh_table_destroy(struct stack *st);

/*
 * Sends a frame (complete but for its Ethernet header, which iov[0] has room for) to a neighbour,
 * or queues a copy until its address is known. 0; -ENOBUFS: dropped, and counted.
 */
int neigh_output(struct stack *st, uint32_t v4, struct frame_out *f);

/* An upper layer heard from what lies behind next hop v4: the entry is good (RFC 4861 7.3.1). */
void neigh_confirm(struct stack *st, uint32_t v4);

/* What ARP heard. Solicited: it answers a question of ours. */
void neigh_heard(struct stack *st, uint32_t v4, const struct mac_addr *mac, bool solicited);
/* Somebody claims, to everyone, to have v4: an entry that says otherwise is probed. */
void neigh_heard_claim(struct stack *st, uint32_t v4, const struct mac_addr *mac);
/* True while we wait for an answer about v4. */
bool neigh_is_asking(struct stack *st, uint32_t v4);

/* --- `xtcpctl neigh` ------------------------------------------------------------------------ */
struct neigh_info {
	uint32_t v4;
	struct mac_addr mac; /* all zero while unknown */
	enum neigh_state state;
	unsigned queued, probes;
	uint64_t used_us, confirmed_us, updated_us; /* absolute */
};
/* The i-th entry, most recently used last; false beyond the last. */
bool neigh_get(const struct stack *st, unsigned i, struct neigh_info *out);
/* Calls fn for each, in that order, until it returns false. The table must not change meanwhile. */
void neigh_for_each(const struct stack *st, bool (*fn)(void *arg, const struct neigh_info *info),
		    void *arg);
const char *neigh_state_name(enum neigh_state state); /* "REACHABLE" */
/* A PERMANENT entry, replacing what was there. -EINVAL (not a unicast address of the link),
 * -ENOBUFS. */
int neigh_add(struct stack *st, uint32_t v4, const struct mac_addr *mac);
int neigh_del(struct stack *st, uint32_t v4); /* -ESRCH */
void neigh_flush(struct stack *st);	      /* all but the PERMANENT ones */

/* --- arp.c, ethernet.c ---------------------------------------------------------------------- */
void ethernet_input(struct stack *st, struct pkt *p); /* takes p */
/* Writes the Ethernet header and hands the frame to the link. 0, -ENOBUFS. */
int ethernet_transmit(struct stack *st, const struct mac_addr *dst, uint16_t ethertype,
		      struct frame_out *f);

void arp_input(struct stack *st, struct pkt *p); /* takes p */
void arp_request(struct stack *st, uint32_t target_v4, const struct mac_addr *unicast_to);
void arp_announce(struct stack *st, uint32_t v4); /* RFC 5227 2.3 */

static inline bool mac_is_multicast(const struct mac_addr *m)
{
	return m->b[0] & 1; /* broadcast too */
}

static inline bool mac_is_zero(const struct mac_addr *m)
{
	return !(m->b[0] | m->b[1] | m->b[2] | m->b[3] | m->b[4] | m->b[5]);
}

static inline bool mac_equal(const struct mac_addr *a, const struct mac_addr *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

#endif
