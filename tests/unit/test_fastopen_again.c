/* SPDX-License-Identifier: MIT */
/*
 * Fast Open on a socket that is used again: connect() to AF_UNSPEC ends what was (RFC 9293 3.10.5,
 * ABORT), and the next Fast Open on the same socket is as the first one on a new (RFC 7413 4.2.1): its
 * own data, its own sequence numbers, and the cookie.
 */
#include <errno.h>
#include <linux/in.h>

#include "stack/tcp/fastopen.h"
#include "tests/unit/suites.h"
#include "tests/unit/wire.h"

#define COOKIE "0123456789abcdef"
#define OPTIONS "mss 1460,sackOK,wscale 7"
#define TCP_LEVEL 6

static struct wire *w;

static const struct sock_addr peer = {.addr = {.family = ADDR_IPV4, .v4 = PEER_V4},
				      .port = WIRE_PEER_PORT};

static void connect_fast(void)
{
	w->at->port = 0;
	w->written = w->read = 0;
	ck_assert_int_eq(tcp_connect_fast(w->sk, &peer), 0);
	wire_flush(w);
}

/* A connection that has brought a cookie, and is still there. */
static void setup(void)
{
	w = wire_new();
	stack_sysctls(w->st)->tcp_timestamps = 0;
	w->sk = wire_socket(w);
	connect_fast();
	wire_out(w, "S 0:0(0) <mss 1460,FO>");
	wire_in(w, "S. 0:0(0) ack 1 win 65535 <" OPTIONS ",FO " COOKIE ">");
	wire_out(w, ". 1:1(0) ack 1");
}

static void teardown(void)
{
	wire_free(w);
}

/* connect(AF_UNSPEC): what the socket has left to say. */
static void disconnect(int err)
{
	tcp_disconnect(w->sk);
	wire_flush(w);
	wire_state(w, TCP_CLOSE);
	ck_assert_int_eq(tcp_error(w->sk), err);
	ck_assert_uint_eq(tcp_outq_bytes(w->sk), 0);
	ck_assert_uint_eq(tcp_inq_bytes(w->sk), 0);
}

static void expect_ordinary_life(uint32_t written)
{
	wire_in(w, "S. 0:0(0) ack %u win 65535 <" OPTIONS ">", 1 + written);
	wire_out(w, ". %u:%u(0) ack 1", 1 + written, 1 + written);
	wire_state(w, TCP_ESTABLISHED);
	wire_write(w, 10);
	wire_out(w, "P. %u:%u(10) ack 1", 1 + written, 11 + written);
	wire_in(w, "P. 1:6(5) ack %u win 512", 11 + written);
	wire_read(w, 5);
}

/* The connection that asked for the cookie is ended; the next SYN takes data along. */
START_TEST(after_a_connection_that_brought_the_cookie)
{
	disconnect(ECONNRESET);
	wire_out(w, "R. 1:1(0) ack 1");
	connect_fast();
	wire_out_none(w);
	wire_write(w, 700);
	wire_out(w, "S 0:700(700) <mss 1460,FO " COOKIE ">");
	expect_ordinary_life(700);
	ck_assert(wire_info(w).tcpi_options & TCPI_OPT_SYN_DATA);
	wire_counts(w, TcpExtTCPFastOpenActive, 1);
}
END_TEST

/* And again, after one whose SYN took data: nothing of it is in the next, nor in what is told of it. */
START_TEST(after_a_connection_whose_syn_took_data)
{
	disconnect(ECONNRESET);
	wire_out_forget(w);
	connect_fast();
	wire_write(w, 700);
	wire_out(w, "S 0:700(700) <FO " COOKIE ">");
	wire_in(w, "S. 0:0(0) ack 701 win 65535 <" OPTIONS ">");
	wire_out(w, ". 701:701(0) ack 1");
	disconnect(ECONNRESET);
	wire_out(w, "R. 701:701(0) ack 1");
	connect_fast();
	wire_write(w, 300);
	wire_out(w, "S 0:300(300) <mss 1460,FO " COOKIE ">");
	wire_info_is(w, total_retrans, 0);
	ck_assert(!(wire_info(w).tcpi_options & TCPI_OPT_SYN_DATA));
	expect_ordinary_life(300);
	wire_counts(w, TcpExtTCPFastOpenActive, 2);
}
END_TEST

/* The SYN still waits for the program's first bytes: nothing has left, and nothing ever will. */
START_TEST(before_the_syn_has_left)
{
	disconnect(ECONNRESET);
	wire_out_forget(w);
	connect_fast();
	ck_assert(tcp_connect_deferred(w->sk));
	disconnect(ECONNRESET);
	wire_ms(w, 200000);
	wire_out_none(w);
	connect_fast();
	ck_assert(tcp_connect_deferred(w->sk));
	wire_write(w, 20);
	wire_out(w, "S 0:20(20) <FO " COOKIE ">");
	expect_ordinary_life(20);
}
END_TEST

/* RFC 9293 3.10.5, SYN-SENT: no reset; what was written is gone, with its SYN. */
START_TEST(while_the_syn_is_out)
{
	disconnect(ECONNRESET);
	wire_out_forget(w);
	connect_fast();
	wire_write(w, 2000);
	wire_out(w, "S 0:1420(1420) <FO " COOKIE ">");
	uint16_t port = tcp_local(w->sk).port;
	disconnect(ECONNRESET);
	wire_ms(w, 200000);
	wire_out_none(w);
	/* Its late answer finds nobody. */
	wire_use(w, port, WIRE_PEER_PORT);
	wire_in(w, "S. 0:0(0) ack 1421 win 65535 <" OPTIONS ">");
	wire_out(w, "R 1421:1421(0)");
	wire_use(w, 0, WIRE_PEER_PORT);
	connect_fast();
	wire_write(w, 30);
	wire_out(w, "S 0:30(30) <FO " COOKIE ">");
	expect_ordinary_life(30);
}
END_TEST

/* After a SYN that had to be sent again, without data: what came of that one is forgotten. */
START_TEST(after_a_syn_that_was_lost)
{
	disconnect(ECONNRESET);
	wire_out_forget(w);
	connect_fast();
	wire_write(w, 10);
	wire_out(w, "S 0:10(10) <FO " COOKIE ">");
	wire_ms(w, 1010);
	wire_out(w, "S 0:0(0) <no-FO>");
	disconnect(ECONNRESET);
	ck_assert_uint_eq(wire_info(w).tcpi_fastopen_client_fail, 0);
	connect_fast();
	wire_write(w, 20);
	wire_out(w, "S 0:20(20) <FO " COOKIE ">");
	wire_info_is(w, total_retrans, 0);
	expect_ordinary_life(20);
}
END_TEST

/* TCP_FASTOPEN_CONNECT is the socket's, not the connection's: it stays. */
START_TEST(fastopen_connect_stays)
{
	disconnect(ECONNRESET);
	wire_out_forget(w);
	wire_set_int(w->sk, TCP_LEVEL, TCP_FASTOPEN_CONNECT, 1);
	for (unsigned i = 0; i < 2; i++) {
		w->at->port = 0;
		w->written = w->read = 0;
		ck_assert_int_eq(tcp_connect(w->sk, &peer), 0);
		wire_flush(w);
		wire_out_none(w);
		wire_write(w, 40);
		wire_out(w, "S 0:40(40) <FO " COOKIE ">");
		wire_in(w, "S. 0:0(0) ack 41 win 65535 <" OPTIONS ">");
		wire_out(w, ". 41:41(0) ack 1");
		disconnect(ECONNRESET);
		wire_out(w, "R. 41:41(0) ack 1");
	}
	ck_assert_int_eq(wire_get_int(w->sk, TCP_LEVEL, TCP_FASTOPEN_CONNECT), 1);
}
END_TEST

/* An ordinary connect() on the same socket neither waits nor takes data along. */
START_TEST(an_ordinary_connect_after_a_fast_one)
{
	disconnect(ECONNRESET);
	wire_out_forget(w);
	connect_fast();
	wire_write(w, 10);
	wire_out(w, "S 0:10(10) <FO " COOKIE ">");
	disconnect(ECONNRESET);
	w->at->port = 0;
	w->written = w->read = 0;
	ck_assert_int_eq(tcp_connect(w->sk, &peer), 0);
	wire_flush(w);
	wire_out(w, "S 0:0(0) <mss 1460,no-FO>");
	expect_ordinary_life(0);
}
END_TEST

Suite *fastopen_again_suite(void)
{
	Suite *s = suite_create("fastopen_again");
	SUITE_CASE(s, "disconnect", setup, teardown, after_a_connection_that_brought_the_cookie,
		   after_a_connection_whose_syn_took_data, before_the_syn_has_left,
		   while_the_syn_is_out, after_a_syn_that_was_lost, fastopen_connect_stays,
		   an_ordinary_connect_after_a_fast_one);
	return s;
}
