/* SPDX-License-Identifier: MIT */
/* pair.h: a loop that jumps from event to event, as the simulator's. */
#include "tests/unit/pair.h"

#include <check.h>
#include <stdlib.h>

#define PORT 5000
#define SENDER_V4 0x0a4d0001u
#define RECEIVER_V4 0x0a4d0002u
#define TICK_US 1000

struct side {
	struct pair *pair;
	unsigned index;
};

static void to_link(void *ctx, const uint8_t *frame, size_t len)
{
	struct side *side = ctx;
	impair_push(&side->pair->out[side->index], frame, len, side->pair->now_us);
}

static bool transmit(void *ctx, const struct frame_out *f)
{
	return frame_segment(f, to_link, ctx);
}

static struct stack *stack_new(struct pair *p, unsigned index)
{
	static const struct stack_ops ops = {.transmit = transmit};
	struct stack_config config = {.mac = {{2, 0, 0, 0, 0, (uint8_t)(index + 1)}},
				      .mtu_bytes = 1500,
				      .tso_max_bytes = 65000,
				      .tx_csum_offload = true,
				      .pkt_limit_bytes = 16u << 20,
				      .seed = {(uint8_t)index, 9}};
	struct side *side = malloc(sizeof(*side));
	ck_assert_ptr_nonnull(side);
	*side = (struct side){p, index};
	struct stack *st = stack_create(&config, &ops, side, p->now_us);
	ck_assert_ptr_nonnull(st);
	ck_assert_int_eq(stack_addr_add(st, index ? RECEIVER_V4 : SENDER_V4, 24), 0);
	return st;
}

struct pair *pair_new(const struct impair_config *there)
{
	struct pair *p = calloc(1, sizeof(*p));
	struct impair_config back = {.delay_us = there->delay_us};
	ck_assert_ptr_nonnull(p);
	p->now_us = 1000 * 1000000ull;
	impair_init(&p->out[0], there);
	impair_init(&p->out[1], &back);
	for (unsigned i = 0; i < 2; i++)
		p->st[i] = stack_new(p, i);
	return p;
}

void pair_free(struct pair *p)
{
	for (unsigned i = 0; i < 2; i++) {
		void *side = p->st[i]->ctx;
		stack_destroy(p->st[i]);
		free(side);
		impair_destroy(&p->out[i]);
	}
	free(p);
}

static void deliver(struct pair *p, unsigned from)
{
	struct stack *to = p->st[!from];
	for (struct impair_frame *q; (q = impair_pop(&p->out[from], p->now_us)); free(q)) {
		struct pkt *pkt = pkt_alloc(stack_pkt_pool(to), q->len);
		ck_assert_ptr_nonnull(pkt);
		memcpy(pkt->data, q->data, q->len);
		pkt->len = q->len;
		stack_input(to, pkt);
	}
}

static void fill(struct pair *p)
{
	struct iovec iov[16];
	int n = p->sender ? tcp_send_reserve(p->sender, 1u << 20, iov, 16) : 0;
	size_t len = 0;
	for (int i = 0; i < n; i++) {
		memset(iov[i].iov_base, 'x', iov[i].iov_len);
		len += iov[i].iov_len;
	}
	if (n > 0)
		tcp_send_commit(p->sender, len);
}

static void drain(struct pair *p)
{
	struct iovec iov[16];
	int n;
	if (!p->receiver)
		p->receiver = tcp_accept(p->listener);
	while (p->receiver && (n = tcp_recv_iov(p->receiver, iov, 16)) > 0) {
		size_t len = 0;
		for (int i = 0; i < n; i++)
			len += iov[i].iov_len;
		p->received += len;
		tcp_recv_done(p->receiver, len);
	}
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void step(struct pair *p, uint64_t end)
{
	uint64_t next = min_u64(p->now_us + TICK_US, end);
	unsigned events;
	for (unsigned i = 0; i < 2; i++) {
		next = min_u64(next, stack_next_timer_us(p->st[i]));
		next = min_u64(next, impair_next_us(&p->out[i]));
	}
	if (next > p->now_us)
		p->now_us = next;
	for (unsigned i = 0; i < 2; i++) {
		stack_advance(p->st[i], p->now_us);
		deliver(p, !i);
	}
	drain(p);
	fill(p);
	for (unsigned i = 0; i < 2; i++) {
		stack_flush(p->st[i]);
		while (stack_next_event(p->st[i], &events))
			;
	}
}

void pair_connect(struct pair *p, const char *congestion_control)
{
	struct sock_addr at = {ip_v4(RECEIVER_V4), PORT};
	int err;
	p->listener = tcp_socket(p->st[1], p, 0, &err);
	ck_assert_int_eq(tcp_bind(p->listener, &at), 0);
	ck_assert_int_eq(tcp_listen(p->listener, 5), 0);
	p->sender = tcp_socket(p->st[0], p, 0, &err);
	ck_assert_int_eq(tcp_setsockopt(p->sender, 6, TCP_CONGESTION, congestion_control,
					strlen(congestion_control)),
			 0);
	ck_assert_int_eq(tcp_connect(p->sender, &at), 0);
	uint64_t end = p->now_us + 30 * 1000000ull;
	while (tcp_state(p->sender) != TCP_ESTABLISHED && p->now_us < end)
		step(p, end);
	ck_assert_int_eq(tcp_state(p->sender), TCP_ESTABLISHED);
}

uint64_t pair_stream(struct pair *p, uint64_t us)
{
	uint64_t end = p->now_us + us, before = p->received;
	p->queue_us_sum = p->queue_us_max = p->steps = 0;
	for (uint64_t sampled = p->now_us; p->now_us < end;) {
		step(p, end);
		if (p->now_us < sampled + TICK_US)
			continue;
		sampled = p->now_us;
		uint64_t busy = p->out[0].busy_until_us;
		uint64_t queue = busy > p->now_us ? busy - p->now_us : 0;
		p->queue_us_sum += queue;
		p->queue_us_max = queue > p->queue_us_max ? queue : p->queue_us_max;
		p->steps++;
	}
	return (p->received - before) * 8 * 1000000 / us;
}

uint64_t pair_queue_us(const struct pair *p)
{
	return p->steps ? p->queue_us_sum / p->steps : 0;
}
