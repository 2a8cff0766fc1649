/* SPDX-License-Identifier: MIT */
/*
 * Ports and who holds them: bind(), the port a connect() chooses, and what TIME_WAIT keeps.
 *
 * Theory of operation
 *   - A port in use has one bind_bucket, with every sock and timewait_sock that holds it; it goes
 *     with the last of them. A listener's children share its port.
 *   - Two binds conflict as in Linux's inet_bind_conflict(): if their addresses overlap (one of
 *     them any, or the same), unless both have SO_REUSEADDR and the other does not listen, or both
 *     have SO_REUSEPORT and one owner. A TIME_WAIT counts with the options its connection had.
 *   - connect() chooses by RFC 6056 3.3.3 (a keyed hash of the destination plus a counter) among
 *     the ports that no bind() holds; connections to different destinations share a port. A
 *     TIME_WAIT in the way gives way where the timestamps make the old connection's segments
 *     recognizable (RFC 6191, tcp_tw_reuse).
 */
#include <errno.h>
#include <stdlib.h>

#include "stack/tcp/tcp_passive.h"

#define TW_REUSE_AFTER_MS 1000u

struct bind_bucket {
	struct list node; /* of the layer's bhash[port] */
	uint16_t port;
	bool bound;	       /* by bind() or listen() at some time: not for connect() to choose */
	struct list owners;    /* tcp_sock.bind_node */
	struct list timewaits; /* timewait_sock.bind_node */
};

/* --- buckets --------------------------------------------------------------------------------- */

static struct bind_bucket *bucket_find(struct stack *st, uint16_t port)
{
	struct list *head = &st->tcp.bhash[port];
	return list_empty(head) ? NULL : container_of(head->next, struct bind_bucket, node);
}

static struct bind_bucket *bucket_get(struct stack *st, uint16_t port)
{
	struct bind_bucket *b = bucket_find(st, port);
	if (b)
		return b;
	b = calloc(1, sizeof(*b));
	if (!b)
		return NULL;
	b->port = port;
	list_init(&b->owners);
	list_init(&b->timewaits);
	list_add_tail(&st->tcp.bhash[port], &b->node);
	return b;
}

static void bucket_put(struct bind_bucket *b)
{
	if (!list_empty(&b->owners) || !list_empty(&b->timewaits))
		return;
	list_del(&b->node);
	free(b);
}

static void hold(struct tcp_sock *sk, struct bind_bucket *b)
{
	sk->bucket = b;
	sk->c.lport = b->port;
	list_add_tail(&b->owners, &sk->bind_node);
}

void bind_release(struct tcp_sock *sk)
{
	struct bind_bucket *b = sk->bucket;
	if (!b)
		return;
	list_del(&sk->bind_node);
	sk->bucket = NULL;
	bucket_put(b);
}

void bind_inherit(struct tcp_sock *child, const struct tcp_sock *listener)
{
	if (listener->bucket)
		hold(child, listener->bucket);
}

void bind_timewait(struct timewait_sock *tw, const struct tcp_sock *sk)
{
	if (sk->bucket)
		list_add_tail(&sk->bucket->timewaits, &tw->bind_node);
}

void bind_timewait_release(struct stack *st, struct timewait_sock *tw)
{
	if (!list_linked(&tw->bind_node))
		return;
	list_del(&tw->bind_node);
	bucket_put(bucket_find(st, tw->c.lport));
}

/* --- conflicts ------------------------------------------------------------------------------- */

/* What another holder of the port brings against us. */
struct claim {
	struct addr4 addr;
	bool reuseaddr, reuseport, listens, timewait;
	uint32_t uid;
};

/* How far sharing goes: SHARE_NONE for a port chosen by us, SHARE_ASKED for one that was named. */
enum share { SHARE_NONE, SHARE_ASKED };

static bool overlaps(struct addr4 a, struct addr4 b)
{
	return a.v4 == 0 || b.v4 == 0 || a.v4 == b.v4;
}

static bool conflicts(const struct tcp_sock *sk, const struct claim *other, enum share share)
{
	if (!overlaps(sk->c.laddr, other->addr))
		return false;
	if (share == SHARE_NONE)
		return true;
	if (sk->c.reuseaddr && other->reuseaddr && !other->listens)
		return false;
	return !(sk->c.reuseport && other->reuseport &&
		 (other->timewait || other->uid == sk->owner->uid));
}

static bool owner_conflicts(const struct tcp_sock *sk, struct bind_bucket *b, enum share share)
{
	list_for_each (pos, &b->owners) {
		const struct tcp_sock *other = container_of(pos, struct tcp_sock, bind_node);
		bool closed = other->c.state == TCP_CLOSE; /* what it was connected from is past */
		struct claim claim = {.addr = closed ? other->bound_addr : other->c.laddr,
				      .reuseaddr = other->c.reuseaddr,
				      .reuseport = other->c.reuseport,
				      .listens = other->c.state == TCP_LISTEN,
				      .uid = other->owner->uid};
		if (other != sk && conflicts(sk, &claim, share))
			return true;
	}
	return false;
}

static bool timewait_conflicts(const struct tcp_sock *sk, struct bind_bucket *b, enum share share)
{
	list_for_each (pos, &b->timewaits) {
		const struct timewait_sock *tw = container_of(pos, struct timewait_sock, bind_node);
		struct claim claim = {.addr = tw->c.laddr,
				      .reuseaddr = tw->c.reuseaddr,
				      .reuseport = tw->c.reuseport,
				      .timewait = true};
		if (conflicts(sk, &claim, share))
			return true;
	}
	return false;
}

static bool port_conflicts(struct tcp_sock *sk, uint16_t port, enum share share)
{
	struct bind_bucket *b = bucket_find(sk->stack, port);
	return b && (owner_conflicts(sk, b, share) || timewait_conflicts(sk, b, share));
}

/* --- bind() ---------------------------------------------------------------------------------- */

struct port_range {
	uint32_t low, count;
};

static struct port_range ephemeral_ports(const struct stack *st)
{
	uint32_t low = st->sysctl.ip_local_port_range[0], high = st->sysctl.ip_local_port_range[1];
	if (low == 0)
		low = 1;
	return (struct port_range){.low = low, .count = high >= low ? high - low + 1 : 0};
}

/* RFC 6056 3.2: ports that are kept for those who name them. */
static bool is_reserved(const struct stack *st, uint16_t port)
{
	const struct port_ranges *r = &st->sysctl.ip_local_reserved_ports;
	for (uint32_t i = 0; i < r->count; i++)
		if (port >= r->range[i].low && port <= r->range[i].high)
			return true;
	return false;
}

/* RFC 6056 3.3.1: the first free one from a random one on. 0: none is free. */
static uint16_t choose_port(struct tcp_sock *sk)
{
	struct stack *st = sk->stack;
	struct port_range r = ephemeral_ports(st);
	uint32_t start = r.count ? random_below(&st->random, r.count) : 0;
	for (uint32_t i = 0; i < r.count; i++) {
		uint16_t port = (uint16_t)(r.low + (start + i) % r.count);
		if (!is_reserved(st, port) && !port_conflicts(sk, port, SHARE_NONE))
			return port;
	}
	return 0;
}

/* A socket that holds the port already is only checked again: what was allowed while nobody
 * listened may not be any more. */
int bind_port(struct tcp_sock *sk, uint16_t port)
{
	if (port == 0)
		port = choose_port(sk);
	else if (port_conflicts(sk, port, SHARE_ASKED))
		return -EADDRINUSE;
	if (port == 0)
		return -EADDRINUSE;
	if (!sk->bucket) {
		struct bind_bucket *b = bucket_get(sk->stack, port);
		if (!b)
			return -ENOMEM;
		hold(sk, b);
	}
	sk->bucket->bound = true;
	return 0;
}

/* As inet_bind(): a group's or a broadcast address may be named; nothing will ever come to it. With
 * IP_FREEBIND, or ip_nonlocal_bind for all, any address may be, lest the server be started before
 * its address is there. */
bool tcp_bindable_v4(const struct tcp_sock *sk, uint32_t v4)
{
	const struct stack *st = sk->stack;
	return sk->freebind || st->sysctl.ip_nonlocal_bind || v4 >> 24 == 0 ||
	       stack_is_local_v4(st, v4) || ipv4_is_multicast(v4) || ip_is_broadcast_v4(st, v4);
}

int tcp_bind(struct tcp_sock *sk, const struct sock_addr *local)
{
	struct ip_addr addr = local->addr;
	if (addr.family == ADDR_NONE)
		addr = ip_v4(0);
	if (addr.family != ADDR_IPV4)
		return -EAFNOSUPPORT;
	if (!tcp_bindable_v4(sk, addr.v4))
		return -EADDRNOTAVAIL;
	if (sk->c.state != TCP_CLOSE || sk->bucket)
		return -EINVAL;
	struct addr4 before = sk->c.laddr;
	sk->c.laddr = addr4_of(&addr);
	if (local->port || !sk->bind_no_port) {
		int err = bind_port(sk, local->port);
		if (err) {
			sk->c.laddr = before;
			return err;
		}
	}
	sk->bound_addr = sk->c.laddr;
	sk->bound_addr_set = addr.v4 != 0;
	sk->bound_port_set = local->port != 0;
	return 0;
}

/* --- connect() ------------------------------------------------------------------------------- */

/* As Linux's tcp_twsk_unique(). `named`: the port was bound, there is no other to choose. */
static bool timewait_gives_way(const struct stack *st, const struct timewait_sock *tw, bool named)
{
	uint32_t reuse = st->sysctl.tcp_tw_reuse;
	if (!tw->c.tstamp_ok)
		return false;
	if (named)
		return true;
	if (reuse == 0 || tw->c.state == TCP_FIN_WAIT2)
		return false;
	if (reuse == 2 && !ipv4_is_loopback(tw->c.raddr.v4))
		return false;
	return stack_now_ms(st) - tw->ts_recent_ms > TW_REUSE_AFTER_MS;
}

/* RFC 6191: beyond the old connection in sequence and in time. */
static void take_over(struct tcp_sock *sk, struct timewait_sock *tw)
{
	sk->write_seq = tw->snd_nxt + ISN_BEYOND_TIMEWAIT;
	if (sk->write_seq == 0) /* which means "to be chosen" */
		sk->write_seq = 1;
	sk->c.ts_recent = tw->c.ts_recent;
	sk->ts_recent_ms = tw->ts_recent_ms;
	snmp_inc(sk->stack, TcpExtTWRecycled);
	timewait_free(sk->stack, tw);
}

/* Is the four-tuple with this port free, or can it be had? */
static bool claim_tuple(struct tcp_sock *sk, uint16_t port, bool named)
{
	struct sock_common *c =
	    ehash_lookup(sk->stack, sk->c.laddr, port, sk->c.raddr, sk->c.rport);
	if (!c || c == &sk->c)
		return true;
	if (c->kind != SOCK_KIND_TIMEWAIT)
		return false;
	struct timewait_sock *tw = container_of(c, struct timewait_sock, c);
	if (!timewait_gives_way(sk->stack, tw, named))
		return false;
	take_over(sk, tw);
	return true;
}

static uint32_t destination_hash(const struct tcp_sock *sk)
{
	uint32_t key[3] = {sk->c.laddr.v4, sk->c.raddr.v4, sk->c.rport};
	return (uint32_t)siphash(&sk->stack->tcp.port_key, key, sizeof(key));
}

/* RFC 6056 3.3.3, algorithm 3 */
int bind_connect(struct tcp_sock *sk)
{
	struct stack *st = sk->stack;
	struct port_range r = ephemeral_ports(st);
	uint32_t offset = destination_hash(sk);
	sk->write_seq = 0;
	sk->c.ts_recent = 0;
	sk->ts_recent_ms = 0;
	if (sk->bucket)
		return claim_tuple(sk, sk->c.lport, true) ? 0 : -EADDRNOTAVAIL;
	for (uint32_t i = 0; i < r.count; i++) {
		uint16_t port = (uint16_t)(r.low + (offset + st->tcp.next_ephemeral++) % r.count);
		struct bind_bucket *b = bucket_find(st, port);
		if ((b && b->bound) || is_reserved(st, port) || !claim_tuple(sk, port, false))
			continue;
		b = bucket_get(st, port); /* the TIME_WAIT that gave way may have been its last */
		if (!b)
			return -ENOMEM;
		hold(sk, b);
		return 0;
	}
	return -EADDRNOTAVAIL;
}
