/* SPDX-License-Identifier: MIT */
/* TCP MD5 signatures (RFC 2385): the keys' table, and what is signed, believed and dropped. */
#include <errno.h>
#include <linux/in.h>

#include "stack/base/bytes.h"
#include "stack/tcp/tcp_auth.h"
#include "tests/unit/sign.h"
#include "tests/unit/suites.h"
#include "tests/unit/wire.h"

#define KEY "correct-horse"
#define OTHER "battery-staple"

static struct wire *w;

static void setup(void)
{
	w = wire_new();
}

static void teardown(void)
{
	wire_free(w);
}

/* --- setsockopt() ---------------------------------------------------------------------------- */

static struct tcp_md5sig command(uint32_t v4, const char *key)
{
	struct tcp_md5sig cmd = {.tcpm_keylen = (uint16_t)strlen(key)};
	uint16_t family = 2;
	memcpy(&cmd.tcpm_addr, &family, sizeof(family));
	put_be32((uint8_t *)&cmd.tcpm_addr + 4, v4);
	memcpy(cmd.tcpm_key, key, strlen(key));
	return cmd;
}

static int set(struct tcp_sock *sk, const struct tcp_md5sig *cmd)
{
	return tcp_setsockopt(sk, IPPROTO_TCP, TCP_MD5SIG, cmd, sizeof(*cmd));
}

static int set_key(struct tcp_sock *sk, uint32_t v4, const char *key)
{
	struct tcp_md5sig cmd = command(v4, key);
	return set(sk, &cmd);
}

static int set_prefix(struct tcp_sock *sk, uint32_t v4, uint8_t prefix, const char *key)
{
	struct tcp_md5sig cmd = command(v4, key);
	cmd.tcpm_flags = TCP_MD5SIG_FLAG_PREFIX;
	cmd.tcpm_prefixlen = prefix;
	return tcp_setsockopt(sk, IPPROTO_TCP, TCP_MD5SIG_EXT, &cmd, sizeof(cmd));
}

static const char *key_for(const struct tcp_sock *sk, uint32_t v4)
{
	struct ip_addr peer = ip_v4(v4);
	const struct md5_key *key = md5_find(sk->auth, &peer);
	static char text[TCP_MD5SIG_MAXKEYLEN + 1];
	if (!key)
		return "";
	memcpy(text, key->key, key->len);
	text[key->len] = '\0';
	return text;
}

START_TEST(a_key_is_set_changed_and_deleted)
{
	struct tcp_sock *sk = wire_socket(w);
	ck_assert_ptr_null(sk->auth);
	ck_assert_int_eq(set_key(sk, PEER_V4, KEY), 0);
	ck_assert_str_eq(key_for(sk, PEER_V4), KEY);
	ck_assert_str_eq(key_for(sk, THIRD_V4), "");
	ck_assert_int_eq(set_key(sk, PEER_V4, OTHER), 0);
	ck_assert_str_eq(key_for(sk, PEER_V4), OTHER);
	ck_assert_int_eq(set_key(sk, PEER_V4, ""), 0);
	ck_assert_str_eq(key_for(sk, PEER_V4), "");
	ck_assert_int_eq(set_key(sk, PEER_V4, ""), -ENOENT);
}
END_TEST

START_TEST(what_is_unknown_cannot_be_deleted)
{
	struct tcp_sock *sk = wire_socket(w);
	ck_assert_int_eq(set_key(sk, PEER_V4, ""), -ENOENT);
	ck_assert_int_eq(set_key(sk, PEER_V4, KEY), 0);
	ck_assert_int_eq(set_key(sk, THIRD_V4, ""), -ENOENT);
	ck_assert_int_eq(set_prefix(sk, PEER_V4, 24, ""), -ENOENT);
}
END_TEST

START_TEST(what_makes_no_sense_is_einval)
{
	struct tcp_sock *sk = wire_socket(w);
	struct tcp_md5sig cmd = command(PEER_V4, KEY);
	uint16_t inet6 = 10;
	ck_assert_int_eq(tcp_setsockopt(sk, IPPROTO_TCP, TCP_MD5SIG, &cmd, sizeof(cmd) - 1),
			 -EINVAL);
	cmd.tcpm_keylen = TCP_MD5SIG_MAXKEYLEN + 1;
	ck_assert_int_eq(set(sk, &cmd), -EINVAL);
	cmd.tcpm_keylen = TCP_MD5SIG_MAXKEYLEN;
	ck_assert_int_eq(set(sk, &cmd), 0);
	memcpy(&cmd.tcpm_addr, &inet6, sizeof(inet6));
	ck_assert_int_eq(set(sk, &cmd), -EINVAL);
	ck_assert_int_eq(set_prefix(sk, PEER_V4, 33, KEY), -EINVAL);
	ck_assert_int_eq(set_prefix(sk, PEER_V4, 32, KEY), 0);
	cmd = command(PEER_V4, KEY);
	cmd.tcpm_flags = TCP_MD5SIG_FLAG_IFINDEX;
	cmd.tcpm_ifindex = 1; /* no VRF's master */
	ck_assert_int_eq(tcp_setsockopt(sk, IPPROTO_TCP, TCP_MD5SIG_EXT, &cmd, sizeof(cmd)),
			 -EINVAL);
}
END_TEST

START_TEST(it_cannot_be_read_back)
{
	struct tcp_sock *sk = wire_socket(w);
	struct tcp_md5sig cmd;
	size_t len = sizeof(cmd);
	ck_assert_int_eq(set_key(sk, PEER_V4, KEY), 0);
	ck_assert_int_eq(tcp_getsockopt(sk, IPPROTO_TCP, TCP_MD5SIG, &cmd, &len), -ENOPROTOOPT);
}
END_TEST

START_TEST(the_longest_prefix_wins)
{
	struct tcp_sock *sk = wire_socket(w);
	ck_assert_int_eq(set_prefix(sk, 0, 0, "all"), 0);
	ck_assert_int_eq(set_prefix(sk, 0x0a4d0000, 24, "net"), 0);
	ck_assert_int_eq(set_prefix(sk, PEER_V4, 32, "host"), 0);
	ck_assert_str_eq(key_for(sk, PEER_V4), "host");
	ck_assert_str_eq(key_for(sk, THIRD_V4), "net");
	ck_assert_str_eq(key_for(sk, 0x01020304), "all");
	/* TCP_MD5SIG knows no prefix: the host's key is what it deletes */
	ck_assert_int_eq(set_key(sk, PEER_V4, ""), 0);
	ck_assert_str_eq(key_for(sk, PEER_V4), "net");
}
END_TEST

/* net.core.optmem_max */
START_TEST(the_keys_of_a_socket_are_bounded)
{
	struct tcp_sock *sk = wire_socket(w);
	uint32_t n = 0;
	while (n < 100000 && set_key(sk, 0x0b000000 + n, KEY) == 0)
		n++;
	ck_assert_int_eq(set_key(sk, 0x0b000000 + n, KEY), -ENOMEM);
	ck_assert_uint_ge(n, 500);
	ck_assert_uint_lt(n, 2000);
	ck_assert_int_eq(set_key(sk, 0x0b000000, OTHER), 0);
	ck_assert_int_eq(set_key(sk, 0x0b000001, ""), 0);
	ck_assert_int_eq(set_key(sk, 0x0b000000 + n, KEY), 0);
}
END_TEST

/* --- the signature --------------------------------------------------------------------------- */

/* Computed with Python's hashlib from RFC 2385 2.0's four items, for a SYN of 10.77.0.1:4000 to
 * 10.77.0.2:8080 with sequence number 1, a window of 100, no data, under the key "key". */
START_TEST(a_digest_is_what_the_rfc_says)
{
	static const uint8_t known[] = {0x18, 0xc4, 0x89, 0x34, 0xbc, 0x80, 0x44, 0x37,
					0xc7, 0x26, 0x3b, 0x44, 0x22, 0x5c, 0xcb, 0x41};
	uint8_t tcp[40] = {0}, mac[SIGN_MD5_BYTES];
	struct ip_tx tx = {.src = ip_v4(PEER_V4), .dst = ip_v4(HOST_V4), .hdr_len = 40};
	struct md5_key key = {.len = 3, .key = "key"};
	struct tcp_auth *auth = tcp_auth_new(w->st);
	tcp_header_write(tx.hdr, 4000, 8080, 1, 0, 40, TCP_SYN, 100, 0);
	memcpy(tcp, tx.hdr, sizeof(tcp));
	md5_sign(w->st, &key, &tx);
	ck_assert_mem_eq(tx.hdr + 24, known, sizeof(known));
	sign_md5(mac, PEER_V4, HOST_V4, tcp, sizeof(tcp), "key");
	ck_assert_mem_eq(mac, known, sizeof(known));
	tcp_auth_free(auth);
}
END_TEST

/* --- the passive open ------------------------------------------------------------------------ */

static void signed_listener(void)
{
	wire_listen(w, 16);
	ck_assert_int_eq(set_key(w->listener, PEER_V4, KEY), 0);
	w->at->md5_key = KEY;
}

START_TEST(a_passive_open_is_signed_throughout)
{
	signed_listener();
	wire_in(w, "S 0:0(0) win 65535 <mss 1460,sackOK,wscale 7>");
	wire_out(w, "S. 0:0(0) ack 1 <mss 1460,sackOK,no-ts>");
	wire_in(w, ". 1:1(0) ack 1 win 512");
	wire_accept(w);
	wire_in(w, "P. 1:101(100) ack 1 win 512");
	wire_read(w, 100);
	wire_out(w, ". 1:1(0) ack 101");
	wire_write(w, 3000);
	wire_out(w, ". 1:1441(1440) ack 101");
	wire_out(w, ". 1441:2881(1440) ack 101");
	wire_out(w, "P. 2881:3001(120) ack 101");
	wire_in(w, ". 101:101(0) ack 3001 win 512");
	wire_close(w);
	wire_out(w, "F. 3001:3001(0) ack 101");
	wire_counts(w, TcpExtTCPMD5NotFound, 0);
	wire_counts(w, TcpExtTCPMD5Failure, 0);
}
END_TEST

START_TEST(a_key_may_be_set_before_listen)
{
	struct sock_addr any = {.addr = ip_v4(0), .port = WIRE_PORT};
	w->listener = wire_socket(w);
	ck_assert_int_eq(tcp_bind(w->listener, &any), 0);
	ck_assert_int_eq(set_key(w->listener, PEER_V4, KEY), 0);
	ck_assert_int_eq(tcp_listen(w->listener, 5), 0);
	w->at->md5_key = KEY;
	wire_passive_open(w, "mss 1460", 512);
	ck_assert_str_eq(key_for(w->sk, PEER_V4), KEY);
}
END_TEST

static void expect_no_request(void)
{
	wire_out_none(w);
	ck_assert_uint_eq(tcp_count(w->st).request_socks, 0);
}

START_TEST(a_syn_without_or_with_a_wrong_signature_is_dropped)
{
	signed_listener();
	wire_in(w, "S 0:0(0) win 65535 <mss 1460,no-md5>");
	expect_no_request();
	wire_counts(w, TcpExtTCPMD5NotFound, 1);
	wire_in(w, "S 0:0(0) win 65535 <mss 1460,md5 " OTHER ">");
	expect_no_request();
	wire_counts(w, TcpExtTCPMD5Failure, 1);
	ck_assert_uint_eq(host_drops(w->h, DROP_TCP_MD5_NOTFOUND), 1);
	ck_assert_uint_eq(host_drops(w->h, DROP_TCP_MD5_FAILURE), 1);
	wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
	wire_out(w, "S. 0:0(0) ack 1");
}
END_TEST

START_TEST(a_signature_nobody_asked_for_is_dropped)
{
	wire_listen(w, 5);
	wire_in(w, "S 0:0(0) win 65535 <mss 1460,md5 " KEY ">");
	expect_no_request();
	wire_counts(w, TcpExtTCPMD5Unexpected, 1);
	wire_passive_open(w, "mss 1460", 512);
	wire_in(w, "P. 1:11(10) ack 1 win 512 <md5 " KEY ">");
	wire_out_none(w);
	ck_assert_uint_eq(wire_unread(w), 0);
	wire_counts(w, TcpExtTCPMD5Unexpected, 2);
}
END_TEST

START_TEST(others_may_connect_unsigned)
{
	wire_listen(w, 5);
	ck_assert_int_eq(set_key(w->listener, THIRD_V4, KEY), 0);
	wire_passive_open(w, "mss 1460,sackOK,ts 1 0", 512);
	ck_assert_ptr_null(w->sk->auth);
	wire_write(w, 10);
	wire_out(w, "P. 1:11(10) ack 1 <no-md5,ts * *>");
}
END_TEST

START_TEST(a_request_is_under_the_key_too)
{
	signed_listener();
	wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
	wire_out(w, "S. 0:0(0) ack 1");
	wire_in(w, "R 1:1(0) win 0 <no-md5>");
	wire_in(w, ". 1:1(0) ack 1 win 512 <md5 " OTHER ">");
	ck_assert_uint_eq(tcp_count(w->st).request_socks, 1);
	ck_assert_ptr_null(tcp_accept(w->listener));
	wire_ms(w, 1100);
	wire_out(w, "S. 0:0(0) ack 1"); /* the repeated one is signed as well */
	wire_in(w, "P. 70001:70011(10) ack 1 win 512");
	wire_out(w, ". 1:1(0) ack 1"); /* outside the window */
	wire_in(w, ". 1:1(0) ack 1 win 512");
	wire_accept(w);
}
END_TEST

START_TEST(a_child_keeps_its_key)
{
	signed_listener();
	wire_passive_open(w, "mss 1460", 512);
	ck_assert_int_eq(set_key(w->listener, PEER_V4, OTHER), 0);
	wire_in(w, "P. 1:11(10) ack 1 win 512");
	ck_assert_uint_eq(wire_unread(w), 10);
	wire_read(w, 10);
	wire_out_forget(w);
	wire_write(w, 10);
	wire_out(w, "P. 1:11(10) ack 11");
}
END_TEST

START_TEST(a_child_of_a_prefix_has_a_key_of_its_own)
{
	struct ip_addr peer = ip_v4(PEER_V4);
	wire_listen(w, 5);
	ck_assert_int_eq(set_prefix(w->listener, 0x0a4d0000, 16, KEY), 0);
	w->at->md5_key = KEY;
	wire_passive_open(w, "mss 1460", 512);
	ck_assert_uint_eq(md5_find(w->sk->auth, &peer)->prefix_len, 32);
	ck_assert_int_eq(set_key(w->sk, PEER_V4, OTHER), 0);
	w->at->md5_key = OTHER;
	wire_write(w, 10);
	wire_out(w, "P. 1:11(10) ack 1");
}
END_TEST

/* --- options --------------------------------------------------------------------------------- */

/* Beside a signature there is no room for SACK blocks and timestamps both: SACK stays. */
START_TEST(timestamps_give_way_to_sack)
{
	signed_listener();
	wire_in(w, "S 0:0(0) win 65535 <" WIRE_OPTIONS ">");
	wire_out(w, "S. 0:0(0) ack 1 <no-ts,sackOK>");
	w->at->ts = false;
	wire_in(w, ". 1:1(0) ack 1 win 512");
	wire_accept(w);
	wire_in(w, "P. 101:111(10) ack 1 win 512");
	wire_out(w, ". 1:1(0) ack 1 <sack 101:111,no-ts>");
	wire_in(w, "P. 201:211(10) ack 1 win 512");
	wire_in(w, "P. 301:311(10) ack 1 win 512");
	wire_out(w, ". 1:1(0) ack 1 <sack 201:211 101:111>");
	wire_out(w, ". 1:1(0) ack 1 <sack 301:311 201:211>"); /* two fit */
}
END_TEST

START_TEST(without_sack_timestamps_stay)
{
	signed_listener();
	wire_in(w, "S 0:0(0) win 65535 <mss 1460,ts 1000 0>");
	wire_out(w, "S. 0:0(0) ack 1 <ts * 1000,no-sackOK>");
	wire_in(w, ". 1:1(0) ack 1 win 65535");
	wire_accept(w);
	wire_write(w, 2000);
	wire_out(w, ". 1:1429(1428) ack 1 <ts * *>"); /* 1460 - 20 - 12 */
}
END_TEST

START_TEST(the_segment_size_leaves_room)
{
	signed_listener();
	wire_passive_open(w, "mss 1460,sackOK", 512);
	ck_assert_int_eq(wire_get_int(w->sk, IPPROTO_TCP, TCP_MAXSEG), 1440);
}
END_TEST

START_TEST(what_is_signed_is_not_left_to_the_link_to_cut)
{
	struct stack_config config = wire_config();
	struct wire_segment s;
	wire_free(w);
	config.tso_max_bytes = 65000;
	config.tx_csum_offload = true;
	w = wire_new_with(&config);
	signed_listener();
	wire_passive_open(w, "mss 1460,sackOK,wscale 7", 512);
	wire_write(w, 8000);
	while (wire_next(w, &s)) {
		ck_assert_uint_eq(s.gso_size, 0);
		ck_assert_uint_le(s.len, 1440);
	}
}
END_TEST

START_TEST(two_signatures_are_none)
{
	uint8_t twice[40] = {1, 1, 19, 18}, wrong_size[4] = {19, 4};
	struct tcp_options opt = {0};
	memcpy(twice + 20, twice, 4);
	ck_assert(tcp_options_parse(twice, sizeof(twice), &opt));
	ck_assert_uint_eq(opt.auth, AUTH_BAD);
	memset(&opt, 0, sizeof(opt));
	ck_assert(tcp_options_parse(wrong_size, sizeof(wrong_size), &opt));
	ck_assert_uint_eq(opt.auth, AUTH_BAD);
}
END_TEST

/* --- the active open ------------------------------------------------------------------------- */

static void signed_connect(void)
{
	struct sock_addr peer = {.addr = ip_v4(PEER_V4), .port = WIRE_PEER_PORT};
	w->at->port = 0;
	w->at->md5_key = KEY;
	w->sk = wire_socket(w);
	w->written = w->read = 0;
	ck_assert_int_eq(set_key(w->sk, PEER_V4, KEY), 0);
	ck_assert_int_eq(tcp_connect(w->sk, &peer), 0);
	wire_flush(w);
}

START_TEST(an_active_open_is_signed_throughout)
{
	signed_connect();
	wire_out(w, "S 0:0(0) <mss 1460,sackOK,no-ts>");
	wire_in(w, "S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,no-md5>");
	wire_in(w, "S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,md5 " OTHER ">");
	wire_in(w, "R. 0:0(0) ack 1 win 0 <no-md5>");
	wire_out_none(w);
	wire_state(w, TCP_SYN_SENT);
	wire_in(w, "S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK>");
	wire_out(w, ". 1:1(0) ack 1");
	wire_write(w, 10);
	wire_out(w, "P. 1:11(10) ack 1");
	wire_in(w, "P. 1:11(10) ack 11 win 512");
	wire_read(w, 10);
	wire_counts(w, TcpExtTCPMD5NotFound, 2);
	wire_counts(w, TcpExtTCPMD5Failure, 1);
	ck_assert_int_eq(wire_get_int(w->sk, IPPROTO_TCP, TCP_MAXSEG), 1440);
}
END_TEST

START_TEST(a_repeated_syn_is_signed)
{
	signed_connect();
	wire_out(w, "S 0:0(0)");
	wire_ms(w, 1100);
	wire_out(w, "S 0:0(0)");
}
END_TEST

START_TEST(a_signed_refusal_is_believed)
{
	signed_connect();
	wire_out_forget(w);
	wire_in(w, "R. 0:0(0) ack 1 win 0");
	wire_state(w, TCP_CLOSE);
	ck_assert_int_eq(tcp_error(w->sk), ECONNREFUSED);
}
END_TEST

START_TEST(a_retransmission_is_signed)
{
	signed_listener();
	wire_passive_open(w, "mss 1460", 512);
	wire_write(w, 100);
	wire_out(w, "P. 1:101(100) ack 1");
	wire_ms(w, 3000);
	wire_out(w, "P. 1:101(100) ack 1");
}
END_TEST

START_TEST(a_key_may_come_in_mid_connection)
{
	wire_passive_open(w, "mss 1460", 65535);
	ck_assert_int_eq(set_key(w->sk, PEER_V4, KEY), 0);
	w->at->md5_key = KEY;
	wire_write(w, 1460);
	wire_out(w, ". 1:1441(1440) ack 1");
	wire_out(w, "P. 1441:1461(20) ack 1");
	wire_in(w, ". 1:1(0) ack 1461 win 65535 <no-md5>");
	ck_assert_uint_eq(tcp_outq_bytes(w->sk), 1460);
	ck_assert_int_eq(set_key(w->sk, PEER_V4, ""), 0);
	w->at->md5_key = NULL;
	wire_in(w, ". 1:1(0) ack 1461 win 65535");
	ck_assert_uint_eq(tcp_outq_bytes(w->sk), 0);
	wire_write(w, 1460);
	wire_out(w, "P. 1461:2921(1460) ack 1 <no-md5>");
}
END_TEST

/* --- resets and TIME_WAIT -------------------------------------------------------------------- */

START_TEST(a_forged_reset_does_nothing)
{
	signed_listener();
	wire_passive_open(w, "mss 1460", 512);
	wire_in(w, "R 1:1(0) win 0 <no-md5>");
	wire_in(w, "R 1:1(0) win 0 <md5 " OTHER ">");
	wire_in(w, "S 1:1(0) win 0 <no-md5>");
	wire_out_none(w);
	wire_state(w, TCP_ESTABLISHED);
	wire_in(w, "R 1:1(0) win 0");
	wire_state(w, TCP_CLOSE);
}
END_TEST

START_TEST(our_reset_is_signed)
{
	signed_listener();
	wire_passive_open(w, "mss 1460", 512);
	tcp_abort(w->sk);
	wire_flush(w);
	wire_out(w, "R. 1:1(0)");
}
END_TEST

START_TEST(a_listeners_reset_is_signed)
{
	signed_listener();
	wire_in(w, ". 7:7(0) ack 9 win 512");
	wire_out(w, "R 9:9(0)");
}
END_TEST

/* The signed segment of a connection we have lost. Only a listener on the port it comes from can
 * know a key; without it a reset would not be believed, and is not sent. */
START_TEST(what_belongs_to_nobody_is_reset_under_a_listeners_key)
{
	wire_use(w, 5555, WIRE_PORT);
	wire_in(w, ". 7:7(0) ack 9 win 512 <md5 " KEY ">");
	wire_out_none(w);
	wire_listen(w, 5);
	ck_assert_int_eq(set_key(w->listener, PEER_V4, KEY), 0);
	wire_in(w, ". 7:7(0) ack 9 win 512 <md5 " KEY ">");
	wire_out(w, "R 9:9(0) <md5 " KEY ">");
	wire_in(w, ". 7:7(0) ack 9 win 512 <md5 " OTHER ">");
	wire_out_none(w);
	wire_in(w, ". 7:7(0) ack 9 win 512");
	wire_out(w, "R 9:9(0) <no-md5>");
}
END_TEST

static void reach_time_wait(void)
{
	signed_listener();
	wire_passive_open(w, "mss 1460", 512);
	wire_close(w);
	wire_out(w, "F. 1:1(0) ack 1");
	wire_in(w, ". 1:1(0) ack 2 win 512");
	wire_in(w, "F. 1:1(0) ack 2 win 512");
	wire_out(w, ". 2:2(0) ack 2");
	ck_assert_uint_eq(tcp_count(w->st).timewait, 1);
}

START_TEST(time_wait_goes_on_signing)
{
	reach_time_wait();
	ck_assert_int_eq(set_key(w->listener, PEER_V4, ""), 0);
	wire_in(w, "F. 1:1(0) ack 2 win 512");
	wire_out(w, ". 2:2(0) ack 2");
}
END_TEST

START_TEST(time_wait_is_not_ended_by_a_forged_reset)
{
	reach_time_wait();
	wire_in(w, "R 2:2(0) win 0 <no-md5>");
	wire_in(w, "R 2:2(0) win 0 <md5 " OTHER ">");
	ck_assert_uint_eq(tcp_count(w->st).timewait, 1);
	wire_in(w, "R 2:2(0) win 0");
	ck_assert_uint_eq(tcp_count(w->st).timewait, 0);
}
END_TEST

START_TEST(time_wait_gives_way_to_a_syn_under_the_listeners_key)
{
	reach_time_wait();
	ck_assert_int_eq(set_key(w->listener, PEER_V4, OTHER), 0);
	wire_in(w, "S 9000:9000(0) win 65535 <mss 1460>"); /* the old key */
	wire_out_none(w);
	ck_assert_uint_eq(tcp_count(w->st).timewait, 1);
	wire_in(w, "S 9000:9000(0) win 65535 <mss 1460,md5 " OTHER ">");
	ck_assert_uint_eq(tcp_count(w->st).timewait, 0);
	ck_assert_uint_eq(tcp_count(w->st).request_socks, 1);
}
END_TEST

START_TEST(time_wait_without_a_key_costs_none)
{
	wire_passive_open(w, "mss 1460", 512);
	wire_close(w);
	wire_in(w, ". 1:1(0) ack 2 win 512");
	wire_in(w, "F. 1:1(0) ack 2 win 512");
	wire_out_forget(w);
	ck_assert_ptr_null(w->st->tcp.digest);
}
END_TEST

/* --- cookies --------------------------------------------------------------------------------- */

START_TEST(a_cookie_is_signed_and_fits)
{
	stack_sysctls(w->st)->tcp_syncookies = 2;
	signed_listener();
	wire_in(w, "S 0:0(0) win 65535 <" WIRE_OPTIONS ">");
	wire_out(w, "S. 0:0(0) ack 1 <mss 1460,sackOK,ts * 1000,wscale 7>");
	wire_in(w, ". 1:1(0) ack 1 win 512 <no-md5>");
	ck_assert_ptr_null(tcp_accept(w->listener));
	wire_in(w, ". 1:1(0) ack 1 win 512");
	wire_accept(w);
	ck_assert_str_eq(key_for(w->sk, PEER_V4), KEY);
	wire_write(w, 10);
	wire_out(w, "P. 1:11(10) ack 1 <ts * *>");
}
END_TEST

Suite *md5_suite(void)
{
	Suite *s = suite_create("md5");
	TCase *keys = tcase_create("keys");
	tcase_add_checked_fixture(keys, setup, teardown);
	tcase_add_test(keys, a_key_is_set_changed_and_deleted);
	tcase_add_test(keys, what_is_unknown_cannot_be_deleted);
	tcase_add_test(keys, what_makes_no_sense_is_einval);
	tcase_add_test(keys, it_cannot_be_read_back);
	tcase_add_test(keys, the_longest_prefix_wins);
	tcase_add_test(keys, the_keys_of_a_socket_are_bounded);
	tcase_add_test(keys, a_digest_is_what_the_rfc_says);
	tcase_add_test(keys, two_signatures_are_none);
	suite_add_tcase(s, keys);

	TCase *opening = tcase_create("opening");
	tcase_add_checked_fixture(opening, setup, teardown);
	tcase_add_test(opening, a_passive_open_is_signed_throughout);
	tcase_add_test(opening, a_key_may_be_set_before_listen);
	tcase_add_test(opening, a_syn_without_or_with_a_wrong_signature_is_dropped);
	tcase_add_test(opening, a_signature_nobody_asked_for_is_dropped);
	tcase_add_test(opening, others_may_connect_unsigned);
	tcase_add_test(opening, a_request_is_under_the_key_too);
	tcase_add_test(opening, a_child_keeps_its_key);
	tcase_add_test(opening, a_child_of_a_prefix_has_a_key_of_its_own);
	tcase_add_test(opening, an_active_open_is_signed_throughout);
	tcase_add_test(opening, a_repeated_syn_is_signed);
	tcase_add_test(opening, a_signed_refusal_is_believed);
	tcase_add_test(opening, a_cookie_is_signed_and_fits);
	suite_add_tcase(s, opening);

	TCase *options = tcase_create("options");
	tcase_add_checked_fixture(options, setup, teardown);
	tcase_add_test(options, timestamps_give_way_to_sack);
	tcase_add_test(options, without_sack_timestamps_stay);
	tcase_add_test(options, the_segment_size_leaves_room);
	tcase_add_test(options, what_is_signed_is_not_left_to_the_link_to_cut);
	tcase_add_test(options, a_retransmission_is_signed);
	tcase_add_test(options, a_key_may_come_in_mid_connection);
	suite_add_tcase(s, options);

	TCase *ending = tcase_create("ending");
	tcase_add_checked_fixture(ending, setup, teardown);
	tcase_add_test(ending, a_forged_reset_does_nothing);
	tcase_add_test(ending, our_reset_is_signed);
	tcase_add_test(ending, a_listeners_reset_is_signed);
	tcase_add_test(ending, what_belongs_to_nobody_is_reset_under_a_listeners_key);
	tcase_add_test(ending, time_wait_goes_on_signing);
	tcase_add_test(ending, time_wait_is_not_ended_by_a_forged_reset);
	tcase_add_test(ending, time_wait_gives_way_to_a_syn_under_the_listeners_key);
	tcase_add_test(ending, time_wait_without_a_key_costs_none);
	suite_add_tcase(s, ending);
	return s;
}
