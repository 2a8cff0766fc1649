/* SPDX-License-Identifier: MIT */
/*
 * When a call that blocks would return: the events of a socket, in virtual time. Not a moment before
 * the segment that it waits for, and with it.
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

/* The events of a socket, the listener perhaps, since last asked; all others' are forgotten. */
static unsigned events_of(struct tcp_sock *sk)
{
	struct tcp_sock *at;
	unsigned events, found = 0;
	while ((at = stack_next_event(w->st, &events)))
		if (at == sk)
			found |= events;
	return found;
}

/* RFC 9293 3.5: connect() returns with the SYN-ACK. */
START_TEST(connect_waits_for_the_syn_ack)
{
	wire_connect(w);
	wire_events(w, 0);
	wire_out_between(w, 900, 1100, "S 0:0(0)");
	wire_events(w, 0);
	wire_in(w, "S. 0:0(0) ack 1 win 5000 <mss 1460>");
	wire_events(w, TCP_EVENT_CONNECTED);
	wire_out(w, ". 1:1(0) ack 1");
}
END_TEST

START_TEST(connect_waits_for_the_refusal)
{
	wire_connect(w);
	wire_ms(w, 300);
	wire_in(w, "R. 0:0(0) ack 1 win 0");
	wire_events(w, TCP_EVENT_ERROR);
	ck_assert_int_eq(tcp_error(w->sk), ECONNREFUSED);
}
END_TEST

/* accept() returns with the ACK that completes the handshake, not with the SYN. */
START_TEST(accept_waits_for_the_handshake)
{
	wire_listen(w, 5);
	wire_in(w, "S 0:0(0) win 5000 <mss 1460>");
	wire_out(w, "S. 0:0(0) ack 1");
	ck_assert_uint_eq(events_of(w->listener), 0);
	wire_ms(w, 100);
	ck_assert_uint_eq(events_of(w->listener), 0);
	wire_in(w, ". 1:1(0) ack 1 win 5000");
	ck_assert_uint_eq(events_of(w->listener), TCP_EVENT_ACCEPT);
	wire_accept(w);
	ck_assert_uint_eq(events_of(w->listener), 0);
}
END_TEST

/* recv() returns with bytes in order. */
START_TEST(read_waits_for_data_in_order)
{
	wire_passive_open(w, "mss 1460,sackOK", 5000);
	wire_ms(w, 1000);
	wire_events(w, 0);
	wire_in(w, "P. 101:201(100) ack 1 win 5000");
	wire_events(w, 0);
	wire_in(w, ". 1:101(100) ack 1 win 5000");
	wire_events(w, TCP_EVENT_READABLE);
	wire_read(w, 200);
	wire_in(w, ". 1:201(200) ack 1 win 5000"); /* again */
	wire_events(w, 0);
}
END_TEST

START_TEST(read_waits_for_the_end)
{
	wire_passive_open(w, "mss 1460,sackOK", 5000);
	wire_in(w, "F. 101:101(0) ack 1 win 5000");
	wire_events(w, 0);
	wire_in(w, ". 1:101(100) ack 1 win 5000");
	wire_events(w, TCP_EVENT_READABLE | TCP_EVENT_EOF);
	wire_read(w, 100);
	ck_assert(tcp_recv_eof(w->sk));
}
END_TEST

/* As much as the send buffer takes; how much that was. */
static size_t write_all_that_fits(size_t bytes)
{
	size_t before = tcp_outq_bytes(w->sk);
	struct iovec iov[8];
	int n;
	while (bytes > 0 && (n = tcp_send_reserve(w->sk, bytes, iov, 8)) > 0) {
		size_t filled = 0;
		for (int i = 0; i < n && filled < bytes; i++)
			filled += iov[i].iov_len;
		filled = filled < bytes ? filled : bytes;
		for (int i = 0; i < n; i++)
			memset(iov[i].iov_base, 0, iov[i].iov_len);
		tcp_send_commit(w->sk, filled);
		bytes -= filled;
	}
	wire_flush(w);
	return tcp_outq_bytes(w->sk) - before;
}

/* write() goes on when a third of the buffer is free (Linux's sk_stream_min_wspace()), that is when the
 * peer has acknowledged as much: RFC 9293 3.9.1.2 leaves blocking to the interface. */
START_TEST(write_waits_for_acknowledgements)
{
	wire_passive_open(w, "mss 1000", 20000);
	w->sk->sndbuf_bytes = 9000;
	w->sk->sndbuf_locked = true;
	ck_assert_uint_eq(write_all_that_fits(20000), 9000);
	wire_events(w, 0);
	wire_ms(w, 100);
	wire_in(w, ". 1:1(0) ack 1001 win 20000");
	wire_in(w, ". 1:1(0) ack 2001 win 20000");
	wire_events(w, 0);
	wire_in(w, ". 1:1(0) ack 4001 win 20000");
	wire_events(w, TCP_EVENT_WRITABLE);
	ck_assert_uint_eq(write_all_that_fits(20000), 4000);
}
END_TEST

/* A closed window holds the bytes, and so, in the end, the program. */
START_TEST(write_waits_for_the_window)
{
	wire_passive_open(w, "mss 1000", 1000);
	w->sk->sndbuf_bytes = 5000;
	w->sk->sndbuf_locked = true;
	ck_assert_uint_eq(write_all_that_fits(20000), 5000);
	for (int i = 0; i < 5; i++) {
		wire_in(w, ". 1:1(0) ack 1001 win 0");
		wire_ms(w, 1000);
		wire_events(w, 0);
	}
	wire_in(w, ". 1:1(0) ack 1001 win 10000");
	wire_ms(w, 10);
	wire_events(w, 0);
	wire_in(w, ". 1:1(0) ack 5001 win 10000");
	wire_events(w, TCP_EVENT_WRITABLE);
}
END_TEST

/* RFC 9293 3.10.7.4: a reset ends every wait. */
START_TEST(a_reset_ends_the_wait)
{
	wire_passive_open(w, "mss 1000", 1000);
	w->sk->sndbuf_bytes = 5000;
	w->sk->sndbuf_locked = true;
	(void)write_all_that_fits(20000);
	wire_in(w, "R 1:1(0) win 0");
	wire_events(w, TCP_EVENT_ERROR);
	ck_assert_int_eq(tcp_error(w->sk), ECONNRESET);
	ck_assert_uint_eq(write_all_that_fits(100), 0);
}
END_TEST

Suite *blocking_suite(void)
{
	Suite *s = suite_create("blocking");
	TCase *tc = tcase_create("calls");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, connect_waits_for_the_syn_ack);
	tcase_add_test(tc, connect_waits_for_the_refusal);
	tcase_add_test(tc, accept_waits_for_the_handshake);
	tcase_add_test(tc, read_waits_for_data_in_order);
	tcase_add_test(tc, read_waits_for_the_end);
	tcase_add_test(tc, write_waits_for_acknowledgements);
	tcase_add_test(tc, write_waits_for_the_window);
	tcase_add_test(tc, a_reset_ends_the_wait);
	suite_add_tcase(s, tc);
	return s;
}
