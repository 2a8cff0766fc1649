/* SPDX-License-Identifier: MIT */
/*
 * Reassembly of IPv4 datagrams (RFC 791 3.2, RFC 1122 3.3.2).
 *
 * Theory of operation
 *   - A frag_queue per (source, destination, identification, protocol) holds the pieces in order
 *     of offset, never overlapping. When they are gapless up to the end, the datagram is copied
 *     into one pkt with the first piece's header.
 *   - Pieces that overlap, or disagree about the end, kill the datagram: its pieces are dropped,
 * and the queue stays behind, empty, to drop those still to come (RFC 5722's rule for IPv6, kept
 *     for IPv4 as Linux does). An exact duplicate is dropped alone.
 *   - Bounds: ipfrag_high_thresh bytes of buffers and ipfrag_max_queues datagrams (the oldest
 *     gives way), ipfrag_max_fragments pieces a datagram, ipfrag_time_s from the first piece on;
 *     then ICMP "time exceeded" is sent if the first fragment has come.
 */
#include <stdlib.h>

#include "stack/base/bytes.h"
#include "stack/base/checksum.h"
#include "stack/stack_impl.h"

#define ICMP_REASSEMBLY_TIMEOUT 1 /* code of ICMP_TIME_EXCEEDED */
#define ECN_CE 3

struct frag_key {
	uint32_t src, dst;
	uint16_t id;
	uint8_t proto, unused;
};

struct frag_queue {
	struct list hash_node, lru_node;
	struct timer timer;
	struct frag_key key;
	struct list pieces; /* pkt.node; pkt.seq is the offset, data/len the payload */
	unsigned count;
	uint32_t have_bytes, total_bytes; /* total 0: the last piece has not come */
	uint16_t hdr_len;		  /* of the first piece, whose header precedes its data */
	uint8_t ecn_seen;		  /* bit n: codepoint n */
	uint8_t tos;			  /* of the first piece */
	bool dead;
};

/* One arriving fragment. */
struct fragment {
	struct frag_key key;
	uint32_t offset, end;
	bool more;
	uint8_t tos;
};

static void queue_expired(struct timer *t, void *ctx);

static struct list *bucket_of(struct stack *st, const struct frag_key *key)
{
	return &st->ip.frag_bucket[siphash(&st->ip.hash_key, key, sizeof(*key)) % IP_FRAG_BUCKETS];
}

static void drop_pieces(struct stack *st, struct frag_queue *q, enum drop_reason why)
{
	while (!list_empty(&q->pieces)) {
		struct pkt *p = container_of(q->pieces.next, struct pkt, node);
		list_del(&p->node);
		st->ip.frag_bytes -= pkt_truesize(p);
		if (why == DROP_NONE)
			pkt_free(p);
		else
			stack_drop(st, p, why);
	}
	q->count = 0;
}

static void queue_free(struct stack *st, struct frag_queue *q, enum drop_reason why)
{
	drop_pieces(st, q, why);
	timer_cancel(&st->wheel, &q->timer);
	list_del(&q->hash_node);
	list_del(&q->lru_node);
	st->ip.frag_queues--;
	free(q);
}

static void queue_evict(struct stack *st, struct frag_queue *q)
{
	if (!q->dead)
		snmp_inc(st, IpReasmFails);
	queue_free(st, q, DROP_FRAG_NOMEM);
}

/* The datagram is lost; what is still to come of it will be dropped. */
static void queue_kill(struct stack *st, struct frag_queue *q, enum drop_reason why)
{
	snmp_inc(st, IpReasmFails);
	drop_pieces(st, q, why);
	q->dead = true;
}

static void queue_expired(struct timer *t, void *ctx)
{
	struct stack *st = ctx;
	struct frag_queue *q = container_of(t, struct frag_queue, timer);
	if (!q->dead) {
		snmp_inc(st, IpReasmTimeout);
		snmp_inc(st, IpReasmFails);
	}
	if (q->hdr_len > 0 && !list_empty(&q->pieces)) {
		const struct pkt *first = container_of(q->pieces.next, struct pkt, node);
		icmp_send_error(st, first->data - q->hdr_len, first->len + q->hdr_len,
				ICMP_TIME_EXCEEDED, ICMP_REASSEMBLY_TIMEOUT, 0);
	}
	queue_free(st, q, DROP_FRAG_TIMEOUT);
}

static struct frag_queue *queue_find(struct stack *st, const struct frag_key *key)
{
	list_for_each (node, bucket_of(st, key)) {
		struct frag_queue *q = container_of(node, struct frag_queue, hash_node);
		if (memcmp(&q->key, key, sizeof(*key)) == 0)
			return q;
	}
	return NULL;
}

static struct frag_queue *oldest_queue(struct stack *st)
{
	return container_of(st->ip.frag_lru.next, struct frag_queue, lru_node);
}

static struct frag_queue *queue_create(struct stack *st, const struct frag_key *key)
{
	if (st->sysctl.ipfrag_max_queues == 0)
		return NULL;
	while (st->ip.frag_queues >= st->sysctl.ipfrag_max_queues)
		queue_evict(st, oldest_queue(st));
	struct frag_queue *q = calloc(1, sizeof(*q));
	if (!q)
		return NULL;
	q->key = *key;
	list_init(&q->pieces);
	timer_init(&st->wheel, &q->timer, queue_expired);
	timer_set(&st->wheel, &q->timer, st->now_us + (uint64_t)st->sysctl.ipfrag_time_s * 1000000);
	list_add_tail(bucket_of(st, key), &q->hash_node);
	list_add_tail(&st->ip.frag_lru, &q->lru_node);
	st->ip.frag_queues++;
	return q;
}

/* Makes room by giving up older datagrams than this one. */
static bool make_room(struct stack *st, const struct frag_queue *q, size_t bytes)
{
	while (st->ip.frag_bytes + bytes > st->sysctl.ipfrag_high_thresh) {
		struct frag_queue *oldest = oldest_queue(st);
		if (oldest == q)
			return false;
		queue_evict(st, oldest);
	}
	return true;
}

static struct fragment fragment_parse(const struct pkt *p, size_t hdr_len)
{
	struct reader r = reader_of(p->data, p->len);
	struct fragment f = {.key = {0}};
	read_u8(&r);
	f.tos = read_u8(&r);
	read_be16(&r);
	f.key.id = read_be16(&r);
	uint16_t frag = read_be16(&r);
	read_u8(&r);
	f.key.proto = read_u8(&r);
	read_be16(&r);
	f.key.src = read_be32(&r);
	f.key.dst = read_be32(&r);
	f.offset = (frag & IPV4_OFFSET_MASK) * 8u;
	f.end = f.offset + p->len - (uint32_t)hdr_len;
	f.more = frag & IPV4_MF;
	return f;
}

/* What is wrong with the fragment by itself. */
static enum drop_reason fragment_check(const struct fragment *f, size_t hdr_len)
{
	if (f->end == f->offset || (f->more && (f->end - f->offset) % 8 != 0))
		return DROP_IP_INHDR;
	if (hdr_len + f->end > 65535)
		return DROP_FRAG_TOO_FAR;
	return DROP_NONE;
}

enum fit { FIT_OK, FIT_DUPLICATE, FIT_CONFLICT };

/* Where it goes (*before), and whether it contradicts what is there. */
static enum fit fragment_fit(struct frag_queue *q, const struct fragment *f, struct list **before)
{
	struct list *pos = q->pieces.next;
	if (q->total_bytes && (f->more ? f->end >= q->total_bytes : f->end != q->total_bytes))
		return FIT_CONFLICT;
	for (; pos != &q->pieces; pos = pos->next) {
		const struct pkt *at = container_of(pos, struct pkt, node);
		if (at->seq + at->len <= f->offset)
			continue;
		if (at->seq == f->offset && at->seq + at->len == f->end)
			return FIT_DUPLICATE;
		if (at->seq < f->end || !f->more)
			return FIT_CONFLICT;
		break;
	}
	*before = pos;
	return FIT_OK;
}

static void queue_add(struct stack *st, struct frag_queue *q, struct pkt *p, size_t hdr_len,
		      const struct fragment *f, struct list *before)
{
	pkt_pull(p, hdr_len);
	p->seq = f->offset;
	list_insert_before(before, &p->node);
	st->ip.frag_bytes += pkt_truesize(p);
	q->count++;
	q->have_bytes += p->len;
	q->ecn_seen |= (uint8_t)(1u << (f->tos & 3));
	if (!f->more)
		q->total_bytes = f->end;
	if (f->offset == 0) {
		q->hdr_len = (uint16_t)hdr_len;
		q->tos = f->tos;
	}
}

/* RFC 3168 5.3: a CE mark on any piece marks the whole; Not-ECT among ECT is invalid. */
static bool merge_ecn(const struct frag_queue *q, uint8_t *tos)
{
	bool not_ect = q->ecn_seen & 1, others = q->ecn_seen & ~1u;
	*tos = q->tos;
	if (q->ecn_seen & 1u << ECN_CE)
		*tos |= ECN_CE;
	return !(not_ect && others);
}

/* The datagram in one piece, with the first fragment's header made whole; NULL: no memory. */
static struct pkt *queue_join(struct stack *st, const struct frag_queue *q, uint8_t tos)
{
	uint32_t total = q->hdr_len + q->total_bytes;
	const struct pkt *first = container_of(q->pieces.next, struct pkt, node);
	struct pkt *whole = pkt_alloc(&st->pkts, total);
	if (!whole)
		return NULL;
	uint8_t *ip = whole->buf;
	uint8_t *at = put_bytes(ip, first->data - q->hdr_len, q->hdr_len);
	list_for_each (node, &q->pieces) {
		const struct pkt *p = container_of(node, struct pkt, node);
		at = put_bytes(at, p->data, p->len);
	}
	whole->len = total;
	put_u8(ip + 1, tos);
	put_be16(ip + 2, (uint16_t)total);
	put_be16(ip + 6, 0);
	put_be16(ip + 10, 0);
	put_be16(ip + 10, csum_finish(csum_partial(ip, q->hdr_len, 0)));
	return whole;
}

static struct pkt *queue_complete(struct stack *st, struct frag_queue *q)
{
	uint8_t tos;
	struct pkt *whole = NULL;
	enum drop_reason why = DROP_NONE;
	if (q->hdr_len + q->total_bytes > 65535)
		why = DROP_FRAG_TOO_FAR;
	else if (!merge_ecn(q, &tos))
		why = DROP_IP_INHDR;
	else if (!(whole = queue_join(st, q, tos)))
		why = DROP_FRAG_NOMEM;
	snmp_inc(st, whole ? IpReasmOKs : IpReasmFails);
	queue_free(st, q, why);
	return whole;
}

static struct pkt *refuse(struct stack *st, struct pkt *p, enum drop_reason why)
{
	stack_drop(st, p, why);
	return NULL;
}

struct pkt *ip_reassemble(struct stack *st, struct pkt *p, size_t hdr_len)
{
	struct fragment f = fragment_parse(p, hdr_len);
	struct list *before = NULL;
	snmp_inc(st, IpReasmReqds);
	enum drop_reason bad = fragment_check(&f, hdr_len);
	if (bad != DROP_NONE) {
		snmp_inc(st, IpReasmFails);
		return refuse(st, p, bad);
	}
	struct frag_queue *q = queue_find(st, &f.key);
	if (!q)
		q = queue_create(st, &f.key);
	if (!q) {
		snmp_inc(st, IpReasmFails);
		return refuse(st, p, DROP_FRAG_NOMEM);
	}
	if (q->dead)
		return refuse(st, p, DROP_FRAG_OVERLAP);
	enum fit fit = fragment_fit(q, &f, &before);
	if (fit == FIT_CONFLICT)
		queue_kill(st, q, DROP_FRAG_OVERLAP);
	if (fit != FIT_OK)
		return refuse(st, p, DROP_FRAG_OVERLAP);
	p = pkt_compact(p);
	if (q->count >= st->sysctl.ipfrag_max_fragments || !make_room(st, q, pkt_truesize(p))) {
		queue_kill(st, q, DROP_FRAG_NOMEM);
		return refuse(st, p, DROP_FRAG_NOMEM);
	}
	queue_add(st, q, p, hdr_len, &f, before);
	return q->total_bytes && q->have_bytes == q->total_bytes ? queue_complete(st, q) : NULL;
}

void ip_reassembly_destroy(struct stack *st)
{
	while (!list_empty(&st->ip.frag_lru))
		queue_free(st, oldest_queue(st), DROP_NONE);
}
