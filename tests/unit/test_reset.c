/* SPDX-License-Identifier: MIT */
/* RST and the challenges to what could be a forgery, in every state after ESTABLISHED (RFC 9293
 * 3.10.7.4, RFC 5961), and the errno a program is told. */
#include <errno.h>

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

static void half_close(void)
{
	tcp_send_fin(w->sk);
	wire_flush(w);
}

static uint32_t timewaits(void)
{
	return tcp_count(w->st).timewait;
}

/* Sockets besides the listener. */
static uint32_t connections(void)
{
	return tcp_count(w->st).sockets - 1;
}

/* --- RST (RFC 9293 3.10.7.4, RFC 5961 3) ----------------------------------------------------- */

START_TEST(reset_in_established)
{
	wire_in(w, "P. 1:11(10) ack 1 win 500");
	wire_out_forget(w);
	wire_in(w, "R 11:11(0) win 0");
	wire_out_none(w);
	wire_state(w, TCP_CLOSE);
	wire_events(w, TCP_EVENT_READABLE | TCP_EVENT_ERROR);
	wire_read(w, 10);
	ck_assert_int_eq(tcp_error(w->sk), ECONNRESET);
	wire_counts(w, TcpEstabResets, 1);
	wire_counts(w, TcpCurrEstab, 0);
}
END_TEST

START_TEST(reset_in_close_wait)
{
	wire_in(w, "F. 1:1(0) ack 1 win 500");
	wire_in(w, "R 2:2(0) win 0");
	ck_assert_int_eq(tcp_error(w->sk), EPIPE);
	wire_counts(w, TcpEstabResets, 1);
}
END_TEST

START_TEST(reset_from_before_the_fin_in_close_wait)
{
	wire_in(w, "F. 1:1(0) ack 1 win 500");
	wire_ms(w, 50);
	wire_in(w, "R 1:1(0) win 0");
	ck_assert_int_eq(tcp_error(w->sk), EPIPE);
}
END_TEST

START_TEST(reset_after_our_fin)
{
	half_close();
	wire_in(w, "R 1:1(0) win 0");
	wire_state(w, TCP_CLOSE);
	ck_assert_int_eq(tcp_error(w->sk), ECONNRESET);
	wire_counts(w, TcpEstabResets, 0); /* RFC 4022: not from ESTABLISHED or CLOSE-WAIT */
}
END_TEST

START_TEST(reset_in_fin_wait_2)
{
	half_close();
	wire_in(w, ". 1:1(0) ack 2 win 500");
	wire_in(w, "R 1:1(0) win 0");
	wire_state(w, TCP_CLOSE);
	ck_assert_int_eq(tcp_error(w->sk), ECONNRESET);
}
END_TEST

START_TEST(reset_of_an_orphan)
{
	wire_close(w);
	wire_in(w, "R 1:1(0) win 0");
	ck_assert_uint_eq(connections(), 0);
	ck_assert_uint_eq(timewaits(), 0);
}
END_TEST

START_TEST(reset_in_last_ack)
{
	wire_in(w, "F. 1:1(0) ack 1 win 500");
	half_close();
	wire_state(w, TCP_LAST_ACK);
	wire_in(w, "R 2:2(0) win 0");
	wire_state(w, TCP_CLOSE);
	ck_assert_int_eq(tcp_error(w->sk), ECONNRESET);
}
END_TEST

START_TEST(reset_in_closing)
{
	half_close();
	wire_in(w, "F. 1:1(0) ack 1 win 500");
	wire_state(w, TCP_CLOSING);
	wire_in(w, "R 2:2(0) win 0");
	wire_state(w, TCP_CLOSE);
	ck_assert_uint_eq(timewaits(), 0);
}
END_TEST

/* RFC 5961 3.2: in the window but not exactly next. */
START_TEST(an_inexact_reset_is_challenged)
{
	wire_in(w, "R 100:100(0) win 0");
	wire_out(w, ". 1:1(0) ack 1");
	wire_state(w, TCP_ESTABLISHED);
	wire_counts(w, TcpExtTCPChallengeACK, 1);
	wire_in(w, "R 1:1(0) win 0");
	wire_state(w, TCP_CLOSE);
}
END_TEST

START_TEST(a_reset_outside_the_window_is_ignored)
{
	wire_in(w, "R 2000000:2000000(0) win 0");
	w->at->peer_iss -= 100;
	wire_in(w, "R 0:0(0) win 0");
	wire_out_none(w);
	wire_state(w, TCP_ESTABLISHED);
}
END_TEST

START_TEST(a_reset_at_the_end_of_what_was_sacked)
{
	wire_in(w, ". 101:201(100) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1 <sack 101:201>");
	wire_in(w, "R 201:201(0) win 0");
	wire_state(w, TCP_CLOSE);
}
END_TEST

START_TEST(challenges_are_limited_per_socket)
{
	wire_in(w, "R 100:100(0) win 0");
	wire_out(w, ". 1:1(0) ack 1");
	wire_in(w, "R 100:100(0) win 0");
	wire_in(w, "S 100:100(0) win 0");
	wire_out_none(w);
	wire_counts(w, TcpExtTCPACKSkippedChallenge, 2);
	wire_ms(w, 500);
	wire_in(w, "R 100:100(0) win 0");
	wire_out(w, ". 1:1(0) ack 1");
	wire_counts(w, TcpExtTCPChallengeACK, 2);
}
END_TEST

START_TEST(challenges_are_limited_per_second)
{
	stack_sysctls(w->st)->tcp_challenge_ack_limit = 1;
	stack_sysctls(w->st)->tcp_invalid_ratelimit_ms = 0;
	unsigned answers = 0;
	struct wire_segment s;
	for (int i = 0; i < 20; i++)
		wire_in(w, "R 100:100(0) win 0");
	while (wire_next(w, &s))
		answers++;
	ck_assert_uint_ge(answers, 1);
	ck_assert_uint_le(answers, 2);
}
END_TEST

/* RFC 5961 4.2. */
START_TEST(a_syn_is_challenged)
{
	wire_in(w, "S 1:1(0) win 500 <mss 1460>");
	wire_out(w, ". 1:1(0) ack 1");
	wire_ms(w, 600);
	wire_in(w, "S 500000:500000(0) win 500 <mss 1460>");
	wire_out(w, ". 1:1(0) ack 1");
	wire_state(w, TCP_ESTABLISHED);
	wire_counts(w, TcpExtTCPSYNChallenge, 2);
}
END_TEST

/* RFC 5961 5.2. */
START_TEST(an_ack_of_what_was_not_sent_is_challenged)
{
	wire_in(w, ". 1:1(0) ack 2 win 500");
	wire_out(w, ". 1:1(0) ack 1");
	wire_ms(w, 1000);
	wire_in(w, "P. 1:11(10) ack 100000 win 500");
	wire_out(w, ". 1:1(0) ack 1");
	ck_assert_uint_eq(wire_unread(w), 0);
	wire_state(w, TCP_ESTABLISHED);
}
END_TEST

START_TEST(a_segment_without_ack_is_dropped)
{
	wire_in(w, "P 1:11(10) win 500");
	wire_in(w, "F 1:1(0) win 500");
	wire_in(w, "- 1:11(10) win 500");
	wire_ms(w, 100);
	wire_out_none(w);
	wire_state(w, TCP_ESTABLISHED);
	ck_assert_uint_eq(wire_unread(w), 0);
}
END_TEST

/* --- the challenge's limits (RFC 5961 7) ------------------------------------------------------ */

/* Which hold for an ACK of what was not sent, as for a RST and a SYN. */
START_TEST(challenges_of_acks_are_limited_per_socket)
{
	wire_in(w, ". 1:1(0) ack 5000 win 500");
	wire_out(w, ". 1:1(0) ack 1");
	for (int i = 0; i < 10; i++)
		wire_in(w, ". 1:1(0) ack 5000 win 500");
	wire_out_none(w);
	wire_counts(w, TcpExtTCPACKSkippedChallenge, 10);
	wire_ms(w, 500);
	wire_in(w, ". 1:1(0) ack 5000 win 500");
	wire_out(w, ". 1:1(0) ack 1");
	wire_counts(w, TcpExtTCPChallengeACK, 2);
}
END_TEST

/* RFC 5961 10: what a limit for all connections together would tell an attacker of another one. It has
 * none unless tcp_challenge_ack_limit sets it. */
START_TEST(one_connections_challenges_do_not_use_up_anothers)
{
	wire_in(w, "R 100:100(0) win 0");
	wire_out(w, ". 1:1(0) ack 1");
	wire_use(w, WIRE_PORT, WIRE_PEER_PORT + 1);
	wire_passive_open(w, WIRE_OPTIONS, 500);
	wire_in(w, "R 100:100(0) win 0");
	wire_out(w, ". 1:1(0) ack 1");
}
END_TEST

/* RFC 5961 3.2, the three cases with a window of which some has been used. */
START_TEST(a_reset_is_judged_by_the_window_as_it_is)
{
	wire_in(w, "P. 1:1001(1000) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1001");
	wire_in(w, "R 1:1(0) win 0"); /* exact a moment ago */
	wire_out_none(w);
	wire_in(w, "R %u:%u(0) win 0", wire_right_edge(w) + 1, wire_right_edge(w) + 1);
	wire_out_none(w);
	wire_in(w, "R 1002:1002(0) win 0");
	wire_out(w, ". 1:1(0) ack 1001");
	wire_state(w, TCP_ESTABLISHED);
	wire_in(w, "R. 1001:1001(0) ack 1 win 0");
	wire_state(w, TCP_CLOSE);
	ck_assert_int_eq(tcp_error(w->sk), ECONNRESET);
	wire_events(w, TCP_EVENT_READABLE | TCP_EVENT_ERROR);
}
END_TEST

/* RFC 9293 3.10.7.4: nothing but a RST or a SYN is looked at without ACK. */
START_TEST(segments_with_odd_flags_are_dropped)
{
	static const char *const odd[] = {"-", "P", "F", "U", "FPU"};
	wire_in(w, "%s 1:101(100) win 500", odd[_i]);
	wire_out_none(w);
	ck_assert_uint_eq(wire_unread(w), 0);
	wire_state(w, TCP_ESTABLISHED);
	wire_in(w, ". 1:101(100) ack 1 win 500");
	ck_assert_uint_eq(wire_unread(w), 100);
}
END_TEST

static TCase *tests(const char *name)
{
	TCase *tc = tcase_create(name);
	tcase_add_checked_fixture(tc, setup, teardown);
	return tc;
}

static TCase *resets(void)
{
	TCase *tc = tests("RST");
	tcase_add_test(tc, reset_in_established);
	tcase_add_test(tc, reset_in_close_wait);
	tcase_add_test(tc, reset_from_before_the_fin_in_close_wait);
	tcase_add_test(tc, reset_after_our_fin);
	tcase_add_test(tc, reset_in_fin_wait_2);
	tcase_add_test(tc, reset_of_an_orphan);
	tcase_add_test(tc, reset_in_last_ack);
	tcase_add_test(tc, reset_in_closing);
	tcase_add_test(tc, an_inexact_reset_is_challenged);
	tcase_add_test(tc, a_reset_outside_the_window_is_ignored);
	tcase_add_test(tc, a_reset_at_the_end_of_what_was_sacked);
	tcase_add_test(tc, challenges_are_limited_per_socket);
	tcase_add_test(tc, challenges_are_limited_per_second);
	tcase_add_test(tc, a_syn_is_challenged);
	tcase_add_test(tc, an_ack_of_what_was_not_sent_is_challenged);
	tcase_add_test(tc, a_segment_without_ack_is_dropped);
	tcase_add_test(tc, challenges_of_acks_are_limited_per_socket);
	tcase_add_test(tc, one_connections_challenges_do_not_use_up_anothers);
	tcase_add_test(tc, a_reset_is_judged_by_the_window_as_it_is);
	tcase_add_loop_test(tc, segments_with_odd_flags_are_dropped, 0, 5);
	return tc;
}

Suite *reset_suite(void)
{
	Suite *s = suite_create("reset");
	suite_add_tcase(s, resets());
	return s;
}
