/* SPDX-License-Identifier: MIT */
/* The send buffer: memory only while there are bytes, a limit that the program waits at, growth with
 * cwnd (SO_SNDBUF, tcp_wmem; RFC 9293 3.9.1.2, 3.10.2). */
#include "tests/unit/sender.h"
#include "tests/unit/suites.h"

#define MSS SENDER_MSS

static void setup(void)
{
	sender_open(&(struct sender_options){0});
}

START_TEST(an_idle_connection_holds_no_buffer)
{
	ck_assert_uint_eq(tcp_count(sender_stack).sndbuf_bytes, 0);
	sender_write(100);
	ck_assert_uint_le(tcp_count(sender_stack).sndbuf_bytes, 4096);
	peer_ack(100);
	ck_assert_uint_eq(tcp_count(sender_stack).sndbuf_bytes, 0);
}
END_TEST

START_TEST(a_reserve_that_is_not_used_costs_nothing)
{
	struct iovec iov[8];
	ck_assert_int_gt(tcp_send_reserve(sender_sk, 65536, iov, 8), 0);
	tcp_send_commit(sender_sk, 0);
	ck_assert_uint_eq(tcp_count(sender_stack).sndbuf_bytes, 0);
	expect_silence();
}
END_TEST

START_TEST(the_buffer_has_its_limit_and_says_when_there_is_room)
{
	sender_sk->sndbuf_locked = true;
	sender_sk->sndbuf_bytes = 9000;
	ck_assert_uint_eq(sender_fill(20000), 9000);
	sender_flush();
	sender_forget();
	(void)sender_events();
	peer_ack(2 * MSS);
	ck_assert_uint_eq(sender_events() & TCP_EVENT_WRITABLE, 0); /* less than a third is free */
	peer_ack(4 * MSS);
	ck_assert_uint_ne(sender_events() & TCP_EVENT_WRITABLE, 0);
	ck_assert_uint_eq(sender_fill(20000), 4 * MSS);
}
END_TEST

START_TEST(the_buffer_grows_with_the_congestion_window)
{
	uint32_t before = sender_sk->sndbuf_bytes = 16384, acked = 0;
	for (unsigned i = 0; i < 6; i++) {
		sender_fill(400 * MSS);
		sender_flush();
		sender_forget();
		acked = sender_sk->snd_nxt - sender_sk->iss - 1;
		peer_ack(acked);
	}
	ck_assert_uint_gt(sender_sk->sndbuf_bytes, 2 * before);
	ck_assert_uint_le(sender_sk->sndbuf_bytes, stack_sysctls(sender_stack)->tcp_wmem[2]);
}
END_TEST

/* RFC 9293 3.10.2: SEND after CLOSE is an error. */
START_TEST(nothing_is_accepted_after_the_fin)
{
	struct iovec iov;
	tcp_send_fin(sender_sk);
	ck_assert_int_eq(tcp_send_reserve(sender_sk, 100, &iov, 1), 0);
}
END_TEST

Suite *sndbuf_suite(void)
{
	Suite *s = suite_create("sndbuf");
	SUITE_CASE(s, "buffer", setup, sender_close, an_idle_connection_holds_no_buffer,
		   a_reserve_that_is_not_used_costs_nothing,
		   the_buffer_has_its_limit_and_says_when_there_is_room,
		   the_buffer_grows_with_the_congestion_window, nothing_is_accepted_after_the_fin);
	return s;
}
