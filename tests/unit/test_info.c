/* SPDX-License-Identifier: MIT */
/*
 * What TCP_INFO counts (RFC 4898's subject, Linux's fields), along the conversations that make it
 * count, and the lengths SIOCINQ, SIOCOUTQ and SIOCOUTQNSD tell.
 */
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
	wire_listen(w, 5);
	wire_in(w, "S 0:0(0) win 65535 <mss 1000,sackOK>");
	wire_out(w, "S. 0:0(0) ack 1");
	wire_ms(w, 100); /* the round trip time */
	wire_in(w, ". 1:1(0) ack 1 win 20000");
	wire_accept(w);
}

static void teardown(void)
{
	wire_free(w);
}

static void expect_outq(size_t all, size_t unsent)
{
	ck_assert_uint_eq(tcp_outq_bytes(w->sk), all);
	ck_assert_uint_eq(tcp_outq_unsent_bytes(w->sk), unsent);
	wire_info_is(w, notsent_bytes, unsent);
}

/* --- since when ------------------------------------------------------------------------------- */

START_TEST(how_long_ago_it_was)
{
	wire_ms(w, 1000);
	wire_info_is(w, last_data_recv, 1000);
	wire_info_is(w, last_ack_recv, 1000);
	wire_in(w, "P. 1:101(100) ack 1 win 20000");
	wire_info_is(w, last_data_recv, 0);
	wire_info_is(w, last_ack_recv, 0);
	wire_ms(w, 500);
	wire_write(w, 10);
	wire_info_is(w, last_data_sent, 0);
	wire_info_is(w, last_data_recv, 500);
	wire_ms(w, 30);
	wire_in(w, ". 101:101(0) ack 11 win 20000");
	wire_info_is(w, last_ack_recv, 0);
	wire_info_is(w, last_data_sent, 30);
	wire_info_is(w, last_data_recv, 530);
}
END_TEST

/* --- bytes and segments ----------------------------------------------------------------------- */

START_TEST(what_was_sent_and_received)
{
	uint32_t out = wire_info(w).tcpi_segs_out, in = wire_info(w).tcpi_segs_in;
	wire_write(w, 2500);
	wire_info_is(w, segs_out, out + 3);
	wire_info_is(w, data_segs_out, 3);
	wire_info_is(w, bytes_sent, 2500);
	wire_info_is(w, bytes_acked, 0);
	wire_info_is(w, unacked, 3);
	wire_info_is(w, delivered, 1); /* the SYN */
	wire_in(w, ". 1:1(0) ack 2001 win 20000");
	wire_info_is(w, bytes_acked, 2000);
	wire_info_is(w, unacked, 1);
	wire_info_is(w, delivered, 3);
	wire_in(w, "P. 1:301(300) ack 2501 win 20000");
	wire_info_is(w, segs_in, in + 2);
	wire_info_is(w, data_segs_in, 1);
	wire_info_is(w, bytes_received, 300);
	wire_info_is(w, bytes_acked, 2500);
	wire_info_is(w, bytes_retrans, 0);
	wire_info_is(w, snd_wnd, 20000);
}
END_TEST

/* Bytes that come twice are received once. */
START_TEST(repetitions_are_segments_and_not_bytes)
{
	wire_in(w, "P. 1:301(300) ack 1 win 20000");
	wire_in(w, "P. 1:301(300) ack 1 win 20000");
	wire_info_is(w, data_segs_in, 2);
	wire_info_is(w, bytes_received, 300);
	ck_assert_uint_eq(tcp_inq_bytes(w->sk), 300);
}
END_TEST

/* --- a loss, from the first sign to its end (RFC 5681 3.2, RFC 6675) -------------------------- */

START_TEST(the_states_of_a_recovery)
{
	wire_write(w, 10000);
	wire_out_forget(w);
	wire_ms(w, 100);
	wire_info_is(w, ca_state, CA_OPEN);
	wire_in(w, ". 1:1(0) ack 1 win 20000 <sack 1001:2001>");
	wire_info_is(w, ca_state, CA_DISORDER);
	wire_info_is(w, sacked, 1);
	wire_info_is(w, lost, 0);
	wire_info_is(w, snd_cwnd, 10); /* no sign of congestion yet */
	wire_in(w, ". 1:1(0) ack 1 win 20000 <sack 1001:3001>");
	wire_in(w, ". 1:1(0) ack 1 win 20000 <sack 1001:4001>");
	wire_info_is(w, ca_state, CA_RECOVERY);
	wire_info_is(w, sacked, 3);
	wire_info_is(w, lost, 1);
	wire_info_is(w, retrans, 1);
	wire_info_is(w, total_retrans, 1);
	wire_info_is(w, bytes_retrans, 1000);
	wire_info_is(w, snd_ssthresh, 7); /* CUBIC's share of ten */
	wire_out(w, ". 1:1001(1000) ack 1");
	wire_ms(w, 100);
	wire_in(w, ". 1:1(0) ack 10001 win 20000");
	wire_info_is(w, ca_state, CA_OPEN);
	wire_info_is(w, sacked, 0);
	wire_info_is(w, lost, 0);
	wire_info_is(w, retrans, 0);
	wire_info_is(w, unacked, 0);
	wire_info_is(w, delivered, 11);
	wire_info_is(w, bytes_sent, 11000);
}
END_TEST

/* RFC 6298 5.5: the back-off. 3, 5.7: what was sent twice measures nothing (Karn), so it stays until
 * something sent once is acknowledged. */
START_TEST(the_counts_of_a_timeout)
{
	wire_write(w, 1000);
	wire_out_forget(w);
	wire_ms(w, 2500);
	ck_assert_uint_ge(wire_info(w).tcpi_retransmits, 2);
	ck_assert_uint_ge(wire_info(w).tcpi_backoff, 2);
	wire_info_is(w, ca_state, CA_LOSS);
	wire_info_is(w, snd_cwnd, 1);
	wire_info_is(w, lost, 1);
	wire_info_is(w, retrans, 1);
	wire_in(w, ". 1:1(0) ack 1001 win 20000");
	wire_info_is(w, retransmits, 0);
	ck_assert_uint_ge(wire_info(w).tcpi_backoff, 2);
	wire_write(w, 1000);
	wire_ms(w, 100);
	wire_in(w, ". 1:1(0) ack 2001 win 20000");
	wire_info_is(w, backoff, 0);
}
END_TEST

/* RFC 9293 3.8.6.1: probes are counted until one is answered. */
START_TEST(the_counts_of_a_closed_window)
{
	wire_in(w, ". 1:1(0) ack 1 win 0");
	wire_write(w, 1000);
	wire_ms(w, 2500);
	ck_assert_uint_ge(wire_info(w).tcpi_probes, 2);
	ck_assert_uint_ge(wire_info(w).tcpi_backoff, 1);
	wire_info_is(w, retransmits, 0);
	wire_in(w, ". 1:1(0) ack 1 win 0");
	wire_info_is(w, probes, 0);
	expect_outq(1000, 1000);
}
END_TEST

/* RFC 2883: a retransmission that was not needed. */
START_TEST(duplicates_that_the_peer_tells_of)
{
	wire_write(w, 1000);
	wire_out_forget(w);
	wire_ms(w, 1000);
	ck_assert_uint_ge(wire_info(w).tcpi_total_retrans, 1);
	wire_in(w, ". 1:1(0) ack 1001 win 20000");
	wire_in(w, ". 1:1(0) ack 1001 win 20000 <sack 1:1001>");
	wire_info_is(w, dsack_dups, 1);
}
END_TEST

/* RFC 8985 4: a segment SACKed after later ones that was never sent again was reordered. */
START_TEST(reordering_that_was_seen)
{
	wire_info_is(w, reord_seen, 0);
	wire_info_is(w, reordering, 3);
	wire_write(w, 8000);
	wire_ms(w, 100);
	wire_in(w, ". 1:1(0) ack 1 win 20000 <sack 5001:6001>");
	wire_in(w, ". 1:1(0) ack 6001 win 20000");
	wire_info_is(w, reord_seen, 1);
	ck_assert_uint_gt(wire_info(w).tcpi_reordering, 3);
}
END_TEST

/* --- what was agreed -------------------------------------------------------------------------- */

START_TEST(what_both_syns_said)
{
	const uint8_t wscale = TCPI_OPT_WSCALE, sack = TCPI_OPT_SACK, ts = TCPI_OPT_TIMESTAMPS;
	const struct {
		const char *offered;
		uint8_t options;
	} syn[] = {{"mss 1200", 0},
		   {"mss 1200,sackOK", sack},
		   {"mss 1200,wscale 3", wscale},
		   {"mss 1200,ts 1 0", ts},
		   {"mss 1200,sackOK,ts 1 0,wscale 3", ts | sack | wscale}};
	wire_passive_open(w, syn[_i].offered, 1000);
	wire_info_is(w, options, syn[_i].options);
	wire_info_is(w, snd_wscale, syn[_i].options & wscale ? 3 : 0);
	wire_info_is(w, snd_wnd, syn[_i].options & wscale ? 8000 : 1000);
	wire_info_is(w, snd_mss, syn[_i].options & ts ? 1188 : 1200);
	wire_info_is(w, advmss, 1460);
	wire_info_is(w, pmtu, 1500);
}
END_TEST

/* --- SIOCINQ, SIOCOUTQ, SIOCOUTQNSD ----------------------------------------------------------- */

START_TEST(what_is_written_and_not_acknowledged)
{
	expect_outq(0, 0);
	wire_write(w, 12000); /* ten segments are let out */
	expect_outq(12000, 2000);
	wire_ms(w, 100);
	wire_in(w, ". 1:1(0) ack 4001 win 20000");
	expect_outq(8000, 0);
	wire_in(w, ". 1:1(0) ack 12001 win 20000");
	expect_outq(0, 0);
}
END_TEST

START_TEST(what_is_received_and_not_read)
{
	wire_in(w, "P. 1:1001(1000) ack 1 win 20000");
	ck_assert_uint_eq(tcp_inq_bytes(w->sk), 1000);
	wire_in(w, "P. 2001:3001(1000) ack 1 win 20000"); /* behind a hole */
	ck_assert_uint_eq(tcp_inq_bytes(w->sk), 1000);
	wire_in(w, "P. 1001:2001(1000) ack 1 win 20000");
	ck_assert_uint_eq(tcp_inq_bytes(w->sk), 3000);
	wire_read(w, 3000);
	ck_assert_uint_eq(tcp_inq_bytes(w->sk), 0);
	wire_in(w, "FP. 3001:3501(500) ack 1 win 20000");
	ck_assert_uint_eq(tcp_inq_bytes(w->sk), 500); /* the FIN is no byte */
	wire_read(w, 500);
	ck_assert_uint_eq(tcp_inq_bytes(w->sk), 0);
}
END_TEST

/* As Linux's ss shows it; the program, who has written nothing, is told of none. */
START_TEST(a_syn_in_flight_is_one)
{
	wire_connect(w);
	ck_assert_uint_eq(tcp_outq_bytes(w->sk), 1);
	ck_assert_uint_eq(tcp_outq_unsent_bytes(w->sk), 0);
	ck_assert_uint_eq(tcp_inq_bytes(w->sk), 0);
}
END_TEST

static TCase *tests(const char *name, void (*open)(void))
{
	TCase *tc = tcase_create(name);
	tcase_add_checked_fixture(tc, open, teardown);
	return tc;
}

Suite *info_suite(void)
{
	Suite *s = suite_create("info");
	TCase *tc = tests("counters", setup);
	tcase_add_test(tc, how_long_ago_it_was);
	tcase_add_test(tc, what_was_sent_and_received);
	tcase_add_test(tc, repetitions_are_segments_and_not_bytes);
	tcase_add_test(tc, the_states_of_a_recovery);
	tcase_add_test(tc, the_counts_of_a_timeout);
	tcase_add_test(tc, the_counts_of_a_closed_window);
	tcase_add_test(tc, duplicates_that_the_peer_tells_of);
	tcase_add_test(tc, reordering_that_was_seen);
	tcase_add_test(tc, what_is_written_and_not_acknowledged);
	tcase_add_test(tc, what_is_received_and_not_read);
	suite_add_tcase(s, tc);
	TCase *own = tests("own opening", setup_closed);
	tcase_add_loop_test(own, what_both_syns_said, 0, 5);
	tcase_add_test(own, a_syn_in_flight_is_one);
	suite_add_tcase(s, own);
	return s;
}
