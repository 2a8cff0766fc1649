/* SPDX-License-Identifier: MIT */
/* Congestion window validation (RFC 7661's aim, RFC 2861's and Linux's means): a window that is not
 * used says nothing of the path. Seen from outside: what leaves. */
#include "tests/unit/sender.h"
#include "tests/unit/suites.h"

#define MSS SENDER_MSS
#define IW 10u

static uint32_t acked;

static void open_with(const struct sender_options *o)
{
	sender_open(o);
	acked = 0;
}

static void open_wide(void)
{
	open_with(&(struct sender_options){.window = 4000000, .reno = true});
}

static void open_cubic(void)
{
	open_with(&(struct sender_options){.window = 4000000});
}

static void open_bbr(void)
{
	open_with(&(struct sender_options){.window = 4000000, .bbr = true});
}

static void open_narrow(void)
{
	open_with(&(struct sender_options){.window = 8 * MSS, .reno = true});
}

/* A round trip: what has been written leaves as the window allows and is acknowledged two by two.
 * Returns how many segments left. */
static unsigned round_trip(void)
{
	unsigned left = 0;
	uint32_t end = acked;
	for (struct sent s; sender_sent_any(); left++) {
		s = sender_sent();
		end = s.seq + s.len;
	}
	sender_wait(SENDER_RTT_US);
	while (acked < end) {
		acked += min_u32(2 * MSS, end - acked);
		peer_ack(acked);
	}
	return left;
}

/* The program writes so much and waits for all of it to be acknowledged. */
static void exchange(unsigned segments)
{
	sender_write(segments * MSS);
	while (acked < sender_sk->write_seq - sender_sk->iss - 1)
		round_trip();
}

static unsigned cwnd(void)
{
	return sender_sk->cwnd_bytes / MSS;
}

/* RFC 6928 2, RFC 5681 3.1: ten segments, and two for each that is acknowledged. */
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

/* RFC 5681 3.1 */
START_TEST(a_full_window_doubles)
{
	sender_write(100 * MSS);
	ck_assert_uint_eq(round_trip(), IW);
	ck_assert_uint_eq(round_trip(), 2 * IW);
	ck_assert_uint_eq(round_trip(), 4 * IW);
}
END_TEST

/* RFC 5681 3.1, RFC 3465 2: by what is acknowledged, however many segments an ACK is for (and without
 * RFC 3465's limit L, as RFC 9406 4.2 allows and Linux does). */
START_TEST(slow_start_counts_bytes)
{
	static const unsigned by[] = {1, 2, 4, 5, 10};
	sender_write(100 * MSS);
	sender_forget();
	sender_wait(SENDER_RTT_US);
	for (uint32_t segs = by[_i]; segs <= IW; segs += by[_i]) {
		peer_ack(segs * MSS);
		ck_assert_uint_eq(cwnd(), IW + segs);
		expect_segments((IW + 2 * (segs - by[_i])) * MSS, 2 * by[_i] * MSS, MSS);
		expect_silence();
	}
}
END_TEST

/* RFC 2861 3: a window full when it was sent counts though nothing follows; one that was not, does no
 * more than double what was used. */
START_TEST(slow_start_of_a_program_that_has_no_more)
{
	unsigned flight = IW - (unsigned)_i, most = _i ? 2 * flight : 2 * IW;
	sender_write(flight * MSS);
	sender_forget();
	sender_wait(SENDER_RTT_US);
	for (uint32_t segs = 2; segs < flight + 2; segs += 2) {
		uint32_t end = min_u32(segs, flight);
		peer_ack(end * MSS);
		ck_assert_uint_eq(cwnd(), min_u32(IW + end, most));
	}
}
END_TEST

/* RFC 5681 4.1, RFC 2861 3: a closed window is a pause like any other. Its probes are no traffic. */
START_TEST(after_a_closed_window_it_begins_anew)
{
	exchange(60);
	unsigned wide = cwnd();
	ck_assert_uint_gt(wide, 3 * IW);
	sender_write(100 * MSS);
	uint32_t in_flight = wide * MSS;
	sender_forget();
	sender_wait(SENDER_RTT_US);
	acked += in_flight;
	peer_ack_window(acked, 0);
	for (unsigned i = 0; i < 3; i++) {
		expect_silence();
		(void)sender_wait_sent(5000000);
		ck_assert_uint_eq(sender_sent().len, 0);
		peer_ack_window(acked, 0);
		ck_assert_uint_ge(cwnd(), wide);
	}
	sender_wait(1000000);
	sender_forget();
	peer_ack_window(acked, 4000000);
	unsigned left = 0;
	for (; sender_sent_any(); left++)
		ck_assert_uint_eq(sender_sent().len, MSS);
	ck_assert_uint_eq(left, IW);
}
END_TEST

/* RFC 7661 1: nothing was learnt of more than was sent. */
START_TEST(a_conversation_does_not_widen_the_window)
{
	for (unsigned i = 0; i < 50; i++)
		exchange(2);
	ck_assert_uint_eq(cwnd(), IW);
}
END_TEST

/* In slow start up to twice of what is used. */
START_TEST(a_larger_conversation_widens_it_to_twice_its_size)
{
	for (unsigned i = 0; i < 50; i++)
		exchange(9);
	ck_assert_uint_ge(cwnd(), 17);
	ck_assert_uint_le(cwnd(), 19);
}
END_TEST

START_TEST(in_congestion_avoidance_only_a_full_window_counts)
{
	sender_sk->ssthresh_bytes = sender_sk->cwnd_bytes = 20 * MSS;
	for (unsigned i = 0; i < 5; i++)
		exchange(19);
	ck_assert_uint_eq(cwnd(), 20);
	for (unsigned i = 0; i < 5; i++)
		exchange(21);
	ck_assert_uint_gt(cwnd(), 20);
}
END_TEST

START_TEST(the_peers_window_does_not_widen_ours)
{
	sender_fill(1000 * MSS);
	sender_flush();
	for (unsigned i = 0; i < 20; i++)
		round_trip();
	ck_assert_uint_le(cwnd(), 17);
	ck_assert_uint_ge(cwnd(), IW);
}
END_TEST

/* RFC 2861 3.2: half of what was not used in an RTO is given back, and ssthresh remembers. */
START_TEST(a_window_that_was_wide_shrinks_to_its_use)
{
	exchange(150);
	unsigned wide = cwnd();
	ck_assert_uint_ge(wide, 80);
	for (unsigned i = 0; i < 40; i++)
		exchange(12);
	ck_assert_uint_le(cwnd(), 30);
	ck_assert_uint_ge(cwnd(), 12);
	ck_assert_uint_ge(sender_sk->ssthresh_bytes, 20 * MSS);
}
END_TEST

START_TEST(a_small_send_buffer_is_no_such_use)
{
	exchange(150);
	unsigned wide = cwnd();
	sender_sk->sndbuf_bytes = 12 * MSS;
	sender_sk->sndbuf_locked = true;
	for (unsigned i = 0; i < 40; i++) {
		(void)sender_fill(100 * MSS); /* twelve fit, the program waits */
		sender_flush();
		round_trip();
	}
	ck_assert_uint_ge(cwnd(), wide);
}
END_TEST

/* RFC 5681 4.1 */
START_TEST(after_idleness_it_begins_anew)
{
	bool on = _i;
	stack_sysctls(sender_stack)->tcp_slow_start_after_idle = on;
	exchange(150);
	unsigned wide = cwnd();
	ck_assert_uint_ge(wide, 80);
	sender_wait(10000000);
	sender_write(300 * MSS);
	ck_assert_uint_eq(round_trip(), on ? IW : wide);
	if (on) /* and is soon back */
		ck_assert_uint_ge(sender_sk->ssthresh_bytes, wide * 3 / 4 * MSS);
}
END_TEST

/* Halved for each RTO: a short pause costs little. */
START_TEST(a_pause_of_one_rto_costs_half)
{
	exchange(150);
	unsigned wide = cwnd();
	sender_wait(sender_sk->rto_us * 3 / 2);
	sender_write(150 * MSS);
	ck_assert_uint_eq(round_trip(), wide / 2);
}
END_TEST

/* BBR's window is what the path holds, used or not. */
START_TEST(bbrs_window_stays)
{
	exchange(200);
	unsigned wide = cwnd();
	sender_wait(3000000);
	sender_write(MSS);
	round_trip();
	ck_assert_uint_ge(cwnd(), wide / 2);
}
END_TEST

static TCase *with(const char *name, void (*setup)(void))
{
	TCase *tc = tcase_create(name);
	tcase_add_checked_fixture(tc, setup, sender_close);
	return tc;
}

Suite *cwnd_suite(void)
{
	Suite *s = suite_create("cwnd");
	TCase *wide[] = {with("reno", open_wide), with("cubic", open_cubic)};
	for (unsigned i = 0; i < 2; i++) {
		tcase_add_test(wide[i], the_initial_window_is_ten_segments_and_doubles);
		tcase_add_test(wide[i], a_full_window_doubles);
		tcase_add_loop_test(wide[i], slow_start_counts_bytes, 0, 5);
		tcase_add_loop_test(wide[i], slow_start_of_a_program_that_has_no_more, 0, 2);
		tcase_add_test(wide[i], after_a_closed_window_it_begins_anew);
		tcase_add_test(wide[i], a_conversation_does_not_widen_the_window);
		tcase_add_test(wide[i], a_larger_conversation_widens_it_to_twice_its_size);
		tcase_add_test(wide[i], in_congestion_avoidance_only_a_full_window_counts);
		tcase_add_test(wide[i], a_window_that_was_wide_shrinks_to_its_use);
		tcase_add_test(wide[i], a_small_send_buffer_is_no_such_use);
		tcase_add_loop_test(wide[i], after_idleness_it_begins_anew, 0, 2);
		tcase_add_test(wide[i], a_pause_of_one_rto_costs_half);
		suite_add_tcase(s, wide[i]);
	}
	TCase *narrow = with("narrow", open_narrow);
	tcase_add_test(narrow, the_peers_window_does_not_widen_ours);
	suite_add_tcase(s, narrow);
	TCase *bbr = with("bbr", open_bbr);
	tcase_add_test(bbr, bbrs_window_stays);
	suite_add_tcase(s, bbr);
	return s;
}
