/* SPDX-License-Identifier: MIT */
/* TIME_WAIT: what it answers, how long it lasts, and which new connections may take its place. */
#include <stdio.h>

#include "tests/unit/suites.h"
#include "tests/unit/wire.h"

#define SYN_OPTIONS "mss 1460,sackOK,wscale 7"

static struct wire *w;

static void setup(void)
{
	w = wire_new();
}

static void teardown(void)
{
	wire_free(w);
}

static uint32_t timewaits(void)
{
	return tcp_count(w->st).timewait;
}

/* Opened by the peer, closed by us first: both sequence numbers stand at 2. */
static void reach_time_wait(const char *options)
{
	wire_passive_open(w, options, 512);
	wire_close(w);
	wire_out(w, "F. 1:1(0) ack 1");
	wire_in(w, ". 1:1(0) ack 2 win 512");
	wire_in(w, "F. 1:1(0) ack 2 win 512");
	wire_out(w, ". 2:2(0) ack 2");
	wire_out_none(w);
	ck_assert_uint_eq(timewaits(), 1);
}

static void reach_fin_wait_2(void)
{
	wire_passive_open(w, SYN_OPTIONS, 512);
	wire_close(w);
	wire_out(w, "F. 1:1(0) ack 1");
	wire_in(w, ". 1:1(0) ack 2 win 512");
	wire_out_none(w);
}

/* --- its life -------------------------------------------------------------------------------- */

START_TEST(the_connection_is_gone_and_a_timewait_sock_stands_in_its_place)
{
	reach_time_wait(SYN_OPTIONS);
	struct tcp_counts n = tcp_count(w->st);
	ck_assert_uint_eq(n.sockets, 1); /* the listener */
	ck_assert_uint_eq(n.orphans, 0);
	wire_counts(w, TcpExtTW, 1);
	wire_counts(w, TcpCurrEstab, 0);
}
END_TEST

START_TEST(it_lasts_a_minute)
{
	reach_time_wait(SYN_OPTIONS);
	wire_ms(w, 59900);
	ck_assert_uint_eq(timewaits(), 1);
	wire_ms(w, 200);
	ck_assert_uint_eq(timewaits(), 0);
	wire_in(w, "F. 1:1(0) ack 2 win 512");
	wire_out(w, "R 2:2(0)");
}
END_TEST

START_TEST(its_length_can_be_changed)
{
	stack_sysctls(w->st)->tcp_timewait_len_ms = 1000;
	reach_time_wait(SYN_OPTIONS);
	wire_ms(w, 1100);
	ck_assert_uint_eq(timewaits(), 0);
}
END_TEST

START_TEST(simultaneous_close_ends_there_too)
{
	wire_passive_open(w, SYN_OPTIONS, 512);
	wire_close(w);
	wire_out(w, "F. 1:1(0) ack 1");
	wire_in(w, "F. 1:1(0) ack 1 win 512");
	wire_out(w, ". 2:2(0) ack 2");
	wire_in(w, ". 2:2(0) ack 2 win 512");
	ck_assert_uint_eq(timewaits(), 1);
}
END_TEST

START_TEST(who_closes_last_has_none)
{
	wire_passive_open(w, SYN_OPTIONS, 512);
	wire_in(w, "F. 1:1(0) ack 1 win 512");
	wire_out_forget(w);
	wire_close(w);
	wire_out(w, "F. 1:1(0) ack 2");
	wire_in(w, ". 2:2(0) ack 2 win 512");
	ck_assert_uint_eq(timewaits(), 0);
	ck_assert_uint_eq(tcp_count(w->st).sockets, 1);
}
END_TEST

START_TEST(their_number_is_bounded)
{
	stack_sysctls(w->st)->tcp_max_tw_buckets = 0;
	wire_passive_open(w, SYN_OPTIONS, 512);
	wire_close(w);
	wire_in(w, ". 1:1(0) ack 2 win 512");
	wire_in(w, "F. 1:1(0) ack 2 win 512");
	ck_assert_uint_eq(timewaits(), 0);
	ck_assert_uint_eq(tcp_count(w->st).sockets, 1);
	ck_assert_uint_ge(wire_counter(w, TcpExtTCPTimeWaitOverflow), 1);
}
END_TEST

static bool find_row(void *arg, const struct tcp_diag *d)
{
	unsigned *state = arg;
	if (d->state == TCP_LISTEN)
		return true;
	*state = d->state;
	ck_assert_str_eq(d->timer, "timewait");
	ck_assert_ptr_null(d->sk);
	return true;
}

START_TEST(ss_shows_the_substate)
{
	unsigned state = 0;
	reach_fin_wait_2();
	tcp_for_each(w->st, find_row, &state);
	ck_assert_uint_eq(state, TCP_FIN_WAIT2);
	wire_in(w, "F. 1:1(0) ack 2 win 512");
	tcp_for_each(w->st, find_row, &state);
	ck_assert_uint_eq(state, TCP_TIME_WAIT);
}
END_TEST

/* --- what it answers ------------------------------------------------------------------------- */

START_TEST(a_repeated_fin_is_acknowledged_and_the_time_begins_anew)
{
	reach_time_wait(SYN_OPTIONS);
	wire_ms(w, 30000);
	wire_in(w, "F. 1:1(0) ack 2 win 512");
	wire_out(w, ". 2:2(0) ack 2");
	wire_ms(w, 59900);
	ck_assert_uint_eq(timewaits(), 1);
	wire_ms(w, 200);
	ck_assert_uint_eq(timewaits(), 0);
}
END_TEST

START_TEST(bare_old_segments_are_answered_at_a_limited_rate)
{
	reach_time_wait(SYN_OPTIONS);
	for (int i = 0; i < 4; i++)
		wire_in(w, ". 1:1(0) ack 2 win 512");
	wire_out(w, ". 2:2(0) ack 2");
	wire_out_none(w);
	wire_counts(w, TcpExtTCPACKSkippedTimeWait, 3);
}
END_TEST

START_TEST(an_expected_bare_ack_is_not_answered)
{
	reach_time_wait(SYN_OPTIONS);
	wire_in(w, ". 2:2(0) ack 2 win 512");
	wire_out_none(w);
	ck_assert_uint_eq(timewaits(), 1);
}
END_TEST

/* RFC 1337: a reset may end it, unless tcp_rfc1337 says otherwise. */
START_TEST(a_reset_ends_it)
{
	reach_time_wait(SYN_OPTIONS);
	wire_in(w, "R 2:2(0) win 0");
	wire_out_none(w);
	ck_assert_uint_eq(timewaits(), 0);
}
END_TEST

START_TEST(a_reset_does_not_end_it_with_rfc1337)
{
	stack_sysctls(w->st)->tcp_rfc1337 = 1;
	reach_time_wait(SYN_OPTIONS);
	wire_in(w, "R 2:2(0) win 0");
	wire_out_none(w);
	ck_assert_uint_eq(timewaits(), 1);
}
END_TEST

START_TEST(a_reset_elsewhere_does_nothing)
{
	reach_time_wait(SYN_OPTIONS);
	wire_in(w, "R 9:9(0) win 0");
	wire_out_none(w);
	ck_assert_uint_eq(timewaits(), 1);
}
END_TEST

START_TEST(the_answer_has_timestamps)
{
	reach_time_wait(WIRE_OPTIONS);
	wire_in(w, "F. 1:1(0) ack 2 win 512");
	wire_out(w, ". 2:2(0) ack 2 <ts * *>");
}
END_TEST

/* RFC 7323 5.3 */
START_TEST(paws_holds_here_too)
{
	reach_time_wait(WIRE_OPTIONS);
	wire_in(w, "S 9000:9000(0) win 65535 <mss 1460,ts 5 0>");
	wire_out(w, ". 2:2(0) ack 2");
	wire_counts(w, TcpExtPAWSEstab, 1);
	ck_assert_uint_eq(timewaits(), 1);
}
END_TEST

/* --- FIN_WAIT_2 as its substate -------------------------------------------------------------- */

START_TEST(an_orphans_fin_wait_2_is_light)
{
	reach_fin_wait_2();
	ck_assert_uint_eq(timewaits(), 1);
	ck_assert_uint_eq(tcp_count(w->st).sockets, 1);
	wire_in(w, "F. 1:1(0) ack 2 win 512");
	wire_out(w, ". 2:2(0) ack 2");
	ck_assert_uint_eq(timewaits(), 1);
	wire_ms(w, 60100);
	ck_assert_uint_eq(timewaits(), 0);
}
END_TEST

START_TEST(fin_wait_2_ends_after_tcp_fin_timeout)
{
	stack_sysctls(w->st)->tcp_fin_timeout_s = 5;
	reach_fin_wait_2();
	wire_ms(w, 4900);
	ck_assert_uint_eq(timewaits(), 1);
	wire_ms(w, 200);
	ck_assert_uint_eq(timewaits(), 0);
	wire_in(w, "F. 1:1(0) ack 2 win 512");
	wire_out(w, "R 2:2(0)");
}
END_TEST

/* RFC 9293 3.6: nobody will read it. */
START_TEST(data_after_close_is_reset)
{
	reach_fin_wait_2();
	wire_in(w, "P. 1:11(10) ack 2 win 512");
	wire_out(w, "R 2:2(0)");
	ck_assert_uint_eq(timewaits(), 0);
	wire_counts(w, TcpExtTCPAbortOnData, 1);
}
END_TEST

START_TEST(fin_wait_2_takes_resets_and_ignores_acks)
{
	reach_fin_wait_2();
	wire_in(w, ". 1:1(0) ack 2 win 512");
	wire_out_none(w);
	ck_assert_uint_eq(timewaits(), 1);
	wire_in(w, "R 1:1(0) win 0");
	wire_out_none(w);
	ck_assert_uint_eq(timewaits(), 0);
}
END_TEST

START_TEST(fin_wait_2_answers_what_lies_outside_its_window)
{
	reach_fin_wait_2();
	wire_in(w, ". 900001:900001(0) ack 2 win 512");
	wire_out(w, ". 2:2(0) ack 1");
	wire_in(w, ". 900001:900001(0) ack 2 win 512");
	wire_out_none(w);
	wire_counts(w, TcpExtTCPACKSkippedFinWait2, 1);
}
END_TEST

START_TEST(fin_wait_2_resets_a_new_syn)
{
	reach_fin_wait_2();
	wire_in(w, "S 5000:5000(0) win 65535 <mss 1460>");
	wire_out(w, "R. %u:%u(0) ack 5001", 0u - w->at->iss, 0u - w->at->iss);
	ck_assert_uint_eq(timewaits(), 0);
}
END_TEST

/* --- a new connection in its place ----------------------------------------------------------- */

/* RFC 1122 4.2.2.13: beyond the old connection's sequence numbers; ours go beyond its as well. */
START_TEST(a_syn_beyond_the_old_sequence_numbers_is_a_new_connection)
{
	struct wire_segment s;
	reach_time_wait(SYN_OPTIONS);
	uint32_t old_iss = w->at->iss;
	wire_in(w, "S 3:3(0) win 65535 <mss 1460>");
	ck_assert(wire_next(w, &s));
	ck_assert_uint_eq(s.flags, TCP_SYN | TCP_ACK);
	ck_assert_uint_eq(s.ack, 4);
	ck_assert_uint_eq(w->at->iss - old_iss, 2 + 65535 + 2);
	ck_assert_uint_eq(timewaits(), 0);
	wire_in(w, ". 4:4(0) ack 1 win 512");
	wire_accept(w);
	wire_state(w, TCP_ESTABLISHED);
}
END_TEST

START_TEST(a_syn_within_them_is_not)
{
	reach_time_wait(SYN_OPTIONS);
	wire_in(w, "S 1:1(0) win 65535 <mss 1460>");
	wire_out(w, ". 2:2(0) ack 2"); /* the peer resets what it does not know, and asks again */
	ck_assert_uint_eq(timewaits(), 1);
	wire_in(w, "R 2:2(0) win 0");
	wire_in(w, "S 1:1(0) win 65535 <mss 1460>");
	wire_out(w, "S. 0:0(0) ack 2");
}
END_TEST

/* Such a SYN does not make TIME_WAIT last longer. */
START_TEST(a_syn_within_them_does_not_prolong_it)
{
	reach_time_wait(SYN_OPTIONS);
	wire_ms(w, 50000);
	wire_in(w, "S 1:1(0) win 65535 <mss 1460>");
	wire_ms(w, 10100);
	ck_assert_uint_eq(timewaits(), 0);
}
END_TEST

/* RFC 6191 2: a newer timestamp is proof enough, whatever the sequence number. */
START_TEST(a_newer_timestamp_makes_a_new_connection_of_any_syn)
{
	reach_time_wait(WIRE_OPTIONS);
	uint32_t ts = tcp_ts_clock_ms(stack_now_us(w->st)) + 10;
	w->at->peer_iss -= 1000000;
	wire_in(w, "S 0:0(0) win 65535 <mss 1460,sackOK,ts %u 0,wscale 7>", ts);
	wire_out(w, "S. 0:0(0) ack 1 <ts * %u>", ts);
	ck_assert_uint_eq(timewaits(), 0);
	wire_in(w, ". 1:1(0) ack 1 win 512 <ts %u %u>", ts, w->at->last_tsval);
	wire_accept(w);
}
END_TEST

START_TEST(an_equal_timestamp_does_not)
{
	reach_time_wait(WIRE_OPTIONS);
	uint32_t ts = tcp_ts_clock_ms(stack_now_us(w->st));
	w->at->peer_iss -= 1000000;
	wire_in(w, "S 0:0(0) win 65535 <mss 1460,sackOK,ts %u 0,wscale 7>", ts);
	struct wire_segment s;
	ck_assert(wire_next(w, &s));
	ck_assert_uint_eq(s.flags, TCP_ACK);
	ck_assert_uint_eq(timewaits(), 1);
}
END_TEST

START_TEST(without_a_listener_it_stays)
{
	reach_time_wait(SYN_OPTIONS);
	tcp_close(w->listener, false);
	wire_in(w, "S 3:3(0) win 65535 <mss 1460>");
	wire_out(w, ". 2:2(0) ack 2");
	ck_assert_uint_eq(timewaits(), 1);
}
END_TEST

/* 32 clients that open one connection per request do not stall. */
START_TEST(one_connection_per_request_goes_on_for_ever)
{
	for (uint32_t i = 0; i < 200; i++) {
		char options[64];
		snprintf(options, sizeof(options), "mss 1460,sackOK,ts %u 0,wscale 7",
			 tcp_ts_clock_ms(stack_now_us(w->st)));
		reach_time_wait(options);
		wire_ms(w, 2);
		w->at->peer_iss += 100;
	}
	ck_assert_uint_eq(timewaits(), 1);
	wire_counts(w, TcpPassiveOpens, 200);
}
END_TEST

/* --- connect() ------------------------------------------------------------------------------- */

static void only_port(uint16_t port)
{
	stack_sysctls(w->st)->ip_local_port_range[0] = port;
	stack_sysctls(w->st)->ip_local_port_range[1] = port;
}

static int connect_again(void)
{
	struct sock_addr peer = {.addr = ip_v4(PEER_V4), .port = WIRE_PEER_PORT};
	w->sk = wire_socket(w);
	w->written = w->read = 0;
	int err = tcp_connect(w->sk, &peer);
	wire_flush(w);
	return err;
}

static void client_time_wait(const char *options)
{
	only_port(40000);
	wire_active_open(w, options, 512);
	wire_close(w);
	wire_out(w, "F. 1:1(0) ack 1");
	wire_in(w, "F. 1:1(0) ack 2 win 512");
	wire_out(w, ". 2:2(0) ack 2");
	ck_assert_uint_eq(timewaits(), 1);
}

/* tcp_tw_reuse: a second after the last timestamp, connect() may take the tuple over. */
START_TEST(connect_takes_over_a_timewait_after_a_second)
{
	client_time_wait("mss 1460,sackOK,ts 1000 0,wscale 7");
	uint32_t old_iss = w->at->iss;
	ck_assert_int_eq(connect_again(), -99 /* EADDRNOTAVAIL */);
	tcp_close(w->sk, false);
	wire_ms(w, 1100);
	ck_assert_int_eq(connect_again(), 0);
	wire_out(w, "S 0:0(0)");
	ck_assert_uint_eq(w->at->iss - old_iss, 2 + 65535 + 2);
	ck_assert_uint_eq(timewaits(), 0);
	wire_counts(w, TcpExtTWRecycled, 1);
}
END_TEST

START_TEST(connect_does_not_without_timestamps)
{
	client_time_wait(SYN_OPTIONS);
	wire_ms(w, 5000);
	ck_assert_int_eq(connect_again(), -99);
	ck_assert_uint_eq(timewaits(), 1);
}
END_TEST

START_TEST(connect_does_not_when_tcp_tw_reuse_is_off)
{
	client_time_wait("mss 1460,sackOK,ts 1000 0,wscale 7");
	stack_sysctls(w->st)->tcp_tw_reuse = 0;
	wire_ms(w, 5000);
	ck_assert_int_eq(connect_again(), -99);
	stack_sysctls(w->st)->tcp_tw_reuse = 2; /* loopback only */
	ck_assert_int_eq(connect_again(), -99);
}
END_TEST

Suite *timewait_suite(void)
{
	Suite *s = suite_create("timewait");
	SUITE_CASE(s, "life", setup, teardown,
		   the_connection_is_gone_and_a_timewait_sock_stands_in_its_place,
		   it_lasts_a_minute, its_length_can_be_changed, simultaneous_close_ends_there_too,
		   who_closes_last_has_none, their_number_is_bounded, ss_shows_the_substate);
	SUITE_CASE(
	    s, "answers", setup, teardown, a_repeated_fin_is_acknowledged_and_the_time_begins_anew,
	    bare_old_segments_are_answered_at_a_limited_rate, an_expected_bare_ack_is_not_answered,
	    a_reset_ends_it, a_reset_does_not_end_it_with_rfc1337, a_reset_elsewhere_does_nothing,
	    the_answer_has_timestamps, paws_holds_here_too);
	SUITE_CASE(s, "FIN_WAIT_2", setup, teardown, an_orphans_fin_wait_2_is_light,
		   fin_wait_2_ends_after_tcp_fin_timeout, data_after_close_is_reset,
		   fin_wait_2_takes_resets_and_ignores_acks,
		   fin_wait_2_answers_what_lies_outside_its_window, fin_wait_2_resets_a_new_syn);
	SUITE_CASE(s, "reuse", setup, teardown,
		   a_syn_beyond_the_old_sequence_numbers_is_a_new_connection,
		   a_syn_within_them_is_not, a_syn_within_them_does_not_prolong_it,
		   a_newer_timestamp_makes_a_new_connection_of_any_syn, an_equal_timestamp_does_not,
		   without_a_listener_it_stays, one_connection_per_request_goes_on_for_ever,
		   connect_takes_over_a_timewait_after_a_second,
		   connect_does_not_without_timestamps, connect_does_not_when_tcp_tw_reuse_is_off);
	return s;
}
