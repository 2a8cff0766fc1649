/* SPDX-License-Identifier: MIT */
/*
 * Segment sizes (RFC 9293 3.7.1, RFC 6691): what the handshake offers, by the link, the route, the path
 * and TCP_MAXSEG; what is sent, by what the peer offered, less the options (Eff.snd.MSS).
 */
#include "tests/unit/suites.h"
#include "tests/unit/wire.h"

#define TCP_LEVEL 6

static struct wire *w;

static void setup(void)
{
	w = wire_new();
}

static void teardown(void)
{
	wire_free(w);
}

static void connect_again(void)
{
	struct sock_addr peer = {.addr = ip_v4(PEER_V4), .port = WIRE_PEER_PORT};
	w->at->port = 0;
	w->sk = wire_socket(w);
	w->written = w->read = 0;
	ck_assert_int_eq(tcp_connect(w->sk, &peer), 0);
	wire_flush(w);
}

/* --- what is offered ---------------------------------------------------------------------------- */

/* MUST-14; RFC 6691 2: of the link's MTU, whatever options will take of it. */
START_TEST(the_link_says_what_is_offered)
{
	struct stack_config config = wire_config();
	wire_free(w);
	config.mtu_bytes = 1280;
	w = wire_new_with(&config);
	connect_again();
	wire_out(w, "S 0:0(0) <mss 1240,ts * 0>");
	wire_listen(w, 5);
	wire_use(w, WIRE_PORT, 4001);
	wire_in(w, "S 0:0(0) win 65535 <mss 1460,ts 5 0>");
	wire_out(w, "S. 0:0(0) ack 1 <mss 1240,ts * 5>");
}
END_TEST

/* TCP_MAXSEG: RFC 9293 3.7.1 has both directions bounded by what each side says. */
START_TEST(user_mss_is_offered_and_obeyed)
{
	struct sock_addr peer = {.addr = ip_v4(PEER_V4), .port = WIRE_PEER_PORT};
	w->sk = wire_socket(w);
	w->at->port = 0;
	wire_set_int(w->sk, TCP_LEVEL, TCP_MAXSEG, 700);
	ck_assert_int_eq(tcp_connect(w->sk, &peer), 0);
	wire_flush(w);
	wire_out(w, "S 0:0(0) <mss 700>");
	wire_in(w, "S. 0:0(0) ack 1 win 9000 <mss 1460>");
	wire_out(w, ". 1:1(0) ack 1");
	wire_write(w, 701);
	wire_out(w, ". 1:701(700) ack 1");
}
END_TEST

START_TEST(a_listeners_user_mss_is_offered_and_obeyed)
{
	wire_listen(w, 5);
	wire_set_int(w->listener, TCP_LEVEL, TCP_MAXSEG, 700);
	wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
	wire_out(w, "S. 0:0(0) ack 1 <mss 700>");
	wire_in(w, ". 1:1(0) ack 1 win 9000");
	wire_accept(w);
	wire_write(w, 701);
	wire_out(w, ". 1:701(700) ack 1");
}
END_TEST

/* As Linux: an advmss of the route's counts only if it is less than the MTU's. */
START_TEST(a_route_says_what_is_offered)
{
	struct route r = {.dst = PEER_V4, .prefix_len = 32, .advmss = _i ? 9000 : 900};
	ck_assert_int_eq(ip_route_add(w->st, &r), 0);
	connect_again();
	wire_out(w, _i ? "S 0:0(0) <mss 1460>" : "S 0:0(0) <mss 900>");
	wire_in(w, "S. 0:0(0) ack 1 win 9000 <mss 1460>");
	wire_out(w, ". 1:1(0) ack 1");
	wire_write(w, 1400); /* which way is narrow, the peer says */
	wire_out(w, "P. 1:1401(1400) ack 1");
}
END_TEST

START_TEST(a_route_sets_mtu_mss_and_window)
{
	struct route r = {.dst = PEER_V4, .prefix_len = 32, .mtu = 1000, .window = 3000};
	ck_assert_int_eq(ip_route_add(w->st, &r), 0);
	wire_active_open(w, "mss 1460", 9000);
	ck_assert_uint_le(tcp_receive_window(w->sk), 3000);
	wire_write(w, 961);
	wire_out(w, ". 1:961(960) ack 1");
}
END_TEST

/* --- after the path has been learnt (RFC 1191 6.2, 6.3) ------------------------------------------ */

/* RFC 1191: what the path is known to carry; the MSS offered is no larger, as on Linux. */
START_TEST(a_syn_offers_no_more_than_the_path_carries)
{
	wire_connect(w);
	wire_icmp(w, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 800, 0);
	wire_ms(w, 1100);
	wire_out(w, "S 0:0(0) <mss 760>");
}
END_TEST

/* A connection has found out; the next one to the same host offers no more, as on Linux: the path back is
 * likely to be the same, and what does not fit need not be sent to be lost. TCP_INFO tells it. */
static void learn(uint16_t mtu)
{
	wire_active_open(w, "mss 1460", 9000);
	wire_write(w, 1460);
	wire_out(w, "P. 1:1461(1460) ack 1");
	wire_icmp(w, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, mtu, 1);
	wire_out_forget(w);
	wire_info_is(w, advmss, 1460); /* what this connection's peer was told */
}

START_TEST(the_next_syn_offers_what_the_path_carries)
{
	learn(800);
	wire_use(w, 0, WIRE_PEER_PORT);
	connect_again();
	wire_out(w, "S 0:0(0) <mss 760>");
	wire_in(w, "S. 0:0(0) ack 1 win 9000 <mss 1460>");
	wire_out(w, ". 1:1(0) ack 1");
	wire_info_is(w, advmss, 760);
	wire_write(w, 761);
	wire_out(w, ". 1:761(760) ack 1");
}
END_TEST

START_TEST(the_next_syn_ack_offers_what_the_path_carries)
{
	learn(800);
	wire_listen(w, 5);
	wire_use(w, WIRE_PORT, 4001);
	wire_in(w, "S 0:0(0) win 9000 <mss 1460>");
	wire_out(w, "S. 0:0(0) ack 1 <mss 760>");
	wire_in(w, ". 1:1(0) ack 1 win 9000");
	wire_accept(w);
	wire_info_is(w, advmss, 760);
	wire_write(w, 761);
	wire_out(w, ". 1:761(760) ack 1");
}
END_TEST

/* Another host's path is another path. */
START_TEST(other_destinations_are_offered_what_the_link_carries)
{
	learn(800);
	struct ip_path path;
	ck_assert_int_eq(ip_route_output(w->st, THIRD_V4, 0, &path), 0);
	ck_assert_uint_eq(path.advmss, 1460);
}
END_TEST

START_TEST(what_was_learnt_is_forgotten)
{
	learn(800);
	wire_close(w);
	wire_ms(w, (stack_sysctls(w->st)->ip_pmtu_expires_s + 1) * 1000ull);
	wire_out_forget(w);
	wire_use(w, 0, WIRE_PEER_PORT);
	connect_again();
	wire_out(w, "S 0:0(0) <mss 1460>");
}
END_TEST

/* RFC 5927 7: however little ICMP claims, ip_min_pmtu is the least that is believed. */
START_TEST(a_claim_below_the_least_does_not_count)
{
	learn(100);
	wire_use(w, 0, WIRE_PEER_PORT);
	connect_again();
	wire_out(w, "S 0:0(0) <mss 512>");
}
END_TEST

/* TCP_MAXSEG and the path: the lesser of them. */
START_TEST(the_path_and_user_mss)
{
	learn(800);
	wire_listen(w, 5);
	wire_set_int(w->listener, TCP_LEVEL, TCP_MAXSEG, _i ? 1000 : 500);
	wire_use(w, WIRE_PORT, 4001);
	wire_in(w, "S 0:0(0) win 9000 <mss 1460>");
	wire_out(w, _i ? "S. 0:0(0) ack 1 <mss 760>" : "S. 0:0(0) ack 1 <mss 500>");
}
END_TEST

/* --- what is sent ------------------------------------------------------------------------------- */

/* RFC 9293 3.7.1: 536 when the peer says nothing. */
START_TEST(a_peer_without_options)
{
	wire_active_open(w, "", 5000);
	ck_assert(!w->sk->sack_ok && !w->sk->wscale_ok && !w->sk->c.tstamp_ok);
	wire_write(w, 1000);
	wire_out(w, ". 1:537(536) ack 1 <no-ts>");
	wire_out(w, "P. 537:1001(464) ack 1");
}
END_TEST

/* RFC 6691 2: the sender takes the options off. */
START_TEST(segments_fit_the_peers_mss_with_options)
{
	wire_active_open(w, "mss 1000,ts 7 0", 5000);
	wire_write(w, 1976);
	wire_out(w, ". 1:989(988) ack 1");
	wire_out(w, "P. 989:1977(988) ack 1");
}
END_TEST

/* MUST-16: the lesser of what the peer takes and the path carries. */
START_TEST(segments_fit_the_link)
{
	wire_active_open(w, "mss 9000", 60000);
	wire_write(w, 1461);
	wire_out(w, ". 1:1461(1460) ack 1");
}
END_TEST

/* tcp_min_snd_mss: a peer that asks for tiny segments asks for work, and gets no tinier ones. */
START_TEST(a_tiny_mss_is_not_obeyed)
{
	wire_active_open(w, "mss 8,ts 7 0", 9000);
	wire_write(w, 100);
	wire_out(w, ". 1:49(48) ack 1");
	wire_out(w, ". 49:97(48) ack 1");
}
END_TEST

/* As Linux: an MSS of nothing is no MSS. */
START_TEST(an_mss_of_nothing_is_the_default)
{
	wire_active_open(w, "mss 0", 9000);
	wire_write(w, 537);
	wire_out(w, ". 1:537(536) ack 1");
}
END_TEST

Suite *mss_suite(void)
{
	Suite *s = suite_create("mss");
	SUITE_CASE(s, "offered", setup, teardown, the_link_says_what_is_offered,
		   user_mss_is_offered_and_obeyed, a_listeners_user_mss_is_offered_and_obeyed,
		   a_route_sets_mtu_mss_and_window);
	SUITE_CASE(s, "path", setup, teardown, a_syn_offers_no_more_than_the_path_carries,
		   the_next_syn_offers_what_the_path_carries,
		   the_next_syn_ack_offers_what_the_path_carries,
		   other_destinations_are_offered_what_the_link_carries,
		   what_was_learnt_is_forgotten, a_claim_below_the_least_does_not_count);
	SUITE_CASE(s, "sent", setup, teardown, a_peer_without_options,
		   segments_fit_the_peers_mss_with_options, segments_fit_the_link,
		   a_tiny_mss_is_not_obeyed, an_mss_of_nothing_is_the_default);
	TCase *both = tcase_create("either");
	tcase_add_checked_fixture(both, setup, teardown);
	tcase_add_loop_test(both, a_route_says_what_is_offered, 0, 2);
	tcase_add_loop_test(both, the_path_and_user_mss, 0, 2);
	suite_add_tcase(s, both);
	return s;
}
