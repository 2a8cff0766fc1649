/* SPDX-License-Identifier: MIT */
/*
 * The peer's window (RFC 9293 3.8.6): how far it lets us send, whose word about it counts, what
 * happens when it is small, closed, or taken back.
 */
#include "tests/unit/sender.h"
#include "tests/unit/suites.h"
#include "tests/unit/wire.h"

#define MSS SENDER_MSS

static void setup(void)
{
	sender_open(&(struct sender_options){0});
}

/* RFC 9293 3.8.6: SND.UNA + SND.WND is the edge. */
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

/* RFC 9293 3.10.7.4: SND.WL1 and SND.WL2 keep an older segment from setting the window. */
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

/* RFC 9293 3.8.6.1, MUST-36: the first probe after an RTO. */
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

/* RFC 9293 3.8.6.1: sooner or later something goes, however small the window. */
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

/* RFC 9293 3.8.6: a FIN takes a number of the window. */
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

/* --- the same, as the wire shows it ------------------------------------------------------------ */

static struct wire *w;

static void setup_wire(void)
{
	w = wire_new();
}

static void teardown_wire(void)
{
	wire_free(w);
}

/* Where PSH is, depends on the largest window. */
static void expect_data(uint32_t seq, uint32_t len)
{
	struct wire_segment s;
	ck_assert(wire_next(w, &s));
	ck_assert_uint_eq(s.seq, seq);
	ck_assert_uint_eq(s.len, len);
}

/* SHLD-15: nothing new; SHLD-16: what lies within is sent again as ever. */
START_TEST(a_window_taken_back)
{
	wire_passive_open(w, "mss 1000", 10000);
	wire_write(w, 20000);
	for (uint32_t at = 1; at < 10001; at += 1000)
		expect_data(at, 1000);
	wire_in(w, ". 1:1(0) ack 2001 win 3000"); /* 5000 beyond it are in flight */
	wire_out_none(w);
	wire_ms(w, 5000);
	struct wire_segment s;
	unsigned n = 0;
	for (; wire_next(w, &s); n++)
		ck_assert_uint_eq(s.seq, 2001);
	ck_assert_uint_ge(n, 1);
	wire_in(w, ". 1:1(0) ack 10001 win 10000");
	expect_data(10001, 1000);
}
END_TEST

/* MUST-35, SHLD-17: a window taken back to nothing is probed, and nobody gives up. */
START_TEST(a_window_taken_back_to_nothing)
{
	wire_passive_open(w, "mss 1000", 10000);
	wire_write(w, 3000);
	wire_out_forget(w);
	for (int i = 0; i < 12; i++) {
		wire_in(w, ". 1:1(0) ack 1 win 0");
		wire_ms(w, 125000); /* more than the longest RTO */
		struct wire_segment s;
		ck_assert(wire_next(w, &s));
		ck_assert_uint_le(s.seq, 1);
		wire_out_forget(w);
	}
	wire_state(w, TCP_ESTABLISHED);
	wire_in(w, ". 1:1(0) ack 1 win 10000");
	wire_ms(w, 1000);
	wire_in(w, ". 1:1(0) ack 3001 win 10000");
	ck_assert_uint_eq(tcp_outq_bytes(w->sk), 0);
}
END_TEST

/* RFC 9293 3.10.7.4: the window is that of the newest segment, by SEG.SEQ and then SEG.ACK. */
START_TEST(a_window_update_alone)
{
	wire_passive_open(w, "mss 1000", 2000);
	wire_write(w, 6000);
	expect_data(1, 1000);
	expect_data(1001, 1000);
	wire_in(w, ". 1:1(0) ack 2001 win 0");
	wire_out_none(w);
	wire_in(w, ". 1:1(0) ack 2001 win 1000");
	expect_data(2001, 1000);
	wire_in(w, ". 1:1(0) ack 2001 win 3000"); /* the same ACK */
	expect_data(3001, 1000);
	expect_data(4001, 1000);
	wire_out_none(w);
}
END_TEST

Suite *snd_window_suite(void)
{
	Suite *s = suite_create("snd_window");
	SUITE_CASE(s, "sender", setup, sender_close, an_old_segment_does_not_set_the_window,
		   a_closed_window_is_probed_and_reopens, a_probe_uses_what_window_there_is,
		   the_fin_waits_for_the_window);
	SUITE_CASE(s, "own opening", NULL, NULL, nothing_is_sent_beyond_the_peers_window,
		   a_window_smaller_than_a_segment_is_not_used,
		   segments_are_at_most_half_of_the_largest_window);
	SUITE_CASE(s, "wire", setup_wire, teardown_wire, a_window_taken_back,
		   a_window_taken_back_to_nothing, a_window_update_alone);
	return s;
}
