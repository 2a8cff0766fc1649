/* SPDX-License-Identifier: MIT */
/* F-RTO (RFC 5682): ten segments in flight, five more written, and a timeout. What the ACKs after
 * it acknowledge says whether it was needed. */
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

/* Leaves the retransmission of the first segment looked at, and nothing else on the wire. */
static void time_out(uint32_t written)
{
	uint64_t before = sender_mib(TcpExtTCPTimeouts);
	if (written > 0)
		sender_write(written);
	while (sender_mib(TcpExtTCPTimeouts) == before) {
		sender_forget();
		sender_wait_sent(4000000);
	}
	struct sent s = sender_sent();
	ck_assert_uint_eq(s.seq, sender_sk->snd_una - sender_sk->iss - 1);
	expect_silence();
	ck_assert_int_eq(sender_sk->ca_state, CA_LOSS);
}

/* What has been sent so far and never more than once ends here. */
static uint32_t high(void)
{
	return sender_sk->snd_nxt - sender_sk->iss - 1;
}

static void expect_new_data(uint32_t at, unsigned segments)
{
	expect_segments(at, segments * MSS, MSS);
	expect_silence();
}

static void check_undone(void)
{
	ck_assert_uint_eq(sender_mib(TcpExtTCPSpuriousRTOs), 1);
	ck_assert_uint_eq(sender_mib(TcpExtTCPLossUndo), 1);
	ck_assert_int_le(sender_sk->ca_state, CA_DISORDER);
	ck_assert_uint_ge(sender_sk->cwnd_bytes, 10 * MSS);
	ck_assert_uint_eq(sender_sk->lost_bytes, 0);
	ck_assert_uint_eq(sender_mib(TcpExtTCPSlowStartRetrans), 1);
}

/* RFC 5682 3.1 steps 2.b and 3.b */
START_TEST(late_acks_undo_the_timeout)
{
	time_out(15 * MSS);
	uint32_t end = high();
	peer_ack(MSS);
	expect_new_data(end, 2);
	peer_ack(2 * MSS);
	check_undone();
	ck_assert_uint_ge(sender_sk->ssthresh_bytes, 10 * MSS);
}
END_TEST

/* 3.1: an original beyond a hole says it as well */
START_TEST(a_sack_of_an_original_undoes_the_timeout)
{
	time_out(15 * MSS);
	uint32_t end = high();
	peer_ack(MSS);
	expect_new_data(end, 2);
	peer_sack(MSS, 1, (const uint32_t[][2]){{5 * MSS, 6 * MSS}});
	check_undone();
}
END_TEST

START_TEST(one_ack_of_several_originals_undoes_at_once)
{
	time_out(15 * MSS);
	peer_ack(2 * MSS); /* a delayed ACK: the second was sent once */
	check_undone();
}
END_TEST

/* 3.1 step 3.a */
START_TEST(a_sack_of_the_new_data_alone_means_loss)
{
	time_out(15 * MSS);
	uint32_t end = high();
	peer_ack(MSS);
	expect_new_data(end, 2);
	peer_sack(MSS, 1, (const uint32_t[][2]){{end, end + MSS}});
	expect_segment(MSS, MSS);
	ck_assert_int_eq(sender_sk->ca_state, CA_LOSS);
	ck_assert_uint_eq(sender_mib(TcpExtTCPSpuriousRTOs), 0);
	ck_assert_uint_le(sender_sk->cwnd_bytes, 3 * MSS);
}
END_TEST

/* 2.1 step 3.a */
START_TEST(a_duplicate_ack_means_loss)
{
	time_out(15 * MSS);
	uint32_t end = high();
	peer_ack(MSS);
	expect_new_data(end, 2);
	peer_ack(MSS);
	expect_segment(MSS, MSS);
	ck_assert_uint_eq(sender_mib(TcpExtTCPSpuriousRTOs), 0);
	ck_assert_int_eq(sender_sk->ca_state, CA_LOSS);
}
END_TEST

/* 2.1: an ACK that also covers the retransmission may owe all of it to that. */
START_TEST(without_sack_a_wide_ack_proves_nothing)
{
	time_out(15 * MSS);
	peer_ack(4 * MSS);
	ck_assert_uint_eq(sender_mib(TcpExtTCPSpuriousRTOs), 0);
	ck_assert_int_eq(sender_sk->ca_state, CA_LOSS);
}
END_TEST

/* 2.1 step 2: nothing new to send, so the lost is sent again at once. */
START_TEST(without_new_data_there_is_no_test)
{
	time_out(10 * MSS);
	peer_ack(MSS);
	expect_new_data(MSS, 2);
	peer_ack(2 * MSS);
	ck_assert_uint_eq(sender_mib(TcpExtTCPSpuriousRTOs), 0);
}
END_TEST

START_TEST(a_closed_window_leaves_no_test)
{
	time_out(15 * MSS);
	peer_ack_window(MSS, high() - MSS);
	expect_new_data(MSS, 2);
}
END_TEST

START_TEST(nagle_does_not_hold_the_new_data)
{
	time_out(10 * MSS);
	uint32_t end = high();
	ck_assert_uint_eq(sender_fill(10), 10);
	sender_sk->cork = true;
	peer_ack(MSS);
	expect_segment(end, 10);
	expect_silence();
	sender_flush(); /* nor do retransmissions leave until the ACK that decides */
	expect_silence();
	peer_ack(2 * MSS);
	check_undone();
}
END_TEST

/* 3.2: timeout upon timeout for the same segment */
START_TEST(a_second_timeout_is_tested_too)
{
	time_out(15 * MSS);
	time_out(0);
	ck_assert_uint_eq(sender_sk->backoff, 2);
	uint32_t end = high();
	peer_ack(MSS);
	expect_new_data(end, 2);
	peer_ack(2 * MSS);
	ck_assert_uint_eq(sender_mib(TcpExtTCPSpuriousRTOs), 1);
	ck_assert_int_eq(sender_sk->ca_state, CA_OPEN);
}
END_TEST

/* 3.1 step 1 */
START_TEST(a_timeout_within_recovery_is_not_tested)
{
	sender_write(15 * MSS);
	sender_wait(SENDER_RTT_US);
	for (uint32_t end = 2; end <= 5; end++)
		peer_sack(0, 1, (const uint32_t[][2]){{MSS, end * MSS}});
	ck_assert_int_eq(sender_sk->ca_state, CA_RECOVERY);
	time_out(0);
	peer_ack(5 * MSS);
	expect_segment(5 * MSS, MSS);
	ck_assert_uint_eq(sender_mib(TcpExtTCPSpuriousRTOs), 0);
}
END_TEST

START_TEST(it_can_be_turned_off)
{
	stack_sysctls(sender_stack)->tcp_frto = 0;
	time_out(15 * MSS);
	peer_ack(MSS);
	expect_segment(MSS, MSS);
	peer_ack(3 * MSS);
	ck_assert_uint_eq(sender_mib(TcpExtTCPSpuriousRTOs), 0);
}
END_TEST

Suite *frto_suite(void)
{
	Suite *s = suite_create("F-RTO");
	TCase *sack = tcase_create("SACK");
	tcase_add_checked_fixture(sack, open_sack, sender_close);
	tcase_add_test(sack, late_acks_undo_the_timeout);
	tcase_add_test(sack, a_sack_of_an_original_undoes_the_timeout);
	tcase_add_test(sack, one_ack_of_several_originals_undoes_at_once);
	tcase_add_test(sack, a_sack_of_the_new_data_alone_means_loss);
	tcase_add_test(sack, without_new_data_there_is_no_test);
	tcase_add_test(sack, a_closed_window_leaves_no_test);
	tcase_add_test(sack, nagle_does_not_hold_the_new_data);
	tcase_add_test(sack, a_second_timeout_is_tested_too);
	tcase_add_test(sack, a_timeout_within_recovery_is_not_tested);
	tcase_add_test(sack, it_can_be_turned_off);
	suite_add_tcase(s, sack);
	TCase *plain = tcase_create("without SACK");
	tcase_add_checked_fixture(plain, open_no_sack, sender_close);
	tcase_add_test(plain, late_acks_undo_the_timeout);
	tcase_add_test(plain, a_duplicate_ack_means_loss);
	tcase_add_test(plain, without_sack_a_wide_ack_proves_nothing);
	suite_add_tcase(s, plain);
	return s;
}
