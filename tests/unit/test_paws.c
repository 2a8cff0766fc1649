/* SPDX-License-Identifier: MIT */
/* Timestamps (RFC 7323): what is echoed (4.3), and what is too old to be taken (5). */
#include "tests/unit/suites.h"
#include "tests/unit/wire.h"

static struct wire *w;

static void setup(void)
{
	w = wire_new();
	wire_passive_open(w, WIRE_OPTIONS, 500);
}

static void teardown(void)
{
	wire_free(w);
}

/* --- PAWS (RFC 7323 5) ------------------------------------------------------------------------ */

START_TEST(an_old_timestamp_is_refused)
{
	wire_in(w, ". 1:101(100) ack 1 win 500 <ts 500000000 0>");
	wire_out(w, ". 1:1(0) ack 101 <ts * 500000000>");
	wire_in(w, ". 101:201(100) ack 1 win 500 <ts 499999999 0>");
	wire_out(w, ". 1:1(0) ack 101 <ts * 500000000>");
	ck_assert_uint_eq(wire_unread(w), 100);
	wire_counts(w, TcpExtPAWSEstab, 1);
	wire_in(w, ". 101:201(100) ack 1 win 500 <ts 500000000 0>");
	ck_assert_uint_eq(wire_unread(w), 200);
}
END_TEST

START_TEST(timestamps_wrap)
{
	w->sk->c.ts_recent = 0xfffffff0;
	wire_in(w, ". 1:101(100) ack 1 win 500 <ts 5 0>");
	wire_out(w, ". 1:1(0) ack 101 <ts * 5>");
	ck_assert_uint_eq(wire_unread(w), 100);
}
END_TEST

/* RFC 7323 5.5. */
START_TEST(after_24_days_any_timestamp_is_new)
{
	wire_in(w, ". 1:101(100) ack 1 win 500 <ts 500000000 0>");
	w->sk->ts_recent_ms -= 25u * 86400 * 1000;
	wire_in(w, ". 101:201(100) ack 1 win 500 <ts 7 0>");
	ck_assert_uint_eq(wire_unread(w), 200);
	ck_assert_uint_eq(w->sk->c.ts_recent, 7);
}
END_TEST

/* RFC 7323 5.2: a reset is not subject to PAWS. */
START_TEST(a_reset_with_an_old_timestamp)
{
	wire_in(w, ". 1:101(100) ack 1 win 500 <ts 500000000 0>");
	wire_in(w, "R 101:101(0) win 0 <ts 1 0>");
	wire_state(w, TCP_CLOSE);
}
END_TEST

/* RFC 7323 4.3: what is echoed is from the segment that spans the last ACK. */
START_TEST(the_echo_is_not_from_beyond_a_hole)
{
	wire_in(w, ". 1:101(100) ack 1 win 500 <ts 500000000 0>");
	wire_out(w, ". 1:1(0) ack 101 <ts * 500000000>");
	wire_in(w, ". 201:301(100) ack 1 win 500 <ts 500000020 0>");
	wire_out(w, ". 1:1(0) ack 101 <ts * 500000000>");
	wire_in(w, ". 101:201(100) ack 1 win 500 <ts 500000010 0>");
	wire_out(w, ". 1:1(0) ack 301 <ts * 500000010>");
}
END_TEST

START_TEST(a_late_ack_is_not_an_attack)
{
	wire_write(w, 10);
	wire_out(w, "P. 1:11(10) ack 1");
	wire_in(w, ". 1:1(0) ack 11 win 500 <ts 500000010 0>");
	wire_in(w, ". 1:1(0) ack 11 win 500 <ts 500000009 0>");
	wire_out_none(w);
	wire_counts(w, TcpExtPAWSEstab, 0);
}
END_TEST

/* --- what is put into each segment (RFC 7323 3.2) -------------------------------------------- */

START_TEST(a_fin_has_the_time_of_its_sending)
{
	wire_in(w, ". 1:101(100) ack 1 win 500 <ts 500000000 0>");
	wire_read(w, 100);
	wire_out(w, ". 1:1(0) ack 101");
	uint32_t then = w->at->last_tsval;
	wire_ms(w, 1000);
	wire_close(w);
	wire_out(w, "F. 1:1(0) ack 101 <ts %u 500000000>", then + 1000);
}
END_TEST

START_TEST(a_reset_has_one_too)
{
	wire_in(w, ". 1:101(100) ack 1 win 500 <ts 500000000 0>");
	wire_out(w, ". 1:1(0) ack 101");
	uint32_t then = w->at->last_tsval;
	wire_ms(w, 1000);
	wire_close(w); /* with bytes unread */
	wire_out(w, "R. 1:1(0) ack 101 <ts %u 500000000>", then + 1000);
}
END_TEST

START_TEST(a_retransmission_has_the_time_it_leaves_at)
{
	wire_write(w, 100);
	wire_out(w, "P. 1:101(100) ack 1");
	uint32_t then = w->at->last_tsval;
	wire_ms(w, 2000);
	struct wire_segment s;
	while (wire_next(w, &s)) {
		ck_assert_uint_eq(s.seq, 1);
		ck_assert_uint_gt(s.opt.tsval, then);
		then = s.opt.tsval;
	}
	ck_assert_uint_ge(wire_info(w).tcpi_total_retrans, 2);
}
END_TEST

/* --- TS.Recent (RFC 7323 4.3, 5.3) ------------------------------------------------------------ */

/* Which is no more than the acknowledged part of the segment deserves: RFC 5961 5.2 refuses all of it. */
START_TEST(a_segment_that_acknowledges_the_unsent_leaves_no_timestamp)
{
	wire_in(w, "F. 1:1(0) ack 9999 win 500 <ts 900000000 0>");
	wire_out(w, ". 1:1(0) ack 1"); /* a challenge */
	wire_state(w, TCP_ESTABLISHED);
	wire_in(w, ". 1:1001(1000) ack 1 win 500 <ts 500000000 0>");
	wire_out(w, ". 1:1(0) ack 1001 <ts * 500000000>");
	wire_counts(w, TcpExtPAWSEstab, 0);
}
END_TEST

START_TEST(a_segment_outside_the_window_leaves_no_timestamp)
{
	uint32_t beyond = wire_right_edge(w) + 100;
	wire_in(w, ". %u:%u(10) ack 1 win 500 <ts 900000000 0>", beyond, beyond + 10);
	wire_out(w, ". 1:1(0) ack 1");
	wire_in(w, ". 1:101(100) ack 1 win 500 <ts 500000000 0>");
	wire_out(w, ". 1:1(0) ack 101 <ts * 500000000>");
}
END_TEST

/* A repetition is at or below what was acknowledged last: rule (2) takes its newer time. */
START_TEST(a_repetition_leaves_its_timestamp)
{
	wire_in(w, ". 1:101(100) ack 1 win 500 <ts 500000000 0>");
	wire_out(w, ". 1:1(0) ack 101 <ts * 500000000>");
	wire_in(w, ". 1:101(100) ack 1 win 500 <ts 500000300 0>");
	wire_out(w, ". 1:1(0) ack 101 <ts * 500000300,sack 1:101>");
}
END_TEST

/* RFC 7323 5.3 R2: what is not acceptable gets an ACK and no further. */
START_TEST(a_keepalive_leaves_no_timestamp)
{
	wire_in(w, ". 1:101(100) ack 1 win 500 <ts 500000000 0>");
	wire_out(w, ". 1:1(0) ack 101 <ts * 500000000>");
	wire_ms(w, 1000);
	wire_in(w, ". 100:100(0) ack 1 win 500 <ts 500001000 0>");
	wire_out(w, ". 1:1(0) ack 101 <ts * 500000000>");
}
END_TEST

/* What is refused is acknowledged, with the holes that there are. */
START_TEST(an_old_timestamp_out_of_order_is_refused)
{
	wire_in(w, ". 1:101(100) ack 1 win 500 <ts 500000000 0>");
	wire_in(w, ". 201:301(100) ack 1 win 500 <ts 500000001 0>");
	wire_out_forget(w);
	wire_in(w, ". 401:501(100) ack 1 win 500 <ts 499999990 0>");
	wire_out(w, ". 1:1(0) ack 101 <ts * 500000000,sack 201:301>");
	ck_assert_uint_eq(ooo_pkts(w->sk), 1);
	wire_counts(w, TcpExtPAWSEstab, 1);
}
END_TEST

/* RFC 5961 4.2 goes before: whatever its timestamp, a SYN is challenged. */
START_TEST(a_syn_with_an_old_timestamp_is_challenged)
{
	wire_in(w, ". 1:101(100) ack 1 win 500 <ts 500000000 0>");
	wire_out(w, ". 1:1(0) ack 101");
	wire_in(w, "S 101:101(0) win 500 <mss 1460,ts 7 0>");
	wire_out(w, ". 1:1(0) ack 101 <ts * 500000000>");
	wire_state(w, TCP_ESTABLISHED);
	wire_counts(w, TcpExtTCPSYNChallenge, 1);
}
END_TEST

/* RFC 7323 3.2 would have it dropped; Linux takes it, as what lies between may strip options. */
START_TEST(a_segment_without_a_timestamp_is_taken)
{
	wire_in(w, ". 1:101(100) ack 1 win 500 <ts 500000000 0>");
	wire_in(w, ". 101:201(100) ack 1 win 500 <no-ts>");
	ck_assert_uint_eq(wire_unread(w), 200);
	ck_assert_uint_eq(w->sk->c.ts_recent, 500000000);
}
END_TEST

/* RFC 7323 3.2: no timestamps unless both SYNs had them. */
START_TEST(timestamps_that_were_not_agreed_mean_nothing)
{
	wire_use(w, WIRE_PORT, WIRE_PEER_PORT + 1);
	wire_passive_open(w, "mss 1460,sackOK", 5000);
	wire_in(w, ". 1:101(100) ack 1 win 500 <ts 500000000 7>");
	wire_out(w, ". 1:1(0) ack 101 <no-ts>");
	wire_in(w, ". 101:201(100) ack 1 win 500 <ts 400000000 7>");
	ck_assert_uint_eq(wire_unread(w), 200);
	wire_counts(w, TcpExtPAWSEstab, 0);
}
END_TEST

/* RFC 7323 4.1: a round trip is measured from what is echoed, a retransmission's too. */
START_TEST(an_echo_measures_a_retransmission)
{
	wire_write(w, 100);
	wire_out(w, "P. 1:101(100) ack 1");
	wire_ms(w, 1500);
	wire_out_forget(w);
	uint32_t again = w->at->last_tsval;
	wire_ms(w, 50);
	wire_in(w, ". 1:1(0) ack 101 win 500 <ts 500000000 %u>", again);
	ck_assert_uint_gt(wire_info(w).tcpi_rtt, 0);
	ck_assert_uint_lt(wire_info(w).tcpi_rtt, 1500000);
}
END_TEST

Suite *paws_suite(void)
{
	Suite *s = suite_create("PAWS");
	TCase *tc = tcase_create("timestamps");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, an_old_timestamp_is_refused);
	tcase_add_test(tc, timestamps_wrap);
	tcase_add_test(tc, after_24_days_any_timestamp_is_new);
	tcase_add_test(tc, a_reset_with_an_old_timestamp);
	tcase_add_test(tc, the_echo_is_not_from_beyond_a_hole);
	tcase_add_test(tc, a_late_ack_is_not_an_attack);
	tcase_add_test(tc, a_fin_has_the_time_of_its_sending);
	tcase_add_test(tc, a_reset_has_one_too);
	tcase_add_test(tc, a_retransmission_has_the_time_it_leaves_at);
	tcase_add_test(tc, a_segment_that_acknowledges_the_unsent_leaves_no_timestamp);
	tcase_add_test(tc, a_segment_outside_the_window_leaves_no_timestamp);
	tcase_add_test(tc, a_repetition_leaves_its_timestamp);
	tcase_add_test(tc, a_keepalive_leaves_no_timestamp);
	tcase_add_test(tc, an_old_timestamp_out_of_order_is_refused);
	tcase_add_test(tc, a_syn_with_an_old_timestamp_is_challenged);
	tcase_add_test(tc, a_segment_without_a_timestamp_is_taken);
	tcase_add_test(tc, timestamps_that_were_not_agreed_mean_nothing);
	tcase_add_test(tc, an_echo_measures_a_retransmission);
	suite_add_tcase(s, tc);
	return s;
}
