/* SPDX-License-Identifier: MIT */
/*
 * RACK's reordering window on a path that is known to reorder (RFC 8985 6.2, step 4): a quarter of the
 * least round trip, more of them as D-SACKs show that this was too little, for sixteen recoveries. How
 * wide it is, is how long a hole is waited for. (What reordering is, and what is lost: test_recovery.c.)
 */
#include "tests/unit/sender.h"
#include "tests/unit/suites.h"

#define MSS SENDER_MSS
#define MS 1000ull
#define TIMER_US 2000ull /* the timer's own least */

static uint32_t acked;

static void sack_one(uint32_t ack, uint32_t start, uint32_t end)
{
	peer_sack(ack, 1, (const uint32_t[][2]){{start, end}});
}

static void ten_in_flight(void)
{
	sender_sk->cwnd_bytes = 20 * MSS;
	sender_sk->ssthresh_bytes = TCP_INFINITE_SSTHRESH;
	sender_write(10 * MSS);
	sender_forget();
	sender_wait(SENDER_RTT_US);
}

static void all_arrived(void)
{
	acked += 10 * MSS;
	peer_ack(acked);
	sender_forget();
	ck_assert_int_eq(sender_sk->ca_state, CA_OPEN);
}

/* The first of ten arrives after the third: nothing is lost, but the path is one that reorders. */
static void setup(void)
{
	sender_open(&(struct sender_options){0});
	acked = 0;
	ten_in_flight();
	sack_one(0, MSS, 3 * MSS);
	peer_ack(3 * MSS);
	expect_silence();
	all_arrived();
	ck_assert(sender_sk->reordering_seen);
}

/* The first of ten is lost; how long it was waited for after the others had come. */
static uint64_t waited(void)
{
	ten_in_flight();
	sack_one(acked, acked + MSS, acked + 10 * MSS);
	uint64_t took = sender_wait_sent(200 * MS);
	expect_segment(acked, MSS);
	sender_wait(SENDER_RTT_US);
	all_arrived();
	return took;
}

static void expect_wait(uint64_t us)
{
	uint64_t took = waited();
	ck_assert_uint_ge(took + 1 * MS, us + TIMER_US);
	ck_assert_uint_le(took, us + TIMER_US + 2 * MS);
}

/* The last segment came twice. */
static void dsack(void)
{
	sack_one(acked, acked - MSS, acked);
}

START_TEST(it_is_a_quarter_of_the_least_round_trip)
{
	expect_wait(25 * MS);
	expect_wait(25 * MS);
}
END_TEST

START_TEST(each_round_trip_with_a_dsack_adds_a_quarter)
{
	dsack();
	expect_wait(50 * MS);
	dsack();
	expect_wait(75 * MS);
}
END_TEST

START_TEST(several_dsacks_in_a_round_trip_add_one)
{
	ten_in_flight();
	dsack();
	dsack();
	dsack();
	all_arrived();
	expect_wait(50 * MS);
}
END_TEST

/* No more than the smoothed round trip. */
START_TEST(it_has_a_bound)
{
	for (unsigned i = 0; i < 10; i++)
		dsack();
	expect_wait(sender_sk->srtt_us);
}
END_TEST

START_TEST(it_lasts_for_sixteen_recoveries)
{
	dsack();
	for (unsigned i = 0; i < 16; i++)
		expect_wait(50 * MS);
	expect_wait(25 * MS);
}
END_TEST

/* tcp_recovery's second bit: it does not grow. */
START_TEST(a_static_window_does_not_grow)
{
	stack_sysctls(sender_stack)->tcp_recovery |= 2;
	dsack();
	expect_wait(25 * MS);
}
END_TEST

Suite *rack_suite(void)
{
	Suite *s = suite_create("rack");
	SUITE_CASE(s, "window", setup, sender_close, it_is_a_quarter_of_the_least_round_trip,
		   each_round_trip_with_a_dsack_adds_a_quarter,
		   several_dsacks_in_a_round_trip_add_one, it_has_a_bound,
		   it_lasts_for_sixteen_recoveries, a_static_window_does_not_grow);
	return s;
}
