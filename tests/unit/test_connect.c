/* SPDX-License-Identifier: MIT */
/* Opening: RFC 9293 3.5 and 3.10.7.3, the errnos of connect(), what is agreed in the handshake. */
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

static struct sock_addr at(uint32_t v4, uint16_t port)
{
	return (struct sock_addr){.addr = ip_v4(v4), .port = port};
}

static int connect_to(struct tcp_sock *sk, uint32_t v4, uint16_t port)
{
	struct sock_addr to = at(v4, port);
	return tcp_connect(sk, &to);
}

/* --- active open ------------------------------------------------------------------------------ */

/* RFC 9293 figure 6. */
START_TEST(three_way_handshake)
{
	wire_connect(w);
	wire_in(w, "S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,wscale 7>");
	wire_out(w, ". 1:1(0) ack 1");
	wire_out_none(w);
	wire_state(w, TCP_ESTABLISHED);
	wire_events(w, TCP_EVENT_CONNECTED);
	wire_counts(w, TcpActiveOpens, 1);
	wire_counts(w, TcpCurrEstab, 1);
}
END_TEST

START_TEST(the_syn_offers_everything)
{
	struct wire_segment syn;
	w->sk = wire_socket(w);
	w->at->port = 0;
	ck_assert_int_eq(connect_to(w->sk, PEER_V4, WIRE_PEER_PORT), 0);
	wire_flush(w);
	ck_assert(wire_next(w, &syn));
	ck_assert_uint_eq(syn.flags, TCP_SYN);
	ck_assert_uint_eq(syn.opt.mss, 1460);
	ck_assert(syn.opt.sack_permitted && syn.opt.has_ts && syn.opt.has_wscale);
	ck_assert_uint_eq(syn.opt.tsecr, 0);
	ck_assert_uint_gt(syn.win, 0);
	ck_assert_uint_ge(syn.sport, 32768);
	ck_assert_uint_le(syn.sport, 60999);
}
END_TEST

START_TEST(the_syn_offers_only_what_is_on)
{
	stack_sysctls(w->st)->tcp_sack = 0;
	stack_sysctls(w->st)->tcp_timestamps = 0;
	stack_sysctls(w->st)->tcp_window_scaling = 0;
	w->sk = wire_socket(w);
	w->at->port = 0;
	ck_assert_int_eq(connect_to(w->sk, PEER_V4, WIRE_PEER_PORT), 0);
	wire_flush(w);
	wire_out(w, "S 0:0(0) <mss 1460,no-sackOK,no-ts,no-wscale>");
	wire_in(w, "S. 0:0(0) ack 1 win 5000 <mss 1460,sackOK,ts 5 5,wscale 7>");
	wire_out(w, ". 1:1(0) ack 1 <no-ts>");
	ck_assert(!w->sk->sack_ok && !w->sk->wscale_ok && !w->sk->c.tstamp_ok);
}
END_TEST

/* RFC 7323 2.2: the window in a SYN is not scaled, the next one is. */
START_TEST(the_peers_window_is_scaled_after_its_syn)
{
	wire_connect(w);
	wire_in(w, "S. 0:0(0) ack 1 win 1000 <mss 1460,wscale 7>");
	ck_assert_uint_eq(w->sk->snd_wnd, 1000);
	wire_in(w, ". 1:1(0) ack 1 win 1000");
	ck_assert_uint_eq(w->sk->snd_wnd, 128000);
}
END_TEST

/* --- in SYN_SENT (RFC 9293 3.10.7.3) ---------------------------------------------------------- */

START_TEST(refused)
{
	wire_connect(w);
	wire_in(w, "R. 0:0(0) ack 1 win 0");
	wire_out_none(w);
	wire_state(w, TCP_CLOSE);
	wire_events(w, TCP_EVENT_ERROR);
	ck_assert_int_eq(tcp_error(w->sk), ECONNREFUSED);
	wire_counts(w, TcpAttemptFails, 1);
	wire_counts(w, TcpCurrEstab, 0);
}
END_TEST

START_TEST(a_refused_socket_may_try_again)
{
	wire_connect(w);
	wire_in(w, "R. 0:0(0) ack 1 win 0");
	struct sock_addr peer = at(PEER_V4, WIRE_PEER_PORT);
	w->at->port = 0;
	(void)tcp_error(w->sk);
	ck_assert_int_eq(tcp_connect(w->sk, &peer), 0);
	wire_flush(w);
	wire_out(w, "S 0:0(0)");
	wire_in(w, "S. 0:0(0) ack 1 win 5000 <mss 1460>");
	wire_out(w, ". 1:1(0) ack 1");
	wire_state(w, TCP_ESTABLISHED);
	wire_write(w, 10);
	wire_out(w, "P. 1:11(10) ack 1");
}
END_TEST

START_TEST(a_reset_that_acknowledges_nothing_is_ignored)
{
	wire_connect(w);
	wire_in(w, "R 0:0(0) win 0");
	wire_in(w, "R. 0:0(0) ack 0 win 0");
	wire_in(w, "R. 0:0(0) ack 2 win 0");
	wire_out_none(w);
	wire_state(w, TCP_SYN_SENT);
}
END_TEST

/* RFC 9293 figure 9: half-open, the other side still has the old connection. */
START_TEST(an_unacceptable_ack_is_reset)
{
	wire_connect(w);
	wire_in(w, ". 300:300(0) ack 100 win 5000");
	wire_out(w, "R 100:100(0)");
	wire_state(w, TCP_SYN_SENT);
	wire_in(w, "S. 0:0(0) ack 2 win 5000");
	wire_out(w, "R 2:2(0)");
	wire_in(w, "S. 0:0(0) ack 0 win 5000");
	wire_out(w, "R 0:0(0)");
	wire_state(w, TCP_SYN_SENT);
}
END_TEST

START_TEST(an_ack_without_syn_is_ignored)
{
	wire_connect(w);
	wire_in(w, ". 1:1(0) ack 1 win 5000");
	wire_in(w, "F 1:1(0) win 5000");
	wire_out_none(w);
	wire_state(w, TCP_SYN_SENT);
}
END_TEST

START_TEST(an_echo_of_a_time_before_the_syn_is_refused)
{
	wire_connect(w);
	wire_in(w, "S. 0:0(0) ack 1 win 5000 <mss 1460,ts 5 %u>", w->at->last_tsval - 5000);
	wire_out(w, "R 1:1(0)");
	wire_state(w, TCP_SYN_SENT);
}
END_TEST

START_TEST(a_fin_with_the_syn_ack)
{
	wire_connect(w);
	wire_in(w, "SF. 0:0(0) ack 1 win 5000 <mss 1460>");
	wire_state(w, TCP_CLOSE_WAIT);
	wire_events(w, TCP_EVENT_CONNECTED | TCP_EVENT_EOF);
	wire_out(w, ". 1:1(0) ack 2");
}
END_TEST

/* --- simultaneous open (RFC 9293 figure 7) ---------------------------------------------------- */

START_TEST(simultaneous_open)
{
	wire_connect(w);
	wire_in(w, "S 0:0(0) win 5000 <mss 1460,sackOK,wscale 7>");
	wire_out(w, "S. 0:0(0) ack 1 <mss 1460,sackOK>");
	wire_state(w, TCP_SYN_RECV);
	wire_in(w, "S. 0:0(0) ack 1 win 5000 <mss 1460,sackOK,wscale 7>");
	wire_out(w, ". 1:1(0) ack 1 <sack 0:1>"); /* the SYN came twice: RFC 2883 4 */
	wire_out_none(w);
	wire_state(w, TCP_ESTABLISHED);
	wire_events(w, TCP_EVENT_CONNECTED);
	ck_assert_uint_eq(w->sk->snd_nxt, w->sk->snd_una);
	wire_out_forget(w);
	wire_write(w, 5);
	wire_out(w, "P. 1:6(5) ack 1");
}
END_TEST

START_TEST(simultaneous_open_ended_by_an_ack)
{
	wire_connect(w);
	wire_in(w, "S 0:0(0) win 5000 <mss 1460>");
	wire_out(w, "S. 0:0(0) ack 1");
	wire_in(w, "P. 1:11(10) ack 1 win 5000");
	wire_state(w, TCP_ESTABLISHED);
	wire_events(w, TCP_EVENT_CONNECTED | TCP_EVENT_READABLE);
	wire_read(w, 10);
}
END_TEST

START_TEST(in_syn_recv_an_ack_must_acknowledge_the_syn)
{
	wire_connect(w);
	wire_in(w, "S 0:0(0) win 5000 <mss 1460>");
	wire_out(w, "S. 0:0(0) ack 1");
	wire_in(w, ". 1:1(0) ack 0 win 5000");
	wire_out(w, "R 0:0(0)");
	wire_in(w, ". 1:1(0) ack 2 win 5000");
	wire_out(w, "R 2:2(0)");
	wire_state(w, TCP_SYN_RECV);
	wire_in(w, ". 1:1(0) ack 1 win 5000");
	wire_state(w, TCP_ESTABLISHED);
}
END_TEST

START_TEST(in_syn_recv_the_syn_ack_is_repeated)
{
	wire_connect(w);
	wire_in(w, "S 0:0(0) win 5000 <mss 1460>");
	wire_out(w, "S. 0:0(0) ack 1");
	wire_ms(w, 1100);
	wire_out(w, "S. 0:0(0) ack 1");
	wire_in(w, "R 1:1(0) win 0");
	wire_state(w, TCP_CLOSE);
	wire_counts(w, TcpAttemptFails, 1);
	ck_assert_int_eq(tcp_error(w->sk), ECONNRESET);
}
END_TEST

/* --- errnos of connect() ---------------------------------------------------------------------- */

START_TEST(errno_by_state)
{
	wire_connect(w);
	ck_assert_int_eq(connect_to(w->sk, PEER_V4, 1), -EALREADY);
	wire_in(w, "S. 0:0(0) ack 1 win 5000 <mss 1460>");
	ck_assert_int_eq(connect_to(w->sk, PEER_V4, 1), -EISCONN);
	ck_assert_int_eq(connect_to(wire_listen(w, 1), PEER_V4, 1), -EISCONN);
}
END_TEST

START_TEST(errno_by_address)
{
	struct tcp_sock *sk = wire_socket(w);
	struct sock_addr to = at(PEER_V4, 80);
	to.addr.family = ADDR_IPV6;
	ck_assert_int_eq(tcp_connect(sk, &to), -EAFNOSUPPORT);
	ck_assert_int_eq(connect_to(sk, 0x08080808, 80), -ENETUNREACH);
	ck_assert_int_eq(connect_to(sk, 0xffffffff, 80), -ENETUNREACH);
	ck_assert_int_eq(connect_to(sk, 0x0a4d00ff, 80), -ENETUNREACH);
	ck_assert_int_eq(connect_to(sk, 0xe0000001, 80), -ENETUNREACH);
	wire_out_none(w);
	ck_assert_int_eq(tcp_state(sk), TCP_CLOSE);
	ck_assert_uint_eq(tcp_local(sk).port, 0);
	ck_assert_int_eq(tcp_remote(sk).addr.family, ADDR_NONE);
}
END_TEST

START_TEST(loopback_source_never_leaves)
{
	struct tcp_sock *sk = wire_socket(w);
	struct sock_addr lo = at(0x7f000001, 0);
	ck_assert_int_eq(tcp_bind(sk, &lo), 0);
	ck_assert_int_eq(connect_to(sk, PEER_V4, 80), -EINVAL);
}
END_TEST

START_TEST(no_port_left)
{
	stack_sysctls(w->st)->ip_local_port_range[0] = 40000;
	stack_sysctls(w->st)->ip_local_port_range[1] = 40001;
	ck_assert_int_eq(connect_to(wire_socket(w), PEER_V4, 80), 0);
	ck_assert_int_eq(connect_to(wire_socket(w), PEER_V4, 80), 0);
	ck_assert_int_eq(connect_to(wire_socket(w), PEER_V4, 80), -EADDRNOTAVAIL);
	ck_assert_int_eq(connect_to(wire_socket(w), PEER_V4, 81), 0);
}
END_TEST

START_TEST(one_four_tuple_one_connection)
{
	struct tcp_sock *a = wire_socket(w), *b = wire_socket(w);
	struct sock_addr here = at(HOST_V4, 5555);
	a->c.reuseaddr = b->c.reuseaddr = true;
	ck_assert_int_eq(tcp_bind(a, &here), 0);
	ck_assert_int_eq(tcp_bind(b, &here), 0);
	ck_assert_int_eq(connect_to(a, PEER_V4, 80), 0);
	ck_assert_int_eq(connect_to(b, PEER_V4, 80), -EADDRNOTAVAIL);
	ck_assert_int_eq(connect_to(b, PEER_V4, 81), 0);
}
END_TEST

START_TEST(names_of_both_ends)
{
	wire_active_open(w, WIRE_OPTIONS, 500);
	ck_assert_uint_eq(tcp_local(w->sk).addr.v4, HOST_V4);
	ck_assert_uint_eq(tcp_local(w->sk).port, w->at->port);
	ck_assert_uint_eq(tcp_remote(w->sk).addr.v4, PEER_V4);
	ck_assert_uint_eq(tcp_remote(w->sk).port, WIRE_PEER_PORT);
}
END_TEST

START_TEST(a_limit_on_sockets)
{
	int err;
	stack_sysctls(w->st)->tcp_max_sockets = 1;
	struct tcp_sock *sk = wire_socket(w);
	ck_assert_ptr_null(tcp_socket(w->st, NULL, 0, &err));
	ck_assert_int_eq(err, -ENFILE);
	tcp_close(sk, false);
	(void)wire_socket(w);
}
END_TEST

START_TEST(close_while_connecting)
{
	wire_connect(w);
	wire_close(w);
	wire_out_none(w);
	ck_assert_uint_eq(tcp_count(w->st).sockets, 0);
	wire_in(w, "S. 0:0(0) ack 1 win 5000");
	wire_out(w, "R 1:1(0)");
}
END_TEST

/* --- ICMP and ARP while connecting (RFC 1122 4.2.3.9) ---------------------------------------- */

static void icmp_ends_connect(uint8_t type, uint8_t code, int err)
{
	struct wire *mine = wire_new();
	wire_connect(mine);
	wire_icmp(mine, type, code, 0, 0);
	ck_assert_int_eq(tcp_state(mine->sk), TCP_CLOSE);
	ck_assert_int_eq(tcp_error(mine->sk), err);
	wire_free(mine);
}

START_TEST(icmp_errors_end_a_connect)
{
	icmp_ends_connect(ICMP_DEST_UNREACH, ICMP_NET_UNREACH, ENETUNREACH);
	icmp_ends_connect(ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, EHOSTUNREACH);
	icmp_ends_connect(ICMP_DEST_UNREACH, ICMP_PROT_UNREACH, ENOPROTOOPT);
	icmp_ends_connect(ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, ECONNREFUSED);
	icmp_ends_connect(ICMP_DEST_UNREACH, 13, EHOSTUNREACH);
	icmp_ends_connect(ICMP_TIME_EXCEEDED, 0, EHOSTUNREACH);
}
END_TEST

/* RFC 5927 4: an error must be about something in flight. */
START_TEST(icmp_about_another_sequence_number_is_ignored)
{
	wire_connect(w);
	wire_icmp(w, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, 70000);
	wire_state(w, TCP_SYN_SENT);
	wire_counts(w, TcpExtOutOfWindowIcmps, 1);
}
END_TEST

START_TEST(no_arp_answer_is_host_unreachable)
{
	w->sk = wire_socket(w);
	ck_assert_int_eq(connect_to(w->sk, THIRD_V4, 80), 0);
	wire_flush(w);
	wire_ms(w, 5000);
	wire_state(w, TCP_CLOSE);
	ck_assert_int_eq(tcp_error(w->sk), EHOSTUNREACH);
}
END_TEST

/* --- to ourselves ----------------------------------------------------------------------------- */

static void loopback_works(uint32_t to)
{
	struct wire *mine = wire_new();
	wire_listen(mine, 4);
	struct tcp_sock *client = wire_socket(mine);
	ck_assert_int_eq(connect_to(client, to, WIRE_PORT), 0);
	wire_flush(mine);
	ck_assert_int_eq(tcp_state(client), TCP_ESTABLISHED);
	wire_accept(mine);
	ck_assert_int_eq(tcp_state(mine->sk), TCP_ESTABLISHED);
	ck_assert_uint_eq(tcp_remote(mine->sk).port, tcp_local(client).port);
	wire_write(mine, 100000);
	wire_ms(mine, 500);
	mine->sk = client;
	ck_assert_uint_gt(wire_unread(mine), 10000);
	wire_read(mine, 10000);
	wire_out_none(mine);
	wire_free(mine);
}

START_TEST(to_our_own_address)
{
	loopback_works(HOST_V4);
}
END_TEST

START_TEST(to_loopback)
{
	loopback_works(0x7f000001);
	loopback_works(0x7f010203);
	loopback_works(0); /* RFC 1122 3.2.1.3: this host */
}
END_TEST

START_TEST(refused_on_loopback)
{
	w->sk = wire_socket(w);
	ck_assert_int_eq(connect_to(w->sk, 0x7f000001, 9), 0);
	wire_flush(w);
	wire_events(w, TCP_EVENT_ERROR);
	ck_assert_int_eq(tcp_error(w->sk), ECONNREFUSED);
}
END_TEST

START_TEST(to_itself)
{
	struct sock_addr self = at(HOST_V4, 7777);
	w->sk = wire_socket(w);
	ck_assert_int_eq(tcp_bind(w->sk, &self), 0);
	ck_assert_int_eq(tcp_connect(w->sk, &self), 0);
	wire_flush(w);
	wire_state(w, TCP_ESTABLISHED);
	w->written = w->read = 0;
	wire_write(w, 1000);
	wire_ms(w, 100);
	wire_read(w, 1000);
	tcp_send_fin(w->sk);
	wire_flush(w);
	wire_ms(w, 100);
	ck_assert(tcp_recv_eof(w->sk));
}
END_TEST

START_TEST(disconnect_makes_a_socket_new)
{
	wire_active_open(w, WIRE_OPTIONS, 500);
	wire_in(w, "P. 1:11(10) ack 1 win 500");
	wire_out_forget(w);
	tcp_disconnect(w->sk);
	wire_flush(w);
	wire_out(w, "R. 1:1(0) ack 11");
	wire_state(w, TCP_CLOSE);
	ck_assert_uint_eq(tcp_inq_bytes(w->sk), 0);
	ck_assert_uint_eq(tcp_local(w->sk).port, 0);
	struct sock_addr peer = at(PEER_V4, WIRE_PEER_PORT);
	w->at->port = 0;
	ck_assert_int_eq(tcp_connect(w->sk, &peer), 0);
	wire_flush(w);
	wire_out(w, "S 0:0(0) <mss 1460,sackOK>");
	wire_in(w, "S. 0:0(0) ack 1 win 5000 <mss 1460>");
	wire_out(w, ". 1:1(0) ack 1");
	w->written = w->read = 0;
	wire_write(w, 3000);
	wire_out(w, ". 1:1461(1460) ack 1");
	wire_in(w, "P. 1:6(5) ack 1 win 5000");
	wire_read(w, 5);
}
END_TEST

static TCase *tests(const char *name)
{
	TCase *tc = tcase_create(name);
	tcase_add_checked_fixture(tc, setup, teardown);
	return tc;
}

static TCase *opening(void)
{
	TCase *tc = tests("opening");
	tcase_add_test(tc, three_way_handshake);
	tcase_add_test(tc, the_syn_offers_everything);
	tcase_add_test(tc, the_syn_offers_only_what_is_on);
	tcase_add_test(tc, the_peers_window_is_scaled_after_its_syn);
	return tc;
}

static TCase *syn_sent(void)
{
	TCase *tc = tests("SYN_SENT");
	tcase_add_test(tc, refused);
	tcase_add_test(tc, a_refused_socket_may_try_again);
	tcase_add_test(tc, a_reset_that_acknowledges_nothing_is_ignored);
	tcase_add_test(tc, an_unacceptable_ack_is_reset);
	tcase_add_test(tc, an_ack_without_syn_is_ignored);
	tcase_add_test(tc, an_echo_of_a_time_before_the_syn_is_refused);
	tcase_add_test(tc, a_fin_with_the_syn_ack);
	tcase_add_test(tc, simultaneous_open);
	tcase_add_test(tc, simultaneous_open_ended_by_an_ack);
	tcase_add_test(tc, in_syn_recv_an_ack_must_acknowledge_the_syn);
	tcase_add_test(tc, in_syn_recv_the_syn_ack_is_repeated);
	return tc;
}

static TCase *errors(void)
{
	TCase *tc = tests("errors");
	tcase_add_test(tc, errno_by_state);
	tcase_add_test(tc, errno_by_address);
	tcase_add_test(tc, loopback_source_never_leaves);
	tcase_add_test(tc, no_port_left);
	tcase_add_test(tc, one_four_tuple_one_connection);
	tcase_add_test(tc, names_of_both_ends);
	tcase_add_test(tc, a_limit_on_sockets);
	tcase_add_test(tc, close_while_connecting);
	tcase_add_test(tc, icmp_errors_end_a_connect);
	tcase_add_test(tc, icmp_about_another_sequence_number_is_ignored);
	tcase_add_test(tc, no_arp_answer_is_host_unreachable);
	return tc;
}

static TCase *elsewhere(void)
{
	TCase *tc = tests("destinations");
	tcase_add_test(tc, to_our_own_address);
	tcase_add_test(tc, to_loopback);
	tcase_add_test(tc, refused_on_loopback);
	tcase_add_test(tc, to_itself);
	tcase_add_test(tc, disconnect_makes_a_socket_new);
	return tc;
}

Suite *connect_suite(void)
{
	Suite *s = suite_create("connect");
	suite_add_tcase(s, opening());
	suite_add_tcase(s, syn_sent());
	suite_add_tcase(s, errors());
	suite_add_tcase(s, elsewhere());
	return s;
}
