/* SPDX-License-Identifier: MIT */
/* setsockopt() and getsockopt(): values, clamping and errnos as Linux has them; where an RFC says that a
 * program must be able to ask for it, that is named. */
#include <asm/socket.h>
#include <errno.h>
#include <limits.h>
#include <linux/in.h>

#include "stack/tcp/sockopt.h"
#include "tests/unit/suites.h"
#include "tests/unit/wire.h"

#define SOCKET_LEVEL 1

static struct wire *w;
static struct tcp_sock *sk;

static void setup(void)
{
	w = wire_new();
	sk = wire_socket(w);
}

static void teardown(void)
{
	wire_free(w);
}

static int set_int(int level, int name, int value)
{
	return tcp_setsockopt(sk, level, name, &value, sizeof(value));
}

static int get_int(int level, int name)
{
	return wire_get_int(sk, level, name);
}

static int get_error(int level, int name)
{
	int value;
	size_t len = sizeof(value);
	return tcp_getsockopt(sk, level, name, &value, &len);
}

/* --- flags ----------------------------------------------------------------------------------- */

static const struct {
	int level, name, initial;
} flags[] = {
    {SOCKET_LEVEL, SO_REUSEADDR, 0}, {SOCKET_LEVEL, SO_REUSEPORT, 0},
    {SOCKET_LEVEL, SO_KEEPALIVE, 0}, {SOCKET_LEVEL, SO_OOBINLINE, 0},
    {IPPROTO_TCP, TCP_NODELAY, 0},   {IPPROTO_TCP, TCP_CORK, 0},
    {IPPROTO_TCP, TCP_QUICKACK, 1},  {IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 0},
    {IPPROTO_IP, IP_FREEBIND, 0},
};

START_TEST(a_flag_is_any_value_but_zero)
{
	int level = flags[_i].level, name = flags[_i].name;
	ck_assert_int_eq(get_int(level, name), flags[_i].initial);
	ck_assert_int_eq(set_int(level, name, 7), 0);
	ck_assert_int_eq(get_int(level, name), 1);
	ck_assert_int_eq(set_int(level, name, 0), 0);
	ck_assert_int_eq(get_int(level, name), 0);
}
END_TEST

/* --- ranges ---------------------------------------------------------------------------------- */

static const struct {
	int name, initial, low, high, too_low, too_high;
} ranges[] = {
    {TCP_KEEPIDLE, 7200, 1, 32767, 0, 32768}, {TCP_KEEPINTVL, 75, 1, 32767, 0, 32768},
    {TCP_KEEPCNT, 9, 1, 127, 0, 128},	      {TCP_SYNCNT, 6, 1, 127, 0, 128},
    {TCP_MAXSEG, 536, 88, 32767, 87, 32768},  {TCP_USER_TIMEOUT, 0, 0, INT_MAX, -1, INT_MIN},
};

START_TEST(a_value_has_its_range)
{
	int name = ranges[_i].name;
	ck_assert_int_eq(get_int(IPPROTO_TCP, name), ranges[_i].initial);
	ck_assert_int_eq(set_int(IPPROTO_TCP, name, ranges[_i].low), 0);
	ck_assert_int_eq(get_int(IPPROTO_TCP, name), ranges[_i].low);
	ck_assert_int_eq(set_int(IPPROTO_TCP, name, ranges[_i].high), 0);
	ck_assert_int_eq(get_int(IPPROTO_TCP, name), ranges[_i].high);
	ck_assert_int_eq(set_int(IPPROTO_TCP, name, ranges[_i].too_low), -EINVAL);
	ck_assert_int_eq(set_int(IPPROTO_TCP, name, ranges[_i].too_high), -EINVAL);
	ck_assert_int_eq(get_int(IPPROTO_TCP, name), ranges[_i].high);
}
END_TEST

/* TCP_INQ: 0 or 1, and an accepted connection has its listener's */
START_TEST(inq_is_on_or_off_and_inherited)
{
	ck_assert_int_eq(get_int(IPPROTO_TCP, TCP_INQ), 0);
	ck_assert_int_eq(set_int(IPPROTO_TCP, TCP_INQ, 2), -EINVAL);
	ck_assert_int_eq(set_int(IPPROTO_TCP, TCP_INQ, -1), -EINVAL);
	ck_assert_int_eq(set_int(IPPROTO_TCP, TCP_INQ, 1), 0);
	ck_assert_int_eq(get_int(IPPROTO_TCP, TCP_INQ), 1);
	wire_listen(w, 5);
	wire_set_int(w->listener, IPPROTO_TCP, TCP_INQ, 1);
	wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
	wire_out(w, "S. 0:0(0) ack 1");
	wire_in(w, ". 1:1(0) ack 1 win 65535");
	ck_assert_int_eq(wire_get_int(wire_accept(w), IPPROTO_TCP, TCP_INQ), 1);
}
END_TEST

/* --- buffers --------------------------------------------------------------------------------- */

START_TEST(buffer_sizes_are_doubled_and_clamped)
{
	static const int cases[][3] = {/* asked, SO_SNDBUF, SO_RCVBUF */
				       {50000, 100000, 100000},	  {1, 4608, 2304},
				       {2000, 4608, 4000},	  {212992, 425984, 425984},
				       {1000000, 425984, 425984}, {-1, 425984, 425984}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert_int_eq(set_int(SOCKET_LEVEL, SO_SNDBUF, cases[i][0]), 0);
		ck_assert_int_eq(set_int(SOCKET_LEVEL, SO_RCVBUF, cases[i][0]), 0);
		ck_assert_int_eq(get_int(SOCKET_LEVEL, SO_SNDBUF), cases[i][1]);
		ck_assert_int_eq(get_int(SOCKET_LEVEL, SO_RCVBUF), cases[i][2]);
	}
}
END_TEST

START_TEST(buffers_begin_with_the_sysctls_defaults)
{
	ck_assert_int_eq(get_int(SOCKET_LEVEL, SO_SNDBUF), 16384);
	ck_assert_int_eq(get_int(SOCKET_LEVEL, SO_RCVBUF), 131072);
}
END_TEST

/* RFC 9293 3.8.6 */
START_TEST(a_small_receive_buffer_offers_a_small_window)
{
	struct wire_segment s;
	wire_listen(w, 5);
	wire_set_int(w->listener, SOCKET_LEVEL, SO_RCVBUF, 4000);
	wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
	ck_assert(wire_next(w, &s));
	ck_assert_uint_le(s.win, 4000);
	ck_assert_uint_gt(s.win, 0);
}
END_TEST

/* --- SO_LINGER (CLOSE or ABORT: RFC 9293 3.10.4, 3.10.5) --------------------------------------- */

START_TEST(linger)
{
	struct {
		int onoff, seconds;
	} l = {1, 5};
	size_t len = sizeof(l);
	int seconds;
	ck_assert(!tcp_linger(sk, &seconds));
	ck_assert_int_eq(tcp_setsockopt(sk, SOCKET_LEVEL, SO_LINGER, &l, sizeof(l)), 0);
	ck_assert(tcp_linger(sk, &seconds));
	ck_assert_int_eq(seconds, 5);
	ck_assert_int_eq(tcp_getsockopt(sk, SOCKET_LEVEL, SO_LINGER, &l, &len), 0);
	ck_assert_uint_eq(len, sizeof(l));
	ck_assert_int_eq(l.onoff, 1);
	ck_assert_int_eq(l.seconds, 5);
	ck_assert_int_eq(tcp_setsockopt(sk, SOCKET_LEVEL, SO_LINGER, &l, sizeof(int)), -EINVAL);
	l.onoff = 0;
	ck_assert_int_eq(tcp_setsockopt(sk, SOCKET_LEVEL, SO_LINGER, &l, sizeof(l)), 0);
	ck_assert(!tcp_linger(sk, &seconds));
}
END_TEST

/* --- what can only be read ------------------------------------------------------------------- */

START_TEST(what_the_socket_is)
{
	ck_assert_int_eq(get_int(SOCKET_LEVEL, SO_TYPE), 1);
	ck_assert_int_eq(get_int(SOCKET_LEVEL, SO_DOMAIN), 2);
	ck_assert_int_eq(get_int(SOCKET_LEVEL, SO_PROTOCOL), IPPROTO_TCP);
	ck_assert_int_eq(get_int(SOCKET_LEVEL, SO_ACCEPTCONN), 0);
	ck_assert_int_eq(tcp_listen(sk, 5), 0);
	ck_assert_int_eq(get_int(SOCKET_LEVEL, SO_ACCEPTCONN), 1);
	static const int names[] = {SO_TYPE, SO_DOMAIN, SO_PROTOCOL, SO_ACCEPTCONN, SO_ERROR};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ck_assert_int_eq(set_int(SOCKET_LEVEL, names[i], 1), -ENOPROTOOPT);
}
END_TEST

START_TEST(so_error_is_read_once)
{
	wire_connect(w);
	wire_in(w, "R. 0:0(0) ack 1 win 0");
	sk = w->sk;
	ck_assert_int_eq(get_int(SOCKET_LEVEL, SO_ERROR), ECONNREFUSED);
	ck_assert_int_eq(get_int(SOCKET_LEVEL, SO_ERROR), 0);
}
END_TEST

/* RFC 9293 3.9.2.2, MUST-56: a soft error is told and ends nothing. */
START_TEST(so_error_tells_of_icmp)
{
	wire_active_open(w, "mss 1460", 512);
	sk = w->sk;
	wire_write(w, 10);
	wire_icmp(w, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0, 1);
	ck_assert_int_eq(get_int(SOCKET_LEVEL, SO_ERROR), EHOSTUNREACH);
	ck_assert_int_eq(get_int(SOCKET_LEVEL, SO_ERROR), 0);
}
END_TEST

/* --- unknown --------------------------------------------------------------------------------- */

START_TEST(unknown_options)
{
	ck_assert_int_eq(set_int(SOCKET_LEVEL, 9999, 1), -ENOPROTOOPT);
	ck_assert_int_eq(set_int(IPPROTO_TCP, 9999, 1), -ENOPROTOOPT);
	ck_assert_int_eq(set_int(IPPROTO_IP, 9999, 1), -ENOPROTOOPT);
	ck_assert_int_eq(set_int(IPPROTO_UDP, 1, 1), -ENOPROTOOPT);
	ck_assert_int_eq(get_error(SOCKET_LEVEL, 9999), -ENOPROTOOPT);
	ck_assert_int_eq(get_error(IPPROTO_TCP, 9999), -ENOPROTOOPT);
	ck_assert_int_eq(get_error(IPPROTO_IP, 9999), -ENOPROTOOPT);
	ck_assert_int_eq(get_error(IPPROTO_UDP, 1), -EOPNOTSUPP);
}
END_TEST

START_TEST(short_values)
{
	uint8_t b = 1;
	ck_assert_int_eq(tcp_setsockopt(sk, SOCKET_LEVEL, SO_KEEPALIVE, &b, 1), -EINVAL);
	ck_assert_int_eq(tcp_setsockopt(sk, IPPROTO_TCP, TCP_NODELAY, &b, 3), -EINVAL);
	ck_assert_int_eq(tcp_setsockopt(sk, IPPROTO_TCP, TCP_CONGESTION, &b, 0), -EINVAL);
	b = 0x20;
	ck_assert_int_eq(tcp_setsockopt(sk, IPPROTO_IP, IP_TOS, &b, 1), 0);
	ck_assert_int_eq(get_int(IPPROTO_IP, IP_TOS), 0x20);
}
END_TEST

START_TEST(an_answer_is_cut_to_the_room)
{
	uint8_t buf[8] = {0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee};
	size_t len = 2;
	ck_assert_int_eq(tcp_getsockopt(sk, IPPROTO_TCP, TCP_KEEPCNT, buf, &len), 0);
	ck_assert_uint_eq(len, 2);
	ck_assert_uint_eq(buf[2], 0xee);
	len = 8;
	ck_assert_int_eq(tcp_getsockopt(sk, IPPROTO_TCP, TCP_KEEPCNT, buf, &len), 0);
	ck_assert_uint_eq(len, 4);
	len = 1;
	ck_assert_int_eq(tcp_getsockopt(sk, IPPROTO_IP, IP_TTL, buf, &len), 0);
	ck_assert_uint_eq(len, 1);
	ck_assert_uint_eq(buf[0], 64);
}
END_TEST

/* --- IPPROTO_IP (RFC 9293 3.9.2) -------------------------------------------------------------- */

/* MUST-49: the TTL is configurable. */
START_TEST(ip_ttl)
{
	ck_assert_int_eq(get_int(IPPROTO_IP, IP_TTL), 64);
	ck_assert_int_eq(set_int(IPPROTO_IP, IP_TTL, 0), -EINVAL);
	ck_assert_int_eq(set_int(IPPROTO_IP, IP_TTL, 256), -EINVAL);
	ck_assert_int_eq(set_int(IPPROTO_IP, IP_TTL, 255), 0);
	ck_assert_int_eq(get_int(IPPROTO_IP, IP_TTL), 255);
	ck_assert_int_eq(set_int(IPPROTO_IP, IP_TTL, -1), 0);
	ck_assert_int_eq(get_int(IPPROTO_IP, IP_TTL), 64);
}
END_TEST

/* MUST-48, SHLD-22: the program's to say, and to change; RFC 3168 5: but for two bits. */
START_TEST(ip_tos_keeps_the_ecn_bits_to_itself)
{
	ck_assert_int_eq(set_int(IPPROTO_IP, IP_TOS, 0x13), 0);
	ck_assert_int_eq(get_int(IPPROTO_IP, IP_TOS), 0x10);
}
END_TEST

START_TEST(ip_mtu_needs_a_connection)
{
	ck_assert_int_eq(get_error(IPPROTO_IP, IP_MTU), -ENOTCONN);
	wire_active_open(w, "mss 1460", 512);
	sk = w->sk;
	ck_assert_int_eq(get_int(IPPROTO_IP, IP_MTU), 1500);
}
END_TEST

/* MUST-51 to MUST-53 need options of the program: there are none here. */
START_TEST(ip_options_are_none)
{
	uint8_t buf[40];
	size_t len = sizeof(buf);
	ck_assert_int_eq(tcp_getsockopt(sk, IPPROTO_IP, IP_OPTIONS, buf, &len), 0);
	ck_assert_uint_eq(len, 0);
}
END_TEST

/* --- IPPROTO_TCP ----------------------------------------------------------------------------- */

/* RFC 9293 3.8.2 */
START_TEST(congestion_control_by_name)
{
	char name[32];
	size_t len = sizeof(name);
	ck_assert_int_eq(tcp_getsockopt(sk, IPPROTO_TCP, TCP_CONGESTION, name, &len), 0);
	ck_assert_uint_eq(len, 16);
	ck_assert_str_eq(name, "cubic");
	ck_assert_int_eq(tcp_setsockopt(sk, IPPROTO_TCP, TCP_CONGESTION, "reno", 4), 0);
	len = sizeof(name);
	ck_assert_int_eq(tcp_getsockopt(sk, IPPROTO_TCP, TCP_CONGESTION, name, &len), 0);
	ck_assert_str_eq(name, "reno");
	ck_assert_int_eq(tcp_setsockopt(sk, IPPROTO_TCP, TCP_CONGESTION, "vegas", 5), -ENOENT);
}
END_TEST

static bool allowed(const char *name)
{
	return tcp_congestion_control_allowed(sk, name, strlen(name));
}

START_TEST(some_congestion_control_is_for_everybody)
{
	struct sysctls *s = stack_sysctls(w->st);
	ck_assert(allowed("bbr"));
	strcpy(s->tcp_allowed_congestion_control, "cubic");
	ck_assert(!allowed("bbr"));
	ck_assert(!allowed("reno"));
	ck_assert(allowed("cubic"));
	ck_assert(allowed("cub")); /* there is none: ENOENT is the stack's to say */
	strcpy(s->tcp_congestion_control, "bbr");
	ck_assert(allowed("bbr"));
	ck_assert_int_eq(tcp_setsockopt(sk, IPPROTO_TCP, TCP_CONGESTION, "reno", 4), 0);
	ck_assert(allowed("reno")); /* as it is already */
}
END_TEST

START_TEST(defer_accept_is_rounded_to_timeouts)
{
	static const int cases[][2] = {{0, 0}, {1, 1}, {2, 3}, {3, 3}, {4, 7}, {30, 31}, {-5, 0}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert_int_eq(set_int(IPPROTO_TCP, TCP_DEFER_ACCEPT, cases[i][0]), 0);
		ck_assert_int_eq(get_int(IPPROTO_TCP, TCP_DEFER_ACCEPT), cases[i][1]);
	}
}
END_TEST

START_TEST(linger2)
{
	ck_assert_int_eq(get_int(IPPROTO_TCP, TCP_LINGER2), 60);
	static const int cases[][2] = {{5, 5}, {-3, -1}, {1000, 120}, {0, 60}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert_int_eq(set_int(IPPROTO_TCP, TCP_LINGER2, cases[i][0]), 0);
		ck_assert_int_eq(get_int(IPPROTO_TCP, TCP_LINGER2), cases[i][1]);
	}
}
END_TEST

/* RFC 9293 3.8.6 */
START_TEST(window_clamp)
{
	ck_assert_int_eq(set_int(IPPROTO_TCP, TCP_WINDOW_CLAMP, 10), 0);
	ck_assert_int_eq(get_int(IPPROTO_TCP, TCP_WINDOW_CLAMP), 1152);
	ck_assert_int_eq(set_int(IPPROTO_TCP, TCP_WINDOW_CLAMP, -1), 0);
	ck_assert_int_eq(get_int(IPPROTO_TCP, TCP_WINDOW_CLAMP), 1152);
	ck_assert_int_eq(set_int(IPPROTO_TCP, TCP_WINDOW_CLAMP, 5000), 0);
	ck_assert_int_eq(get_int(IPPROTO_TCP, TCP_WINDOW_CLAMP), 5000);
	ck_assert_int_eq(set_int(IPPROTO_TCP, TCP_WINDOW_CLAMP, 0), 0);
	ck_assert_int_eq(tcp_listen(sk, 5), 0);
	ck_assert_int_eq(set_int(IPPROTO_TCP, TCP_WINDOW_CLAMP, 0), -EINVAL);
}
END_TEST

/* RFC 9293 3.7.1, Eff.snd.MSS */
START_TEST(maxseg_of_a_connection_is_what_is_used)
{
	ck_assert_int_eq(set_int(IPPROTO_TCP, TCP_MAXSEG, 0), 0);
	wire_active_open(w, "mss 1000", 512);
	sk = w->sk;
	ck_assert_int_eq(get_int(IPPROTO_TCP, TCP_MAXSEG), 1000);
}
END_TEST

/* RFC 9293 3.7.4, MUST-17 */
START_TEST(nodelay_and_the_end_of_a_cork_send_at_once)
{
	wire_active_open(w, "mss 1460", 5000);
	sk = w->sk;
	ck_assert_int_eq(set_int(IPPROTO_TCP, TCP_CORK, 1), 0);
	wire_write(w, 10);
	wire_out_none(w);
	ck_assert_int_eq(set_int(IPPROTO_TCP, TCP_CORK, 0), 0);
	wire_flush(w);
	wire_out(w, "P. 1:11(10) ack 1");
	wire_write(w, 10); /* Nagle's rule holds it */
	wire_out_none(w);
	ck_assert_int_eq(set_int(IPPROTO_TCP, TCP_NODELAY, 1), 0);
	wire_flush(w);
	wire_out(w, "P. 11:21(10) ack 1");
}
END_TEST

/* RFC 9293 3.8.6.3 */
START_TEST(quickack_sends_the_ack_that_waits)
{
	wire_passive_open(w, "mss 1460", 5000);
	sk = w->sk;
	wire_in(w, "P. 1:11(10) ack 1 win 5000");
	wire_out_forget(w);
	w->sk->quick_acks = 0;
	wire_in(w, "P. 11:21(10) ack 1 win 5000");
	wire_out_none(w);
	ck_assert_int_eq(set_int(IPPROTO_TCP, TCP_QUICKACK, 1), 0);
	wire_flush(w);
	wire_out(w, ". 1:1(0) ack 21");
}
END_TEST

/* RFC 9293 3.8.4, MUST-24: on or off for each connection. */
START_TEST(keepalive_can_begin_on_a_live_connection)
{
	wire_passive_open(w, "mss 1460", 5000);
	sk = w->sk;
	ck_assert_int_eq(set_int(IPPROTO_TCP, TCP_KEEPIDLE, 10), 0);
	ck_assert_int_eq(set_int(SOCKET_LEVEL, SO_KEEPALIVE, 1), 0);
	wire_ms(w, 9900);
	wire_out_none(w);
	wire_ms(w, 200);
	wire_out(w, ". 0:0(0) ack 1");
	ck_assert_int_eq(set_int(SOCKET_LEVEL, SO_KEEPALIVE, 0), 0);
	wire_ms(w, 100000);
	wire_out_none(w);
}
END_TEST

/* --- TCP_INFO (STATUS: RFC 9293 3.10.6) ------------------------------------------------------- */

static struct tcp_info info_of(struct tcp_sock *s)
{
	struct tcp_info info;
	size_t len = sizeof(info);
	ck_assert_int_eq(tcp_getsockopt(s, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	ck_assert_uint_eq(len, sizeof(info));
	return info;
}

START_TEST(info_of_a_connection)
{
	wire_passive_open(w, WIRE_OPTIONS, 512);
	wire_in(w, "P. 1:101(100) ack 1 win 512");
	wire_read(w, 100);
	wire_write(w, 3000);
	wire_out_forget(w);
	struct tcp_info i = info_of(w->sk);
	ck_assert_uint_eq(i.tcpi_state, TCP_ESTABLISHED);
	ck_assert_uint_eq(i.tcpi_options, TCPI_OPT_TIMESTAMPS | TCPI_OPT_SACK | TCPI_OPT_WSCALE);
	ck_assert_uint_eq(i.tcpi_snd_wscale, 7);
	ck_assert_uint_eq(i.tcpi_snd_mss, 1448);
	ck_assert_uint_eq(i.tcpi_advmss, 1460);
	ck_assert_uint_eq(i.tcpi_pmtu, 1500);
	ck_assert_uint_eq(i.tcpi_unacked, 3);
	ck_assert_uint_eq(i.tcpi_snd_cwnd, 10);
	ck_assert_uint_eq(i.tcpi_bytes_received, 100);
	ck_assert_uint_eq(i.tcpi_bytes_sent, 3000);
	ck_assert_uint_eq(i.tcpi_data_segs_out, 3);
	ck_assert_uint_eq(i.tcpi_snd_ssthresh, TCP_INFINITE_SSTHRESH);
	wire_ms(w, 50);
	wire_in(w, ". 101:101(0) ack 3001 win 512");
	i = info_of(w->sk);
	ck_assert_uint_eq(i.tcpi_unacked, 0);
	ck_assert_uint_eq(i.tcpi_bytes_acked, 3000);
	ck_assert_uint_gt(i.tcpi_rtt, 0);
	ck_assert_uint_eq(i.tcpi_last_ack_recv, 0);
}
END_TEST

START_TEST(info_of_a_listener)
{
	wire_listen(w, 7);
	wire_in(w, "S 0:0(0) win 65535");
	wire_out(w, "S. 0:0(0) ack 1");
	wire_in(w, ". 1:1(0) ack 1 win 512");
	struct tcp_info i = info_of(w->listener);
	ck_assert_uint_eq(i.tcpi_state, TCP_LISTEN);
	ck_assert_uint_eq(i.tcpi_unacked, 1);
	ck_assert_uint_eq(i.tcpi_sacked, 7);
}
END_TEST

/* What Linux has added since the oldest <linux/tcp.h> that this is built with. */
START_TEST(info_counts_timeouts_and_runs_of_them)
{
	struct tcp_info_linux info;
	size_t len = sizeof(info);
	wire_passive_open(w, WIRE_OPTIONS, 512);
	wire_write(w, 1000);
	wire_ms(w, 1000); /* the probe; the timeout; the second one at three times the first */
	ck_assert_int_eq(tcp_getsockopt(w->sk, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	ck_assert_uint_eq(len, sizeof(info));
	ck_assert_uint_eq(info.total_rto, w->sk->retransmits);
	ck_assert_uint_ge(info.total_rto, 1);
	ck_assert_uint_eq(info.total_rto_recoveries, 1);
	ck_assert_uint_ge(info.total_rto_time_ms, 1);
	ck_assert_uint_gt(info.rcv_wnd, 60000);
	uint16_t first_run = info.total_rto;
	wire_in(w, ". 1:1(0) ack 1001 win 512");
	wire_write(w, 1000);
	wire_ms(w, 3000);
	ck_assert_int_eq(tcp_getsockopt(w->sk, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	ck_assert_uint_gt(info.total_rto, first_run);
	ck_assert_uint_eq(info.total_rto_recoveries, 2);
	uint32_t time_ms = info.total_rto_time_ms;
	wire_in(w, ". 1:1(0) ack 2001 win 512");
	wire_ms(w, 1000);
	ck_assert_int_eq(tcp_getsockopt(w->sk, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	ck_assert_uint_eq(info.total_rto_time_ms, time_ms);
}
END_TEST

/* The order is linux/sock_diag.h's: received, its limit, ..., the send buffer's limit, ..., queued */
START_TEST(meminfo_of_a_connection)
{
	uint32_t info[9];
	size_t len = sizeof(info);
	wire_passive_open(w, WIRE_OPTIONS, 512);
	wire_in(w, "P. 1:101(100) ack 1 win 512");
	wire_write(w, 3000);
	ck_assert_int_eq(tcp_getsockopt(w->sk, SOL_SOCKET, SO_MEMINFO, info, &len), 0);
	ck_assert_uint_eq(len, sizeof(info));
	ck_assert_uint_ge(info[0], 100);
	ck_assert_int_eq((int)info[1], wire_get_int(w->sk, SOL_SOCKET, SO_RCVBUF));
	ck_assert_int_eq((int)info[3], wire_get_int(w->sk, SOL_SOCKET, SO_SNDBUF));
	ck_assert_uint_eq(info[5], 3000);
}
END_TEST

START_TEST(cubic_has_no_info_of_its_own)
{
	uint64_t info[4];
	size_t len = sizeof(info);
	wire_passive_open(w, WIRE_OPTIONS, 512);
	ck_assert_int_eq(tcp_getsockopt(w->sk, IPPROTO_TCP, TCP_CC_INFO, info, &len), 0);
	ck_assert_uint_eq(len, 0);
}
END_TEST

START_TEST(info_of_a_fresh_socket)
{
	struct tcp_info i = info_of(sk);
	ck_assert_uint_eq(i.tcpi_state, TCP_CLOSE);
	ck_assert_uint_eq(i.tcpi_unacked, 0);
	ck_assert_uint_eq(i.tcpi_rto, 1000000);
}
END_TEST

Suite *sockopt_suite(void)
{
	Suite *s = suite_create("sockopt");
	TCase *tc = tcase_create("options");
	const TTest *const tests[] = {buffer_sizes_are_doubled_and_clamped,
				      buffers_begin_with_the_sysctls_defaults,
				      a_small_receive_buffer_offers_a_small_window,
				      inq_is_on_or_off_and_inherited,
				      linger,
				      what_the_socket_is,
				      so_error_is_read_once,
				      so_error_tells_of_icmp,
				      unknown_options,
				      short_values,
				      an_answer_is_cut_to_the_room,
				      ip_ttl,
				      ip_tos_keeps_the_ecn_bits_to_itself,
				      ip_mtu_needs_a_connection,
				      ip_options_are_none,
				      congestion_control_by_name,
				      some_congestion_control_is_for_everybody,
				      defer_accept_is_rounded_to_timeouts,
				      linger2,
				      window_clamp,
				      maxseg_of_a_connection_is_what_is_used,
				      nodelay_and_the_end_of_a_cork_send_at_once,
				      quickack_sends_the_ack_that_waits,
				      keepalive_can_begin_on_a_live_connection,
				      info_of_a_connection,
				      info_of_a_listener,
				      info_of_a_fresh_socket,
				      info_counts_timeouts_and_runs_of_them,
				      meminfo_of_a_connection,
				      cubic_has_no_info_of_its_own};
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_flag_is_any_value_but_zero, 0,
			    (int)(sizeof(flags) / sizeof(flags[0])));
	tcase_add_loop_test(tc, a_value_has_its_range, 0,
			    (int)(sizeof(ranges) / sizeof(ranges[0])));
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(s, tc);
	return s;
}
