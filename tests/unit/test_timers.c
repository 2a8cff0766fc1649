/* SPDX-License-Identifier: MIT */
/* What a connection does when nothing comes. */
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

/* --- RTO -------------------------------------------------------------------------------------- */

START_TEST(the_rto_doubles)
{
	sender_write(100);
	for (uint64_t rto = 300 * MS; rto < 10 * SEC; rto *= 2)
		expect_after(rto);
	ck_assert_uint_eq(sender_mib(TcpExtTCPTimeouts), 6);
}
END_TEST

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

START_TEST(what_icmp_said_is_the_reason)
{
	stack_sysctls(sender_stack)->tcp_retries2 = 3;
	sender_write(100);
	sender_sk->err_soft = EHOSTUNREACH;
	sender_wait(20 * SEC);
	expect_error(EHOSTUNREACH);
}
END_TEST

/* RFC 5482 */
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

/* --- zero window ------------------------------------------------------------------------------ */

static void close_window(void)
{
	sender_write(MSS);
	peer_ack_window(MSS, 0);
	sender_write(500);
	sender_forget();
}

START_TEST(probes_back_off)
{
	close_window();
	uint64_t interval = sender_sk->rto_us;
	for (unsigned i = 0; i < 5; i++, interval *= 2)
		expect_after(interval);
	ck_assert_uint_eq(sender_mib(TcpExtTCPWinProbe), 5);
}
END_TEST

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

START_TEST(unanswered_probes_end_the_connection)
{
	stack_sysctls(sender_stack)->tcp_retries2 = 3;
	close_window();
	sender_wait(20 * SEC);
	expect_error(ETIMEDOUT);
}
END_TEST

START_TEST(the_user_timeout_ends_probing)
{
	sender_sk->user_timeout_ms = 3000;
	close_window();
	sender_wait(10 * SEC);
	expect_error(ETIMEDOUT);
}
END_TEST

/* --- keepalive -------------------------------------------------------------------------------- */

static void keepalive(uint32_t idle, uint32_t interval, uint32_t count)
{
	sender_sk->keepalive = true;
	sender_sk->keepidle_s = idle;
	sender_sk->keepintvl_s = interval;
	sender_sk->keepcnt = count;
	tcp_keepalive_start(sender_sk, idle * SEC);
}

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

START_TEST(the_user_timeout_replaces_the_count)
{
	keepalive(10, 3, 100);
	sender_sk->user_timeout_ms = 15000;
	sender_wait(20 * SEC);
	expect_error(ETIMEDOUT);
}
END_TEST

/* --- delayed ACK ------------------------------------------------------------------------------ */

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
	tcase_add_test(tc, the_user_timeout_replaces_the_count);
	tcase_add_test(tc, a_delayed_ack_comes_within_200_ms);
	tcase_add_test(tc, data_takes_the_ack_with_it);
	suite_add_tcase(s, tc);
	return s;
}
