/* SPDX-License-Identifier: MIT */
/* The tail loss probe (RFC 8985 7): when nothing comes back for two round trips, one segment asks why. */
#include "tests/unit/sender.h"
#include "tests/unit/suites.h"

#define MSS SENDER_MSS
#define MS 1000ull

static void setup(void)
{
	sender_open(&(struct sender_options){0});
}

static void setup_no_sack(void)
{
	sender_open(&(struct sender_options){.no_sack = true});
}

static void sack_one(uint32_t ack, uint32_t start, uint32_t end)
{
	peer_sack(ack, 1, (const uint32_t[][2]){{start, end}});
}

/* The next segment comes after so long, a tick more or less. */
static void expect_after(uint64_t us)
{
	uint64_t took = sender_wait_sent(us + 1000 * MS);
	ck_assert_uint_ge(took + 1 * MS, us);
	ck_assert_uint_le(took, us + 3 * MS);
}

/* 7.2, 7.3: the SACK of what was sent last is what RACK works from (6.2). */
START_TEST(a_lost_tail_is_probed_after_two_round_trips)
{
	sender_write(10 * MSS);
	sender_forget();
	uint64_t took = sender_wait_sent(250000);
	ck_assert_uint_ge(took, 2 * SENDER_RTT_US);
	expect_segment(9 * MSS, MSS);
	ck_assert_uint_eq(sender_mib(TcpExtTCPLossProbes), 1);
	ck_assert_int_eq(sender_sk->ca_state, CA_OPEN);
	sender_wait(SENDER_RTT_US);
	sack_one(7 * MSS, 9 * MSS, 10 * MSS);
	sender_wait_sent(60000); /* a quarter of a round trip: what is lost might be late only */
	expect_segment(7 * MSS, MSS);
	sender_wait(SENDER_RTT_US);
	sack_one(8 * MSS, 9 * MSS, 10 * MSS);
	expect_segment(8 * MSS, MSS);
	ck_assert_uint_eq(sender_mib(TcpExtTCPTimeouts), 0);
}
END_TEST

/* 7.3: a new segment, beyond cwnd if need be; it probes as well. */
START_TEST(the_probe_is_new_data_if_there_is_any)
{
	sender_write(15 * MSS);
	sender_forget();
	sender_wait_sent(250000);
	expect_segment(10 * MSS, MSS);
	expect_silence();
}
END_TEST

/* 7.4.2: the probe filled the hole that it was sent to find. */
START_TEST(a_loss_the_probe_repaired_still_counts)
{
	sender_write(10 * MSS);
	sender_forget();
	sender_wait_sent(250000);
	sender_forget();
	peer_ack(10 * MSS);
	uint32_t cwnd = sender_sk->cwnd_bytes;
	sender_write(MSS);
	peer_ack(11 * MSS);
	ck_assert_uint_lt(sender_sk->cwnd_bytes, cwnd);
	ck_assert_uint_eq(sender_mib(TcpExtTCPLossProbeRecovery), 1);
}
END_TEST

/* 7.4.2: both copies arrived. */
START_TEST(a_probe_that_was_needless_costs_nothing)
{
	sender_write(10 * MSS);
	sender_forget();
	sender_wait_sent(250000);
	sender_forget();
	peer_sack(10 * MSS, 1, (const uint32_t[][2]){{9 * MSS, 10 * MSS}}); /* D-SACK */
	uint32_t cwnd = sender_sk->cwnd_bytes;
	sender_write(MSS);
	peer_ack(11 * MSS);
	ck_assert_uint_ge(sender_sk->cwnd_bytes, cwnd);
	ck_assert_uint_eq(sender_mib(TcpExtTCPLossProbeRecovery), 0);
	ck_assert_uint_eq(sender_mib(TcpExtTCPDSACKRecv), 1);
}
END_TEST

/* 7.2: for one segment alone the peer may be delaying its ACK, for 200 ms: PTO is beyond the RTO then, which
 * bounds it, and so the probe takes the RTO's place. */
START_TEST(one_segment_alone_is_given_time_to_be_acknowledged)
{
	sender_write(MSS);
	sender_forget();
	expect_after(300 * MS);
	expect_segment(0, MSS);
	ck_assert_uint_eq(sender_mib(TcpExtTCPLossProbes), 1);
	ck_assert_uint_eq(sender_mib(TcpExtTCPTimeouts), 0);
}
END_TEST

/* ... and with a longer minimum for the RTO it is seen by itself. */
START_TEST(one_segment_alone_waits_for_a_delayed_ack)
{
	stack_sysctls(sender_stack)->tcp_rto_min_ms = 2000;
	for (uint32_t end = 2 * MSS; sender_sk->rto_us < 1000 * MS; end += 2 * MSS) {
		sender_write(2 * MSS);
		sender_wait(SENDER_RTT_US);
		peer_ack(end);
	}
	sender_write(MSS);
	sender_forget();
	expect_after(2ull * sender_sk->srtt_us + 200 * MS);
	ck_assert_uint_eq(sender_mib(TcpExtTCPLossProbes), 1);
}
END_TEST

/* 7.2: one probe at a time. What is written meanwhile is sent, and does not begin it anew: the RTO is next. */
START_TEST(one_probe_at_a_time)
{
	sender_write(2 * MSS);
	sender_forget();
	expect_after(2 * SENDER_RTT_US);
	expect_segment(MSS, MSS);
	sender_write(MSS);
	expect_segment(2 * MSS, MSS);
	expect_after(300 * MS);
	expect_segment(0, MSS);
	ck_assert_uint_eq(sender_mib(TcpExtTCPLossProbes), 1);
	ck_assert_uint_eq(sender_mib(TcpExtTCPTimeouts), 1);
	ck_assert_int_eq(sender_sk->ca_state, CA_LOSS);
}
END_TEST

/* 7.2: an ACK of new data puts the probe off. */
START_TEST(an_ack_puts_the_probe_off)
{
	sender_write(4 * MSS);
	sender_forget();
	sender_wait(150 * MS);
	peer_ack(MSS);
	expect_after(2ull * sender_sk->srtt_us);
	expect_segment(3 * MSS, MSS);
}
END_TEST

/* 3.3, 7.2: without SACK its answer would say nothing. */
START_TEST(without_sack_there_is_none)
{
	sender_write(3 * MSS);
	sender_forget();
	expect_after(300 * MS);
	expect_segment(0, MSS);
	ck_assert_uint_eq(sender_mib(TcpExtTCPLossProbes), 0);
}
END_TEST

Suite *tlp_suite(void)
{
	Suite *s = suite_create("tlp");
	SUITE_CASE(s, "SACK", setup, sender_close, a_lost_tail_is_probed_after_two_round_trips,
		   the_probe_is_new_data_if_there_is_any, a_loss_the_probe_repaired_still_counts,
		   a_probe_that_was_needless_costs_nothing,
		   one_segment_alone_is_given_time_to_be_acknowledged,
		   one_segment_alone_waits_for_a_delayed_ack, one_probe_at_a_time,
		   an_ack_puts_the_probe_off);
	SUITE_CASE(s, "without SACK", setup_no_sack, sender_close, without_sack_there_is_none);
	return s;
}
