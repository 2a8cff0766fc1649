/* SPDX-License-Identifier: MIT */
/* How losses are found and repaired. In each test the peer has sent ten segments' worth of ACKs in
 * mind: what it "received" is what its ACKs say. */
#include "tests/unit/sender.h"
#include "tests/unit/suites.h"

#define MSS SENDER_MSS

static void open_sack(void)
{
	sender_open(&(struct sender_options){0});
}

static void open_no_sack(void)
{
	sender_open(&(struct sender_options){.no_sack = true, .reno = true});
}

static void open_timestamps(void)
{
	sender_open(&(struct sender_options){.timestamps = true});
}

static void open_wide(void)
{
	sender_open(&(struct sender_options){.window = 1000000});
}

static void open_tso(void)
{
	sender_open(&(struct sender_options){.tso_max_bytes = 65536});
}

/* Ten segments in flight, `more` written behind them. */
static void ten_in_flight(uint32_t more)
{
	sender_write(10 * MSS + more);
	sender_forget();
	sender_wait(SENDER_RTT_US);
}

static void sack_one(uint32_t ack, uint32_t start, uint32_t end)
{
	peer_sack(ack, 1, (const uint32_t[][2]){{start, end}});
}

/* How often the segment at seq was among those sent; forgets them. */
static unsigned times_sent(uint32_t seq)
{
	unsigned n = 0;
	while (sender_sent_any())
		n += sender_sent().seq == seq;
	return n;
}

/* --- without SACK ----------------------------------------------------------------------------- */

START_TEST(the_third_duplicate_ack_retransmits)
{
	ten_in_flight(0);
	peer_ack(0);
	peer_ack(0);
	expect_silence();
	peer_ack(0);
	expect_segment(0, MSS);
	expect_silence();
	ck_assert_int_eq(sender_sk->ca_state, CA_RECOVERY);
	ck_assert_uint_eq(sender_sk->ssthresh_bytes, 5 * MSS);
	ck_assert_uint_eq(sender_mib(TcpExtTCPRenoRecovery), 1);
	ck_assert_uint_eq(sender_mib(TcpExtTCPFastRetrans), 1);
}
END_TEST

/* RFC 3042 */
START_TEST(the_first_two_duplicate_acks_send_new_data)
{
	ten_in_flight(5 * MSS);
	peer_ack(0);
	expect_segment(10 * MSS, MSS);
	peer_ack(0);
	expect_segment(11 * MSS, MSS);
	expect_silence();
}
END_TEST

START_TEST(an_ack_with_a_new_window_is_not_a_duplicate)
{
	ten_in_flight(0);
	for (unsigned i = 0; i < 5; i++)
		peer_ack_window(0, 61000 + 1000 * i);
	ck_assert_int_eq(sender_sk->ca_state, CA_OPEN);
	expect_silence();
}
END_TEST

/* RFC 6582 3.2: each partial ACK retransmits the next hole, and recovery goes on. */
START_TEST(a_partial_ack_retransmits_the_next_hole)
{
	ten_in_flight(0);
	for (unsigned i = 0; i < 3; i++)
		peer_ack(0);
	expect_segment(0, MSS);
	peer_ack(4 * MSS);
	expect_segment(4 * MSS, MSS);
	ck_assert_int_eq(sender_sk->ca_state, CA_RECOVERY);
	peer_ack(7 * MSS);
	expect_segment(7 * MSS, MSS);
	peer_ack(10 * MSS);
	sender_write(MSS);
	peer_ack(11 * MSS);
	ck_assert_int_eq(sender_sk->ca_state, CA_OPEN);
	ck_assert_uint_le(sender_sk->cwnd_bytes, 6 * MSS);
	ck_assert_uint_eq(sender_mib(TcpExtTCPTimeouts), 0);
}
END_TEST

/* RFC 6582 3.2 step 1 */
START_TEST(duplicate_acks_of_retransmissions_start_nothing)
{
	ten_in_flight(0);
	for (unsigned i = 0; i < 3; i++)
		peer_ack(0);
	sender_forget();
	peer_ack(10 * MSS);
	sender_write(4 * MSS);
	sender_forget();
	for (unsigned i = 0; i < 3; i++)
		peer_ack(10 * MSS);
	ck_assert_uint_eq(sender_mib(TcpExtTCPRenoRecovery), 1);
}
END_TEST

/* --- with SACK -------------------------------------------------------------------------------- */

START_TEST(one_round_trip_repairs_several_losses)
{
	ten_in_flight(0); /* lost: 0 and 4 */
	sack_one(0, MSS, 2 * MSS);
	sack_one(0, MSS, 3 * MSS);
	sack_one(0, MSS, 4 * MSS);
	expect_segment(0, MSS);
	for (uint32_t end = 6; end <= 10; end++)
		peer_sack(0, 2, (const uint32_t[][2]){{5 * MSS, end * MSS}, {MSS, 4 * MSS}});
	expect_segment(4 * MSS, MSS);
	expect_silence();
	ck_assert_int_eq(sender_sk->ca_state, CA_RECOVERY);
	sender_wait(SENDER_RTT_US);
	sack_one(4 * MSS, 5 * MSS, 10 * MSS);
	peer_ack(10 * MSS);
	ck_assert_int_eq(sender_sk->ca_state, CA_OPEN);
	ck_assert_uint_ge(sender_sk->cwnd_bytes, 7 * MSS); /* CUBIC's */
	ck_assert_uint_lt(sender_sk->cwnd_bytes, 8 * MSS);
	ck_assert_uint_eq(sender_mib(TcpExtTCPSackRecovery), 1);
	ck_assert_uint_eq(sender_mib(TcpRetransSegs), 2);
	ck_assert_uint_eq(sender_mib(TcpExtTCPTimeouts), 0);
}
END_TEST

/* RFC 6937bis: about seven segments leave for ten that arrive, and not in a burst. */
START_TEST(recovery_sends_in_proportion)
{
	sender_sk->cwnd_bytes = 100 * MSS;
	sender_sk->sndbuf_bytes = 400 * MSS;
	sender_write(300 * MSS);
	sender_forget();
	sender_wait(SENDER_RTT_US);
	uint32_t sent = 0;
	for (uint32_t end = 2; end <= 100; end++) {
		uint32_t burst = 0;
		sack_one(0, MSS, end * MSS);
		for (; sender_sent_any(); burst++)
			(void)sender_sent();
		ck_assert_uint_le(burst, 2);
		sent += burst;
	}
	ck_assert_uint_ge(sent, 65);
	ck_assert_uint_le(sent, 75);
}
END_TEST

/* RFC 8985: later data delivered a round trip after the retransmission says that it is lost too. */
START_TEST(a_lost_retransmission_is_found_without_a_timeout)
{
	ten_in_flight(20 * MSS);
	for (uint32_t end = 2; end <= 10; end++)
		sack_one(0, MSS, end * MSS);
	ck_assert_uint_eq(times_sent(0), 1);
	sender_wait(SENDER_RTT_US);
	for (uint32_t end = 11; end <= 14; end++)
		sack_one(0, MSS, end * MSS);
	ck_assert_uint_eq(times_sent(0), 1);
	ck_assert_uint_eq(sender_mib(TcpExtTCPLostRetransmit), 1);
	ck_assert_uint_eq(sender_mib(TcpExtTCPTimeouts), 0);
}
END_TEST

/* One segment overtaken by another is given a quarter of min_rtt. */
START_TEST(a_little_reordering_is_waited_for)
{
	ten_in_flight(0);
	sack_one(0, MSS, 2 * MSS);
	expect_silence();
	sender_wait(5000);
	peer_ack(2 * MSS);
	sender_wait(60000);
	expect_silence();
	ck_assert_int_eq(sender_sk->ca_state, CA_OPEN);
	ck_assert(sender_sk->reordering_seen);
}
END_TEST

/* RFC 8985 6.2 step 2: RACK.rtt is of the last segment delivered, also where one that was sent
 * before has been sent later. A hole that fills by itself (3 to 4) says that there is reordering, so
 * what was sent with it (9 to 10) gets time: the partial ACK finds nothing new lost, and PRR sends
 * one more than it delivered. */
START_TEST(what_was_sent_with_the_last_delivered_is_not_lost_yet)
{
	ten_in_flight(0);
	sack_one(0, 1 * MSS, 2 * MSS);
	sack_one(0, 1 * MSS, 3 * MSS);
	peer_sack(0, 2, (const uint32_t[][2]){{8 * MSS, 9 * MSS}, {1 * MSS, 3 * MSS}});
	expect_segment(0, MSS);
	expect_silence();
	sender_wait(SENDER_RTT_US + 20000);
	sack_one(4 * MSS, 8 * MSS, 9 * MSS);
	expect_segment(4 * MSS, MSS);
	expect_segment(5 * MSS, MSS);
	expect_segment(6 * MSS, MSS);
	expect_silence();
	sack_one(3 * MSS, 5 * MSS, 7 * MSS); /* late, and yet news: two more */
	expect_segment(7 * MSS, MSS);
	expect_silence();
}
END_TEST

START_TEST(what_does_not_come_in_that_time_is_lost)
{
	ten_in_flight(0);
	sack_one(0, MSS, 2 * MSS);
	uint64_t took = sender_wait_sent(40000);
	ck_assert_uint_ge(took, SENDER_RTT_US / 4);
	expect_segment(0, MSS);
	ck_assert_int_eq(sender_sk->ca_state, CA_RECOVERY);
}
END_TEST

START_TEST(a_sack_that_cannot_be_is_ignored)
{
	ten_in_flight(0);
	sack_one(0, 50 * MSS, 51 * MSS); /* never sent */
	sack_one(0, 3 * MSS, 2 * MSS);	 /* upside down */
	sack_one(0, 9 * MSS, 30 * MSS);	 /* ends beyond snd_nxt */
	ck_assert_uint_eq(sender_sk->sacked_bytes, 0);
	ck_assert_int_eq(sender_sk->ca_state, CA_OPEN);
}
END_TEST

START_TEST(sacked_neighbours_become_one_record)
{
	ten_in_flight(0);
	peer_sack(
	    0, 3,
	    (const uint32_t[][2]){{8 * MSS, 9 * MSS}, {2 * MSS, 3 * MSS}, {5 * MSS, 6 * MSS}});
	ck_assert_uint_eq(sender_sk->sacked_bytes, 3 * MSS);
	sack_one(0, 2 * MSS, 9 * MSS);
	ck_assert_uint_eq(sender_sk->sacked_bytes, 7 * MSS);
	unsigned records = 0;
	list_for_each (node, &sender_sk->rtx_queue)
		records++;
	ck_assert_uint_eq(records, 4); /* 0, 1, [2, 9), 9 */
}
END_TEST

START_TEST(a_sack_cuts_a_tso_segment)
{
	ten_in_flight(0);
	peer_sack(0, 1, (const uint32_t[][2]){{2 * MSS, 6 * MSS}});
	sender_wait_sent(40000);
	struct sent s = sender_sent();
	ck_assert_uint_eq(s.seq, 0);
	ck_assert_uint_eq(s.len, 2 * MSS);
	ck_assert_uint_eq(sender_sk->sacked_bytes, 4 * MSS);
	peer_ack(10 * MSS);
	ck_assert_uint_eq(tcp_outq_bytes(sender_sk), 0);
	ck_assert_uint_eq(tcp_pipe_bytes(sender_sk), 0);
}
END_TEST

/* RFC 2018 8 */
/* RFC 2018 4: a block may end anywhere. Of a segment that has arrived in part all is sent again. */
START_TEST(a_sack_of_a_part_of_a_segment_is_of_none)
{
	ten_in_flight(0);
	sack_one(0, 9 * MSS + 999, 10 * MSS);
	ck_assert_uint_eq(sender_sk->sacked_bytes, 0);
	sack_one(0, 5 * MSS + 1, 8 * MSS + 999);
	ck_assert_uint_eq(sender_sk->sacked_bytes, 2 * MSS); /* 6 and 7 */
	peer_sack(0, 2, (const uint32_t[][2]){{MSS + 1, MSS + 2}, {2 * MSS, 3 * MSS}});
	ck_assert_uint_eq(sender_sk->sacked_bytes, 3 * MSS);
}
END_TEST

START_TEST(a_sack_of_parts_of_a_tso_segment_is_of_whole_ones)
{
	stack_sysctls(sender_stack)->tcp_min_tso_segs = 65535;
	ten_in_flight(0);
	peer_sack(0, 2, (const uint32_t[][2]){{1, 2}, {2 * MSS - 1, 4 * MSS + 1}});
	ck_assert_uint_eq(sender_sk->sacked_bytes, 2 * MSS);
}
END_TEST

START_TEST(a_peer_that_reneges_gets_everything_again)
{
	ten_in_flight(0);
	sack_one(0, MSS, 10 * MSS);
	sender_forget();
	peer_ack(MSS); /* and no SACK: the rest is gone */
	ck_assert_uint_eq(sender_mib(TcpExtTCPSACKReneging), 1);
	sender_wait_sent(400000);
	expect_segment(MSS, MSS);
	ck_assert_uint_eq(sender_sk->sacked_bytes, 0);
	peer_ack(2 * MSS);
	expect_segments(2 * MSS, 2 * MSS, MSS);
}
END_TEST

START_TEST(a_shrunken_path_is_no_congestion)
{
	ten_in_flight(0);
	uint32_t cwnd = sender_sk->cwnd_bytes;
	tcp_sync_mss(sender_sk, 540);
	tcp_simple_retransmit(sender_sk);
	sender_flush();
	expect_segment(0, 500);
	expect_segment(500, 500);
	ck_assert_uint_eq(sender_sk->cwnd_bytes, cwnd);
}
END_TEST

/* --- the RTO --------------------------------------------------------------------------------- */

static void time_out(void)
{
	while (sender_mib(TcpExtTCPTimeouts) == 0) {
		sender_forget();
		sender_wait_sent(2000000);
	}
}

START_TEST(a_timeout_sends_one_segment_and_starts_slowly)
{
	ten_in_flight(0);
	time_out();
	expect_segment(0, MSS);
	expect_silence();
	ck_assert_int_eq(sender_sk->ca_state, CA_LOSS);
	ck_assert_uint_eq(sender_sk->cwnd_bytes, MSS);
	ck_assert_uint_eq(sender_sk->ssthresh_bytes, 7 * MSS);
	peer_ack(MSS);
	expect_segments(MSS, 2 * MSS, MSS);
	expect_silence();
	peer_ack(3 * MSS);
	expect_segments(3 * MSS, 4 * MSS, MSS);
	peer_ack(10 * MSS);
	ck_assert_int_eq(sender_sk->ca_state, CA_OPEN);
}
END_TEST

/* RFC 4015: the ACK echoes the original's timestamp. */
START_TEST(a_needless_timeout_is_undone)
{
	sender_write(10 * MSS);
	struct sent first = sender_sent();
	time_out();
	sender_forget();
	ck_assert_uint_eq(sender_sk->cwnd_bytes, MSS);
	peer_sack_ts(2 * MSS, first.tsval, 0, NULL);
	ck_assert_uint_eq(sender_mib(TcpExtTCPLossUndo), 1);
	ck_assert_uint_ge(sender_sk->cwnd_bytes, 10 * MSS);
	ck_assert_int_eq(sender_sk->ca_state, CA_OPEN);
	ck_assert_uint_eq(sender_sk->lost_bytes, 0);
}
END_TEST

/* RFC 3522 3.2: the first segment was only late; what acknowledges it, or all, echoes its time. */
START_TEST(a_needless_recovery_is_undone_by_timestamp)
{
	bool all = _i;
	sender_write(10 * MSS);
	struct sent first = sender_sent();
	sender_forget();
	sender_wait(SENDER_RTT_US);
	for (uint32_t end = 2; end <= 5; end++)
		sack_one(0, MSS, end * MSS);
	expect_segment(0, MSS);
	ck_assert_int_eq(sender_sk->ca_state, CA_RECOVERY);
	sender_wait(1000);
	peer_sack_ts((all ? 10 : 5) * MSS, first.tsval, 0, NULL);
	ck_assert_uint_eq(sender_mib(TcpExtTCPFullUndo), all);
	ck_assert_uint_eq(sender_mib(TcpExtTCPPartialUndo), !all);
	ck_assert_int_eq(sender_sk->ca_state, CA_OPEN);
	ck_assert_uint_ge(sender_sk->cwnd_bytes, 10 * MSS);
	ck_assert_uint_ge(sender_sk->ssthresh_bytes, 10 * MSS);
}
END_TEST

/* RFC 3708: all that was retransmitted arrived twice. */
START_TEST(a_needless_recovery_is_undone_by_dsack)
{
	ten_in_flight(0);
	for (uint32_t end = 2; end <= 5; end++)
		sack_one(0, MSS, end * MSS);
	expect_segment(0, MSS);
	peer_ack(10 * MSS);
	ck_assert_uint_lt(sender_sk->cwnd_bytes, 8 * MSS);
	peer_sack(10 * MSS, 1, (const uint32_t[][2]){{0, MSS}});
	sender_write(MSS);
	peer_ack(11 * MSS);
	ck_assert_uint_eq(sender_mib(TcpExtTCPDSACKUndo), 1);
	ck_assert_uint_ge(sender_sk->cwnd_bytes, 10 * MSS);
}
END_TEST

/* --- which ACKs count ------------------------------------------------------------------------ */

/* RFC 9293 3.10.7.4, RFC 5961 5 */
START_TEST(an_ack_of_what_was_not_sent_is_challenged)
{
	ten_in_flight(0);
	peer_ack(10 * MSS + 1);
	struct sent s = sender_sent();
	ck_assert_uint_eq(s.len, 0);
	ck_assert_uint_eq(s.flags, TCP_ACK);
	ck_assert_uint_eq(tcp_outq_bytes(sender_sk), 10 * MSS);
	ck_assert_uint_eq(sender_mib(TcpExtTCPChallengeACK), 1);
}
END_TEST

START_TEST(an_ack_far_too_old_is_challenged)
{
	ten_in_flight(0);
	peer_ack(0u - 2000000);
	ck_assert_uint_eq(sender_mib(TcpExtTCPChallengeACK), 1);
}
END_TEST

START_TEST(an_old_ack_changes_nothing)
{
	ten_in_flight(0);
	peer_ack(5 * MSS);
	sender_forget();
	peer_ack(4 * MSS);
	ck_assert_uint_eq(tcp_outq_bytes(sender_sk), 5 * MSS);
	ck_assert_int_eq(sender_sk->ca_state, CA_OPEN);
	expect_silence();
}
END_TEST

/* Karn: what was retransmitted gives no sample without timestamps. */
START_TEST(an_ambiguous_ack_gives_no_rtt)
{
	ten_in_flight(0);
	uint32_t srtt = sender_sk->srtt_us;
	time_out();
	sender_wait(1);
	peer_ack(MSS);
	ck_assert_uint_eq(sender_sk->srtt_us, srtt);
}
END_TEST

static TCase *with(const char *name, void (*setup)(void))
{
	TCase *tc = tcase_create(name);
	tcase_add_checked_fixture(tc, setup, sender_close);
	return tc;
}

Suite *recovery_suite(void)
{
	Suite *s = suite_create("recovery");
	TCase *reno = with("without SACK", open_no_sack);
	tcase_add_test(reno, the_third_duplicate_ack_retransmits);
	tcase_add_test(reno, the_first_two_duplicate_acks_send_new_data);
	tcase_add_test(reno, an_ack_with_a_new_window_is_not_a_duplicate);
	tcase_add_test(reno, a_partial_ack_retransmits_the_next_hole);
	tcase_add_test(reno, duplicate_acks_of_retransmissions_start_nothing);
	suite_add_tcase(s, reno);
	TCase *sack = with("SACK", open_sack);
	tcase_add_test(sack, one_round_trip_repairs_several_losses);
	tcase_add_test(sack, a_lost_retransmission_is_found_without_a_timeout);
	tcase_add_test(sack, a_little_reordering_is_waited_for);
	tcase_add_test(sack, what_was_sent_with_the_last_delivered_is_not_lost_yet);
	tcase_add_test(sack, what_does_not_come_in_that_time_is_lost);
	tcase_add_test(sack, a_sack_that_cannot_be_is_ignored);
	tcase_add_test(sack, sacked_neighbours_become_one_record);
	tcase_add_test(sack, a_sack_of_a_part_of_a_segment_is_of_none);
	tcase_add_test(sack, a_peer_that_reneges_gets_everything_again);
	tcase_add_test(sack, a_shrunken_path_is_no_congestion);
	tcase_add_test(sack, a_timeout_sends_one_segment_and_starts_slowly);
	tcase_add_test(sack, a_needless_recovery_is_undone_by_dsack);
	tcase_add_test(sack, an_ack_of_what_was_not_sent_is_challenged);
	tcase_add_test(sack, an_ack_far_too_old_is_challenged);
	tcase_add_test(sack, an_old_ack_changes_nothing);
	tcase_add_test(sack, an_ambiguous_ack_gives_no_rtt);
	suite_add_tcase(s, sack);
	TCase *ts = with("timestamps", open_timestamps);
	tcase_add_test(ts, a_needless_timeout_is_undone);
	tcase_add_loop_test(ts, a_needless_recovery_is_undone_by_timestamp, 0, 2);
	tcase_add_test(ts, one_round_trip_repairs_several_losses);
	suite_add_tcase(s, ts);
	TCase *wide = with("wide", open_wide);
	tcase_add_test(wide, recovery_sends_in_proportion);
	suite_add_tcase(s, wide);
	TCase *tso = with("TSO", open_tso);
	tcase_add_test(tso, a_sack_of_parts_of_a_tso_segment_is_of_whole_ones);
	tcase_add_test(tso, a_sack_cuts_a_tso_segment);
	suite_add_tcase(s, tso);
	return s;
}
