/* SPDX-License-Identifier: MIT */
/* The window that is offered, and the buffer behind it (RFC 9293 3.8.6): full, shrunken, overrun,
 * grown. */
#include <netinet/in.h>
#include <sys/socket.h>

#include "stack/tcp/tcp_send.h"
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

/* --- the window ------------------------------------------------------------------------------- */

static void fill_window(void)
{
	uint32_t left;
	while ((left = tcp_receive_window(w->sk)) > 0)
		wire_data_in(w, left < MSS ? left : MSS);
}

START_TEST(the_right_edge_never_moves_back)
{
	uint32_t edge = wire_right_edge(w);
	for (int i = 0; i < 300 && tcp_receive_window(w->sk) > 0; i++) {
		wire_data_in(w, tcp_receive_window(w->sk) < 700 ? tcp_receive_window(w->sk) : 700);
		ck_assert_int_ge((int32_t)(wire_right_edge(w) - edge), 0);
		edge = wire_right_edge(w);
	}
	ck_assert_uint_eq(tcp_receive_window(w->sk), 0);
}
END_TEST

START_TEST(a_smaller_buffer_does_not_take_the_window_back)
{
	uint32_t edge = wire_right_edge(w);
	w->sk->rcvbuf_bytes = 4096;
	wire_data_in(w, 1000);
	ck_assert_uint_ge(wire_right_edge(w), edge);
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
		wire_data_in(w, tcp_receive_window(w->sk) - 2500 < MSS
				    ? tcp_receive_window(w->sk) - 2500
				    : MSS);
	wire_ms(w, 500);
	wire_out_forget(w);
	uint32_t unread = wire_unread(w), full = tcp_full_space(w->sk);
	ck_assert_uint_gt(unread + 5200, full);
	wire_read(w, unread + 5200 - full);
	wire_out(w, ". 1:1(0) ack %u", wire_next_seq(w));
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
	uint32_t at = wire_next_seq(w), unread = wire_unread(w);
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
	uint32_t at = wire_next_seq(w);
	wire_in(w, "F. %u:%u(0) ack 1 win 500", at, at);
	wire_state(w, TCP_CLOSE_WAIT);
}
END_TEST

/* RFC 9293 3.10.7.4: "trimmed to fit". */
START_TEST(data_beyond_the_window_is_cut)
{
	uint32_t len = wire_right_edge(w) - 1;
	while (len > 500) {
		wire_data_in(w, len > 900 ? 400 : len - 500);
		len = tcp_receive_window(w->sk);
	}
	uint32_t edge = wire_right_edge(w), at = wire_next_seq(w);
	wire_in(w, "F. %u:%u(1000) ack 1 win 500", at, at + 1000);
	ck_assert_uint_eq(wire_next_seq(w), edge);
	wire_state(w, TCP_ESTABLISHED);
	uint32_t unread = wire_unread(w);
	wire_read(w, unread);
}
END_TEST

START_TEST(data_outside_the_window_is_answered)
{
	uint32_t edge = wire_right_edge(w);
	wire_in(w, ". %u:%u(100) ack 1 win 500", edge + 10, edge + 110);
	wire_out(w, ". 1:1(0) ack 1 <no-sack>");
	ck_assert_uint_eq(ooo_pkts(w->sk), 0);
	edge = wire_right_edge(w);
	wire_in(w, ". %u:%u(100) ack 1 win 500", edge, edge + 100);
	wire_out(w, ". 1:1(0) ack 1 <no-sack>");
	ck_assert_uint_eq(ooo_pkts(w->sk), 0);
}
END_TEST

START_TEST(bare_segments_outside_are_answered_now_and_then)
{
	uint32_t edge = wire_right_edge(w) + 1000;
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
		wire_data_in(w, MSS);
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
			wire_data_in(w, MSS);
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
		wire_data_in(w, 1000);
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
	ck_assert_uint_eq(ooo_pkts(w->sk), 200);
	ck_assert_uint_le(ooo_truesize(w->sk), 200u * 300 + PKT_SMALL_BYTES + 200);
}
END_TEST

START_TEST(the_out_of_order_queue_is_pruned)
{
	w->sk->rcvbuf_bytes = 4096;
	size_t limit = w->sk->rcvbuf_bytes + 2 * PKT_LARGE_BYTES + PKT_SMALL_BYTES + 500;
	uint32_t n = 0;
	for (uint32_t at = wire_right_edge(w) - 2; at > 4 && n < 30000; at -= 2, n++) {
		wire_in(w, ". %u:%u(1) ack 1 win 500", at, at + 1);
		ck_assert_uint_le(ooo_truesize(w->sk) + w->sk->rcvq_truesize, limit);
		wire_out_forget(w);
	}
	ck_assert_uint_gt(wire_counter(w, TcpExtOfoPruned), 0);
	ck_assert_uint_gt(ooo_pkts(w->sk), 0);
	wire_state(w, TCP_ESTABLISHED);
}
END_TEST

START_TEST(what_was_pruned_can_come_again)
{
	w->sk->rcvbuf_bytes = 4096;
	uint32_t edge = wire_right_edge(w);
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
		at = wire_next_seq(w);
		wire_out_forget(w);
	}
	wire_read(w, wire_unread(w));
	ck_assert_uint_ge(w->read, edge - 1001);
}
END_TEST

/* A mebibyte for all buffers, half of it without pressure. */
static void small_memory(void)
{
	uint32_t *mem = stack_sysctls(w->st)->tcp_mem;
	mem[0] = 96;
	mem[1] = 128;
	mem[2] = 256;
	wire_us(w, 1);
	ck_assert_uint_eq(stack_pkt_pool(w->st)->limit_bytes, 1 << 20);
}

/* A peer that leaves holes, and a pool of buffers that is small: frames of others find one. */
START_TEST(no_socket_takes_all_buffers)
{
	struct pkt_pool *pool = stack_pkt_pool(w->st);
	small_memory();
	w->sk->rcvbuf_bytes = 8 << 20;
	for (uint32_t at = wire_right_edge(w) - 60; at > 60; at -= 60) {
		wire_in(w, ". %u:%u(50) ack 1 win 500", at, at + 50);
		wire_out_forget(w);
	}
	ck_assert_uint_gt(ooo_pkts(w->sk), 0);
	ck_assert_uint_le(pool->used_bytes, pool->limit_bytes - pool->limit_bytes / 4);
	uint32_t edge = wire_right_edge(w);
	while (wire_next_seq(w) + 1000 < edge) {
		wire_data_in(w, 1000);
		wire_read(w, wire_unread(w));
		wire_out_forget(w);
	}
}
END_TEST

START_TEST(what_others_hold_limits_the_window)
{
	small_memory();
	w->st->tcp.rcvbuf_bytes += 600000; /* of others */
	while (tcp_receive_window(w->sk) > 6 * MSS) {
		wire_data_in(w, MSS);
		wire_read(w, wire_unread(w));
		wire_out_forget(w);
	}
	wire_data_in(w, MSS);
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

/* --- more than was offered (RFC 9293 3.10.7.4) ------------------------------------------------ */

/* A listener whose connections have so small a buffer that a segment or two overrun it. */
static void open_small(void)
{
	w = wire_new();
	wire_listen(w, 5);
	wire_set_int(w->listener, SOL_SOCKET, SO_RCVBUF, 10000);
	wire_passive_open(w, "mss 1000,sackOK", 5000);
}

START_TEST(what_lies_beyond_the_edge_is_not_taken)
{
	wire_data_in(w, 4000);
	wire_ms(w, 300);
	wire_out_forget(w);
	uint32_t edge = wire_right_edge(w);
	w->gso_size = 1000;
	wire_in(w, "P. 4001:44001(40000) ack 1 win 5000");
	wire_out(w, ". 1:1(0) ack %u", edge);
	ck_assert_uint_eq(wire_unread(w), edge - 1);
	wire_in(w, "P. %u:%u(1000) ack 1 win 5000", edge + 5000, edge + 6000);
	wire_out(w, ". 1:1(0) ack %u <no-sack>", edge);
	wire_read(w, edge - 1);
}
END_TEST

START_TEST(what_lies_beyond_the_edge_out_of_order_is_not_taken)
{
	uint32_t edge = wire_right_edge(w);
	w->gso_size = 1000;
	wire_in(w, "P. 2001:42001(40000) ack 1 win 5000");
	wire_out(w, ". 1:1(0) ack 1 <sack 2001:%u>", edge);
	wire_in(w, ". 1:2001(2000) ack 1 win 5000");
	ck_assert_uint_eq(wire_next_seq(w), edge);
	wire_read(w, edge - 1);
}
END_TEST

/* RFC 9293 3.8.6.2.1: the window that was offered is honoured, and the new buffer from then on. */
START_TEST(a_buffer_made_smaller_by_the_program)
{
	uint32_t edge = wire_right_edge(w);
	ck_assert_uint_gt(edge, 8000);
	wire_set_int(w->sk, SOL_SOCKET, SO_RCVBUF, 3000);
	while (wire_next_seq(w) < edge) {
		wire_data_in(w, min_u32(1000, edge - wire_next_seq(w)));
		ck_assert_uint_eq(wire_right_edge(w), edge);
	}
	wire_ms(w, 300);
	wire_out_forget(w);
	wire_data_in(w, 1000);
	wire_out(w, ". 1:1(0) ack %u win 0", edge);
	wire_read(w, edge - 1);
	wire_out(w, ". 1:1(0) ack %u", edge);
	ck_assert_uint_le(tcp_receive_window(w->sk), 6000); /* SO_RCVBUF is doubled */
	ck_assert_uint_gt(tcp_receive_window(w->sk), 0);
}
END_TEST

START_TEST(a_buffer_made_larger_by_the_program)
{
	uint32_t before = tcp_receive_window(w->sk);
	wire_set_int(w->sk, SOL_SOCKET, SO_RCVBUF, 100000);
	for (int i = 0; i < 30; i++) {
		wire_data_in(w, 1000);
		wire_read(w, 1000);
	}
	ck_assert_uint_ge(tcp_receive_window(w->sk), before + 20000);
}
END_TEST

/* --- not silly (RFC 9293 3.8.6.2.2) ----------------------------------------------------------- */

/* A buffer for ten segments, as WND.SCALE 7 tells it: in units of 128 bytes. */
static void open_scaled(void)
{
	w = wire_new();
	wire_listen(w, 5);
	wire_set_int(w->listener, SOL_SOCKET, SO_RCVBUF, 10000);
	wire_passive_open(w, "mss 1000,sackOK,wscale 7", 500);
	ck_assert_uint_eq(tcp_full_space(w->sk), 10000);
}

/* The window is `left` wide, the rest of the buffer unread. */
static void fill_but(uint32_t left)
{
	for (uint32_t now; (now = tcp_receive_window(w->sk)) > left;)
		wire_data_in(w, min_u32(now - left, 1000));
	wire_ms(w, 500);
	wire_out_forget(w);
}

static void probe(unsigned win)
{
	uint32_t at = wire_next_seq(w);
	wire_in(w, ". %u:%u(1) ack 1 win 500", at, at + 1);
	wire_out(w, ". 1:1(0) ack %u win %u", at, win);
}

/* MUST-39: with less room than a segment needs the window stays closed, to a probe as well. */
START_TEST(a_closed_window_opens_by_a_segment)
{
	fill_but(0);
	/* What was offered once is honoured, and rounded up: a little more than the buffer has come. */
	wire_read(w, wire_unread(w) - 10000 + 500);
	wire_out_none(w);
	probe(0);
	wire_read(w, 400);
	wire_out_none(w);
	probe(0);
	wire_read(w, 250);
	wire_out(w, ". 1:1(0) ack %u win %u", wire_next_seq(w), 1150 / 128);
}
END_TEST

/* An open one is told of again when it has grown by two segments: each byte read is no news. */
START_TEST(an_open_window_grows_by_two_segments)
{
	fill_but(3000);
	uint32_t now = tcp_receive_window(w->sk), room = 10000 - wire_unread(w);
	for (; room + 100 < now + 2000; room += 100) {
		wire_read(w, 100);
		wire_out_none(w);
	}
	wire_read(w, 250);
	wire_out(w, ". 1:1(0) ack %u win %u", wire_next_seq(w), (room + 250) / 128);
}
END_TEST

/* --- closed (RFC 9293 3.8.6.1, 3.10.7.4) ------------------------------------------------------ */

static void close_window(void)
{
	fill_window();
	wire_ms(w, 500);
	wire_out_forget(w);
}

/* "special allowance ... to accept valid ACKs" */
START_TEST(a_closed_window_takes_acks)
{
	close_window();
	wire_write(w, 100);
	wire_out(w, "P. 1:101(100) ack %u win 0", wire_next_seq(w));
	wire_in(w, ". %u:%u(0) ack 101 win 500", wire_next_seq(w), wire_next_seq(w));
	ck_assert_uint_eq(tcp_outq_bytes(w->sk), 0);
}
END_TEST

START_TEST(a_closed_window_takes_resets)
{
	close_window();
	wire_in(w, "R %u:%u(0) win 0", wire_next_seq(w), wire_next_seq(w));
	wire_state(w, TCP_CLOSE);
}
END_TEST

/* The part of a segment that is a repetition is, and the rest is not taken. */
START_TEST(an_overlap_into_a_closed_window)
{
	close_window();
	uint32_t at = wire_next_seq(w);
	wire_in(w, "P. %u:%u(1000) ack 1 win 500", at - 500, at + 500);
	wire_out(w, ". 1:1(0) ack %u win 0 <sack %u:%u>", at, at - 500, at);
	ck_assert_uint_eq(wire_next_seq(w), at);
}
END_TEST

START_TEST(data_with_a_fin_into_a_closed_window)
{
	close_window();
	uint32_t at = wire_next_seq(w);
	wire_in(w, "F. %u:%u(100) ack 1 win 500", at, at + 100);
	wire_out(w, ". 1:1(0) ack %u win 0", at);
	wire_state(w, TCP_ESTABLISHED);
}
END_TEST

/* --- before accept() --------------------------------------------------------------------------- */

/* Nobody has taken the connection: whoever opened it may not make the buffer grow. */
START_TEST(the_buffer_of_a_connection_nobody_accepted)
{
	wire_listen(w, 5);
	wire_in(w, "S 0:0(0) win 65535 <mss 1460,sackOK,wscale 7>");
	wire_out(w, "S. 0:0(0) ack 1");
	wire_in(w, ". 1:1(0) ack 1 win 500");
	w->gso_size = 1000;
	wire_in(w, ". 2001:30001(28000) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1 <sack 2001:30001>");
	wire_in(w, ". 30001:50001(20000) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1 <sack 2001:50001>");
	wire_in(w, ". 1:2001(2000) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 50001 <no-sack>");
	wire_accept(w);
	ck_assert_uint_eq(w->sk->rcvbuf_bytes, stack_sysctls(w->st)->tcp_rmem[1]);
	wire_read(w, 50000);
}
END_TEST

/* The peer's segment size is seen in what is out of order as well (tcpi_rcv_mss): it says when an ACK
 * is due (RFC 9293 3.8.6.3) and a window worth offering (3.8.6.2.2). */
START_TEST(segments_out_of_order_have_a_size)
{
	w->gso_size = 1000;
	wire_in(w, ". 2001:11001(9000) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1 <sack 2001:11001>");
	wire_info_is(w, rcv_mss, 1000);
}
END_TEST

static TCase *tests(const char *name, void (*open)(void))
{
	TCase *tc = tcase_create(name);
	tcase_add_checked_fixture(tc, open, teardown);
	tcase_set_timeout(tc, 30);
	return tc;
}

static TCase *offered(void)
{
	TCase *tc = tests("offered", setup);
	tcase_add_test(tc, the_right_edge_never_moves_back);
	tcase_add_test(tc, a_smaller_buffer_does_not_take_the_window_back);
	tcase_add_test(tc, a_full_window_is_zero_and_opens_again);
	tcase_add_test(tc, a_window_that_doubles_is_told);
	tcase_add_test(tc, data_beyond_the_window_is_cut);
	tcase_add_test(tc, data_outside_the_window_is_answered);
	tcase_add_test(tc, bare_segments_outside_are_answered_now_and_then);
	tcase_add_test(tc, a_keepalive_is_answered);
	tcase_add_test(tc, the_window_opens_as_data_comes);
	tcase_add_test(tc, the_buffer_grows_with_the_rate);
	tcase_add_test(tc, a_fixed_buffer_does_not_grow);
	tcase_add_test(tc, segments_out_of_order_have_a_size);
	return tc;
}

static TCase *closed(void)
{
	TCase *tc = tests("closed", setup);
	tcase_add_test(tc, a_zero_window_probe);
	tcase_add_test(tc, a_fin_into_a_closed_window);
	tcase_add_test(tc, data_with_a_fin_into_a_closed_window);
	tcase_add_test(tc, an_overlap_into_a_closed_window);
	tcase_add_test(tc, a_closed_window_takes_acks);
	tcase_add_test(tc, a_closed_window_takes_resets);
	return tc;
}

static TCase *small(void)
{
	TCase *tc = tests("small", open_small);
	tcase_add_test(tc, what_lies_beyond_the_edge_is_not_taken);
	tcase_add_test(tc, what_lies_beyond_the_edge_out_of_order_is_not_taken);
	tcase_add_test(tc, a_buffer_made_smaller_by_the_program);
	tcase_add_test(tc, a_buffer_made_larger_by_the_program);
	return tc;
}

static TCase *not_silly(void)
{
	TCase *tc = tests("not silly", open_scaled);
	tcase_add_test(tc, a_closed_window_opens_by_a_segment);
	tcase_add_test(tc, an_open_window_grows_by_two_segments);
	return tc;
}

static TCase *own_opening(void)
{
	TCase *tc = tests("own opening", setup_closed);
	tcase_add_test(tc, window_clamp);
	tcase_add_test(tc, the_buffer_of_a_connection_nobody_accepted);
	return tc;
}

static TCase *memory(void)
{
	TCase *tc = tests("memory", setup);
	tcase_add_test(tc, air_is_not_held);
	tcase_add_test(tc, the_out_of_order_queue_is_pruned);
	tcase_add_test(tc, what_was_pruned_can_come_again);
	tcase_add_test(tc, no_socket_takes_all_buffers);
	tcase_add_test(tc, what_others_hold_limits_the_window);
	tcase_add_test(tc, children_on_the_accept_queue_hold_little);
	return tc;
}

Suite *window_suite(void)
{
	Suite *s = suite_create("window");
	suite_add_tcase(s, offered());
	suite_add_tcase(s, closed());
	suite_add_tcase(s, small());
	suite_add_tcase(s, not_silly());
	suite_add_tcase(s, own_opening());
	suite_add_tcase(s, memory());
	return s;
}
