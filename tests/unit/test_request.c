/* SPDX-License-Identifier: MIT */
/* The passive open until the handshake is done (RFC 9293 3.5, 3.10.7.4 in SYN-RECEIVED): the SYN queue, its
 * timers and its bound. */
#include <errno.h>

#include "tests/unit/suites.h"
#include "tests/unit/wire.h"

#define SYN_OPTIONS "mss 1460,sackOK,wscale 7"

static struct wire *w;

static void setup(void)
{
	w = wire_new();
}

static void teardown(void)
{
	wire_free(w);
}

/* A SYN from that port of the peer, and the SYN-ACK. */
static void half_open(uint16_t peer_port)
{
	wire_use(w, WIRE_PORT, peer_port);
	wire_in(w, "S 0:0(0) win 65535 <" SYN_OPTIONS ">");
	wire_out(w, "S. 0:0(0) ack 1");
}

static uint32_t qlen(void)
{
	return w->listener->lq->qlen;
}

static uint32_t acceptable(void)
{
	return w->listener->lq->ack_backlog;
}

/* --- the SYN queue ---------------------------------------------------------------------------- */

/* RFC 9293 figure 6 from the server's side: no connection before the third segment. */
START_TEST(a_syn_makes_a_request_sock_and_nothing_else)
{
	wire_listen(w, 5);
	uint32_t sockets = tcp_count(w->st).sockets;
	half_open(4000);
	struct tcp_counts n = tcp_count(w->st);
	ck_assert_uint_eq(n.sockets, sockets);
	ck_assert_uint_eq(n.request_socks, 1);
	ck_assert_uint_eq(qlen(), 1);
	ck_assert_ptr_null(tcp_accept(w->listener));
	wire_in(w, ". 1:1(0) ack 1 win 512");
	ck_assert_uint_eq(tcp_count(w->st).request_socks, 0);
	ck_assert_uint_eq(qlen(), 0);
	wire_accept(w);
	wire_state(w, TCP_ESTABLISHED);
	wire_counts(w, TcpPassiveOpens, 1);
	wire_counts(w, TcpCurrEstab, 1);
}
END_TEST

START_TEST(the_syn_ack_agrees_to_what_both_have)
{
	wire_listen(w, 5);
	wire_in(w, "S 0:0(0) win 65535 <mss 1460,sackOK,ts 77 0,wscale 7>");
	wire_out(w, "S. 0:0(0) ack 1 <mss 1460,sackOK,ts * 77,wscale 7>");
	wire_use(w, WIRE_PORT, 4001);
	wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
	wire_out(w, "S. 0:0(0) ack 1 <mss 1460,no-sackOK,no-ts,no-wscale>");
}
END_TEST

START_TEST(the_syn_ack_offers_nothing_that_is_off)
{
	struct sysctls *ctl = stack_sysctls(w->st);
	ctl->tcp_sack = ctl->tcp_timestamps = ctl->tcp_window_scaling = 0;
	wire_listen(w, 5);
	wire_in(w, "S 0:0(0) win 65535 <mss 1460,sackOK,ts 77 0,wscale 7>");
	wire_out(w, "S. 0:0(0) ack 1 <mss 1460,no-sackOK,no-ts,no-wscale>");
}
END_TEST

/* RFC 6298 2.1, 5.5: the first again after a second, then twice as long each time, five times; then it is dropped. */
START_TEST(the_syn_ack_is_sent_again_with_back_off_and_then_dropped)
{
	wire_listen(w, 5);
	half_open(4000);
	for (unsigned i = 0, wait_ms = 1000; i < 5; i++, wait_ms *= 2) {
		wire_ms(w, wait_ms - 10);
		wire_out_none(w);
		wire_ms(w, 10);
		wire_out(w, "S. 0:0(0) ack 1 <mss 1460,sackOK,wscale 7>");
	}
	wire_counts(w, TcpExtTCPSynRetrans, 5);
	wire_counts(w, TcpRetransSegs, 5);
	wire_ms(w, 31900);
	ck_assert_uint_eq(qlen(), 1);
	wire_ms(w, 200);
	wire_out_none(w);
	ck_assert_uint_eq(qlen(), 0);
	ck_assert_uint_eq(tcp_count(w->st).request_socks, 0);
	wire_in(w, ". 1:1(0) ack 1 win 512");
	wire_out(w, "R 1:1(0)");
}
END_TEST

START_TEST(tcp_syncnt_and_the_sysctl_limit_the_retries)
{
	stack_sysctls(w->st)->tcp_synack_retries = 1;
	wire_listen(w, 5);
	half_open(4000);
	wire_ms(w, 3100);
	wire_out(w, "S. 0:0(0) ack 1");
	wire_out_none(w);
	ck_assert_uint_eq(qlen(), 0);
	wire_set_int(w->listener, 6, TCP_SYNCNT, 2);
	half_open(4001);
	wire_ms(w, 7100);
	wire_out(w, "S. 0:0(0) ack 1");
	wire_out(w, "S. 0:0(0) ack 1");
	wire_out_none(w);
	ck_assert_uint_eq(qlen(), 0);
}
END_TEST

/* RFC 6298 2.5, as Linux since 6.15: tcp_rto_max_ms ends the SYN-ACK's doubling, too; the number of
 * times stays. */
START_TEST(tcp_rto_max_ends_the_doubling)
{
	stack_sysctls(w->st)->tcp_rto_max_ms = 3000;
	wire_listen(w, 5);
	half_open(4000);
	static const unsigned seconds[] = {1, 2, 3, 3, 3};
	for (unsigned i = 0; i < 5; i++)
		wire_out_between(w, 1000 * seconds[i] - 10, 1000 * seconds[i] + 1,
				 "S. 0:0(0) ack 1 <mss 1460,sackOK,wscale 7>");
	wire_ms(w, 2900);
	ck_assert_uint_eq(qlen(), 1);
	wire_ms(w, 200);
	wire_out_none(w);
	ck_assert_uint_eq(qlen(), 0);
}
END_TEST

/* A queue full of old requests has less patience: twice tried is enough. */
START_TEST(a_crowded_queue_gives_up_sooner)
{
	wire_listen(w, 16);
	for (uint16_t i = 0; i < 12; i++)
		half_open((uint16_t)(4000 + i));
	wire_ms(w, 8000);
	wire_out_forget(w);
	ck_assert_uint_lt(qlen(), 12);
}
END_TEST

START_TEST(a_repeated_syn_is_answered_again)
{
	wire_listen(w, 5);
	half_open(4000);
	wire_ms(w, 600);
	wire_in(w, "S 0:0(0) win 65535 <" SYN_OPTIONS ">");
	wire_out(w, "S. 0:0(0) ack 1 <mss 1460,sackOK,wscale 7>");
	ck_assert_uint_eq(qlen(), 1);
	/* and the timer begins anew */
	wire_ms(w, 900);
	wire_out_none(w);
	wire_ms(w, 110);
	wire_out(w, "S. 0:0(0) ack 1");
}
END_TEST

static void synack_between(uint16_t peer_port, uint64_t from_ms, uint64_t to_ms)
{
	wire_use(w, WIRE_PORT, peer_port);
	wire_out_between(w, from_ms, to_ms, "S. 0:0(0) ack 1 <mss 1460,sackOK,wscale 7>");
}

/* One that came first may be due last, and one that goes leaves the others their time. */
START_TEST(each_syn_ack_is_sent_again_at_its_own_time)
{
	wire_listen(w, 5);
	half_open(4000);
	wire_ms(w, 200);
	half_open(4001);
	wire_ms(w, 400);
	half_open(4002);
	wire_use(w, WIRE_PORT, 4000);
	wire_in(w, "S 0:0(0) win 65535 <" SYN_OPTIONS ">");
	wire_out(w, "S. 0:0(0) ack 1");
	synack_between(4001, 600, 601); /* at 1200 */
	wire_use(w, WIRE_PORT, 4002);
	wire_in(w, ". 1:1(0) ack 1 win 512"); /* was due at 1600 */
	synack_between(4000, 399, 400);
	synack_between(4001, 1598, 1600); /* at 3200, 4000 at 3600 */
	synack_between(4000, 399, 400);
	wire_use(w, WIRE_PORT, 4000);
	wire_in(w, "R 1:1(0) win 0");
	synack_between(4001, 3598, 3601); /* at 7200 */
	wire_in(w, "R 1:1(0) win 0");
	wire_ms(w, 100000);
	wire_out_none(w);
	ck_assert_uint_eq(qlen(), 0);
}
END_TEST

START_TEST(repeated_syns_are_answered_at_a_limited_rate)
{
	wire_listen(w, 5);
	half_open(4000);
	for (int i = 0; i < 10; i++)
		wire_in(w, "S 0:0(0) win 65535 <" SYN_OPTIONS ">");
	wire_out(w, "S. 0:0(0) ack 1");
	wire_out_none(w);
	wire_counts(w, TcpExtTCPACKSkippedSynRecv, 9);
}
END_TEST

START_TEST(a_reset_ends_the_request)
{
	wire_listen(w, 5);
	half_open(4000);
	wire_in(w, "R 1:1(0) win 0");
	wire_out_none(w);
	ck_assert_uint_eq(qlen(), 0);
	wire_counts(w, TcpExtEmbryonicRsts, 1);
	wire_counts(w, TcpAttemptFails, 1);
}
END_TEST

START_TEST(a_reset_outside_the_window_does_not)
{
	wire_listen(w, 5);
	half_open(4000);
	wire_in(w, "R 100001:100001(0) win 0");
	wire_out_none(w);
	ck_assert_uint_eq(qlen(), 1);
	wire_counts(w, TcpExtEmbryonicRsts, 0);
}
END_TEST

/* RFC 9293 3.10.7.4, fifth: an ACK of something else is reset; the request stays. */
START_TEST(a_bad_ack_is_reset)
{
	wire_listen(w, 5);
	half_open(4000);
	wire_in(w, ". 1:1(0) ack 5 win 512");
	wire_out(w, "R 5:5(0)");
	ck_assert_uint_eq(qlen(), 1);
	wire_in(w, ". 1:1(0) ack 1 win 512");
	wire_accept(w);
}
END_TEST

START_TEST(a_new_syn_in_the_window_resets_the_request)
{
	wire_listen(w, 5);
	half_open(4000);
	wire_in(w, "S 1000:1000(0) win 65535 <" SYN_OPTIONS ">");
	wire_out(w, "R. %u:%u(0) ack 1001", 0u - w->at->iss, 0u - w->at->iss);
	ck_assert_uint_eq(qlen(), 0);
	wire_counts(w, TcpExtEmbryonicRsts, 1);
}
END_TEST

START_TEST(what_lies_outside_the_window_is_acknowledged_at_a_limited_rate)
{
	wire_listen(w, 5);
	half_open(4000);
	for (int i = 0; i < 5; i++)
		wire_in(w, ". 200001:200001(0) ack 1 win 512");
	wire_out(w, ". 1:1(0) ack 1");
	wire_out_none(w);
	wire_counts(w, TcpExtTCPACKSkippedSynRecv, 4);
	wire_ms(w, 501);
	wire_in(w, ". 200001:200001(0) ack 1 win 512");
	wire_out(w, ". 1:1(0) ack 1");
	ck_assert_uint_eq(qlen(), 1);
}
END_TEST

/* RFC 7323 5.3 */
START_TEST(an_old_timestamp_does_not_complete_the_handshake)
{
	wire_listen(w, 5);
	wire_in(w, "S 0:0(0) win 65535 <" WIRE_OPTIONS ">");
	wire_out(w, "S. 0:0(0) ack 1 <ts * 1000>");
	wire_in(w, ". 1:1(0) ack 1 win 512 <ts 900 %u>", w->at->last_tsval);
	wire_out(w, ". 1:1(0) ack 1 <ts * 1000>");
	wire_counts(w, TcpExtPAWSEstab, 1);
	ck_assert_uint_eq(acceptable(), 0);
	wire_in(w, ". 1:1(0) ack 1 win 512 <ts 1001 %u>", w->at->last_tsval);
	wire_accept(w);
	ck_assert_uint_eq(w->sk->c.ts_recent, 1001);
}
END_TEST

START_TEST(a_segment_without_ack_is_dropped)
{
	wire_listen(w, 5);
	half_open(4000);
	wire_in(w, "- 1:1(0) win 512");
	wire_out_none(w);
	ck_assert_uint_eq(qlen(), 1);
	ck_assert_uint_eq(acceptable(), 0);
}
END_TEST

START_TEST(icmp_unreachable_ends_the_request_it_quotes)
{
	wire_listen(w, 5);
	half_open(4000);
	wire_icmp(w, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0, 7);
	ck_assert_uint_eq(qlen(), 1);
	wire_counts(w, TcpExtOutOfWindowIcmps, 1);
	wire_icmp(w, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, 0);
	ck_assert_uint_eq(qlen(), 1);
	wire_icmp(w, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0, 0);
	ck_assert_uint_eq(qlen(), 0);
}
END_TEST

START_TEST(a_neighbour_that_fails_ends_its_requests)
{
	struct ip_addr peer = ip_v4(PEER_V4), third = ip_v4(THIRD_V4);
	wire_listen(w, 5);
	half_open(4000);
	tcp_neigh_failed(w->st, &third);
	ck_assert_uint_eq(qlen(), 1);
	tcp_neigh_failed(w->st, &peer);
	ck_assert_uint_eq(qlen(), 0);
}
END_TEST

START_TEST(a_gateway_that_fails_ends_connects_that_go_by_it)
{
	struct route r = {.dst = 0xc0000200, .prefix_len = 24, .gateway = PEER_V4};
	struct sock_addr far = {.addr = ip_v4(0xc0000201), .port = 80};
	struct sock_addr near = {.addr = ip_v4(THIRD_V4), .port = 80};
	struct tcp_sock *behind = wire_socket(w), *beside = wire_socket(w);
	struct ip_addr peer = ip_v4(PEER_V4);
	ck_assert_int_eq(ip_route_add(w->st, &r), 0);
	ck_assert_int_eq(tcp_connect(behind, &far), 0);
	ck_assert_int_eq(tcp_connect(beside, &near), 0);
	wire_flush(w);
	tcp_neigh_failed(w->st, &peer);
	ck_assert_int_eq(tcp_state(behind), TCP_CLOSE);
	ck_assert_int_eq(tcp_error(behind), EHOSTUNREACH);
	ck_assert_int_eq(tcp_state(beside), TCP_SYN_SENT);
}
END_TEST

/* --- a full SYN queue without cookies (with them: test_syncookies.c) ------------------------- */

START_TEST(without_cookies_a_full_syn_queue_drops)
{
	stack_sysctls(w->st)->tcp_syncookies = 0;
	wire_listen(w, 1);
	half_open(4000);
	half_open(4001);
	wire_use(w, WIRE_PORT, 4002);
	wire_in(w, "S 0:0(0) win 65535 <" SYN_OPTIONS ">");
	wire_out_none(w);
	wire_counts(w, TcpExtTCPReqQFullDrop, 1);
	wire_counts(w, TcpExtListenDrops, 1);
	wire_counts(w, TcpExtListenOverflows, 0);
	ck_assert_uint_eq(host_drops(w->h, DROP_TCP_REQ_QUEUE_FULL), 1);
}
END_TEST

START_TEST(without_cookies_the_last_quarter_is_kept_back)
{
	stack_sysctls(w->st)->tcp_syncookies = 0;
	stack_sysctls(w->st)->tcp_max_syn_backlog = 8;
	wire_listen(w, 100);
	for (uint16_t i = 0; i < 7; i++)
		half_open((uint16_t)(4000 + i));
	wire_use(w, WIRE_PORT, 4010);
	wire_in(w, "S 0:0(0) win 65535 <" SYN_OPTIONS ">");
	wire_out_none(w);
	wire_counts(w, TcpExtListenDrops, 1);
}
END_TEST

Suite *request_suite(void)
{
	Suite *s = suite_create("request");
	SUITE_CASE(
	    s, "SYN queue", setup, teardown, a_syn_makes_a_request_sock_and_nothing_else,
	    the_syn_ack_agrees_to_what_both_have, the_syn_ack_offers_nothing_that_is_off,
	    the_syn_ack_is_sent_again_with_back_off_and_then_dropped,
	    tcp_syncnt_and_the_sysctl_limit_the_retries, tcp_rto_max_ends_the_doubling,
	    a_crowded_queue_gives_up_sooner, a_repeated_syn_is_answered_again,
	    repeated_syns_are_answered_at_a_limited_rate, a_reset_ends_the_request,
	    a_reset_outside_the_window_does_not, a_bad_ack_is_reset,
	    a_new_syn_in_the_window_resets_the_request,
	    what_lies_outside_the_window_is_acknowledged_at_a_limited_rate,
	    an_old_timestamp_does_not_complete_the_handshake, a_segment_without_ack_is_dropped,
	    icmp_unreachable_ends_the_request_it_quotes, a_neighbour_that_fails_ends_its_requests,
	    a_gateway_that_fails_ends_connects_that_go_by_it,
	    without_cookies_a_full_syn_queue_drops, without_cookies_the_last_quarter_is_kept_back,
	    each_syn_ack_is_sent_again_at_its_own_time);
	return s;
}
