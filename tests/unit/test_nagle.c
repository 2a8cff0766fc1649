/* SPDX-License-Identifier: MIT */
/*
 * Small segments: whether they leave now or wait (RFC 9293 3.7.4, Nagle, with Minshall's change;
 * TCP_NODELAY, TCP_CORK), and what a write says of itself (MSG_MORE, MSG_EOR).
 */
#include "tests/unit/sender.h"
#include "tests/unit/suites.h"

#define MSS SENDER_MSS

static void setup(void)
{
	sender_open(&(struct sender_options){0});
}

static void set_option(int name, int value)
{
	ck_assert_int_eq(tcp_setsockopt(sender_sk, IPPROTO_TCP_, name, &value, sizeof(value)), 0);
}

/* --- Nagle ------------------------------------------------------------------------------------ */

/* SHLD-7: one small segment unacknowledged at a time; what is written meanwhile leaves as one. */
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

/* A full segment waits for nothing (RFC 9293 3.7.4). */
START_TEST(nagle_lets_full_segments_through)
{
	sender_write(100);
	sender_forget();
	sender_write(MSS + 100);
	expect_segment(100, MSS);
	expect_silence();
}
END_TEST

/* MUST-17: it can be disabled for a connection. */
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

/* RFC 9293 3.10.4: what is queued is sent first, and nothing follows that could fill it. */
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

/* RFC 9293 3.8.5: urgent means now. */
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

/* --- TCP_CORK (Linux: as Nagle's rule, but for full segments in flight, too; at most 200 ms) ---- */

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

/* MSG_EOR: a record ends where a segment ends, and pushes (RFC 9293 3.9.1.2). */
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

Suite *nagle_suite(void)
{
	Suite *s = suite_create("nagle");
	SUITE_CASE(s, "nagle", setup, sender_close, a_small_segment_waits_for_the_one_before_it,
		   a_small_segment_follows_full_ones_at_once, nagle_lets_full_segments_through,
		   nodelay_sends_at_once, nodelay_sends_what_nagle_held,
		   the_fin_does_not_wait_for_nagle, urgent_data_does_not_wait_for_nagle);
	SUITE_CASE(s, "cork", setup, sender_close, a_cork_holds_what_is_not_full,
		   a_cork_gives_way_in_time, nodelay_sends_what_a_cork_holds);
	SUITE_CASE(
	    s, "writes", setup, sender_close, more_holds_what_is_not_full_until_the_next_write,
	    more_ends_with_an_ack_and_does_not_push, more_gives_way_in_time,
	    no_segment_crosses_the_end_of_a_record, ends_of_records_wait_when_there_are_many);
	return s;
}
