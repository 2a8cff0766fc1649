/* SPDX-License-Identifier: MIT */
/* Urgent data, both ways (RFC 9293 3.8.5, RFC 6093). */
#include <netinet/in.h>

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

/* RFC 9293 3.10.7.4, sixth: RCV.UP is the greatest pointer seen, in order or not. */
START_TEST(a_mark_out_of_order)
{
	wire_in(w, "PU. 101:111(10) ack 1 win 500 urg 10");
	wire_events(w, TCP_EVENT_READABLE); /* that there is one */
	wire_in(w, ". 1:101(100) ack 1 win 500");
	wire_read(w, 109);
	ck_assert(tcp_recv_at_mark(w->sk));
	wire_read(w, 1);
	ck_assert(!tcp_recv_at_mark(w->sk));
}
END_TEST

START_TEST(a_mark_that_is_passed_does_not_come_back)
{
	wire_in(w, "PU. 1:11(10) ack 1 win 500 urg 10");
	wire_read(w, 9);
	wire_read(w, 1);
	(void)wire_info(w);
	wire_in(w, "PU. 1:11(10) ack 1 win 500 urg 10"); /* sent again */
	wire_in(w, "P. 11:21(10) ack 1 win 500");
	ck_assert(!tcp_recv_at_mark(w->sk));
	wire_read(w, 10);
	ck_assert(!tcp_recv_at_mark(w->sk));
}
END_TEST

/* RFC 9293 3.10.7.4, sixth: only with the flag does the field mean anything. */
START_TEST(a_pointer_without_its_flag)
{
	wire_in(w, "P. 1:11(10) ack 1 win 500 urg 6");
	wire_read(w, 10);
	ck_assert(!tcp_recv_at_mark(w->sk));
}
END_TEST

/* RFC 9293 3.8.6.1: a closed window takes RST and URG. */
START_TEST(a_mark_into_a_closed_window)
{
	while (tcp_receive_window(w->sk) > 0)
		wire_data_in(w,
			     tcp_receive_window(w->sk) < 1448 ? tcp_receive_window(w->sk) : 1448);
	(void)tcp_recv_at_mark(w->sk);
	uint32_t at = wire_next_seq(w), unread = wire_unread(w);
	wire_in(w, "U. %u:%u(0) ack 1 win 500 urg 1", at, at);
	wire_read(w, unread);
	wire_ms(w, 500);
	wire_out_forget(w);
	wire_in(w, "PU. %u:%u(5) ack 1 win 500 urg 1", at, at + 5);
	ck_assert(tcp_recv_at_mark(w->sk));
	wire_read(w, 1);
	wire_read(w, 4);
}
END_TEST

/* --- sent ------------------------------------------------------------------------------------- */

/* Bytes of which the last is urgent. */
static void write_urgent(uint32_t bytes)
{
	wire_fill(w, bytes);
	tcp_send_urgent(w->sk);
	wire_flush(w);
}

/* RFC 6093 3.1: the pointer names the byte after, from every segment before it. */
START_TEST(every_segment_before_it_points_to_it)
{
	write_urgent(3000);
	wire_out(w, "U. 1:1449(1448) ack 1 urg 3000");
	wire_out(w, "U. 1449:2897(1448) ack 1 urg 1552");
	wire_out(w, "PU. 2897:3001(104) ack 1 urg 104");
	wire_in(w, ". 1:1(0) ack 3001 win 500");
	wire_write(w, 10);
	wire_out(w, "P. 3001:3011(10) ack 1 urg 0");
}
END_TEST

START_TEST(a_segment_sent_again_points_to_it)
{
	write_urgent(10);
	wire_out(w, "PU. 1:11(10) ack 1 urg 10");
	wire_ms(w, 1500);
	wire_out(w, "PU. 1:11(10) ack 1 urg 10");
}
END_TEST

START_TEST(ordinary_bytes_after_it_do_not_point_back)
{
	wire_fill(w, 10);
	tcp_send_urgent(w->sk);
	wire_fill(w, 5);
	wire_flush(w);
	wire_out(w, "PU. 1:16(15) ack 1 urg 10");
	wire_set_int(w->sk, IPPROTO_TCP, TCP_NODELAY, 1);
	wire_write(w, 5);
	wire_out(w, "P. 16:21(5) ack 1 urg 0");
}
END_TEST

START_TEST(a_second_mark_replaces_the_first)
{
	write_urgent(10);
	wire_out(w, "PU. 1:11(10) ack 1 urg 10");
	write_urgent(10);
	wire_out(w, "PU. 11:21(10) ack 1 urg 10");
	wire_ms(w, 1500);
	struct wire_segment s = {.seq = 0};
	while (s.seq != 1)
		ck_assert(wire_next(w, &s));
	ck_assert_uint_eq(s.urg, 20);
}
END_TEST

/* RFC 9293 3.8.5: the notification does not wait for the window, only the byte does. */
START_TEST(a_closed_window_does_not_hold_the_notification)
{
	wire_in(w, ". 1:1(0) ack 1 win 0");
	write_urgent(10);
	struct wire_segment s = {.urg = 0};
	wire_ms(w, 3000);
	bool told = false;
	while (wire_next(w, &s)) {
		ck_assert_uint_eq(s.len, 0);
		told |= s.flags & TCP_URG && s.seq + s.urg == 11;
	}
	ck_assert(told);
	wire_in(w, ". 1:1(0) ack 1 win 500");
	wire_out(w, "PU. 1:11(10) ack 1 urg 10");
}
END_TEST

static TCase *tests(const char *name)
{
	TCase *tc = tcase_create(name);
	tcase_add_checked_fixture(tc, setup, teardown);
	return tc;
}

Suite *urgent_suite(void)
{
	Suite *s = suite_create("urgent");
	TCase *in = tests("received");
	tcase_add_test(in, an_urgent_byte_is_read_by_itself);
	tcase_add_test(in, an_urgent_pointer_ahead_of_its_byte);
	tcase_add_test(in, a_later_mark_replaces_an_earlier_one);
	tcase_add_test(in, inline_urgent_data_is_data);
	tcase_add_test(in, a_mark_out_of_order);
	tcase_add_test(in, a_mark_that_is_passed_does_not_come_back);
	tcase_add_test(in, a_pointer_without_its_flag);
	tcase_add_test(in, a_mark_into_a_closed_window);
	suite_add_tcase(s, in);
	TCase *out = tests("sent");
	tcase_add_test(out, every_segment_before_it_points_to_it);
	tcase_add_test(out, a_segment_sent_again_points_to_it);
	tcase_add_test(out, ordinary_bytes_after_it_do_not_point_back);
	tcase_add_test(out, a_second_mark_replaces_the_first);
	tcase_add_test(out, a_closed_window_does_not_hold_the_notification);
	suite_add_tcase(s, out);
	return s;
}
