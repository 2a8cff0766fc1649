/* SPDX-License-Identifier: MIT */
/*
 * The neighbour table: the state machine of neigh.h.
 *
 * Invariants
 *   - Every entry is in a hash bucket and on the LRU list; only INCOMPLETE ones hold packets.
 *   - An entry's one timer is armed in every state but NONE and PERMANENT, and is what takes
 *     an entry nobody uses out of the table.
 *   - At most neigh_gc_thresh3 entries; a new one beyond that replaces a FAILED one or, if there
 *     is none, the least recently used. At most neigh_unres_qlen packets wait per entry (the
 *     oldest gives way), and NEIGH_QUEUE_MAX_BYTES in all.
 *   - A callback into TCP may come back here and evict the entry: nothing is read after it.
 */
#include <errno.h>
#include <stdlib.h>

#include "stack/base/bytes.h"
#include "stack/stack_impl.h"

/* A frame that waits for its destination's address. */
struct neigh_frame {
	struct list node;
	struct frame_out f; /* spans into data */
	uint8_t data[];
};

static void neigh_timer(struct timer *t, void *ctx);

static uint64_t ms(uint32_t n)
{
	return (uint64_t)n * 1000;
}

/* --- the table ------------------------------------------------------------------------------ */

static struct list *bucket_of(struct stack *st, uint32_t v4)
{
	return &st->neigh.bucket[siphash(&st->neigh.key, &v4, sizeof(v4)) % NEIGH_BUCKETS];
}

static struct neigh *neigh_lookup(struct stack *st, uint32_t v4)
{
	list_for_each (node, bucket_of(st, v4)) {
		struct neigh *n = container_of(node, struct neigh, hash_node);
		if (n->v4 == v4)
			return n;
	}
	return NULL;
}

static size_t frame_cost(const struct neigh_frame *w)
{
	return sizeof(*w) + w->f.len;
}

static void frame_free(struct stack *st, struct neigh_frame *w, enum drop_reason why)
{
	list_del(&w->node);
	st->neigh.queued_bytes -= frame_cost(w);
	if (why != DROP_NONE)
		stack_count_drop(st, &w->f, why);
	free(w);
}

static void neigh_free(struct stack *st, struct neigh *n)
{
	while (!list_empty(&n->queue))
		frame_free(st, container_of(n->queue.next, struct neigh_frame, node),
			   DROP_NEIGH_TABLE_FULL);
	timer_cancel(&st->wheel, &n->timer);
	list_del(&n->hash_node);
	list_del(&n->lru_node);
	st->neigh.count--;
	free(n);
}

static struct neigh *neigh_victim(struct stack *st)
{
	struct neigh *oldest = NULL;
	list_for_each (node, &st->neigh.lru) {
		struct neigh *n = container_of(node, struct neigh, lru_node);
		if (n->state == NEIGH_FAILED)
			return n;
		if (!oldest && n->state != NEIGH_PERMANENT)
			oldest = n;
	}
	return oldest;
}

static struct neigh *neigh_create(struct stack *st, uint32_t v4)
{
	while (st->neigh.count >= st->sysctl.neigh_gc_thresh3) {
		struct neigh *victim = neigh_victim(st);
		if (!victim)
			return NULL;
		neigh_free(st, victim);
	}
	struct neigh *n = calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	n->v4 = v4;
	n->used_us = st->now_us;
	list_init(&n->queue);
	timer_init(&st->wheel, &n->timer, neigh_timer);
	list_add_tail(bucket_of(st, v4), &n->hash_node);
	list_add_tail(&st->neigh.lru, &n->lru_node);
	st->neigh.count++;
	return n;
}

void neigh_table_init(struct stack *st)
{
	for (unsigned i = 0; i < NEIGH_BUCKETS; i++)
		list_init(&st->neigh.bucket[i]);
	list_init(&st->neigh.lru);
	st->neigh.key = random_key(&st->random);
}

void neigh_table_destroy(struct stack *st)
{
	while (!list_empty(&st->neigh.lru))
		neigh_free(st, container_of(st->neigh.lru.next, struct neigh, lru_node));
}

/* --- the states ----------------------------------------------------------------------------- */

static void arm(struct stack *st, struct neigh *n, uint64_t after_us)
{
	timer_set(&st->wheel, &n->timer, st->now_us + after_us);
}

static void enter(struct neigh *n, enum neigh_state state)
{
	n->state = (uint8_t)state;
	n->probes = 0;
	n->suspect = false;
}

/* RFC 4861 6.3.2: between half and one and a half of the base, lest hosts fall into step. */
static void enter_reachable(struct stack *st, struct neigh *n)
{
	uint32_t base = st->sysctl.neigh_reachable_ms;
	enter(n, NEIGH_REACHABLE);
	n->confirmed_us = st->now_us;
	arm(st, n, ms(base / 2 + random_below(&st->random, base + 1)));
}

static void enter_stale(struct stack *st, struct neigh *n)
{
	enter(n, NEIGH_STALE);
	arm(st, n, (uint64_t)st->sysctl.neigh_gc_stale_s * 1000000);
}

static void enter_delay(struct stack *st, struct neigh *n)
{
	enter(n, NEIGH_DELAY);
	arm(st, n, ms(st->sysctl.neigh_delay_first_probe_ms));
}

static void ask(struct stack *st, struct neigh *n)
{
	n->probes++;
	arm(st, n, ms(st->sysctl.neigh_retrans_ms));
	arp_request(st, n->v4, n->state == NEIGH_PROBE && !n->suspect ? &n->mac : NULL);
}

static void enter_incomplete(struct stack *st, struct neigh *n)
{
	enter(n, NEIGH_INCOMPLETE);
	ask(st, n);
}

static void enter_probe(struct stack *st, struct neigh *n, bool suspect)
{
	enter(n, NEIGH_PROBE);
	n->suspect = suspect;
	ask(st, n);
}

static struct ip_addr frame_destination(const struct neigh_frame *w)
{
	struct reader r = reader_of(w->data, w->f.len);
	read_bytes(&r, ETHERNET_HDR_BYTES + 16);
	return ip_v4(read_be32(&r));
}

/* Nobody answers: what waits is dropped, and TCP is told of each destination behind it. */
static void enter_failed(struct stack *st, struct neigh *n)
{
	struct ip_addr nexthop = ip_v4(n->v4), told = nexthop;
	struct list waiting;
	list_init(&waiting);
	list_splice_tail(&waiting, &n->queue);
	n->queued = 0;
	enter(n, NEIGH_FAILED);
	memset(&n->mac, 0, sizeof(n->mac));
	arm(st, n, (uint64_t)st->sysctl.neigh_gc_stale_s * 1000000);
	tcp_neigh_failed(st, &nexthop);
	while (!list_empty(&waiting)) {
		struct neigh_frame *w = container_of(waiting.next, struct neigh_frame, node);
		struct ip_addr dst = frame_destination(w);
		frame_free(st, w, DROP_NEIGH_FAILED);
		if (!ip_addr_equal(&dst, &told))
			tcp_neigh_failed(st, &dst);
		told = dst;
	}
}

/* True while the entry has been used within the given time. */
static bool used_within(const struct stack *st, const struct neigh *n, uint64_t us)
{
	return st->now_us - n->used_us < us;
}

static void reachable_expired(struct stack *st, struct neigh *n)
{
	uint64_t reachable_us = ms(st->sysctl.neigh_reachable_ms);
	if (st->now_us - n->confirmed_us < reachable_us)
		arm(st, n, n->confirmed_us + reachable_us - st->now_us);
	else if (used_within(st, n, ms(st->sysctl.neigh_delay_first_probe_ms)))
		enter_delay(st, n);
	else
		enter_stale(st, n);
}

static void unused_expired(struct stack *st, struct neigh *n)
{
	uint64_t keep_us = (uint64_t)st->sysctl.neigh_gc_stale_s * 1000000;
	if (used_within(st, n, keep_us))
		arm(st, n, n->used_us + keep_us - st->now_us);
	else
		neigh_free(st, n);
}

static void neigh_timer(struct timer *t, void *ctx)
{
	struct stack *st = ctx;
	struct neigh *n = container_of(t, struct neigh, timer);
	switch ((enum neigh_state)n->state) {
	case NEIGH_INCOMPLETE:
		if (n->probes < st->sysctl.neigh_mcast_solicit)
			ask(st, n);
		else
			enter_failed(st, n);
		break;
	case NEIGH_REACHABLE:
		reachable_expired(st, n);
		break;
	case NEIGH_DELAY:
		enter_probe(st, n, false);
		break;
	case NEIGH_PROBE:
		if (n->probes < st->sysctl.neigh_ucast_solicit)
			ask(st, n);
		else
			enter_failed(st, n);
		break;
	case NEIGH_STALE:
	case NEIGH_FAILED:
		unused_expired(st, n);
		break;
	case NEIGH_NONE:
	case NEIGH_PERMANENT:
		break;
	}
}

/* --- output --------------------------------------------------------------------------------- */

static struct neigh_frame *frame_copy(struct stack *st, const struct frame_out *f)
{
	struct neigh_frame *w = NULL;
	if (st->neigh.queued_bytes + sizeof(*w) + f->len <= NEIGH_QUEUE_MAX_BYTES)
		w = malloc(sizeof(*w) + f->len);
	if (!w)
		return NULL;
	list_init(&w->node);
	w->f = *f;
	uint8_t *at = w->data;
	for (int i = 0; i < f->iovcnt; i++)
		at = put_bytes(at, f->iov[i].iov_base, f->iov[i].iov_len);
	w->f.iov[0] = (struct iovec){w->data, f->hdr_len};
	w->f.iov[1] = (struct iovec){w->data + f->hdr_len, f->len - f->hdr_len};
	w->f.iovcnt = f->len > f->hdr_len ? 2 : 1;
	st->neigh.queued_bytes += frame_cost(w);
	return w;
}

static int enqueue(struct stack *st, struct neigh *n, const struct frame_out *f)
{
	if (st->sysctl.neigh_unres_qlen == 0)
		goto full;
	while (n->queued >= st->sysctl.neigh_unres_qlen) {
		frame_free(st, container_of(n->queue.next, struct neigh_frame, node),
			   DROP_NEIGH_QUEUEFULL);
		n->queued--;
	}
	struct neigh_frame *w = frame_copy(st, f);
	if (!w)
		goto full;
	list_add_tail(&n->queue, &w->node);
	n->queued++;
	return 0;
full:
	stack_count_drop(st, f, DROP_NEIGH_QUEUEFULL);
	return -ENOBUFS;
}

static void send_queued(struct stack *st, struct neigh *n)
{
	while (!list_empty(&n->queue)) {
		struct neigh_frame *w = container_of(n->queue.next, struct neigh_frame, node);
		ethernet_transmit(st, &n->mac, ETHERNET_P_IP, &w->f);
		frame_free(st, w, DROP_NONE);
	}
	n->queued = 0;
}

int neigh_output(struct stack *st, uint32_t v4, struct frame_out *f)
{
	struct neigh *n = neigh_lookup(st, v4);
	if (!n)
		n = neigh_create(st, v4);
	if (!n) {
		stack_count_drop(st, f, DROP_NEIGH_TABLE_FULL);
		return -ENOBUFS;
	}
	n->used_us = st->now_us;
	list_del(&n->lru_node);
	list_add_tail(&st->neigh.lru, &n->lru_node);
	if (n->state == NEIGH_NONE || n->state == NEIGH_FAILED)
		enter_incomplete(st, n);
	if (n->state == NEIGH_INCOMPLETE)
		return enqueue(st, n, f);
	if (n->state == NEIGH_STALE)
		enter_delay(st, n);
	return ethernet_transmit(st, &n->mac, ETHERNET_P_IP, f);
}

/* --- what was heard ------------------------------------------------------------------------- */

static bool has_address(const struct neigh *n)
{
	return n->state != NEIGH_NONE && n->state != NEIGH_INCOMPLETE && n->state != NEIGH_FAILED;
}

void neigh_confirm(struct stack *st, uint32_t v4)
{
	struct neigh *n = neigh_lookup(st, v4);
	if (!n || !has_address(n) || n->state == NEIGH_PERMANENT || n->suspect)
		return;
	if (n->state == NEIGH_REACHABLE)
		n->confirmed_us = st->now_us;
	else
		enter_reachable(st, n);
}

/* An address that was set a moment ago is not changed again: of two answers the first counts. */
static bool recently_updated(const struct stack *st, const struct neigh *n)
{
	return has_address(n) && st->now_us - n->updated_us < ms(st->sysctl.neigh_retrans_ms);
}

void neigh_heard(struct stack *st, uint32_t v4, const struct mac_addr *mac, bool solicited)
{
	struct neigh *n = neigh_lookup(st, v4);
	if (!n && !solicited)
		n = neigh_create(st, v4);
	if (!n || n->state == NEIGH_PERMANENT)
		return;
	bool same = has_address(n) && mac_equal(&n->mac, mac);
	if (!solicited && (same || recently_updated(st, n)))
		return;
	if (!same) {
		n->mac = *mac;
		n->updated_us = st->now_us;
	}
	if (solicited)
		enter_reachable(st, n);
	else
		enter_stale(st, n);
	if (n->queued > 0 && n->state == NEIGH_STALE)
		enter_delay(st, n);
	send_queued(st, n);
}

void neigh_heard_claim(struct stack *st, uint32_t v4, const struct mac_addr *mac)
{
	struct neigh *n = neigh_lookup(st, v4);
	if (!n || !has_address(n) || n->state == NEIGH_PERMANENT || n->suspect ||
	    mac_equal(&n->mac, mac) || recently_updated(st, n))
		return;
	enter_probe(st, n, true);
}

bool neigh_is_asking(struct stack *st, uint32_t v4)
{
	const struct neigh *n = neigh_lookup(st, v4);
	return n && (n->state == NEIGH_INCOMPLETE || n->state == NEIGH_PROBE);
}

/* --- looking and changing by hand ----------------------------------------------------------- */

static struct neigh_info info_of(const struct neigh *n)
{
	return (struct neigh_info){.v4 = n->v4,
				   .mac = n->mac,
				   .state = n->state,
				   .queued = n->queued,
				   .probes = n->probes,
				   .used_us = n->used_us,
				   .confirmed_us = n->confirmed_us,
				   .updated_us = n->updated_us};
}

bool neigh_get(const struct stack *st, unsigned i, struct neigh_info *out)
{
	list_for_each (node, &st->neigh.lru) {
		if (i-- > 0)
			continue;
		*out = info_of(container_of(node, struct neigh, lru_node));
		return true;
	}
	return false;
}

void neigh_for_each(const struct stack *st, bool (*fn)(void *arg, const struct neigh_info *info),
		    void *arg)
{
	list_for_each (node, &st->neigh.lru) {
		struct neigh_info info = info_of(container_of(node, struct neigh, lru_node));
		if (!fn(arg, &info))
			return;
	}
}

const char *neigh_state_name(enum neigh_state state)
{
	static const char *const names[] = {"NONE",  "INCOMPLETE", "REACHABLE", "STALE",
					    "DELAY", "PROBE",	   "FAILED",	"PERMANENT"};
	return (unsigned)state < sizeof(names) / sizeof(names[0]) ? names[state] : "UNKNOWN";
}

int neigh_add(struct stack *st, uint32_t v4, const struct mac_addr *mac)
{
	struct ip_path path;
	if (ip_route_output(st, v4, 0, &path) || path.local || path.nexthop != v4 ||
	    mac_is_multicast(mac) || mac_is_zero(mac))
		return -EINVAL;
	struct neigh *n = neigh_lookup(st, v4);
	if (!n)
		n = neigh_create(st, v4);
	if (!n)
		return -ENOBUFS;
	timer_cancel(&st->wheel, &n->timer);
	enter(n, NEIGH_PERMANENT);
	n->mac = *mac;
	n->updated_us = st->now_us;
	send_queued(st, n);
	return 0;
}

int neigh_del(struct stack *st, uint32_t v4)
{
	struct neigh *n = neigh_lookup(st, v4);
	if (!n)
		return -ESRCH;
	neigh_free(st, n);
	return 0;
}

void neigh_flush(struct stack *st)
{
	list_for_each_safe (node, &st->neigh.lru) {
		struct neigh *n = container_of(node, struct neigh, lru_node);
		if (n->state != NEIGH_PERMANENT)
			neigh_free(st, n);
	}
}
