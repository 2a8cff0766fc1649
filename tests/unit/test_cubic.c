/* SPDX-License-Identifier: MIT */
/*
 * CUBIC and HyStart++ as the wire shows them (RFC 9438, RFC 9406): a program that always has more to
 * write, a peer that acknowledges every second segment, a round trip that lasts as long as the test
 * says. How much leaves in one is the window. (The arithmetic by itself: test_cc.c.)
 */
#include "tests/unit/sender.h"
#include "tests/unit/suites.h"

#define MSS SENDER_MSS
#define RTT SENDER_RTT_US

static uint32_t acked, sent_end;

static void setup(void)
{
	sender_open(&(struct sender_options){.window = 4000000});
	stack_sysctls(sender_stack)->tcp_slow_start_after_idle = 0;
	acked = sent_end = 0;
}

static unsigned cwnd(void)
{
	return (sender_sk->cwnd_bytes + MSS / 2) / MSS;
}

/* What has left; returns how many segments. */
static unsigned take_sent(void)
{
	unsigned n = 0;
	for (; sender_sent_any(); n++) {
		struct sent s = sender_sent();
		sent_end = s.seq + s.len > sent_end ? s.seq + s.len : sent_end;
	}
	return n;
}

/* The window full, one round trip later all of it acknowledged. Returns how many segments it was. */
static unsigned round_trip(uint32_t rtt_us)
{
	sender_fill(600 * MSS);
	sender_flush();
	take_sent();
	uint32_t end = sent_end, flight = end - acked;
	sender_wait(rtt_us);
	while (acked < end) {
		acked += min_u32(2 * MSS, end - acked);
		peer_ack(acked);
	}
	return flight / MSS;
}

/* Of a full window the first segment is lost, the rest arrives. */
static void lose_one(void)
{
	sender_fill(600 * MSS);
	sender_flush();
	take_sent();
	uint32_t hole = acked, end = sent_end;
	sender_wait(RTT);
	for (uint32_t at = hole + 3 * MSS; at <= end; at += 2 * MSS)
		peer_sack(hole, 1, (const uint32_t[1][2]){{hole + MSS, at}});
	take_sent();
	sender_wait(RTT);
	acked = sent_end;
	peer_ack(acked);
	ck_assert_uint_eq(sender_sk->ca_state, CA_OPEN);
}

/* Slow start to that many segments, by what the peer acknowledges. */
static void open_to(unsigned segs)
{
	sender_sk->ssthresh_bytes = segs * MSS;
	while (cwnd() < segs)
		round_trip(RTT);
	sender_sk->cwnd_bytes = segs * MSS;
}

/* The program has no more to write: what is there goes its way, and then nothing is in flight. */
static void drain(void)
{
	take_sent();
	while (acked < sent_end) {
		uint32_t end = sent_end;
		sender_wait(RTT);
		while (acked < end) {
			acked += min_u32(2 * MSS, end - acked);
			peer_ack(acked);
		}
		take_sent();
	}
}

static int64_t now_ms(void)
{
	return (int64_t)(stack_now_us(sender_stack) / 1000);
}

/* C * (t - K)^3 + W_max, in thousandths of a segment. */
static int64_t w_cubic(int64_t t_ms, int64_t k_ms, int64_t w_max)
{
	int64_t off = t_ms - k_ms;
	return w_max * 1000 + off * off * off * 4 / 10 / 1000000;
}

static void ck_about(unsigned value, int64_t thousandths, int tolerance)
{
	int64_t off = (int64_t)value * 1000 - thousandths;
	ck_assert_msg(off <= tolerance * 1000 && -off <= tolerance * 1000,
		      "%u segments instead of %lld.%03lld", value, (long long)(thousandths / 1000),
		      (long long)(thousandths % 1000));
}

/* --- after a loss -------------------------------------------------------------------------------- */

/* RFC 9438 4.6, then equation 1: K = cbrt((200 - 140) / 0.4) = 5.313 s; concave, flat, convex. */
START_TEST(a_loss_and_what_follows_it)
{
	open_to(200);
	lose_one();
	ck_assert_uint_eq(sender_sk->ssthresh_bytes, 140 * MSS);
	int64_t start = now_ms();
	while (now_ms() < start + 7500) {
		round_trip(RTT);
		ck_about(cwnd(), w_cubic(now_ms() - start, 5313, 200), 4);
	}
	ck_assert_uint_gt(cwnd(), 202); /* past W_max, it probes */
}
END_TEST

/* RFC 9438 4.7: a second loss below W_max; who comes newly gets room. W_max is 140 * 0.85 = 119, and
 * K = cbrt((119 - 98) / 0.4) = 3.74 s. */
START_TEST(a_second_loss_below_w_max)
{
	open_to(200);
	lose_one();
	lose_one();
	ck_about(cwnd(), 101000, 3);
	int64_t start = now_ms();
	while (now_ms() < start + 3740)
		round_trip(RTT);
	ck_about(cwnd(), 121000, 4);
}
END_TEST

/* RFC 9438 4.3: where the cubic is slower than Reno would be. 28 segments after the loss, 9/17 of one more
 * each round trip until the 40 from before it are reached again, one whole one from there. */
START_TEST(on_a_short_path_it_grows_as_reno_would)
{
	open_to(40);
	lose_one();
	ck_about(cwnd(), 29000, 1);
	for (unsigned i = 0; i < 20; i++)
		round_trip(2000);
	ck_about(cwnd(), 29000 + 20 * 1000 * 9 / 17, 3);
	for (unsigned i = 0; i < 40; i++)
		round_trip(2000);
	ck_about(cwnd(), 40000 + 37 * 1000, 3);
}
END_TEST

/* RFC 9438 4.2, 4.4: however far above the cubic is, half as much again in a round trip is the most. One
 * segment at a time is in flight for 20 s, which is use, if little: time goes on. */
START_TEST(a_round_trip_adds_half_at_most)
{
	open_to(100);
	lose_one();
	round_trip(RTT);
	drain();
	unsigned before = cwnd();
	sender_fill(MSS);
	sender_flush();
	take_sent();
	for (unsigned i = 0; i < 400; i++) {
		sender_wait(RTT / 2);
		uint32_t end = sent_end;
		sender_fill(MSS);
		sender_flush();
		take_sent();
		acked = end;
		peer_ack(acked);
	}
	ck_assert_uint_le(cwnd(), before + 1);
	before = cwnd();
	round_trip(RTT);
	ck_assert_uint_ge(cwnd(), before * 5 / 4);
	ck_assert_uint_le(cwnd(), before * 3 / 2 + 1);
}
END_TEST

/* --- idleness ------------------------------------------------------------------------------------ */

/* RFC 9438 5.8: an hour in which nothing was sent is not time in which the path was found to be free. */
START_TEST(idle_time_does_not_count)
{
	open_to(100);
	lose_one();
	int64_t start = now_ms(), hour = 3600 * 1000;
	drain();
	unsigned before = cwnd();
	sender_wait((uint64_t)hour * 1000);
	round_trip(RTT);
	ck_assert_uint_le(cwnd(), before + 3);
	while (now_ms() - hour < start + 4300)
		round_trip(RTT);
	ck_about(cwnd(), 100 * 1000, 2); /* as if there had been no pause */
}
END_TEST

/* RFC 5681 4.1 besides: it begins anew, and what it has learnt of the path is still where it ends. */
START_TEST(after_idleness_slow_start_ends_where_it_was)
{
	stack_sysctls(sender_stack)->tcp_slow_start_after_idle = 1;
	open_to(100);
	lose_one();
	drain();
	unsigned before = cwnd();
	sender_wait(3600 * 1000000ull);
	ck_assert_uint_eq(round_trip(RTT), 10);
	ck_assert_uint_eq(cwnd(), 20);
	for (unsigned i = 0; i < 4; i++)
		round_trip(RTT);
	ck_assert_uint_ge(cwnd(), before * 3 / 4);
	ck_assert_uint_le(cwnd(), before + 10);
}
END_TEST

/* --- after a time-out ----------------------------------------------------------------------------- */

/* Four segments are lost, all there was: each is acknowledged as it comes again. */
static void time_out(void)
{
	drain();
	sender_write(4 * MSS);
	take_sent();
	while (sender_sk->ca_state != CA_LOSS)
		sender_wait(10000);
	for (uint32_t end = sent_end; acked < end; acked += MSS) {
		sender_wait(RTT);
		peer_ack(acked + MSS);
	}
	sender_forget();
	ck_assert_uint_lt(sender_sk->cwnd_bytes, sender_sk->ssthresh_bytes);
}

/* RFC 9438 4.8: one segment, 7/10 as ssthresh, and behind slow start a fresh epoch with K = 0: the window
 * from before is not what it heads for. As long as there is none a round trip adds a twentieth, as
 * Linux has it. */
START_TEST(after_a_time_out_k_is_zero)
{
	open_to(100);
	drain();
	unsigned before = cwnd();
	time_out();
	ck_about(sender_sk->ssthresh_bytes / MSS, before * 700, 1);
	while (sender_sk->cwnd_bytes < sender_sk->ssthresh_bytes)
		round_trip(RTT);
	unsigned at = cwnd();
	for (unsigned i = 0; i < 10; i++)
		round_trip(RTT);
	ck_assert_uint_ge(cwnd(), at * 3 / 2); /* towards the window from before: by a fifth */
	ck_assert_uint_le(cwnd(), at * 7 / 4);
}
END_TEST

/* --- HyStart++ ------------------------------------------------------------------------------------ */

/* RFC 9406 4.2: an eighth of the last round's least round trip, but 4 ms at least and 16 at most. */
static const struct {
	uint32_t rtt_ms, rise_ms;
	bool seen;
} rises[] = {
    {100, 12, false}, {100, 13, true},	{20, 3, false},
    {20, 4, true},    {200, 15, false}, {200, 16, true},
};

START_TEST(a_round_trip_that_rises)
{
	uint32_t rtt = rises[_i].rtt_ms * 1000;
	round_trip(rtt);
	round_trip(rtt);
	ck_assert_uint_eq(cwnd(), 40);
	round_trip(rtt + rises[_i].rise_ms * 1000);
	/* Eight samples are needed: by then 14 segments have been acknowledged. */
	if (rises[_i].seen)
		ck_about(cwnd(), 40000 + 14000 + 26000 / 4, 1);
	else
		ck_assert_uint_eq(cwnd(), 80);
}
END_TEST

/* 4.2, 4.3: a quarter of slow start's growth for five rounds, then congestion avoidance. */
START_TEST(conservative_slow_start_lasts_five_rounds)
{
	round_trip(RTT);
	round_trip(RTT);
	round_trip(RTT + 20000);
	for (unsigned i = 0; i < 4; i++) {
		ck_assert_uint_eq(sender_sk->ssthresh_bytes, TCP_INFINITE_SSTHRESH);
		unsigned before = cwnd();
		round_trip(RTT + 20000);
		ck_about(cwnd(), before * 1250, 2);
	}
	round_trip(RTT + 20000);
	ck_assert_uint_lt(sender_sk->ssthresh_bytes, TCP_INFINITE_SSTHRESH);
	unsigned before = cwnd();
	round_trip(RTT + 20000);
	ck_assert_uint_le(cwnd(), before + before / 20 + 1); /* as Linux while no W_max is known */
}
END_TEST

/* 4.2: the round trip falls again, so what rose was not a queue. */
START_TEST(a_rise_that_was_jitter)
{
	round_trip(RTT);
	round_trip(RTT);
	round_trip(RTT + 20000);
	round_trip(RTT);
	unsigned before = cwnd();
	round_trip(RTT);
	ck_assert_uint_eq(cwnd(), 2 * before);
	ck_assert_uint_eq(sender_sk->ssthresh_bytes, TCP_INFINITE_SSTHRESH);
}
END_TEST

/* 4.3: only for the first slow start; later ones know where to end. */
START_TEST(a_later_slow_start_is_the_standard_one)
{
	open_to(100);
	time_out();
	unsigned rounds = 0;
	for (; sender_sk->cwnd_bytes < sender_sk->ssthresh_bytes; rounds++) {
		unsigned before = cwnd();
		round_trip(RTT + 30000 * (rounds + 1));
		ck_assert_uint_ge(cwnd(), min_u32(2 * before, 69));
	}
}
END_TEST

Suite *cubic_suite(void)
{
	Suite *s = suite_create("cubic");
	SUITE_CASE(s, "loss", setup, sender_close, a_loss_and_what_follows_it,
		   a_second_loss_below_w_max, on_a_short_path_it_grows_as_reno_would,
		   a_round_trip_adds_half_at_most, after_a_time_out_k_is_zero);
	SUITE_CASE(s, "idle", setup, sender_close, idle_time_does_not_count,
		   after_idleness_slow_start_ends_where_it_was);
	SUITE_CASE(s, "hystart", setup, sender_close, conservative_slow_start_lasts_five_rounds,
		   a_rise_that_was_jitter, a_later_slow_start_is_the_standard_one);
	TCase *rise = tcase_create("rise");
	tcase_add_checked_fixture(rise, setup, sender_close);
	tcase_add_loop_test(rise, a_round_trip_that_rises, 0,
			    (int)(sizeof(rises) / sizeof(rises[0])));
	suite_add_tcase(s, rise);
	return s;
}
