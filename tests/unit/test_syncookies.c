/* SPDX-License-Identifier: MIT */
/* SYN cookies (RFC 4987 3.6): a full SYN queue goes on answering, and only who has seen the answer gets
 * in. What is said below of an ACK is said in LISTEN: RFC 9293 3.10.7.2. */
#include "tests/unit/suites.h"
#include "tests/unit/wire.h"

static struct wire *w;

static void setup(void)
{
	w = wire_new();
	stack_sysctls(w->st)->tcp_syncookies = 2; /* always */
	wire_listen(w, 5);
}

static void teardown(void)
{
	wire_free(w);
}

static void expect_nobody(void)
{
	ck_assert_ptr_null(tcp_accept(w->listener));
	ck_assert_uint_eq(tcp_count(w->st).request_socks, 0);
}

/* RFC 4987 3.6: the state is in the initial sequence number. */
START_TEST(a_cookie_costs_no_memory)
{
	wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
	wire_out(w, "S. 0:0(0) ack 1");
	ck_assert_uint_eq(tcp_count(w->st).request_socks, 0);
	ck_assert_uint_eq(tcp_count(w->st).sockets, 1);
	wire_counts(w, TcpExtSyncookiesSent, 1);
	/* and nothing is sent again */
	wire_ms(w, 10000);
	wire_out_none(w);
}
END_TEST

/* RFC 9293 3.5, figure 6, with the second step forgotten. */
START_TEST(its_ack_makes_a_connection)
{
	wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
	wire_out(w, "S. 0:0(0) ack 1");
	wire_in(w, ". 1:1(0) ack 1 win 512");
	wire_out_none(w);
	wire_accept(w);
	wire_state(w, TCP_ESTABLISHED);
	wire_counts(w, TcpExtSyncookiesRecv, 1);
	wire_counts(w, TcpExtSyncookiesFailed, 0);
	wire_in(w, "P. 1:11(10) ack 1 win 512");
	wire_read(w, 10);
	wire_out_forget(w);
	wire_write(w, 10);
	wire_out(w, "P. 1:11(10) ack 11");
}
END_TEST

/* RFC 9293 3.10.7.4, seventh */
START_TEST(data_with_the_ack_is_kept)
{
	wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
	wire_out(w, "S. 0:0(0) ack 1");
	wire_in(w, "P. 1:11(10) ack 1 win 512");
	wire_accept(w);
	ck_assert_uint_eq(wire_unread(w), 10);
}
END_TEST

/* RFC 9293 3.10.7.4, fifth: the ACK and the first bytes were lost: what comes after them must not pass for the beginning. */
START_TEST(a_cookie_is_good_for_its_sequence_number_only)
{
	wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
	wire_out(w, "S. 0:0(0) ack 1");
	wire_in(w, "F. %d:%d(0) ack 1 win 512", 2 + _i, 2 + _i);
	expect_nobody();
	wire_counts(w, TcpExtSyncookiesFailed, 1);
}
END_TEST

/* RFC 9293 3.7.1, MUST-15, as far as two bits can say it. 536, 1300, 1440 and 1460: the largest that is not more than the peer's. */
START_TEST(the_cookie_keeps_the_mss)
{
	static const uint16_t mss[][2] = {{0, 536},	{100, 536},   {536, 536},
					  {1299, 536},	{1300, 1300}, {1439, 1300},
					  {1440, 1440}, {1460, 1460}, {9000, 1460}};
	wire_use(w, WIRE_PORT, (uint16_t)(4100 + _i));
	if (mss[_i][0])
		wire_in(w, "S 0:0(0) win 65535 <mss %u>", mss[_i][0]);
	else
		wire_in(w, "S 0:0(0) win 65535");
	wire_out(w, "S. 0:0(0) ack 1");
	wire_in(w, ". 1:1(0) ack 1 win 512");
	wire_accept(w);
	ck_assert_uint_eq(w->sk->mss_clamp, mss[_i][1]);
}
END_TEST

/* RFC 4987 3.6: what the cookie has no bits for is not agreed to. */
START_TEST(without_timestamps_there_is_no_other_option)
{
	wire_in(w, "S 0:0(0) win 65535 <mss 1460,sackOK,wscale 7>");
	wire_out(w, "S. 0:0(0) ack 1 <mss 1460,no-sackOK,no-wscale,no-ts>");
	wire_in(w, ". 1:1(0) ack 1 win 512");
	wire_accept(w);
	ck_assert(!w->sk->wscale_ok && !w->sk->sack_ok && !w->sk->c.tstamp_ok);
	ck_assert_uint_eq(w->sk->snd_wnd, 512);
}
END_TEST

/* RFC 7323 3.2: the echo brings back what the SYN-ACK said. */
START_TEST(timestamps_carry_the_options)
{
	wire_in(w, "S 0:0(0) win 65535 <mss 1460,sackOK,ts 77 0,wscale 9>");
	wire_out(w, "S. 0:0(0) ack 1 <mss 1460,sackOK,ts * 77,wscale 7>");
	wire_in(w, ". 1:1(0) ack 1 win 512");
	wire_accept(w);
	ck_assert(w->sk->wscale_ok && w->sk->sack_ok && w->sk->c.tstamp_ok);
	ck_assert_uint_eq(w->sk->snd_wscale, 9);
	ck_assert_uint_eq(w->sk->c.rcv_wscale, 7);
	ck_assert_uint_eq(w->sk->snd_wnd, 512 << 9);
	wire_write(w, 10);
	wire_out(w, "P. 1:11(10) ack 1 <ts * *>");
}
END_TEST

/* RFC 7323 1.3: an option is used only if both SYNs had it. */
START_TEST(timestamps_say_what_is_missing_too)
{
	wire_in(w, "S 0:0(0) win 65535 <mss 1460,ts 77 0>");
	wire_out(w, "S. 0:0(0) ack 1 <ts * 77,no-sackOK,no-wscale>");
	wire_in(w, ". 1:1(0) ack 1 win 512");
	wire_accept(w);
	ck_assert(!w->sk->wscale_ok && !w->sk->sack_ok && w->sk->c.tstamp_ok);
}
END_TEST

/* RFC 7323 5.4: it serves PAWS and RTTM all the same. The clock in the timestamp is never ahead of the true one, and at most 64 ms behind. */
START_TEST(the_timestamp_stays_a_clock)
{
	wire_ms(w, (uint64_t)_i * 7);
	wire_in(w, "S 0:0(0) win 65535 <mss 1460,sackOK,ts 77 0,wscale 14>");
	wire_out(w, "S. 0:0(0) ack 1 <ts * 77>");
	wire_in(w, ". 1:1(0) ack 1 win 512");
	wire_accept(w);
	uint32_t now_ms = tcp_ts_clock_ms(stack_now_us(w->st)) + w->sk->ts_off;
	ck_assert_uint_le(now_ms - w->at->last_tsval, 64);
	ck_assert_uint_eq(w->sk->snd_wscale, 14);
}
END_TEST

/* RFC 9293 3.10.7.2, second */
START_TEST(a_forged_ack_is_reset)
{
	wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
	wire_out(w, "S. 0:0(0) ack 1");
	wire_in(w, ". 1:1(0) ack 2 win 512");
	wire_out(w, "R 2:2(0)");
	wire_in(w, ". 1001:1001(0) ack 1 win 512"); /* not the sequence number that was answered */
	wire_out(w, "R 1:1(0)");
	wire_use(w, WIRE_PORT, 4001); /* not the port that was answered */
	w->at->iss = w->flow[0].iss;
	wire_in(w, ". 1:1(0) ack 1 win 512");
	wire_out(w, "R 1:1(0)");
	expect_nobody();
	wire_counts(w, TcpExtSyncookiesFailed, 3);
	ck_assert_uint_eq(host_drops(w->h, DROP_TCP_SYNCOOKIE_INVALID), 3);
}
END_TEST

/* RFC 9293 3.4.1, RFC 6528: a sequence number that cannot be guessed. One in 2^22 would be let in by chance. */
START_TEST(guessing_does_not_help)
{
	wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
	wire_out(w, "S. 0:0(0) ack 1");
	for (uint32_t i = 2; i < 3000; i++)
		wire_in(w, ". 1:1(0) ack %u win 512", i * 40503u);
	wire_out_forget(w);
	expect_nobody();
}
END_TEST

/* RFC 4987 3.6: its hash is over the time as well. */
START_TEST(a_cookie_is_good_for_a_minute)
{
	wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
	wire_out(w, "S. 0:0(0) ack 1");
	wire_ms(w, 59000);
	wire_in(w, ". 1:1(0) ack 1 win 512");
	wire_accept(w);
}
END_TEST

/* RFC 4987 3.6; and it may be shown again meanwhile, which is as old an ACK. */
START_TEST(a_stale_cookie_is_refused)
{
	wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
	wire_out(w, "S. 0:0(0) ack 1");
	wire_ms(w, 121000);
	wire_use(w, WIRE_PORT, 4001); /* cookies are still in use */
	wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
	wire_out(w, "S. 0:0(0) ack 1");
	wire_use(w, WIRE_PORT, 4000);
	wire_in(w, ". 1:1(0) ack 1 win 512");
	wire_out(w, "R 1:1(0)");
	expect_nobody();
	wire_counts(w, TcpExtSyncookiesFailed, 1);
}
END_TEST

/* No cookies were sent lately: an ACK is not even looked at. */
START_TEST(without_an_overflow_no_cookie_is_believed)
{
	wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
	wire_out(w, "S. 0:0(0) ack 1");
	w->listener->lq->synq_overflow_seen = false;
	wire_in(w, ". 1:1(0) ack 1 win 512");
	wire_out(w, "R 1:1(0)");
	expect_nobody();
	wire_counts(w, TcpExtSyncookiesFailed, 0);
}
END_TEST

/* RFC 4987 1: what it is for. */
START_TEST(a_syn_flood_leaves_the_door_open)
{
	struct sysctls *ctl = stack_sysctls(w->st);
	ctl->tcp_syncookies = 1;
	for (uint16_t i = 0; i < 6; i++) { /* the SYN queue holds the backlog and one more */
		wire_use(w, WIRE_PORT, (uint16_t)(5000 + i));
		wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
		wire_out(w, "S. 0:0(0) ack 1");
	}
	ck_assert_uint_eq(tcp_count(w->st).request_socks, 6);
	wire_counts(w, TcpExtTCPReqQFullDoCookies, 0);
	wire_use(w, WIRE_PORT, 6000);
	wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
	wire_out(w, "S. 0:0(0) ack 1");
	ck_assert_uint_eq(tcp_count(w->st).request_socks, 6);
	wire_counts(w, TcpExtTCPReqQFullDoCookies, 1);
	wire_counts(w, TcpExtSyncookiesSent, 1);
	wire_in(w, ". 1:1(0) ack 1 win 512");
	ck_assert_uint_eq(tcp_remote(wire_accept(w)).port, 6000);
}
END_TEST

/* RFC 4987 2: either bound of the queue. */
START_TEST(tcp_max_syn_backlog_fills_the_queue_too)
{
	struct sysctls *ctl = stack_sysctls(w->st);
	ctl->tcp_syncookies = 1;
	ctl->tcp_max_syn_backlog = 2;
	for (uint16_t i = 0; i < 3; i++) {
		wire_use(w, WIRE_PORT, (uint16_t)(5000 + i));
		wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
		wire_out(w, "S. 0:0(0) ack 1");
	}
	ck_assert_uint_eq(tcp_count(w->st).request_socks, 2);
	wire_counts(w, TcpExtSyncookiesSent, 1);
}
END_TEST

/* RFC 9293 3.10.7.4: as lost; the peer, whose data is not acknowledged, sends it again. */
START_TEST(a_full_accept_queue_drops_the_ack_of_a_cookie)
{
	ck_assert_int_eq(tcp_listen(w->listener, 0), 0);
	for (uint16_t i = 0; i < 2; i++) {
		wire_use(w, WIRE_PORT, (uint16_t)(5000 + i));
		wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
		wire_out(w, "S. 0:0(0) ack 1");
	}
	wire_use(w, WIRE_PORT, 5000);
	wire_in(w, ". 1:1(0) ack 1 win 512");
	wire_use(w, WIRE_PORT, 5001);
	wire_in(w, ". 1:1(0) ack 1 win 512");
	wire_out_none(w);
	wire_counts(w, TcpExtListenOverflows, 1);
	wire_counts(w, TcpExtListenDrops, 1);
	wire_accept(w);
	wire_in(w, "P. 1:11(10) ack 1 win 512"); /* its data knocks again */
	wire_accept(w);
	ck_assert_uint_eq(wire_unread(w), 10);
}
END_TEST

/* RFC 9293 3.10.7.2, second */
START_TEST(switched_off_nothing_is_believed)
{
	wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
	wire_out(w, "S. 0:0(0) ack 1");
	stack_sysctls(w->st)->tcp_syncookies = 0;
	wire_in(w, ". 1:1(0) ack 1 win 512");
	wire_out(w, "R 1:1(0)");
	expect_nobody();
}
END_TEST

Suite *syncookies_suite(void)
{
	Suite *s = suite_create("syncookies");
	TCase *tc = tcase_create("cookies");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_cookie_costs_no_memory);
	tcase_add_test(tc, its_ack_makes_a_connection);
	tcase_add_test(tc, data_with_the_ack_is_kept);
	tcase_add_loop_test(tc, the_cookie_keeps_the_mss, 0, 9);
	tcase_add_test(tc, without_timestamps_there_is_no_other_option);
	tcase_add_test(tc, timestamps_carry_the_options);
	tcase_add_test(tc, timestamps_say_what_is_missing_too);
	tcase_add_loop_test(tc, the_timestamp_stays_a_clock, 0, 12);
	tcase_add_test(tc, a_forged_ack_is_reset);
	tcase_add_test(tc, guessing_does_not_help);
	tcase_add_test(tc, a_cookie_is_good_for_a_minute);
	tcase_add_test(tc, a_stale_cookie_is_refused);
	tcase_add_test(tc, without_an_overflow_no_cookie_is_believed);
	tcase_add_test(tc, a_syn_flood_leaves_the_door_open);
	tcase_add_test(tc, tcp_max_syn_backlog_fills_the_queue_too);
	tcase_add_test(tc, a_full_accept_queue_drops_the_ack_of_a_cookie);
	tcase_add_test(tc, switched_off_nothing_is_believed);
	tcase_add_loop_test(tc, a_cookie_is_good_for_its_sequence_number_only, 0, 3);
	suite_add_tcase(s, tc);
	return s;
}
