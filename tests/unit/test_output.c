/* SPDX-License-Identifier: MIT */
/* What may be sent, when, and in segments of what size. */
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

static void set_option(int name, int value)
{
	ck_assert_int_eq(tcp_setsockopt(sender_sk, IPPROTO_TCP_, name, &value, sizeof(value)), 0);
}

/* --- sizes ---------------------------------------------------------------------------------- */

START_TEST(data_leaves_in_segments_of_one_mss)
{
	sender_write(2 * MSS + 300);
	expect_segment(0, MSS);
	expect_segment(MSS, MSS);
	expect_segment(2 * MSS, 300);
	expect_silence();
}
END_TEST

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

/* RFC 9293 3.8.6.2.1: a peer with a small buffer gets segments of half of it. */
START_TEST(segments_are_at_most_half_of_the_largest_window)
{
	sender_open(&(struct sender_options){.window = 1200});
	sender_write(1200);
	expect_segment(0, 600);
	expect_segment(600, 600);
	expect_silence();
	sender_close();
}
END_TEST

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

/* RFC 1191 6.3: what was learnt is forgotten, and the first segment after that finds out. */
START_TEST(a_path_mtu_that_has_grown_makes_larger_segments)
{
	ip_pmtu_update(sender_stack, sender_sk->c.raddr.v4, 800);
	sender_write(MSS);
	expect_segment(0, 760);
	expect_segment(760, MSS - 760);
	peer_ack(MSS);
	sender_wait(601 * 1000000ull);
	sender_write(760 + MSS);
	expect_segment(MSS, 760);
	expect_segment(MSS + 760, MSS);
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

/* --- windows -------------------------------------------------------------------------------- */

START_TEST(the_initial_window_is_ten_segments_and_doubles)
{
	sender_write(60 * MSS);
	expect_segments(0, 10 * MSS, MSS);
	expect_silence();
	peer_ack(2 * MSS);
	expect_segments(10 * MSS, 4 * MSS, MSS);
	expect_silence();
	peer_ack(14 * MSS);
	expect_segments(14 * MSS, 24 * MSS, MSS);
	expect_silence();
}
END_TEST

START_TEST(nothing_is_sent_beyond_the_peers_window)
{
	sender_open(&(struct sender_options){.window = 3000});
	sender_write(6 * MSS);
	expect_segments(0, 3 * MSS, MSS);
	expect_silence();
	peer_ack_window(MSS, 3000);
	expect_segment(3 * MSS, MSS);
	expect_silence();
	peer_ack_window(4 * MSS, 2000);
	expect_segments(4 * MSS, 2 * MSS, MSS);
	sender_close();
}
END_TEST

/* RFC 9293 3.8.6.2.1 */
START_TEST(a_window_smaller_than_a_segment_is_not_used)
{
	sender_open(&(struct sender_options){.window = 2500});
	sender_write(4 * MSS);
	expect_segments(0, 2 * MSS, MSS);
	expect_silence();
	peer_ack_window(MSS, 1900); /* 900 usable */
	expect_silence();
	peer_ack_window(2 * MSS, 2500);
	expect_segments(2 * MSS, 2 * MSS, MSS);
	sender_close();
}
END_TEST

START_TEST(an_old_segment_does_not_set_the_window)
{
	sender_write(10 * MSS);
	sender_forget();
	peer_ack_window(2 * MSS, 20000);
	ck_assert_uint_eq(sender_sk->snd_wnd, 20000);
	peer_ack_window(1 * MSS, 50000); /* reordered: an older ACK */
	ck_assert_uint_eq(sender_sk->snd_wnd, 20000);
	peer_ack_window(2 * MSS, 30000);
	ck_assert_uint_eq(sender_sk->snd_wnd, 30000);
}
END_TEST

START_TEST(a_closed_window_is_probed_and_reopens)
{
	sender_write(MSS);
	expect_segment(0, MSS);
	peer_ack_window(MSS, 0);
	sender_write(500);
	expect_silence();
	sender_wait_sent(400000);
	struct sent s = sender_sent();
	ck_assert_uint_eq(s.len, 0);
	ck_assert_uint_eq(s.seq, MSS - 1);
	peer_ack_window(MSS, 5000);
	expect_segment(MSS, 500);
}
END_TEST

START_TEST(a_probe_uses_what_window_there_is)
{
	sender_write(MSS);
	expect_segment(0, MSS);
	peer_ack_window(MSS, 100);
	sender_write(500);
	expect_silence();
	sender_wait_sent(400000);
	expect_segment(MSS, 100);
}
END_TEST

/* --- Nagle, cork ------------------------------------------------------------------------------ */

START_TEST(a_small_segment_waits_for_the_one_before_it)
{
	sender_write(100);
	expect_segment(0, 100);
	sender_write(100);
	sender_write(100);
	expect_silence();
	peer_ack(100);
	expect_segment(100, 200);
}
END_TEST

/* Minshall: full segments in flight do not hold a small one back. */
START_TEST(a_small_segment_follows_full_ones_at_once)
{
	sender_write(2 * MSS);
	sender_forget();
	sender_write(100);
	expect_segment(2 * MSS, 100);
	sender_write(100);
	expect_silence();
}
END_TEST

START_TEST(nagle_lets_full_segments_through)
{
	sender_write(100);
	sender_forget();
	sender_write(MSS + 100);
	expect_segment(100, MSS);
	expect_silence();
}
END_TEST

START_TEST(nodelay_sends_at_once)
{
	set_option(TCP_NODELAY, 1);
	for (unsigned i = 0; i < 5; i++) {
		sender_write(10);
		expect_segment(10 * i, 10);
	}
}
END_TEST

START_TEST(nodelay_sends_what_nagle_held)
{
	sender_write(100);
	sender_write(100);
	expect_segment(0, 100);
	expect_silence();
	set_option(TCP_NODELAY, 1);
	sender_flush();
	expect_segment(100, 100);
}
END_TEST

START_TEST(a_cork_holds_what_is_not_full)
{
	set_option(TCP_CORK, 1);
	sender_write(MSS + 100);
	expect_segment(0, MSS);
	expect_silence();
	sender_write(MSS - 100);
	expect_segment(MSS, MSS);
	sender_write(100);
	expect_silence();
	set_option(TCP_CORK, 0);
	sender_flush();
	expect_segment(2 * MSS, 100);
}
END_TEST

START_TEST(a_cork_gives_way_in_time)
{
	set_option(TCP_CORK, 1);
	sender_write(100);
	expect_silence();
	uint64_t took = sender_wait_sent(400000);
	ck_assert_uint_ge(took, 200000);
	expect_segment(0, 100);
}
END_TEST

/* Setting TCP_NODELAY sends what a cork holds, once, as on Linux. */
START_TEST(nodelay_sends_what_a_cork_holds)
{
	set_option(TCP_CORK, 1);
	sender_write(100);
	expect_silence();
	set_option(TCP_NODELAY, 1);
	sender_flush();
	expect_segment(0, 100);
	sender_write(100);
	expect_silence();
}
END_TEST

/* --- what a write says of itself -------------------------------------------------------------- */

static void write_with(uint32_t bytes, unsigned flags)
{
	ck_assert_uint_eq(sender_fill(bytes), bytes);
	tcp_send_flags(sender_sk, flags);
	sender_flush();
}

START_TEST(more_holds_what_is_not_full_until_the_next_write)
{
	set_option(TCP_NODELAY, 1);
	write_with(2 * MSS + 100, TCP_SEND_MORE);
	expect_segments(0, 2 * MSS, MSS);
	expect_silence();
	write_with(50, TCP_SEND_MORE);
	expect_silence();
	sender_write(10);
	struct sent s = sender_sent();
	ck_assert_uint_eq(s.seq, 2 * MSS);
	ck_assert_uint_eq(s.len, 160);
	ck_assert_uint_eq(s.flags, TCP_ACK | TCP_PSH);
}
END_TEST

/* RFC 9293 3.9.1.2: a write that is not the end of anything does not push. */
START_TEST(more_ends_with_an_ack_and_does_not_push)
{
	set_option(TCP_NODELAY, 1);
	write_with(MSS + 100, TCP_SEND_MORE);
	ck_assert_uint_eq(sender_sent().flags, TCP_ACK);
	expect_silence();
	sender_wait(SENDER_RTT_US);
	peer_ack(MSS);
	struct sent s = sender_sent();
	ck_assert_uint_eq(s.len, 100);
	ck_assert_uint_eq(s.flags, TCP_ACK);
}
END_TEST

START_TEST(more_gives_way_in_time)
{
	write_with(100, TCP_SEND_MORE);
	expect_silence();
	ck_assert_uint_ge(sender_wait_sent(400000), 200000);
	expect_segment(0, 100);
}
END_TEST

START_TEST(no_segment_crosses_the_end_of_a_record)
{
	set_option(TCP_CORK, 1);
	write_with(300, TCP_SEND_EOR);
	write_with(2 * MSS, 0);
	write_with(50, TCP_SEND_EOR);
	sender_fill(MSS);
	set_option(TCP_CORK, 0);
	sender_flush();
	struct sent s = sender_sent();
	ck_assert_uint_eq(s.len, 300); /* middle of the queue: nothing can fill it, so it goes */
	ck_assert_uint_eq(s.flags, TCP_ACK | TCP_PSH);
	expect_segments(300, 2 * MSS, MSS);
	expect_segment(300 + 2 * MSS, 50);
	expect_segment(350 + 2 * MSS, MSS);
}
END_TEST

START_TEST(ends_of_records_wait_when_there_are_many)
{
	set_option(TCP_NODELAY, 1);
	sender_write(10 * MSS); /* the window is used up */
	sender_events();
	int records = 0;
	while (records < 1000 && sender_fill(10) == 10) {
		tcp_send_flags(sender_sk, TCP_SEND_EOR);
		records++;
	}
	ck_assert_int_ge(records, 2);
	ck_assert_int_lt(records, 100);
	sender_flush();
	sender_forget();
	peer_ack(10 * MSS);
	for (int i = 0; i < records; i++)
		expect_segment(10 * MSS + 10 * (unsigned)i, 10);
	ck_assert_uint_eq(sender_events() & TCP_EVENT_WRITABLE, TCP_EVENT_WRITABLE);
}
END_TEST

/* --- FIN, urgent ------------------------------------------------------------------------------ */

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

START_TEST(the_fin_does_not_wait_for_nagle)
{
	sender_write(100);
	sender_write(100);
	sender_forget();
	tcp_send_fin(sender_sk);
	sender_flush();
	struct sent s = sender_sent();
	ck_assert_uint_eq(s.len, 100);
	ck_assert_uint_eq(s.flags & TCP_FIN, TCP_FIN);
}
END_TEST

START_TEST(the_fin_waits_for_the_window)
{
	sender_write(MSS);
	sender_forget();
	peer_ack_window(MSS, 0);
	tcp_send_fin(sender_sk);
	sender_flush();
	expect_silence();
	peer_ack_window(MSS, 1000);
	ck_assert_uint_eq(sender_sent().flags & TCP_FIN, TCP_FIN);
}
END_TEST

START_TEST(nothing_is_accepted_after_the_fin)
{
	struct iovec iov;
	tcp_send_fin(sender_sk);
	ck_assert_int_eq(tcp_send_reserve(sender_sk, 100, &iov, 1), 0);
}
END_TEST

/* RFC 6093: the pointer names the byte after the urgent one. */
START_TEST(urgent_data_sets_the_pointer_until_it_is_acknowledged)
{
	sender_fill(100);
	tcp_send_urgent(sender_sk);
	sender_flush();
	struct sent s = sender_sent();
	ck_assert_uint_eq(s.flags & TCP_URG, TCP_URG);
	ck_assert_uint_eq(s.urg, 100);
	peer_ack(100);
	sender_write(50);
	s = sender_sent();
	ck_assert_uint_eq(s.flags & TCP_URG, 0);
}
END_TEST

START_TEST(urgent_data_does_not_wait_for_nagle)
{
	sender_write(100);
	sender_forget();
	sender_fill(1);
	tcp_send_urgent(sender_sk);
	sender_flush();
	struct sent s = sender_sent();
	ck_assert_uint_eq(s.len, 1);
	ck_assert_uint_eq(s.urg, 1);
}
END_TEST

/* --- the send buffer ------------------------------------------------------------------------- */

START_TEST(an_idle_connection_holds_no_buffer)
{
	ck_assert_uint_eq(tcp_count(sender_stack).sndbuf_bytes, 0);
	sender_write(100);
	ck_assert_uint_le(tcp_count(sender_stack).sndbuf_bytes, 4096);
	peer_ack(100);
	ck_assert_uint_eq(tcp_count(sender_stack).sndbuf_bytes, 0);
}
END_TEST

START_TEST(a_reserve_that_is_not_used_costs_nothing)
{
	struct iovec iov[8];
	ck_assert_int_gt(tcp_send_reserve(sender_sk, 65536, iov, 8), 0);
	tcp_send_commit(sender_sk, 0);
	ck_assert_uint_eq(tcp_count(sender_stack).sndbuf_bytes, 0);
	expect_silence();
}
END_TEST

START_TEST(the_buffer_has_its_limit_and_says_when_there_is_room)
{
	sender_sk->sndbuf_locked = true;
	sender_sk->sndbuf_bytes = 9000;
	ck_assert_uint_eq(sender_fill(20000), 9000);
	sender_flush();
	sender_forget();
	(void)sender_events();
	peer_ack(2 * MSS);
	ck_assert_uint_eq(sender_events() & TCP_EVENT_WRITABLE, 0); /* less than a third is free */
	peer_ack(4 * MSS);
	ck_assert_uint_ne(sender_events() & TCP_EVENT_WRITABLE, 0);
	ck_assert_uint_eq(sender_fill(20000), 4 * MSS);
}
END_TEST

START_TEST(the_buffer_grows_with_the_congestion_window)
{
	uint32_t before = sender_sk->sndbuf_bytes = 16384, acked = 0;
	for (unsigned i = 0; i < 6; i++) {
		sender_fill(400 * MSS);
		sender_flush();
		sender_forget();
		acked = sender_sk->snd_nxt - sender_sk->iss - 1;
		peer_ack(acked);
	}
	ck_assert_uint_gt(sender_sk->sndbuf_bytes, 2 * before);
	ck_assert_uint_le(sender_sk->sndbuf_bytes, stack_sysctls(sender_stack)->tcp_wmem[2]);
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
	if (setup)
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
	tcase_add_test(plain, the_initial_window_is_ten_segments_and_doubles);
	tcase_add_test(plain, an_old_segment_does_not_set_the_window);
	tcase_add_test(plain, a_closed_window_is_probed_and_reopens);
	tcase_add_test(plain, a_probe_uses_what_window_there_is);
	tcase_add_test(plain, a_small_segment_waits_for_the_one_before_it);
	tcase_add_test(plain, a_small_segment_follows_full_ones_at_once);
	tcase_add_test(plain, nagle_lets_full_segments_through);
	tcase_add_test(plain, nodelay_sends_at_once);
	tcase_add_test(plain, nodelay_sends_what_nagle_held);
	tcase_add_test(plain, a_cork_holds_what_is_not_full);
	tcase_add_test(plain, a_cork_gives_way_in_time);
	tcase_add_test(plain, nodelay_sends_what_a_cork_holds);
	tcase_add_test(plain, more_holds_what_is_not_full_until_the_next_write);
	tcase_add_test(plain, more_ends_with_an_ack_and_does_not_push);
	tcase_add_test(plain, more_gives_way_in_time);
	tcase_add_test(plain, no_segment_crosses_the_end_of_a_record);
	tcase_add_test(plain, ends_of_records_wait_when_there_are_many);
	tcase_add_test(plain, the_fin_rides_on_the_last_segment);
	tcase_add_test(plain, a_fin_alone_needs_no_data);
	tcase_add_test(plain, the_fin_does_not_wait_for_nagle);
	tcase_add_test(plain, the_fin_waits_for_the_window);
	tcase_add_test(plain, nothing_is_accepted_after_the_fin);
	tcase_add_test(plain, urgent_data_sets_the_pointer_until_it_is_acknowledged);
	tcase_add_test(plain, urgent_data_does_not_wait_for_nagle);
	tcase_add_test(plain, an_idle_connection_holds_no_buffer);
	tcase_add_test(plain, a_reserve_that_is_not_used_costs_nothing);
	tcase_add_test(plain, the_buffer_has_its_limit_and_says_when_there_is_room);
	tcase_add_test(plain, the_buffer_grows_with_the_congestion_window);
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
	TCase *windows = with("windows", NULL);
	tcase_add_test(windows, segments_are_at_most_half_of_the_largest_window);
	tcase_add_test(windows, nothing_is_sent_beyond_the_peers_window);
	tcase_add_test(windows, a_window_smaller_than_a_segment_is_not_used);
	suite_add_tcase(s, windows);
	return s;
}
