/* SPDX-License-Identifier: MIT */
/* Explicit congestion notification (RFC 3168): who asks, who marks, who slows down. */
#include "tests/unit/pair.h"
#include "tests/unit/suites.h"
#include "tests/unit/wire.h"

#include "stack/tcp/tcp_send.h"

#define MSS 1460u
#define NOT_ECT 0
#define ECT1 1
#define ECT0 2
#define CE 3

static struct wire *w;

static void teardown(void)
{
	wire_free(w);
}

static void setup(void)
{
	w = wire_new();
}

static void set_ecn(uint32_t value)
{
	stack_sysctls(w->st)->tcp_ecn = value;
}

/* The next segment sent has these flags, this data and this codepoint. */
static void expect(uint8_t flags, uint32_t seq, uint32_t len, uint8_t ecn)
{
	struct wire_segment s;
	if (!wire_next(w, &s))
		ck_abort_msg("nothing was sent");
	ck_assert_msg(s.flags == flags && s.seq == seq && s.len == len && (s.tos & 3) == ecn,
		      "flags %02x seq %u+%u ECN %u, expected %02x %u+%u %u", s.flags, s.seq, s.len,
		      s.tos & 3, flags, seq, len, ecn);
}

static bool agreed(void)
{
	return wire_info(w).tcpi_options & TCPI_OPT_ECN;
}

/* The peer asked and was told yes. */
static void open_passive(void)
{
	wire_listen(w, 5);
	wire_in(w, "SEW 0:0(0) win 65535 <mss 1460,sackOK>");
	wire_out(w, "S.E 0:0(0) ack 1");
	wire_ms(w, 50); /* the round trip time */
	wire_in(w, ". 1:1(0) ack 1 win 65535");
	wire_accept(w);
	ck_assert(agreed());
	w->sk->sndbuf_bytes = 1 << 20;
}

static void setup_open(void)
{
	setup();
	open_passive();
}

static void setup_open_reno(void)
{
	setup();
	strcpy(stack_sysctls(w->st)->tcp_congestion_control, "reno");
	open_passive();
}

/* --- the handshake (6.1.1) --------------------------------------------------------------------- */

START_TEST(by_default_it_is_not_asked_for)
{
	wire_connect(w); /* compares the SYN's flags */
	wire_in(w, "S.E 0:0(0) ack 1 win 65535 <mss 1460>");
	ck_assert(!agreed());
	wire_out_forget(w);
	wire_write(w, 10);
	expect(TCP_ACK | TCP_PSH, 1, 10, NOT_ECT);
}
END_TEST

static void connect_asking(void)
{
	set_ecn(1);
	struct sock_addr to = {ip_v4(0x0a4d0001), WIRE_PEER_PORT};
	w->sk = wire_socket(w);
	ck_assert_int_eq(tcp_connect(w->sk, &to), 0);
	stack_flush(w->st);
	wire_use(w, 0, WIRE_PEER_PORT);
}

START_TEST(it_is_asked_for_and_granted)
{
	connect_asking();
	expect(TCP_SYN | TCP_ECE | TCP_CWR, 0, 0, NOT_ECT);
	wire_in(w, "S.E 0:0(0) ack 1 win 65535 <mss 1460>");
	wire_state(w, TCP_ESTABLISHED);
	ck_assert(agreed());
	expect(TCP_ACK, 1, 0, NOT_ECT);
	wire_write(w, 10);
	expect(TCP_ACK | TCP_PSH, 1, 10, ECT0);
}
END_TEST

START_TEST(it_is_asked_for_and_not_granted)
{
	static const char *const answers[] = {"S.", "S.EW", "S.W"};
	connect_asking();
	wire_out_forget(w);
	wire_in(w, "%s 0:0(0) ack 1 win 65535 <mss 1460>", answers[_i]);
	wire_state(w, TCP_ESTABLISHED);
	ck_assert(!agreed());
	wire_out_forget(w);
	wire_write(w, 10);
	expect(TCP_ACK | TCP_PSH, 1, 10, NOT_ECT);
}
END_TEST

/* 6.1.1.1: perhaps it was the flags that were dropped on the way. */
START_TEST(a_syn_sent_again_does_not_ask)
{
	connect_asking();
	expect(TCP_SYN | TCP_ECE | TCP_CWR, 0, 0, NOT_ECT);
	wire_ms(w, 1100);
	expect(TCP_SYN, 0, 0, NOT_ECT);
	wire_in(w, "S. 0:0(0) ack 1 win 65535 <mss 1460>");
	ck_assert(!agreed());
}
END_TEST

START_TEST(without_the_fallback_it_asks_again)
{
	stack_sysctls(w->st)->tcp_ecn_fallback = 0;
	connect_asking();
	expect(TCP_SYN | TCP_ECE | TCP_CWR, 0, 0, NOT_ECT);
	wire_ms(w, 1100);
	expect(TCP_SYN | TCP_ECE | TCP_CWR, 0, 0, NOT_ECT);
}
END_TEST

START_TEST(simultaneous_open)
{
	connect_asking();
	expect(TCP_SYN | TCP_ECE | TCP_CWR, 0, 0, NOT_ECT);
	wire_in(w, "SEW 0:0(0) win 65535 <mss 1460>");
	expect(TCP_SYN | TCP_ACK | TCP_ECE, 0, 0, NOT_ECT);
	wire_in(w, "S.E 0:0(0) ack 1 win 65535 <mss 1460>");
	wire_state(w, TCP_ESTABLISHED);
	ck_assert(agreed());
}
END_TEST

START_TEST(a_listener_grants_it_unless_told_not_to)
{
	set_ecn((uint32_t)_i);
	wire_listen(w, 5);
	wire_in(w, "SEW 0:0(0) win 65535 <mss 1460>");
	wire_out(w, _i ? "S.E 0:0(0) ack 1" : "S. 0:0(0) ack 1");
	wire_ms(w, 1100); /* and says so again */
	wire_out(w, _i ? "S.E 0:0(0) ack 1" : "S. 0:0(0) ack 1");
	wire_in(w, ". 1:1(0) ack 1 win 65535");
	wire_accept(w);
	ck_assert(agreed() == (_i != 0));
}
END_TEST

START_TEST(who_asks_wrongly_is_not_heard)
{
	wire_listen(w, 5);
	wire_in(w, "SE 0:0(0) win 65535 <mss 1460>");
	wire_out(w, "S. 0:0(0) ack 1");
	wire_use(w, WIRE_PORT, WIRE_PEER_PORT + 1);
	w->tos = ECT0; /* a SYN must not be ECT */
	wire_in(w, "SEW 0:0(0) win 65535 <mss 1460>");
	wire_out(w, "S. 0:0(0) ack 1");
}
END_TEST

/* A cookie has room for it where there are timestamps. */
START_TEST(a_cookie_remembers)
{
	bool ts = _i;
	stack_sysctls(w->st)->tcp_syncookies = 2;
	wire_listen(w, 5);
	wire_in(w, "SEW 0:0(0) win 65535 <mss 1460,sackOK%s>", ts ? ",ts 1000 0" : "");
	wire_out(w, ts ? "S.E 0:0(0) ack 1" : "S. 0:0(0) ack 1");
	wire_in(w, ". 1:1(0) ack 1 win 65535");
	wire_accept(w);
	wire_counts(w, TcpExtSyncookiesRecv, 1);
	ck_assert(agreed() == ts);
}
END_TEST

START_TEST(a_cookie_that_was_not_asked_remembers_that)
{
	stack_sysctls(w->st)->tcp_syncookies = 2;
	wire_listen(w, 5);
	wire_in(w, "S 0:0(0) win 65535 <mss 1460,sackOK,ts 1000 0,wscale 7>");
	wire_out(w, "S. 0:0(0) ack 1");
	wire_in(w, ". 1:1(0) ack 1 win 65535");
	wire_accept(w);
	ck_assert(!agreed());
}
END_TEST

/* --- the receiver (6.1.3) ----------------------------------------------------------------------- */

START_TEST(a_mark_is_told_until_the_peer_has_heard)
{
	w->tos = ECT0;
	wire_in(w, "P. 1:101(100) ack 1 win 65535");
	ck_assert(wire_info(w).tcpi_options & TCPI_OPT_ECN_SEEN);
	wire_out(w, ". 1:1(0) ack 101");
	w->tos = CE;
	wire_in(w, "P. 101:201(100) ack 1 win 65535");
	wire_out(w, ".E 1:1(0) ack 201");
	w->tos = ECT0;
	wire_in(w, "P. 201:301(100) ack 1 win 65535");
	wire_out(w, ".E 1:1(0) ack 301");
	wire_write(w, 10);
	wire_out(w, "P.E 1:11(10) ack 301");
	wire_in(w, "P.W 301:401(100) ack 11 win 65535");
	wire_out(w, ". 11:11(0) ack 401");
	wire_counts(w, IpExtInECT0Pkts, 3);
	wire_counts(w, IpExtInCEPkts, 1);
}
END_TEST

START_TEST(a_mark_on_the_cwr_begins_anew)
{
	w->tos = CE;
	wire_in(w, "P. 1:101(100) ack 1 win 65535");
	wire_out(w, ".E 1:1(0) ack 101");
	wire_in(w, "P.W 101:201(100) ack 1 win 65535");
	wire_out(w, ".E 1:1(0) ack 201");
}
END_TEST

START_TEST(marks_out_of_order_count_and_repeated_ones_do_not)
{
	w->tos = CE;
	wire_in(w, "P. 201:301(100) ack 1 win 65535");
	wire_out(w, ".E 1:1(0) ack 1 <sack 201:301>");
	w->tos = ECT0;
	wire_in(w, "P.W 1:201(200) ack 1 win 65535");
	wire_out(w, ". 1:1(0) ack 301");
	w->tos = CE;
	wire_in(w, "P. 1:101(100) ack 1 win 65535");
	wire_out(w, ". 1:1(0) ack 301 <sack 1:101>");
}
END_TEST

/* 6.1.4: nor is an ACK's mark, should somebody send one. */
START_TEST(pure_acks_carry_no_marks)
{
	w->tos = CE;
	wire_in(w, ". 1:1(0) ack 1 win 65000");
	wire_write(w, 10);
	expect(TCP_ACK | TCP_PSH, 1, 10, ECT0);
}
END_TEST

START_TEST(without_agreement_marks_mean_nothing)
{
	wire_listen(w, 5);
	wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
	wire_out(w, "S. 0:0(0) ack 1");
	wire_in(w, ". 1:1(0) ack 1 win 65535");
	wire_accept(w);
	w->tos = CE;
	wire_in(w, "P.W 1:101(100) ack 1 win 65535");
	wire_out(w, ". 1:1(0) ack 101");
	ck_assert(!(wire_info(w).tcpi_options & TCPI_OPT_ECN_SEEN));
}
END_TEST

/* --- the sender (6.1.2) ------------------------------------------------------------------------ */

static void acks(uint32_t ack, const char *flags)
{
	wire_ms(w, 10);
	wire_in(w, "%s 1:1(0) ack %u win 65535", flags, ack);
}

START_TEST(one_reduction_for_a_window)
{
	wire_write(w, 20 * MSS);
	wire_out_forget(w);
	uint32_t cwnd = w->sk->cwnd_bytes;
	acks(1 + MSS, ".E");
	ck_assert_int_eq(w->sk->ca_state, CA_CWR);
	uint32_t reduced = w->sk->ssthresh_bytes;
	ck_assert_uint_eq(reduced, cwnd * 85 / 100);
	wire_out_forget(w);
	for (uint32_t n = 2; n <= 6; n++)
		acks(1 + n * MSS, ".E");
	ck_assert_uint_eq(w->sk->ssthresh_bytes, reduced);
	ck_assert_uint_le(w->sk->cwnd_bytes, cwnd);
	wire_counts(w, TcpRetransSegs, 0);
	ck_assert_uint_eq(wire_info(w).tcpi_delivered_ce, 6);
	wire_counts(w, TcpExtTCPDeliveredCE, 6);
	/* All that was in flight is acknowledged: the next echo is news. */
	acks(w->sk->snd_nxt - w->sk->iss, ".");
	wire_write(w, 20 * MSS);
	acks(w->sk->snd_nxt - w->sk->iss, ".");
	ck_assert_int_eq(w->sk->ca_state, CA_OPEN);
	wire_write(w, 20 * MSS);
	cwnd = w->sk->cwnd_bytes;
	acks(w->sk->snd_una + MSS - w->sk->iss, ".E");
	ck_assert_uint_lt(w->sk->ssthresh_bytes, reduced);
	ck_assert_uint_le(w->sk->ssthresh_bytes, cwnd * 85 / 100);
}
END_TEST

/* RFC 8511 3.1 */
START_TEST(reno_keeps_four_fifths)
{
	wire_write(w, 20 * MSS);
	uint32_t cwnd = w->sk->cwnd_bytes;
	acks(1 + MSS, ".E");
	ck_assert_uint_eq(w->sk->ssthresh_bytes, cwnd / 5 * 4);
}
END_TEST

START_TEST(cwr_goes_once_with_new_data)
{
	wire_write(w, 30 * MSS);
	wire_out_forget(w);
	struct wire_segment s;
	unsigned cwr = 0, sent = 0;
	for (uint32_t n = 1; n <= 10; n++) {
		acks(1 + n * MSS, ".E");
		while (wire_next(w, &s)) {
			ck_assert((s.tos & 3) == ECT0);
			ck_assert((s.flags & TCP_CWR) == (sent++ == 0 ? TCP_CWR : 0));
			cwr += s.flags & TCP_CWR ? 1 : 0;
		}
	}
	ck_assert_uint_eq(cwr, 1);
	ck_assert_uint_ge(sent, 7);
}
END_TEST

/* 6.1.5: a retransmission is not ECT; and the reduction for the loss is told too. */
START_TEST(a_retransmission_is_not_ect)
{
	wire_write(w, 10 * MSS);
	wire_out_forget(w);
	wire_ms(w, 10);
	wire_in(w, ". 1:1(0) ack 1 win 65535 <sack %u:%u>", 1 + MSS, 1 + 5 * MSS);
	expect(TCP_ACK, 1, MSS, NOT_ECT);
	acks(1 + 10 * MSS, ".");
	wire_write(w, 2 * MSS);
	expect(TCP_ACK | TCP_CWR, 1 + 10 * MSS, MSS, ECT0);
	expect(TCP_ACK | TCP_PSH, 1 + 11 * MSS, MSS, ECT0);
}
END_TEST

START_TEST(a_timeout_is_told_too)
{
	wire_write(w, MSS);
	wire_out_forget(w);
	while (wire_counter(w, TcpExtTCPTimeouts) == 0)
		wire_ms(w, 10);
	wire_out_forget(w);
	acks(1 + MSS, ".");
	wire_write(w, MSS);
	expect(TCP_ACK | TCP_PSH | TCP_CWR, 1 + MSS, MSS, ECT0);
}
END_TEST

/* An echo while recovering is no second reason, but the reduction is not undone any more. */
START_TEST(an_echo_in_recovery)
{
	wire_write(w, 10 * MSS);
	wire_ms(w, 10);
	wire_in(w, ". 1:1(0) ack 1 win 65535 <sack %u:%u>", 1 + MSS, 1 + 5 * MSS);
	ck_assert_int_eq(w->sk->ca_state, CA_RECOVERY);
	uint32_t ssthresh = w->sk->ssthresh_bytes;
	wire_in(w, ".E 1:1(0) ack 1 win 65535 <sack %u:%u>", 1 + MSS, 1 + 6 * MSS);
	ck_assert_uint_eq(w->sk->ssthresh_bytes, ssthresh);
	ck_assert_int_eq(w->sk->ca_state, CA_RECOVERY);
	acks(1 + 10 * MSS, ".");
	wire_in(w, ". 1:1(0) ack %u win 65535 <sack 1:%u>", 1 + 10 * MSS, 1 + MSS);
	ck_assert_uint_eq(w->sk->ssthresh_bytes, ssthresh);
}
END_TEST

START_TEST(pure_acks_resets_and_fins_are_not_ect)
{
	w->tos = ECT0;
	wire_in(w, "P. 1:101(100) ack 1 win 65535");
	expect(TCP_ACK, 1, 0, NOT_ECT);
	wire_read(w, 100);
	wire_out_forget(w);
	tcp_send_fin(w->sk);
	wire_flush(w);
	expect(TCP_ACK | TCP_FIN, 1, 0, NOT_ECT);
	wire_use(w, WIRE_PORT, WIRE_PEER_PORT + 1);
	wire_in(w, ". 1:1(0) ack 1 win 65535");
	expect(TCP_RST, 1, 0, NOT_ECT);
}
END_TEST

/* A whole stream over a path that marks one packet in a hundred: slower, and nothing is lost. */
START_TEST(marks_instead_of_losses)
{
	struct pair *p =
	    pair_new(&(struct impair_config){.delay_us = 10000, .mark_ppm = 10000, .seed = 3});
	stack_sysctls(p->st[0])->tcp_ecn = 1;
	pair_connect(p, "cubic");
	ck_assert_uint_gt(pair_stream(p, 10000000), 2000000);
	const struct snmp_mib *there = stack_mib(p->st[1]), *here = stack_mib(p->st[0]);
	ck_assert_uint_gt(there->counter[IpExtInCEPkts], 20);
	uint64_t on_the_way = p->out[0].stats.marked - there->counter[IpExtInCEPkts];
	ck_assert_uint_le(on_the_way, p->out[0].queued);
	ck_assert_uint_gt(here->counter[TcpExtTCPDeliveredCE], 20);
	ck_assert_uint_eq(here->counter[TcpRetransSegs], 0);
	ck_assert_uint_lt(p->sender->cwnd_bytes, 200 * p->sender->mss_cache);
	pair_free(p);
}
END_TEST

/* IP_TOS leaves the two bits alone. */
START_TEST(the_type_of_service_does_not_mix)
{
	wire_set_int(w->sk, 0, 1, 0xbb);
	ck_assert_int_eq(wire_get_int(w->sk, 0, 1), 0xb8);
	wire_write(w, 10);
	struct wire_segment s;
	ck_assert(wire_next(w, &s));
	ck_assert_uint_eq(s.tos, 0xb8 | ECT0);
}
END_TEST

/* RFC 9937 6.2 holds for CWR as for a loss: of four in flight one is acknowledged with an echo, so two
 * may leave (it was no loss: SafeACK), and cwnd is what is in flight and these. */
START_TEST(the_window_after_an_echo_is_reduced_in_proportion)
{
	wire_write(w, 4 * MSS);
	wire_out_forget(w);
	wire_ms(w, 50);
	wire_info_is(w, snd_cwnd, 10);
	wire_in(w, "E. 1:1(0) ack %u win 65535", 1 + MSS);
	wire_info_is(w, ca_state, CA_CWR);
	wire_info_is(w, snd_cwnd, 5);
	ck_assert_uint_ge(wire_info(w).tcpi_snd_ssthresh, 7);
	wire_write(w, 4 * MSS);
	expect(TCP_ACK | TCP_CWR, 1 + 4 * MSS, MSS, ECT0);
	expect(TCP_ACK, 1 + 5 * MSS, MSS, ECT0);
	wire_out_none(w);
}
END_TEST

Suite *ecn_suite(void)
{
	Suite *s = suite_create("ECN");
	TCase *plain = tcase_create("handshake");
	tcase_add_checked_fixture(plain, setup, teardown);
	tcase_add_test(plain, by_default_it_is_not_asked_for);
	tcase_add_test(plain, it_is_asked_for_and_granted);
	tcase_add_loop_test(plain, it_is_asked_for_and_not_granted, 0, 3);
	tcase_add_test(plain, a_syn_sent_again_does_not_ask);
	tcase_add_test(plain, without_the_fallback_it_asks_again);
	tcase_add_test(plain, simultaneous_open);
	tcase_add_loop_test(plain, a_listener_grants_it_unless_told_not_to, 0, 3);
	tcase_add_test(plain, who_asks_wrongly_is_not_heard);
	tcase_add_loop_test(plain, a_cookie_remembers, 0, 2);
	tcase_add_test(plain, a_cookie_that_was_not_asked_remembers_that);
	tcase_add_test(plain, marks_instead_of_losses);
	tcase_add_test(plain, without_agreement_marks_mean_nothing);
	suite_add_tcase(s, plain);
	TCase *open = tcase_create("open");
	tcase_add_checked_fixture(open, setup_open, teardown);
	tcase_add_test(open, a_mark_is_told_until_the_peer_has_heard);
	tcase_add_test(open, a_mark_on_the_cwr_begins_anew);
	tcase_add_test(open, marks_out_of_order_count_and_repeated_ones_do_not);
	tcase_add_test(open, pure_acks_carry_no_marks);
	tcase_add_test(open, one_reduction_for_a_window);
	tcase_add_test(open, the_window_after_an_echo_is_reduced_in_proportion);
	tcase_add_test(open, cwr_goes_once_with_new_data);
	tcase_add_test(open, a_retransmission_is_not_ect);
	tcase_add_test(open, a_timeout_is_told_too);
	tcase_add_test(open, an_echo_in_recovery);
	tcase_add_test(open, pure_acks_resets_and_fins_are_not_ect);
	tcase_add_test(open, the_type_of_service_does_not_mix);
	suite_add_tcase(s, open);
	TCase *reno = tcase_create("reno");
	tcase_add_checked_fixture(reno, setup_open_reno, teardown);
	tcase_add_test(reno, reno_keeps_four_fifths);
	tcase_add_test(reno, cwr_goes_once_with_new_data);
	suite_add_tcase(s, reno);
	return s;
}
