/* SPDX-License-Identifier: MIT */
/* Receiving: order, overlaps, SACK and D-SACK, windows, delayed ACKs, PAWS, urgent data, memory,
 * and what ICMP says of an established connection. */
#include <errno.h>

#include "tests/unit/suites.h"
#include "tests/unit/wire.h"

#define MSS 1448u /* of segments with timestamps */

static struct wire *w;

static void setup(void)
{
	w = wire_new();
	wire_passive_open(w, WIRE_OPTIONS, 500);
}

static void setup_closed(void)
{
	w = wire_new();
}

static void teardown(void)
{
	wire_free(w);
}

/* The first ACKs of a connection are quick: uses them up, with one byte each. */
static void spend_quick_acks(void)
{
	while (w->sk->quick_acks > 0 || w->sk->ato_us == 0) {
		uint32_t seq = w->sk->rcv_nxt - w->at->peer_iss;
		wire_in(w, ". %u:%u(1) ack 1 win 500", seq, seq + 1);
		wire_read(w, 1);
	}
	wire_ms(w, 100); /* less than an RTO: a longer pause would bring them back */
	wire_out_forget(w);
}

static uint32_t next_seq(void)
{
	return w->sk->rcv_nxt - w->at->peer_iss;
}

/* `len` bytes that come next. */
static void data_in(uint32_t len)
{
	uint32_t seq = next_seq();
	wire_in(w, ". %u:%u(%u) ack 1 win 500", seq, seq + len, len);
}

static uint32_t right_edge(void)
{
	return w->sk->rcv_nxt + tcp_receive_window(w->sk) - w->at->peer_iss;
}

/* --- in order --------------------------------------------------------------------------------- */

START_TEST(data_is_read_as_it_was_sent)
{
	wire_in(w, "P. 1:1001(1000) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1001");
	wire_events(w, TCP_EVENT_READABLE);
	ck_assert_uint_eq(wire_unread(w), 1000);
	wire_read(w, 400);
	wire_read(w, 600);
	ck_assert_uint_eq(wire_unread(w), 0);
	wire_counts(w, TcpExtTCPHPHits, 1);
}
END_TEST

START_TEST(small_segments_share_a_buffer)
{
	for (uint32_t i = 0; i < 100; i++)
		data_in(10);
	ck_assert_uint_eq(wire_unread(w), 1000);
	ck_assert_uint_le(w->sk->rcvq_truesize, 3 * (PKT_SMALL_BYTES + 200));
	wire_counts(w, TcpExtTCPRcvCoalesce, 99);
	wire_read(w, 1000);
	ck_assert_uint_eq(w->sk->rcvq_truesize, 0);
	ck_assert_uint_eq(tcp_count(w->st).rcvbuf_bytes, 0);
}
END_TEST

START_TEST(compaction_leaves_the_bytes_alone)
{
	for (uint32_t i = 0; i < 50; i++) {
		data_in(i % 7 == 0 ? 1400 : 30);
		tcp_recv_compact(w->sk);
	}
	size_t held = w->sk->rcvq_truesize;
	uint32_t bytes = wire_unread(w);
	ck_assert_uint_le(held, 3 * (size_t)bytes);
	wire_read(w, bytes);
	ck_assert_uint_eq(w->sk->rcvq_truesize, 0);
}
END_TEST

/* --- acknowledging (RFC 9293 3.8.6.3, RFC 5681 4.2) ------------------------------------------ */

START_TEST(the_first_acks_are_quick)
{
	data_in(100);
	wire_out(w, ". 1:1(0) ack 101");
	data_in(100);
	wire_out(w, ". 1:1(0) ack 201");
}
END_TEST

START_TEST(one_segment_waits_two_do_not)
{
	spend_quick_acks();
	uint32_t at = next_seq();
	data_in(MSS);
	wire_out_none(w);
	data_in(MSS);
	wire_out(w, ". 1:1(0) ack %u", at + 2 * MSS);
	data_in(MSS);
	wire_out_none(w);
	wire_ms(w, 250);
	wire_out(w, ". 1:1(0) ack %u", at + 3 * MSS);
	ck_assert_uint_ge(wire_counter(w, TcpExtDelayedACKs), 1);
}
END_TEST

START_TEST(an_aggregated_segment_counts_as_many)
{
	spend_quick_acks();
	uint32_t at = next_seq(), segments = w->sk->data_segs_in;
	w->gso_size = 1000;
	data_in(20000);
	wire_out(w, ". 1:1(0) ack %u", at + 20000);
	ck_assert_uint_eq(w->sk->data_segs_in - segments, 20);
	ck_assert_uint_eq(w->sk->rcv_mss, 1000);
}
END_TEST

START_TEST(acks_of_a_batch_merge)
{
	spend_quick_acks();
	uint32_t at = next_seq();
	for (uint32_t i = 0; i < 10; i++)
		wire_in_batch(w, ". %u:%u(1000) ack 1 win 500", at + i * 1000, at + (i + 1) * 1000);
	wire_out_none(w);
	wire_flush(w);
	wire_out(w, ". 1:1(0) ack %u", at + 10000);
	wire_out_none(w);
}
END_TEST

START_TEST(an_answer_carries_the_ack)
{
	spend_quick_acks();
	uint32_t at = next_seq();
	wire_in(w, "P. %u:%u(50) ack 1 win 500", at, at + 50);
	wire_write(w, 10);
	wire_out(w, "P. 1:11(10) ack %u", at + 50);
	wire_in(w, ". %u:%u(0) ack 11 win 500", at + 50, at + 50);
	wire_ms(w, 300);
	wire_out_none(w);
}
END_TEST

START_TEST(a_pause_brings_quick_acks_back)
{
	spend_quick_acks();
	wire_ms(w, 5000);
	uint32_t at = next_seq();
	data_in(10);
	wire_out(w, ". 1:1(0) ack %u", at + 10);
}
END_TEST

START_TEST(reading_a_whole_message_ends_the_delay)
{
	spend_quick_acks();
	uint32_t at = next_seq();
	wire_in(w, "P. %u:%u(50) ack 1 win 500", at, at + 50);
	wire_out_none(w);
	wire_read(w, 50);
	wire_out(w, ". 1:1(0) ack %u", at + 50);
}
END_TEST

START_TEST(a_message_that_ends_with_a_full_segment)
{
	spend_quick_acks();
	data_in(MSS); /* so large are the peer's segments */
	wire_ms(w, 100);
	wire_read(w, wire_unread(w));
	wire_out_forget(w);
	uint32_t at = next_seq();
	wire_in(w, "P. %u:%u(%u) ack 1 win 500", at, at + MSS, MSS);
	wire_out_none(w);
	wire_read(w, MSS);
	wire_out(w, ". 1:1(0) ack %u", at + MSS);
}
END_TEST

/* --- out of order ----------------------------------------------------------------------------- */

START_TEST(a_hole_is_reported_at_once)
{
	wire_in(w, ". 1001:2001(1000) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1 <sack 1001:2001>");
	ck_assert_uint_eq(wire_unread(w), 0);
	wire_in(w, ". 2001:3001(1000) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1 <sack 1001:3001>");
	wire_in(w, ". 1:1001(1000) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 3001 <no-sack>");
	wire_read(w, 3000);
	wire_counts(w, TcpExtTCPOFOQueue, 2);
	ck_assert_uint_eq(w->sk->ooo_truesize, 0);
}
END_TEST

START_TEST(each_segment_out_of_order_is_acknowledged)
{
	for (uint32_t i = 1; i <= 5; i++)
		wire_in_batch(w, ". %u:%u(1000) ack 1 win 500", i * 1000 + 1, i * 1000 + 1001);
	for (uint32_t i = 1; i <= 5; i++)
		wire_out(w, ". 1:1(0) ack 1 <sack 1001:%u>", i * 1000 + 1001);
	wire_flush(w);
	wire_out_none(w);
}
END_TEST

/* RFC 2018 4: the newest block first. */
START_TEST(sack_blocks_newest_first)
{
	wire_in(w, ". 1001:1501(500) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1 <sack 1001:1501>");
	wire_in(w, ". 2001:2501(500) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1 <sack 2001:2501 1001:1501>");
	wire_in(w, ". 3001:3501(500) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1 <sack 3001:3501 2001:2501 1001:1501>");
	wire_in(w, ". 4001:4501(500) ack 1 win 500"); /* beside timestamps three fit */
	wire_out(w, ". 1:1(0) ack 1 <sack 4001:4501 3001:3501 2001:2501>");
	wire_in(w, ". 1501:2001(500) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1 <sack 1001:2501 4001:4501 3001:3501>");
	wire_in(w, ". 1:1001(1000) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 2501 <sack 4001:4501 3001:3501>");
	wire_read(w, 2500);
}
END_TEST

START_TEST(four_sack_blocks_without_timestamps)
{
	wire_passive_open(w, "mss 1460,sackOK", 60000);
	for (uint32_t i = 1; i <= 4; i++)
		wire_in(w, ". %u:%u(100) ack 1 win 60000", i * 1000 + 1, i * 1000 + 101);
	wire_out_forget(w);
	wire_in(w, ". 5001:5101(100) ack 1 win 60000");
	wire_out(w, ". 1:1(0) ack 1 <sack 5001:5101 4001:4101 3001:3101 2001:2101>");
}
END_TEST

START_TEST(no_sack_where_it_was_not_agreed)
{
	wire_passive_open(w, "mss 1460", 60000);
	wire_in(w, ". 1001:2001(1000) ack 1 win 60000");
	wire_out(w, ". 1:1(0) ack 1 <no-sack>");
	wire_in(w, ". 1001:2001(1000) ack 1 win 60000");
	wire_out(w, ". 1:1(0) ack 1 <no-sack>");
	wire_in(w, ". 1:1001(1000) ack 1 win 60000");
	wire_out(w, ". 1:1(0) ack 2001");
	wire_read(w, 2000);
}
END_TEST

START_TEST(a_fin_out_of_order)
{
	wire_in(w, "F. 101:201(100) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1 <sack 101:202>");
	wire_state(w, TCP_ESTABLISHED);
	wire_in(w, ". 1:101(100) ack 1 win 500");
	wire_state(w, TCP_CLOSE_WAIT);
	wire_read(w, 200);
	ck_assert(tcp_recv_eof(w->sk));
	wire_out(w, ". 1:1(0) ack 202 <no-sack>");
}
END_TEST

START_TEST(a_bare_fin_out_of_order)
{
	wire_in(w, "F. 101:101(0) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1 <sack 101:102>");
	wire_in(w, ". 1:101(100) ack 1 win 500");
	wire_state(w, TCP_CLOSE_WAIT);
	wire_read(w, 100);
}
END_TEST

/* --- overlaps (RFC 2883: what came twice is told) -------------------------------------------- */

START_TEST(a_whole_repetition)
{
	wire_in(w, ". 1:1001(1000) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1001");
	wire_in(w, ". 1:1001(1000) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1001 <sack 1:1001>");
	wire_in(w, ". 501:1001(500) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1001 <sack 501:1001>");
	wire_out_none(w);
	wire_read(w, 1000);
	wire_counts(w, TcpExtTCPDSACKOldSent, 2);
}
END_TEST

START_TEST(the_new_part_of_an_overlap)
{
	wire_in(w, ". 1:1001(1000) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1001");
	wire_in(w, ". 501:1501(1000) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1501 <sack 501:1001>");
	wire_read(w, 1500);
}
END_TEST

START_TEST(a_repetition_out_of_order)
{
	wire_in(w, ". 1001:2001(1000) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1 <sack 1001:2001>");
	wire_in(w, ". 1001:2001(1000) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1 <sack 1001:2001 1001:2001>");
	wire_in(w, ". 1201:1401(200) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1 <sack 1201:1401 1001:2001>");
	wire_counts(w, TcpExtTCPDSACKOfoSent, 2);
	wire_counts(w, TcpExtTCPOFOMerge, 2);
}
END_TEST

START_TEST(overlaps_out_of_order_are_cut)
{
	wire_in(w, ". 1001:2001(1000) ack 1 win 500");
	wire_in(w, ". 3001:4001(1000) ack 1 win 500");
	wire_in(w, ". 1501:2501(1000) ack 1 win 500"); /* over the first one's end */
	wire_in(w, ". 2801:3501(700) ack 1 win 500");  /* over the second one's beginning */
	wire_in(w, ". 901:4501(3600) ack 1 win 500");  /* over all of them */
	wire_out_forget(w);
	wire_in(w, ". 1:1001(1000) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 4501 <sack 901:1001>");
	wire_read(w, 4500);
	ck_assert_uint_eq(w->sk->ooo_pkts, 0);
}
END_TEST

START_TEST(in_order_data_reaches_over_what_waits)
{
	wire_in(w, ". 501:1001(500) ack 1 win 500");
	wire_in(w, ". 1501:2001(500) ack 1 win 500");
	wire_out_forget(w);
	wire_in(w, ". 1:1751(1750) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 2001");
	wire_read(w, 2000);
}
END_TEST

/* Every order of arrival of overlapping pieces gives the same stream. */
START_TEST(any_order_of_any_pieces)
{
	uint32_t at = 1, seed = (uint32_t)_i * 7919 + 1;
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 40; i++) {
			seed = seed * 1103515245 + 12345;
			uint32_t off = (seed >> 8) % 9000, len = 1 + (seed >> 20) % 1400;
			if (at + off + len <= right_edge())
				wire_in(w, ". %u:%u(%u) ack 1 win 500", at + off, at + off + len,
					len);
		}
		for (uint32_t off = 0; off < 9000; off += 1000)
			wire_in(w, ". %u:%u(1000) ack 1 win 500", at + off, at + off + 1000);
		uint32_t got = wire_unread(w);
		ck_assert_uint_ge(got, 9000);
		wire_read(w, got);
		at += got;
		ck_assert_uint_eq(w->sk->ooo_pkts, 0);
		ck_assert_uint_eq(w->sk->rcv_sack_cnt, 0);
	}
	wire_state(w, TCP_ESTABLISHED);
	ck_assert_uint_eq(tcp_count(w->st).rcvbuf_bytes, 0);
}
END_TEST

/* --- the window ------------------------------------------------------------------------------- */

static void fill_window(void)
{
	uint32_t left;
	while ((left = tcp_receive_window(w->sk)) > 0)
		data_in(left < MSS ? left : MSS);
}

START_TEST(the_right_edge_never_moves_back)
{
	uint32_t edge = right_edge();
	for (int i = 0; i < 300 && tcp_receive_window(w->sk) > 0; i++) {
		data_in(tcp_receive_window(w->sk) < 700 ? tcp_receive_window(w->sk) : 700);
		ck_assert_int_ge((int32_t)(right_edge() - edge), 0);
		edge = right_edge();
	}
	ck_assert_uint_eq(tcp_receive_window(w->sk), 0);
}
END_TEST

START_TEST(a_smaller_buffer_does_not_take_the_window_back)
{
	uint32_t edge = right_edge();
	w->sk->rcvbuf_bytes = 4096;
	data_in(1000);
	ck_assert_uint_ge(right_edge(), edge);
	ck_assert_uint_gt(tcp_receive_window(w->sk), 4096);
}
END_TEST

START_TEST(a_full_window_is_zero_and_opens_again)
{
	struct wire_segment s = {.win = 1};
	fill_window();
	wire_ms(w, 500);
	while (wire_next(w, &s))
		;
	ck_assert_uint_eq(s.win, 0);
	wire_counts(w, TcpExtTCPToZeroWindowAdv, 1);
	uint32_t unread = wire_unread(w);
	wire_read(w, 1); /* a byte of room is a silly window */
	wire_out_none(w);
	wire_read(w, unread - 1);
	ck_assert(wire_next(w, &s));
	ck_assert_uint_gt(s.win, 0);
	wire_counts(w, TcpExtTCPFromZeroWindowAdv, 1);
}
END_TEST

/* Less than two segments more, and yet worth telling: the peer may send twice as much. */
START_TEST(a_window_that_doubles_is_told)
{
	w->sk->rcvbuf_locked = true;
	while (tcp_receive_window(w->sk) > 2500)
		data_in(tcp_receive_window(w->sk) - 2500 < MSS ? tcp_receive_window(w->sk) - 2500
							       : MSS);
	wire_ms(w, 500);
	wire_out_forget(w);
	uint32_t unread = wire_unread(w), full = tcp_full_space(w->sk);
	ck_assert_uint_gt(unread + 5200, full);
	wire_read(w, unread + 5200 - full);
	wire_out(w, ". 1:1(0) ack %u", next_seq());
	ck_assert_uint_ge(tcp_receive_window(w->sk), 5000);
	ck_assert_uint_lt(tcp_receive_window(w->sk), 2500 + 2 * MSS);
}
END_TEST

/* RFC 9293 3.8.6.1: a probe is answered, its byte is not taken. */
START_TEST(a_zero_window_probe)
{
	fill_window();
	wire_ms(w, 1000);
	wire_out_forget(w);
	uint32_t at = next_seq(), unread = wire_unread(w);
	wire_in(w, ". %u:%u(1) ack 1 win 500", at, at + 1);
	wire_out(w, ". 1:1(0) ack %u win 0", at);
	wire_ms(w, 1000);
	wire_in(w, ". %u:%u(0) ack 1 win 500", at - 1, at - 1);
	wire_out(w, ". 1:1(0) ack %u win 0", at);
	ck_assert_uint_eq(wire_unread(w), unread);
}
END_TEST

START_TEST(a_fin_into_a_closed_window)
{
	fill_window();
	uint32_t at = next_seq();
	wire_in(w, "F. %u:%u(0) ack 1 win 500", at, at);
	wire_state(w, TCP_CLOSE_WAIT);
}
END_TEST

/* RFC 9293 3.10.7.4: "trimmed to fit". */
START_TEST(data_beyond_the_window_is_cut)
{
	uint32_t len = right_edge() - 1;
	while (len > 500) {
		data_in(len > 900 ? 400 : len - 500);
		len = tcp_receive_window(w->sk);
	}
	uint32_t edge = right_edge(), at = next_seq();
	wire_in(w, "F. %u:%u(1000) ack 1 win 500", at, at + 1000);
	ck_assert_uint_eq(next_seq(), edge);
	wire_state(w, TCP_ESTABLISHED);
	uint32_t unread = wire_unread(w);
	wire_read(w, unread);
}
END_TEST

START_TEST(data_outside_the_window_is_answered)
{
	uint32_t edge = right_edge();
	wire_in(w, ". %u:%u(100) ack 1 win 500", edge + 10, edge + 110);
	wire_out(w, ". 1:1(0) ack 1 <no-sack>");
	ck_assert_uint_eq(w->sk->ooo_pkts, 0);
	edge = right_edge();
	wire_in(w, ". %u:%u(100) ack 1 win 500", edge, edge + 100);
	wire_out(w, ". 1:1(0) ack 1 <no-sack>");
	ck_assert_uint_eq(w->sk->ooo_pkts, 0);
}
END_TEST

START_TEST(bare_segments_outside_are_answered_now_and_then)
{
	uint32_t edge = right_edge() + 1000;
	wire_in(w, ". %u:%u(0) ack 1 win 500", edge + 10, edge + 10);
	wire_out(w, ". 1:1(0) ack 1");
	wire_in(w, ". %u:%u(0) ack 1 win 500", edge + 10, edge + 10);
	wire_out_none(w);
	wire_counts(w, TcpExtTCPACKSkippedSeq, 1);
	wire_ms(w, 500);
	wire_in(w, ". %u:%u(0) ack 1 win 500", edge + 10, edge + 10);
	wire_out(w, ". 1:1(0) ack 1");
}
END_TEST

START_TEST(a_keepalive_is_answered)
{
	wire_in(w, ". 0:0(0) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1");
}
END_TEST

START_TEST(the_window_opens_as_data_comes)
{
	uint32_t before = tcp_receive_window(w->sk);
	w->sk->rcvbuf_bytes = 4 << 20;
	for (int i = 0; i < 40; i++) {
		data_in(MSS);
		wire_read(w, MSS);
	}
	ck_assert_uint_gt(tcp_receive_window(w->sk), before + 40000);
}
END_TEST

/* What is read in a round trip doubles, and so does the buffer. */
static void stream(uint32_t rounds)
{
	for (uint32_t i = 0; i < rounds && tcp_receive_window(w->sk) < 400000; i++) {
		uint32_t burst = tcp_receive_window(w->sk);
		wire_ms(w, 20); /* the round trip: ACK to data */
		for (uint32_t sent = 0; sent + MSS <= burst; sent += MSS)
			data_in(MSS);
		wire_read(w, wire_unread(w));
		wire_out_forget(w);
	}
}

START_TEST(the_buffer_grows_with_the_rate)
{
	stream(30);
	ck_assert_uint_gt(w->sk->rcvbuf_bytes, 1000000);
	ck_assert_uint_le(w->sk->rcvbuf_bytes, stack_sysctls(w->st)->tcp_rmem[2]);
	ck_assert_uint_gt(tcp_receive_window(w->sk), 400000);
}
END_TEST

START_TEST(a_fixed_buffer_does_not_grow)
{
	w->sk->rcvbuf_locked = true;
	uint32_t before = w->sk->rcvbuf_bytes;
	stream(8);
	ck_assert_uint_eq(w->sk->rcvbuf_bytes, before);
	ck_assert_uint_le(tcp_receive_window(w->sk), before);
}
END_TEST

START_TEST(window_clamp)
{
	struct sock_addr any = {.addr = ip_v4(0), .port = WIRE_PORT};
	w->listener = wire_socket(w);
	w->listener->window_clamp = 5000;
	ck_assert_int_eq(tcp_bind(w->listener, &any), 0);
	ck_assert_int_eq(tcp_listen(w->listener, 5), 0);
	wire_passive_open(w, "mss 1460", 60000);
	for (int i = 0; i < 20; i++) {
		data_in(1000);
		wire_read(w, 1000);
		ck_assert_uint_le(tcp_receive_window(w->sk), 5000);
	}
}
END_TEST

/* --- memory ----------------------------------------------------------------------------------- */

/* Frames in 64 KiB buffers, a few bytes in each, out of order: what is held stays bounded. */
START_TEST(air_is_not_held)
{
	for (uint32_t i = 0; i < 200; i++)
		wire_in(w, ". %u:%u(100) ack 1 win 500", 201 + i * 200, 301 + i * 200);
	ck_assert_uint_eq(w->sk->ooo_pkts, 200);
	ck_assert_uint_le(w->sk->ooo_truesize, 200u * 300 + PKT_SMALL_BYTES + 200);
}
END_TEST

START_TEST(the_out_of_order_queue_is_pruned)
{
	w->sk->rcvbuf_bytes = 4096;
	size_t limit = w->sk->rcvbuf_bytes + 2 * PKT_LARGE_BYTES + PKT_SMALL_BYTES + 500;
	uint32_t n = 0;
	for (uint32_t at = right_edge() - 2; at > 4 && n < 30000; at -= 2, n++) {
		wire_in(w, ". %u:%u(1) ack 1 win 500", at, at + 1);
		ck_assert_uint_le(w->sk->ooo_truesize + w->sk->rcvq_truesize, limit);
		wire_out_forget(w);
	}
	ck_assert_uint_gt(wire_counter(w, TcpExtOfoPruned), 0);
	ck_assert_uint_gt(w->sk->ooo_pkts, 0);
	wire_state(w, TCP_ESTABLISHED);
}
END_TEST

START_TEST(what_was_pruned_can_come_again)
{
	w->sk->rcvbuf_bytes = 4096;
	uint32_t edge = right_edge();
	for (uint32_t at = edge - 1400; at > 1400; at -= 1400) {
		wire_in(w, ". %u:%u(1400) ack 1 win 500", at, at + 1400);
		wire_out_forget(w);
	}
	uint32_t at = 1, unread;
	while (at + 1000 < edge) {
		wire_in(w, ". %u:%u(1000) ack 1 win 500", at, at + 1000);
		unread = wire_unread(w);
		if (unread > 20000)
			wire_read(w, unread);
		at = next_seq();
		wire_out_forget(w);
	}
	wire_read(w, wire_unread(w));
	ck_assert_uint_ge(w->read, edge - 1001);
}
END_TEST

/* A peer that leaves holes, and a pool of buffers that is small: frames of others find one. */
START_TEST(no_socket_takes_all_buffers)
{
	struct pkt_pool *pool = stack_pkt_pool(w->st);
	pool->limit_bytes = 1 << 20;
	w->sk->rcvbuf_bytes = 8 << 20;
	for (uint32_t at = right_edge() - 60; at > 60; at -= 60) {
		wire_in(w, ". %u:%u(50) ack 1 win 500", at, at + 50);
		wire_out_forget(w);
	}
	ck_assert_uint_gt(w->sk->ooo_pkts, 0);
	ck_assert_uint_le(pool->used_bytes, pool->limit_bytes - pool->limit_bytes / 4);
	uint32_t edge = right_edge();
	while (next_seq() + 1000 < edge) {
		data_in(1000);
		wire_read(w, wire_unread(w));
		wire_out_forget(w);
	}
}
END_TEST

START_TEST(what_others_hold_limits_the_window)
{
	struct pkt_pool *pool = stack_pkt_pool(w->st);
	pool->limit_bytes = 1 << 20;
	w->st->tcp.rcvbuf_bytes += 600000; /* of others */
	while (tcp_receive_window(w->sk) > 6 * MSS) {
		data_in(MSS);
		wire_read(w, wire_unread(w));
		wire_out_forget(w);
	}
	data_in(MSS);
	wire_read(w, wire_unread(w));
	ck_assert_uint_le(tcp_receive_window(w->sk), 6 * MSS);
	ck_assert_uint_ge(tcp_receive_window(w->sk), MSS);
	w->st->tcp.rcvbuf_bytes -= 600000;
}
END_TEST

START_TEST(children_on_the_accept_queue_hold_little)
{
	for (uint16_t i = 1; i <= 10; i++) {
		wire_use(w, WIRE_PORT, (uint16_t)(WIRE_PEER_PORT + i));
		wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
		wire_in(w, ". 1:1(0) ack 1 win 5000");
		wire_in(w, "P. 1:101(100) ack 1 win 5000");
	}
	ck_assert_uint_le(tcp_count(w->st).rcvbuf_bytes, 10u * (PKT_SMALL_BYTES + 200));
}
END_TEST

/* --- PAWS (RFC 7323 5) ------------------------------------------------------------------------ */

START_TEST(an_old_timestamp_is_refused)
{
	wire_in(w, ". 1:101(100) ack 1 win 500 <ts 500000000 0>");
	wire_out(w, ". 1:1(0) ack 101 <ts * 500000000>");
	wire_in(w, ". 101:201(100) ack 1 win 500 <ts 499999999 0>");
	wire_out(w, ". 1:1(0) ack 101 <ts * 500000000>");
	ck_assert_uint_eq(wire_unread(w), 100);
	wire_counts(w, TcpExtPAWSEstab, 1);
	wire_in(w, ". 101:201(100) ack 1 win 500 <ts 500000000 0>");
	ck_assert_uint_eq(wire_unread(w), 200);
}
END_TEST

START_TEST(timestamps_wrap)
{
	w->sk->ts_recent = 0xfffffff0;
	wire_in(w, ". 1:101(100) ack 1 win 500 <ts 5 0>");
	wire_out(w, ". 1:1(0) ack 101 <ts * 5>");
	ck_assert_uint_eq(wire_unread(w), 100);
}
END_TEST

/* RFC 7323 5.5. */
START_TEST(after_24_days_any_timestamp_is_new)
{
	wire_in(w, ". 1:101(100) ack 1 win 500 <ts 500000000 0>");
	w->sk->ts_recent_us -= 25ull * 86400 * SEC;
	wire_in(w, ". 101:201(100) ack 1 win 500 <ts 7 0>");
	ck_assert_uint_eq(wire_unread(w), 200);
	ck_assert_uint_eq(w->sk->ts_recent, 7);
}
END_TEST

/* RFC 7323 5.2: a reset is not subject to PAWS. */
START_TEST(a_reset_with_an_old_timestamp)
{
	wire_in(w, ". 1:101(100) ack 1 win 500 <ts 500000000 0>");
	wire_in(w, "R 101:101(0) win 0 <ts 1 0>");
	wire_state(w, TCP_CLOSE);
}
END_TEST

/* RFC 7323 4.3: what is echoed is from the segment that spans the last ACK. */
START_TEST(the_echo_is_not_from_beyond_a_hole)
{
	wire_in(w, ". 1:101(100) ack 1 win 500 <ts 500000000 0>");
	wire_out(w, ". 1:1(0) ack 101 <ts * 500000000>");
	wire_in(w, ". 201:301(100) ack 1 win 500 <ts 500000020 0>");
	wire_out(w, ". 1:1(0) ack 101 <ts * 500000000>");
	wire_in(w, ". 101:201(100) ack 1 win 500 <ts 500000010 0>");
	wire_out(w, ". 1:1(0) ack 301 <ts * 500000010>");
}
END_TEST

START_TEST(a_late_ack_is_not_an_attack)
{
	wire_write(w, 10);
	wire_out(w, "P. 1:11(10) ack 1");
	wire_in(w, ". 1:1(0) ack 11 win 500 <ts 500000010 0>");
	wire_in(w, ". 1:1(0) ack 11 win 500 <ts 500000009 0>");
	wire_out_none(w);
	wire_counts(w, TcpExtPAWSEstab, 0);
}
END_TEST

/* --- urgent data (RFC 9293 3.8.5, RFC 6093) -------------------------------------------------- */

START_TEST(an_urgent_byte_is_read_by_itself)
{
	struct iovec iov[4];
	wire_in(w, "PU. 1:11(10) ack 1 win 500 urg 6");
	ck_assert(!tcp_recv_at_mark(w->sk));
	wire_read(w, 3);
	ck_assert_int_eq(tcp_recv_iov(w->sk, iov, 4), 1);
	ck_assert_uint_eq(iov[0].iov_len, 2); /* the sixth byte is the urgent one */
	wire_read(w, 2);
	ck_assert(tcp_recv_at_mark(w->sk));
	ck_assert_int_eq(tcp_recv_iov(w->sk, iov, 4), 1);
	ck_assert_uint_eq(iov[0].iov_len, 1);
	wire_read(w, 1);
	ck_assert(!tcp_recv_at_mark(w->sk));
	wire_read(w, 4);
}
END_TEST

START_TEST(an_urgent_pointer_ahead_of_its_byte)
{
	struct iovec iov[4];
	wire_in(w, "U. 1:6(5) ack 1 win 500 urg 10");
	wire_events(w, TCP_EVENT_READABLE);
	wire_read(w, 5);
	ck_assert(!tcp_recv_at_mark(w->sk));
	wire_in(w, "PU. 6:11(5) ack 1 win 500 urg 5");
	ck_assert_int_eq(tcp_recv_iov(w->sk, iov, 4), 1);
	ck_assert_uint_eq(iov[0].iov_len, 4);
	wire_read(w, 4);
	ck_assert(tcp_recv_at_mark(w->sk));
	wire_read(w, 1);
}
END_TEST

START_TEST(a_later_mark_replaces_an_earlier_one)
{
	wire_in(w, "U. 1:6(5) ack 1 win 500 urg 2");
	wire_in(w, "U. 6:11(5) ack 1 win 500 urg 5");
	wire_read(w, 9);
	ck_assert(tcp_recv_at_mark(w->sk));
}
END_TEST

START_TEST(inline_urgent_data_is_data)
{
	struct iovec iov[4];
	w->sk->oobinline = true;
	wire_in(w, "PU. 1:11(10) ack 1 win 500 urg 6");
	ck_assert_int_eq(tcp_recv_iov(w->sk, iov, 4), 1);
	ck_assert_uint_eq(iov[0].iov_len, 10);
	ck_assert(!tcp_recv_at_mark(w->sk));
	wire_read(w, 10);
}
END_TEST

/* --- ICMP about a connection (RFC 5927) ------------------------------------------------------ */

START_TEST(icmp_does_not_end_a_connection)
{
	wire_write(w, 100);
	wire_icmp(w, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, 1);
	wire_icmp(w, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0, 1);
	wire_state(w, TCP_ESTABLISHED);
	wire_ms(w, 2000000);
	wire_state(w, TCP_CLOSE);
	ck_assert_int_eq(tcp_error(w->sk), EHOSTUNREACH);
}
END_TEST

START_TEST(an_ack_clears_what_icmp_said)
{
	wire_write(w, 100);
	wire_icmp(w, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0, 1);
	wire_in(w, ". 1:1(0) ack 101 win 500");
	ck_assert_int_eq(tcp_error(w->sk), 0);
}
END_TEST

/* RFC 1191 6.4. */
START_TEST(fragmentation_needed)
{
	wire_write(w, 2 * MSS);
	wire_out(w, ". 1:1449(1448) ack 1");
	wire_out(w, "P. 1449:2897(1448) ack 1");
	wire_icmp(w, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 1000, 1);
	wire_out(w, ". 1:949(948) ack 1");
	wire_out_forget(w);
	wire_in(w, ". 1:1(0) ack 2897 win 500");
	wire_out_forget(w);
	wire_write(w, 1000);
	wire_out(w, ". 2897:3845(948) ack 1");
}
END_TEST

START_TEST(a_forged_fragmentation_needed)
{
	wire_write(w, MSS);
	wire_out_forget(w);
	wire_icmp(w, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 600, 500000);
	wire_counts(w, TcpExtOutOfWindowIcmps, 1);
	ck_assert_uint_eq(w->sk->mss_cache, MSS);
	wire_icmp(w, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 5000, 1); /* larger than it is */
	ck_assert_uint_eq(w->sk->mss_cache, MSS);
	wire_out_none(w);
}
END_TEST

START_TEST(a_path_mtu_below_the_least)
{
	wire_write(w, MSS);
	wire_out_forget(w);
	wire_icmp(w, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 68, 1);
	ck_assert_uint_eq(w->sk->mss_cache, stack_sysctls(w->st)->ip_min_pmtu - 52);
	wire_out(w, ". 1:501(500) ack 1");
}
END_TEST

static TCase *tests(const char *name)
{
	TCase *tc = tcase_create(name);
	tcase_add_checked_fixture(tc, setup, teardown);
	return tc;
}

/* Each opens its own connection. */
static TCase *own_opening(void)
{
	TCase *tc = tcase_create("options");
	tcase_add_checked_fixture(tc, setup_closed, teardown);
	tcase_add_test(tc, four_sack_blocks_without_timestamps);
	tcase_add_test(tc, no_sack_where_it_was_not_agreed);
	tcase_add_test(tc, window_clamp);
	return tc;
}

static TCase *order(void)
{
	TCase *tc = tests("order");
	tcase_add_test(tc, data_is_read_as_it_was_sent);
	tcase_add_test(tc, small_segments_share_a_buffer);
	tcase_add_test(tc, compaction_leaves_the_bytes_alone);
	tcase_add_test(tc, a_hole_is_reported_at_once);
	tcase_add_test(tc, each_segment_out_of_order_is_acknowledged);
	tcase_add_test(tc, sack_blocks_newest_first);
	tcase_add_test(tc, a_fin_out_of_order);
	tcase_add_test(tc, a_bare_fin_out_of_order);
	tcase_add_test(tc, a_whole_repetition);
	tcase_add_test(tc, the_new_part_of_an_overlap);
	tcase_add_test(tc, a_repetition_out_of_order);
	tcase_add_test(tc, overlaps_out_of_order_are_cut);
	tcase_add_test(tc, in_order_data_reaches_over_what_waits);
	tcase_add_loop_test(tc, any_order_of_any_pieces, 0, 8);
	return tc;
}

static TCase *acknowledging(void)
{
	TCase *tc = tests("acknowledging");
	tcase_add_test(tc, the_first_acks_are_quick);
	tcase_add_test(tc, one_segment_waits_two_do_not);
	tcase_add_test(tc, an_aggregated_segment_counts_as_many);
	tcase_add_test(tc, acks_of_a_batch_merge);
	tcase_add_test(tc, an_answer_carries_the_ack);
	tcase_add_test(tc, a_pause_brings_quick_acks_back);
	tcase_add_test(tc, reading_a_whole_message_ends_the_delay);
	tcase_add_test(tc, a_message_that_ends_with_a_full_segment);
	return tc;
}

static TCase *window(void)
{
	TCase *tc = tests("window");
	tcase_add_test(tc, the_right_edge_never_moves_back);
	tcase_add_test(tc, a_smaller_buffer_does_not_take_the_window_back);
	tcase_add_test(tc, a_full_window_is_zero_and_opens_again);
	tcase_add_test(tc, a_window_that_doubles_is_told);
	tcase_add_test(tc, a_zero_window_probe);
	tcase_add_test(tc, a_fin_into_a_closed_window);
	tcase_add_test(tc, data_beyond_the_window_is_cut);
	tcase_add_test(tc, data_outside_the_window_is_answered);
	tcase_add_test(tc, bare_segments_outside_are_answered_now_and_then);
	tcase_add_test(tc, a_keepalive_is_answered);
	tcase_add_test(tc, the_window_opens_as_data_comes);
	tcase_add_test(tc, the_buffer_grows_with_the_rate);
	tcase_add_test(tc, a_fixed_buffer_does_not_grow);
	tcase_set_timeout(tc, 30);
	return tc;
}

static TCase *memory(void)
{
	TCase *tc = tests("memory");
	tcase_add_test(tc, air_is_not_held);
	tcase_add_test(tc, the_out_of_order_queue_is_pruned);
	tcase_add_test(tc, what_was_pruned_can_come_again);
	tcase_add_test(tc, no_socket_takes_all_buffers);
	tcase_add_test(tc, what_others_hold_limits_the_window);
	tcase_add_test(tc, children_on_the_accept_queue_hold_little);
	tcase_set_timeout(tc, 30);
	return tc;
}

static TCase *paws_and_urgent(void)
{
	TCase *tc = tests("PAWS, urgent");
	tcase_add_test(tc, an_old_timestamp_is_refused);
	tcase_add_test(tc, timestamps_wrap);
	tcase_add_test(tc, after_24_days_any_timestamp_is_new);
	tcase_add_test(tc, a_reset_with_an_old_timestamp);
	tcase_add_test(tc, the_echo_is_not_from_beyond_a_hole);
	tcase_add_test(tc, a_late_ack_is_not_an_attack);
	tcase_add_test(tc, an_urgent_byte_is_read_by_itself);
	tcase_add_test(tc, an_urgent_pointer_ahead_of_its_byte);
	tcase_add_test(tc, a_later_mark_replaces_an_earlier_one);
	tcase_add_test(tc, inline_urgent_data_is_data);
	return tc;
}

static TCase *icmp(void)
{
	TCase *tc = tests("ICMP");
	tcase_add_test(tc, icmp_does_not_end_a_connection);
	tcase_add_test(tc, an_ack_clears_what_icmp_said);
	tcase_add_test(tc, fragmentation_needed);
	tcase_add_test(tc, a_forged_fragmentation_needed);
	tcase_add_test(tc, a_path_mtu_below_the_least);
	return tc;
}

Suite *receive_suite(void)
{
	Suite *s = suite_create("receive");
	suite_add_tcase(s, order());
	suite_add_tcase(s, acknowledging());
	suite_add_tcase(s, own_opening());
	suite_add_tcase(s, window());
	suite_add_tcase(s, memory());
	suite_add_tcase(s, paws_and_urgent());
	suite_add_tcase(s, icmp());
	return s;
}
