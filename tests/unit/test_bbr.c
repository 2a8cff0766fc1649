/* SPDX-License-Identifier: MIT */
/* BBR (draft-cardwell-iccrg-bbr-congestion-control) on a link of 10 Mbit/s and 40 ms. */
#include <linux/inet_diag.h>

#include "tests/unit/pair.h"
#include "tests/unit/suites.h"
#include "tests/unit/wire.h"

#include "stack/tcp/tcp_send.h"

#define MBIT 1000000ull
#define SEC_US 1000000ull
#define RTT_US 40000u

static struct pair *p;

static void link_up(uint32_t loss_ppm, uint32_t limit_packets)
{
	p = pair_new(&(struct impair_config){.rate_bps = 10 * MBIT,
					     .delay_us = RTT_US / 2,
					     .loss_ppm = loss_ppm,
					     .limit_packets = limit_packets,
					     .seed = 5});
}

static void teardown(void)
{
	pair_free(p);
}

static uint64_t retransmitted(void)
{
	return stack_mib(p->st[0])->counter[TcpRetransSegs];
}

static struct tcp_info info(void)
{
	struct tcp_info i;
	tcp_get_info(p->sender, &i);
	return i;
}

static uint64_t goodput_with_loss(const char *cc)
{
	link_up(10000, 500);
	pair_connect(p, cc);
	pair_stream(p, 5 * SEC_US);
	uint64_t rate = pair_stream(p, 20 * SEC_US);
	teardown();
	return rate;
}

/* 1: loss is no sign of congestion. */
START_TEST(one_percent_of_loss_is_no_reason_to_slow_down)
{
	uint64_t bbr = goodput_with_loss("bbr"), reno = goodput_with_loss("reno");
	p = NULL;
	ck_assert_uint_ge(bbr, 85 * MBIT / 10);
	ck_assert_msg(bbr >= 2 * reno, "bbr %llu, reno %llu", (unsigned long long)bbr,
		      (unsigned long long)reno);
}
END_TEST

/* The link is full and yet nothing waits long, however much room there is to wait in. */
START_TEST(the_link_is_full_and_its_queue_is_not)
{
	link_up(0, 1000);
	pair_connect(p, "bbr");
	pair_stream(p, 5 * SEC_US);
	ck_assert_uint_ge(pair_stream(p, 10 * SEC_US), 90 * MBIT / 10);
	ck_assert_uint_le(pair_queue_us(p), RTT_US / 2);
	ck_assert_uint_le(p->queue_us_max, 3 * RTT_US / 2);
	ck_assert_uint_eq(retransmitted(), 0);
	/* What it knows is near what is so. */
	struct tcp_bbr_info bbr;
	size_t len = sizeof(bbr);
	ck_assert_int_eq(tcp_getsockopt(p->sender, 6, TCP_CC_INFO, &bbr, &len), 0);
	ck_assert_uint_eq(len, sizeof(bbr));
	ck_assert_uint_ge(bbr.bbr_bw_lo, 9 * MBIT / 8);
	ck_assert_uint_le(bbr.bbr_bw_lo, 11 * MBIT / 8);
	ck_assert_uint_ge(bbr.bbr_min_rtt, RTT_US);
	ck_assert_uint_le(bbr.bbr_min_rtt, RTT_US + 10000);
	ck_assert_uint_eq(bbr.bbr_cwnd_gain, 512);
	uint64_t bw = 8 * info().tcpi_delivery_rate;
	ck_assert_uint_ge(bw, 7 * MBIT);
	ck_assert_uint_le(bw, 12 * MBIT);
	teardown();
}
END_TEST

START_TEST(cubic_fills_the_queue_that_bbr_leaves_empty)
{
	link_up(0, 1000);
	pair_connect(p, "cubic");
	pair_stream(p, 5 * SEC_US);
	pair_stream(p, 10 * SEC_US);
	ck_assert_uint_gt(pair_queue_us(p), RTT_US);
	teardown();
}
END_TEST

/* 4.3.2: STARTUP finds the bandwidth in a few round trips, a small buffer notwithstanding. */
START_TEST(startup_is_quick)
{
	link_up(0, 100);
	pair_connect(p, "bbr");
	pair_stream(p, SEC_US);
	ck_assert_uint_ge(pair_stream(p, SEC_US), 85 * MBIT / 10);
	ck_assert_uint_lt(p->sender->ssthresh_bytes, TCP_INFINITE_SSTHRESH); /* it has drained */
	teardown();
}
END_TEST

/* 4.3.5: once in ten seconds four segments for 200 ms; it costs little. */
START_TEST(the_round_trip_time_is_probed)
{
	link_up(0, 1000);
	pair_connect(p, "bbr");
	pair_stream(p, 5 * SEC_US);
	unsigned small = 0;
	uint32_t mss = p->sender->mss_cache;
	for (unsigned i = 0; i < 300; i++) {
		pair_stream(p, SEC_US / 20);
		small += p->sender->cwnd_bytes <= 4 * mss;
	}
	ck_assert_uint_ge(small, 3); /* 150 ms at least */
	ck_assert_uint_le(small, 14);
	teardown();
}
END_TEST

/* The path becomes slower, then faster again. */
START_TEST(the_bandwidth_is_followed)
{
	link_up(0, 300);
	pair_connect(p, "bbr");
	pair_stream(p, 5 * SEC_US);
	struct impair_config c = p->out[0].config;
	c.rate_bps = 2 * MBIT;
	impair_configure(&p->out[0], &c);
	pair_stream(p, 10 * SEC_US);
	ck_assert_uint_ge(pair_stream(p, 5 * SEC_US), 17 * MBIT / 10);
	ck_assert_uint_le(pair_queue_us(p), 4 * RTT_US);
	c.rate_bps = 20 * MBIT;
	impair_configure(&p->out[0], &c);
	pair_stream(p, 10 * SEC_US);
	ck_assert_uint_ge(pair_stream(p, 5 * SEC_US), 17 * MBIT);
	teardown();
}
END_TEST

START_TEST(an_outage_is_survived)
{
	link_up(0, 300);
	pair_connect(p, "bbr");
	pair_stream(p, 3 * SEC_US);
	struct impair_config c = p->out[0].config;
	c.cut = true;
	impair_configure(&p->out[0], &c);
	pair_stream(p, 5 * SEC_US);
	c.cut = false;
	impair_configure(&p->out[0], &c);
	pair_stream(p, 10 * SEC_US);
	ck_assert_uint_ge(pair_stream(p, 5 * SEC_US), 85 * MBIT / 10);
	teardown();
}
END_TEST

/* TCP_CONGESTION in the middle of a connection, there and back. */
START_TEST(it_can_be_chosen_at_any_time)
{
	link_up(0, 200);
	pair_connect(p, "reno");
	pair_stream(p, 2 * SEC_US);
	ck_assert(!p->sender->pace);
	ck_assert_int_eq(tcp_setsockopt(p->sender, 6, TCP_CONGESTION, "bbr", 3), 0);
	pair_stream(p, 5 * SEC_US);
	ck_assert_uint_ge(pair_stream(p, 5 * SEC_US), 85 * MBIT / 10);
	ck_assert_uint_le(pair_queue_us(p), RTT_US / 2);
	ck_assert_int_eq(tcp_setsockopt(p->sender, 6, TCP_CONGESTION, "cubic", 5), 0);
	ck_assert_uint_ge(pair_stream(p, 5 * SEC_US), 85 * MBIT / 10);
	teardown();
}
END_TEST

/* The program's maximum stands above the model. */
START_TEST(a_maximum_is_kept)
{
	link_up(0, 1000);
	pair_connect(p, "bbr");
	uint32_t rate = 250000;
	ck_assert_int_eq(tcp_setsockopt(p->sender, 1, 47, &rate, sizeof(rate)), 0);
	pair_stream(p, SEC_US);
	ck_assert_uint_le(pair_stream(p, 5 * SEC_US), 21 * MBIT / 10);
	ck_assert_uint_ge(pair_stream(p, 5 * SEC_US), 18 * MBIT / 10);
	teardown();
}
END_TEST

/* --- before there is a connection: it is chosen, and knows nothing yet */

static void choose_bbr(struct tcp_sock *sk)
{
	ck_assert_int_eq(tcp_setsockopt(sk, 6, TCP_CONGESTION, "bbr", 3), 0);
}

START_TEST(a_listeners_choice_meets_sack_blocks_in_the_handshake)
{
	struct wire *w = wire_new();
	choose_bbr(wire_listen(w, 8));
	wire_in(w, "S 0:0(0) win 65535 <mss 1460,sackOK>");
	wire_out(w, "S. 0:0(0) ack 1 <mss 1460,sackOK>");
	wire_in(w, ". 1:1(0) ack 1 win 65535 <sack 0:1>");
	wire_accept(w);
	wire_state(w, TCP_ESTABLISHED);
	wire_write(w, 100);
	wire_out(w, "P. 1:101(100) ack 1");
	wire_in(w, ". 1:1(0) ack 101 win 65535");
	wire_free(w);
}
END_TEST

/* The choice outlives the connection. */
START_TEST(a_socket_that_is_used_again_opens_at_the_same_time_as_its_peer)
{
	struct wire *w = wire_new();
	struct sock_addr to = {.addr = ip_v4(PEER_V4), .port = WIRE_PEER_PORT + 1};
	struct tcp_bbr_info bbr;
	size_t len = sizeof(bbr);
	wire_active_open(w, "mss 1460,sackOK", 65535);
	choose_bbr(w->sk);
	tcp_disconnect(w->sk);
	wire_flush(w);
	wire_out_forget(w);
	ck_assert_int_eq(tcp_getsockopt(w->sk, 6, TCP_CC_INFO, &bbr, &len), 0);
	ck_assert_int_eq(tcp_connect(w->sk, &to), 0);
	wire_flush(w);
	wire_use(w, 0, WIRE_PEER_PORT + 1);
	wire_out(w, "S 0:0(0) <mss 1460>");
	wire_in(w, "S 0:0(0) win 65535 <mss 1460,sackOK>");
	wire_out(w, "S. 0:0(0) ack 1");
	wire_in(w, ". 1:1(0) ack 1 win 65535 <sack 0:1>");
	wire_state(w, TCP_ESTABLISHED);
	wire_write(w, 100);
	wire_out(w, "P. 1:101(100) ack 1");
	wire_free(w);
}
END_TEST

Suite *bbr_suite(void)
{
	Suite *s = suite_create("BBR");
	TCase *tc = tcase_create("link");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, one_percent_of_loss_is_no_reason_to_slow_down);
	tcase_add_test(tc, the_link_is_full_and_its_queue_is_not);
	tcase_add_test(tc, cubic_fills_the_queue_that_bbr_leaves_empty);
	tcase_add_test(tc, startup_is_quick);
	tcase_add_test(tc, the_round_trip_time_is_probed);
	tcase_add_test(tc, the_bandwidth_is_followed);
	tcase_add_test(tc, an_outage_is_survived);
	tcase_add_test(tc, it_can_be_chosen_at_any_time);
	tcase_add_test(tc, a_maximum_is_kept);
	tcase_add_test(tc, a_listeners_choice_meets_sack_blocks_in_the_handshake);
	tcase_add_test(tc, a_socket_that_is_used_again_opens_at_the_same_time_as_its_peer);
	suite_add_tcase(s, tc);
	return s;
}
