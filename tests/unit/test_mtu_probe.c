/* SPDX-License-Identifier: MIT */
/* Path MTU discovery by probing: RFC 4821, with Linux's search and its black hole detection. */
#include <stdlib.h>

#include "stack/tcp/tcp_send.h"
#include "tests/unit/suites.h"
#include "tests/unit/wire.h"

#define OPTIONS "mss 1460,sackOK,wscale 7"
#define BASE 1024u /* tcp_base_mss */
#define HDRS 40u
#define STREAM_MAX 2000000u

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

static struct sysctls *ctl(void)
{
	return stack_sysctls(w->st);
}

static void room_to_send(void)
{
	w->sk->sndbuf_bytes = 1 << 20;
	w->sk->sndbuf_locked = true;
}

static void open_with(uint32_t mode, const char *options)
{
	ctl()->tcp_mtu_probing = mode;
	wire_active_open(w, options, 2000);
	room_to_send();
}

/* --- a peer behind a path that swallows what is too large -------------------------------------- */

static struct {
	uint8_t have[STREAM_MAX];
	uint32_t next, mtu, largest, swallowed;
	bool sack;
} path;

static void path_is(uint32_t mtu, bool sack)
{
	memset(&path, 0, sizeof(path));
	path.mtu = mtu;
	path.sack = sack;
	path.next = w->sk->snd_una - w->sk->iss;
}

/* Each segment is acknowledged, what is out of order with a duplicate or selective ACK. */
static void take(const struct wire_segment *s)
{
	uint32_t end = s->seq + s->len, from = s->seq;
	if (s->len + HDRS > path.mtu) {
		path.swallowed++;
		return;
	}
	ck_assert_uint_lt(end, STREAM_MAX);
	if (s->len > path.largest)
		path.largest = s->len;
	memset(path.have + s->seq, 1, s->len);
	while (path.have[path.next])
		path.next++;
	while (from > path.next && path.have[from - 1])
		from--;
	while (path.have[end])
		end++;
	if (path.sack && from > path.next)
		wire_in(w, ". 1:1(0) ack %u win 2000 <sack %u:%u>", path.next, from, end);
	else
		wire_in(w, ". 1:1(0) ack %u win 2000", path.next);
}

/* Until all is acknowledged; a round trip is 10 ms. */
static void deliver(void)
{
	struct wire_segment s;
	for (int i = 0; tcp_outq_bytes(w->sk) > 0; i++) {
		ck_assert_int_lt(i, 100000);
		wire_ms(w, 10);
		while (wire_next(w, &s))
			take(&s);
	}
}

static void transfer(uint32_t bytes)
{
	wire_write(w, bytes);
	deliver();
}

/* The congestion window has more than eleven segments, and nothing has been probed yet. */
static void widen(void)
{
	transfer(10 * BASE);
	ck_assert_uint_gt(w->sk->cwnd_bytes, 11 * BASE);
	wire_counts(w, TcpExtTCPMTUPSuccess, 0);
	wire_counts(w, TcpExtTCPMTUPFail, 0);
}

/* --- the search (7) ---------------------------------------------------------------------------- */

START_TEST(by_default_nothing_is_probed)
{
	open_with(0, OPTIONS);
	path_is(1500, true);
	transfer(200000);
	ck_assert_uint_eq(path.largest, 1460);
	wire_counts(w, TcpExtTCPMTUPSuccess, 0);
}
END_TEST

START_TEST(mode_2_begins_with_the_base_mss)
{
	open_with(2, OPTIONS);
	wire_write(w, 3000);
	wire_out(w, ". 1:1025(1024) ack 1");
	wire_out(w, ". 1025:2049(1024) ack 1");
	wire_out(w, "P. 2049:3001(952) ack 1");
}
END_TEST

/* As Linux: what is accepted begins with what the path is said to carry; the search comes to it from
 * below only where that turns out to be too much. */
START_TEST(mode_2_accepts_with_the_mss_of_the_path)
{
	ctl()->tcp_mtu_probing = 2;
	wire_passive_open(w, OPTIONS, 2000);
	wire_write(w, 3000);
	wire_out(w, ". 1:1461(1460) ack 1");
	wire_out(w, ". 1461:2921(1460) ack 1");
	wire_out(w, "P. 2921:3001(80) ack 1");
	ck_assert_uint_eq(w->sk->mtu->low, BASE + HDRS);
	ck_assert_uint_eq(w->sk->mtu->probe, 0);
}
END_TEST

/* The route carried 600 bytes a segment when the connection was accepted. The probe of a larger one
 * changes the size of what comes behind it only when it is acknowledged. */
START_TEST(an_accepted_connection_probes_where_the_route_has_grown)
{
	struct route r = {.dst = PEER_V4, .prefix_len = 32, .mtu = 640, .initcwnd = 11};
	ck_assert_int_eq(ip_route_add(w->st, &r), 0);
	ctl()->tcp_mtu_probing = 2;
	ctl()->tcp_base_mss = 512;
	wire_passive_open(w, OPTIONS, 2000);
	ck_assert_int_eq(ip_route_del(w->st, PEER_V4, 32, 0), 0);
	wire_write(w, 4000);
	wire_out(w, ". 1:987(986) ack 1");
	for (uint32_t at = 987; at < 3387; at += 600)
		wire_out(w, ". %u:%u(600) ack 1", at, at + 600);
	wire_out(w, ". 3387:3987(600) ack 1");
	wire_out(w, "P. 3987:4001(14) ack 1");
	wire_in(w, ". 1:1(0) ack 4001 win 2000");
	wire_write(w, 2000);
	wire_out(w, ". 4001:4987(986) ack 1");
	wire_out(w, ". 4987:5973(986) ack 1");
	wire_out(w, "P. 5973:6001(28) ack 1");
}
END_TEST

/* The route has not grown: the search ends at what it carries, not at what the peer would take. */
START_TEST(an_accepted_connection_probes_within_the_route)
{
	struct route r = {.dst = PEER_V4, .prefix_len = 32, .mtu = 1200};
	ck_assert_int_eq(ip_route_add(w->st, &r), 0);
	ctl()->tcp_mtu_probing = 2;
	wire_passive_open(w, OPTIONS, 2000);
	room_to_send();
	path_is(1200, true);
	transfer(300000);
	ck_assert_uint_eq(path.largest + HDRS, 1200);
	ck_assert_uint_eq(w->sk->mtu->high, 1200);
	wire_counts(w, TcpExtTCPMTUPFail, 0);
}
END_TEST

/* 7.2: the size in the middle of what works and what is not known to fail */
START_TEST(a_probe_is_the_middle_and_its_ack_makes_it_the_size)
{
	struct wire_segment s;
	open_with(2, OPTIONS);
	path_is(1500, true);
	widen();
	wire_write(w, 30000);
	ck_assert(wire_next(w, &s));
	ck_assert_uint_eq(s.len, (1500 + BASE + HDRS) / 2 - HDRS);
	take(&s);
	wire_counts(w, TcpExtTCPMTUPSuccess, 1);
	ck_assert_uint_eq(w->sk->mss_cache, 1242);
}
END_TEST

START_TEST(the_search_finds_the_whole_path)
{
	open_with(2, OPTIONS);
	path_is(1500, true);
	transfer(600000);
	ck_assert_uint_gt(w->sk->mtu->low, 1500 - ctl()->tcp_probe_threshold);
	ck_assert_uint_gt(path.largest, 1460 - ctl()->tcp_probe_threshold);
	wire_counts(w, TcpExtTCPMTUPFail, 0);
	ck_assert_uint_eq(path.swallowed, 0);
}
END_TEST

START_TEST(timestamps_are_counted)
{
	ctl()->tcp_timestamps = 1;
	open_with(2, WIRE_OPTIONS);
	ck_assert_uint_eq(w->sk->mss_cache, BASE);
	ck_assert_uint_eq(w->sk->mtu->low, BASE + HDRS + 12);
	ck_assert_uint_eq(w->sk->mtu->high, 1500);
}
END_TEST

/* A route's MTU bounds the search, and no longer when the route has changed. */
START_TEST(the_search_goes_on_where_the_route_has_grown)
{
	struct route r = {.dst = PEER_V4, .prefix_len = 32, .mtu = 1200};
	ck_assert_int_eq(ip_route_add(w->st, &r), 0);
	open_with(2, OPTIONS);
	path_is(1500, true);
	transfer(300000);
	ck_assert_uint_eq(w->sk->mtu->high, 1200);
	ck_assert_uint_le(path.largest + HDRS, 1200);
	ck_assert_int_eq(ip_route_del(w->st, PEER_V4, 32, 0), 0);
	for (int i = 0; i < 10; i++) /* a round trip or two each, a probe a round trip */
		transfer(100000);
	ck_assert_uint_gt(w->sk->mtu->low, 1500 - ctl()->tcp_probe_threshold);
	ck_assert_uint_eq(path.swallowed, 0);
}
END_TEST

/* --- failure (7.7) ----------------------------------------------------------------------------- */

START_TEST(a_lost_probe_is_no_congestion)
{
	struct wire_segment s;
	open_with(2, _i ? OPTIONS : "mss 1460,wscale 7");
	path_is(1281, _i);
	widen();
	uint32_t cwnd = w->sk->cwnd_bytes;
	wire_write(w, 30000);
	ck_assert(wire_next(w, &s));
	ck_assert_uint_eq(s.len, 1242);
	take(&s); /* which is lost */
	for (int i = 0; i < 4 && wire_next(w, &s); i++)
		take(&s);
	wire_counts(w, TcpExtTCPMTUPFail, 1);
	ck_assert_uint_ge(w->sk->cwnd_bytes, cwnd);
	ck_assert_uint_eq(w->sk->mtu->high, 1281);
	deliver();
	ck_assert_uint_eq(w->sk->ca_state, CA_OPEN);
	wire_counts(w, TcpExtTCPTimeouts, 0);
	ck_assert_uint_le(path.largest + HDRS, 1281);
}
END_TEST

START_TEST(the_search_ends_just_below_what_fails)
{
	open_with(2, OPTIONS);
	path_is(1300, true);
	transfer(900000);
	ck_assert_uint_le(w->sk->mtu->low, 1300);
	ck_assert_uint_gt(w->sk->mtu->low, 1300 - 2 * ctl()->tcp_probe_threshold);
	uint32_t swallowed = path.swallowed;
	transfer(300000); /* and rests */
	ck_assert_uint_eq(path.swallowed, swallowed);
}
END_TEST

START_TEST(it_begins_again_after_probe_interval)
{
	open_with(2, OPTIONS);
	path_is(1300, true);
	transfer(900000);
	path.mtu = 1500; /* the path has changed */
	wire_ms(w, 601000);
	transfer(900000);
	ck_assert_uint_gt(w->sk->mtu->low, 1500 - ctl()->tcp_probe_threshold);
}
END_TEST

START_TEST(a_timeout_leaves_the_question_open)
{
	struct wire_segment s;
	open_with(2, OPTIONS);
	path_is(1500, true);
	widen();
	wire_write(w, 30000);
	ck_assert(wire_next(w, &s));
	ck_assert_uint_gt(s.len, BASE);
	ck_assert_uint_ne(w->sk->mtu->probe, 0);
	wire_out_forget(w); /* all of it is lost, which is congestion */
	wire_ms(w, 1000);
	ck_assert_uint_eq(w->sk->mtu->probe, 0);
	wire_counts(w, TcpExtTCPMTUPFail, 0);
	ck_assert_uint_eq(w->sk->ca_state, CA_LOSS);
}
END_TEST

/* --- when not to (7.4) ------------------------------------------------------------------------- */

START_TEST(no_probe_with_too_little_behind_it)
{
	struct wire_segment s;
	open_with(2, OPTIONS);
	path_is(1500, true);
	widen();
	wire_write(w, 1242 + 4 * BASE - 1);
	ck_assert(wire_next(w, &s));
	ck_assert_uint_eq(s.len, BASE);
	wire_out_forget(w);
}
END_TEST

START_TEST(no_probe_with_a_small_window)
{
	struct wire_segment s;
	open_with(2, OPTIONS);
	wire_write(w, 30000); /* the initial window is ten segments */
	while (wire_next(w, &s))
		ck_assert_uint_eq(s.len, BASE);
}
END_TEST

START_TEST(no_probe_beyond_the_peers_window)
{
	struct wire_segment s;
	open_with(2, OPTIONS);
	path_is(1500, true);
	widen();
	uint32_t at = w->sk->snd_una - w->sk->iss;
	wire_write(w, BASE); /* an answer that brings a window of 4992 bytes */
	wire_in(w, ". 1:1(0) ack %u win 39", at + BASE);
	wire_out_forget(w);
	wire_write(w, 30000);
	while (wire_next(w, &s))
		ck_assert_uint_le(s.len, BASE);
}
END_TEST

/* --- black holes (7.7): no ICMP, and nothing large gets through -------------------------------- */

START_TEST(timeouts_turn_probing_on)
{
	struct wire_segment s;
	uint32_t last = 0, sizes[16], n = 0;
	open_with(1, "mss 1460,wscale 7");
	wire_write(w, 1460);
	for (int i = 0; i < 40000 && n < 16; i++) {
		wire_ms(w, 10);
		while (wire_next(w, &s) && n < 16)
			if (s.len != last)
				last = sizes[n++] = s.len;
	}
	static const uint32_t expect[] = {1460, 1024, 512, 256, 128, 64, 48};
	ck_assert_uint_eq(n, 7);
	ck_assert_mem_eq(sizes, expect, sizeof(expect));
}
END_TEST

START_TEST(mode_0_goes_on_in_vain)
{
	struct wire_segment s;
	open_with(0, "mss 1460,wscale 7");
	wire_write(w, 1460);
	for (int i = 0; i < 10000; i++) {
		wire_ms(w, 10);
		while (wire_next(w, &s))
			ck_assert_uint_eq(s.len, 1460);
	}
}
END_TEST

START_TEST(the_floor_is_kept)
{
	ctl()->tcp_mtu_probe_floor = 300;
	open_with(1, "mss 1460,wscale 7");
	wire_write(w, 1460);
	wire_ms(w, 300000);
	ck_assert_uint_eq(w->sk->mss_cache, 300);
}
END_TEST

START_TEST(retries1_says_how_long_to_wait)
{
	ctl()->tcp_retries1 = 1;
	open_with(1, "mss 1460,wscale 7");
	wire_write(w, 1460);
	wire_ms(w, 1500); /* 200 ms and 600 ms later: the second RTO after that */
	ck_assert_uint_eq(w->sk->mss_cache, BASE);
}
END_TEST

START_TEST(a_transfer_gets_through_a_black_hole)
{
	open_with(1, _i ? OPTIONS : "mss 1460,wscale 7");
	path_is(1200, _i);
	transfer(500000);
	ck_assert_uint_gt(path.swallowed, 0);
	ck_assert_uint_le(path.largest + HDRS, 1200);
	ck_assert_uint_gt(w->sk->mtu->low, 1200 - 2 * ctl()->tcp_probe_threshold);
}
END_TEST

Suite *mtu_probe_suite(void)
{
	Suite *s = suite_create("mtu_probe");
	TCase *tc = tcase_create("RFC 4821");
	const TTest *const tests[] = {
	    by_default_nothing_is_probed,
	    mode_2_begins_with_the_base_mss,
	    mode_2_accepts_with_the_mss_of_the_path,
	    an_accepted_connection_probes_where_the_route_has_grown,
	    an_accepted_connection_probes_within_the_route,
	    a_probe_is_the_middle_and_its_ack_makes_it_the_size,
	    the_search_finds_the_whole_path,
	    the_search_goes_on_where_the_route_has_grown,
	    timestamps_are_counted,
	    the_search_ends_just_below_what_fails,
	    it_begins_again_after_probe_interval,
	    a_timeout_leaves_the_question_open,
	    no_probe_with_too_little_behind_it,
	    no_probe_with_a_small_window,
	    no_probe_beyond_the_peers_window,
	    timeouts_turn_probing_on,
	    mode_0_goes_on_in_vain,
	    the_floor_is_kept,
	    retries1_says_how_long_to_wait,
	};
	tcase_add_checked_fixture(tc, setup, teardown);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tc, tests[i]);
	tcase_add_loop_test(tc, a_lost_probe_is_no_congestion, 0, 2);
	tcase_add_loop_test(tc, a_transfer_gets_through_a_black_hole, 0, 2);
	suite_add_tcase(s, tc);
	return s;
}
