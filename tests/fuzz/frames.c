/* SPDX-License-Identifier: MIT */
/*
 * Frames into a stack that has listeners and connections, and programs that write, read, set options,
 * close. The peer follows what the stack sends (struct talk), so that the numbers in a script are
 * offsets from what would be right, and a script of zeros is a polite conversation.
 *
 * After each step the simulator's invariants hold. At the end all sockets are closed, time passes, and
 * nothing may be left.
 */
#include <string.h>

#include "stack/base/bytes.h"
#include "stack/base/checksum.h"
#include "tests/fuzz/fuzz.h"
#include "tests/sim/stack_invariants.h"
#include "tests/unit/host.h"

#define SOCKETS_MAX 12
#define TALKS 4
#define STEPS_MAX 300
#define PORT 80
#define L4_ROOM 4096

/* A conversation, as its other end sees it. */
struct talk {
	uint16_t sport, dport;
	uint32_t seq, ack, tsval; /* seq, ack: what comes next; tsval: the stack's last */
	uint8_t heard;		  /* flags of the last segment from the stack; 0: none yet */
};

struct run {
	struct reader in;
	struct host *h;
	struct tcp_sock *listener;
	struct tcp_sock *sk[SOCKETS_MAX];
	unsigned count;
	struct talk talk[TALKS];
	uint16_t next_port;
};

static uint8_t u8(struct run *r)
{
	return read_u8(&r->in);
}

static uint16_t u16(struct run *r)
{
	return read_be16(&r->in);
}

/* Small or large, of either sign: a byte for how large, and one for how much. */
static uint32_t offset(struct run *r)
{
	uint8_t scale = u8(r);
	uint32_t value = (uint32_t)(int32_t)(int8_t)u8(r);
	return scale ? value << (scale & 31) : 0;
}

static struct talk *a_talk(struct run *r, uint8_t which)
{
	return &r->talk[which % TALKS];
}

static void talk_anew(struct run *r, struct talk *t)
{
	*t = (struct talk){.sport = r->next_port++, .dport = PORT, .seq = 1000u * r->next_port};
}

/* --- frames */

static uint8_t *put_ts(uint8_t *at, const struct talk *t, uint32_t add, uint32_t late)
{
	at = put_be32(at, 0x0101080a);
	at = put_be32(at, 5000 + add);
	return put_be32(at, t->tsval - late);
}

static size_t tcp_options(struct run *r, const struct talk *t, uint8_t *to)
{
	static const uint8_t syn[] = {2, 4, 5, 0xb4, 4, 2, 1, 1, 1, 3, 3, 7};
	uint8_t kind = u8(r), *at = to;
	switch (kind % 8) {
	case 1:
		memcpy(to, syn, sizeof(syn));
		at += sizeof(syn);
		if (kind & 8)
			at = put_ts(at, t, 0, 0);
		break;
	case 2:
		at = put_ts(at, t, offset(r), offset(r));
		break;
	case 3: /* SACK */
		at = put_be16(at, 0x0101);
		at = put_u8(at, 5);
		at = put_u8(at, (uint8_t)(2 + 8 * (1 + (kind >> 3) % 3)));
		for (int i = 0; i <= (kind >> 3) % 3; i++) {
			at = put_be32(at, t->ack + offset(r));
			at = put_be32(at, t->ack + offset(r));
		}
		break;
	case 4:
		for (int i = (kind >> 3) % 11 * 4; i > 0; i--)
			at = put_u8(at, u8(r));
		break;
	case 5: /* Fast Open: a cookie of the script's own */
		at = put_be16(at, 0x220a);
		for (int i = 0; i < 10; i++)
			at = put_u8(at, i < 8 ? u8(r) : 1);
		break;
	default:
		break;
	}
	return (size_t)(at - to);
}

/* What a polite peer would say now. */
static uint8_t next_flags(const struct talk *t)
{
	if (!t->heard)
		return TCP_SYN;
	return t->heard == TCP_SYN ? TCP_SYN | TCP_ACK : TCP_ACK;
}

static size_t segment(struct run *r, uint8_t *to)
{
	uint8_t which = u8(r);
	struct talk *t = a_talk(r, which);
	uint8_t flags = next_flags(t) ^ u8(r), options[40];
	size_t options_len = tcp_options(r, t, options);
	uint32_t seq = t->seq + offset(r), ack = t->ack + offset(r);
	size_t payload = u16(r) % 3000;
	uint8_t *at = put_be16(to, t->sport);
	at = put_be16(at, t->dport);
	at = put_be32(at, seq);
	at = put_be32(at, flags & TCP_ACK ? ack : 0);
	at = put_u8(at, (uint8_t)((5 + options_len / 4) << 4));
	at = put_u8(at, flags);
	at = put_be16(at, which & 4 ? u16(r) : 65535);
	at = put_be16(at, 0);
	at = put_be16(at, which & 8 ? u16(r) : 0);
	at = put_bytes(at, options, options_len);
	memset(at, 'f', payload);
	if (flags & TCP_RST)
		talk_anew(r, t);
	return (size_t)(at - to) + payload;
}

static void tcp_checksum(uint8_t *tcp, size_t len, uint32_t src, uint32_t dst)
{
	struct ip_addr from = ip_v4(src), to = ip_v4(dst);
	put_be16(tcp + 16, 0);
	put_be16(tcp + 16, csum_finish(csum_partial(
			       tcp, len, csum_pseudo(&from, &to, IPPROTO_TCP_, (uint32_t)len))));
}

static void give(struct run *r, const uint8_t *frame, size_t len, bool offloaded, uint16_t gso)
{
	struct pkt *p = pkt_alloc(stack_pkt_pool(r->h->st), len);
	FUZZ_CHECK(p);
	memcpy(p->buf, frame, len);
	p->len = (uint32_t)len;
	p->csum_valid = offloaded;
	p->gso_size = gso;
	stack_input(r->h->st, p);
}

static void op_segment(struct run *r)
{
	uint8_t tcp[L4_ROOM], frame[L4_ROOM + 64], how = u8(r);
	struct ipv4_spec spec = {.proto = IPPROTO_TCP_, .tos = how >> 6};
	size_t len = segment(r, tcp);
	tcp_checksum(tcp, len, PEER_V4, HOST_V4);
	if (how & 1)
		tcp[u8(r) % len] ^= u8(r);
	if (how & 2) /* after damage: right again */
		tcp_checksum(tcp, len, PEER_V4, HOST_V4);
	len = frame_ipv4(frame, &spec, tcp, len);
	give(r, frame, len, how & 4, how & 8 ? u16(r) : 0);
}

static void op_fragments(struct run *r)
{
	uint8_t tcp[L4_ROOM], frame[L4_ROOM + 64];
	struct ipv4_spec spec = {.proto = IPPROTO_TCP_, .id = u8(r)};
	size_t len = segment(r, tcp);
	tcp_checksum(tcp, len, PEER_V4, HOST_V4);
	for (int pieces = u8(r) % 8; pieces > 0; pieces--) {
		size_t from = u16(r) % (len + 1) & ~7u, most = len - from;
		size_t piece = u16(r) % (most + 1);
		uint8_t how = u8(r);
		spec.frag = (uint16_t)((from / 8 + (how & 2 ? u16(r) : 0)) & 0x1fff);
		spec.frag |= how & 1 ? IPV4_MF : 0;
		give(r, frame, frame_ipv4(frame, &spec, tcp + from, piece), false, 0);
	}
}

static void op_icmp(struct run *r)
{
	const struct talk *t = a_talk(r, u8(r));
	uint8_t quote[64], icmp[128], frame[256], type = u8(r), code = u8(r);
	struct ipv4_spec spec = {.proto = IPPROTO_ICMP_};
	ipv4_header_write(quote, u16(r), 1, 0, 60, 0, IPPROTO_TCP_, HOST_V4, PEER_V4);
	uint8_t *at = put_be16(quote + 20, t->dport);
	at = put_be16(at, t->sport);
	at = put_be32(at, t->ack + offset(r));
	memset(at, 0, 12);
	uint32_t info = u16(r);
	size_t len = icmp_message(icmp, type, code, info, quote, u8(r) % 41);
	give(r, frame, frame_ipv4(frame, &spec, icmp, len), false, 0);
}

static void op_raw(struct run *r)
{
	uint8_t frame[512], how = u8(r);
	size_t len = u16(r) % sizeof(frame);
	for (size_t i = 0; i < len; i++)
		frame[i] = i < 12 && how & 1 ? host_mac.b[i % 6] : u8(r);
	if (how & 2 && len >= 34 && len >= 14 + (frame[14] & 15u) * 4)
		ipv4_fix_checksum(frame);
	give(r, frame, len, how & 4, 0);
}

static void op_arp(struct run *r)
{
	uint8_t frame[64], how = u8(r);
	size_t len = frame_arp(frame, how & 1 ? &broadcast_mac : &host_mac, &peer_mac, u8(r) % 4,
			       how & 2 ? &third_mac : &peer_mac, 0x0a4d0000u + u8(r),
			       how & 4 ? THIRD_V4 : HOST_V4);
	give(r, frame, len - (how & 8 ? u8(r) % len : 0), false, 0);
}

/* --- the programs */

static struct tcp_sock *a_socket(struct run *r)
{
	unsigned i = u8(r);
	return r->count ? r->sk[i % r->count] : r->listener;
}

static void forget(struct run *r, const struct tcp_sock *sk)
{
	for (unsigned i = 0; i < r->count; i++)
		if (r->sk[i] == sk)
			r->sk[i] = r->sk[--r->count];
}

static void op_write(struct run *r)
{
	struct tcp_sock *sk = a_socket(r);
	struct iovec iov[2];
	uint8_t how = u8(r);
	size_t want = 1 + u16(r) % 40000u;
	if (sk == r->listener || tcp_send_reserve(sk, want, iov, 2) == 0)
		return;
	size_t n = want < iov[0].iov_len ? want : iov[0].iov_len;
	memset(iov[0].iov_base, 'w', n);
	tcp_send_commit(sk, n);
	if (how & 1)
		tcp_send_urgent(sk);
	if (how & 6)
		tcp_send_flags(sk, how >> 1 & 3);
}

static void op_read(struct run *r)
{
	struct tcp_sock *sk = a_socket(r);
	struct iovec iov[4];
	size_t have = 0, want = u16(r);
	if (sk == r->listener)
		return;
	int n = tcp_recv_iov(sk, iov, 4);
	for (int i = 0; i < n; i++)
		have += iov[i].iov_len;
	if (have > 0)
		tcp_recv_done(sk, want && want < have ? want : have);
	tcp_recv_compact(sk);
}

static void op_end(struct run *r)
{
	struct tcp_sock *sk = a_socket(r);
	uint8_t how = u8(r);
	if (sk == r->listener)
		return;
	switch (how % 6) {
	case 0:
		tcp_send_fin(sk);
		return;
	case 1:
		tcp_recv_shutdown(sk);
		return;
	case 2:
		tcp_disconnect(sk);
		return;
	case 3:
		tcp_abort(sk);
		break;
	default:
		tcp_close(sk, how & 8);
	}
	forget(r, sk);
}

static struct tcp_sock *new_socket(struct run *r)
{
	int err;
	struct tcp_sock *sk =
	    r->count < SOCKETS_MAX ? tcp_socket(r->h->st, r, 1000 + u8(r) % 2, &err) : NULL;
	if (sk)
		r->sk[r->count++] = sk;
	return sk;
}

static void op_connect(struct run *r)
{
	static const uint32_t where[] = {PEER_V4, THIRD_V4, HOST_V4, 0x7f000001};
	uint8_t how = u8(r);
	struct sock_addr to = {.addr = ip_v4(where[how % 4]), .port = PORT};
	struct tcp_sock *sk = how & 4 ? a_socket(r) : new_socket(r);
	if (!sk || sk == r->listener)
		return;
	if (how & 8)
		tcp_connect_fast(sk, &to);
	else
		tcp_connect(sk, &to);
	if (how & 16)
		tcp_connect_go(sk);
}

static void op_listen(struct run *r)
{
	uint8_t how = u8(r);
	struct sock_addr at = {.addr = ip_v4(0), .port = (uint16_t)(PORT + how % 4)};
	struct tcp_sock *sk = how & 4 ? new_socket(r) : a_socket(r);
	if (sk && tcp_bind(sk, &at) == 0 && how & 8)
		tcp_listen(sk, how >> 4);
}

static void op_option(struct run *r)
{
	static const int levels[] = {1, 0, IPPROTO_TCP_, 41};
	struct tcp_sock *sk = a_socket(r);
	uint8_t value[300], how = u8(r);
	int level = levels[how % 4], name = u8(r);
	size_t len = how & 4 ? u8(r) : 4;
	for (size_t i = 0; i < len; i++)
		value[i] = len == 4 && i > 1 && !(how & 16) ? 0 : u8(r);
	if (how & 8)
		tcp_getsockopt(sk, level, name, value, &len);
	else
		tcp_setsockopt(sk, level, name, value, len);
}

static void op_sysctl(struct run *r)
{
	unsigned which = u8(r), value = u16(r);
	fuzz_tune(stack_sysctls(r->h->st), which, value >> (u8(r) & 15));
}

static void op_time(struct run *r)
{
	uint8_t scale = u8(r);
	host_advance(r->h, (uint64_t)(1 + u8(r)) << (scale % 20));
}

/* --- what the stack says */

static void take_events(struct run *r)
{
	unsigned events;
	struct tcp_sock *child;
	while (stack_next_event(r->h->st, &events))
		;
	while ((child = tcp_accept(r->listener))) {
		if (r->count == SOCKETS_MAX) {
			tcp_abort(child);
			continue;
		}
		tcp_set_user(child, r);
		r->sk[r->count++] = child;
	}
}

/* The conversation a segment of the stack's belongs to; a SYN begins one in the place of another. */
static struct talk *talk_of(struct run *r, const uint8_t *tcp)
{
	uint16_t dport = be16_of(tcp), sport = be16_of(tcp + 2);
	for (unsigned i = 0; i < TALKS; i++)
		if (r->talk[i].sport == sport && r->talk[i].dport == dport)
			return &r->talk[i];
	if (tcp[13] != TCP_SYN)
		return NULL;
	struct talk *t = &r->talk[dport % TALKS];
	talk_anew(r, t);
	t->sport = sport;
	t->dport = dport;
	return t;
}

static void follow(struct talk *t, const uint8_t *tcp, size_t len)
{
	size_t header = (tcp[12] >> 4) * 4u;
	uint32_t next =
	    be32_of(tcp + 4) + (uint32_t)(len - header) + !!(tcp[13] & (TCP_SYN | TCP_FIN));
	if (!t->heard || seq_gt(next, t->ack))
		t->ack = next;
	t->heard = tcp[13];
	if (tcp[13] & TCP_ACK)
		t->seq = be32_of(tcp + 8);
	if (header >= 32 && be32_of(tcp + 20) == 0x0101080a)
		t->tsval = be32_of(tcp + 24);
}

static void listen_to_wire(struct run *r)
{
	const struct sent_frame *s;
	while ((s = host_sent(r->h))) {
		const uint8_t *tcp = s->data + 34;
		struct talk *t;
		if (!is_ipv4(s, IPPROTO_TCP_) || s->len < 54 || !(t = talk_of(r, tcp)))
			continue;
		if (tcp[13] & TCP_RST)
			talk_anew(r, t);
		else
			follow(t, tcp, s->len - 34);
	}
}

/* --- the script */

typedef void op_fn(struct run *r);
static op_fn *const ops[] = {op_segment, op_segment, op_segment, op_fragments, op_icmp,
			     op_raw,	 op_arp,     op_time,	 op_write,     op_read,
			     op_end,	 op_connect, op_listen,	 op_option,    op_sysctl};

static void holds(bool so, const char *why)
{
	if (so)
		return;
	fprintf(stderr, "invariant: %s\n", why);
	abort();
}

static void start(struct run *r, const uint8_t *data, size_t len)
{
	struct stack_config config = host_config();
	struct sock_addr any = {.addr = ip_v4(0), .port = PORT};
	int err;
	memset(r, 0, sizeof(*r));
	r->in = reader_of(data, len);
	config.pkt_limit_bytes = 32u << 20;
	r->h = host_new_with(&config, true);
	r->next_port = 2000;
	uint8_t how = u8(r);
	stack_sysctls(r->h->st)->tcp_max_syn_backlog = how & 1 ? 2 : 16;
	if (how & 2)
		stack_sysctls(r->h->st)->tcp_fastopen = 0x603;
	r->listener = tcp_socket(r->h->st, r, 1000, &err);
	FUZZ_CHECK(r->listener && tcp_bind(r->listener, &any) == 0 &&
		   tcp_listen(r->listener, 4) == 0);
	for (unsigned i = 0; i < TALKS; i++)
		talk_anew(r, &r->talk[i]);
}

/* Everybody goes; two hours later nothing is left. */
static void end(struct run *r)
{
	struct stack *st = r->h->st;
	char why[200];
	take_events(r);
	while (r->count > 0)
		tcp_abort(r->sk[--r->count]);
	tcp_close(r->listener, false);
	stack_flush(st);
	host_advance(r->h, 7200 * SEC);
	holds(stack_is_empty(st, why, sizeof(why)), why);
	host_free(r->h);
}

void fuzz_frames(const uint8_t *data, size_t len)
{
	struct run r;
	char why[200];
	start(&r, data, len);
	for (int step = 0; step < STEPS_MAX && reader_left(&r.in) > 0; step++) {
		uint8_t op = u8(&r);
		ops[op % 16 % (sizeof(ops) / sizeof(ops[0]))](&r);
		if (op & 0x80) /* the batch goes on */
			continue;
		stack_flush(r.h->st);
		take_events(&r);
		listen_to_wire(&r);
		holds(stack_invariants_hold(r.h->st, why, sizeof(why)), why);
	}
	end(&r);
}
