/* SPDX-License-Identifier: MIT */
/* TCP Fast Open, the active side: RFC 7413, with the fallbacks Linux has. */
#include <errno.h>
#include <linux/in.h>
#include <sys/socket.h>

#include "stack/tcp/fastopen.h"
#include "tests/unit/suites.h"
#include "tests/unit/wire.h"

#define COOKIE "0123456789abcdef"
#define OPTIONS "mss 1460,sackOK,wscale 7"
#define ROOM 1420 /* of a SYN: 1460 less what options may take */

static struct wire *w;

static void setup(void)
{
	w = wire_new();
	stack_sysctls(w->st)->tcp_timestamps = 0;
}

static void teardown(void)
{
	wire_free(w);
}

static const struct sock_addr peer = {.addr = {.family = ADDR_IPV4, .v4 = PEER_V4},
				      .port = WIRE_PEER_PORT};

static struct sysctls *ctl(void)
{
	return stack_sysctls(w->st);
}

/* A socket for the next connection; the last one is forgotten. */
static struct tcp_sock *new_socket(void)
{
	if (w->sk)
		tcp_abort(w->sk);
	wire_flush(w);
	wire_out_forget(w);
	w->at->port = 0;
	w->written = w->read = 0;
	w->sk = wire_socket(w);
	return w->sk;
}

/* RFC 7413 4.1.2: asks for a cookie, and gets one. */
static void learn_cookie(void)
{
	new_socket();
	ck_assert_int_eq(tcp_connect_fast(w->sk, &peer), 0);
	wire_flush(w);
	wire_out(w, "S 0:0(0) <mss 1460,FO>");
	wire_in(w, "S. 0:0(0) ack 1 win 65535 <" OPTIONS ",FO " COOKIE ">");
	wire_out(w, ". 1:1(0) ack 1");
	wire_state(w, TCP_ESTABLISHED);
}

/* With a cookie: `bytes` are written before the SYN leaves. */
static void connect_with(uint32_t bytes)
{
	new_socket();
	ck_assert_int_eq(tcp_connect_fast(w->sk, &peer), 0);
	ck_assert(tcp_connect_deferred(w->sk));
	wire_flush(w);
	wire_out_none(w);
	wire_write(w, bytes);
}

/* --- the cookie (4.1) -------------------------------------------------------------------------- */

START_TEST(the_first_syn_asks_for_a_cookie)
{
	ck_assert_int_eq(tcp_fastopen_room(new_socket(), &peer), 0);
	learn_cookie();
	ck_assert_uint_eq(wire_info(w).tcpi_fastopen_client_fail, TFO_COOKIE_UNAVAILABLE);
	ck_assert_int_eq(tcp_fastopen_room(new_socket(), &peer), ROOM);
}
END_TEST

START_TEST(an_ordinary_connect_does_not_ask)
{
	wire_connect(w);
	wire_in(w, "S. 0:0(0) ack 1 win 65535 <" OPTIONS ",FO " COOKIE ">");
	ck_assert_int_eq(tcp_fastopen_room(new_socket(), &peer), 0); /* nor believes */
}
END_TEST

START_TEST(a_syn_sent_again_does_not_ask)
{
	new_socket();
	ck_assert_int_eq(tcp_connect_fast(w->sk, &peer), 0);
	wire_flush(w);
	wire_out(w, "S 0:0(0) <FO>");
	wire_ms(w, 1001);
	wire_out(w, "S 0:0(0) <no-FO>");
}
END_TEST

START_TEST(without_the_sysctl_there_is_none)
{
	int one = 1;
	ctl()->tcp_fastopen = TFO_SERVER_ENABLE;
	ck_assert_int_eq(tcp_fastopen_room(new_socket(), &peer), -EOPNOTSUPP);
	ck_assert_int_eq(
	    tcp_setsockopt(w->sk, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &one, sizeof(one)),
	    -EOPNOTSUPP);
	ck_assert_int_eq(tcp_connect_fast(w->sk, &peer), 0);
	wire_flush(w);
	wire_out(w, "S 0:0(0) <no-FO>");
}
END_TEST

START_TEST(room_is_refused_as_connect_is)
{
	learn_cookie();
	ck_assert_int_eq(tcp_fastopen_room(w->sk, &peer), -EISCONN);
	struct sock_addr none = {.addr = {.family = ADDR_NONE}};
	ck_assert_int_eq(tcp_fastopen_room(new_socket(), &none), -EAFNOSUPPORT);
}
END_TEST

START_TEST(the_cookie_of_one_address_is_not_sent_to_another)
{
	learn_cookie();
	struct sock_addr other = peer;
	other.addr.v4++;
	ck_assert_int_eq(tcp_fastopen_room(new_socket(), &other), 0);
}
END_TEST

static bool look(void *arg, const struct tcp_metrics *m)
{
	struct tcp_metrics *found = arg;
	*found = *m;
	return true;
}

START_TEST(cookies_can_be_looked_at_and_forgotten)
{
	struct tcp_metrics m = {0};
	uint32_t other = PEER_V4 + 1, v4 = PEER_V4;
	learn_cookie();
	tcp_metrics_for_each(w->st, look, &m);
	ck_assert_uint_eq(m.raddr, PEER_V4);
	ck_assert_uint_eq(m.laddr, HOST_V4);
	ck_assert_uint_eq(m.fastopen_mss, 1460);
	ck_assert_uint_eq(m.cookie_len, 8);
	ck_assert_uint_eq(m.cookie[1], 0x23);
	ck_assert_uint_eq(tcp_metrics_flush(w->st, &other), 0);
	ck_assert_int_eq(tcp_fastopen_room(new_socket(), &peer), ROOM);
	ck_assert_uint_eq(tcp_metrics_flush(w->st, _i ? &v4 : NULL), 1);
	ck_assert_int_eq(tcp_fastopen_room(new_socket(), &peer), 0);
}
END_TEST

START_TEST(cookies_are_bounded_and_the_oldest_gives_way)
{
	struct tcp_options opt = {.has_tfo = true, .tfo_len = 8};
	struct sock_common c = {.laddr = {HOST_V4}, .raddr = {1}};
	for (uint32_t i = 0; i <= FASTOPEN_CACHE_MAX; i++) {
		c.raddr.v4 = i;
		fastopen_cache_set(w->st, &c, 1460, &opt, 0);
	}
	ck_assert_uint_eq(w->st->tcp.fastopen.count, FASTOPEN_CACHE_MAX);
	c.raddr.v4 = 0;
	ck_assert_uint_eq(fastopen_cache_get(w->st, &c).cookie_len, 0);
	c.raddr.v4 = 1;
	ck_assert_uint_eq(fastopen_cache_get(w->st, &c).cookie_len, 8);
}
END_TEST

/* --- data in the SYN (4.2.1) ------------------------------------------------------------------- */

START_TEST(the_syn_takes_data_along)
{
	learn_cookie();
	connect_with(1000);
	wire_out(w, "S 0:1000(1000) <mss 1460,FO " COOKIE ">");
	wire_in(w, "S. 0:0(0) ack 1001 win 65535 <" OPTIONS ">");
	wire_out(w, ". 1001:1001(0) ack 1");
	wire_state(w, TCP_ESTABLISHED);
	ck_assert_uint_eq(tcp_outq_bytes(w->sk), 0);
	wire_counts(w, TcpExtTCPFastOpenActive, 1);
	ck_assert(wire_info(w).tcpi_options & TCPI_OPT_SYN_DATA);
	ck_assert_uint_eq(wire_info(w).tcpi_fastopen_client_fail, 0);
	wire_out_none(w);
}
END_TEST

START_TEST(what_does_not_fit_follows_the_handshake)
{
	learn_cookie();
	connect_with(4000);
	wire_out(w, "S 0:%d(%d) <FO " COOKIE ">", ROOM, ROOM);
	wire_in(w, "S. 0:0(0) ack %d win 65535 <" OPTIONS ">", ROOM + 1);
	wire_out(w, ". %d:%d(1460) ack 1", ROOM + 1, ROOM + 1461);
	wire_out(w, "P. %d:4001(%d) ack 1", ROOM + 1461, 2540 - ROOM);
}
END_TEST

START_TEST(the_answer_may_come_with_the_syn_ack)
{
	learn_cookie();
	connect_with(10);
	wire_out(w, "S 0:10(10)");
	wire_in(w, "S. 0:200(200) ack 11 win 65535 <" OPTIONS ">");
	wire_out(w, ". 11:11(0) ack 201");
	wire_read(w, 200);
}
END_TEST

/* Who waits to write the rest sends it with the SYN-ACK's acknowledgment, and is in a conversation: the
 * answer's acknowledgment waits for what is written next. */
START_TEST(the_rest_of_a_write_takes_the_ack_along)
{
	learn_cookie();
	new_socket();
	if (_i == 1) /* room for much more than is offered at first: no reason for an ACK */
		wire_set_int(w->sk, SOL_SOCKET, SO_RCVBUF, 270000);
	ck_assert_int_eq(tcp_connect_fast(w->sk, &peer), 0);
	tcp_connect_expect_data(w->sk);
	wire_write(w, ROOM);
	wire_out(w, "S 0:%d(%d)", ROOM, ROOM);
	wire_ms(w, 20);
	wire_in(w, "S. 0:0(0) ack %d win 65535 <" OPTIONS ">", ROOM + 1);
	wire_out_none(w);
	wire_write(w, 1000);
	wire_out(w, "P. %d:%d(1000) ack 1", ROOM + 1, ROOM + 1001);
	wire_ms(w, 20);
	wire_in(w, "P. 1:501(500) ack %d win 512", ROOM + 1001);
	wire_out_none(w);
	wire_read(w, 500);
	wire_out_none(w);
	wire_close(w);
	wire_out(w, "F. %d:%d(0) ack 501", ROOM + 1001, ROOM + 1001);
}
END_TEST

/* ... and if it does not come, the ACK is late, and no later than others. */
START_TEST(the_ack_does_not_wait_for_the_rest_forever)
{
	learn_cookie();
	new_socket();
	ck_assert_int_eq(tcp_connect_fast(w->sk, &peer), 0);
	tcp_connect_expect_data(w->sk);
	wire_write(w, ROOM);
	wire_out_forget(w);
	wire_in(w, "S. 0:0(0) ack %d win 65535 <" OPTIONS ">", ROOM + 1);
	wire_ms(w, 190);
	wire_out_none(w);
	wire_ms(w, 20);
	wire_out(w, ". %d:%d(0) ack 1", ROOM + 1, ROOM + 1);
}
END_TEST

START_TEST(the_room_of_a_syn_that_waits)
{
	learn_cookie();
	ck_assert_int_eq(tcp_deferred_room(w->sk), -EISCONN);
	new_socket();
	ck_assert_int_eq(tcp_connect_fast(w->sk, &peer), 0);
	ck_assert_int_eq(tcp_deferred_room(w->sk), ROOM);
	wire_write(w, 10);
	ck_assert_int_eq(tcp_deferred_room(w->sk), -EISCONN);
}
END_TEST

START_TEST(data_that_is_not_taken_is_sent_again_at_once)
{
	learn_cookie();
	connect_with(1000);
	wire_out_forget(w);
	wire_in(w, "S. 0:0(0) ack 1 win 65535 <" OPTIONS ",FO fedcba9876543210>");
	wire_out(w, "P. 1:1001(1000) ack 1");
	wire_counts(w, TcpExtTCPFastOpenActiveFail, 1);
	ck_assert_uint_eq(wire_info(w).tcpi_fastopen_client_fail, TFO_DATA_NOT_ACKED);
	ck_assert_uint_eq(w->sk->cwnd_bytes, 10u * w->sk->mss_cache); /* no congestion */
	wire_in(w, ". 1:1(0) ack 1001 win 512");
	ck_assert_uint_eq(w->sk->ca_state, CA_OPEN);
	connect_with(10); /* and the new cookie is used from here on */
	wire_out(w, "S 0:10(10) <FO fedcba9876543210>");
}
END_TEST

START_TEST(data_that_is_taken_in_part)
{
	learn_cookie();
	connect_with(1000);
	wire_out_forget(w);
	wire_in(w, "S. 0:0(0) ack 401 win 65535 <" OPTIONS ">");
	wire_out(w, "P. 401:1001(600) ack 1");
}
END_TEST

START_TEST(the_syn_is_sent_again_without_data)
{
	learn_cookie();
	connect_with(1000);
	wire_out_forget(w);
	wire_ms(w, 1001);
	wire_out(w, "S 0:0(0) <no-FO>");
	wire_in(w, "S. 0:0(0) ack 1 win 65535 <" OPTIONS ">");
	wire_out(w, "P. 1:1001(1000) ack 1");
	ck_assert_uint_eq(wire_info(w).tcpi_fastopen_client_fail, TFO_SYN_RETRANSMITTED);
}
END_TEST

/* RFC 1191 6.4: it would not have got through, so nothing is waited for. */
START_TEST(a_syn_that_was_too_large_is_sent_again_at_once)
{
	learn_cookie();
	connect_with(1000);
	wire_out_forget(w);
	wire_icmp(w, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 800, 0);
	wire_out(w, "S 0:0(0) <mss 760,no-FO>");
	wire_ms(w, 10);
	wire_icmp(w, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 800, 0);
	wire_out_none(w); /* that is known */
	wire_in(w, "S. 0:0(0) ack 1 win 65535 <" OPTIONS ">");
	wire_out(w, ". 1:761(760) ack 1");
	wire_out(w, "P. 761:1001(240) ack 1");
	ck_assert(!(wire_info(w).tcpi_options & TCPI_OPT_SYN_DATA));
}
END_TEST

/* A late SYN-ACK to the first SYN after all */
START_TEST(the_data_may_be_acknowledged_after_the_syn_was_sent_again)
{
	learn_cookie();
	connect_with(1000);
	wire_ms(w, 1001);
	wire_out_forget(w);
	wire_in(w, "S. 0:0(0) ack 1001 win 65535 <" OPTIONS ">");
	wire_state(w, TCP_ESTABLISHED);
	ck_assert_uint_eq(tcp_outq_bytes(w->sk), 0);
}
END_TEST

START_TEST(a_smaller_mss_of_the_server_is_remembered)
{
	new_socket();
	ck_assert_int_eq(tcp_connect_fast(w->sk, &peer), 0);
	wire_flush(w);
	wire_out_forget(w);
	wire_in(w, "S. 0:0(0) ack 1 win 65535 <mss 600,FO " COOKIE ">");
	ck_assert_int_eq(tcp_fastopen_room(new_socket(), &peer), 560);
	connect_with(1000);
	wire_out(w, "S 0:560(560) <FO " COOKIE ">");
}
END_TEST

START_TEST(refused_with_data_in_the_syn)
{
	learn_cookie();
	connect_with(100);
	wire_out_forget(w);
	wire_in(w, "R. 0:0(0) ack 101 win 0");
	wire_state(w, TCP_CLOSE);
	ck_assert_int_eq(tcp_error(w->sk), ECONNREFUSED);
}
END_TEST

START_TEST(a_fin_alone_sends_the_syn)
{
	learn_cookie();
	connect_with(0);
	wire_out_none(w);
	tcp_send_fin(w->sk);
	wire_flush(w);
	wire_out(w, "S 0:0(0) <FO " COOKIE ">");
	wire_in(w, "S. 0:0(0) ack 1 win 65535 <" OPTIONS ">");
	wire_out(w, "F. 1:1(0) ack 1");
}
END_TEST

START_TEST(a_syn_may_go_without_data)
{
	learn_cookie();
	connect_with(0);
	tcp_connect_go(w->sk);
	wire_out(w, "S 0:0(0) <FO " COOKIE ">");
}
END_TEST

START_TEST(closing_before_anything_is_written_sends_nothing)
{
	learn_cookie();
	connect_with(0);
	wire_close(w);
	wire_out_none(w);
}
END_TEST

/* RFC 9293 3.5: the peer's SYN comes first */
START_TEST(a_simultaneous_open_ends_the_waiting)
{
	learn_cookie();
	connect_with(0);
	w->at->port = w->sk->c.lport;
	wire_in(w, "S 0:0(0) win 65535 <" OPTIONS ">");
	wire_out(w, "S. 0:0(0) ack 1");
	wire_in(w, ". 1:1(0) ack 1 win 512");
	wire_state(w, TCP_ESTABLISHED);
	wire_write(w, 10);
	wire_out(w, "P. 1:11(10) ack 1");
}
END_TEST

/* Both SYNs took data along. Ours is acknowledged; the peer's, which Linux does not take here, comes
 * again. */
START_TEST(both_open_with_data)
{
	learn_cookie();
	connect_with(1000);
	wire_out(w, "S 0:1000(1000) <FO " COOKIE ">");
	wire_in(w, "S 0:500(500) win 65535 <" OPTIONS ",FO fedcba9876543210>");
	wire_out(w, "S. 0:0(0) ack 1 <mss 1460,sackOK,no-FO>");
	wire_in(w, "S. 0:0(0) ack 1001 win 65535 <" OPTIONS ">");
	wire_out(w, ". 1001:1001(0) ack 1 <sack 0:1>");
	wire_state(w, TCP_ESTABLISHED);
	ck_assert_uint_eq(tcp_outq_bytes(w->sk), 0);
	wire_in(w, "P. 1:501(500) ack 1001 win 512");
	wire_out(w, ". 1001:1001(0) ack 501");
	wire_read(w, 500);
}
END_TEST

/* RFC 7413 4.1.3: the MSS of a peer is remembered, also of one that gives no cookies. */
START_TEST(the_mss_is_known_without_a_cookie)
{
	ctl()->tcp_fastopen |= TFO_CLIENT_NO_COOKIE;
	new_socket();
	ck_assert_int_eq(tcp_connect_fast(w->sk, &peer), 0);
	wire_write(w, 100);
	wire_out(w, "S 0:100(100) <no-FO>");
	wire_in(w, "S. 0:0(0) ack 101 win 65535 <mss 940,sackOK>");
	new_socket();
	ck_assert_int_eq(tcp_connect_fast(w->sk, &peer), 0);
	wire_write(w, 1900);
	wire_out(w, "S 0:900(900) <no-FO>");
}
END_TEST

START_TEST(tcp_maxseg_limits_what_the_syn_takes_along)
{
	ctl()->tcp_fastopen |= TFO_CLIENT_NO_COOKIE;
	new_socket();
	wire_set_int(w->sk, IPPROTO_TCP, TCP_MAXSEG, 1040);
	ck_assert_int_eq(tcp_connect_fast(w->sk, &peer), 0);
	wire_write(w, 2000);
	wire_out(w, "S 0:1000(1000) <mss 1040,no-FO>");
}
END_TEST

/* RFC 7413 appendix A: a request without an answer is made once more in the old option. */
START_TEST(the_experimental_option_is_tried_once)
{
	struct wire_segment s;
	for (int round = 0; round < 3; round++) {
		new_socket();
		ck_assert_int_eq(tcp_connect_fast(w->sk, &peer), 0);
		wire_flush(w);
		ck_assert(wire_next(w, &s));
		ck_assert_uint_eq(s.flags, TCP_SYN);
		static const uint8_t old_request[] = {254, 4, 0xf9, 0x89};
		const uint8_t *end = s.tcp + s.tcp_len;
		ck_assert(s.opt.has_tfo == (round != 1));
		if (round == 1)
			ck_assert_mem_eq(end - 4, old_request, 4);
		wire_in(w, "S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK>");
	}
}
END_TEST

/* --- modes ------------------------------------------------------------------------------------- */

START_TEST(no_cookie_is_needed)
{
	new_socket();
	if (_i == 0)
		ctl()->tcp_fastopen |= TFO_CLIENT_NO_COOKIE;
	else
		wire_set_int(w->sk, IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, 1);
	ck_assert_int_eq(tcp_connect_fast(w->sk, &peer), 0);
	wire_write(w, 100);
	wire_out(w, "S 0:100(100) <no-FO>");
	wire_in(w, "S. 0:0(0) ack 101 win 65535 <" OPTIONS ",FO " COOKIE ">");
	wire_counts(w, TcpExtTCPFastOpenActive, 1);
	new_socket();
	ctl()->tcp_fastopen = TFO_CLIENT_ENABLE;
	ck_assert_int_eq(tcp_fastopen_room(w->sk, &peer), 0); /* one that nobody asked for */
}
END_TEST

START_TEST(fastopen_connect_makes_every_connect_fast)
{
	learn_cookie();
	new_socket();
	wire_set_int(w->sk, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1);
	ck_assert_int_eq(wire_get_int(w->sk, IPPROTO_TCP, TCP_FASTOPEN_CONNECT), 1);
	ck_assert_int_eq(tcp_connect(w->sk, &peer), 0);
	ck_assert(tcp_connect_deferred(w->sk));
	wire_write(w, 50);
	wire_out(w, "S 0:50(50) <FO " COOKIE ">");
	int one = 1;
	ck_assert_int_eq(
	    tcp_setsockopt(w->sk, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &one, sizeof(one)), -EINVAL);
}
END_TEST

/* --- black holes (4.1.3.1) --------------------------------------------------------------------- */

static void swallow_syn_data(void)
{
	connect_with(100);
	wire_ms(w, 7100); /* the third time-out */
	wire_out_forget(w);
}

START_TEST(a_black_hole_suspends_fast_open)
{
	ctl()->tcp_fastopen_blackhole_timeout_s = 60;
	learn_cookie();
	swallow_syn_data();
	wire_counts(w, TcpExtTCPFastOpenBlackhole, 1);
	ck_assert_int_eq(tcp_fastopen_room(new_socket(), &peer), 0);
	ck_assert_int_eq(tcp_connect_fast(w->sk, &peer), 0);
	wire_flush(w);
	wire_out(w, "S 0:0(0) <no-FO>");
	new_socket();
	wire_ms(w, 61000);
	ck_assert_int_eq(tcp_fastopen_room(new_socket(), &peer), ROOM);
	swallow_syn_data(); /* twice as long now */
	wire_ms(w, 61000);
	ck_assert_int_eq(tcp_fastopen_room(new_socket(), &peer), 0);
	wire_ms(w, 60000);
	ck_assert_int_eq(tcp_fastopen_room(new_socket(), &peer), ROOM);
}
END_TEST

START_TEST(success_ends_the_suspicion)
{
	ctl()->tcp_fastopen_blackhole_timeout_s = 60;
	learn_cookie();
	swallow_syn_data();
	wire_ms(w, 61000);
	connect_with(10);
	wire_out_forget(w);
	wire_in(w, "S. 0:0(0) ack 11 win 65535 <" OPTIONS ">");
	swallow_syn_data();
	wire_ms(w, 61000); /* and so it is a first time again */
	ck_assert_int_eq(tcp_fastopen_room(new_socket(), &peer), ROOM);
}
END_TEST

START_TEST(by_default_black_holes_are_not_looked_for)
{
	learn_cookie();
	swallow_syn_data();
	wire_counts(w, TcpExtTCPFastOpenBlackhole, 0);
	ck_assert_int_eq(tcp_fastopen_room(new_socket(), &peer), ROOM);
}
END_TEST

/* --- both sides -------------------------------------------------------------------------------- */

START_TEST(to_ourselves)
{
	struct sock_addr self = {.addr = ip_v4(0x7f000001), .port = WIRE_PORT};
	ctl()->tcp_fastopen = 3;
	wire_listen(w, 5);
	wire_set_int(w->listener, IPPROTO_TCP, TCP_FASTOPEN, 5);
	for (int i = 0; i < 2; i++) {
		w->sk = wire_socket(w);
		w->written = 0;
		ck_assert_int_eq(tcp_connect_fast(w->sk, &self), 0);
		ck_assert_int_eq(tcp_connect_deferred(w->sk), i);
		if (i)
			wire_write(w, 3000);
		wire_flush(w);
		wire_state(w, TCP_ESTABLISHED);
		wire_accept(w);
		ck_assert_uint_eq(wire_unread(w), i ? 3000 : 0);
	}
	wire_read(w, 3000);
	wire_counts(w, TcpExtTCPFastOpenActive, 1);
	wire_counts(w, TcpExtTCPFastOpenPassive, 1);
}
END_TEST

Suite *fastopen_client_suite(void)
{
	Suite *s = suite_create("fastopen_client");
	TCase *tc = tcase_create("RFC 7413");
	const TTest *const tests[] = {
	    the_first_syn_asks_for_a_cookie,
	    an_ordinary_connect_does_not_ask,
	    a_syn_sent_again_does_not_ask,
	    without_the_sysctl_there_is_none,
	    room_is_refused_as_connect_is,
	    the_cookie_of_one_address_is_not_sent_to_another,
	    cookies_are_bounded_and_the_oldest_gives_way,
	    the_syn_takes_data_along,
	    what_does_not_fit_follows_the_handshake,
	    the_answer_may_come_with_the_syn_ack,
	    the_ack_does_not_wait_for_the_rest_forever,
	    the_room_of_a_syn_that_waits,
	    data_that_is_not_taken_is_sent_again_at_once,
	    data_that_is_taken_in_part,
	    the_syn_is_sent_again_without_data,
	    a_syn_that_was_too_large_is_sent_again_at_once,
	    the_data_may_be_acknowledged_after_the_syn_was_sent_again,
	    a_smaller_mss_of_the_server_is_remembered,
	    refused_with_data_in_the_syn,
	    a_fin_alone_sends_the_syn,
	    a_syn_may_go_without_data,
	    closing_before_anything_is_written_sends_nothing,
	    a_simultaneous_open_ends_the_waiting,
	    both_open_with_data,
	    fastopen_connect_makes_every_connect_fast,
	    a_black_hole_suspends_fast_open,
	    success_ends_the_suspicion,
	    by_default_black_holes_are_not_looked_for,
	    to_ourselves,
	};
	tcase_add_checked_fixture(tc, setup, teardown);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tc, tests[i]);
	tcase_add_test(tc, the_mss_is_known_without_a_cookie);
	tcase_add_test(tc, tcp_maxseg_limits_what_the_syn_takes_along);
	tcase_add_test(tc, the_experimental_option_is_tried_once);
	tcase_add_loop_test(tc, cookies_can_be_looked_at_and_forgotten, 0, 2);
	tcase_add_loop_test(tc, no_cookie_is_needed, 0, 2);
	tcase_add_loop_test(tc, the_rest_of_a_write_takes_the_ack_along, 0, 2);
	suite_add_tcase(s, tc);
	return s;
}
