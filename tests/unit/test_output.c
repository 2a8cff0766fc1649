/* SPDX-License-Identifier: MIT */
/* In segments of what size data leaves, with which flags, in bursts of what size, and the FIN behind
 * it (RFC 9293 3.7, 3.9.1.2). When it may: test_nagle.c, test_snd_window.c, test_cwnd.c. */
#include "tests/unit/sender.h"
#include "tests/unit/suites.h"

#define MSS SENDER_MSS

static void open_plain(void)
{
	sender_open(&(struct sender_options){0});
}

static void open_tso(void)
{
	sender_open(&(struct sender_options){.tso_max_bytes = 65536, .window = 1000000});
	stack_sysctls(sender_stack)->tcp_min_tso_segs = 65535; /* whatever the rate */
}

/* --- sizes ---------------------------------------------------------------------------------- */

/* RFC 9293 3.7.1: Eff.snd.MSS, and not a byte more. */
START_TEST(data_leaves_in_segments_of_one_mss)
{
	sender_write(2 * MSS + 300);
	expect_segment(0, MSS);
	expect_segment(MSS, MSS);
	expect_segment(2 * MSS, 300);
	expect_silence();
}
END_TEST

/* RFC 9293 3.9.1.2, MUST-61: the last segment of a write pushes. */
START_TEST(push_is_set_where_a_write_ends)
{
	sender_write(2 * MSS);
	ck_assert_uint_eq(sender_sent().flags, TCP_ACK);
	ck_assert_uint_eq(sender_sent().flags, TCP_ACK | TCP_PSH);
}
END_TEST

/* RFC 9293 3.9.1.2: the push belongs to the byte that ended the write, whenever it is sent again. */
START_TEST(a_push_is_repeated_with_its_segment)
{
	sender_write(2 * MSS);
	sender_forget();
	sender_wait_sent(300000); /* a tail loss probe: the last segment */
	struct sent s = sender_sent();
	ck_assert_uint_eq(s.seq, MSS);
	ck_assert_uint_eq(s.flags, TCP_ACK | TCP_PSH);
	sender_wait_sent(2000000);
	s = sender_sent();
	ck_assert_uint_eq(s.seq, 0);
	ck_assert_uint_eq(s.flags, TCP_ACK);
}
END_TEST

/* ... and a FIN that carries no data pushes nothing. */
START_TEST(a_bare_fin_does_not_push)
{
	sender_write(MSS);
	ck_assert_uint_eq(sender_sent().flags, TCP_ACK | TCP_PSH);
	tcp_send_fin(sender_sk);
	sender_flush();
	ck_assert_uint_eq(sender_sent().flags, TCP_ACK | TCP_FIN);
}
END_TEST

START_TEST(a_burst_ends_with_a_push)
{
	sender_write(20 * MSS);
	struct sent s = sender_sent();
	ck_assert_uint_eq(s.len, 5 * MSS);
	ck_assert_uint_eq(s.flags, TCP_ACK | TCP_PSH);
	sender_forget();
	sender_wait_sent(300000); /* the probe is new data: one segment, and not the last */
	s = sender_sent();
	ck_assert_uint_eq(s.len, MSS);
	ck_assert_uint_eq(s.flags, TCP_ACK);
}
END_TEST

/* Two bursts a round trip, so that the first one's ACK comes before the second has arrived. */
START_TEST(a_tso_segment_is_half_the_window)
{
	sender_write(20 * MSS);
	struct sent s = sender_sent();
	ck_assert_uint_eq(s.len, 5 * MSS);
	ck_assert_uint_eq(s.gso_size, MSS);
	expect_segment(5 * MSS, 5 * MSS);
	expect_silence();
	ck_assert_uint_eq(sender_mib(TcpExtTCPOrigDataSent), 10);
	ck_assert_uint_eq(sender_sk->data_segs_out, 10);
}
END_TEST

START_TEST(a_tso_segment_is_no_larger_than_the_link_takes)
{
	sender_sk->cwnd_bytes = 1 << 20;
	ck_assert_uint_eq(sender_fill(150000), 150000);
	sender_flush();
	expect_segments(0, 130 * MSS, 65 * MSS);
	expect_segment(130 * MSS, 20 * MSS);
	expect_silence();
}
END_TEST

/* About a millisecond of the rate that cwnd makes of the round trip, two segments at least. */
START_TEST(a_slow_path_gets_small_bursts)
{
	stack_sysctls(sender_stack)->tcp_min_tso_segs = 2;
	sender_write(20 * MSS);
	expect_segments(0, 10 * MSS, 2 * MSS);
	sender_wait(SENDER_RTT_US);
	peer_ack(10 * MSS);
	sender_wait(SENDER_RTT_US);
	peer_ack(20 * MSS);
	sender_forget();
	sender_sk->cwnd_bytes = 250 * MSS; /* twice that in 100 ms: 5 segments in 1000/1024 ms */
	ck_assert_uint_gt(sender_fill(30 * MSS), 25 * MSS);
	sender_flush();
	ck_assert_uint_eq(sender_sent().len, 4 * MSS);
}
END_TEST

/* A round trip below 2^tcp_tso_rtt_log us: all the link takes; each doubling halves it. */
START_TEST(a_short_round_trip_gets_large_bursts)
{
	stack_sysctls(sender_stack)->tcp_min_tso_segs = 2;
	sender_sk->cwnd_bytes = 150 * MSS;
	sender_sk->min_rtt_us = 511;
	ck_assert_uint_gt(sender_fill(60 * MSS), 50 * MSS);
	sender_flush();
	ck_assert_uint_eq(sender_sent().len, 60 * MSS);
	peer_ack(60 * MSS);
	sender_forget();
	sender_sk->cwnd_bytes = 150 * MSS;
	sender_sk->min_rtt_us = 1024;
	ck_assert_uint_gt(sender_fill(60 * MSS), 50 * MSS);
	sender_flush();
	ck_assert_uint_lt(sender_sent().len, 25 * MSS);
}
END_TEST

START_TEST(a_single_segment_is_not_tso)
{
	sender_write(MSS);
	ck_assert_uint_eq(sender_sent().gso_size, 0);
}
END_TEST

START_TEST(the_rest_of_a_partly_acknowledged_tso_segment_is_sent_again)
{
	sender_write(10 * MSS);
	expect_segments(0, 10 * MSS, 5 * MSS);
	peer_ack(3 * MSS);
	ck_assert_uint_eq(tcp_outq_bytes(sender_sk), 7 * MSS);
	sender_wait(1000000);
	ck_assert_uint_ge(sender_mib(TcpRetransSegs), 1);
	struct sent s = sender_sent();
	ck_assert_uint_ge(s.seq, 3 * MSS);
	peer_ack(3 * MSS + 500); /* not on a segment's edge */
	ck_assert_uint_eq(tcp_outq_bytes(sender_sk), 7 * MSS - 500);
	peer_ack(10 * MSS);
	ck_assert_uint_eq(tcp_outq_bytes(sender_sk), 0);
}
END_TEST

/* RFC 9293 3.7.2, RFC 1191 6.4 */
START_TEST(a_smaller_path_mtu_makes_smaller_segments)
{
	ip_pmtu_update(sender_stack, sender_sk->c.raddr.v4, 800);
	sender_write(2 * MSS);
	expect_segment(0, 760);
	expect_segment(760, 760);
	expect_segment(1520, 480);
	expect_silence();
}
END_TEST

/* RFC 1191 6.3: what was learnt is forgotten, and the first segment after that finds out. What is sent
 * in the same go keeps the size it began with, as in Linux. */
START_TEST(a_path_mtu_that_has_grown_makes_larger_segments)
{
	ip_pmtu_update(sender_stack, sender_sk->c.raddr.v4, 800);
	sender_write(MSS);
	expect_segment(0, 760);
	expect_segment(760, MSS - 760);
	peer_ack(MSS);
	sender_wait(601 * 1000000ull);
	sender_write(2 * 760);
	expect_segment(MSS, 760);
	expect_segment(MSS + 760, 760);
	sender_write(MSS);
	expect_segment(MSS + 2 * 760, MSS);
	expect_silence();
}
END_TEST

/* RFC 2018: blocks take room in a segment that is full. */
START_TEST(sack_blocks_make_data_segments_smaller)
{
	peer_data(5000, 100);
	sender_forget();
	sender_write(MSS);
	struct sent s = sender_sent();
	ck_assert_uint_eq(s.len, MSS - 12);
	ck_assert_uint_eq(s.sack_cnt, 1);
	expect_segment(MSS - 12, 12);
}
END_TEST

/* --- FIN -------------------------------------------------------------------------------------- */

/* RFC 9293 3.10.4: the FIN has the number behind the last byte, and is of the send sequence space. */
START_TEST(the_fin_rides_on_the_last_segment)
{
	sender_fill(MSS + 100);
	tcp_send_fin(sender_sk);
	sender_flush();
	ck_assert_uint_eq(sender_sent().flags & TCP_FIN, 0);
	struct sent s = sender_sent();
	ck_assert_uint_eq(s.len, 100);
	ck_assert_uint_eq(s.flags & TCP_FIN, TCP_FIN);
	ck_assert_int_eq(tcp_state(sender_sk), TCP_FIN_WAIT1);
	ck_assert_uint_eq(tcp_outq_bytes(sender_sk), MSS + 101);
	peer_ack(MSS + 101);
	ck_assert(tcp_fin_acked(sender_sk));
	ck_assert_int_eq(tcp_state(sender_sk), TCP_FIN_WAIT2);
}
END_TEST

/* RFC 9293 3.10.4: one FIN, however often it is asked for. */
START_TEST(a_fin_alone_needs_no_data)
{
	tcp_send_fin(sender_sk);
	tcp_send_fin(sender_sk);
	sender_flush();
	struct sent s = sender_sent();
	ck_assert_uint_eq(s.len, 0);
	ck_assert_uint_eq(s.seq, 0);
	ck_assert_uint_eq(s.flags & TCP_FIN, TCP_FIN);
	expect_silence();
}
END_TEST

START_TEST(what_is_written_arrives_in_order)
{
	uint32_t written = 0, acked = 0;
	for (unsigned i = 1; i < 200; i++) {
		written += sender_fill(i * 37 % 9000);
		sender_flush();
		while (sender_sent_any()) {
			struct sent s = sender_sent(); /* the harness compares every byte */
			acked = s.seq + s.len;
		}
		peer_ack(acked);
	}
	peer_ack(written);
	ck_assert_uint_eq(tcp_count(sender_stack).sndbuf_bytes, 0);
}
END_TEST

static TCase *with(const char *name, void (*setup)(void))
{
	TCase *tc = tcase_create(name);
	tcase_add_checked_fixture(tc, setup, sender_close);
	return tc;
}

Suite *output_suite(void)
{
	Suite *s = suite_create("output");
	TCase *plain = with("plain", open_plain);
	tcase_add_test(plain, data_leaves_in_segments_of_one_mss);
	tcase_add_test(plain, push_is_set_where_a_write_ends);
	tcase_add_test(plain, a_push_is_repeated_with_its_segment);
	tcase_add_test(plain, a_bare_fin_does_not_push);
	tcase_add_test(plain, a_smaller_path_mtu_makes_smaller_segments);
	tcase_add_test(plain, a_path_mtu_that_has_grown_makes_larger_segments);
	tcase_add_test(plain, sack_blocks_make_data_segments_smaller);
	tcase_add_test(plain, the_fin_rides_on_the_last_segment);
	tcase_add_test(plain, a_fin_alone_needs_no_data);
	tcase_add_test(plain, what_is_written_arrives_in_order);
	suite_add_tcase(s, plain);
	TCase *tso = with("tso", open_tso);
	tcase_add_test(tso, a_burst_ends_with_a_push);
	tcase_add_test(tso, a_tso_segment_is_half_the_window);
	tcase_add_test(tso, a_slow_path_gets_small_bursts);
	tcase_add_test(tso, a_short_round_trip_gets_large_bursts);
	tcase_add_test(tso, a_tso_segment_is_no_larger_than_the_link_takes);
	tcase_add_test(tso, a_single_segment_is_not_tso);
	tcase_add_test(tso, the_rest_of_a_partly_acknowledged_tso_segment_is_sent_again);
	tcase_add_test(tso, what_is_written_arrives_in_order);
	suite_add_tcase(s, tso);
	return s;
}
