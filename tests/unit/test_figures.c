/* SPDX-License-Identifier: MIT */
/*
 * The figures of the RFCs, line by line. Where the RFC shows two TCPs, each is played by the stack in a
 * test of its own and the other one is the script. Sequence numbers are the figure's less its
 * initial ones.
 */
#include <errno.h>

#include "tests/unit/suites.h"
#include "tests/unit/wire.h"

static struct wire *w;

static void setup(void)
{
	w = wire_new();
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

/* --- RFC 9293 3.5: establishing a connection -------------------------------------------------- */

/* Figure 6, peer A. */
START_TEST(figure_6_basic_handshake_active)
{
	wire_connect(w); /* SYN-SENT --> <SEQ=100><CTL=SYN> */
	wire_in(w, "S. 0:0(0) ack 1 win 5000");
	wire_state(w, TCP_ESTABLISHED);
	wire_out(w, ". 1:1(0) ack 1");
	wire_write(w, 10);
	wire_out(w, "P. 1:11(10) ack 1"); /* the ACK took no sequence number */
}
END_TEST

/* Figure 6, peer B. */
START_TEST(figure_6_basic_handshake_passive)
{
	wire_listen(w, 5);
	wire_in(w, "S 0:0(0) win 5000");
	wire_out(w, "S. 0:0(0) ack 1");
	wire_in(w, ". 1:1(0) ack 1 win 5000");
	wire_accept(w);
	wire_state(w, TCP_ESTABLISHED);
	wire_in(w, "P. 1:11(10) ack 1 win 5000");
	wire_read(w, 10);
}
END_TEST

/* Figure 7: simultaneous synchronization, which looks the same from both ends. */
START_TEST(figure_7_simultaneous_open)
{
	wire_connect(w);
	wire_in(w, "S 0:0(0) win 5000");
	wire_state(w, TCP_SYN_RECV);
	wire_out(w, "S. 0:0(0) ack 1");
	wire_in(w, "S. 0:0(0) ack 1 win 5000");
	wire_state(w, TCP_ESTABLISHED);
	wire_events(w, TCP_EVENT_CONNECTED);
}
END_TEST

/* Figure 8, peer A: an answer to another SYN is reset, and our own goes on. */
START_TEST(figure_8_old_duplicate_syn_active)
{
	wire_connect(w);
	wire_in(w, "S. 0:0(0) ack 4294967287 win 5000"); /* ten before ours */
	wire_out(w, "R 4294967287:4294967287(0)");
	wire_state(w, TCP_SYN_SENT);
	wire_in(w, "S. 100:100(0) ack 1 win 5000");
	wire_out(w, ". 1:1(0) ack 101");
	wire_state(w, TCP_ESTABLISHED);
}
END_TEST

/* Figure 8, peer B: it cannot tell an old SYN, and is told. */
START_TEST(figure_8_old_duplicate_syn_passive)
{
	wire_listen(w, 5);
	wire_in(w, "S 0:0(0) win 5000"); /* SEQ=90, the duplicate */
	wire_out(w, "S. 0:0(0) ack 1");
	wire_in(w, "R 1:1(0) win 0");
	ck_assert_uint_eq(tcp_count(w->st).request_socks, 0);
	wire_out_none(w);
	wire_in(w, "S 10:10(0) win 5000"); /* SEQ=100 */
	wire_out(w, "S. 0:0(0) ack 11");
	wire_in(w, ". 11:11(0) ack 1 win 5000");
	wire_accept(w);
	wire_state(w, TCP_ESTABLISHED);
}
END_TEST

/* Figure 9, peer A: after a crash it connects anew, and what answers is of a connection it knows
 * nothing of. */
START_TEST(figure_9_half_open_crashed_end)
{
	wire_connect(w);
	wire_in(w, ". 1:1(0) ack 4294967096 win 5000"); /* "(!!)" */
	wire_out(w, "R 4294967096:4294967096(0)");
	wire_state(w, TCP_SYN_SENT);
	wire_out_between(w, 900, 1100, "S 0:0(0)"); /* line 7 */
	wire_in(w, "S. 0:0(0) ack 1 win 5000");
	wire_state(w, TCP_ESTABLISHED);
}
END_TEST

/* Figure 9, peer B: a SYN within the window is answered with what is expected (RFC 5961 4.2), and the
 * RST that this brings ends the connection. */
START_TEST(figure_9_half_open_surviving_end)
{
	wire_passive_open(w, "mss 1460", 5000);
	wire_in(w, "S 100:100(0) win 5000");
	wire_out(w, ". 1:1(0) ack 1");
	wire_state(w, TCP_ESTABLISHED);
	wire_in(w, "R 1:1(0) win 0"); /* <SEQ=100>: what the ACK named */
	wire_state(w, TCP_CLOSE);
	ck_assert_int_eq(tcp_error(w->sk), ECONNRESET);
	wire_in(w, "S 100:100(0) win 5000");
	wire_out(w, "S. 0:0(0) ack 101");
}
END_TEST

/* Figure 10: the end that is still there sends data to the one that is not. */
START_TEST(figure_10_data_for_a_crashed_end)
{
	wire_in(w, ". 300:310(10) ack 100 win 5000");
	wire_out(w, "R 100:100(0)");
	wire_out_none(w);
}
END_TEST

START_TEST(figure_10_data_to_a_crashed_end)
{
	wire_passive_open(w, "mss 1460", 5000);
	wire_write(w, 10);
	wire_out(w, "P. 1:11(10) ack 1");
	wire_in(w, "R 1:1(0) win 0");
	wire_state(w, TCP_CLOSE);
	ck_assert_int_eq(tcp_error(w->sk), ECONNRESET);
	wire_out_none(w);
}
END_TEST

/* Figure 11, peer A: LISTEN answers a SYN,ACK with a RST. */
START_TEST(figure_11_two_passive_sockets_answer)
{
	wire_listen(w, 5);
	wire_in(w, "S. 0:0(0) ack 4321 win 5000");
	wire_out(w, "R 4321:4321(0)");
	ck_assert_int_eq(tcp_state(w->listener), TCP_LISTEN);
}
END_TEST

/* Figure 11, peer B: back in LISTEN. */
START_TEST(figure_11_two_passive_sockets_old_syn)
{
	wire_listen(w, 5);
	wire_in(w, "S 0:0(0) win 5000");
	wire_out(w, "S. 0:0(0) ack 1");
	wire_in(w, "R 1:1(0) win 0");
	ck_assert_uint_eq(tcp_count(w->st).request_socks, 0);
	ck_assert_int_eq(tcp_state(w->listener), TCP_LISTEN);
}
END_TEST

/* --- RFC 9293 3.6: closing one ---------------------------------------------------------------- */

/* Figure 12, peer A. */
START_TEST(figure_12_normal_close_active)
{
	wire_active_open(w, "mss 1460", 5000);
	half_close();
	wire_out(w, "F. 1:1(0) ack 1");
	wire_state(w, TCP_FIN_WAIT1);
	wire_in(w, ". 1:1(0) ack 2 win 5000");
	wire_state(w, TCP_FIN_WAIT2);
	wire_in(w, "F. 1:1(0) ack 2 win 5000");
	wire_out(w, ". 2:2(0) ack 2");
	ck_assert_uint_eq(tcp_count(w->st).timewait, 1);
	wire_ms(w, 59000); /* 2 MSL */
	ck_assert_uint_eq(tcp_count(w->st).timewait, 1);
	wire_ms(w, 2000);
	ck_assert_uint_eq(tcp_count(w->st).timewait, 0);
}
END_TEST

/* Figure 12, peer B. */
START_TEST(figure_12_normal_close_passive)
{
	wire_passive_open(w, "mss 1460", 5000);
	wire_in(w, "F. 1:1(0) ack 1 win 5000");
	wire_state(w, TCP_CLOSE_WAIT);
	wire_out(w, ". 1:1(0) ack 2");
	half_close();
	wire_state(w, TCP_LAST_ACK);
	wire_out(w, "F. 1:1(0) ack 2");
	wire_in(w, ". 2:2(0) ack 2 win 5000");
	wire_state(w, TCP_CLOSE);
	ck_assert_uint_eq(tcp_count(w->st).timewait, 0);
}
END_TEST

/* Figure 13. */
START_TEST(figure_13_simultaneous_close)
{
	wire_passive_open(w, "mss 1460", 5000);
	half_close();
	wire_out(w, "F. 1:1(0) ack 1");
	wire_in(w, "F. 1:1(0) ack 1 win 5000");
	wire_state(w, TCP_CLOSING);
	wire_out(w, ". 2:2(0) ack 2");
	wire_in(w, ". 2:2(0) ack 2 win 5000");
	wire_state(w, TCP_CLOSE);
	ck_assert_uint_eq(tcp_count(w->st).timewait, 1);
}
END_TEST

/* --- RFC 2018 7: eight segments of 500 bytes, from 5000 on ------------------------------------ */

#define EIGHT 5001u /* the figure's 5000: here a stream begins at 1 */

/* All up to 5000 has been read, without a delayed ACK waiting. */
static void eight_begin(void)
{
	wire_passive_open(w, "mss 1460,sackOK", 5000);
	for (uint32_t at = 1; at < EIGHT; at += 1000)
		wire_in(w, "P. %u:%u(1000) ack 1 win 5000", at, at + 1000);
	wire_read(w, 5000);
	wire_ms(w, 300);
	wire_out_forget(w);
}

/* The eighth part, counted from 0. */
static void eight_in(uint32_t n)
{
	uint32_t at = EIGHT + 500 * n;
	wire_in(w, ". %u:%u(500) ack 1 win 5000", at, at + 500);
}

/* The first four arrive, the others do not: no SACK option. */
START_TEST(rfc2018_case_1)
{
	eight_begin();
	for (uint32_t n = 0; n < 4; n++)
		eight_in(n);
	wire_ms(w, 300);
	struct wire_segment s = {.ack = 0};
	while (wire_next(w, &s))
		ck_assert_uint_eq(s.opt.sack_cnt, 0);
	ck_assert_uint_eq(s.ack, 7001);
}
END_TEST

/* The first is lost. */
START_TEST(rfc2018_case_2)
{
	eight_begin();
	for (uint32_t n = 1; n < 8; n++) {
		eight_in(n);
		wire_out(w, ". 1:1(0) ack 5001 <sack 5501:%u>", 5501 + 500 * n);
	}
	wire_out_none(w);
}
END_TEST

/* Every second one is lost; then the fourth comes, and then the second. */
START_TEST(rfc2018_case_3)
{
	eight_begin();
	eight_in(0);
	wire_ms(w, 300);
	wire_out(w, ". 1:1(0) ack 5501 <no-sack>");
	eight_in(2);
	wire_out(w, ". 1:1(0) ack 5501 <sack 6001:6501>");
	eight_in(4);
	wire_out(w, ". 1:1(0) ack 5501 <sack 7001:7501 6001:6501>");
	eight_in(6);
	wire_out(w, ". 1:1(0) ack 5501 <sack 8001:8501 7001:7501 6001:6501>");
	eight_in(3);
	wire_out(w, ". 1:1(0) ack 5501 <sack 6001:7501 8001:8501>");
	eight_in(1);
	wire_out(w, ". 1:1(0) ack 7501 <sack 8001:8501>");
	wire_read(w, 2500);
}
END_TEST

/* --- RFC 2883 4: segments of 500 bytes, duplicates told --------------------------------------- */

/* All up to the byte before `seq` has been read. */
static void received_below(uint32_t seq)
{
	wire_passive_open(w, "mss 1460,sackOK", 5000);
	for (uint32_t at = 1; at < seq; at += 500)
		wire_in(w, "P. %u:%u(500) ack 1 win 5000", at, at + 500);
	wire_read(w, seq - 1);
	wire_ms(w, 300);
	wire_out_forget(w);
}

/* 4.1.1: 3000-3499 comes twice. */
START_TEST(rfc2883_example_1)
{
	received_below(4001);
	wire_in(w, ". 3001:3501(500) ack 1 win 5000");
	wire_out(w, ". 1:1(0) ack 4001 <sack 3001:3501>");
	wire_out_none(w);
}
END_TEST

/* 4.1.2: the ACK of a segment out of order was lost, then a duplicate comes. */
START_TEST(rfc2883_example_2)
{
	received_below(4001);
	wire_in(w, ". 4501:5001(500) ack 1 win 5000");
	wire_out(w, ". 1:1(0) ack 4001 <sack 4501:5001>");
	wire_in(w, ". 3001:3501(500) ack 1 win 5000");
	wire_out(w, ". 1:1(0) ack 4001 <sack 3001:3501 4501:5001>");
}
END_TEST

/* 4.1.3: what is out of order comes twice. */
START_TEST(rfc2883_example_3)
{
	received_below(4001);
	wire_in(w, ". 4501:5001(500) ack 1 win 5000");
	wire_out(w, ". 1:1(0) ack 4001 <sack 4501:5001>");
	wire_in(w, ". 5001:5501(500) ack 1 win 5000");
	wire_out(w, ". 1:1(0) ack 4001 <sack 4501:5501>");
	wire_in(w, ". 5001:5501(500) ack 1 win 5000");
	wire_out(w, ". 1:1(0) ack 4001 <sack 5001:5501 4501:5501>");
}
END_TEST

/* 4.2.1: the larger segment that is sent again has been received in part. */
START_TEST(rfc2883_example_4)
{
	received_below(1001);
	wire_in(w, ". 1501:2001(500) ack 1 win 5000");
	wire_out(w, ". 1:1(0) ack 1001 <sack 1501:2001>");
	wire_in(w, ". 2001:2501(500) ack 1 win 5000");
	wire_out(w, ". 1:1(0) ack 1001 <sack 1501:2501>");
	wire_in(w, ". 1001:2001(1000) ack 1 win 5000");
	wire_out(w, ". 1:1(0) ack 2501 <sack 1501:2001>");
	wire_read(w, 1500);
}
END_TEST

/* 4.2.2: of two duplicate parts in one segment the first is told. */
START_TEST(rfc2883_example_5)
{
	received_below(1001);
	wire_in(w, ". 1501:2001(500) ack 1 win 5000");
	wire_in(w, ". 2501:3001(500) ack 1 win 5000");
	wire_out(w, ". 1:1(0) ack 1001 <sack 1501:2001>");
	wire_out(w, ". 1:1(0) ack 1001 <sack 2501:3001 1501:2001>");
	wire_in(w, ". 3501:4001(500) ack 1 win 5000");
	wire_out(w, ". 1:1(0) ack 1001 <sack 3501:4001 2501:3001 1501:2001>");
	wire_in(w, ". 1001:3501(2500) ack 1 win 5000");
	struct wire_segment s;
	ck_assert(wire_next(w, &s));
	ck_assert_uint_eq(s.ack, 4001);
	ck_assert_uint_eq(s.opt.sack_cnt, 1);
	ck_assert(s.opt.sack[0].start == 1501 || s.opt.sack[0].start == 2501);
	wire_read(w, 3000);
}
END_TEST

/* 4.2.3: the same above the cumulative ACK, with the block that holds them. */
START_TEST(rfc2883_example_6)
{
	received_below(1001);
	wire_in(w, ". 1501:2001(500) ack 1 win 5000");
	wire_in(w, ". 2501:3001(500) ack 1 win 5000");
	wire_out_forget(w);
	wire_in(w, ". 1501:3501(2000) ack 1 win 5000");
	struct wire_segment s;
	ck_assert(wire_next(w, &s));
	ck_assert_uint_eq(s.ack, 1001);
	ck_assert_uint_eq(s.opt.sack_cnt, 2);
	ck_assert_uint_ge(s.opt.sack[0].start, 1501);
	ck_assert_uint_le(s.opt.sack[0].end, 3001);
	ck_assert_uint_eq(s.opt.sack[1].start, 1501);
	ck_assert_uint_eq(s.opt.sack[1].end, 3501);
}
END_TEST

/* --- RFC 7323 4.3: which timestamp to echo ---------------------------------------------------- */

/* Five segments of 1000 bytes, A to E, have TSvals 1 to 5. */
static void letter_in(char letter)
{
	uint32_t n = (uint32_t)(letter - 'A'), at = 1001 + 1000 * n;
	wire_in(w, ". %u:%u(1000) ack 1 win 500 <ts %u 0>", at, at + 1000, 500000001 + n);
}

static void letters_begin(void)
{
	wire_passive_open(w, WIRE_OPTIONS, 500);
	w->sk->quick_acks = 0;
	wire_in(w, "P. 1:1001(1000) ack 1 win 500 <ts 500000000 0>");
	wire_out(w, ". 1:1(0) ack 1001 <ts * 500000000>");
	w->sk->quick_acks = 0;
}

/* (A) Delayed ACKs: of those one ACK is for, the first is echoed. */
START_TEST(rfc7323_case_a_delayed_acks)
{
	letters_begin();
	letter_in('A');
	letter_in('B');
	wire_out(w, ". 1:1(0) ack 3001 <ts * 500000001>");
	letter_in('C');
	letter_in('D');
	wire_out(w, ". 1:1(0) ack 5001 <ts * 500000003>");
}
END_TEST

/* (B) and (C) A hole, and what fills it. */
START_TEST(rfc7323_case_b_a_hole_and_its_filling)
{
	letters_begin();
	letter_in('A');
	wire_ms(w, 300);
	wire_out(w, ". 1:1(0) ack 2001 <ts * 500000001>");
	letter_in('C');
	wire_out(w, ". 1:1(0) ack 2001 <ts * 500000001>");
	letter_in('B');
	wire_out(w, ". 1:1(0) ack 4001 <ts * 500000002>");
	letter_in('E');
	wire_out(w, ". 1:1(0) ack 4001 <ts * 500000002>");
	letter_in('D');
	wire_out(w, ". 1:1(0) ack 6001 <ts * 500000004>");
}
END_TEST

static TCase *tests(const char *name)
{
	TCase *tc = tcase_create(name);
	tcase_add_checked_fixture(tc, setup, teardown);
	return tc;
}

static TCase *connections(void)
{
	TCase *tc = tests("RFC 9293");
	tcase_add_test(tc, figure_6_basic_handshake_active);
	tcase_add_test(tc, figure_6_basic_handshake_passive);
	tcase_add_test(tc, figure_7_simultaneous_open);
	tcase_add_test(tc, figure_8_old_duplicate_syn_active);
	tcase_add_test(tc, figure_8_old_duplicate_syn_passive);
	tcase_add_test(tc, figure_9_half_open_crashed_end);
	tcase_add_test(tc, figure_9_half_open_surviving_end);
	tcase_add_test(tc, figure_10_data_for_a_crashed_end);
	tcase_add_test(tc, figure_10_data_to_a_crashed_end);
	tcase_add_test(tc, figure_11_two_passive_sockets_answer);
	tcase_add_test(tc, figure_11_two_passive_sockets_old_syn);
	tcase_add_test(tc, figure_12_normal_close_active);
	tcase_add_test(tc, figure_12_normal_close_passive);
	tcase_add_test(tc, figure_13_simultaneous_close);
	return tc;
}

static TCase *blocks(void)
{
	TCase *tc = tests("SACK, D-SACK, timestamps");
	tcase_add_test(tc, rfc2018_case_1);
	tcase_add_test(tc, rfc2018_case_2);
	tcase_add_test(tc, rfc2018_case_3);
	tcase_add_test(tc, rfc2883_example_1);
	tcase_add_test(tc, rfc2883_example_2);
	tcase_add_test(tc, rfc2883_example_3);
	tcase_add_test(tc, rfc2883_example_4);
	tcase_add_test(tc, rfc2883_example_5);
	tcase_add_test(tc, rfc2883_example_6);
	tcase_add_test(tc, rfc7323_case_a_delayed_acks);
	tcase_add_test(tc, rfc7323_case_b_a_hole_and_its_filling);
	return tc;
}

Suite *figures_suite(void)
{
	Suite *s = suite_create("figures");
	suite_add_tcase(s, connections());
	suite_add_tcase(s, blocks());
	return s;
}
