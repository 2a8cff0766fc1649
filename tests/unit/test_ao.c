/* SPDX-License-Identifier: MIT */
/* TCP-AO (RFC 5925) on the wire: what is signed, believed and dropped, and how keys change. */
#include <errno.h>

#include "stack/tcp/fastopen.h"
#include "stack/tcp/tcp_auth.h"
#include "tests/unit/ao_keys.h"
#include "tests/unit/suites.h"
#include "tests/unit/wire.h"

#define KEY "correct-horse"
#define SECOND "battery-staple"
/* Our SendIDs and RecvIDs; the peer has them the other way round. */
#define SEND_ID 100
#define RECV_ID 101
#define SEND_ID_2 200
#define RECV_ID_2 201

static struct wire *w;
static struct sign_ao peer;

static void setup(void)
{
	w = wire_new();
	peer = (struct sign_ao){
	    .alg = "SHA1", .master = KEY, .keyid = RECV_ID, .rnext = SEND_ID, .mac_len = 12};
	w->at->ao = &peer;
}

static void teardown(void)
{
	wire_free(w);
}

static struct tcp_ao_add first_key(void)
{
	return ao_command(PEER_V4, 32, SEND_ID, RECV_ID, KEY);
}

static int add(struct tcp_sock *sk, const struct tcp_ao_add *cmd)
{
	return ao_set(sk, TCP_AO_ADD_KEY, cmd, sizeof(*cmd));
}

static void add_first(struct tcp_sock *sk)
{
	struct tcp_ao_add cmd = first_key();
	ck_assert_int_eq(add(sk, &cmd), 0);
}

static void add_second(struct tcp_sock *sk)
{
	struct tcp_ao_add cmd = ao_command(PEER_V4, 32, SEND_ID_2, RECV_ID_2, SECOND);
	ck_assert_int_eq(add(sk, &cmd), 0);
}

static void protected_listener(void)
{
	wire_listen(w, 16);
	add_first(w->listener);
}

static struct tcp_ao_info_opt info_of(struct tcp_sock *sk)
{
	struct tcp_ao_info_opt info = {0};
	size_t len = sizeof(info);
	ck_assert_int_eq(tcp_getsockopt(sk, IPPROTO_TCP, TCP_AO_INFO, &info, &len), 0);
	return info;
}

static int try_connect(void)
{
	struct sock_addr to = {.addr = ip_v4(PEER_V4), .port = WIRE_PEER_PORT};
	w->at->port = 0;
	w->written = w->read = 0;
	int err = tcp_connect(w->sk, &to);
	wire_flush(w);
	return err;
}

static void protected_connect(void)
{
	w->sk = wire_socket(w);
	add_first(w->sk);
	ck_assert_int_eq(try_connect(), 0);
}

/* --- the passive open ------------------------------------------------------------------------ */

START_TEST(a_passive_open_is_signed_throughout)
{
	protected_listener();
	wire_in(w, "S 0:0(0) win 65535 <mss 1460,sackOK,wscale 7>");
	wire_out(w, "S. 0:0(0) ack 1 <mss 1460,sackOK>");
	wire_in(w, ". 1:1(0) ack 1 win 65535");
	wire_accept(w);
	wire_in(w, "P. 1:101(100) ack 1 win 65535");
	wire_read(w, 100);
	wire_out(w, ". 1:1(0) ack 101");
	wire_write(w, 2000);
	wire_out(w, ". 1:1445(1444) ack 101"); /* 1460 - 16 */
	wire_out(w, "P. 1445:2001(556) ack 101");
	wire_in(w, ". 101:101(0) ack 2001 win 65535");
	wire_close(w);
	wire_out(w, "F. 2001:2001(0) ack 101");
	wire_counts(w, TcpExtTCPAOGood, 4);
	wire_counts(w, TcpExtTCPAOBad, 0);
}
END_TEST

/* The peer's numbers begin 4096 before the wrap: RFC 5925 6.2. */
START_TEST(the_extension_is_part_of_the_code)
{
	protected_listener();
	wire_passive_open(w, "mss 1460", 65535);
	for (uint32_t at = 1; at < 9000; at += 1000) {
		wire_in(w, "P. %u:%u(1000) ack 1 win 65535", at, at + 1000);
		wire_read(w, 1000);
	}
	wire_out_forget(w);
	wire_in(w, "P. 3001:4001(1000) ack 1 win 65535"); /* again, from before the wrap */
	wire_out(w, ". 1:1(0) ack 9001");
	wire_counts(w, TcpExtTCPAOBad, 0);
}
END_TEST

static void expect_no_request(void)
{
	wire_out_none(w);
	ck_assert_uint_eq(tcp_count(w->st).request_socks, 0);
}

START_TEST(a_syn_that_is_not_signed_as_agreed_is_dropped)
{
	protected_listener();
	wire_in(w, "S 0:0(0) win 65535 <mss 1460,no-ao>");
	expect_no_request();
	wire_counts(w, TcpExtTCPAORequired, 1);
	wire_in(w, "S 0:0(0) win 65535 <mss 1460,bad-ao>");
	expect_no_request();
	wire_counts(w, TcpExtTCPAOBad, 1);
	peer.mac_len = 16;
	wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
	expect_no_request();
	wire_counts(w, TcpExtTCPAOBad, 2);
	peer.mac_len = 12;
	peer.keyid = 7;
	wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
	expect_no_request();
	wire_counts(w, TcpExtTCPAOKeyNotFound, 1);
	wire_in(w, "S 0:0(0) win 65535 <mss 1460,no-ao,md5 " KEY ">");
	expect_no_request();
	wire_counts(w, TcpExtTCPMD5Unexpected, 1);
	struct tcp_ao_info_opt info = info_of(w->listener);
	ck_assert_uint_eq(info.pkt_ao_required, 1);
	ck_assert_uint_eq(info.pkt_bad, 2);
	ck_assert_uint_eq(info.pkt_key_not_found, 1);
	ck_assert_uint_eq(info.pkt_good, 0);
}
END_TEST

START_TEST(a_signature_nobody_asked_for_is_dropped)
{
	wire_listen(w, 5);
	wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
	expect_no_request();
	wire_counts(w, TcpExtTCPAOKeyNotFound, 1);
	ck_assert_uint_eq(host_drops(w->h, DROP_TCP_AOUNEXPECTED), 1);
}
END_TEST

START_TEST(others_may_connect_unsigned_unless_ao_is_required)
{
	struct tcp_ao_add cmd = ao_command(THIRD_V4, 32, SEND_ID, RECV_ID, KEY);
	struct tcp_ao_info_opt info = {.ao_required = 1};
	wire_listen(w, 5);
	ck_assert_int_eq(add(w->listener, &cmd), 0);
	w->at->ao = NULL;
	wire_passive_open(w, "mss 1460", 512);
	ck_assert_ptr_null(w->sk->auth);
	ck_assert_int_eq(ao_set(w->listener, TCP_AO_INFO, &info, sizeof(info)), 0);
	wire_use(w, WIRE_PORT, 4001);
	wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
	expect_no_request();
	wire_counts(w, TcpExtTCPAORequired, 1);
}
END_TEST

START_TEST(a_request_is_under_the_keys_its_syn_named)
{
	protected_listener();
	add_second(w->listener);
	wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
	wire_out(w, "S. 0:0(0) ack 1");
	wire_in(w, ". 1:1(0) ack 1 win 512 <no-ao>");
	wire_in(w, "R 1:1(0) win 0 <no-ao>");
	wire_in(w, "R 1:1(0) win 0 <bad-ao>");
	ck_assert_uint_eq(tcp_count(w->st).request_socks, 1);
	wire_ms(w, 1100);
	wire_out(w, "S. 0:0(0) ack 1"); /* sent again, signed again */
	wire_in(w, ". 1:1(0) ack 9 win 512");
	wire_out(w, "R 9:9(0)");
	wire_in(w, ". 1:1(0) ack 1 win 512");
	wire_accept(w);
	ck_assert_uint_eq(info_of(w->sk).current_key, SEND_ID);
	ck_assert_uint_eq(info_of(w->sk).rnext, RECV_ID);
}
END_TEST

/* The peer wants a key that we do not have: nothing can be said to it. */
START_TEST(without_the_key_asked_for_there_is_no_answer)
{
	protected_listener();
	peer.rnext = 7;
	wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
	wire_out_none(w);
}
END_TEST

START_TEST(a_child_has_all_keys_of_its_peer)
{
	struct tcp_ao_add other = ao_command(THIRD_V4, 32, 1, 2, KEY);
	struct tcp_ao_getsockopt val = {.get_all = 1};
	size_t len = sizeof(val);
	protected_listener();
	add_second(w->listener);
	ck_assert_int_eq(add(w->listener, &other), 0);
	wire_passive_open(w, "mss 1460", 512);
	ck_assert_int_eq(tcp_getsockopt(w->sk, IPPROTO_TCP, TCP_AO_GET_KEYS, &val, &len), 0);
	ck_assert_uint_eq(val.nkeys, 2);
}
END_TEST

START_TEST(a_cookie_is_signed)
{
	stack_sysctls(w->st)->tcp_syncookies = 2;
	protected_listener();
	wire_in(w, "S 0:0(0) win 65535 <" WIRE_OPTIONS ">");
	wire_out(w, "S. 0:0(0) ack 1 <mss 1460,sackOK,ts * 1000,wscale 7>");
	wire_in(w, ". 1:1(0) ack 1 win 512 <no-ao>");
	wire_in(w, ". 1:1(0) ack 1 win 512 <bad-ao>");
	ck_assert_ptr_null(tcp_accept(w->listener));
	wire_in(w, ". 1:1(0) ack 1 win 512");
	wire_accept(w);
	wire_write(w, 10);
	wire_out(w, "P. 1:11(10) ack 1");
}
END_TEST

/* RFC 7413: a connection that speaks before its handshake is done is under the same keys. */
START_TEST(a_fast_open_is_signed)
{
	stack_sysctls(w->st)->tcp_fastopen = TFO_SERVER_ENABLE;
	protected_listener();
	wire_set_int(w->listener, IPPROTO_TCP, TCP_FASTOPEN, 4);
	wire_set_int(w->listener, IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, 1);
	wire_in(w, "S 0:100(100) win 65535 <mss 1460,bad-ao>");
	wire_out_none(w);
	wire_in(w, "S 0:100(100) win 65535 <mss 1460>");
	wire_out(w, "S. 0:0(0) ack 101");
	wire_accept(w);
	wire_state(w, TCP_SYN_RECV);
	wire_write(w, 50);
	wire_out(w, "P. 1:51(50) ack 101");
	wire_in(w, ". 101:101(0) ack 51 win 512 <bad-ao>");
	wire_in(w, "R 101:101(0) win 0 <no-ao>");
	wire_state(w, TCP_SYN_RECV);
	wire_in(w, ". 101:101(0) ack 51 win 512");
	wire_state(w, TCP_ESTABLISHED);
	wire_in(w, "P. 101:111(10) ack 51 win 512");
	ck_assert_uint_eq(wire_unread(w), 110);
}
END_TEST

/* --- the active open ------------------------------------------------------------------------- */

START_TEST(an_active_open_is_signed_throughout)
{
	protected_connect();
	wire_out(w, "S 0:0(0) <mss 1460,sackOK,ts * 0>");
	wire_ms(w, 1100);
	wire_out(w, "S 0:0(0)");
	wire_in(w, "S. 0:0(0) ack 1 win 65535 <mss 1460,no-ao>");
	wire_in(w, "S. 0:0(0) ack 1 win 65535 <mss 1460,bad-ao>");
	wire_in(w, "R. 0:0(0) ack 1 win 0 <no-ao>");
	wire_state(w, TCP_SYN_SENT);
	wire_in(w, "S. 0:0(0) ack 1 win 65535 <mss 1460>");
	wire_out(w, ". 1:1(0) ack 1");
	wire_write(w, 100);
	wire_out(w, "P. 1:101(100) ack 1");
	wire_in(w, "P. 1:101(100) ack 101 win 65535");
	wire_read(w, 100);
	ck_assert_int_eq(wire_get_int(w->sk, IPPROTO_TCP, TCP_MAXSEG), 1444);
}
END_TEST

START_TEST(both_may_open_at_once)
{
	protected_connect();
	wire_out(w, "S 0:0(0)");
	wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
	wire_out(w, "S. 0:0(0) ack 1");
	wire_in(w, "S. 0:0(0) ack 1 win 65535 <mss 1460>");
	wire_state(w, TCP_ESTABLISHED);
	wire_out_forget(w);
	wire_write(w, 10);
	wire_out(w, "P. 1:11(10) ack 1");
	wire_in(w, "P. 1:11(10) ack 11 win 65535");
	ck_assert_uint_eq(wire_unread(w), 10);
}
END_TEST

START_TEST(without_a_key_for_the_peer_there_is_no_connection)
{
	struct tcp_ao_add cmd = ao_command(THIRD_V4, 32, SEND_ID, RECV_ID, KEY);
	w->sk = wire_socket(w);
	ck_assert_int_eq(add(w->sk, &cmd), 0);
	ck_assert_int_eq(try_connect(), -EKEYREJECTED);
	wire_out_none(w);
	wire_state(w, TCP_CLOSE);
}
END_TEST

START_TEST(md5_for_this_peer_and_ao_for_another)
{
	struct tcp_ao_add cmd = ao_command(THIRD_V4, 32, SEND_ID, RECV_ID, KEY);
	w->at->ao = NULL;
	w->sk = wire_socket(w);
	ck_assert_int_eq(add(w->sk, &cmd), 0);
	ck_assert_int_eq(md5_set_key(w->sk, PEER_V4, KEY), 0);
	ck_assert_int_eq(try_connect(), 0);
	wire_out(w, "S 0:0(0) <md5 " KEY ">");
	ck_assert_ptr_null(w->sk->auth->ao);
}
END_TEST

/* An old connection's keys are not its successor's. */
START_TEST(a_second_connection_has_traffic_keys_of_its_own)
{
	protected_connect();
	wire_out(w, "S 0:0(0)");
	wire_in(w, "S. 0:0(0) ack 1 win 65535 <mss 1460>");
	wire_out(w, ". 1:1(0) ack 1");
	tcp_disconnect(w->sk);
	wire_out(w, "R. 1:1(0) ack 1");
	w->at->peer_iss += 123456;
	ck_assert_int_eq(try_connect(), 0);
	wire_out(w, "S 0:0(0)");
	wire_in(w, "S. 0:0(0) ack 1 win 65535 <mss 1460>");
	wire_out(w, ". 1:1(0) ack 1");
	wire_write(w, 10);
	wire_out(w, "P. 1:11(10) ack 1");
}
END_TEST

/* --- options and algorithms ------------------------------------------------------------------ */

static const struct {
	const char *name, *alg;
	uint8_t mac_len;
	bool exclude_options;
} flavours[] = {
    {"hmac(sha1)", "SHA1", 16, false},	       {"hmac(sha1)", "SHA1", 7, true},
    {"hmac(sha256)", "SHA256", 12, false},     {"hmac(sha256)", "SHA256", 4, true},
    {"cmac(aes128)", "AES-128-CBC", 12, true}, {"cmac(aes128)", "AES-128-CBC", 16, false},
};

START_TEST(every_flavour_speaks)
{
	struct tcp_ao_add cmd = first_key();
	memset(cmd.alg_name, 0, sizeof(cmd.alg_name));
	strcpy(cmd.alg_name, flavours[_i].name);
	cmd.maclen = peer.mac_len = flavours[_i].mac_len;
	peer.exclude_options = flavours[_i].exclude_options;
	cmd.keyflags = peer.exclude_options ? TCP_AO_KEYF_EXCLUDE_OPT : 0;
	peer.alg = flavours[_i].alg;
	wire_listen(w, 5);
	ck_assert_int_eq(add(w->listener, &cmd), 0);
	wire_passive_open(w, "mss 1460,ts 1000 0", 65535);
	wire_write(w, 100);
	wire_out(w, "P. 1:101(100) ack 1 <ts * *>");
	wire_in(w, "P. 1:101(100) ack 101 win 65535");
	wire_read(w, 100);
	wire_out(w, ". 101:101(0) ack 101");
	ck_assert_int_eq(wire_get_int(w->sk, IPPROTO_TCP, TCP_MAXSEG),
			 1460 - 12 - ((4 + flavours[_i].mac_len + 3) & ~3));
}
END_TEST

START_TEST(timestamps_give_way_to_sack)
{
	protected_listener();
	wire_in(w, "S 0:0(0) win 65535 <" WIRE_OPTIONS ">");
	wire_out(w, "S. 0:0(0) ack 1 <no-ts,sackOK>");
	w->at->ts = false;
	wire_in(w, ". 1:1(0) ack 1 win 512");
	wire_accept(w);
	wire_in(w, "P. 101:111(10) ack 1 win 512");
	wire_out(w, ". 1:1(0) ack 1 <sack 101:111>");
	wire_in(w, "P. 201:211(10) ack 1 win 512");
	wire_out(w, ". 1:1(0) ack 1 <sack 201:211 101:111>");
}
END_TEST

/* A program that connects offers timestamps: then one block is what fits. */
START_TEST(beside_timestamps_one_block_fits)
{
	protected_connect();
	wire_out(w, "S 0:0(0)");
	wire_in(w, "S. 0:0(0) ack 1 win 65535 <" WIRE_OPTIONS ">");
	wire_out(w, ". 1:1(0) ack 1");
	wire_in(w, "P. 101:111(10) ack 1 win 512");
	wire_out(w, ". 1:1(0) ack 1 <sack 101:111,ts * *>");
	wire_in(w, "P. 201:211(10) ack 1 win 512");
	wire_out(w, ". 1:1(0) ack 1 <sack 201:211,ts * *>");
}
END_TEST

START_TEST(a_malformed_option_is_dropped)
{
	static const uint8_t no_code[] = {29, 4, 1, 2}, too_short[] = {29, 3, 1, 1};
	static const uint8_t both[] = {29, 8, 1, 2, 3, 4, 5, 6, 29, 8, 1, 2, 3, 4, 5, 6};
	struct tcp_options opt = {0};
	ck_assert(tcp_options_parse(no_code, sizeof(no_code), &opt));
	ck_assert_uint_eq(opt.auth, AUTH_BAD);
	memset(&opt, 0, sizeof(opt));
	ck_assert(tcp_options_parse(too_short, sizeof(too_short), &opt));
	ck_assert_uint_eq(opt.auth, AUTH_BAD);
	memset(&opt, 0, sizeof(opt));
	ck_assert(tcp_options_parse(both, 8, &opt));
	ck_assert_uint_eq(opt.auth, AUTH_AO);
	ck_assert_uint_eq(opt.keyid, 1);
	ck_assert_uint_eq(opt.rnext, 2);
	ck_assert_uint_eq(opt.mac_len, 4);
	memset(&opt, 0, sizeof(opt));
	ck_assert(tcp_options_parse(both, sizeof(both), &opt));
	ck_assert_uint_eq(opt.auth, AUTH_BAD);
}
END_TEST

/* --- changing keys (RFC 5925 6.1, 7.5.2) ----------------------------------------------------- */

START_TEST(the_peer_chooses_what_we_sign_with)
{
	protected_listener();
	add_second(w->listener);
	wire_passive_open(w, "mss 1460", 65535);
	peer.rnext = SEND_ID_2;
	wire_in(w, "P. 1:11(10) ack 1 win 65535");
	wire_read(w, 10);
	wire_out_forget(w);
	ck_assert_uint_eq(info_of(w->sk).current_key, SEND_ID_2);
	peer.master = SECOND; /* from us; what it sends is still under the first */
	wire_write(w, 10);
	wire_out(w, "P. 1:11(10) ack 11");
	peer.rnext = 7; /* nobody's: no change */
	peer.master = KEY;
	wire_in(w, ". 11:11(0) ack 11 win 65535");
	ck_assert_uint_eq(tcp_outq_bytes(w->sk), 0);
	ck_assert_uint_eq(info_of(w->sk).current_key, SEND_ID_2);
}
END_TEST

START_TEST(we_choose_what_the_peer_signs_with)
{
	struct tcp_ao_info_opt info = {.set_rnext = 1, .rnext = RECV_ID_2};
	protected_listener();
	wire_passive_open(w, "mss 1460", 65535);
	add_second(w->sk);
	ck_assert_int_eq(ao_set(w->sk, TCP_AO_INFO, &info, sizeof(info)), 0);
	wire_write(w, 10);
	peer.keyid = RECV_ID_2;
	wire_out(w, "P. 1:11(10) ack 1"); /* which asks for it */
	peer.master = SECOND;
	wire_in(w, "P. 1:11(10) ack 11 win 65535");
	ck_assert_uint_eq(wire_unread(w), 10);
}
END_TEST

START_TEST(a_longer_code_makes_segments_smaller)
{
	struct tcp_ao_add cmd = ao_command(PEER_V4, 32, SEND_ID_2, RECV_ID_2, SECOND);
	struct tcp_ao_info_opt info = {.set_current = 1, .current_key = SEND_ID_2};
	protected_listener();
	wire_passive_open(w, "mss 1460", 65535);
	cmd.maclen = 16;
	ck_assert_int_eq(add(w->sk, &cmd), 0);
	ck_assert_int_eq(wire_get_int(w->sk, IPPROTO_TCP, TCP_MAXSEG), 1444);
	ck_assert_int_eq(ao_set(w->sk, TCP_AO_INFO, &info, sizeof(info)), 0);
	ck_assert_int_eq(wire_get_int(w->sk, IPPROTO_TCP, TCP_MAXSEG), 1440);
}
END_TEST

/* --- resets, TIME_WAIT and ICMP -------------------------------------------------------------- */

START_TEST(a_forged_reset_does_nothing)
{
	protected_listener();
	wire_passive_open(w, "mss 1460", 512);
	wire_in(w, "R 1:1(0) win 0 <no-ao>");
	wire_in(w, "R 1:1(0) win 0 <bad-ao>");
	wire_out_none(w);
	wire_state(w, TCP_ESTABLISHED);
	wire_in(w, "R 1:1(0) win 0");
	wire_state(w, TCP_CLOSE);
}
END_TEST

START_TEST(our_resets_are_signed)
{
	protected_listener();
	wire_passive_open(w, "mss 1460", 512);
	wire_close(w);
	wire_out(w, "F. 1:1(0) ack 1");
	wire_in(w, "P. 1:11(10) ack 2 win 512"); /* nobody will read it */
	wire_out(w, "R 2:2(0)");
	wire_use(w, WIRE_PORT, 4001);
	w->at->ao = &peer;
	wire_passive_open(w, "mss 1460", 512);
	tcp_abort(w->sk);
	wire_out(w, "R. 1:1(0)");
}
END_TEST

/* The traffic keys went with the connection (RFC 5925 7.7). */
START_TEST(what_belongs_to_nobody_is_not_answered)
{
	wire_use(w, 5555, WIRE_PORT);
	w->at->ao = &peer;
	protected_listener();
	wire_in(w, ". 7:7(0) ack 9 win 512");
	wire_out_none(w);
}
END_TEST

static void reach_time_wait(void)
{
	protected_listener();
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
	wire_in(w, "F. 1:1(0) ack 2 win 512");
	wire_out(w, ". 2:2(0) ack 2");
	wire_in(w, "R 2:2(0) win 0 <no-ao>");
	wire_in(w, "R 2:2(0) win 0 <bad-ao>");
	ck_assert_uint_eq(tcp_count(w->st).timewait, 1);
	wire_in(w, "R 2:2(0) win 0");
	ck_assert_uint_eq(tcp_count(w->st).timewait, 0);
}
END_TEST

START_TEST(time_wait_gives_way_to_a_signed_syn)
{
	reach_time_wait();
	w->at->peer_iss += 100000;
	wire_in(w, "S 0:0(0) win 65535 <mss 1460,no-ao>");
	wire_in(w, "S 0:0(0) win 65535 <mss 1460,bad-ao>");
	wire_out_none(w);
	ck_assert_uint_eq(tcp_count(w->st).timewait, 1);
	wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
	wire_out(w, "S. 0:0(0) ack 1");
	ck_assert_uint_eq(tcp_count(w->st).timewait, 0);
}
END_TEST

/* RFC 5925 7.8 */
START_TEST(icmp_errors_are_ignored_unless_asked_for)
{
	struct tcp_ao_info_opt info = {.accept_icmps = 1};
	protected_listener();
	wire_passive_open(w, "mss 1460", 65535);
	wire_write(w, 1000);
	wire_out(w, "P. 1:1001(1000) ack 1");
	wire_icmp(w, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 600, 1);
	wire_icmp(w, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, 1);
	ck_assert_int_eq(wire_get_int(w->sk, IPPROTO_TCP, TCP_MAXSEG), 1444);
	ck_assert_int_eq(tcp_error(w->sk), 0);
	wire_counts(w, TcpExtTCPAODroppedIcmps, 2);
	ck_assert_uint_eq(info_of(w->sk).pkt_dropped_icmp, 2);
	ck_assert_int_eq(ao_set(w->sk, TCP_AO_INFO, &info, sizeof(info)), 0);
	wire_icmp(w, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 600, 1);
	ck_assert_int_eq(wire_get_int(w->sk, IPPROTO_TCP, TCP_MAXSEG), 600 - 40 - 16);
	wire_out_forget(w);
	/* a child does as its listener */
	ck_assert_int_eq(ao_set(w->listener, TCP_AO_INFO, &info, sizeof(info)), 0);
	wire_use(w, WIRE_PORT, 4001);
	w->at->ao = &peer;
	wire_passive_open(w, "mss 1460", 65535);
	ck_assert(info_of(w->sk).accept_icmps);
}
END_TEST

Suite *ao_suite(void)
{
	Suite *s = suite_create("ao");
	TCase *passive = tcase_create("passive open");
	tcase_add_checked_fixture(passive, setup, teardown);
	tcase_add_test(passive, a_passive_open_is_signed_throughout);
	tcase_add_test(passive, the_extension_is_part_of_the_code);
	tcase_add_test(passive, a_syn_that_is_not_signed_as_agreed_is_dropped);
	tcase_add_test(passive, a_signature_nobody_asked_for_is_dropped);
	tcase_add_test(passive, others_may_connect_unsigned_unless_ao_is_required);
	tcase_add_test(passive, a_request_is_under_the_keys_its_syn_named);
	tcase_add_test(passive, without_the_key_asked_for_there_is_no_answer);
	tcase_add_test(passive, a_child_has_all_keys_of_its_peer);
	tcase_add_test(passive, a_cookie_is_signed);
	tcase_add_test(passive, a_fast_open_is_signed);
	suite_add_tcase(s, passive);

	TCase *active = tcase_create("active open");
	tcase_add_checked_fixture(active, setup, teardown);
	tcase_add_test(active, an_active_open_is_signed_throughout);
	tcase_add_test(active, both_may_open_at_once);
	tcase_add_test(active, without_a_key_for_the_peer_there_is_no_connection);
	tcase_add_test(active, md5_for_this_peer_and_ao_for_another);
	tcase_add_test(active, a_second_connection_has_traffic_keys_of_its_own);
	suite_add_tcase(s, active);

	TCase *options = tcase_create("options");
	tcase_add_checked_fixture(options, setup, teardown);
	tcase_add_loop_test(options, every_flavour_speaks, 0,
			    (int)(sizeof(flavours) / sizeof(flavours[0])));
	tcase_add_test(options, timestamps_give_way_to_sack);
	tcase_add_test(options, beside_timestamps_one_block_fits);
	tcase_add_test(options, a_malformed_option_is_dropped);
	tcase_add_test(options, the_peer_chooses_what_we_sign_with);
	tcase_add_test(options, we_choose_what_the_peer_signs_with);
	tcase_add_test(options, a_longer_code_makes_segments_smaller);
	suite_add_tcase(s, options);

	TCase *ending = tcase_create("ending");
	tcase_add_checked_fixture(ending, setup, teardown);
	tcase_add_test(ending, a_forged_reset_does_nothing);
	tcase_add_test(ending, our_resets_are_signed);
	tcase_add_test(ending, what_belongs_to_nobody_is_not_answered);
	tcase_add_test(ending, time_wait_goes_on_signing);
	tcase_add_test(ending, time_wait_gives_way_to_a_signed_syn);
	tcase_add_test(ending, icmp_errors_are_ignored_unless_asked_for);
	suite_add_tcase(s, ending);
	return s;
}
