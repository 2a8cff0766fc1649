/* SPDX-License-Identifier: MIT */
/* What TCP_INFO says of a sender: the delivery rate (draft-cheng-iccrg-delivery-rate-estimation),
 * what was delivered, and where the time went. */
#include "tests/unit/sender.h"
#include "tests/unit/suites.h"

#define MSS SENDER_MSS

static void open_sack(void)
{
	sender_open(&(struct sender_options){0});
}

static void open_no_sack(void)
{
	sender_open(&(struct sender_options){.no_sack = true});
}

static void open_narrow(void)
{
	sender_open(&(struct sender_options){.window = 4 * MSS});
}

static struct tcp_info info(void)
{
	struct tcp_info i;
	tcp_get_info(sender_sk, &i);
	return i;
}

static uint32_t rate(void)
{
	return (uint32_t)info().tcpi_delivery_rate;
}

static void sack(uint32_t ack, uint32_t start, uint32_t end)
{
	peer_sack(ack, 1, (const uint32_t[][2]){{start, end}});
}

/* --- the rate --------------------------------------------------------------------------------- */

START_TEST(a_flight_over_a_round_trip)
{
	ck_assert_uint_eq(rate(), 0);
	sender_write(10 * MSS);
	sender_wait(SENDER_RTT_US);
	peer_ack(10 * MSS);
	ck_assert_uint_eq(rate(), 100 * MSS);
	ck_assert_uint_eq(info().tcpi_delivered, 11); /* with the SYN's */
}
END_TEST

/* The draft's 2.2: the interval is the ACKs' when they are slower than the sending was ... */
START_TEST(acks_that_come_spread_out)
{
	sender_write(10 * MSS);
	sender_wait(SENDER_RTT_US);
	for (uint32_t n = 2; n <= 10; n += 2) {
		peer_ack(n * MSS);
		sender_wait(10000);
	}
	ck_assert_uint_eq(rate(), 10 * MSS * 1000 / 140);
}
END_TEST

/* ... and the sending's when ACKs come in a burst. */
START_TEST(acks_that_come_compressed)
{
	for (unsigned i = 0; i < 10; i++) {
		sender_write(MSS);
		sender_wait(20000);
	}
	peer_ack(10 * MSS);
	/* The last was sent 180 ms after the first; the ACK came 20 ms later. */
	ck_assert_uint_eq(rate(), 10 * MSS * 1000 / 200);
	sender_write(MSS);
	sender_wait(SENDER_RTT_US);
	peer_ack(11 * MSS);
	ck_assert_uint_eq(rate(), 10 * MSS * 1000 / 200); /* app limited and smaller */
}
END_TEST

START_TEST(sacked_and_then_acknowledged_counts_once)
{
	sender_write(10 * MSS);
	sender_wait(SENDER_RTT_US);
	sack(0, MSS, 10 * MSS);
	ck_assert_uint_eq(rate(), 90 * MSS);
	ck_assert_uint_eq(info().tcpi_delivered, 10);
	sender_wait(SENDER_RTT_US);
	peer_ack(10 * MSS);
	ck_assert_uint_eq(info().tcpi_delivered, 11);
	ck_assert_uint_eq(sender_mib(TcpExtTCPDelivered), 10);
}
END_TEST

/* 3.3: what is delivered quicker than the path can be was an earlier transmission. */
START_TEST(an_impossibly_quick_ack_is_no_sample)
{
	sender_write(10 * MSS);
	while (sender_mib(TcpExtTCPTimeouts) == 0) {
		sender_forget();
		sender_wait_sent(2000000);
	}
	sender_wait(10);
	peer_ack(MSS);
	expect_segment(0, MSS);
	expect_segments(MSS, 2 * MSS, MSS);
	uint32_t before = rate();
	sender_wait(10);
	peer_ack(2 * MSS);
	ck_assert_uint_eq(rate(), before);
}
END_TEST

START_TEST(small_segments_are_counted_one_by_one)
{
	sender_sk->nodelay = true;
	for (unsigned i = 0; i < 5; i++)
		sender_write(10);
	sender_wait(SENDER_RTT_US);
	peer_ack(50);
	ck_assert_uint_eq(info().tcpi_delivered, 6);
}
END_TEST

/* --- limited by the program ------------------------------------------------------------------- */

START_TEST(a_program_that_writes_little_limits_the_rate)
{
	sender_write(2 * MSS);
	sender_wait(SENDER_RTT_US);
	peer_ack(2 * MSS);
	ck_assert(info().tcpi_delivery_rate_app_limited);
	ck_assert_uint_eq(rate(), 20 * MSS);
}
END_TEST

START_TEST(a_program_that_writes_enough_does_not)
{
	sender_write(40 * MSS);
	for (uint32_t acked = 0; acked < 40 * MSS;) {
		sender_wait(SENDER_RTT_US);
		acked = sender_sk->snd_nxt - sender_sk->iss - 1;
		peer_ack(acked);
	}
	ck_assert(!info().tcpi_delivery_rate_app_limited);
	ck_assert_uint_ge(rate(), 100 * MSS);
	/* A slow conversation afterwards does not hide what the path could do. */
	uint32_t best = rate();
	sender_write(MSS);
	sender_wait(SENDER_RTT_US);
	peer_ack(41 * MSS);
	ck_assert_uint_eq(rate(), best);
	ck_assert(!info().tcpi_delivery_rate_app_limited);
}
END_TEST

/* --- where the time goes ----------------------------------------------------------------------- */

START_TEST(busy_until_all_is_acknowledged)
{
	sender_wait(1000000);
	ck_assert_uint_eq(info().tcpi_busy_time, 0);
	sender_write(MSS);
	sender_wait(SENDER_RTT_US);
	ck_assert_uint_eq(info().tcpi_busy_time, SENDER_RTT_US);
	peer_ack(MSS);
	sender_wait(1000000);
	ck_assert_uint_eq(info().tcpi_busy_time, SENDER_RTT_US);
	ck_assert_uint_eq(info().tcpi_rwnd_limited, 0);
	ck_assert_uint_eq(info().tcpi_sndbuf_limited, 0);
}
END_TEST

START_TEST(waiting_for_the_window)
{
	sender_write(6 * MSS);
	sender_wait(SENDER_RTT_US);
	peer_ack_window(4 * MSS, 0);
	sender_wait(50000);
	peer_ack_window(4 * MSS, 10 * MSS);
	sender_wait(SENDER_RTT_US);
	peer_ack(6 * MSS);
	ck_assert_uint_eq(info().tcpi_rwnd_limited, SENDER_RTT_US + 50000);
	ck_assert_uint_eq(info().tcpi_busy_time, 2 * SENDER_RTT_US + 50000);
}
END_TEST

START_TEST(waiting_for_a_larger_send_buffer)
{
	sender_sk->sndbuf_bytes = 4 * MSS;
	sender_sk->sndbuf_locked = true;
	ck_assert_uint_eq(sender_fill(8 * MSS), 4 * MSS);
	sender_flush();
	sender_wait(SENDER_RTT_US);
	peer_ack(4 * MSS);
	ck_assert_uint_eq(info().tcpi_sndbuf_limited, SENDER_RTT_US);
	ck_assert_uint_eq(info().tcpi_busy_time, SENDER_RTT_US);
}
END_TEST

START_TEST(waiting_for_the_congestion_window_is_just_busy)
{
	sender_write(12 * MSS);
	sender_wait(SENDER_RTT_US);
	peer_ack(10 * MSS);
	sender_wait(SENDER_RTT_US);
	peer_ack(12 * MSS);
	ck_assert_uint_eq(info().tcpi_busy_time, 2 * SENDER_RTT_US);
	ck_assert_uint_eq(info().tcpi_rwnd_limited, 0);
	ck_assert_uint_eq(info().tcpi_sndbuf_limited, 0);
}
END_TEST

Suite *rate_suite(void)
{
	Suite *s = suite_create("rate");
	TCase *sack_case = tcase_create("SACK");
	tcase_add_checked_fixture(sack_case, open_sack, sender_close);
	tcase_add_test(sack_case, a_flight_over_a_round_trip);
	tcase_add_test(sack_case, acks_that_come_spread_out);
	tcase_add_test(sack_case, acks_that_come_compressed);
	tcase_add_test(sack_case, sacked_and_then_acknowledged_counts_once);
	tcase_add_test(sack_case, an_impossibly_quick_ack_is_no_sample);
	tcase_add_test(sack_case, small_segments_are_counted_one_by_one);
	tcase_add_test(sack_case, a_program_that_writes_little_limits_the_rate);
	tcase_add_test(sack_case, a_program_that_writes_enough_does_not);
	tcase_add_test(sack_case, busy_until_all_is_acknowledged);
	tcase_add_test(sack_case, waiting_for_a_larger_send_buffer);
	tcase_add_test(sack_case, waiting_for_the_congestion_window_is_just_busy);
	suite_add_tcase(s, sack_case);
	TCase *plain = tcase_create("without SACK");
	tcase_add_checked_fixture(plain, open_no_sack, sender_close);
	tcase_add_test(plain, a_flight_over_a_round_trip);
	suite_add_tcase(s, plain);
	TCase *narrow = tcase_create("narrow");
	tcase_add_checked_fixture(narrow, open_narrow, sender_close);
	tcase_add_test(narrow, waiting_for_the_window);
	suite_add_tcase(s, narrow);
	return s;
}
