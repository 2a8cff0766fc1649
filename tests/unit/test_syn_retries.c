/* SPDX-License-Identifier: MIT */
/*
 * A SYN that nobody answers: sent again after a second, then after twice as long each time (RFC 6298
 * 2.1, 5.5; RFC 9293 3.8.1), until the program's patience, or Linux's, is at its end (RFC 9293 3.8.3,
 * RFC 1122 4.2.3.5). The SYN-ACK's own: test_request.c.
 */
#include <errno.h>

#include "tests/unit/suites.h"
#include "tests/unit/wire.h"

#define TCP_LEVEL 6

static struct wire *w;

static void setup(void)
{
	w = wire_new();
}

static void teardown(void)
{
	wire_free(w);
}

static struct sysctls *ctl(void)
{
	return stack_sysctls(w->st);
}

/* The SYN comes again after that many seconds, not before and not much later. */
static void expect_syn_after(unsigned seconds)
{
	wire_out_between(w, seconds * 1000 - 10, seconds * 1000 + 1, "S 0:0(0)");
}

static void expect_timed_out(void)
{
	wire_state(w, TCP_CLOSE);
	wire_events(w, TCP_EVENT_ERROR);
	ck_assert_int_eq(tcp_error(w->sk), ETIMEDOUT);
	ck_assert_int_eq(tcp_error(w->sk), 0);
}

/* By default 127 seconds: six times, the last of them waited for as well. */
START_TEST(the_syn_is_sent_again_and_given_up)
{
	wire_connect(w);
	for (unsigned s = 1; s <= 32; s *= 2)
		expect_syn_after(s);
	wire_info_is(w, retransmits, 6);
	wire_ms(w, 63900);
	wire_out_none(w);
	wire_state(w, TCP_SYN_SENT);
	wire_ms(w, 200);
	expect_timed_out();
	wire_counts(w, TcpExtTCPSynRetrans, 6);
	wire_counts(w, TcpRetransSegs, 6);
	wire_counts(w, TcpAttemptFails, 1);
}
END_TEST

/* It is the same SYN: the same number and options, but for the time. */
START_TEST(the_syn_sent_again_offers_the_same)
{
	struct wire_segment first, again;
	struct sock_addr peer = {.addr = ip_v4(PEER_V4), .port = WIRE_PEER_PORT};
	w->at->port = 0;
	w->sk = wire_socket(w);
	ck_assert_int_eq(tcp_connect(w->sk, &peer), 0);
	wire_flush(w);
	ck_assert(wire_next(w, &first));
	wire_ms(w, 1010);
	ck_assert(wire_next(w, &again));
	ck_assert_uint_eq(again.seq, first.seq);
	ck_assert_uint_eq(again.win, first.win);
	ck_assert_uint_eq(again.opt.mss, first.opt.mss);
	ck_assert_uint_eq(again.opt.wscale, first.opt.wscale);
	ck_assert_uint_eq(again.opt.sack_permitted, first.opt.sack_permitted);
	ck_assert_uint_eq(again.opt.tsval - first.opt.tsval, 1000);
}
END_TEST

START_TEST(tcp_syn_retries_and_tcp_syncnt_say_how_often)
{
	ctl()->tcp_syn_retries = 1;
	wire_connect(w);
	if (_i)
		wire_set_int(w->sk, TCP_LEVEL, TCP_SYNCNT, 2); /* rather than the sysctl */
	expect_syn_after(1);
	if (_i)
		expect_syn_after(2);
	wire_ms(w, _i ? 4010 : 2010);
	wire_out_none(w);
	expect_timed_out();
}
END_TEST

/* tcp_syn_linear_timeouts: so many before the doubling begins. */
START_TEST(syn_linear_timeouts_come_before_the_doubling)
{
	ctl()->tcp_syn_linear_timeouts = 2;
	wire_connect(w);
	expect_syn_after(1);
	expect_syn_after(1);
	expect_syn_after(1);
	expect_syn_after(2);
	expect_syn_after(4);
}
END_TEST

/* RFC 6298 2.5: the doubling may have an end. */
START_TEST(tcp_rto_max_ends_the_doubling)
{
	ctl()->tcp_rto_max_ms = 3000;
	wire_connect(w);
	expect_syn_after(1);
	expect_syn_after(2);
	expect_syn_after(3);
	expect_syn_after(3);
	expect_syn_after(3);
	expect_syn_after(3);
	wire_ms(w, 3010);
	expect_timed_out();
}
END_TEST

/* RFC 6298 5.7, 3: two SYNs lost, so nothing is known of the round trip, and the data waits three
 * seconds; with timestamps the answer says which of them it answers. */
START_TEST(after_lost_syns_the_rto_begins_at_three_seconds)
{
	ctl()->tcp_timestamps = 0;
	wire_connect(w);
	expect_syn_after(1);
	expect_syn_after(2);
	wire_in(w, "S. 0:0(0) ack 1 win 9000 <mss 1000>");
	wire_out(w, ". 1:1(0) ack 1");
	wire_info_is(w, rto, 3000000);
	wire_info_is(w, snd_cwnd, 1); /* RFC 5681 3.1 */
	wire_write(w, 3000);
	wire_out(w, ". 1:1001(1000) ack 1");
	wire_out_between(w, 2990, 3010, ". 1:1001(1000) ack 1");
}
END_TEST

/* RFC 5681 3.1, as Linux has it: the first SYN lost costs nothing yet. */
START_TEST(one_lost_syn_leaves_the_initial_window)
{
	wire_connect(w);
	expect_syn_after(1);
	wire_in(w, "S. 0:0(0) ack 1 win 65535 <mss 1460>");
	wire_out(w, ". 1:1(0) ack 1");
	wire_info_is(w, snd_cwnd, 10);
}
END_TEST

/* RFC 5482 3.1: the user timeout counts while connecting, too, from the first repetition. */
START_TEST(the_user_timeout_ends_connecting)
{
	wire_connect(w);
	wire_set_int(w->sk, TCP_LEVEL, TCP_USER_TIMEOUT, 5000);
	expect_syn_after(1);
	expect_syn_after(2);
	wire_ms(w, 2900);
	wire_state(w, TCP_SYN_SENT);
	wire_ms(w, 2200);
	expect_timed_out();
}
END_TEST

Suite *syn_retries_suite(void)
{
	Suite *s = suite_create("syn_retries");
	SUITE_CASE(s, "SYN", setup, teardown, the_syn_is_sent_again_and_given_up,
		   the_syn_sent_again_offers_the_same, syn_linear_timeouts_come_before_the_doubling,
		   tcp_rto_max_ends_the_doubling, after_lost_syns_the_rto_begins_at_three_seconds,
		   one_lost_syn_leaves_the_initial_window, the_user_timeout_ends_connecting);
	TCase *either = tcase_create("how often");
	tcase_add_checked_fixture(either, setup, teardown);
	tcase_add_loop_test(either, tcp_syn_retries_and_tcp_syncnt_say_how_often, 0, 2);
	suite_add_tcase(s, either);
	return s;
}
