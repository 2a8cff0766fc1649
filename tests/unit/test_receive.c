/* SPDX-License-Identifier: MIT */
/* Receiving: order, overlaps, SACK and D-SACK (RFC 2018, 2883), delayed ACKs (RFC 5681 4.2), and what
 * ICMP says of an established connection (RFC 5927). */
#include <errno.h>

#include "tests/unit/suites.h"
#include "tests/unit/wire.h"

#define MSS 1448u /* of segments with timestamps */

static struct wire *w;

static void setup(void)
{
	w = wire_new();
	wire_passive_open(w, WIRE_OPTIONS, 500);
}

static void setup_closed(void)
{
	w = wire_new();
}

static void teardown(void)
{
	wire_free(w);
}

/* The first ACKs of a connection are quick: uses them up, with one byte each. */
static void spend_quick_acks(void)
{
	while (w->sk->quick_acks > 0 || w->sk->ato_us == 0) {
		wire_data_in(w, 1);
		wire_read(w, 1);
	}
	wire_ms(w, 100); /* less than an RTO: a longer pause would bring them back */
	wire_out_forget(w);
}

/* --- in order --------------------------------------------------------------------------------- */

START_TEST(data_is_read_as_it_was_sent)
{
	wire_in(w, "P. 1:1001(1000) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1001");
	wire_events(w, TCP_EVENT_READABLE);
	ck_assert_uint_eq(wire_unread(w), 1000);
	wire_read(w, 400);
	wire_read(w, 600);
	ck_assert_uint_eq(wire_unread(w), 0);
	wire_counts(w, TcpExtTCPHPHits, 1);
}
END_TEST

START_TEST(small_segments_share_a_buffer)
{
	for (uint32_t i = 0; i < 100; i++)
		wire_data_in(w, 10);
	ck_assert_uint_eq(wire_unread(w), 1000);
	ck_assert_uint_le(w->sk->rcvq_truesize, 3 * (PKT_SMALL_BYTES + 200));
	wire_counts(w, TcpExtTCPRcvCoalesce, 99);
	wire_read(w, 1000);
	ck_assert_uint_eq(w->sk->rcvq_truesize, 0);
	ck_assert_uint_eq(tcp_count(w->st).rcvbuf_bytes, 0);
}
END_TEST

START_TEST(compaction_leaves_the_bytes_alone)
{
	for (uint32_t i = 0; i < 50; i++) {
		wire_data_in(w, i % 7 == 0 ? 1400 : 30);
		tcp_recv_compact(w->sk);
	}
	size_t held = w->sk->rcvq_truesize;
	uint32_t bytes = wire_unread(w);
	ck_assert_uint_le(held, 3 * (size_t)bytes);
	wire_read(w, bytes);
	ck_assert_uint_eq(w->sk->rcvq_truesize, 0);
}
END_TEST

/* --- acknowledging (RFC 9293 3.8.6.3, RFC 5681 4.2) ------------------------------------------ */

START_TEST(the_first_acks_are_quick)
{
	wire_data_in(w, 100);
	wire_out(w, ". 1:1(0) ack 101");
	wire_data_in(w, 100);
	wire_out(w, ". 1:1(0) ack 201");
}
END_TEST

START_TEST(one_segment_waits_two_do_not)
{
	spend_quick_acks();
	uint32_t at = wire_next_seq(w);
	wire_data_in(w, MSS);
	wire_out_none(w);
	wire_data_in(w, MSS);
	wire_out(w, ". 1:1(0) ack %u", at + 2 * MSS);
	wire_data_in(w, MSS);
	wire_out_none(w);
	wire_ms(w, 250);
	wire_out(w, ". 1:1(0) ack %u", at + 3 * MSS);
	ck_assert_uint_ge(wire_counter(w, TcpExtDelayedACKs), 1);
}
END_TEST

START_TEST(an_aggregated_segment_counts_as_many)
{
	spend_quick_acks();
	uint32_t at = wire_next_seq(w), segments = w->sk->data_segs_in;
	w->gso_size = 1000;
	wire_data_in(w, 20000);
	wire_out(w, ". 1:1(0) ack %u", at + 20000);
	ck_assert_uint_eq(w->sk->data_segs_in - segments, 20);
	ck_assert_uint_eq(w->sk->rcv_mss, 1000);
}
END_TEST

START_TEST(acks_of_a_batch_merge)
{
	spend_quick_acks();
	uint32_t at = wire_next_seq(w);
	for (uint32_t i = 0; i < 10; i++)
		wire_in_batch(w, ". %u:%u(1000) ack 1 win 500", at + i * 1000, at + (i + 1) * 1000);
	wire_out_none(w);
	wire_flush(w);
	wire_out(w, ". 1:1(0) ack %u", at + 10000);
	wire_out_none(w);
}
END_TEST

START_TEST(an_answer_carries_the_ack)
{
	spend_quick_acks();
	uint32_t at = wire_next_seq(w);
	wire_in(w, "P. %u:%u(50) ack 1 win 500", at, at + 50);
	wire_write(w, 10);
	wire_out(w, "P. 1:11(10) ack %u", at + 50);
	wire_in(w, ". %u:%u(0) ack 11 win 500", at + 50, at + 50);
	wire_ms(w, 300);
	wire_out_none(w);
}
END_TEST

START_TEST(a_pause_brings_quick_acks_back)
{
	spend_quick_acks();
	wire_ms(w, 5000);
	uint32_t at = wire_next_seq(w);
	wire_data_in(w, 10);
	wire_out(w, ". 1:1(0) ack %u", at + 10);
}
END_TEST

START_TEST(reading_a_whole_message_ends_the_delay)
{
	spend_quick_acks();
	uint32_t at = wire_next_seq(w);
	wire_in(w, "P. %u:%u(50) ack 1 win 500", at, at + 50);
	wire_out_none(w);
	wire_read(w, 50);
	wire_out(w, ". 1:1(0) ack %u", at + 50);
}
END_TEST

START_TEST(a_message_that_ends_with_a_full_segment)
{
	spend_quick_acks();
	wire_data_in(w, MSS); /* so large are the peer's segments */
	wire_ms(w, 100);
	wire_read(w, wire_unread(w));
	wire_out_forget(w);
	uint32_t at = wire_next_seq(w);
	wire_in(w, "P. %u:%u(%u) ack 1 win 500", at, at + MSS, MSS);
	wire_out_none(w);
	wire_read(w, MSS);
	wire_out(w, ". 1:1(0) ack %u", at + MSS);
}
END_TEST

/* --- out of order ----------------------------------------------------------------------------- */

START_TEST(a_hole_is_reported_at_once)
{
	wire_in(w, ". 1001:2001(1000) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1 <sack 1001:2001>");
	ck_assert_uint_eq(wire_unread(w), 0);
	wire_in(w, ". 2001:3001(1000) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1 <sack 1001:3001>");
	wire_in(w, ". 1:1001(1000) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 3001 <no-sack>");
	wire_read(w, 3000);
	wire_counts(w, TcpExtTCPOFOQueue, 2);
	ck_assert_uint_eq(ooo_truesize(w->sk), 0);
}
END_TEST

START_TEST(each_segment_out_of_order_is_acknowledged)
{
	for (uint32_t i = 1; i <= 5; i++)
		wire_in_batch(w, ". %u:%u(1000) ack 1 win 500", i * 1000 + 1, i * 1000 + 1001);
	for (uint32_t i = 1; i <= 5; i++)
		wire_out(w, ". 1:1(0) ack 1 <sack 1001:%u>", i * 1000 + 1001);
	wire_flush(w);
	wire_out_none(w);
}
END_TEST

/* RFC 2018 4: the newest block first. */
START_TEST(sack_blocks_newest_first)
{
	wire_in(w, ". 1001:1501(500) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1 <sack 1001:1501>");
	wire_in(w, ". 2001:2501(500) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1 <sack 2001:2501 1001:1501>");
	wire_in(w, ". 3001:3501(500) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1 <sack 3001:3501 2001:2501 1001:1501>");
	wire_in(w, ". 4001:4501(500) ack 1 win 500"); /* beside timestamps three fit */
	wire_out(w, ". 1:1(0) ack 1 <sack 4001:4501 3001:3501 2001:2501>");
	wire_in(w, ". 1501:2001(500) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1 <sack 1001:2501 4001:4501 3001:3501>");
	wire_in(w, ". 1:1001(1000) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 2501 <sack 4001:4501 3001:3501>");
	wire_read(w, 2500);
}
END_TEST

START_TEST(four_sack_blocks_without_timestamps)
{
	wire_passive_open(w, "mss 1460,sackOK", 60000);
	for (uint32_t i = 1; i <= 4; i++)
		wire_in(w, ". %u:%u(100) ack 1 win 60000", i * 1000 + 1, i * 1000 + 101);
	wire_out_forget(w);
	wire_in(w, ". 5001:5101(100) ack 1 win 60000");
	wire_out(w, ". 1:1(0) ack 1 <sack 5001:5101 4001:4101 3001:3101 2001:2101>");
}
END_TEST

START_TEST(no_sack_where_it_was_not_agreed)
{
	wire_passive_open(w, "mss 1460", 60000);
	wire_in(w, ". 1001:2001(1000) ack 1 win 60000");
	wire_out(w, ". 1:1(0) ack 1 <no-sack>");
	wire_in(w, ". 1001:2001(1000) ack 1 win 60000");
	wire_out(w, ". 1:1(0) ack 1 <no-sack>");
	wire_in(w, ". 1:1001(1000) ack 1 win 60000");
	wire_out(w, ". 1:1(0) ack 2001");
	wire_read(w, 2000);
}
END_TEST

START_TEST(a_fin_out_of_order)
{
	wire_in(w, "F. 101:201(100) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1 <sack 101:202>");
	wire_state(w, TCP_ESTABLISHED);
	wire_in(w, ". 1:101(100) ack 1 win 500");
	wire_state(w, TCP_CLOSE_WAIT);
	wire_read(w, 200);
	ck_assert(tcp_recv_eof(w->sk));
	wire_out(w, ". 1:1(0) ack 202 <no-sack>");
}
END_TEST

START_TEST(a_bare_fin_out_of_order)
{
	wire_in(w, "F. 101:101(0) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1 <sack 101:102>");
	wire_in(w, ". 1:101(100) ack 1 win 500");
	wire_state(w, TCP_CLOSE_WAIT);
	wire_read(w, 100);
}
END_TEST

/* --- overlaps (RFC 2883: what came twice is told) -------------------------------------------- */

START_TEST(a_whole_repetition)
{
	wire_in(w, ". 1:1001(1000) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1001");
	wire_in(w, ". 1:1001(1000) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1001 <sack 1:1001>");
	wire_in(w, ". 501:1001(500) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1001 <sack 501:1001>");
	wire_out_none(w);
	wire_read(w, 1000);
	wire_counts(w, TcpExtTCPDSACKOldSent, 2);
}
END_TEST

START_TEST(the_new_part_of_an_overlap)
{
	wire_in(w, ". 1:1001(1000) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1001");
	wire_in(w, ". 501:1501(1000) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1501 <sack 501:1001>");
	wire_read(w, 1500);
}
END_TEST

START_TEST(a_repetition_out_of_order)
{
	wire_in(w, ". 1001:2001(1000) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1 <sack 1001:2001>");
	wire_in(w, ". 1001:2001(1000) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1 <sack 1001:2001 1001:2001>");
	wire_in(w, ". 1201:1401(200) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1 <sack 1201:1401 1001:2001>");
	wire_counts(w, TcpExtTCPDSACKOfoSent, 2);
	wire_counts(w, TcpExtTCPOFOMerge, 2);
}
END_TEST

/* RFC 2883 4: a duplicate is reported once, in the ACK that its coming causes. */
START_TEST(an_overlap_out_of_order_is_told_once)
{
	wire_in(w, ". 1001:2001(1000) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1 <sack 1001:2001>");
	wire_in(w, ". 1501:2501(1000) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1 <sack 1501:2001 1001:2501>");
	wire_in(w, ". 1:1001(1000) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 2501 <no-sack>");
	wire_counts(w, TcpExtTCPDSACKOfoSent, 1);
}
END_TEST

START_TEST(overlaps_out_of_order_are_cut)
{
	wire_in(w, ". 1001:2001(1000) ack 1 win 500");
	wire_in(w, ". 3001:4001(1000) ack 1 win 500");
	wire_in(w, ". 1501:2501(1000) ack 1 win 500"); /* over the first one's end */
	wire_in(w, ". 2801:3501(700) ack 1 win 500");  /* over the second one's beginning */
	wire_in(w, ". 901:4501(3600) ack 1 win 500");  /* over all of them */
	wire_out_forget(w);
	wire_in(w, ". 1:1001(1000) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 4501 <sack 901:1001>");
	wire_read(w, 4500);
	ck_assert_uint_eq(ooo_pkts(w->sk), 0);
}
END_TEST

START_TEST(in_order_data_reaches_over_what_waits)
{
	wire_in(w, ". 501:1001(500) ack 1 win 500");
	wire_in(w, ". 1501:2001(500) ack 1 win 500");
	wire_out_forget(w);
	wire_in(w, ". 1:1751(1750) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 2001");
	wire_read(w, 2000);
}
END_TEST

/* Every order of arrival of overlapping pieces gives the same stream. */
START_TEST(any_order_of_any_pieces)
{
	uint32_t at = 1, seed = (uint32_t)_i * 7919 + 1;
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 40; i++) {
			seed = seed * 1103515245 + 12345;
			uint32_t off = (seed >> 8) % 9000, len = 1 + (seed >> 20) % 1400;
			if (at + off + len <= wire_right_edge(w))
				wire_in(w, ". %u:%u(%u) ack 1 win 500", at + off, at + off + len,
					len);
		}
		for (uint32_t off = 0; off < 9000; off += 1000)
			wire_in(w, ". %u:%u(1000) ack 1 win 500", at + off, at + off + 1000);
		uint32_t got = wire_unread(w);
		ck_assert_uint_ge(got, 9000);
		wire_read(w, got);
		at += got;
		ck_assert_uint_eq(ooo_pkts(w->sk), 0);
		ck_assert_uint_eq(ooo_sack_cnt(w->sk), 0);
	}
	wire_state(w, TCP_ESTABLISHED);
	ck_assert_uint_eq(tcp_count(w->st).rcvbuf_bytes, 0);
}
END_TEST

/* --- ICMP about a connection (RFC 5927) ------------------------------------------------------ */

START_TEST(icmp_does_not_end_a_connection)
{
	wire_write(w, 100);
	wire_icmp(w, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, 1);
	wire_icmp(w, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0, 1);
	wire_state(w, TCP_ESTABLISHED);
	wire_ms(w, 2000000);
	wire_state(w, TCP_CLOSE);
	ck_assert_int_eq(tcp_error(w->sk), EHOSTUNREACH);
}
END_TEST

START_TEST(an_ack_clears_what_icmp_said)
{
	wire_write(w, 100);
	wire_icmp(w, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0, 1);
	wire_in(w, ". 1:1(0) ack 101 win 500");
	ck_assert_int_eq(tcp_error(w->sk), 0);
}
END_TEST

/* RFC 1191 6.4. */
START_TEST(fragmentation_needed)
{
	wire_write(w, 2 * MSS);
	wire_out(w, ". 1:1449(1448) ack 1");
	wire_out(w, "P. 1449:2897(1448) ack 1");
	wire_icmp(w, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 1000, 1);
	wire_out(w, ". 1:949(948) ack 1");
	wire_out_forget(w);
	wire_in(w, ". 1:1(0) ack 2897 win 500");
	wire_out_forget(w);
	wire_write(w, 1000);
	wire_out(w, ". 2897:3845(948) ack 1");
}
END_TEST

START_TEST(a_forged_fragmentation_needed)
{
	wire_write(w, MSS);
	wire_out_forget(w);
	wire_icmp(w, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 600, 500000);
	wire_counts(w, TcpExtOutOfWindowIcmps, 1);
	ck_assert_uint_eq(w->sk->mss_cache, MSS);
	wire_icmp(w, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 5000, 1); /* larger than it is */
	ck_assert_uint_eq(w->sk->mss_cache, MSS);
	wire_out_none(w);
}
END_TEST

START_TEST(a_path_mtu_below_the_least)
{
	wire_write(w, MSS);
	wire_out_forget(w);
	wire_icmp(w, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 68, 1);
	ck_assert_uint_eq(w->sk->mss_cache, stack_sysctls(w->st)->ip_min_pmtu - 52);
	wire_out(w, ". 1:501(500) ack 1");
}
END_TEST

static TCase *tests(const char *name)
{
	TCase *tc = tcase_create(name);
	tcase_add_checked_fixture(tc, setup, teardown);
	return tc;
}

/* Each opens its own connection. */
static TCase *own_opening(void)
{
	TCase *tc = tcase_create("options");
	tcase_add_checked_fixture(tc, setup_closed, teardown);
	tcase_add_test(tc, four_sack_blocks_without_timestamps);
	tcase_add_test(tc, no_sack_where_it_was_not_agreed);
	return tc;
}

static TCase *order(void)
{
	TCase *tc = tests("order");
	tcase_add_test(tc, data_is_read_as_it_was_sent);
	tcase_add_test(tc, small_segments_share_a_buffer);
	tcase_add_test(tc, compaction_leaves_the_bytes_alone);
	tcase_add_test(tc, a_hole_is_reported_at_once);
	tcase_add_test(tc, each_segment_out_of_order_is_acknowledged);
	tcase_add_test(tc, sack_blocks_newest_first);
	tcase_add_test(tc, a_fin_out_of_order);
	tcase_add_test(tc, a_bare_fin_out_of_order);
	tcase_add_test(tc, a_whole_repetition);
	tcase_add_test(tc, the_new_part_of_an_overlap);
	tcase_add_test(tc, a_repetition_out_of_order);
	tcase_add_test(tc, an_overlap_out_of_order_is_told_once);
	tcase_add_test(tc, overlaps_out_of_order_are_cut);
	tcase_add_test(tc, in_order_data_reaches_over_what_waits);
	tcase_add_loop_test(tc, any_order_of_any_pieces, 0, 8);
	return tc;
}

static TCase *acknowledging(void)
{
	TCase *tc = tests("acknowledging");
	tcase_add_test(tc, the_first_acks_are_quick);
	tcase_add_test(tc, one_segment_waits_two_do_not);
	tcase_add_test(tc, an_aggregated_segment_counts_as_many);
	tcase_add_test(tc, acks_of_a_batch_merge);
	tcase_add_test(tc, an_answer_carries_the_ack);
	tcase_add_test(tc, a_pause_brings_quick_acks_back);
	tcase_add_test(tc, reading_a_whole_message_ends_the_delay);
	tcase_add_test(tc, a_message_that_ends_with_a_full_segment);
	return tc;
}

static TCase *icmp(void)
{
	TCase *tc = tests("ICMP");
	tcase_add_test(tc, icmp_does_not_end_a_connection);
	tcase_add_test(tc, an_ack_clears_what_icmp_said);
	tcase_add_test(tc, fragmentation_needed);
	tcase_add_test(tc, a_forged_fragmentation_needed);
	tcase_add_test(tc, a_path_mtu_below_the_least);
	return tc;
}

Suite *receive_suite(void)
{
	Suite *s = suite_create("receive");
	suite_add_tcase(s, order());
	suite_add_tcase(s, acknowledging());
	suite_add_tcase(s, own_opening());
	suite_add_tcase(s, icmp());
	return s;
}
