/* SPDX-License-Identifier: MIT */
/* Pacing: what SO_MAX_PACING_RATE allows leaves, and no sooner. */
#include <asm/socket.h>

#include "tests/unit/sender.h"
#include "tests/unit/suites.h"
#include "tests/unit/wire.h"

#define MSS SENDER_MSS
#define SOL_SOCKET_ 1

static void open_wide(void)
{
	sender_open(&(struct sender_options){.window = 1000000});
}

static void open_tso(void)
{
	sender_open(&(struct sender_options){.window = 1000000, .tso_max_bytes = 65536});
}

static void set_rate(struct tcp_sock *sk, uint64_t rate)
{
	ck_assert_int_eq(tcp_setsockopt(sk, SOL_SOCKET_, SO_MAX_PACING_RATE, &rate, sizeof(rate)),
			 0);
}

static uint64_t get_rate(struct tcp_sock *sk)
{
	uint64_t rate = 0;
	size_t len = sizeof(rate);
	ck_assert_int_eq(tcp_getsockopt(sk, SOL_SOCKET_, SO_MAX_PACING_RATE, &rate, &len), 0);
	ck_assert_uint_eq(len, 8);
	return rate;
}

static struct tcp_info info(void)
{
	struct tcp_info i;
	tcp_get_info(sender_sk, &i);
	return i;
}

/* The bytes sent, each acknowledged at once, in this time. */
static uint32_t sent_in(uint64_t us)
{
	uint64_t end = stack_now_us(sender_stack) + us;
	uint32_t bytes = 0;
	while (stack_now_us(sender_stack) < end) {
		for (struct sent s; sender_sent_any(); bytes += s.len) {
			s = sender_sent();
			peer_ack(s.seq + s.len);
		}
		sender_wait(1000);
	}
	return bytes;
}

/* The first ten segments are not paced: they are out of the way. */
static void past_the_first(void)
{
	sender_write(10 * MSS);
	sender_forget();
	sender_wait(SENDER_RTT_US);
	peer_ack(10 * MSS);
}

/* --- the option ------------------------------------------------------------------------------ */

START_TEST(the_option_has_two_widths)
{
	struct tcp_sock *sk = sender_sk;
	ck_assert_uint_eq(get_rate(sk), UINT64_MAX);
	ck_assert_uint_eq(info().tcpi_max_pacing_rate, UINT64_MAX);
	wire_set_int(sk, SOL_SOCKET_, SO_MAX_PACING_RATE, 123456);
	ck_assert_uint_eq(get_rate(sk), 123456);
	ck_assert_int_eq(wire_get_int(sk, SOL_SOCKET_, SO_MAX_PACING_RATE), 123456);
	set_rate(sk, 10000000000ull);
	ck_assert_uint_eq(get_rate(sk), 10000000000ull);
	ck_assert_int_eq(wire_get_int(sk, SOL_SOCKET_, SO_MAX_PACING_RATE), -1);
	ck_assert_uint_eq(info().tcpi_max_pacing_rate, 10000000000ull);
	wire_set_int(sk, SOL_SOCKET_, SO_MAX_PACING_RATE, -1);
	ck_assert_uint_eq(get_rate(sk), UINT64_MAX);
	uint16_t half = 1;
	ck_assert_int_eq(tcp_setsockopt(sk, SOL_SOCKET_, SO_MAX_PACING_RATE, &half, 2), -22);
}
END_TEST

START_TEST(a_child_has_its_listeners_rate)
{
	struct wire *w = wire_new();
	wire_listen(w, 5);
	set_rate(w->listener, 70000);
	wire_in(w, "S 0:0(0) win 65535 <mss 1460,sackOK>");
	wire_out(w, "S. 0:0(0) ack 1");
	wire_in(w, ". 1:1(0) ack 1 win 65535");
	wire_accept(w);
	ck_assert_uint_eq(get_rate(w->sk), 70000);
	wire_free(w);
}
END_TEST

/* As Linux's fq: data of a connection that asked for nothing leaves at twice its window a round trip,
 * but for the first ten segments. */
START_TEST(the_sysctl_paces_every_connection)
{
	struct wire *w = wire_new();
	stack_sysctls(w->st)->tcp_timestamps = 0;
	stack_sysctls(w->st)->tcp_pacing = _i;
	wire_listen(w, 5);
	wire_in(w, "S 0:0(0) win 65535 <mss 1000,sackOK,wscale 7>");
	wire_out(w, "S. 0:0(0) ack 1");
	wire_ms(w, 100);
	wire_in(w, ". 1:1(0) ack 1 win 1000");
	wire_accept(w);
	w->sk->sndbuf_bytes = 1 << 20;
	wire_write(w, 30000);
	for (uint32_t at = 1; at < 10001; at += 1000)
		wire_out(w, ". %u:%u(1000)", at, at + 1000);
	wire_out_none(w);
	wire_ms(w, 100);
	wire_in(w, ". 1:1(0) ack 10001 win 1000"); /* 20 segments in 50 ms */
	if (_i == 0) {
		for (uint32_t at = 10001; at < 29001; at += 1000)
			wire_out(w, ". %u:%u(1000)", at, at + 1000);
		wire_out(w, "P. 29001:30001(1000)");
	} else {
		uint32_t segs = 0;
		struct wire_segment s;
		for (unsigned ms = 0; ms < 25; ms++, wire_ms(w, 1))
			while (wire_next(w, &s))
				segs++;
		ck_assert_uint_ge(segs, 9);
		ck_assert_uint_le(segs, 12);
	}
	wire_free(w);
}
END_TEST

/* --- the rate ---------------------------------------------------------------------------------- */

START_TEST(a_maximum_is_kept)
{
	set_rate(sender_sk, 100000);
	past_the_first();
	sender_write(400 * MSS);
	uint32_t bytes = sent_in(2000000);
	ck_assert_uint_ge(bytes, 198 * MSS);
	ck_assert_uint_le(bytes, 203 * MSS);
	ck_assert_uint_eq(info().tcpi_pacing_rate, 100000);
	ck_assert_uint_eq(sender_mib(TcpRetransSegs), 0);
}
END_TEST

/* The timer's ticks are coarser than the gaps, and yet the average holds. */
START_TEST(a_high_maximum_is_kept_too)
{
	sender_sk->cwnd_bytes = 1000 * MSS; /* not what limits */
	set_rate(sender_sk, 7300000);
	past_the_first();
	sender_write(1000 * MSS);
	uint32_t bytes = sent_in(100000);
	ck_assert_uint_ge(bytes, 715 * MSS);
	ck_assert_uint_le(bytes, 745 * MSS);
}
END_TEST

START_TEST(segments_are_evenly_spaced)
{
	set_rate(sender_sk, 100000);
	past_the_first();
	sender_write(50 * MSS);
	sender_forget();
	for (unsigned i = 0; i < 10; i++) {
		uint64_t gap = sender_wait_sent(50000);
		ck_assert_uint_ge(gap, 9000);
		ck_assert_uint_le(gap, 11000);
		struct sent s = sender_sent();
		expect_silence();
		peer_ack(s.seq + s.len);
	}
}
END_TEST

START_TEST(the_first_ten_segments_leave_at_once)
{
	set_rate(sender_sk, 1000);
	sender_write(20 * MSS);
	expect_segments(0, 10 * MSS, MSS);
	peer_ack(MSS);
	peer_ack(2 * MSS);
	expect_silence();
}
END_TEST

/* As Linux's tcp_tso_autosize() */
START_TEST(a_burst_is_a_millisecond)
{
	sender_sk->cwnd_bytes = 1000 * MSS;
	set_rate(sender_sk, 8 << 20);
	past_the_first();
	sender_write(400 * MSS);
	struct sent s = sender_sent();
	ck_assert_uint_eq(s.len, 8 * MSS);
	set_rate(sender_sk, 100000); /* two segments at least */
	sender_forget();
	sender_wait_sent(100000);
	ck_assert_uint_eq(sender_sent().len, 2 * MSS);
}
END_TEST

START_TEST(another_maximum_holds_at_once)
{
	set_rate(sender_sk, 10);
	past_the_first();
	sender_write(50 * MSS);
	sender_forget();
	sender_wait(SENDER_RTT_US);
	expect_silence();
	set_rate(sender_sk, UINT64_MAX);
	sender_flush();
	ck_assert(sender_sent_any());
}
END_TEST

/* --- what is and is not paced ------------------------------------------------------------------ */

START_TEST(without_a_maximum_nothing_waits)
{
	past_the_first();
	sender_write(20 * MSS);
	expect_segments(10 * MSS, 20 * MSS, MSS);
	ck_assert(!pacing_waits(sender_sk));
	/* What it would be, as Linux shows it: twice cwnd per round trip in slow start. */
	uint64_t cwnd = sender_sk->cwnd_bytes;
	ck_assert_uint_eq(info().tcpi_pacing_rate, cwnd * 2 * 1000000 / sender_sk->srtt_us);
}
END_TEST

START_TEST(after_slow_start_it_is_a_fifth_above_cwnd)
{
	sender_sk->ssthresh_bytes = sender_sk->cwnd_bytes;
	uint64_t cwnd = sender_sk->cwnd_bytes;
	ck_assert_uint_eq(info().tcpi_pacing_rate, cwnd * 12 * 100000 / sender_sk->srtt_us);
	stack_sysctls(sender_stack)->tcp_pacing_ca_ratio = 150;
	ck_assert_uint_eq(info().tcpi_pacing_rate, cwnd * 15 * 100000 / sender_sk->srtt_us);
}
END_TEST

START_TEST(retransmissions_are_paced)
{
	set_rate(sender_sk, 100000);
	past_the_first();
	sender_write(20 * MSS);
	sender_wait(SENDER_RTT_US * 2);
	sender_forget();
	peer_sack(10 * MSS, 1, (const uint32_t[][2]){{16 * MSS, 26 * MSS}});
	sender_wait(1000);
	unsigned first = 0;
	for (; sender_sent_any(); first++)
		(void)sender_sent();
	ck_assert_uint_le(first, 2);
	ck_assert_uint_ge(sender_wait_sent(20000), 8000);
}
END_TEST

/* RFC 9293 3.8.6.1: a probe is for when nothing else will happen. */
START_TEST(a_long_gap_is_no_reason_to_probe)
{
	set_rate(sender_sk, 1000);
	past_the_first();
	sender_write(3 * MSS);
	for (unsigned i = 0; i < 3; i++) {
		sender_wait_sent(1100000);
		struct sent s = sender_sent();
		ck_assert_uint_eq(s.len, MSS);
		peer_ack(s.seq + s.len);
	}
	ck_assert_uint_eq(sender_mib(TcpExtTCPWinProbe), 0);
	ck_assert_uint_eq(sender_mib(TcpRetransSegs), 0);
}
END_TEST

Suite *pacing_suite(void)
{
	Suite *s = suite_create("pacing");
	TCase *wide = tcase_create("wide");
	tcase_add_checked_fixture(wide, open_wide, sender_close);
	tcase_add_test(wide, the_option_has_two_widths);
	tcase_add_test(wide, a_maximum_is_kept);
	tcase_add_test(wide, a_high_maximum_is_kept_too);
	tcase_add_test(wide, segments_are_evenly_spaced);
	tcase_add_test(wide, the_first_ten_segments_leave_at_once);
	tcase_add_test(wide, another_maximum_holds_at_once);
	tcase_add_test(wide, without_a_maximum_nothing_waits);
	tcase_add_test(wide, after_slow_start_it_is_a_fifth_above_cwnd);
	tcase_add_test(wide, retransmissions_are_paced);
	tcase_add_test(wide, a_long_gap_is_no_reason_to_probe);
	suite_add_tcase(s, wide);
	TCase *tso = tcase_create("TSO");
	tcase_add_checked_fixture(tso, open_tso, sender_close);
	tcase_add_test(tso, a_burst_is_a_millisecond);
	suite_add_tcase(s, tso);
	TCase *listener = tcase_create("listener");
	tcase_add_test(listener, a_child_has_its_listeners_rate);
	tcase_add_loop_test(listener, the_sysctl_paces_every_connection, 0, 2);
	suite_add_tcase(s, listener);
	return s;
}
