/* SPDX-License-Identifier: MIT */
/*
 * What a stack tells who watches it (stack/trace.h), in the words of daemon/trace_words.h: each
 * thing that happens to a connection, once, in its order, and why a frame was dropped.
 */
#include <stdio.h>
#include <string.h>

#include "daemon/trace_words.h"
#include "stack/trace.h"
#include "tests/unit/sender.h"
#include "tests/unit/suites.h"
#include "tests/unit/wire.h"

#define MSS SENDER_MSS

static char said[8192]; /* a line an event */
static struct wire *w;

static void watch(void *ctx, const struct stack_trace *t)
{
	char words[TRACE_WORDS_MAX];

	(void)ctx;
	if (!trace_words(t, words))
		return;
	size_t len = strlen(said);
	ck_assert_uint_lt(len + strlen(words) + 2, sizeof(said));
	sprintf(said + len, "%s\n", words);
}

static void expect(const char *lines)
{
	ck_assert_str_eq(said, lines);
	said[0] = '\0';
}

/* One of the lines is this one; the others are of no interest here. */
static void expect_among(const char *line)
{
	char whole[TRACE_WORDS_MAX + 2], all[sizeof(said) + 2];

	snprintf(whole, sizeof(whole), "\n%s\n", line);
	snprintf(all, sizeof(all), "\n%s", said);
	ck_assert_msg(strstr(all, whole) != NULL, "no \"%s\" in:\n%s", line, said);
}

static void setup(void)
{
	w = wire_new();
	said[0] = '\0';
	stack_set_trace(w->st, watch);
}

static void teardown(void)
{
	wire_free(w);
}

/* --- a connection's life */

START_TEST(a_passive_connection_from_syn_to_time_wait)
{
	wire_passive_open(w, "mss 1460,sackOK,wscale 7", 1000);
	expect("SYN-ACK sent, mss 1460 wscale 7 sack\n"
	       "established, mss 1460 wscale 7,7 sack cwnd 10 rtt 0.001 ms\n");
	wire_close(w);
	expect("closing: FIN-WAIT-1\n");
	wire_in(w, ". 1:1(0) ack 2 win 1000");
	expect("FIN acknowledged: FIN-WAIT-2\n");
	wire_in(w, "F. 1:1(0) ack 2 win 1000");
	expect("FIN received: TIME-WAIT\n");
	wire_ms(w, 60001);
	expect("closed\n");
}
END_TEST

START_TEST(an_active_connection_that_the_peer_ends)
{
	wire_connect(w);
	expect("SYN sent\n");
	wire_in(w, "S. 0:0(0) ack 1 win 5000 <mss 1000>");
	expect("established, mss 1000 cwnd 10 rtt 0.001 ms\n");
	wire_in(w, "F. 1:1(0) ack 1 win 5000");
	expect("FIN received: CLOSE-WAIT\n");
	wire_close(w);
	expect("closing: LAST-ACK\n");
	wire_in(w, ". 2:2(0) ack 2 win 5000");
	expect("closed\n");
}
END_TEST

START_TEST(a_reset_has_its_error)
{
	wire_passive_open(w, "mss 1460", 1000);
	said[0] = '\0';
	wire_in(w, "R 1:1(0)");
	expect_among("closed: Connection reset by peer");
}
END_TEST

START_TEST(a_refusal_has_its_error)
{
	wire_connect(w);
	wire_in(w, "R. 0:0(0) ack 1");
	expect_among("closed: Connection refused");
}
END_TEST

START_TEST(a_synack_that_nobody_answers_is_sent_again)
{
	wire_listen(w, 5);
	wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
	said[0] = '\0';
	wire_ms(w, 1001);
	expect("SYN-ACK sent again (1)\n");
}
END_TEST

START_TEST(a_handshake_that_nobody_completes_is_over)
{
	wire_listen(w, 5);
	wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
	for (int i = 0; i < 70; i++)
		wire_ms(w, 1001);
	expect_among("SYN-ACK sent again (5)");
	expect_among("closed: Connection timed out");
}
END_TEST

START_TEST(a_syn_that_nobody_answers_is_sent_again)
{
	wire_connect(w);
	said[0] = '\0';
	wire_ms(w, 1001);
	expect_among("SYN sent again (RTO 1000 ms)");
}
END_TEST

START_TEST(a_dropped_frame_has_its_reason)
{
	wire_passive_open(w, "mss 1460", 1000);
	said[0] = '\0';
	wire_in(w, ". 100000:100001(1) ack 1 win 1000");
	expect("dropped: TCP_INVALID_SEQUENCE\n");
	wire_use(w, 9, 4005);
	wire_in(w, ". 1:2(1) ack 1 win 1000");
	expect("dropped: NO_SOCKET\n");
}
END_TEST

START_TEST(a_closed_window_is_probed)
{
	wire_passive_open(w, "mss 1460", 0);
	said[0] = '\0';
	wire_write(w, 100);
	wire_ms(w, 250);
	expect_among("window probe (1)");
}
END_TEST

START_TEST(nobody_is_told_when_nobody_watches)
{
	stack_set_trace(w->st, NULL);
	wire_passive_open(w, "mss 1460", 1000);
	wire_in(w, ". 100000:100001(1) ack 1 win 1000");
	expect("");
}
END_TEST

/* --- losses; ten segments in flight */

static void sender_setup(void)
{
	sender_open(&(struct sender_options){.reno = true});
	sender_write(10 * MSS);
	sender_forget();
	sender_wait(SENDER_RTT_US);
	said[0] = '\0';
	stack_set_trace(sender_stack, watch);
}

static void sack(uint32_t ack, uint32_t start, uint32_t end)
{
	peer_sack(ack, 1, (const uint32_t[][2]){{start, end}});
}

START_TEST(a_loss_that_sack_shows)
{
	for (uint32_t n = 2; n <= 5; n++)
		sack(0, MSS, n * MSS);
	expect_among("retransmitted 1000 bytes at 1 (RACK)");
	ck_assert_msg(strstr(said, ", ssthresh 5 (recovery)\n") != NULL, "%s", said);
	said[0] = '\0';
	peer_ack(10 * MSS);
	ck_assert_msg(strstr(said, " (recovered)\n") != NULL, "%s", said);
}
END_TEST

START_TEST(a_timeout)
{
	sender_wait_sent(1000000); /* the probe */
	expect("retransmitted 1000 bytes at 9001 (TLP)\n");
	sender_forget();
	sender_wait_sent(1000000);
	expect("cwnd 10 -> 1, ssthresh 5 (timeout)\n"
	       "retransmitted 1000 bytes at 1 (RTO 300 ms)\n");
	sender_forget();
	sender_wait_sent(1000000);
	expect_among("retransmitted 1000 bytes at 1 (RTO 600 ms, try 2)");
}
END_TEST

START_TEST(cwnd_grows_with_what_is_acknowledged)
{
	peer_ack(3 * MSS);
	expect("cwnd 10 -> 13 (slow start)\n");
}
END_TEST

START_TEST(an_idle_connection_starts_anew)
{
	peer_ack(10 * MSS);
	expect("cwnd 10 -> 20 (slow start)\n");
	sender_wait(5000000);
	sender_write(MSS);
	expect_among("cwnd 20 -> 10 (idle)");
}
END_TEST

Suite *trace_suite(void)
{
	Suite *s = suite_create("trace");
	TCase *life = tcase_create("life"), *loss = tcase_create("loss");

	tcase_add_checked_fixture(life, setup, teardown);
	tcase_add_test(life, a_passive_connection_from_syn_to_time_wait);
	tcase_add_test(life, an_active_connection_that_the_peer_ends);
	tcase_add_test(life, a_reset_has_its_error);
	tcase_add_test(life, a_refusal_has_its_error);
	tcase_add_test(life, a_synack_that_nobody_answers_is_sent_again);
	tcase_add_test(life, a_handshake_that_nobody_completes_is_over);
	tcase_add_test(life, a_syn_that_nobody_answers_is_sent_again);
	tcase_add_test(life, a_dropped_frame_has_its_reason);
	tcase_add_test(life, a_closed_window_is_probed);
	tcase_add_test(life, nobody_is_told_when_nobody_watches);
	suite_add_tcase(s, life);
	tcase_add_checked_fixture(loss, sender_setup, sender_close);
	tcase_add_test(loss, a_loss_that_sack_shows);
	tcase_add_test(loss, a_timeout);
	tcase_add_test(loss, cwnd_grows_with_what_is_acknowledged);
	tcase_add_test(loss, an_idle_connection_starts_anew);
	suite_add_tcase(s, loss);
	return s;
}
