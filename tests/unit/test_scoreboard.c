/* SPDX-License-Identifier: MIT */
/*
 * The SACK scoreboard (RFC 2018, RFC 6675) over segments that are not all alike: the type of service
 * changes on the way, or options take or leave room, so that what was sent as one segment is sent again
 * as two, or in another size. What is counted must be what is there: TCP_INFO says so.
 */
#include <linux/in.h>

#include "tests/unit/suites.h"
#include "tests/unit/wire.h"

#define MSS 1448u /* beside timestamps */
#define AF11 0x28
#define RTT_MS 50

static struct wire *w;

static void setup(void)
{
	w = wire_new();
	wire_listen(w, 5);
	wire_in(w, "S 0:0(0) win 65535 <" WIRE_OPTIONS ">");
	wire_out(w, "S. 0:0(0) ack 1");
	wire_ms(w, RTT_MS);
	wire_in(w, ". 1:1(0) ack 1 win 500");
	wire_accept(w);
}

static void teardown(void)
{
	wire_free(w);
}

/* Ten full segments leave; the peer's ACKs come a round trip later. */
static void ten_in_flight(void)
{
	wire_write(w, 10 * MSS);
	struct wire_segment s;
	for (unsigned i = 0; i < 10; i++) {
		ck_assert(wire_next(w, &s));
		ck_assert_uint_eq(s.seq, 1 + i * MSS);
		ck_assert_uint_eq(s.len, MSS);
	}
	wire_out_none(w);
	wire_ms(w, RTT_MS);
}

/* Of segments `from` to `to` (of those sizes) the peer has told by SACK. */
static void sack(unsigned from, unsigned to)
{
	wire_in(w, ". 1:1(0) ack 1 win 500 <sack %u:%u>", 1 + from * MSS, 1 + to * MSS);
}

static void expect_bytes(uint32_t seq, uint32_t len, uint8_t tos)
{
	struct wire_segment s;
	ck_assert(wire_next(w, &s));
	ck_assert_msg(s.seq == seq && s.len == len, "%u:%u(%u) instead of %u:%u(%u)", s.seq,
		      s.seq + s.len, s.len, seq, seq + len, len);
	ck_assert_uint_eq(s.tos, tos);
}

/* IP_TOS while two losses are repaired: what is sent from then on has it, first time or again, in the
 * same sizes, and nothing is counted anew. */
START_TEST(a_new_tos_in_the_middle_of_a_recovery)
{
	ten_in_flight();
	sack(2, 4);
	wire_out_none(w);
	wire_set_int(w->sk, IPPROTO_IP, IP_TOS, AF11);
	wire_out_none(w);
	wire_info_is(w, sacked, 2);
	wire_info_is(w, lost, 0);
	sack(2, 5);
	wire_info_is(w, ca_state, CA_RECOVERY);
	wire_info_is(w, sacked, 3);
	wire_info_is(w, lost, 2);
	wire_info_is(w, snd_mss, MSS);
	expect_bytes(1, MSS, AF11);
	sack(2, 8);
	expect_bytes(1 + MSS, MSS, AF11);
	wire_out_none(w);
	wire_info_is(w, retrans, 2);
	wire_info_is(w, sacked, 6);
	wire_in(w, ". 1:1(0) ack %u win 500", 1 + 10 * MSS);
	wire_info_is(w, ca_state, CA_OPEN);
	wire_info_is(w, lost, 0);
	wire_info_is(w, sacked, 0);
	wire_info_is(w, retrans, 0);
	wire_info_is(w, unacked, 0);
	wire_info_is(w, total_retrans, 2);
	wire_info_is(w, delivered, 11); /* the handshake's and ten */
	wire_write(w, 100);
	expect_bytes(1 + 10 * MSS, 100, AF11);
}
END_TEST

/* The ECN field is TCP's own (RFC 3168 5): a program that sets it with IP_TOS does not. */
START_TEST(a_new_tos_leaves_ecn_alone)
{
	wire_set_int(w->sk, IPPROTO_IP, IP_TOS, AF11 | 3);
	wire_write(w, 100);
	expect_bytes(1, 100, AF11);
}
END_TEST

/* The peer's own data has a hole: the SACK block takes 12 bytes of each segment (RFC 2018 3, RFC 6691 2),
 * and of a lost one that was full, the end goes by itself. */
START_TEST(our_own_sack_blocks_take_room_in_a_retransmission)
{
	ten_in_flight();
	wire_in(w, ". 1001:1101(100) ack 1 win 500");
	wire_out(w, ". 14481:14481(0) ack 1 <sack 1001:1101>");
	sack(1, 4);
	wire_info_is(w, lost, 1);
	expect_bytes(1, MSS - 12, 0);
	sack(1, 6);
	expect_bytes(1 + MSS - 12, 12, 0);
	wire_out_none(w);
	wire_info_is(w, sacked, 5);
	wire_info_is(w, ca_state, CA_RECOVERY);
	/* The first part arrives: the peer acknowledges what it has in order. */
	wire_in(w, ". 1:1(0) ack %u win 500 <sack %u:%u>", 1 + MSS - 12, 1 + MSS, 1 + 6 * MSS);
	wire_info_is(w, unacked, 10); /* 12 bytes and nine segments */
	wire_in(w, ". 1:1(0) ack %u win 500", 1 + 10 * MSS);
	wire_info_is(w, ca_state, CA_OPEN);
	wire_info_is(w, unacked, 0);
	ck_assert_uint_eq(tcp_outq_bytes(w->sk), 0);
}
END_TEST

/* New data beside a block is smaller; once the hole is filled it is full again, and the peer's SACKs of
 * the mixture mark each of them as it was sent. */
START_TEST(segments_of_two_sizes_are_sacked_as_they_were_sent)
{
	wire_in(w, ". 1001:1101(100) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1 <sack 1001:1101>");
	wire_write(w, 3 * (MSS - 12));
	for (uint32_t i = 0; i < 3; i++)
		expect_bytes(1 + i * (MSS - 12), MSS - 12, 0);
	wire_in(w, ". 1:1001(1000) ack 1 win 500");
	wire_out(w, ". 4309:4309(0) ack 1101 <no-sack>");
	wire_write(w, 4 * MSS);
	for (uint32_t i = 0; i < 4; i++)
		expect_bytes(4309 + i * MSS, MSS, 0);
	wire_ms(w, RTT_MS);
	wire_in(w, ". 1101:1101(0) ack 1 win 500 <sack 1437:2873>"); /* the second small one */
	wire_in(w, ". 1101:1101(0) ack 1 win 500 <sack 5757:7205 1437:2873>"); /* a full one, too */
	wire_info_is(w, sacked, 2);
	wire_info_is(w, ca_state, CA_DISORDER);
	wire_in(w, ". 1101:1101(0) ack 1 win 500 <sack 5757:10101 1437:2873>");
	wire_info_is(w, sacked, 4);
	wire_info_is(w, ca_state, CA_RECOVERY);
	wire_info_is(w, lost, 3);
	expect_bytes(1, MSS - 12, 0);
	expect_bytes(2873, MSS - 12, 0);
	wire_in(w, ". 1101:1101(0) ack 2873 win 500 <sack 5757:10101>");
	expect_bytes(4309, MSS, 0);
	wire_out_none(w);
	wire_in(w, ". 1101:1101(0) ack 10101 win 500");
	wire_info_is(w, ca_state, CA_OPEN);
	wire_info_is(w, total_retrans, 3);
	wire_info_is(w, delivered, 8);
}
END_TEST

/* RFC 2018 4, RFC 2883 4: a D-SACK of ours takes room once, in the ACK that tells it, not in data after. */
START_TEST(a_dsack_takes_room_once)
{
	wire_in(w, "P. 1:101(100) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 101");
	wire_in(w, "P. 1:101(100) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 101 <sack 1:101>");
	wire_write(w, MSS);
	expect_bytes(1, MSS, 0);
}
END_TEST

/* RFC 2018 3: as many blocks as fit beside timestamps, three; each of 8 bytes out of the data's room. */
START_TEST(three_blocks_take_28_bytes)
{
	for (uint32_t at = 1001; at < 9000; at += 2000) {
		wire_in(w, ". %u:%u(100) ack 1 win 500", at, at + 100);
		wire_out_forget(w);
	}
	wire_write(w, MSS);
	expect_bytes(1, MSS - 28, 0);
	expect_bytes(1 + MSS - 28, 28, 0);
}
END_TEST

Suite *scoreboard_suite(void)
{
	Suite *s = suite_create("scoreboard");
	SUITE_CASE(s, "scoreboard", setup, teardown, a_new_tos_in_the_middle_of_a_recovery,
		   a_new_tos_leaves_ecn_alone, our_own_sack_blocks_take_room_in_a_retransmission,
		   segments_of_two_sizes_are_sacked_as_they_were_sent, a_dsack_takes_room_once,
		   three_blocks_take_28_bytes);
	return s;
}
