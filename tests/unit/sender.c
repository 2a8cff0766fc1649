/* SPDX-License-Identifier: MIT */
/*
 * The wire under sender.h: frames the stack transmits are parsed and kept in a ring, payload is
 * compared with what was written, ARP is answered, and the peer's segments are built byte by byte.
 */
#include "tests/unit/sender.h"

#include <check.h>
#include <stdlib.h>

#include "stack/base/bytes.h"
#include "stack/base/checksum.h"

#define OUR_V4 0x0a000001u
#define PEER_V4 0x0a000002u
#define PEER_PORT 80
#define PEER_ISS 5000u
#define RING 4096
#define WSCALE 7
#define FRAME_MAX 70000

struct stack *sender_stack;
struct tcp_sock *sender_sk;

static struct {
	struct sender_options opt;
	struct sent ring[RING];
	unsigned head, tail;
	uint32_t iss, written, window, last_tsval, peer_tsecr;
	uint16_t port; /* ours */
	bool syn_seen, arp_asked, scaled;
	uint8_t frame[FRAME_MAX];
	size_t frame_len;
} w;

static int the_user;

static uint8_t pattern(uint32_t offset)
{
	return (uint8_t)(offset * 31 + (offset >> 8) * 7 + (offset >> 16));
}

/* --- what leaves --------------------------------------------------------------------------------
 */

static void parse_options(struct reader *r, struct sent *s)
{
	while (reader_left(r) > 0) {
		uint8_t kind = read_u8(r);
		if (kind == 0)
			return;
		if (kind == 1)
			continue;
		uint8_t len = read_u8(r);
		struct reader body = reader_of(read_bytes(r, len - 2u), len - 2u);
		ck_assert(!r->failed);
		if (kind == 8)
			s->tsval = w.last_tsval = read_be32(&body);
		else if (kind == 5)
			s->sack_cnt = (uint8_t)((len - 2) / 8);
	}
}

static void check_payload(const struct sent *s, const uint8_t *p)
{
	for (uint32_t i = 0; i < s->len; i++)
		ck_assert_uint_eq(p[i], pattern(s->seq + i));
}

static void take_tcp(struct reader *r, const struct frame_out *f)
{
	struct sent s = {.at_us = stack_now_us(sender_stack), .gso_size = f->gso_size};
	w.port = read_be16(r);
	ck_assert_uint_eq(read_be16(r), PEER_PORT);
	uint32_t seq = read_be32(r);
	s.ack = read_be32(r);
	size_t hdr_len = (read_u8(r) >> 4) * 4u;
	s.flags = read_u8(r);
	s.wnd = read_be16(r);
	(void)read_be16(r); /* checksum */
	s.urg = read_be16(r);
	struct reader options = reader_of(read_bytes(r, hdr_len - 20), hdr_len - 20);
	ck_assert(!r->failed);
	parse_options(&options, &s);
	if (s.flags & TCP_SYN) {
		w.iss = seq;
		w.syn_seen = true;
	}
	s.seq = seq - w.iss - 1;
	s.len = (uint32_t)reader_left(r);
	if (!(s.flags & TCP_SYN))
		check_payload(&s, r->p);
	ck_assert_uint_lt(w.tail - w.head, RING);
	w.ring[w.tail++ % RING] = s;
}

static bool on_transmit(void *ctx, const struct frame_out *f)
{
	(void)ctx;
	w.frame_len = 0;
	for (int i = 0; i < f->iovcnt; i++) {
		ck_assert_uint_le(w.frame_len + f->iov[i].iov_len, FRAME_MAX);
		memcpy(w.frame + w.frame_len, f->iov[i].iov_base, f->iov[i].iov_len);
		w.frame_len += f->iov[i].iov_len;
	}
	ck_assert_uint_eq(w.frame_len, f->len);
	struct reader r = reader_of(w.frame, w.frame_len);
	(void)read_bytes(&r, 12);
	uint16_t type = read_be16(&r);
	if (type == 0x0806)
		w.arp_asked = true;
	if (type != 0x0800)
		return true;
	(void)read_bytes(&r, 9);
	if (read_u8(&r) != IPPROTO_TCP_)
		return true;
	(void)read_bytes(&r, 10);
	ck_assert(!r.failed);
	take_tcp(&r, f);
	return true;
}

/* --- what arrives
 * --------------------------------------------------------------------------------- */

static uint8_t *put_ethernet(uint8_t *p, uint16_t type)
{
	p = put_bytes(p, "\x02\0\0\0\0\x01\x02\0\0\0\0\x02", 12);
	return put_be16(p, type);
}

static void deliver(const uint8_t *frame, size_t len)
{
	struct pkt *p = pkt_alloc(stack_pkt_pool(sender_stack), len);
	ck_assert_ptr_nonnull(p);
	memcpy(p->data, frame, len);
	p->len = (uint32_t)len;
	p->csum_valid = true;
	stack_input(sender_stack, p);
}

static void answer_arp(void)
{
	uint8_t f[42], *p = put_ethernet(f, 0x0806);
	p = put_bytes(p, "\0\x01\x08\0\x06\x04\0\x02\x02\0\0\0\0\x02", 14);
	p = put_be32(p, PEER_V4);
	p = put_bytes(p, "\x02\0\0\0\0\x01", 6);
	(void)put_be32(p, OUR_V4);
	w.arp_asked = false;
	deliver(f, sizeof(f));
}

void sender_flush(void)
{
	do {
		if (w.arp_asked)
			answer_arp();
		stack_flush(sender_stack);
	} while (w.arp_asked);
}

struct peer_segment {
	uint32_t seq, ack, tsecr; /* ack as an offset */
	uint8_t flags;
	unsigned sacks;
	const uint32_t (*sack)[2];
	uint32_t len;
};

static uint8_t *put_options(uint8_t *p, const struct peer_segment *s)
{
	uint8_t *start = p;
	if (s->flags & TCP_SYN) {
		uint32_t mss = w.opt.mss ? w.opt.mss : SENDER_MSS + (w.opt.timestamps ? 12 : 0);
		p = put_be16(put_bytes(p, "\x02\x04", 2), (uint16_t)mss);
		if (!w.opt.no_sack)
			p = put_bytes(p, "\x04\x02", 2);
		if (w.scaled)
			p = put_u8(put_bytes(p, "\x03\x03", 2), WSCALE);
	}
	if (w.opt.timestamps) {
		p = put_bytes(p, "\x08\x0a", 2);
		p = put_be32(p, (uint32_t)(stack_now_us(sender_stack) / 1000));
		p = put_be32(p, s->tsecr);
	}
	if (s->sacks) {
		p = put_u8(put_u8(p, 5), (uint8_t)(2 + 8 * s->sacks));
		for (unsigned i = 0; i < s->sacks; i++) {
			p = put_be32(p, w.iss + 1 + s->sack[i][0]);
			p = put_be32(p, w.iss + 1 + s->sack[i][1]);
		}
	}
	while ((p - start) % 4)
		p = put_u8(p, 1);
	return p;
}

static void from_peer(const struct peer_segment *s)
{
	uint8_t frame[2048] = {0}, options[60];
	size_t opt_len = (size_t)(put_options(options, s) - options);
	size_t ip_len = 20 + 20 + opt_len + s->len;
	uint32_t wnd = w.window;
	if (w.scaled && !(s->flags & TCP_SYN))
		wnd >>= WSCALE;
	uint8_t *ip = put_ethernet(frame, 0x0800), *p = ip;
	p = put_be16(put_be16(p, 0x4500), (uint16_t)ip_len);
	p = put_be32(p, 0x00004000);
	p = put_be32(p, 0x40060000);
	p = put_be32(put_be32(p, PEER_V4), OUR_V4);
	put_be16(ip + 10, csum_finish(csum_partial(ip, 20, 0)));
	p = put_be16(put_be16(p, PEER_PORT), w.port);
	p = put_be32(put_be32(p, s->seq), w.iss + 1 + s->ack);
	p = put_u8(put_u8(p, (uint8_t)((20 + opt_len) / 4 << 4)), s->flags);
	p = put_be16(p, (uint16_t)min_u32(wnd, 65535));
	p = put_be32(p, 0);
	p = put_bytes(p, options, opt_len);
	deliver(frame, 14 + ip_len);
	sender_flush();
}

void peer_sack(uint32_t ack, unsigned blocks, const uint32_t (*sack)[2])
{
	from_peer(&(struct peer_segment){.seq = PEER_ISS + 1,
					 .ack = ack,
					 .tsecr = w.last_tsval,
					 .flags = TCP_ACK,
					 .sacks = blocks,
					 .sack = sack});
}

void peer_ack(uint32_t ack)
{
	peer_sack(ack, 0, NULL);
}

void peer_ack_window(uint32_t ack, uint32_t window)
{
	w.window = window;
	peer_ack(ack);
}

void peer_ack_ts(uint32_t ack, uint32_t tsecr)
{
	from_peer(&(struct peer_segment){
	    .seq = PEER_ISS + 1, .ack = ack, .tsecr = tsecr, .flags = TCP_ACK});
}

void peer_data(uint32_t offset, uint32_t bytes)
{
	from_peer(&(struct peer_segment){.seq = PEER_ISS + 1 + offset,
					 .ack = sender_sk->snd_una - w.iss - 1,
					 .tsecr = w.last_tsval,
					 .flags = TCP_ACK | TCP_PSH,
					 .len = bytes});
}

/* --- opening and closing
 * -------------------------------------------------------------------------- */

static const struct stack_ops ops = {.transmit = on_transmit};

void sender_open_unanswered(const struct sender_options *o)
{
	struct stack_config config = {.mac = {{2, 0, 0, 0, 0, 1}},
				      .mtu_bytes = 1500,
				      .tso_max_bytes = o->tso_max_bytes,
				      .tx_csum_offload = true,
				      .pkt_limit_bytes = 1 << 22};
	int err = 0;
	memset(&w, 0, sizeof(w));
	w.opt = *o;
	w.window = o->window ? o->window : 60000;
	w.scaled = w.window > 65535;
	sender_stack = stack_create(&config, &ops, NULL, 1000000);
	ck_assert_ptr_nonnull(sender_stack);
	ck_assert_int_eq(stack_addr_add(sender_stack, OUR_V4, 24), 0);
	strcpy(stack_sysctls(sender_stack)->tcp_congestion_control, o->reno ? "reno" : "cubic");
	sender_sk = tcp_socket(sender_stack, &the_user, 0, &err);
	ck_assert_ptr_nonnull(sender_sk);
	struct sock_addr peer = {ip_v4(PEER_V4), PEER_PORT};
	ck_assert_int_eq(tcp_connect(sender_sk, &peer), 0);
	sender_flush();
	ck_assert(w.syn_seen);
}

void sender_open(const struct sender_options *o)
{
	sender_open_unanswered(o);
	sender_wait(SENDER_RTT_US);
	from_peer(&(struct peer_segment){
	    .seq = PEER_ISS, .ack = 0, .tsecr = w.last_tsval, .flags = TCP_SYN | TCP_ACK});
	ck_assert_int_eq(tcp_state(sender_sk), TCP_ESTABLISHED);
	peer_ack(0); /* sets the window, scaled, and so is no duplicate */
	sender_sk->sndbuf_bytes = 1 << 20;
	sender_forget();
	(void)sender_events();
}

void sender_close(void)
{
	stack_destroy(sender_stack);
	sender_stack = NULL;
	sender_sk = NULL;
}

/* --- the program
 * ------------------------------------------------------------------------------------ */

uint32_t sender_fill(uint32_t bytes)
{
	uint32_t before = w.written;
	while (w.written - before < bytes) {
		struct iovec iov[4];
		uint32_t left = bytes - (w.written - before), filled = 0;
		int n = tcp_send_reserve(sender_sk, left, iov, 4);
		for (int i = 0; i < n; i++)
			for (size_t k = 0; k < iov[i].iov_len && filled < left; k++, filled++)
				((uint8_t *)iov[i].iov_base)[k] = pattern(w.written + filled);
		if (n == 0)
			break;
		tcp_send_commit(sender_sk, filled);
		w.written += filled;
	}
	return w.written - before;
}

void sender_write(uint32_t bytes)
{
	ck_assert_uint_eq(sender_fill(bytes), bytes);
	sender_flush();
}

/* To the next timer, or to `end` if that is earlier. */
static void step(uint64_t end)
{
	uint64_t now = stack_now_us(sender_stack), next = stack_next_timer_us(sender_stack);
	if (next <= now)
		next = now + 1;
	stack_advance(sender_stack, next < end ? next : end);
	sender_flush();
}

void sender_wait(uint64_t us)
{
	uint64_t end = stack_now_us(sender_stack) + us;
	while (stack_now_us(sender_stack) < end)
		step(end);
}

uint64_t sender_wait_sent(uint64_t most_us)
{
	uint64_t start = stack_now_us(sender_stack), end = start + most_us;
	while (!sender_sent_any() && stack_now_us(sender_stack) < end)
		step(end);
	ck_assert_msg(sender_sent_any(), "nothing was sent in %llu us",
		      (unsigned long long)most_us);
	return stack_now_us(sender_stack) - start;
}

/* --- what a test asks
 * --------------------------------------------------------------------------------- */

bool sender_sent_any(void)
{
	return w.head != w.tail;
}

struct sent sender_sent(void)
{
	ck_assert_msg(sender_sent_any(), "nothing was sent");
	return w.ring[w.head++ % RING];
}

void sender_forget(void)
{
	w.head = w.tail;
}

void expect_segment(uint32_t seq, uint32_t len)
{
	struct sent s = sender_sent();
	ck_assert_msg(s.seq == seq && s.len == len, "sent %u+%u, expected %u+%u", s.seq, s.len, seq,
		      len);
}

void expect_segments(uint32_t seq, uint32_t bytes, uint32_t len)
{
	for (uint32_t at = 0; at < bytes; at += len)
		expect_segment(seq + at, len);
}

void expect_silence(void)
{
	if (!sender_sent_any())
		return;
	struct sent s = sender_sent();
	ck_abort_msg("sent %u+%u, expected nothing", s.seq, s.len);
}

uint64_t sender_mib(enum snmp counter)
{
	return sender_stack->mib.counter[counter];
}

unsigned sender_events(void)
{
	unsigned all = 0, events;
	while (stack_next_event(sender_stack, &events))
		all |= events;
	return all;
}
