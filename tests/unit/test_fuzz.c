/* SPDX-License-Identifier: MIT */
/*
 * Hostile input: frames that are almost right, from a fixed seed, into a stack that has listeners,
 * connections half made and made, fragments waiting, and programs that read, write and close.
 *
 * Frames are made from templates that follow what the stack last sent (so that ports and sequence
 * numbers are often in the window), then damaged in ways parsers dislike, then, often, given right
 * checksums again so that they get past the first check. The sanitizers are the judges; besides,
 * memory must stay bounded, time must go on, and after all of it a plain connection must still
 * work.
 */
#include <stdlib.h>

#include "stack/base/bytes.h"
#include "stack/base/checksum.h"
#include "tests/unit/host.h"
#include "tests/unit/suites.h"

#define FRAMES_PER_SEED 4000
#define SEEDS 6
#define SOCKETS_MAX 32
#define PORT 80
#define FRAME_ROOM 4096

/* One conversation, as its other end sees it. */
struct talk {
	uint16_t sport, dport;
	uint32_t seq, ack;
	uint8_t heard; /* flags of the last segment the stack sent; 0: none yet */
};

#define TALKS 6

struct fuzz {
	struct host *h;
	struct random random;
	struct tcp_sock *listener;
	struct tcp_sock *sk[SOCKETS_MAX];
	unsigned count, accepted;
	struct talk talk[TALKS];
};

static uint32_t below(struct fuzz *f, uint32_t bound)
{
	return random_below(&f->random, bound);
}

static bool one_in(struct fuzz *f, uint32_t n)
{
	return below(f, n) == 0;
}

/* --- frames --------------------------------------------------------------------------------- */

static struct talk *any_talk(struct fuzz *f)
{
	return &f->talk[below(f, TALKS)];
}

static void talk_anew(struct fuzz *f, struct talk *t)
{
	*t = (struct talk){.sport = (uint16_t)(1024 + below(f, 200)),
			   .dport = PORT,
			   .seq = (uint32_t)random_u64(&f->random)};
}

static size_t tcp_options(struct fuzz *f, const struct talk *t, bool syn, uint8_t *to)
{
	static const uint8_t syn_options[] = {2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0,
					      0, 1, 0, 0,    0, 0, 1, 3,  3, 7};
	uint8_t *at = to;
	switch (below(f, 8)) {
	case 0: /* SACK blocks around what we would acknowledge */
		at = put_be32(at, 0x0101050au);
		at = put_be32(at, t->ack - below(f, 5000));
		put_be32(at, t->ack + below(f, 5000));
		return 12;
	case 1:
		for (int i = 0; i < 40; i++)
			to[i] = (uint8_t)below(f, one_in(f, 2) ? 35 : 256);
		return below(f, 11) * 4;
	case 2:
	case 3:
		if (!syn)
			return 0;
		memcpy(to, syn_options, sizeof(syn_options));
		return sizeof(syn_options);
	default:
		return 0;
	}
}

/* What a polite peer would say now. */
static uint8_t next_flags(struct fuzz *f, const struct talk *t)
{
	if (!t->heard)
		return TCP_SYN;
	if (t->heard == TCP_SYN)
		return TCP_SYN | TCP_ACK;
	return one_in(f, 20) ? TCP_ACK | TCP_FIN : TCP_ACK;
}

static uint8_t rude_flags(struct fuzz *f)
{
	static const uint8_t flags[] = {TCP_SYN,
					TCP_ACK,
					TCP_ACK,
					TCP_ACK | TCP_PSH,
					TCP_ACK | TCP_FIN,
					TCP_RST,
					TCP_RST | TCP_ACK,
					TCP_SYN | TCP_ACK,
					TCP_ACK | TCP_URG,
					TCP_SYN | TCP_FIN,
					0,
					0xff};
	return flags[below(f, sizeof(flags))];
}

static size_t tcp_segment(struct fuzz *f, uint8_t *to)
{
	struct talk *t = any_talk(f);
	uint8_t options[40];
	bool rude = one_in(f, 4);
	uint8_t flags = rude ? rude_flags(f) : next_flags(f, t);
	size_t options_len = tcp_options(f, t, flags & TCP_SYN, options);
	size_t payload = one_in(f, 2) && !(flags & TCP_SYN) ? below(f, 1400) : 0;
	uint32_t drift = rude ? below(f, 1u << below(f, 20)) - below(f, 1000) : 0;
	uint32_t lag = one_in(f, 6) ? below(f, 3000) : 0;
	uint8_t *at = put_be16(to, t->sport);
	at = put_be16(at, t->dport);
	at = put_be32(at, t->seq + drift);
	at = put_be32(at, flags & TCP_ACK ? t->ack - lag : 0);
	at = put_u8(at, (uint8_t)((5 + options_len / 4) << 4));
	at = put_u8(at, flags);
	at = put_be16(at, one_in(f, 10) ? (uint16_t)below(f, 10) : 65535);
	at = put_be16(at, 0);
	at = put_be16(at, (uint16_t)below(f, 2000));
	at = put_bytes(at, options, options_len);
	memset(at, 'f', payload);
	return (size_t)(at - to) + payload;
}

static size_t icmp_packet(struct fuzz *f, uint8_t *to)
{
	static const uint8_t types[] = {
	    ICMP_ECHO,		ICMP_DEST_UNREACH,	ICMP_DEST_UNREACH,
	    ICMP_TIME_EXCEEDED, ICMP_PARAMETER_PROBLEM, 0};
	const struct talk *t = any_talk(f);
	uint8_t quote[64];
	ipv4_header_write(quote, (uint16_t)below(f, 1600), 1, 0, 60, 0, IPPROTO_TCP_, HOST_V4,
			  PEER_V4);
	uint8_t *at = put_be16(quote + 20, t->dport);
	at = put_be16(at, t->sport);
	at = put_be32(at, t->ack - below(f, 1u << below(f, 12)));
	memset(at, 0, 12);
	return icmp_message(to, types[below(f, sizeof(types))], (uint8_t)below(f, 8),
			    below(f, 1600), quote, one_in(f, 4) ? below(f, 40) : 40);
}

/* A packet's payload and what its header is to say of it. */
static size_t ip_payload(struct fuzz *f, uint8_t *to, struct ipv4_spec *spec)
{
	spec->id = (uint16_t)below(f, 65536);
	spec->tos = (uint8_t)below(f, 256);
	if (one_in(f, 12)) {
		spec->proto = IPPROTO_ICMP_;
		return icmp_packet(f, to);
	}
	if (one_in(f, 40)) {
		spec->proto = IPPROTO_UDP_;
		return udp_datagram(to, 1, 2, "data", below(f, 5));
	}
	spec->proto = one_in(f, 50) ? (uint8_t)below(f, 256) : IPPROTO_TCP_;
	return tcp_segment(f, to);
}

static size_t arp_frame(struct fuzz *f, uint8_t *to)
{
	return frame_arp(to, one_in(f, 2) ? &host_mac : &broadcast_mac, &peer_mac,
			 (uint16_t)(1 + below(f, 2)), &third_mac, 0x0a4d0000 + below(f, 256),
			 one_in(f, 4) ? THIRD_V4 : HOST_V4);
}

/* --- damage --------------------------------------------------------------------------------- */

static size_t damage(struct fuzz *f, uint8_t *frame, size_t len)
{
	static const uint8_t likes[] = {0, 1, 2, 0x7f, 0x80, 0xff, 0x45, 0x4f, 0x40};
	for (uint32_t i = below(f, 4); i > 0 && len > 0; i--) {
		/* Headers are where parsers live. */
		uint32_t at = below(f, one_in(f, 4) || len < 75 ? (uint32_t)len : 75);
		switch (below(f, 5)) {
		case 0:
			frame[at] ^= (uint8_t)(1u << below(f, 8));
			break;
		case 1:
			frame[at] = likes[below(f, sizeof(likes))];
			break;
		case 2:
			frame[at] = (uint8_t)below(f, 256);
			break;
		case 3:
			len = one_in(f, 3) ? at : len;
			break;
		default: /* trailing bytes */
			for (uint32_t more = below(f, 60); more > 0 && len < FRAME_ROOM; more--)
				frame[len++] = (uint8_t)below(f, 256);
		}
	}
	return len;
}

/* Makes the checksums right again, as far as the lengths allow. */
static void repair(uint8_t *frame, size_t len)
{
	uint8_t *ip = frame + ETHERNET_HDR_BYTES;
	if (len < ETHERNET_HDR_BYTES + IPV4_HDR_BYTES || be16_of(frame + 12) != ETHERNET_P_IP)
		return;
	size_t ip_len = len - ETHERNET_HDR_BYTES, hdr_len = (ip[0] & 15u) * 4;
	size_t total = be16_of(ip + 2);
	if (hdr_len < IPV4_HDR_BYTES || hdr_len > ip_len)
		return;
	ipv4_fix_checksum(frame);
	if (total < hdr_len || total > ip_len)
		return;
	uint8_t *l4 = ip + hdr_len;
	size_t l4_len = total - hdr_len;
	size_t at = ip[9] == IPPROTO_TCP_ ? 16 : ip[9] == IPPROTO_UDP_ ? 6 : 2;
	struct ip_addr src = ip_v4(be32_of(ip + 12)), dst = ip_v4(be32_of(ip + 16));
	uint32_t pseudo =
	    ip[9] == IPPROTO_ICMP_ ? 0 : csum_pseudo(&src, &dst, ip[9], (uint32_t)l4_len);
	if (l4_len < at + 2)
		return;
	put_be16(l4 + at, 0);
	put_be16(l4 + at, csum_finish(csum_partial(l4, l4_len, pseudo)));
}

/* --- the programs --------------------------------------------------------------------------- */

static void forget(struct fuzz *f, unsigned i)
{
	f->sk[i] = f->sk[--f->count];
}

static void take_events(struct fuzz *f)
{
	unsigned events;
	struct tcp_sock *child;
	while (stack_next_event(f->h->st, &events))
		;
	while ((child = tcp_accept(f->listener))) {
		f->accepted++;
		if (f->count == SOCKETS_MAX) {
			tcp_abort(child);
			continue;
		}
		tcp_set_user(child, f);
		f->sk[f->count++] = child;
	}
}

static void read_some(struct fuzz *f, struct tcp_sock *sk)
{
	struct iovec iov[4];
	size_t have = 0;
	int n = tcp_recv_iov(sk, iov, 4);
	for (int i = 0; i < n; i++)
		have += iov[i].iov_len;
	if (have > 0)
		tcp_recv_done(sk, 1 + below(f, (uint32_t)have));
	tcp_recv_compact(sk);
}

static void write_some(struct fuzz *f, struct tcp_sock *sk)
{
	struct iovec iov[2];
	if (tcp_send_reserve(sk, 1 + below(f, 5000), iov, 2) == 0)
		return;
	memset(iov[0].iov_base, 'w', iov[0].iov_len);
	tcp_send_commit(sk, iov[0].iov_len);
}

static void connect_out(struct fuzz *f)
{
	struct sock_addr to = {.addr = ip_v4(one_in(f, 3) ? THIRD_V4 : PEER_V4), .port = PORT};
	int err = 0;
	struct tcp_sock *sk = f->count < SOCKETS_MAX ? tcp_socket(f->h->st, f, 0, &err) : NULL;
	if (!sk)
		return;
	f->sk[f->count++] = sk;
	tcp_connect(sk, &to);
}

static void act(struct fuzz *f)
{
	if (one_in(f, 40))
		connect_out(f);
	if (f->count == 0)
		return;
	unsigned i = below(f, f->count);
	struct tcp_sock *sk = f->sk[i];
	switch (below(f, 40)) {
	case 0:
		tcp_close(sk, one_in(f, 3));
		forget(f, i);
		break;
	case 1:
		tcp_abort(sk);
		forget(f, i);
		break;
	case 2:
		tcp_send_fin(sk);
		break;
	case 3:
		tcp_recv_shutdown(sk);
		break;
	case 4:
		tcp_disconnect(sk);
		break;
	default:
		if (one_in(f, 2))
			write_some(f, sk);
		else
			read_some(f, sk);
	}
}

/* The conversation a segment of the stack's belongs to; a SYN begins one in the place of another.
 */
static struct talk *talk_of(struct fuzz *f, const uint8_t *tcp)
{
	uint16_t dport = be16_of(tcp), sport = be16_of(tcp + 2);
	for (unsigned i = 0; i < TALKS; i++)
		if (f->talk[i].sport == sport && f->talk[i].dport == dport)
			return &f->talk[i];
	if (tcp[13] != TCP_SYN)
		return NULL;
	struct talk *t = any_talk(f);
	talk_anew(f, t);
	t->sport = sport;
	t->dport = dport;
	return t;
}

/* Follows what the stack says, so that the next frames can be about it. */
static void listen_to_wire(struct fuzz *f)
{
	const struct sent_frame *s;
	while ((s = host_sent(f->h))) {
		const uint8_t *tcp = s->data + 34;
		struct talk *t;
		if (!is_ipv4(s, IPPROTO_TCP_) || s->len < 54 || !(t = talk_of(f, tcp)))
			continue;
		if (tcp[13] & TCP_RST) {
			talk_anew(f, t);
			continue;
		}
		uint32_t len = (uint32_t)s->len - 34 - (tcp[12] >> 4) * 4u;
		t->heard = tcp[13];
		t->ack = be32_of(tcp + 4) + len + !!(tcp[13] & (TCP_SYN | TCP_FIN));
		if (tcp[13] & TCP_ACK)
			t->seq = be32_of(tcp + 8);
	}
	if (one_in(f, 60))
		talk_anew(f, any_talk(f));
}

/* --- the test ------------------------------------------------------------------------------- */

static void start(struct fuzz *f, unsigned seed)
{
	uint8_t bytes[32] = {(uint8_t)(seed + 1)};
	struct stack_config config = host_config();
	struct sock_addr any = {.addr = ip_v4(0), .port = PORT};
	int err = 0;
	config.pkt_limit_bytes = 8u << 20;
	config.tx_csum_offload = seed % 2;
	memset(f, 0, sizeof(*f));
	random_seed(&f->random, bytes);
	f->h = host_new_with(&config, true);
	stack_sysctls(f->h->st)->tcp_max_syn_backlog = 16; /* cookies are reached, too */
	if (seed % 2) /* Fast Open without cookies, on every listener */
		stack_sysctls(f->h->st)->tcp_fastopen = 0x603;
	f->listener = tcp_socket(f->h->st, f, 0, &err);
	ck_assert_ptr_nonnull(f->listener);
	ck_assert_int_eq(tcp_bind(f->listener, &any), 0);
	ck_assert_int_eq(tcp_listen(f->listener, 8), 0);
	for (unsigned i = 0; i < TALKS; i++)
		talk_anew(f, &f->talk[i]);
}

static void put_in(struct fuzz *f, uint8_t *frame, size_t len)
{
	bool damaged = one_in(f, 4);
	if (damaged)
		len = damage(f, frame, len);
	if (damaged && !one_in(f, 4))
		repair(frame, len);
	host_input_offloaded(f->h, frame, len, one_in(f, 10));
}

/* In two pieces, which may overlap, or one of which may be lost. */
static void put_in_pieces(struct fuzz *f, struct ipv4_spec *spec, uint8_t *payload, size_t len)
{
	uint8_t frame[FRAME_ROOM + 64];
	size_t cut = 8 * (1 + below(f, (uint32_t)len / 8));
	size_t from = one_in(f, 8) ? cut - 8 : cut;
	spec->frag = IPV4_MF;
	put_in(f, frame, frame_ipv4(frame, spec, payload, cut));
	if (cut >= len || one_in(f, 8))
		return;
	spec->frag = (uint16_t)(from / 8);
	put_in(f, frame, frame_ipv4(frame, spec, payload + from, len - from));
}

static void one_frame(struct fuzz *f)
{
	uint8_t frame[FRAME_ROOM + 64], payload[FRAME_ROOM];
	struct ipv4_spec spec = {0};
	if (one_in(f, 30)) {
		put_in(f, frame, arp_frame(f, frame));
		return;
	}
	size_t len = ip_payload(f, payload, &spec);
	/* The checksum is made on a whole frame, whether or not that is what is sent. */
	size_t frame_len = frame_ipv4(frame, &spec, payload, len);
	repair(frame, frame_len);
	if (len >= 16 && one_in(f, 12))
		put_in_pieces(f, &spec, frame + 34, len);
	else
		put_in(f, frame, frame_len);
}

static size_t peer_segment(uint8_t *frame, const struct talk *t, uint8_t flags)
{
	uint8_t tcp[20];
	struct ipv4_spec spec = {.proto = IPPROTO_TCP_};
	uint8_t *at = put_be16(tcp, t->sport);
	at = put_be16(at, PORT);
	at = put_be32(at, t->seq);
	at = put_be32(at, flags & TCP_ACK ? t->ack : 0);
	at = put_be16(at, (uint16_t)(5 << 12 | flags));
	at = put_be16(at, 65535);
	put_be32(at, 0);
	size_t len = frame_ipv4(frame, &spec, tcp, sizeof(tcp));
	repair(frame, len);
	return len;
}

/* A peer that behaves still gets a connection. */
static void still_alive(struct fuzz *f)
{
	uint8_t frame[100];
	struct talk t = {.sport = 5555, .dport = PORT, .seq = 1000};
	while (f->count > 0) {
		tcp_abort(f->sk[0]);
		forget(f, 0);
	}
	host_advance(f->h, 600 * SEC);
	take_events(f);
	while (f->count > 0) {
		tcp_abort(f->sk[0]);
		forget(f, 0);
	}
	host_forget_sent(f->h);
	host_input(f->h, frame, peer_segment(frame, &t, TCP_SYN));
	const struct sent_frame *s;
	while ((s = host_sent(f->h)) && !(is_ipv4(s, IPPROTO_TCP_) && s->data[47] == 0x12))
		;
	ck_assert_ptr_nonnull(s);
	t.seq++;
	t.ack = be32_of(s->data + 38) + 1;
	host_input(f->h, frame, peer_segment(frame, &t, TCP_ACK));
	take_events(f);
	ck_assert_uint_eq(f->count, 1);
	ck_assert_int_eq(tcp_state(f->sk[0]), TCP_ESTABLISHED);
	tcp_abort(f->sk[0]);
}

START_TEST(almost_right_frames)
{
	struct fuzz f;
	start(&f, (unsigned)_i);
	for (unsigned n = 0; n < FRAMES_PER_SEED; n++) {
		one_frame(&f);
		take_events(&f);
		act(&f);
		stack_flush(f.h->st);
		listen_to_wire(&f);
		if (one_in(&f, 6))
			host_advance(f.h, below(&f, 1u << below(&f, 23)));
		ck_assert_uint_le(stack_pkt_pool(f.h->st)->used_bytes, 8u << 20);
		ck_assert_uint_le(f.h->st->neigh.count, 1024);
	}
	/* It has been deep inside. */
	ck_assert_uint_gt(f.accepted, 10);
	ck_assert_uint_gt(host_counter(f.h, TcpExtTCPOrigDataSent), 100);
	ck_assert_uint_gt(host_counter(f.h, IpReasmOKs), 10);
	still_alive(&f);
	host_free(f.h);
}
END_TEST

START_TEST(noise)
{
	struct fuzz f;
	start(&f, 100);
	for (unsigned n = 0; n < FRAMES_PER_SEED; n++) {
		uint8_t frame[256];
		size_t len = below(&f, sizeof(frame));
		for (size_t i = 0; i < len; i++)
			frame[i] = (uint8_t)below(&f, 256);
		if (len >= ETHERNET_HDR_BYTES) {
			memcpy(frame, host_mac.b, 6);
			put_be16(frame + 12, one_in(&f, 2) ? ETHERNET_P_IP : ETHERNET_P_ARP);
		}
		host_input(f.h, frame, len);
	}
	ck_assert_uint_eq(host_sent_count(f.h), 0);
	still_alive(&f);
	host_free(f.h);
}
END_TEST

Suite *fuzz_suite(void)
{
	Suite *s = suite_create("fuzz");
	TCase *t = tcase_create("fuzz");
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, almost_right_frames, 0, SEEDS);
	tcase_add_test(t, noise);
	suite_add_tcase(s, t);
	return s;
}
