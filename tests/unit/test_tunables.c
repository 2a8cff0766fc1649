/* SPDX-License-Identifier: MIT */
/* What a sysctl, or the option of the same name, changes on the wire. */
#include <asm/socket.h>
#include <errno.h>
#include <linux/in.h>

#include "tests/unit/sender.h"
#include "tests/unit/suites.h"
#include "tests/unit/wire.h"

#define MSS SENDER_MSS
#define MS 1000ull
#define SOCKET_LEVEL 1

static struct wire *w;

static void setup(void)
{
	w = wire_new();
}

static void teardown(void)
{
	wire_free(w);
}

static struct sysctls *ctl(void)
{
	return stack_sysctls(w ? w->st : sender_stack);
}

static void open_sack(void)
{
	w = NULL;
	sender_open(&(struct sender_options){0});
}

static void open_plain(void)
{
	w = NULL;
	sender_open(&(struct sender_options){.no_sack = true});
}

static void open_unanswered(void)
{
	w = NULL;
	sender_open_unanswered(&(struct sender_options){0});
}

/* Waits for the next segment; asserts that it came after about `us`. */
static void expect_after(uint64_t us)
{
	sender_forget();
	uint64_t took = sender_wait_sent(us + SEC);
	ck_assert_uint_ge(took + 1 * MS, us);
	ck_assert_uint_le(took, us + 2 * MS);
}

static void expect_timeout(void)
{
	ck_assert_uint_ne(sender_events() & TCP_EVENT_ERROR, 0);
	ck_assert_int_eq(tcp_error(sender_sk), ETIMEDOUT);
}

/* --- TCP_NOTSENT_LOWAT ------------------------------------------------------------------------ */

static void fill_and_flush(uint32_t in_flight, uint32_t most_at_once)
{
	uint32_t bytes;
	while ((bytes = sender_fill(100000)) > 0) {
		ck_assert_uint_le(bytes, most_at_once);
		sender_flush();
	}
	ck_assert_uint_eq(sender_sk->snd_nxt - sender_sk->snd_una, in_flight);
}

/* The mark is 8 segments: a quarter of it may wait here, and as much again if it can leave. */
static void check_notsent(void)
{
	fill_and_flush(10 * MSS, 4 * MSS);
	ck_assert_uint_eq(tcp_unsent_bytes(sender_sk), 2 * MSS);
	(void)sender_events();
	sender_wait(SENDER_RTT_US);
	peer_ack(MSS); /* slow start: two segments more, which are here */
	ck_assert_uint_ne(sender_events() & TCP_EVENT_WRITABLE, 0);
	fill_and_flush(11 * MSS, 2 * MSS);
	ck_assert_uint_eq(tcp_unsent_bytes(sender_sk), 2 * MSS);
	ck_assert_uint_eq(sender_events() & TCP_EVENT_WRITABLE, 0);
}

START_TEST(no_more_waits_unsent_than_notsent_lowat)
{
	wire_set_int(sender_sk, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 8 * MSS);
	ctl()->tcp_notsent_lowat = 50;
	check_notsent();
}
END_TEST

START_TEST(the_sysctl_holds_where_the_socket_says_nothing)
{
	ctl()->tcp_notsent_lowat = 8 * MSS;
	check_notsent();
}
END_TEST

START_TEST(a_mark_below_a_segment_lets_one_segment_wait)
{
	wire_set_int(sender_sk, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 1);
	fill_and_flush(10 * MSS, 2 * MSS);
	ck_assert_uint_eq(tcp_unsent_bytes(sender_sk), MSS);
}
END_TEST

/* --- TCP_USER_TIMEOUT (RFC 5482 3.1: in every state in which something waits to be acknowledged) */

START_TEST(user_timeout_in_syn_sent)
{
	wire_set_int(sender_sk, IPPROTO_TCP, TCP_USER_TIMEOUT, 4000);
	sender_wait(4900 * MS); /* it counts from the first time the SYN was sent again */
	ck_assert_int_eq(tcp_state(sender_sk), TCP_SYN_SENT);
	sender_wait(200 * MS);
	expect_timeout();
}
END_TEST

START_TEST(user_timeout_while_the_window_is_closed_over_data)
{
	wire_set_int(sender_sk, IPPROTO_TCP, TCP_USER_TIMEOUT, 4000);
	sender_write(3 * MSS);
	peer_ack_window(MSS, 0);
	for (int i = 0; i < 20 && tcp_state(sender_sk) == TCP_ESTABLISHED; i++) {
		sender_wait(300 * MS);
		if (tcp_state(sender_sk) == TCP_ESTABLISHED)
			peer_ack_window(MSS, 0); /* it lives, but takes nothing */
	}
	expect_timeout();
}
END_TEST

START_TEST(user_timeout_of_an_orphan)
{
	wire_set_int(sender_sk, IPPROTO_TCP, TCP_USER_TIMEOUT, 2000);
	sender_write(100);
	tcp_close(sender_sk, false);
	sender_flush();
	sender_wait(2200 * MS);
	ck_assert_uint_eq(tcp_count(sender_stack).orphans, 1);
	sender_wait(300 * MS);
	ck_assert_uint_eq(tcp_count(sender_stack).orphans, 0);
}
END_TEST

/* --- timers ----------------------------------------------------------------------------------- */

START_TEST(a_thin_stream_does_not_back_off_six_times)
{
	if (_i)
		wire_set_int(sender_sk, IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, 1);
	else
		ctl()->tcp_thin_linear_timeouts = 1;
	sender_write(100);
	for (int i = 0; i < 7; i++)
		expect_after(300 * MS);
	expect_after(600 * MS);
}
END_TEST

START_TEST(a_stream_that_is_not_thin_does)
{
	ctl()->tcp_thin_linear_timeouts = 1;
	sender_write(4 * MSS);
	expect_after(300 * MS);
	expect_after(600 * MS);
}
END_TEST

/* RFC 8985 7: tcp_early_retrans below 3 has no probe, the RTO comes as ever */
START_TEST(early_retrans_turns_the_loss_probe_off)
{
	ctl()->tcp_early_retrans = 0;
	sender_write(2 * MSS);
	expect_after(300 * MS);
	ck_assert_uint_eq(sender_mib(TcpExtTCPLossProbes), 0);
	ck_assert_uint_eq(sender_mib(TcpExtTCPTimeouts), 1);
}
END_TEST

START_TEST(orphan_retries_zero_means_eight)
{
	ck_assert_uint_eq(ctl()->tcp_orphan_retries, 0);
	sender_write(100);
	tcp_close(sender_sk, false);
	sender_flush();
	sender_wait(100 * SEC); /* 200 ms * (2^9 - 1) and the RTO before */
	ck_assert_uint_eq(tcp_count(sender_stack).orphans, 1);
	sender_wait(60 * SEC);
	ck_assert_uint_eq(tcp_count(sender_stack).orphans, 0);
}
END_TEST

/* --- loss detection ---------------------------------------------------------------------------- */

/* RFC 6675 4: IsLost() by what is SACKed above */
START_TEST(without_rack_three_sacked_segments_make_a_loss)
{
	ctl()->tcp_recovery = 0;
	sender_write(6 * MSS);
	sender_forget();
	sender_wait(SENDER_RTT_US);
	peer_sack(0, 1, (const uint32_t[][2]){{MSS, 3 * MSS}});
	expect_silence();
	peer_sack(0, 1, (const uint32_t[][2]){{MSS, 4 * MSS}});
	expect_segment(0, MSS);
	ck_assert_uint_eq(sender_sk->ca_state, CA_RECOVERY);
}
END_TEST

START_TEST(without_rack_nothing_is_lost_by_time)
{
	ctl()->tcp_recovery = 0;
	sender_write(6 * MSS);
	sender_forget();
	sender_wait(SENDER_RTT_US);
	peer_sack(0, 1, (const uint32_t[][2]){{MSS, 3 * MSS}});
	sender_wait(80 * MS); /* past RACK's reordering window, before the loss probe */
	expect_silence();
}
END_TEST

START_TEST(tcp_reordering_is_the_duplicate_threshold)
{
	ctl()->tcp_reordering = 4;
	ctl()->tcp_recovery = 0;
	sender_sk->reordering_segs = ctl()->tcp_reordering; /* of a connection made from here on */
	sender_write(7 * MSS);
	sender_forget();
	sender_wait(SENDER_RTT_US);
	peer_sack(0, 1, (const uint32_t[][2]){{MSS, 4 * MSS}});
	expect_silence();
	peer_sack(0, 1, (const uint32_t[][2]){{MSS, 5 * MSS}});
	expect_segment(0, MSS);
}
END_TEST

/* RFC 8985 6.2 step 4: with bit 4 the reordering window stays although three are SACKed */
START_TEST(recovery_can_ignore_the_duplicate_threshold)
{
	ctl()->tcp_recovery = 5;
	sender_write(6 * MSS);
	sender_forget();
	sender_wait(SENDER_RTT_US);
	peer_sack(0, 1, (const uint32_t[][2]){{MSS, 5 * MSS}});
	expect_silence();
	uint64_t took = sender_wait_sent(SEC);
	ck_assert_uint_ge(took + 2 * MS, SENDER_RTT_US / 4); /* min_rtt / 4 */
	expect_segment(0, MSS);
}
END_TEST

START_TEST(max_reordering_bounds_what_is_learnt)
{
	ctl()->tcp_max_reordering = 4;
	sender_write(10 * MSS);
	sender_wait(SENDER_RTT_US);
	peer_sack(0, 1, (const uint32_t[][2]){{8 * MSS, 10 * MSS}});
	peer_ack(10 * MSS);
	ck_assert_uint_eq(sender_sk->reordering_segs, 4);
}
END_TEST

START_TEST(the_least_rtt_is_forgotten_after_min_rtt_wlen)
{
	ctl()->tcp_min_rtt_wlen_s = 5;
	ck_assert_uint_eq(sender_sk->min_rtt_us, SENDER_RTT_US);
	for (uint32_t i = 1; i <= 2; i++) {
		sender_wait(i == 2 ? 5 * SEC : 0);
		sender_write(MSS);
		sender_wait(2 * SENDER_RTT_US);
		peer_ack(i * MSS);
		ck_assert_uint_eq(sender_sk->min_rtt_us, i * SENDER_RTT_US);
	}
}
END_TEST

/* --- windows ----------------------------------------------------------------------------------- */

static uint16_t offered_window(void)
{
	struct wire_segment s;
	wire_listen(w, 5);
	wire_in(w, "S 0:0(0) win 65535 <mss 1460,wscale 7>");
	ck_assert(wire_next(w, &s));
	return s.win;
}

START_TEST(adv_win_scale_divides_the_buffer)
{
	static const struct {
		int32_t scale;
		uint16_t window; /* of 131072, in whole segments, 65535 at most */
	} cases[] = {{1, 64240}, {-2, 32120}, {-3, 16060}, {2, 65535}, {0, 65535}};
	ctl()->tcp_adv_win_scale = cases[_i].scale;
	ck_assert_uint_eq(offered_window(), cases[_i].window);
}
END_TEST

START_TEST(workaround_signed_windows_offers_15_bits)
{
	ctl()->tcp_workaround_signed_windows = 1;
	ck_assert_uint_eq(offered_window(), 32767);
}
END_TEST

/* Four round trips of a fast sender whose program reads everything. */
static uint32_t rcvbuf_after_bulk(void)
{
	uint32_t seq = 1;
	wire_passive_open(w, "mss 1460,sackOK,wscale 7", 512);
	for (int round = 0; round < 6; round++) {
		for (int i = 0; i < 40; i++, seq += 1460) {
			wire_in(w, ". %u:%u(1460) ack 1 win 512", seq, seq + 1460);
			wire_read(w, 1460);
		}
		wire_ms(w, 10);
	}
	return w->sk->rcvbuf_bytes;
}

START_TEST(moderate_rcvbuf_lets_the_buffer_grow)
{
	ck_assert_uint_gt(rcvbuf_after_bulk(), 131072);
}
END_TEST

START_TEST(without_it_the_buffer_stays)
{
	ctl()->tcp_moderate_rcvbuf = 0;
	ck_assert_uint_eq(rcvbuf_after_bulk(), 131072);
}
END_TEST

START_TEST(rmem_max_and_wmem_max_bound_what_is_asked_for)
{
	struct tcp_sock *sk = wire_socket(w);
	ctl()->rmem_max = 10000;
	ctl()->wmem_max = 20000;
	wire_set_int(sk, SOCKET_LEVEL, SO_RCVBUF, 1 << 20);
	wire_set_int(sk, SOCKET_LEVEL, SO_SNDBUF, 1 << 20);
	ck_assert_int_eq(wire_get_int(sk, SOCKET_LEVEL, SO_RCVBUF), 20000);
	ck_assert_int_eq(wire_get_int(sk, SOCKET_LEVEL, SO_SNDBUF), 40000);
}
END_TEST

/* --- receiving --------------------------------------------------------------------------------- */

/* RFC 2883 4 */
START_TEST(dsack_can_be_off)
{
	ctl()->tcp_dsack = _i;
	wire_passive_open(w, "mss 1460,sackOK", 5000);
	wire_in(w, "P. 1:11(10) ack 1 win 5000");
	wire_out_forget(w);
	wire_in(w, "P. 1:11(10) ack 1 win 5000");
	wire_out(w, ". 1:1(0) ack 11 %s", _i ? "<sack 1:11>" : "<no-sack>");
}
END_TEST

/* RFC 6093 2.1, RFC 1122 4.2.2.4 */
START_TEST(stdurg_says_which_byte_is_urgent)
{
	struct iovec iov;
	ctl()->tcp_stdurg = _i;
	wire_passive_open(w, "mss 1460", 5000);
	wire_in(w, "PU. 1:11(10) ack 1 win 5000 urg 5");
	ck_assert_int_eq(tcp_recv_iov(w->sk, &iov, 1), 1);
	ck_assert_uint_eq(iov.iov_len, _i ? 5 : 4);
}
END_TEST

START_TEST(reflect_tos_answers_in_kind)
{
	struct wire_segment s;
	ctl()->tcp_reflect_tos = _i;
	wire_listen(w, 5);
	w->tos = 0xb8 | 1; /* the ECN bits are not reflected */
	wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
	ck_assert(wire_next(w, &s));
	ck_assert_uint_eq(s.tos, _i ? 0xb8 : 0);
	wire_in(w, ". 1:1(0) ack 1 win 512");
	wire_accept(w);
	wire_write(w, 10);
	ck_assert(wire_next(w, &s));
	ck_assert_uint_eq(s.tos, _i ? 0xb8 : 0);
}
END_TEST

/* --- path MTU discovery (RFC 1191 3) ----------------------------------------------------------- */

static bool writes_with_df(void)
{
	struct wire_segment s;
	wire_write(w, 10);
	ck_assert(wire_next(w, &s));
	return s.df;
}

static const struct {
	int mode;
	bool df, listens;
} discover[] = {
    {IP_PMTUDISC_DONT, false, false}, {IP_PMTUDISC_WANT, true, true},
    {IP_PMTUDISC_DO, true, true},     {IP_PMTUDISC_PROBE, false, true},
    {IP_PMTUDISC_OMIT, false, false}, {IP_PMTUDISC_INTERFACE, false, false},
};

START_TEST(mtu_discover_sets_df_and_listens)
{
	wire_passive_open(w, "mss 1460", 5000);
	wire_set_int(w->sk, IPPROTO_IP, IP_MTU_DISCOVER, discover[_i].mode);
	ck_assert_int_eq(wire_get_int(w->sk, IPPROTO_IP, IP_MTU_DISCOVER), discover[_i].mode);
	ck_assert_int_eq(writes_with_df(), discover[_i].df);
	wire_icmp(w, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 1000, 1);
	ck_assert_int_eq(wire_get_int(w->sk, IPPROTO_IP, IP_MTU),
			 discover[_i].listens ? 1000 : 1500);
}
END_TEST

START_TEST(mtu_discover_has_its_range)
{
	struct tcp_sock *sk = wire_socket(w);
	for (int bad = -1; bad <= 6; bad += 7)
		ck_assert_int_eq(tcp_setsockopt(sk, IPPROTO_IP, IP_MTU_DISCOVER, &bad, sizeof(bad)),
				 -EINVAL);
}
END_TEST

START_TEST(no_pmtu_disc_is_the_default_of_new_sockets)
{
	static const struct {
		bool df;
		int mtu;
	} expect[] = {{true, 1000}, {false, 1500}, {false, 1500}, {true, 1000}};
	ctl()->ip_no_pmtu_disc = (uint32_t)_i;
	wire_passive_open(w, "mss 1460", 5000);
	ck_assert_int_eq(writes_with_df(), expect[_i].df);
	wire_icmp(w, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 1000, 1);
	ck_assert_int_eq(wire_get_int(w->sk, IPPROTO_IP, IP_MTU), expect[_i].mtu);
}
END_TEST

START_TEST(recverr_is_off_and_stays_off)
{
	struct tcp_sock *sk = wire_socket(w);
	int on = 1, off = 0;
	ck_assert_int_eq(wire_get_int(sk, IPPROTO_IP, IP_RECVERR), 0);
	ck_assert_int_eq(tcp_setsockopt(sk, IPPROTO_IP, IP_RECVERR, &off, sizeof(off)), 0);
	ck_assert_int_eq(tcp_setsockopt(sk, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)), -ENOPROTOOPT);
}
END_TEST

/* --- timestamps (RFC 7323 5.4) ----------------------------------------------------------------- */

static uint32_t synack_offset(uint16_t peer_port)
{
	struct wire_segment s;
	wire_use(w, WIRE_PORT, peer_port);
	wire_in(w, "S 0:0(0) win 65535 <mss 1460,ts 1000 0>");
	ck_assert(wire_next(w, &s));
	ck_assert(s.opt.has_ts);
	return s.opt.tsval - tcp_ts_clock_ms(stack_now_us(w->st));
}

START_TEST(a_peer_sees_one_offset_and_another_stack_has_another)
{
	wire_listen(w, 5);
	uint32_t first = synack_offset(4000);
	ck_assert_uint_eq(synack_offset(4001), first);
	wire_free(w);
	struct stack_config config = wire_config();
	config.seed[0] ^= 1;
	w = wire_new_with(&config);
	wire_listen(w, 5);
	ck_assert_uint_ne(synack_offset(4000), first);
}
END_TEST

START_TEST(timestamps_2_has_no_offset)
{
	ctl()->tcp_timestamps = 2;
	wire_listen(w, 5);
	ck_assert_uint_eq(synack_offset(4000), 0);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static TCase *sender_case(Suite *s, const char *name, void (*open)(void))
{
	TCase *tc = tcase_create(name);
	tcase_add_checked_fixture(tc, open, sender_close);
	suite_add_tcase(s, tc);
	return tc;
}

static void add_sender_tests(Suite *s)
{
	TCase *tc = sender_case(s, "SYN_SENT", open_unanswered);
	tcase_add_test(tc, user_timeout_in_syn_sent);

	tc = sender_case(s, "without SACK", open_plain);
	tcase_add_test(tc, no_more_waits_unsent_than_notsent_lowat);
	tcase_add_test(tc, the_sysctl_holds_where_the_socket_says_nothing);
	tcase_add_test(tc, a_mark_below_a_segment_lets_one_segment_wait);
	tcase_add_test(tc, user_timeout_while_the_window_is_closed_over_data);
	tcase_add_test(tc, user_timeout_of_an_orphan);
	tcase_add_loop_test(tc, a_thin_stream_does_not_back_off_six_times, 0, 2);
	tcase_add_test(tc, a_stream_that_is_not_thin_does);
	tcase_add_test(tc, orphan_retries_zero_means_eight);

	tc = sender_case(s, "with SACK", open_sack);
	tcase_add_test(tc, early_retrans_turns_the_loss_probe_off);
	tcase_add_test(tc, without_rack_three_sacked_segments_make_a_loss);
	tcase_add_test(tc, without_rack_nothing_is_lost_by_time);
	tcase_add_test(tc, tcp_reordering_is_the_duplicate_threshold);
	tcase_add_test(tc, recovery_can_ignore_the_duplicate_threshold);
	tcase_add_test(tc, max_reordering_bounds_what_is_learnt);
	tcase_add_test(tc, the_least_rtt_is_forgotten_after_min_rtt_wlen);
}

Suite *tunables_suite(void)
{
	Suite *s = suite_create("tunables");
	TCase *tc = tcase_create("wire");
	add_sender_tests(s);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, adv_win_scale_divides_the_buffer, 0, 5);
	tcase_add_test(tc, workaround_signed_windows_offers_15_bits);
	tcase_add_test(tc, moderate_rcvbuf_lets_the_buffer_grow);
	tcase_add_test(tc, without_it_the_buffer_stays);
	tcase_add_test(tc, rmem_max_and_wmem_max_bound_what_is_asked_for);
	tcase_add_loop_test(tc, dsack_can_be_off, 0, 2);
	tcase_add_loop_test(tc, stdurg_says_which_byte_is_urgent, 0, 2);
	tcase_add_loop_test(tc, reflect_tos_answers_in_kind, 0, 2);
	tcase_add_loop_test(tc, mtu_discover_sets_df_and_listens, 0, COUNT(discover));
	tcase_add_test(tc, mtu_discover_has_its_range);
	tcase_add_loop_test(tc, no_pmtu_disc_is_the_default_of_new_sockets, 0, 4);
	tcase_add_test(tc, recverr_is_off_and_stays_off);
	tcase_add_test(tc, a_peer_sees_one_offset_and_another_stack_has_another);
	tcase_add_test(tc, timestamps_2_has_no_offset);
	suite_add_tcase(s, tc);
	return s;
}
