/* SPDX-License-Identifier: MIT */
/*
 * shutdown() of one direction or both, before, between and after the peer's FIN (RFC 9293 3.6, 3.10.4),
 * and the queues' lengths on the way, as SIOCINQ and SIOCOUTQ tell them.
 */
#include <errno.h>

#include "tests/unit/suites.h"
#include "tests/unit/wire.h"

static struct wire *w;

static void setup_closed(void)
{
	w = wire_new();
}

static void setup(void)
{
	setup_closed();
	wire_passive_open(w, "mss 1000,sackOK", 5000);
}

static void teardown(void)
{
	wire_free(w);
}

static void shutdown_write(void)
{
	tcp_send_fin(w->sk);
	wire_flush(w);
}

static void shutdown_read(void)
{
	tcp_recv_shutdown(w->sk);
	wire_flush(w);
}

static void shutdown_both(void)
{
	tcp_recv_shutdown(w->sk);
	shutdown_write();
}

static void expect_queues(size_t in, size_t out)
{
	ck_assert_uint_eq(tcp_inq_bytes(w->sk), in);
	ck_assert_uint_eq(tcp_outq_bytes(w->sk), out);
}

static uint32_t timewaits(void)
{
	return tcp_count(w->st).timewait;
}

/* --- SHUT_RD ---------------------------------------------------------------------------------- */

/* Nothing is said to the peer, and what it sends is acknowledged and read by nobody. */
START_TEST(reading_alone_says_nothing)
{
	shutdown_read();
	wire_out_none(w);
	uint32_t edge = wire_right_edge(w);
	wire_in(w, "P. 1:1001(1000) ack 1 win 5000");
	wire_out(w, ". 1:1(0) ack 1001");
	expect_queues(0, 0);
	ck_assert_uint_ge(wire_right_edge(w), edge);
	wire_write(w, 10); /* writing goes on */
	wire_out(w, "P. 1:11(10) ack 1001");
}
END_TEST

/* RFC 2525 2.17: nobody's bytes are lost that were not given up. */
START_TEST(reading_and_then_close)
{
	wire_in(w, "P. 1:1001(1000) ack 1 win 5000");
	wire_out(w, ". 1:1(0) ack 1001");
	shutdown_read();
	wire_close(w);
	wire_out(w, "F. 1:1(0) ack 1001");
	wire_in(w, "F. 1001:1001(0) ack 2 win 5000");
	wire_out(w, ". 2:2(0) ack 1002");
	ck_assert_uint_eq(timewaits(), 1);
}
END_TEST

START_TEST(the_peers_end_after_reading_was_shut)
{
	shutdown_read();
	wire_in(w, "FP. 1:101(100) ack 1 win 5000");
	wire_state(w, TCP_CLOSE_WAIT);
	wire_ms(w, 50);
	wire_out(w, ". 1:1(0) ack 102");
	wire_close(w);
	wire_out(w, "F. 1:1(0) ack 102");
	wire_in(w, ". 102:102(0) ack 2 win 5000");
	wire_out_none(w);
	ck_assert_uint_eq(timewaits(), 0);
}
END_TEST

/* --- SHUT_WR ---------------------------------------------------------------------------------- */

/* RFC 9293 3.10.4: "queue this until all preceding SENDs have been segmentized". */
START_TEST(what_was_written_goes_before_the_fin)
{
	wire_write(w, 12500); /* of which five segments fit the window */
	shutdown_write();
	wire_state(w, TCP_FIN_WAIT1);
	expect_queues(0, 12501); /* the FIN has a number, too */
	wire_out_forget(w);
	wire_in(w, ". 1:1(0) ack 5001 win 20000");
	struct wire_segment s = {.flags = 0};
	while (wire_next(w, &s))
		ck_assert_uint_eq(s.flags & TCP_FIN, s.seq == 12001 ? TCP_FIN : 0);
	ck_assert_uint_eq(s.len, 500);
	wire_in(w, ". 1:1(0) ack 12501 win 20000");
	expect_queues(0, 1);
	wire_state(w, TCP_FIN_WAIT1);
	wire_in(w, ". 1:1(0) ack 12502 win 20000");
	expect_queues(0, 0);
	wire_state(w, TCP_FIN_WAIT2);
}
END_TEST

START_TEST(twice_is_once)
{
	shutdown_write();
	wire_out(w, "F. 1:1(0) ack 1");
	shutdown_write();
	wire_out_none(w);
	struct iovec iov;
	ck_assert_int_eq(tcp_send_reserve(w->sk, 10, &iov, 1), 0);
}
END_TEST

/* RFC 9293 3.10.4, SYN-SENT and SYN-RECEIVED: it waits for ESTABLISHED. */
START_TEST(writing_before_the_connection_is_made)
{
	wire_connect(w);
	shutdown_write();
	wire_out_none(w);
	wire_in(w, "S. 0:0(0) ack 1 win 5000 <mss 1000>");
	wire_out(w, "F. 1:1(0) ack 1");
	wire_state(w, TCP_FIN_WAIT1);
	wire_in(w, "P. 1:101(100) ack 2 win 5000");
	wire_read(w, 100);
}
END_TEST

/* RFC 9293 3.10.7.4: what has an older ACK is a segment like any other. */
START_TEST(a_fin_that_was_overtaken_by_the_ack_of_ours)
{
	shutdown_write();
	wire_out(w, "F. 1:1(0) ack 1");
	wire_in(w, ". 2:2(0) ack 2 win 5000"); /* sent after the FIN, and came before it */
	wire_state(w, TCP_FIN_WAIT2);
	wire_in(w, "F. 1:1(0) ack 1 win 5000");
	wire_out(w, ". 2:2(0) ack 2");
	ck_assert_uint_eq(timewaits(), 1);
}
END_TEST

/* Data, FIN and the ACK of ours in one segment: FIN-WAIT-1 to TIME-WAIT at once. */
START_TEST(the_answer_has_all_in_one_segment)
{
	shutdown_write();
	wire_out(w, "F. 1:1(0) ack 1");
	wire_in(w, "FP. 1:101(100) ack 2 win 5000");
	wire_out(w, ". 2:2(0) ack 102");
	ck_assert_uint_eq(timewaits(), 1);
	expect_queues(100, 0);
	wire_read(w, 100);
	ck_assert(tcp_recv_eof(w->sk));
}
END_TEST

START_TEST(data_and_fin_of_the_answer_come_in_the_wrong_order)
{
	shutdown_write();
	wire_out(w, "F. 1:1(0) ack 1");
	wire_in(w, "FP. 1001:1101(100) ack 2 win 5000");
	wire_out(w, ". 2:2(0) ack 1 <sack 1001:1102>");
	wire_state(w, TCP_FIN_WAIT2);
	wire_in(w, ". 1:1001(1000) ack 2 win 5000");
	wire_out(w, ". 2:2(0) ack 1102 <no-sack>");
	ck_assert_uint_eq(timewaits(), 1);
	wire_read(w, 1100);
}
END_TEST

/* --- SHUT_RDWR -------------------------------------------------------------------------------- */

START_TEST(both_and_then_the_peers_fin)
{
	shutdown_both();
	wire_out(w, "F. 1:1(0) ack 1");
	wire_in(w, "F. 1:1(0) ack 2 win 5000");
	wire_out(w, ". 2:2(0) ack 2");
	wire_events(w, TCP_EVENT_EOF | TCP_EVENT_CLOSED);
	wire_close(w);
	wire_out_none(w);
	ck_assert_uint_eq(timewaits(), 1);
}
END_TEST

/* RFC 9293 3.6.1: data that nobody will read any more. In FIN-WAIT-1 and in FIN-WAIT-2. */
START_TEST(data_after_both_is_reset)
{
	shutdown_both();
	wire_out(w, "F. 1:1(0) ack 1");
	if (_i)
		wire_in(w, ". 1:1(0) ack 2 win 5000");
	wire_in(w, "P. 1:1001(1000) ack 2 win 5000");
	wire_out(w, "R 2:2(0)");
	wire_state(w, TCP_CLOSE);
	wire_counts(w, TcpExtTCPAbortOnData, 1);
}
END_TEST

START_TEST(both_with_bytes_in_flight)
{
	wire_write(w, 2000);
	wire_out(w, ". 1:1001(1000) ack 1");
	wire_out(w, "P. 1001:2001(1000) ack 1");
	shutdown_both();
	wire_out(w, "F. 2001:2001(0) ack 1");
	wire_in(w, ". 1:1(0) ack 2001 win 5000");
	wire_state(w, TCP_FIN_WAIT1);
	wire_in(w, "F. 1:1(0) ack 2002 win 5000");
	wire_out(w, ". 2002:2002(0) ack 2");
	ck_assert_uint_eq(timewaits(), 1);
}
END_TEST

/* --- close() ---------------------------------------------------------------------------------- */

/* RFC 2525 2.17 is about bytes not read; these were, and came again. */
START_TEST(a_repetition_with_a_fin_is_nothing_unread)
{
	wire_in(w, "P. 1:1001(1000) ack 1 win 5000");
	wire_out(w, ". 1:1(0) ack 1001");
	wire_read(w, 1000);
	wire_in(w, "FP. 1:1001(1000) ack 1 win 5000");
	wire_ms(w, 50);
	wire_out(w, ". 1:1(0) ack 1002");
	expect_queues(0, 0);
	wire_close(w);
	wire_out(w, "F. 1:1(0) ack 1002");
}
END_TEST

START_TEST(unread_bytes_after_the_peers_fin)
{
	wire_in(w, "FP. 1:1001(1000) ack 1 win 5000");
	wire_out(w, ". 1:1(0) ack 1002");
	expect_queues(1000, 0); /* without the FIN */
	wire_read(w, 400);
	expect_queues(600, 0);
	wire_close(w);
	wire_out(w, "R. 1:1(0) ack 1002");
	wire_counts(w, TcpExtTCPAbortOnClose, 1);
}
END_TEST

/* Out of order is not received yet: there is nothing the program could have read. */
START_TEST(what_waits_behind_a_hole_is_not_unread)
{
	wire_in(w, "P. 1001:2001(1000) ack 1 win 5000");
	wire_out(w, ". 1:1(0) ack 1");
	expect_queues(0, 0);
	wire_close(w);
	wire_out(w, "F. 1:1(0) ack 1");
}
END_TEST

/* LAST-ACK: both FINs may be lost. */
START_TEST(last_ack_repeats_its_fin_and_acknowledges_theirs)
{
	wire_in(w, "F. 1:1(0) ack 1 win 5000");
	wire_out(w, ". 1:1(0) ack 2");
	wire_close(w);
	wire_out(w, "F. 1:1(0) ack 2");
	wire_in(w, "F. 1:1(0) ack 1 win 5000");
	wire_out(w, ". 2:2(0) ack 2");
	wire_ms(w, 1000);
	wire_out(w, "F. 1:1(0) ack 2");
	wire_out_forget(w);
	wire_in(w, ". 2:2(0) ack 2 win 5000");
	ck_assert_uint_eq(tcp_count(w->st).sockets, 1); /* the listener */
	wire_ms(w, 60000);
	wire_out_none(w);
}
END_TEST

/* RFC 9293 3.8.6.1: an orphan's bytes wait for the window, and its FIN behind them. */
START_TEST(the_fin_of_an_orphan_waits_for_the_window)
{
	wire_in(w, "F. 1:1(0) ack 1 win 0");
	wire_out(w, ". 1:1(0) ack 2");
	wire_write(w, 100);
	wire_close(w);
	wire_out_none(w);
	wire_in(w, ". 2:2(0) ack 1 win 5000");
	wire_out(w, "FP. 1:101(100) ack 2");
	wire_in(w, ". 2:2(0) ack 102 win 5000");
	ck_assert_uint_eq(tcp_count(w->st).orphans, 0);
}
END_TEST

static TCase *tests(const char *name, void (*open)(void))
{
	TCase *tc = tcase_create(name);
	tcase_add_checked_fixture(tc, open, teardown);
	return tc;
}

static TCase *one_way(void)
{
	TCase *tc = tests("one way", setup);
	tcase_add_test(tc, reading_alone_says_nothing);
	tcase_add_test(tc, reading_and_then_close);
	tcase_add_test(tc, the_peers_end_after_reading_was_shut);
	tcase_add_test(tc, what_was_written_goes_before_the_fin);
	tcase_add_test(tc, twice_is_once);
	tcase_add_test(tc, a_fin_that_was_overtaken_by_the_ack_of_ours);
	tcase_add_test(tc, the_answer_has_all_in_one_segment);
	tcase_add_test(tc, data_and_fin_of_the_answer_come_in_the_wrong_order);
	return tc;
}

static TCase *both_ways(void)
{
	TCase *tc = tests("both ways", setup);
	tcase_add_test(tc, both_and_then_the_peers_fin);
	tcase_add_loop_test(tc, data_after_both_is_reset, 0, 2);
	tcase_add_test(tc, both_with_bytes_in_flight);
	tcase_add_test(tc, a_repetition_with_a_fin_is_nothing_unread);
	tcase_add_test(tc, unread_bytes_after_the_peers_fin);
	tcase_add_test(tc, what_waits_behind_a_hole_is_not_unread);
	tcase_add_test(tc, last_ack_repeats_its_fin_and_acknowledges_theirs);
	tcase_add_test(tc, the_fin_of_an_orphan_waits_for_the_window);
	return tc;
}

Suite *shutdown_suite(void)
{
	Suite *s = suite_create("shutdown");
	TCase *early = tests("early", setup_closed);
	tcase_add_test(early, writing_before_the_connection_is_made);
	suite_add_tcase(s, one_way());
	suite_add_tcase(s, both_ways());
	suite_add_tcase(s, early);
	return s;
}
