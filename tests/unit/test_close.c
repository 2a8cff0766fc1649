/* SPDX-License-Identifier: MIT */
/* Closing: RFC 9293 3.6 and 3.10.4, every state after ESTABLISHED. */
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

/* --- normal close (RFC 9293 figure 12) -------------------------------------------------------- */

START_TEST(we_close_first)
{
	half_close();
	wire_out(w, "F. 1:1(0) ack 1");
	wire_state(w, TCP_FIN_WAIT1);
	wire_in(w, ". 1:1(0) ack 2 win 500");
	wire_state(w, TCP_FIN_WAIT2);
	wire_out_none(w);
	wire_in(w, "F. 1:1(0) ack 2 win 500");
	wire_out(w, ". 2:2(0) ack 2");
	wire_state(w, TCP_CLOSE);
	wire_events(w, TCP_EVENT_EOF | TCP_EVENT_CLOSED);
	ck_assert_uint_eq(timewaits(), 1);
	ck_assert(tcp_recv_eof(w->sk));
	ck_assert_int_eq(tcp_error(w->sk), 0);
	wire_counts(w, TcpEstabResets, 0);
	wire_counts(w, TcpCurrEstab, 0);
}
END_TEST

START_TEST(the_peer_closes_first)
{
	wire_in(w, "F. 1:1(0) ack 1 win 500");
	wire_state(w, TCP_CLOSE_WAIT);
	wire_events(w, TCP_EVENT_EOF);
	wire_counts(w, TcpCurrEstab, 1);
	wire_ms(w, 50);
	wire_out(w, ". 1:1(0) ack 2");
	wire_write(w, 100);
	wire_out(w, "P. 1:101(100) ack 2");
	wire_in(w, ". 2:2(0) ack 101 win 500");
	half_close();
	wire_out(w, "F. 101:101(0) ack 2");
	wire_state(w, TCP_LAST_ACK);
	wire_in(w, ". 2:2(0) ack 102 win 500");
	wire_state(w, TCP_CLOSE);
	wire_events(w, TCP_EVENT_CLOSED);
	ck_assert_uint_eq(timewaits(), 0);
	wire_out_none(w);
}
END_TEST

/* RFC 9293 3.8.6.3 lets an ACK wait for data to ride on: of a program that has not been sent a byte
 * no answer is to be expected. */
START_TEST(a_fin_before_any_data_is_acknowledged_at_once)
{
	wire_in(w, "F. 1:1(0) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 2");
}
END_TEST

START_TEST(our_fin_answers_theirs)
{
	wire_in_batch(w, "F. 1:1(0) ack 1 win 500");
	wire_close(w);
	wire_out(w, "F. 1:1(0) ack 2");
	wire_out_none(w);
	wire_in(w, ". 2:2(0) ack 2 win 500");
	ck_assert_uint_eq(connections(), 0);
	wire_in(w, ". 2:2(0) ack 2 win 500");
	wire_out(w, "R 2:2(0)");
}
END_TEST

START_TEST(fin_and_its_ack_in_one_segment)
{
	half_close();
	wire_out(w, "F. 1:1(0) ack 1");
	wire_in(w, "F. 1:1(0) ack 2 win 500");
	wire_out(w, ". 2:2(0) ack 2");
	wire_state(w, TCP_CLOSE);
	ck_assert_uint_eq(timewaits(), 1);
}
END_TEST

/* RFC 9293 figure 13. */
START_TEST(simultaneous_close)
{
	half_close();
	wire_out(w, "F. 1:1(0) ack 1");
	wire_in(w, "F. 1:1(0) ack 1 win 500");
	wire_out(w, ". 2:2(0) ack 2");
	wire_state(w, TCP_CLOSING);
	wire_in(w, ". 2:2(0) ack 2 win 500");
	wire_state(w, TCP_CLOSE);
	ck_assert_uint_eq(timewaits(), 1);
	wire_events(w, TCP_EVENT_EOF | TCP_EVENT_CLOSED);
}
END_TEST

START_TEST(the_last_data_carries_the_fin)
{
	struct iovec iov[1];
	ck_assert_int_eq(tcp_send_reserve(w->sk, 5, iov, 1), 1);
	for (int i = 0; i < 5; i++)
		((uint8_t *)iov[0].iov_base)[i] = (uint8_t)((i + 1) * 37);
	tcp_send_commit(w->sk, 5);
	half_close();
	wire_out(w, "FP. 1:6(5) ack 1");
}
END_TEST

START_TEST(a_lost_fin_is_repeated)
{
	half_close();
	wire_out(w, "F. 1:1(0) ack 1");
	wire_ms(w, 1500);
	wire_out(w, "F. 1:1(0) ack 1");
}
END_TEST

START_TEST(a_repeated_fin_is_acknowledged_again)
{
	wire_in(w, "F. 1:1(0) ack 1 win 500");
	wire_ms(w, 50);
	wire_out(w, ". 1:1(0) ack 2");
	wire_in(w, "F. 1:1(0) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 2");
	wire_state(w, TCP_CLOSE_WAIT);
}
END_TEST

/* --- half-close ------------------------------------------------------------------------------- */

START_TEST(data_still_comes_after_our_fin)
{
	half_close();
	wire_out(w, "F. 1:1(0) ack 1");
	wire_in(w, "P. 1:101(100) ack 1 win 500");
	wire_state(w, TCP_FIN_WAIT1);
	wire_read(w, 100);
	wire_in(w, "P. 101:201(100) ack 2 win 500");
	wire_state(w, TCP_FIN_WAIT2);
	wire_read(w, 100);
	wire_ms(w, 200000); /* whoever still reads may wait for ever */
	wire_state(w, TCP_FIN_WAIT2);
	wire_in(w, "FP. 201:301(100) ack 2 win 500");
	wire_state(w, TCP_CLOSE);
	ck_assert(!tcp_recv_eof(w->sk));
	wire_read(w, 100);
	ck_assert(tcp_recv_eof(w->sk));
}
END_TEST

START_TEST(data_queued_before_the_end_can_be_read_after_it)
{
	half_close();
	wire_in(w, "P. 1:51(50) ack 2 win 500");
	wire_in(w, "F. 51:51(0) ack 2 win 500");
	wire_state(w, TCP_CLOSE);
	wire_read(w, 50);
	ck_assert(tcp_recv_eof(w->sk));
	tcp_close(w->sk, false);
}
END_TEST

START_TEST(shutdown_of_reading_drops_what_comes)
{
	wire_in(w, "P. 1:11(10) ack 1 win 500");
	tcp_recv_shutdown(w->sk);
	ck_assert_uint_eq(wire_unread(w), 0);
	wire_in(w, "P. 11:21(10) ack 1 win 500");
	wire_ms(w, 100);
	ck_assert_uint_eq(wire_unread(w), 0);
	ck_assert_uint_eq(w->sk->rcv_nxt, w->at->peer_iss + 21);
	wire_state(w, TCP_ESTABLISHED);
	wire_out_forget(w);
	wire_close(w);
	wire_out(w, "F. 1:1(0) ack 21");
}
END_TEST

/* --- close() ---------------------------------------------------------------------------------- */

START_TEST(close_makes_an_orphan)
{
	wire_close(w);
	wire_out(w, "F. 1:1(0) ack 1");
	ck_assert_uint_eq(tcp_count(w->st).orphans, 1);
	wire_in(w, ". 1:1(0) ack 2 win 500");
	ck_assert_uint_eq(tcp_count(w->st).orphans, 0);
	ck_assert_uint_eq(connections(), 0);
	ck_assert_uint_eq(timewaits(), 1); /* FIN_WAIT_2 */
	wire_in(w, "F. 1:1(0) ack 2 win 500");
	wire_out(w, ". 2:2(0) ack 2");
	ck_assert_uint_eq(timewaits(), 1);
	wire_ms(w, 59000);
	ck_assert_uint_eq(timewaits(), 1);
	wire_ms(w, 2000);
	ck_assert_uint_eq(timewaits(), 0);
}
END_TEST

START_TEST(an_orphan_does_not_wait_for_ever_in_fin_wait_2)
{
	wire_close(w);
	wire_in(w, ". 1:1(0) ack 2 win 500");
	wire_ms(w, 61000);
	ck_assert_uint_eq(timewaits(), 0);
	wire_out_forget(w);
	wire_in(w, "F. 1:1(0) ack 2 win 500");
	wire_out(w, "R 2:2(0)");
}
END_TEST

START_TEST(close_in_fin_wait_2)
{
	half_close();
	wire_in(w, ". 1:1(0) ack 2 win 500");
	wire_state(w, TCP_FIN_WAIT2);
	wire_close(w);
	ck_assert_uint_eq(connections(), 0);
	ck_assert_uint_eq(timewaits(), 1);
}
END_TEST

START_TEST(an_orphan_delivers_what_was_written)
{
	wire_write(w, 3000);
	wire_close(w);
	wire_out(w, ". 1:1449(1448) ack 1");
	wire_out(w, ". 1449:2897(1448) ack 1");
	wire_out_forget(w);
	wire_in(w, ". 1:1(0) ack 3001 win 500");
	wire_out_forget(w);
	wire_in(w, "F. 1:1(0) ack 3002 win 500");
	wire_out(w, ". 3002:3002(0) ack 2");
	ck_assert_uint_eq(connections(), 0);
}
END_TEST

/* RFC 9293 3.6.1, RFC 2525 2.17. */
START_TEST(data_for_an_orphan_is_reset)
{
	wire_close(w);
	wire_out(w, "F. 1:1(0) ack 1");
	wire_in(w, "P. 1:11(10) ack 1 win 500");
	wire_out(w, "R 1:1(0)");
	wire_counts(w, TcpExtTCPAbortOnData, 1);
	ck_assert_uint_eq(connections(), 0);
	ck_assert_uint_eq(timewaits(), 0);
}
END_TEST

START_TEST(data_with_the_ack_of_an_orphans_fin_is_reset)
{
	wire_close(w);
	wire_out(w, "F. 1:1(0) ack 1");
	wire_in(w, "P. 1:11(10) ack 2 win 500");
	wire_out(w, "R 2:2(0)");
	ck_assert_uint_eq(connections(), 0);
}
END_TEST

START_TEST(close_with_unread_data_resets)
{
	wire_in(w, "P. 1:11(10) ack 1 win 500");
	wire_out_forget(w);
	wire_close(w);
	wire_out(w, "R. 1:1(0) ack 11");
	ck_assert_uint_eq(connections(), 0);
	wire_counts(w, TcpExtTCPAbortOnClose, 1);
	wire_counts(w, TcpEstabResets, 1);
}
END_TEST

START_TEST(close_with_bytes_the_caller_holds_resets)
{
	wire_in(w, "P. 1:11(10) ack 1 win 500");
	wire_read(w, 10);
	wire_out_forget(w);
	tcp_close(w->sk, true);
	wire_flush(w);
	wire_out(w, "R. 1:1(0) ack 11");
}
END_TEST

START_TEST(linger_zero_resets)
{
	struct {
		int on, seconds;
	} linger = {1, 0};
	ck_assert_int_eq(tcp_setsockopt(w->sk, 1, 13, &linger, sizeof(linger)), 0);
	wire_write(w, 100);
	wire_out_forget(w);
	wire_close(w);
	wire_out(w, "R. 101:101(0) ack 1");
	ck_assert_uint_eq(connections(), 0);
}
END_TEST

START_TEST(abort_resets)
{
	tcp_abort(w->sk);
	wire_out(w, "R. 1:1(0) ack 1");
	ck_assert_uint_eq(connections(), 0);
	wire_in(w, ". 1:1(0) ack 1 win 500");
	wire_out(w, "R 1:1(0)");
}
END_TEST

START_TEST(too_many_orphans)
{
	stack_sysctls(w->st)->tcp_max_orphans = 0;
	wire_close(w);
	wire_out(w, "R. 1:1(0) ack 1");
	wire_counts(w, TcpExtTCPAbortOnMemory, 1);
	ck_assert_uint_eq(connections(), 0);
}
END_TEST

START_TEST(an_orphan_gives_up)
{
	wire_write(w, 100);
	wire_close(w);
	wire_ms(w, 1000000);
	ck_assert_uint_eq(connections(), 0);
	wire_counts(w, TcpExtTCPAbortOnTimeout, 1);
}
END_TEST

/* --- before accept() -------------------------------------------------------------------------- */

START_TEST(data_and_fin_before_accept_are_kept)
{
	struct tcp_sock *first = w->sk;
	wire_use(w, WIRE_PORT, WIRE_PEER_PORT + 1);
	wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
	wire_out(w, "S. 0:0(0) ack 1");
	wire_in(w, ". 1:1(0) ack 1 win 5000");
	wire_in(w, "FP. 1:101(100) ack 1 win 5000");
	wire_accept(w);
	ck_assert_ptr_ne(w->sk, first);
	wire_events(w, TCP_EVENT_READABLE | TCP_EVENT_EOF);
	wire_state(w, TCP_CLOSE_WAIT);
	wire_read(w, 100);
	ck_assert(tcp_recv_eof(w->sk));
}
END_TEST

START_TEST(a_reset_before_accept_is_found_out_later)
{
	wire_use(w, WIRE_PORT, WIRE_PEER_PORT + 1);
	wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
	wire_out(w, "S. 0:0(0) ack 1");
	wire_in(w, ". 1:1(0) ack 1 win 5000");
	wire_in(w, "R 1:1(0) win 0");
	wire_accept(w);
	wire_events(w, TCP_EVENT_ERROR);
	ck_assert_int_eq(tcp_error(w->sk), ECONNRESET);
	wire_close(w);
	wire_out_none(w);
}
END_TEST

/* --- a closed stack --------------------------------------------------------------------------- */

START_TEST(destroying_a_stack_is_silent)
{
	wire_use(w, WIRE_PORT, WIRE_PEER_PORT + 1);
	wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
	wire_in(w, ". 1:1(0) ack 1 win 5000");
	wire_in(w, "P. 11:21(10) ack 1 win 5000");
	wire_use(w, WIRE_PORT, WIRE_PEER_PORT + 2);
	wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
	wire_out_forget(w);
	unsigned sent = w->h->sent_count;
	stack_destroy(w->st);
	ck_assert_uint_eq(w->h->sent_count, sent);
	w->st = w->h->st = NULL; /* stack_destroy() takes NULL */
}
END_TEST

static TCase *tests(const char *name)
{
	TCase *tc = tcase_create(name);
	tcase_add_checked_fixture(tc, setup, teardown);
	return tc;
}

static TCase *closing(void)
{
	TCase *tc = tests("FIN");
	tcase_add_test(tc, we_close_first);
	tcase_add_test(tc, the_peer_closes_first);
	tcase_add_test(tc, a_fin_before_any_data_is_acknowledged_at_once);
	tcase_add_test(tc, our_fin_answers_theirs);
	tcase_add_test(tc, fin_and_its_ack_in_one_segment);
	tcase_add_test(tc, simultaneous_close);
	tcase_add_test(tc, the_last_data_carries_the_fin);
	tcase_add_test(tc, a_lost_fin_is_repeated);
	tcase_add_test(tc, a_repeated_fin_is_acknowledged_again);
	tcase_add_test(tc, data_still_comes_after_our_fin);
	tcase_add_test(tc, data_queued_before_the_end_can_be_read_after_it);
	tcase_add_test(tc, shutdown_of_reading_drops_what_comes);
	return tc;
}

static TCase *orphans(void)
{
	TCase *tc = tests("close()");
	tcase_add_test(tc, close_makes_an_orphan);
	tcase_add_test(tc, an_orphan_does_not_wait_for_ever_in_fin_wait_2);
	tcase_add_test(tc, close_in_fin_wait_2);
	tcase_add_test(tc, an_orphan_delivers_what_was_written);
	tcase_add_test(tc, data_for_an_orphan_is_reset);
	tcase_add_test(tc, data_with_the_ack_of_an_orphans_fin_is_reset);
	tcase_add_test(tc, close_with_unread_data_resets);
	tcase_add_test(tc, close_with_bytes_the_caller_holds_resets);
	tcase_add_test(tc, linger_zero_resets);
	tcase_add_test(tc, abort_resets);
	tcase_add_test(tc, too_many_orphans);
	tcase_add_test(tc, an_orphan_gives_up);
	tcase_add_test(tc, data_and_fin_before_accept_are_kept);
	tcase_add_test(tc, a_reset_before_accept_is_found_out_later);
	tcase_add_test(tc, destroying_a_stack_is_silent);
	return tc;
}

Suite *close_suite(void)
{
	Suite *s = suite_create("close");
	suite_add_tcase(s, closing());
	suite_add_tcase(s, orphans());
	return s;
}
