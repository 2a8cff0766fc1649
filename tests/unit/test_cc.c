/* SPDX-License-Identifier: MIT */
/*
 * Congestion control by itself: one socket whose windows are set by hand, and ACKs that come as
 * ack_samples. Round trips are counted, not waited for.
 */
#include <errno.h>

#include "stack/tcp/tcp_send.h"
#include "tests/unit/suites.h"

#define MSS 1000u
#define SEC 1000000ull

static struct stack *st;
static struct tcp_sock *sk;
static int user;

static bool transmit_nothing(void *ctx, const struct frame_out *f)
{
	(void)ctx, (void)f;
	return true;
}

static void setup(void)
{
	static const struct stack_ops ops = {.transmit = transmit_nothing};
	struct stack_config config = {
	    .mac = {{2, 0, 0, 0, 0, 1}}, .mtu_bytes = 1500, .pkt_limit_bytes = 1 << 20};
	int err = 0;
	st = stack_create(&config, &ops, NULL, SEC);
	ck_assert_ptr_nonnull(st);
	sk = tcp_socket(st, &user, 0, &err);
	ck_assert_ptr_nonnull(sk);
	sk->mss_cache = MSS;
	sk->snd_una = sk->snd_nxt = sk->write_seq = 1;
	sk->srtt_us = 100000;
}

static void teardown(void)
{
	stack_destroy(st);
}

static void use(const char *name)
{
	ck_assert_int_eq(tcp_set_congestion_control(sk, name), 0);
	tcp_cc_init(sk);
	sk->is_cwnd_limited = true;
}

/* One round trip in which all of cwnd is acknowledged, by ACKs of two segments each. */
static void round_trip(uint32_t rtt_us)
{
	uint32_t window = sk->cwnd_bytes;
	sk->snd_nxt += window;
	sk->cwnd_usage_seq = sk->snd_nxt;
	sk->last_snd_us = st->now_us;
	st->now_us += rtt_us;
	for (uint32_t done = 0; done < window;) {
		uint32_t acked = min_u32(2 * MSS, window - done);
		struct ack_sample s = {
		    .acked_bytes = acked, .rtt_us = rtt_us, .una_advanced = true};
		sk->snd_una += acked;
		done += acked;
		sk->cc->cong_avoid(sk, &s);
	}
}

static void lose(void)
{
	sk->prior_cwnd_bytes = sk->cwnd_bytes;
	sk->ssthresh_bytes = sk->cc->ssthresh(sk);
	sk->cwnd_bytes = sk->ssthresh_bytes;
}

START_TEST(algorithms_are_found_by_name)
{
	ck_assert_str_eq(cc_find("reno")->name, "reno");
	ck_assert_str_eq(cc_find("cubic")->name, "cubic");
	ck_assert_ptr_null(cc_find("vegas"));
	ck_assert_str_eq(tcp_available_congestion_control(), "reno cubic bbr");
	ck_assert_int_eq(tcp_set_congestion_control(sk, "vegas"), -ENOENT);
}
END_TEST

START_TEST(cubic_is_the_default)
{
	tcp_cc_init(sk);
	ck_assert_str_eq(sk->cc->name, "cubic");
}
END_TEST

START_TEST(the_initial_window_is_ten_segments)
{
	tcp_cc_init(sk);
	ck_assert_uint_eq(sk->cwnd_bytes, 10 * MSS);
	ck_assert_uint_eq(sk->ssthresh_bytes, TCP_INFINITE_SSTHRESH);
}
END_TEST

START_TEST(a_lost_syn_makes_it_one_segment)
{
	sk->total_retrans = 2;
	sk->srtt_us = 0;
	tcp_cc_init(sk);
	ck_assert_uint_eq(sk->cwnd_bytes, MSS);
	ck_assert_uint_eq(sk->rto_us, 3 * SEC); /* RFC 6298 5.7 */
}
END_TEST

START_TEST(slow_start_doubles_the_window)
{
	use(_i ? "cubic" : "reno");
	round_trip(100000);
	ck_assert_uint_eq(sk->cwnd_bytes, 20 * MSS);
	round_trip(100000);
	ck_assert_uint_eq(sk->cwnd_bytes, 40 * MSS);
}
END_TEST

START_TEST(a_window_that_is_not_used_does_not_grow)
{
	use(_i ? "cubic" : "reno");
	sk->is_cwnd_limited = false;
	sk->max_flight_bytes = 2 * MSS;
	round_trip(100000);
	ck_assert_uint_eq(sk->cwnd_bytes, 10 * MSS);
}
END_TEST

START_TEST(slow_start_ends_at_ssthresh)
{
	use("reno");
	sk->ssthresh_bytes = 15 * MSS;
	round_trip(100000);
	ck_assert_uint_ge(sk->cwnd_bytes, 15 * MSS);
	ck_assert_uint_le(sk->cwnd_bytes, 16 * MSS);
}
END_TEST

START_TEST(reno_adds_a_segment_each_round_trip)
{
	use("reno");
	sk->ssthresh_bytes = sk->cwnd_bytes;
	for (unsigned i = 1; i <= 5; i++) {
		round_trip(100000);
		ck_assert_uint_eq(sk->cwnd_bytes, (10 + i) * MSS);
	}
}
END_TEST

START_TEST(reno_halves_on_loss_but_not_below_two_segments)
{
	use("reno");
	lose();
	ck_assert_uint_eq(sk->cwnd_bytes, 5 * MSS);
	sk->cwnd_bytes = MSS;
	lose();
	ck_assert_uint_eq(sk->ssthresh_bytes, 2 * MSS);
}
END_TEST

START_TEST(cubic_keeps_seven_tenths)
{
	use("cubic");
	sk->cwnd_bytes = 1000 * MSS;
	lose();
	ck_assert_uint_eq(sk->cwnd_bytes, 700 * MSS);
}
END_TEST

/* RFC 9438 4.2: K = cbrt(300 / 0.4) = 9.086 s; W_max is reached then, flat before, steep after. */
START_TEST(cubic_is_back_at_w_max_after_k_seconds)
{
	use("cubic");
	sk->cwnd_bytes = 1000 * MSS;
	lose();
	uint32_t early = 0, at_k = 0;
	for (unsigned ms = 0; ms < 9100; ms += 100) {
		round_trip(100000);
		if (ms == 4500)
			early = sk->cwnd_bytes;
	}
	at_k = sk->cwnd_bytes;
	ck_assert_uint_gt(early, 940 * MSS); /* concave: most of the way in half the time */
	ck_assert_uint_lt(early, 1000 * MSS);
	ck_assert_uint_ge(at_k, 990 * MSS);
	ck_assert_uint_le(at_k, 1010 * MSS);
	for (unsigned ms = 0; ms < 5000; ms += 100)
		round_trip(100000);
	ck_assert_uint_gt(sk->cwnd_bytes, 1040 * MSS); /* convex: 0.4 * 5^3 = 50 more */
	ck_assert_uint_lt(sk->cwnd_bytes, 1070 * MSS);
}
END_TEST

/* RFC 9438 4.3: on a short path the cubic crawls, and growth is Reno's. */
START_TEST(cubic_is_no_slower_than_reno)
{
	use("cubic");
	sk->srtt_us = 1000;
	sk->cwnd_bytes = 20 * MSS;
	lose();
	for (unsigned i = 0; i < 40; i++)
		round_trip(1000);
	/* 40 ms: the cubic has not moved; 9/17 of a segment a round trip until 20, then one. */
	ck_assert_uint_gt(sk->cwnd_bytes, 30 * MSS);
}
END_TEST

START_TEST(cubic_yields_when_a_loss_comes_below_w_max)
{
	use("cubic");
	sk->cwnd_bytes = 1000 * MSS;
	lose();
	lose(); /* at 700: W_max becomes 595, not 700 */
	for (unsigned ms = 0; ms < 6600; ms += 100)
		round_trip(100000); /* K = cbrt(105 / 0.4) = 6.4 s */
	ck_assert_uint_lt(sk->cwnd_bytes, 610 * MSS);
}
END_TEST

/* RFC 9438 5.8 */
START_TEST(cubic_does_not_count_idle_time)
{
	use("cubic");
	sk->cwnd_bytes = 1000 * MSS;
	lose();
	round_trip(100000);
	sk->last_snd_us = st->now_us;
	st->now_us += 60 * SEC;
	sk->cc->cwnd_event_idle(sk);
	round_trip(100000);
	ck_assert_uint_lt(sk->cwnd_bytes, 760 * MSS);
}
END_TEST

/* RFC 9438 4.8: the plateau after an RTO is where its slow start ends, not the window at the loss. As
 * Linux, a segment of twenty acknowledged is the least while no W_max is known. */
START_TEST(cubic_forgets_w_max_after_a_timeout)
{
	use("cubic");
	sk->min_rtt_us = 10000;
	sk->cwnd_bytes = 1000 * MSS;
	lose();
	sk->cc->loss_event(sk);
	sk->cwnd_bytes = sk->ssthresh_bytes = 100 * MSS;
	round_trip(10000); /* towards 1000 it would be half as much again */
	ck_assert_uint_eq(sk->cwnd_bytes, 105 * MSS);
}
END_TEST

/* The window compares with Linux's: after a slow start that no loss ended, two segments
 * acknowledged each 100 ms. Kernel 6.18 says so. */
START_TEST(cubic_grows_as_linux_counts)
{
	static const uint32_t linux_segs[] = {36, 37, 39, 45, 54};
	use("cubic");
	sk->min_rtt_us = 100000;
	sk->cwnd_bytes = sk->ssthresh_bytes = 36 * MSS;
	struct ack_sample s = {.acked_bytes = 2 * MSS, .rtt_us = 1800000, .una_advanced = true};
	for (unsigned i = 1; i <= 47; i++) { /* from the 28,001st byte on; looked at each 20,000 */
		sk->cc->cong_avoid(sk, &s);
		st->now_us += 100000;
		if (i % 10 == 7)
			ck_assert_uint_eq(sk->cwnd_bytes, linux_segs[i / 10] * MSS);
	}
}
END_TEST

/* --- net.ipv4.tcp_cubic_hystart 1: HyStart, as Linux has it ------------------------------------- */

static void use_linux_hystart(uint32_t cwnd_segs)
{
	stack_sysctls(st)->tcp_cubic_hystart = 1;
	use("cubic");
	sk->min_rtt_us = 200000;
	sk->cwnd_bytes = cwnd_segs * MSS;
	sk->snd_nxt += sk->cwnd_bytes;
	sk->cwnd_usage_seq = sk->snd_nxt;
	st->now_us += 200000;
}

static void acked_after(uint32_t us, uint32_t rtt_us)
{
	struct ack_sample s = {.acked_bytes = 2 * MSS, .rtt_us = rtt_us, .una_advanced = true};
	st->now_us += us;
	sk->snd_una += 2 * MSS;
	sk->cc->cong_avoid(sk, &s);
}

/* The ninth of a round, all more than 16 ms above the least there was (an eighth, were the least
 * shorter), ends slow start where it is. */
START_TEST(hystart_ends_at_once_when_the_delay_rises)
{
	uint32_t rtt_us = _i ? 216001 : 216000;
	use_linux_hystart(20);
	for (unsigned i = 0; i < 8; i++)
		acked_after(3000, rtt_us);
	ck_assert_uint_eq(sk->ssthresh_bytes, TCP_INFINITE_SSTHRESH);
	ck_assert_uint_eq(sk->cwnd_bytes, 36 * MSS);
	acked_after(3000, rtt_us);
	ck_assert_uint_eq(sk->ssthresh_bytes, _i ? 36 * MSS : TCP_INFINITE_SSTHRESH);
	ck_assert_uint_eq(st->mib.counter[TcpExtTCPHystartDelayDetect], _i);
}
END_TEST

/* ACKs close behind each other for half the least RTT: what is in flight fills the path. */
START_TEST(hystart_ends_when_a_train_of_acks_is_long)
{
	use_linux_hystart(200);
	acked_after(0, 200000); /* the round begins */
	for (unsigned i = 0; i < 50; i++)
		acked_after(2000, 200000);
	ck_assert_uint_eq(sk->ssthresh_bytes, TCP_INFINITE_SSTHRESH);
	uint32_t cwnd = sk->cwnd_bytes;
	acked_after(2000, 200000);
	ck_assert_uint_eq(sk->ssthresh_bytes, cwnd);
	ck_assert_uint_eq(st->mib.counter[TcpExtTCPHystartTrainDetect], 1);
	ck_assert_uint_eq(st->mib.counter[TcpExtTCPHystartTrainCwnd], cwnd / MSS);
}
END_TEST

START_TEST(hystart_leaves_small_windows_alone)
{
	use_linux_hystart(10);
	sk->cwnd_bytes = MSS;
	sk->ssthresh_bytes = TCP_INFINITE_SSTHRESH;
	for (unsigned i = 0; i < 7; i++)
		acked_after(3000, 900000);
	ck_assert_uint_eq(sk->cwnd_bytes, 15 * MSS);
	ck_assert_uint_eq(sk->ssthresh_bytes, TCP_INFINITE_SSTHRESH);
}
END_TEST

START_TEST(without_hystart_slow_start_goes_on)
{
	stack_sysctls(st)->tcp_cubic_hystart = 0;
	use("cubic");
	sk->cwnd_bytes = 20 * MSS;
	sk->min_rtt_us = 40000;
	for (unsigned i = 0; i < 8; i++)
		round_trip(40000 + 20000 * i);
	ck_assert_uint_eq(sk->cwnd_bytes, 20 * 256 * MSS);
}
END_TEST

/* RFC 9406: a round trip that rises by more than an eighth ends slow start, in five rounds. */
START_TEST(hystart_leaves_slow_start_when_the_queue_grows)
{
	use("cubic");
	sk->cwnd_bytes = 40 * MSS;
	round_trip(40000);
	round_trip(40000);
	uint32_t at_rise = sk->cwnd_bytes;
	for (unsigned i = 0; i < 8 && sk->ssthresh_bytes == TCP_INFINITE_SSTHRESH; i++)
		round_trip(50000);
	ck_assert_uint_lt(sk->ssthresh_bytes, TCP_INFINITE_SSTHRESH);
	ck_assert_uint_lt(sk->cwnd_bytes, 5 * at_rise); /* instead of 32 times */
}
END_TEST

START_TEST(hystart_resumes_when_the_rise_was_jitter)
{
	use("cubic");
	sk->cwnd_bytes = 40 * MSS;
	round_trip(40000);
	round_trip(40000);
	round_trip(50000);
	for (unsigned i = 0; i < 2; i++)
		round_trip(40000);
	uint32_t before = sk->cwnd_bytes;
	round_trip(40000);
	ck_assert_uint_eq(sk->cwnd_bytes, 2 * before);
	ck_assert_uint_eq(sk->ssthresh_bytes, TCP_INFINITE_SSTHRESH);
}
END_TEST

START_TEST(an_undone_reduction_gives_the_window_back)
{
	use(_i ? "cubic" : "reno");
	sk->cwnd_bytes = 100 * MSS;
	lose();
	ck_assert_uint_eq(sk->cc->undo_cwnd(sk), 100 * MSS);
}
END_TEST

/* RFC 5681 4.1, RFC 2861: halved for each RTO of silence, down to the initial window. */
START_TEST(an_idle_connection_starts_slowly)
{
	use("reno");
	sk->rto_us = 200000;
	sk->cwnd_bytes = 100 * MSS;
	sk->last_snd_us = st->now_us;
	st->now_us += 500000;
	tcp_slow_start_after_idle(sk);
	ck_assert_uint_eq(sk->cwnd_bytes, 25 * MSS);
	ck_assert_uint_ge(sk->ssthresh_bytes, 75 * MSS);
	sk->last_snd_us = st->now_us;
	st->now_us += 60 * SEC;
	tcp_slow_start_after_idle(sk);
	ck_assert_uint_eq(sk->cwnd_bytes, 10 * MSS);
}
END_TEST

START_TEST(the_sysctl_keeps_the_window_over_idle_time)
{
	use("reno");
	stack_sysctls(st)->tcp_slow_start_after_idle = 0;
	sk->cwnd_bytes = 100 * MSS;
	sk->last_snd_us = st->now_us;
	st->now_us += 60 * SEC;
	tcp_slow_start_after_idle(sk);
	ck_assert_uint_eq(sk->cwnd_bytes, 100 * MSS);
}
END_TEST

START_TEST(what_is_not_used_for_an_rto_is_given_back)
{
	use("reno");
	sk->rto_us = 200000;
	sk->cwnd_bytes = 100 * MSS;
	sk->ssthresh_bytes = 50 * MSS;
	for (unsigned i = 0; i < 3; i++) {
		sk->snd_una = sk->snd_nxt;
		sk->snd_nxt += 20 * MSS;
		tcp_cwnd_validate(sk, false);
		st->now_us += 150000;
	}
	ck_assert_uint_eq(sk->cwnd_bytes, 60 * MSS);
}
END_TEST

START_TEST(the_first_rtt_sample_sets_the_rto)
{
	sk->srtt_us = 0;
	tcp_rtt_sample(sk, 100000);
	ck_assert_uint_eq(sk->srtt_us, 100000);
	ck_assert_uint_eq(sk->rttvar_us, 50000);
	ck_assert_uint_eq(sk->rto_us, 300000);
}
END_TEST

START_TEST(the_rto_is_never_less_than_rto_min_over_srtt)
{
	sk->srtt_us = 0;
	for (unsigned i = 0; i < 100; i++) {
		sk->snd_una = sk->snd_nxt;
		sk->snd_nxt += MSS;
		tcp_rtt_sample(sk, 100);
	}
	ck_assert_uint_ge(sk->rto_us, 200000);
	ck_assert_uint_le(sk->rto_us, 201000);
	ck_assert_uint_eq(sk->min_rtt_us, 100);
}
END_TEST

START_TEST(a_varying_rtt_raises_the_rto)
{
	sk->srtt_us = 0;
	for (unsigned i = 0; i < 100; i++) {
		sk->snd_una = sk->snd_nxt;
		sk->snd_nxt += MSS;
		tcp_rtt_sample(sk, i % 2 ? 400000 : 100000);
	}
	ck_assert_uint_gt(sk->rto_us, 600000);
	ck_assert_uint_lt(sk->rto_us, 1200000);
}
END_TEST

Suite *cc_suite(void)
{
	Suite *s = suite_create("cc");
	TCase *tc = tcase_create("cc");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, algorithms_are_found_by_name);
	tcase_add_test(tc, cubic_is_the_default);
	tcase_add_test(tc, the_initial_window_is_ten_segments);
	tcase_add_test(tc, a_lost_syn_makes_it_one_segment);
	tcase_add_loop_test(tc, slow_start_doubles_the_window, 0, 2);
	tcase_add_loop_test(tc, a_window_that_is_not_used_does_not_grow, 0, 2);
	tcase_add_test(tc, slow_start_ends_at_ssthresh);
	tcase_add_test(tc, reno_adds_a_segment_each_round_trip);
	tcase_add_test(tc, reno_halves_on_loss_but_not_below_two_segments);
	tcase_add_test(tc, cubic_keeps_seven_tenths);
	tcase_add_test(tc, cubic_is_back_at_w_max_after_k_seconds);
	tcase_add_test(tc, cubic_is_no_slower_than_reno);
	tcase_add_test(tc, cubic_yields_when_a_loss_comes_below_w_max);
	tcase_add_test(tc, cubic_does_not_count_idle_time);
	tcase_add_test(tc, cubic_forgets_w_max_after_a_timeout);
	tcase_add_test(tc, cubic_grows_as_linux_counts);
	tcase_add_loop_test(tc, hystart_ends_at_once_when_the_delay_rises, 0, 2);
	tcase_add_test(tc, hystart_ends_when_a_train_of_acks_is_long);
	tcase_add_test(tc, hystart_leaves_small_windows_alone);
	tcase_add_test(tc, without_hystart_slow_start_goes_on);
	tcase_add_test(tc, hystart_leaves_slow_start_when_the_queue_grows);
	tcase_add_test(tc, hystart_resumes_when_the_rise_was_jitter);
	tcase_add_loop_test(tc, an_undone_reduction_gives_the_window_back, 0, 2);
	tcase_add_test(tc, an_idle_connection_starts_slowly);
	tcase_add_test(tc, the_sysctl_keeps_the_window_over_idle_time);
	tcase_add_test(tc, what_is_not_used_for_an_rto_is_given_back);
	tcase_add_test(tc, the_first_rtt_sample_sets_the_rto);
	tcase_add_test(tc, the_rto_is_never_less_than_rto_min_over_srtt);
	tcase_add_test(tc, a_varying_rtt_raises_the_rto);
	suite_add_tcase(s, tc);
	return s;
}
