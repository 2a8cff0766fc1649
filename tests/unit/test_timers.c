/* SPDX-License-Identifier: MIT */
/* What a connection does when nothing comes: RFC 6298, RFC 9293 3.8.1 (retransmission), 3.8.3 (giving up),
 * 3.8.4 (keepalive), 3.8.6.1 (zero window), 3.8.6.3 (delayed ACKs). Of a SYN: test_syn_retries.c. */
#include <errno.h>

#include "tests/unit/sender.h"
#include "tests/unit/suites.h"

#define MSS SENDER_MSS
#define MS 1000ull
#define SEC 1000000ull

static void open_plain(void)
{
	sender_open(&(struct sender_options){.no_sack = true}); /* no loss probes */
}

/* Waits for the next segment; asserts that it came after about `us` (a tick more at most). */
static void expect_after(uint64_t us)
{
	sender_forget();
	uint64_t took = sender_wait_sent(us + SEC);
	ck_assert_uint_ge(took + 1 * MS, us);
	ck_assert_uint_le(took, us + 2 * MS);
}

static void expect_error(int err)
{
	ck_assert_uint_ne(sender_events() & TCP_EVENT_ERROR, 0);
	ck_assert_int_eq(tcp_error(sender_sk), err);
	ck_assert_int_eq(tcp_state(sender_sk), TCP_CLOSE);
}

/* --- RTO (RFC 6298) --------------------------------------------------------------------------- */

/* 5.5; RFC 9293 3.8.2, MUST-19 */
START_TEST(the_rto_doubles)
{
	sender_write(100);
	for (uint64_t rto = 300 * MS; rto < 10 * SEC; rto *= 2)
		expect_after(rto);
	ck_assert_uint_eq(sender_mib(TcpExtTCPTimeouts), 6);
}
END_TEST

/* 2.5, 5.5: a maximum may be placed on it. */
START_TEST(the_rto_stops_doubling_at_its_maximum)
{
	stack_sysctls(sender_stack)->tcp_rto_max_ms = 1000;
	sender_write(100);
	expect_after(300 * MS);
	expect_after(600 * MS);
	expect_after(1000 * MS);
	expect_after(1000 * MS);
}
END_TEST

/* 5.1: the timer is the oldest segment's; what is sent behind it does not put it off. */
START_TEST(more_data_does_not_put_the_timer_off)
{
	sender_write(MSS);
	sender_wait(200 * MS);
	sender_write(MSS);
	expect_after(100 * MS);
	expect_segment(0, MSS);
}
END_TEST

/* 5.3: an ACK of new data starts it anew, for what is left. */
START_TEST(an_ack_of_new_data_starts_the_timer_anew)
{
	sender_write(MSS);
	sender_wait(SENDER_RTT_US);
	sender_write(MSS);
	sender_wait(SENDER_RTT_US);
	peer_ack(MSS);
	expect_after(sender_sk->rto_us);
	expect_segment(MSS, MSS);
}
END_TEST

/* ... and one of nothing new does not. */
START_TEST(a_duplicate_ack_does_not)
{
	sender_write(3 * MSS);
	sender_wait(SENDER_RTT_US);
	peer_ack(0);
	expect_after(300 * MS - SENDER_RTT_US);
	expect_segment(0, MSS);
}
END_TEST

/* 5.2: with nothing in flight there is no timer. */
START_TEST(an_ack_of_everything_stops_the_timer)
{
	sender_write(3 * MSS);
	sender_wait(SENDER_RTT_US);
	peer_ack(3 * MSS);
	sender_forget();
	sender_wait(100 * SEC);
	expect_silence();
	ck_assert_uint_eq(sender_mib(TcpExtTCPTimeouts), 0);
}
END_TEST

/* 5.7 and the end of 5: a new sample, of what was sent once (3, Karn), sets it anew. */
START_TEST(progress_takes_the_backoff_back)
{
	sender_write(2 * MSS);
	expect_after(300 * MS);
	expect_after(600 * MS);
	sender_forget();
	peer_ack(2 * MSS);
	sender_write(MSS); /* sent once: gives a sample */
	sender_wait(SENDER_RTT_US);
	peer_ack(3 * MSS);
	ck_assert_uint_le(sender_sk->rto_us, 350 * MS);
}
END_TEST

/* RFC 9293 3.8.3, MUST-20: R2, by default what fifteen retransmissions take. */
START_TEST(retries2_ends_the_connection)
{
	stack_sysctls(sender_stack)->tcp_retries2 = 3; /* 200 ms * (1 + 2 + 4 + 8) */
	sender_write(100);
	sender_wait(2900 * MS);
	ck_assert_int_eq(tcp_state(sender_sk), TCP_ESTABLISHED);
	sender_wait(10 * SEC);
	expect_error(ETIMEDOUT);
	ck_assert_uint_eq(sender_mib(TcpExtTCPAbortOnTimeout), 1);
}
END_TEST

/* RFC 9293 3.9.2.2, MUST-56: unreachable is a hint; what it said is told in the end. */
START_TEST(what_icmp_said_is_the_reason)
{
	stack_sysctls(sender_stack)->tcp_retries2 = 3;
	sender_write(100);
	sender_sk->err_soft = EHOSTUNREACH;
	sender_wait(20 * SEC);
	expect_error(EHOSTUNREACH);
}
END_TEST

/* RFC 5482 3.1: instead of retries2, to the time. */
START_TEST(the_user_timeout_ends_the_connection)
{
	sender_sk->user_timeout_ms = 2000;
	sender_write(100);
	sender_wait(1900 * MS);
	ck_assert_int_eq(tcp_state(sender_sk), TCP_ESTABLISHED);
	sender_wait(500 * MS);
	expect_error(ETIMEDOUT);
}
END_TEST

/* RFC 9293 3.8.3 lets the program choose R2; for one that has gone tcp_orphan_retries does. */
START_TEST(an_orphan_is_given_up_sooner)
{
	stack_sysctls(sender_stack)->tcp_orphan_retries = 2;
	sender_write(100);
	tcp_close(sender_sk, false);
	sender_sk = NULL;
	sender_flush();
	ck_assert_uint_eq(tcp_count(sender_stack).orphans, 1);
	sender_wait(10 * SEC);
	ck_assert_uint_eq(tcp_count(sender_stack).orphans, 0);
	ck_assert_uint_eq(tcp_count(sender_stack).sockets, 0);
}
END_TEST

/* RFC 9293 3.8.6, MUST-35; 3.8.6.1, MUST-37: as long as the peer answers. */
START_TEST(a_window_closed_over_data_does_not_end_the_connection)
{
	stack_sysctls(sender_stack)->tcp_retries2 = 3;
	sender_write(3 * MSS);
	sender_forget();
	peer_ack_window(MSS, 0);
	for (unsigned i = 0; i < 10; i++) {
		sender_wait_sent(200 * SEC);
		expect_segment(MSS, MSS);
		peer_ack_window(MSS, 0);
	}
	ck_assert_int_eq(tcp_state(sender_sk), TCP_ESTABLISHED);
	ck_assert_uint_eq(sender_mib(TcpExtTCPTimeouts), 0);
	peer_ack_window(3 * MSS, 5000);
	ck_assert_uint_eq(tcp_outq_bytes(sender_sk), 0);
}
END_TEST

/* --- zero window (RFC 9293 3.8.6.1) ----------------------------------------------------------- */

static void close_window(void)
{
	sender_write(MSS);
	peer_ack_window(MSS, 0);
	sender_write(500);
	sender_forget();
}

/* MUST-36, SHLD-29, SHLD-30: after an RTO, and then exponentially apart. */
START_TEST(probes_back_off)
{
	close_window();
	uint64_t interval = sender_sk->rto_us;
	for (unsigned i = 0; i < 5; i++, interval *= 2)
		expect_after(interval);
	ck_assert_uint_eq(sender_mib(TcpExtTCPWinProbe), 5);
}
END_TEST

/* MUST-37: indefinitely. */
START_TEST(a_window_that_stays_closed_but_answers_is_waited_for)
{
	stack_sysctls(sender_stack)->tcp_retries2 = 3;
	close_window();
	for (unsigned i = 0; i < 12; i++) {
		sender_forget();
		sender_wait_sent(200 * SEC);
		peer_ack_window(MSS, 0);
	}
	ck_assert_int_eq(tcp_state(sender_sk), TCP_ESTABLISHED);
}
END_TEST

/* RFC 9293 3.8.3: a peer that is not there is given up, as with data. */
START_TEST(unanswered_probes_end_the_connection)
{
	stack_sysctls(sender_stack)->tcp_retries2 = 3;
	close_window();
	sender_wait(20 * SEC);
	expect_error(ETIMEDOUT);
}
END_TEST

/* RFC 5482 3.1 */
START_TEST(the_user_timeout_ends_probing)
{
	sender_sk->user_timeout_ms = 3000;
	close_window();
	sender_wait(10 * SEC);
	expect_error(ETIMEDOUT);
}
END_TEST

/* --- keepalive (RFC 9293 3.8.4; only where asked for: MUST-24, MUST-25) ------------------------ */

static void keepalive(uint32_t idle, uint32_t interval, uint32_t count)
{
	sender_sk->keepalive = true;
	sender_sk->keepidle_s = idle;
	sender_sk->keepintvl_s = interval;
	sender_sk->keepcnt = count;
	tcp_keepalive_start(sender_sk, idle * SEC);
}

/* SHLD-12: no data; its number is before what is expected, so that the peer answers. */
START_TEST(an_idle_connection_is_probed)
{
	keepalive(10, 3, 3);
	sender_forget();
	uint64_t took = sender_wait_sent(12 * SEC);
	ck_assert_uint_ge(took, 9 * SEC);
	struct sent s = sender_sent();
	ck_assert_uint_eq(s.len, 0);
	ck_assert_uint_eq(s.seq, (uint32_t)-1);
	peer_ack(0);
	expect_after(10 * SEC); /* from the answer on */
	ck_assert_uint_eq(sender_mib(TcpExtTCPKeepAlive), 2);
}
END_TEST

/* MUST-29: one probe that is not answered proves nothing; so many do. */
START_TEST(a_dead_peer_is_found)
{
	keepalive(10, 3, 3);
	sender_wait(10 * SEC);
	sender_forget();
	expect_after(3 * SEC);
	expect_after(3 * SEC);
	sender_forget();
	sender_wait(4 * SEC);
	ck_assert_uint_ne(sender_sent().flags & TCP_RST, 0);
	expect_error(ETIMEDOUT);
}
END_TEST

/* MUST-26: only where nothing has come for that long. */
START_TEST(traffic_puts_the_probe_off)
{
	keepalive(10, 3, 3);
	for (unsigned i = 0; i < 5; i++) {
		sender_wait(5 * SEC);
		sender_write(10);
		peer_ack(10 * (i + 1));
	}
	ck_assert_uint_eq(sender_mib(TcpExtTCPKeepAlive), 0);
}
END_TEST

/* MUST-26: nor while data is in flight or waits for the window: it has timers of its own. */
START_TEST(data_that_waits_is_not_probed_for)
{
	keepalive(1, 1, 1);
	sender_write(MSS);
	sender_wait(5 * SEC);
	ck_assert_uint_eq(sender_mib(TcpExtTCPKeepAlive), 0);
	peer_ack_window(MSS, 0);
	sender_write(MSS);
	for (unsigned i = 0; i < 5; i++) {
		sender_wait(2 * SEC);
		peer_ack_window(MSS, 0);
	}
	ck_assert_uint_eq(sender_mib(TcpExtTCPKeepAlive), 0);
	ck_assert_int_eq(tcp_state(sender_sk), TCP_ESTABLISHED);
}
END_TEST

/* As Linux: a TCP_USER_TIMEOUT counts instead of the number of probes. */
START_TEST(the_user_timeout_replaces_the_count)
{
	keepalive(10, 3, 100);
	sender_sk->user_timeout_ms = 15000;
	sender_wait(20 * SEC);
	expect_error(ETIMEDOUT);
}
END_TEST

/* --- delayed ACK (RFC 9293 3.8.6.3) ----------------------------------------------------------- */

/* MUST-40: in less than 0.5 s. */
START_TEST(a_delayed_ack_comes_within_200_ms)
{
	sender_sk->quick_acks = 0;
	sender_sk->ack_now = false;
	sender_sk->ato_us = TCP_ATO_MIN_US;
	tcp_schedule_delack(sender_sk);
	uint64_t took = sender_wait_sent(300 * MS);
	ck_assert_uint_ge(took, 40 * MS);
	ck_assert_uint_le(took, 42 * MS);
	ck_assert_uint_eq(sender_sent().flags, TCP_ACK);
	ck_assert_uint_eq(sender_mib(TcpExtDelayedACKs), 1);
	ck_assert_uint_eq(sender_sk->ato_us, 80 * MS);
}
END_TEST

/* SHLD-18: what the delay is for. */
START_TEST(data_takes_the_ack_with_it)
{
	sender_sk->quick_acks = 0;
	sender_sk->ack_now = false;
	tcp_schedule_delack(sender_sk);
	sender_write(100);
	expect_segment(0, 100);
	peer_ack(100);
	sender_wait(300 * MS);
	expect_silence();
}
END_TEST

static TCase *with(const char *name, void (*setup)(void))
{
	TCase *tc = tcase_create(name);
	tcase_add_checked_fixture(tc, setup, sender_close);
	return tc;
}

Suite *timers_suite(void)
{
	Suite *s = suite_create("timers");
	TCase *tc = with("timers", open_plain);
	tcase_add_test(tc, the_rto_doubles);
	tcase_add_test(tc, the_rto_stops_doubling_at_its_maximum);
	tcase_add_test(tc, more_data_does_not_put_the_timer_off);
	tcase_add_test(tc, an_ack_of_new_data_starts_the_timer_anew);
	tcase_add_test(tc, a_duplicate_ack_does_not);
	tcase_add_test(tc, an_ack_of_everything_stops_the_timer);
	tcase_add_test(tc, progress_takes_the_backoff_back);
	tcase_add_test(tc, retries2_ends_the_connection);
	tcase_add_test(tc, what_icmp_said_is_the_reason);
	tcase_add_test(tc, the_user_timeout_ends_the_connection);
	tcase_add_test(tc, an_orphan_is_given_up_sooner);
	tcase_add_test(tc, a_window_closed_over_data_does_not_end_the_connection);
	tcase_add_test(tc, probes_back_off);
	tcase_add_test(tc, a_window_that_stays_closed_but_answers_is_waited_for);
	tcase_add_test(tc, unanswered_probes_end_the_connection);
	tcase_add_test(tc, the_user_timeout_ends_probing);
	tcase_add_test(tc, an_idle_connection_is_probed);
	tcase_add_test(tc, a_dead_peer_is_found);
	tcase_add_test(tc, traffic_puts_the_probe_off);
	tcase_add_test(tc, data_that_waits_is_not_probed_for);
	tcase_add_test(tc, the_user_timeout_replaces_the_count);
	tcase_add_test(tc, a_delayed_ack_comes_within_200_ms);
	tcase_add_test(tc, data_takes_the_ack_with_it);
	suite_add_tcase(s, tc);
	return s;
}
