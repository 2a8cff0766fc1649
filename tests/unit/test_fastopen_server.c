/* SPDX-License-Identifier: MIT */
/* TCP Fast Open, the passive side: RFC 7413, with the limits and fallbacks Linux has. */
#include <errno.h>
#include <linux/in.h>
#include <stdio.h>

#include "stack/tcp/fastopen.h"
#include "tests/unit/suites.h"
#include "tests/unit/wire.h"

#define OPTIONS "mss 1460,sackOK,wscale 7"

static struct wire *w;
static char cookie[2 * TCP_FASTOPEN_COOKIE_MAX + 1];

static void setup(void)
{
	w = wire_new();
	stack_sysctls(w->st)->tcp_fastopen = TFO_CLIENT_ENABLE | TFO_SERVER_ENABLE;
	wire_listen(w, 16);
	wire_set_int(w->listener, IPPROTO_TCP, TCP_FASTOPEN, 4);
}

static void teardown(void)
{
	wire_free(w);
}

static void note_cookie(const struct tcp_options *opt)
{
	for (unsigned i = 0; i < opt->tfo_len; i++)
		snprintf(cookie + 2 * i, 3, "%02x", opt->tfo[i]);
}

/* RFC 7413 4.1.2: an ordinary connection that asks for a cookie, and is reset. */
static void get_cookie(void)
{
	struct wire_segment s;
	wire_use(w, WIRE_PORT, 3999);
	wire_in(w, "S 0:0(0) win 65535 <" OPTIONS ",FO>");
	ck_assert(wire_next(w, &s));
	ck_assert_uint_eq(s.flags, TCP_SYN | TCP_ACK);
	ck_assert(s.opt.has_tfo);
	ck_assert_uint_eq(s.opt.tfo_len, FASTOPEN_COOKIE_BYTES);
	note_cookie(&s.opt);
	wire_in(w, "R 1:1(0) win 0");
	wire_use(w, WIRE_PORT, WIRE_PEER_PORT);
}

/* A SYN with the cookie and 1000 bytes; the child is accepted. */
static void fast_open(void)
{
	get_cookie();
	wire_in(w, "S 0:1000(1000) win 65535 <" OPTIONS ",FO %s>", cookie);
	wire_out(w, "S. 0:0(0) ack 1001 <" OPTIONS ",no-FO>");
	wire_accept(w);
	wire_state(w, TCP_SYN_RECV);
}

/* What Linux makes of the same key and addresses. */
START_TEST(cookies_are_those_of_linux)
{
	struct sock_common c = {.laddr = {0xc0a80001}, .raddr = {0xc0000201}};
	static const uint8_t linux_cookie[] = {0x30, 0x21, 0xb9, 0xd8, 0x89, 0x01, 0x7e, 0xeb};
	uint8_t ours[FASTOPEN_COOKIE_BYTES];
	struct fastopen_keys *keys = &stack_sysctls(w->st)->tcp_fastopen_key;
	keys->word[0][0] = 0xa1a1a1a1;
	keys->word[0][1] = 0xb2b2b2b2;
	keys->word[0][2] = 0xc3c3c3c3;
	keys->word[0][3] = 0xd4d4d4d4;
	fastopen_cookie(w->listener, &c, 0, ours);
	ck_assert_mem_eq(ours, linux_cookie, sizeof(ours));
}
END_TEST

/* RFC 9293 3.8.6.3: no answer is due that an ACK could ride on. */
START_TEST(a_fin_after_the_syns_data_is_acknowledged_at_once)
{
	fast_open();
	wire_in(w, "F. 1001:1001(0) ack 1 win 500");
	wire_out(w, ". 1:1(0) ack 1002");
}
END_TEST

static uint32_t pending(void)
{
	return w->listener->lq->fastopen_qlen;
}

/* --- the cookie (4.1) -------------------------------------------------------------------------- */

START_TEST(a_request_gets_a_cookie_and_an_ordinary_handshake)
{
	wire_in(w, "S 0:0(0) win 65535 <" OPTIONS ",FO>");
	wire_out(w, "S. 0:0(0) ack 1 <" OPTIONS ",FO *>");
	wire_counts(w, TcpExtTCPFastOpenCookieReqd, 1);
	wire_in(w, ". 1:1(0) ack 1 win 512");
	wire_accept(w);
	wire_state(w, TCP_ESTABLISHED);
	wire_counts(w, TcpExtTCPFastOpenPassive, 0);
}
END_TEST

START_TEST(the_cookie_is_not_in_the_syn_ack_sent_again)
{
	wire_in(w, "S 0:0(0) win 65535 <mss 1460,FO>");
	wire_out(w, "S. 0:0(0) ack 1 <FO *>");
	wire_ms(w, 1001);
	wire_out(w, "S. 0:0(0) ack 1 <no-FO>");
}
END_TEST

START_TEST(the_cookie_is_the_addresses_own_and_fits_beside_every_option)
{
	char first[sizeof(cookie)];
	get_cookie();
	memcpy(first, cookie, sizeof(first));
	get_cookie();
	ck_assert_str_eq(first, cookie);
	wire_in(w, "S 0:0(0) win 65535 <" WIRE_OPTIONS ",FO>");
	wire_out(w, "S. 0:0(0) ack 1 <mss 1460,sackOK,wscale 7,ts * 1000,FO %s>", cookie);
}
END_TEST

START_TEST(no_cookie_is_given)
{
	struct sysctls *ctl = stack_sysctls(w->st);
	if (_i == 0)
		ctl->tcp_fastopen = TFO_CLIENT_ENABLE;
	else
		wire_set_int(w->listener, IPPROTO_TCP, TCP_FASTOPEN, 0);
	wire_in(w, "S 0:0(0) win 65535 <mss 1460,FO>");
	wire_out(w, "S. 0:0(0) ack 1 <no-FO>");
	wire_counts(w, TcpExtTCPFastOpenCookieReqd, 1);
}
END_TEST

/* 4.1.1: lengths that are no cookie's */
START_TEST(an_option_of_a_wrong_length_is_ignored)
{
	static const char *const bad[] = {"aa", "aabb", "aabbcc", "aabbccddee"};
	wire_in(w, "S 0:100(100) win 65535 <mss 1460,FO %s>", bad[_i]);
	wire_out(w, "S. 0:0(0) ack 1 <no-FO>");
}
END_TEST

START_TEST(a_wrong_cookie_gets_the_right_one_and_an_ordinary_handshake)
{
	get_cookie();
	wire_in(w, "S 0:1000(1000) win 65535 <" OPTIONS ",FO 0011223344556677>");
	wire_out(w, "S. 0:0(0) ack 1 <FO %s>", cookie);
	wire_counts(w, TcpExtTCPFastOpenPassiveFail, 1);
	ck_assert_ptr_null(tcp_accept(w->listener));
	wire_in(w, "P. 1:1001(1000) ack 1 win 512"); /* 4.2.1: the data comes again */
	wire_accept(w);
	ck_assert_uint_eq(wire_unread(w), 1000);
}
END_TEST

/* --- the child (4.2.2) ------------------------------------------------------------------------- */

START_TEST(data_in_the_syn_can_be_read_before_the_handshake_is_done)
{
	fast_open();
	ck_assert_uint_eq(wire_unread(w), 1000);
	wire_read(w, 1000);
	wire_counts(w, TcpExtTCPFastOpenPassive, 1);
	wire_counts(w, TcpPassiveOpens, 1);
	ck_assert_uint_eq(pending(), 1);
}
END_TEST

START_TEST(the_answer_may_leave_before_the_handshake_is_done)
{
	fast_open();
	wire_read(w, 1000);
	wire_write(w, 2000);
	wire_out(w, ". 1:1461(1460) ack 1001");
	wire_out(w, "P. 1461:2001(540) ack 1001");
	wire_in(w, ". 1001:1001(0) ack 2001 win 512");
	wire_state(w, TCP_ESTABLISHED);
	ck_assert_uint_eq(tcp_outq_bytes(w->sk), 0);
	ck_assert_uint_eq(pending(), 0);
}
END_TEST

START_TEST(the_ack_of_the_syn_ack_completes_it)
{
	fast_open();
	wire_events(w, TCP_EVENT_READABLE);
	wire_in(w, ". 1001:1001(0) ack 1 win 512");
	wire_state(w, TCP_ESTABLISHED);
	wire_events(w, 0); /* the program has had it all along */
	ck_assert_uint_eq(pending(), 0);
	wire_counts(w, TcpCurrEstab, 1);
	wire_in(w, "P. 1001:1011(10) ack 1 win 512");
	wire_read(w, 1010);
	wire_write(w, 10);
	wire_out_forget(w);
	ck_assert_uint_eq(w->sk->snd_wnd, 512 << 7);
}
END_TEST

START_TEST(data_with_the_final_ack)
{
	fast_open();
	wire_in(w, "P. 1001:1101(100) ack 1 win 512");
	wire_state(w, TCP_ESTABLISHED);
	wire_read(w, 1100);
}
END_TEST

START_TEST(tcp_info_tells_of_data_in_the_syn)
{
	struct tcp_info info;
	fast_open();
	tcp_get_info(w->sk, &info);
	ck_assert(info.tcpi_options & TCPI_OPT_SYN_DATA);
	ck_assert_uint_eq(info.tcpi_bytes_received, 1000);
}
END_TEST

START_TEST(a_cookie_without_data_opens_as_well)
{
	get_cookie();
	wire_in(w, "S 0:0(0) win 65535 <" OPTIONS ",FO %s>", cookie);
	wire_out(w, "S. 0:0(0) ack 1");
	wire_accept(w);
	wire_state(w, TCP_SYN_RECV);
	wire_write(w, 10);
	wire_out(w, "P. 1:11(10) ack 1");
}
END_TEST

/* The window of a SYN is not scaled (RFC 7323 2.2). */
START_TEST(the_answer_keeps_to_the_window_of_the_syn)
{
	get_cookie();
	wire_in(w, "S 0:100(100) win 2000 <" OPTIONS ",FO %s>", cookie);
	wire_out(w, "S. 0:0(0) ack 101");
	wire_accept(w);
	wire_write(w, 5000);
	uint32_t sent = 0;
	struct wire_segment s;
	while (wire_next(w, &s))
		sent += s.len;
	ck_assert_uint_gt(sent, 0);
	ck_assert_uint_le(sent, 2000);
}
END_TEST

/* The SYN-ACK in front takes nothing of it, nor of cwnd: the whole is used. */
START_TEST(the_answer_fills_the_window_of_the_syn)
{
	get_cookie();
	wire_in(w, "S 0:100(100) win 10000 <mss 1000,sackOK,wscale 7,FO %s>", cookie);
	wire_out(w, "S. 0:0(0) ack 101");
	wire_accept(w);
	wire_write(w, 15000);
	uint32_t sent = 0;
	struct wire_segment s;
	while (wire_next(w, &s))
		sent += s.len;
	ck_assert_uint_eq(sent, 10000);
}
END_TEST

/* What it brought is no reason to offer more than the SYN-ACK did. */
START_TEST(the_data_of_the_syn_does_not_open_the_window)
{
	fast_open();
	wire_write(w, 10);
	wire_out(w, "P. 1:11(10) ack 1001 win %u", w->sk->rcv_wnd >> w->sk->c.rcv_wscale);
	ck_assert_uint_le(w->sk->rcv_wnd, 65536);
}
END_TEST

/* tcpi_delivered: the SYN-ACK is one, once it is acknowledged. */
START_TEST(what_is_delivered_is_counted_from_the_syn_ack_on)
{
	struct tcp_info info;
	fast_open();
	wire_write(w, 2920);
	tcp_get_info(w->sk, &info);
	ck_assert_uint_eq(info.tcpi_delivered, 0);
	if (_i == 0) {
		wire_in(w, ". 1001:1001(0) ack 1 win 512");
		tcp_get_info(w->sk, &info);
		ck_assert_uint_eq(info.tcpi_delivered, 1);
	}
	wire_in(w, ". 1001:1001(0) ack 2921 win 512");
	tcp_get_info(w->sk, &info);
	ck_assert_uint_eq(info.tcpi_delivered, 3);
}
END_TEST

START_TEST(the_syn_ack_is_repeated_and_nothing_else)
{
	fast_open();
	wire_write(w, 100);
	wire_out(w, "P. 1:101(100) ack 1001");
	wire_ms(w, 1001);
	wire_out(w, "S. 0:0(0) ack 1001");
	wire_out_none(w);
	wire_ms(w, 2001);
	wire_out(w, "S. 0:0(0) ack 1001");
	wire_out_none(w);
	wire_in(w, ". 1001:1001(0) ack 1 win 512");
	wire_state(w, TCP_ESTABLISHED);
	wire_out(w, "P. 1:101(100) ack 1001"); /* at once: it was lost as well, for all we know */
	wire_in(w, ". 1001:1001(0) ack 101 win 512");
	ck_assert_uint_eq(w->sk->ca_state, CA_OPEN);
}
END_TEST

START_TEST(a_lost_syn_ack_makes_the_window_one_segment)
{
	fast_open();
	wire_ms(w, 1001);
	ck_assert_uint_eq(w->sk->cwnd_bytes, w->sk->mss_cache);
}
END_TEST

START_TEST(nobody_answers_the_syn_ack)
{
	stack_sysctls(w->st)->tcp_synack_retries = 2;
	fast_open();
	(void)tcp_error(w->sk);
	wire_ms(w, 14900); /* 1 + 2 + 4 + 8 seconds: one more than a request_sock has */
	wire_state(w, TCP_SYN_RECV);
	wire_ms(w, 200);
	wire_state(w, TCP_CLOSE);
	ck_assert_int_eq(tcp_error(w->sk), ETIMEDOUT);
	ck_assert_uint_eq(pending(), 0);
}
END_TEST

START_TEST(the_syn_repeated_is_answered_again)
{
	fast_open();
	wire_in(w, "S 0:1000(1000) win 65535 <" OPTIONS ",FO %s>", cookie);
	wire_out(w, "S. 0:0(0) ack 1001");
	wire_in(w, "S 0:0(0) win 65535 <" OPTIONS ">");
	wire_out_none(w); /* at a limited rate */
	wire_ms(w, 600);
	wire_in(w, "S 0:0(0) win 65535 <" OPTIONS ">");
	wire_out(w, "S. 0:0(0) ack 1001");
	ck_assert_uint_eq(wire_unread(w), 1000);
}
END_TEST

START_TEST(an_ack_of_nothing_we_sent_is_reset)
{
	fast_open();
	wire_in(w, ". 1001:1001(0) ack 9000 win 512");
	wire_out(w, "R 9000:9000(0)");
	wire_state(w, TCP_SYN_RECV);
}
END_TEST

START_TEST(the_fin_waits_for_the_handshake)
{
	fast_open();
	wire_read(w, 1000);
	wire_write(w, 100);
	wire_out(w, "P. 1:101(100) ack 1001");
	wire_close(w);
	wire_out_none(w);
	wire_in(w, ". 1001:1001(0) ack 101 win 512");
	wire_out(w, "F. 101:101(0) ack 1001");
	wire_in(w, "F. 1001:1001(0) ack 102 win 512");
	wire_out(w, ". 102:102(0) ack 1002");
	ck_assert_uint_eq(tcp_count(w->st).timewait, 1);
}
END_TEST

/* RFC 2525 2.17 */
START_TEST(closing_with_syn_data_unread_resets)
{
	fast_open();
	wire_close(w);
	wire_out(w, "R. 1:1(0) ack 1001");
	ck_assert_uint_eq(pending(), 0);
}
END_TEST

START_TEST(icmp_does_not_end_a_child_that_is_in_use)
{
	fast_open();
	wire_icmp(w, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0, 0);
	wire_state(w, TCP_SYN_RECV);
}
END_TEST

/* Until accept() it is a connection that is being opened; what came with the SYN can be read. */
START_TEST(icmp_ends_a_child_nobody_has_accepted)
{
	get_cookie();
	wire_in(w, "S 0:10(10) win 65535 <" OPTIONS ",FO %s>", cookie);
	wire_out(w, "S. 0:0(0) ack 11");
	wire_icmp(w, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0, 5000);
	wire_counts(w, TcpExtOutOfWindowIcmps, 1);
	wire_icmp(w, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0, 0);
	wire_accept(w);
	wire_state(w, TCP_CLOSE);
	wire_read(w, 10);
	ck_assert_int_eq(tcp_error(w->sk), EHOSTUNREACH);
	wire_in(w, ". 11:11(0) ack 1 win 512");
	wire_out(w, "R 1:1(0)");
}
END_TEST

static bool is_taken;

static bool say_taken(void *ctx, void *user)
{
	(void)ctx;
	(void)user;
	return is_taken;
}

/* Popped from the queue is not accepted: a daemon does that ahead of its program. */
START_TEST(icmp_ends_a_child_the_program_has_not_taken)
{
	w->st->ops.accept_is_taken = say_taken;
	is_taken = true;
	fast_open();
	wire_icmp(w, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0, 0);
	wire_state(w, TCP_SYN_RECV);
	is_taken = false;
	wire_icmp(w, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0, 0);
	wire_state(w, TCP_CLOSE);
	ck_assert_int_eq(tcp_error(w->sk), EHOSTUNREACH);
}
END_TEST

/* RFC 8985 6.2: the ACK of the SYN-ACK tells by SACK of data sent long after it. */
START_TEST(the_age_of_the_syn_ack_does_not_put_recovery_off)
{
	get_cookie();
	wire_in(w, "S 0:100(100) win 65535 <mss 1000,sackOK,wscale 7,FO %s>", cookie);
	wire_out(w, "S. 0:0(0) ack 101");
	wire_accept(w);
	wire_ms(w, 100);
	wire_write(w, 10000);
	wire_ms(w, 1);
	wire_out_forget(w);
	wire_in(w, ". 101:101(0) ack 1 win 512 <sack 2001:5001>");
	wire_out(w, ". 1:1001(1000) ack 101");
	wire_out(w, ". 1001:2001(1000) ack 101");
	wire_out_none(w);
	ck_assert_uint_eq(w->sk->ca_state, CA_RECOVERY);
	ck_assert_uint_eq(w->sk->cwnd_bytes, 7000);
}
END_TEST

/* --- limits (5.1) ------------------------------------------------------------------------------ */

static void open_from(uint16_t port, bool fast)
{
	wire_use(w, WIRE_PORT, port);
	wire_in(w, "S 0:10(10) win 65535 <mss 1460,FO %s>", cookie);
	wire_out(w, "S. 0:0(0) ack %d", fast ? 11 : 1);
}

START_TEST(as_many_are_pending_as_tcp_fastopen_says)
{
	get_cookie();
	for (uint16_t i = 0; i < 4; i++)
		open_from((uint16_t)(5000 + i), true);
	open_from(5004, false);
	wire_counts(w, TcpExtTCPFastOpenListenOverflow, 1);
	wire_use(w, WIRE_PORT, 5000);
	wire_in(w, ". 11:11(0) ack 1 win 512");
	open_from(5005, true);
}
END_TEST

START_TEST(a_reset_one_counts_for_a_minute)
{
	get_cookie();
	for (uint16_t i = 0; i < 4; i++) {
		open_from((uint16_t)(5000 + i), true);
		wire_in(w, "R 11:11(0) win 0");
	}
	ck_assert_uint_eq(pending(), 4);
	open_from(5004, false);
	wire_ms(w, 59000);
	wire_out_forget(w);
	open_from(5005, false);
	wire_ms(w, 1100);
	wire_out_forget(w);
	open_from(5006, true);
}
END_TEST

/* A child that was reset before accept() is still handed over, as Linux does: it reads, then fails.
 */
START_TEST(a_reset_child_can_be_accepted)
{
	get_cookie();
	open_from(5000, true);
	wire_in(w, "R 11:11(0) win 0");
	wire_accept(w);
	ck_assert_uint_eq(wire_unread(w), 10);
	ck_assert_int_eq(tcp_error(w->sk), ECONNRESET);
}
END_TEST

START_TEST(a_full_accept_queue_takes_no_fast_open)
{
	get_cookie();
	ck_assert_int_eq(tcp_listen(w->listener, 0), 0);
	open_from(5000, true);
	wire_use(w, WIRE_PORT, 5001);
	wire_in(w, "S 0:10(10) win 65535 <mss 1460,FO %s>", cookie);
	wire_out_none(w);
	wire_counts(w, TcpExtListenOverflows, 1);
}
END_TEST

START_TEST(a_listener_that_goes_resets_what_nobody_accepted)
{
	get_cookie();
	open_from(5000, true);
	open_from(5001, true);
	wire_accept(w); /* the first */
	struct tcp_sock *listener = w->listener;
	tcp_close(listener, false);
	wire_flush(w);
	wire_out(w, "R. 1:1(0) ack 11");
	wire_use(w, WIRE_PORT, 5000);
	wire_in(w, ". 11:11(0) ack 1 win 512");
	wire_state(w, TCP_ESTABLISHED);
}
END_TEST

/* --- modes ------------------------------------------------------------------------------------- */

START_TEST(no_cookie_is_needed)
{
	if (_i == 0)
		stack_sysctls(w->st)->tcp_fastopen |= TFO_SERVER_COOKIE_NOT_REQD;
	else
		wire_set_int(w->listener, IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, 1);
	wire_in(w, "S 0:10(10) win 65535 <mss 1460>");
	wire_out(w, "S. 0:0(0) ack 11");
	wire_accept(w);
	wire_read(w, 10);
}
END_TEST

START_TEST(without_any_sign_of_fast_open_a_syn_is_ordinary)
{
	stack_sysctls(w->st)->tcp_fastopen |= TFO_SERVER_COOKIE_NOT_REQD;
	wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
	wire_out(w, "S. 0:0(0) ack 1");
	ck_assert_ptr_null(tcp_accept(w->listener));
}
END_TEST

START_TEST(every_listener_may_have_it_without_being_asked)
{
	stack_sysctls(w->st)->tcp_fastopen |= TFO_SERVER_WO_SOCKOPT1;
	struct sock_addr any = {.addr = ip_v4(0), .port = 9090};
	struct tcp_sock *other = wire_socket(w);
	ck_assert_int_eq(tcp_bind(other, &any), 0);
	ck_assert_int_eq(tcp_listen(other, 7), 0);
	ck_assert_int_eq(wire_get_int(other, IPPROTO_TCP, TCP_FASTOPEN), 7);
}
END_TEST

/* --- keys (RFC 7413 4.1.2: the server changes them from time to time) -------------------------- */

static void set_keys(const char *bytes, size_t len)
{
	ck_assert_int_eq(tcp_setsockopt(w->listener, IPPROTO_TCP, TCP_FASTOPEN_KEY, bytes, len), 0);
}

START_TEST(a_cookie_of_the_key_before_is_believed_and_replaced)
{
	char old[sizeof(cookie)];
	set_keys("0123456789abcdef", 16);
	get_cookie();
	memcpy(old, cookie, sizeof(old));
	set_keys("ghijklmnopqrstuv0123456789abcdef", 32);
	get_cookie();
	ck_assert_str_ne(cookie, old);
	wire_in(w, "S 0:10(10) win 65535 <mss 1460,FO %s>", old);
	wire_out(w, "S. 0:0(0) ack 11 <FO %s>", cookie);
	wire_counts(w, TcpExtTCPFastOpenPassiveAltKey, 1);
	set_keys("ghijklmnopqrstuv", 16);
	wire_use(w, WIRE_PORT, 5001);
	wire_in(w, "S 0:10(10) win 65535 <mss 1460,FO %s>", old);
	wire_out(w, "S. 0:0(0) ack 1 <FO %s>", cookie);
}
END_TEST

START_TEST(a_key_is_read_as_it_was_written)
{
	uint8_t key[40];
	size_t len = sizeof(key);
	ck_assert_int_eq(tcp_getsockopt(w->listener, IPPROTO_TCP, TCP_FASTOPEN_KEY, key, &len), 0);
	ck_assert_uint_eq(len, 16); /* the stack's */
	set_keys("ghijklmnopqrstuv0123456789abcdef", 32);
	len = sizeof(key);
	ck_assert_int_eq(tcp_getsockopt(w->listener, IPPROTO_TCP, TCP_FASTOPEN_KEY, key, &len), 0);
	ck_assert_uint_eq(len, 32);
	ck_assert_mem_eq(key, "ghijklmnopqrstuv0123456789abcdef", 32);
	ck_assert_int_eq(tcp_setsockopt(w->listener, IPPROTO_TCP, TCP_FASTOPEN_KEY, key, 15),
			 -EINVAL);
}
END_TEST

START_TEST(options_have_their_states_and_ranges)
{
	struct tcp_sock *sk = w->listener;
	int bad = -1, two = 2, one = 1;
	ck_assert_int_eq(tcp_setsockopt(sk, IPPROTO_TCP, TCP_FASTOPEN, &bad, sizeof(bad)), -EINVAL);
	ck_assert_int_eq(tcp_setsockopt(sk, IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, &two, sizeof(two)),
			 -EINVAL);
	wire_set_int(sk, IPPROTO_TCP, TCP_FASTOPEN, 1 << 20);
	ck_assert_int_eq(wire_get_int(sk, IPPROTO_TCP, TCP_FASTOPEN), 4096); /* somaxconn */
	wire_passive_open(w, "mss 1460", 512);
	ck_assert_int_eq(tcp_setsockopt(w->sk, IPPROTO_TCP, TCP_FASTOPEN, &one, sizeof(one)),
			 -EINVAL);
}
END_TEST

/* RFC 4987, and Linux: under a flood of SYNs there is no Fast Open */
START_TEST(syn_cookies_go_before_fast_open)
{
	get_cookie();
	stack_sysctls(w->st)->tcp_syncookies = 2;
	wire_in(w, "S 0:10(10) win 65535 <mss 1460,FO %s>", cookie);
	wire_out(w, "S. 0:0(0) ack 1 <no-FO>");
}
END_TEST

Suite *fastopen_server_suite(void)
{
	Suite *s = suite_create("fastopen_server");
	TCase *tc = tcase_create("RFC 7413");
	const TTest *const tests[] = {
	    a_request_gets_a_cookie_and_an_ordinary_handshake,
	    the_cookie_is_not_in_the_syn_ack_sent_again,
	    the_cookie_is_the_addresses_own_and_fits_beside_every_option,
	    a_wrong_cookie_gets_the_right_one_and_an_ordinary_handshake,
	    data_in_the_syn_can_be_read_before_the_handshake_is_done,
	    the_answer_may_leave_before_the_handshake_is_done,
	    the_ack_of_the_syn_ack_completes_it,
	    data_with_the_final_ack,
	    tcp_info_tells_of_data_in_the_syn,
	    a_cookie_without_data_opens_as_well,
	    the_answer_keeps_to_the_window_of_the_syn,
	    the_syn_ack_is_repeated_and_nothing_else,
	    a_lost_syn_ack_makes_the_window_one_segment,
	    nobody_answers_the_syn_ack,
	    the_syn_repeated_is_answered_again,
	    an_ack_of_nothing_we_sent_is_reset,
	    the_fin_waits_for_the_handshake,
	    closing_with_syn_data_unread_resets,
	    icmp_does_not_end_a_child_that_is_in_use,
	    as_many_are_pending_as_tcp_fastopen_says,
	    a_reset_one_counts_for_a_minute,
	    a_reset_child_can_be_accepted,
	    a_full_accept_queue_takes_no_fast_open,
	    a_listener_that_goes_resets_what_nobody_accepted,
	    without_any_sign_of_fast_open_a_syn_is_ordinary,
	    every_listener_may_have_it_without_being_asked,
	    a_cookie_of_the_key_before_is_believed_and_replaced,
	    a_key_is_read_as_it_was_written,
	    options_have_their_states_and_ranges,
	    syn_cookies_go_before_fast_open,
	};
	tcase_add_checked_fixture(tc, setup, teardown);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tc, tests[i]);
	tcase_add_test(tc, cookies_are_those_of_linux);
	tcase_add_test(tc, a_fin_after_the_syns_data_is_acknowledged_at_once);
	tcase_add_test(tc, icmp_ends_a_child_nobody_has_accepted);
	tcase_add_test(tc, icmp_ends_a_child_the_program_has_not_taken);
	tcase_add_test(tc, the_age_of_the_syn_ack_does_not_put_recovery_off);
	tcase_add_test(tc, the_answer_fills_the_window_of_the_syn);
	tcase_add_test(tc, the_data_of_the_syn_does_not_open_the_window);
	tcase_add_loop_test(tc, what_is_delivered_is_counted_from_the_syn_ack_on, 0, 2);
	tcase_add_loop_test(tc, no_cookie_is_given, 0, 2);
	tcase_add_loop_test(tc, no_cookie_is_needed, 0, 2);
	tcase_add_loop_test(tc, an_option_of_a_wrong_length_is_ignored, 0, 4);
	suite_add_tcase(s, tc);
	return s;
}
