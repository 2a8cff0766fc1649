/* SPDX-License-Identifier: MIT */
/* TCP-AO: RFC 9235's known answers, and the socket options that hold the keys. */
#include <errno.h>
#include <stdio.h>

#include "stack/base/bytes.h"
#include "stack/tcp/tcp_auth.h"
#include "tests/unit/ao_keys.h"
#include "tests/unit/suites.h"
#include "tests/unit/wire.h"

#define CLIENT_V4 0x0a0b0c0du /* RFC 9235 3.1 */
#define SERVER_V4 0xac1b1c1du
#define SERVER_PORT 179
#define CLIENT_KEYID 61
#define SERVER_KEYID 84
#define MASTER "testvector"

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

/* --- known answers --------------------------------------------------------------------------- */

/* RFC 9235's IPv4 segments, from the TCP header on. */
static const struct {
	const char *section, *alg;
	bool exclude_options;
	uint32_t client_isn, server_isn;
	const char *traffic_key, *segment;
} vectors[] = {
    {"4.1.1", "SHA1", false, 0xfbfbab5a, 0x11c14261, "6d63ef1b02fe1509d4b1402707fd7b0416abb74f",
     "e9d700b3fbfbab5a00000000e002ffffcac40000020405b4010303080402080a00155ab7"
     "000000001d103d542ee437c6f8ede6d7c4d602e7"},
    {"4.1.2", "SHA1", false, 0xfbfbab5a, 0x11c14261, "d9e217e4834a80ca2f3fd8de2e41b8e6797fea96",
     "00b3e9d711c14261fbfbab5be012ffff37760000020405b4010303080402080a84a50beb"
     "00155ab71d10543deeab0fe24c3010815116b3be"},
    {"4.1.3", "SHA1", false, 0xfbfbab5a, 0x11c14261, "d2e59c65ffc7b1a39347656463b70edc24a13d71",
     "e9d700b3fbfbab5b11c14262c0180104a16200000101080a00155ac184a50beb1d103d54"
     "7064cf998cc6c315c2c2e2bfffffffffffffffffffffffffffffffff00430104dabf00b4"
     "0a0b0c0d260206010400010001020280000202020002024200020641040000dabf020840"
     "06006400010100"},
    {"4.1.4", "SHA1", false, 0xfbfbab5a, 0x11c14261, "d9e217e4834a80ca2f3fd8de2e41b8e6797fea96",
     "00b3e9d711c14262fbfbab9ec0180100400c00000101080a84a50bf500155ac11d10543d"
     "a63f0ecbbb2e635c954deac7ffffffffffffffffffffffffffffffff00430104dac000b4"
     "ac1b1c1d260206010400010001020280000202020002024200020641040000dac0020840"
     "06006400010100"},
    {"4.2.1", "SHA1", true, 0xcb0efbee, 0xacd5b5e1, "30eaa1560cf0be57dab5c045229fb10a423cd7ea",
     "ff1200b3cb0efbee00000000e002ffff541f0000020405b4010303080402080a00024cce"
     "000000001d103d5480af3cfeb85368937b8f9ec2"},
    {"4.2.2", "SHA1", true, 0xcb0efbee, 0xacd5b5e1, "b5b2896bb3664e8176b0edc6e799524101a8307f",
     "00b3ff12acd5b5e1cb0efbefe012ffff388e0000020405b4010303080402080a576772f3"
     "00024cce1d10543d09306f9acea63a8c68cb9a70"},
    {"4.2.3", "SHA1", true, 0xcb0efbee, 0xacd5b5e1, "f3db1793d7910ecd806c34f155ea1f00345953e3",
     "ff1200b3cb0efbefacd5b5e2c01801046c4500000101080a00024cce576772f31d103d54"
     "710608cc696c03a271c93aa5ffffffffffffffffffffffffffffffff00430104dabf00b4"
     "0a0b0c0d260206010400010001020280000202020002024200020641040000dabf020840"
     "06006400010100"},
    {"4.2.4", "SHA1", true, 0xcb0efbee, 0xacd5b5e1, "b5b2896bb3664e8176b0edc6e799524101a8307f",
     "00b3ff12acd5b5e2cb0efc32c018010046b600000101080a576772f300024cce1d10543d"
     "97766e48ac262de9ae61b4f9ffffffffffffffffffffffffffffffff00430104dac000b4"
     "ac1b1c1d260206010400010001020280000202020002024200020641040000dac0020840"
     "06006400010100"},
    {"5.1.1", "AES-128-CBC", false, 0x787a1ddf, 0xfadd6de9, "f5b8b3d5f34fdbb6eb8d4ab9660e60e3",
     "c4fa00b3787a1ddf00000000e002ffff5a0f0000020405b4010303080402080a00017ed0"
     "000000001d103d54e477e99c8040765498e55091"},
    {"5.1.2", "AES-128-CBC", false, 0x787a1ddf, 0xfadd6de9, "4bc7571a486f3264bbd888474066b4b1",
     "00b3c4fafadd6de9787a1de0e012fffff3f20000020405b4010303080402080a93f4e9e8"
     "00017ed01d10543dd6ada7bc4cdd536d1769db5f"},
    {"5.1.3", "AES-128-CBC", false, 0x787a1ddf, 0xfadd6de9, "8c8ae0e8371ec5cbb97ea79d90418391",
     "c4fa00b3787a1de0fadd6deac0180104950500000101080a00017ed093f4e9e81d103d54"
     "77412742fa4dc433eff0973effffffffffffffffffffffffffffffff00430104dabf00b4"
     "0a0b0c0d260206010400010001020280000202020002024200020641040000dabf020840"
     "06006400010100"},
    {"5.1.4", "AES-128-CBC", false, 0x787a1ddf, 0xfadd6de9, "4bc7571a486f3264bbd888474066b4b1",
     "00b3c4fafadd6dea787a1e23c0180100e7db00000101080a93f4e9e800017ed01d10543d"
     "f6d965a78382a74845f72dacffffffffffffffffffffffffffffffff00430104dac000b4"
     "ac1b1c1d260206010400010001020280000202020002024200020641040000dac0020840"
     "06006400010100"},
    {"5.2.1", "AES-128-CBC", true, 0x389bed71, 0xd3844a6f, "2cdbae1392c49449fa92c4509735d50e",
     "da1c00b3389bed7100000000e002ffff70bf0000020405b4010303080402080a000185e1"
     "000000001d103d54c44e60cb31f7c0b1de3d2749"},
    {"5.2.2", "AES-128-CBC", true, 0x389bed71, 0xd3844a6f, "3ce67a551869506b6347b633c50a624a",
     "00b3da1cd3844a6f389bed72e012ffffe4450000020405b4010303080402080ace459838"
     "000185e11d10543d3a6abb207e49b1be7136db90"},
    {"5.2.3", "AES-128-CBC", true, 0x389bed71, 0xd3844a6f, "035bc400a341ffe595f59f58005006ca",
     "da1c00b3389bed72d3844a70c0180104885100000101080a000185e1ce4598381d103d54"
     "7585e9e9d5c3ec857b96f837ffffffffffffffffffffffffffffffff00430104dabf00b4"
     "0a0b0c0d260206010400010001020280000202020002024200020641040000dabf020840"
     "06006400010100"},
    {"5.2.4", "AES-128-CBC", true, 0x389bed71, 0xd3844a6f, "3ce67a551869506b6347b633c50a624a",
     "00b3da1cd3844a70389bed72c0180100044900000101080ace459838000185e11d10543d"
     "5c040fd9233304765c0982f4ffffffffffffffffffffffffffffffff00430104dac000b4"
     "ac1b1c1d260206010400010001020280000202020002024200020641040000dac0020840"
     "06006400010100"},
};
#define VECTORS ((int)(sizeof(vectors) / sizeof(vectors[0])))

static size_t from_hex(uint8_t *to, const char *hex)
{
	size_t len = strlen(hex) / 2;
	for (size_t i = 0; i < len; i++) {
		unsigned byte;
		ck_assert_int_eq(sscanf(hex + 2 * i, "%2x", &byte), 1);
		to[i] = (uint8_t)byte;
	}
	return len;
}

static struct pkt *vector_pkt(int i)
{
	struct pkt *p = pkt_alloc(stack_pkt_pool(w->st), 256);
	ck_assert_ptr_nonnull(p);
	p->data = p->buf;
	p->len = (uint32_t)from_hex(p->buf, vectors[i].segment);
	p->csum_valid = true; /* the RFC's checksums are not right */
	return p;
}

static struct ao_key *vector_key(int i)
{
	struct tcp_ao_add cmd = ao_command(SERVER_V4, 32, CLIENT_KEYID, SERVER_KEYID, MASTER);
	bool cmac = strcmp(vectors[i].alg, "SHA1") != 0;
	strcpy(cmd.alg_name, cmac ? "cmac(aes128)" : "hmac(sha1)");
	cmd.keyflags = vectors[i].exclude_options ? TCP_AO_KEYF_EXCLUDE_OPT : 0;
	ck_assert_int_eq(ao_set(sk, TCP_AO_ADD_KEY, &cmd, sizeof(cmd)), 0);
	return ao_find(sk->auth->ao, NULL, CLIENT_KEYID, SERVER_KEYID);
}

/* As the stack sees it: the traffic key, and that the code is right, and that no bit is to spare. */
START_TEST(rfc_9235_segments_verify)
{
	uint8_t expected[32], traffic_key[DIGEST_MAC_MAX_BYTES];
	struct pkt *p = vector_pkt(_i);
	bool from_client = p->data[0] << 8 != (SERVER_PORT & 0xff00) || p->data[1] != SERVER_PORT;
	struct ip_meta m = {.src = ip_v4(from_client ? CLIENT_V4 : SERVER_V4),
			    .dst = ip_v4(from_client ? SERVER_V4 : CLIENT_V4)};
	struct tcp_segment seg;
	struct ao_key *key = vector_key(_i);
	int why;
	ck_assert(tcp_segment_parse(&seg, p, &m, &why));
	ck_assert_uint_eq(seg.opt.auth, AUTH_AO);
	ck_assert_uint_eq(seg.opt.keyid, from_client ? CLIENT_KEYID : SERVER_KEYID);
	ck_assert_uint_eq(seg.opt.rnext, from_client ? SERVER_KEYID : CLIENT_KEYID);
	struct ao_tuple t = {.laddr = ip_v4(CLIENT_V4),
			     .raddr = ip_v4(SERVER_V4),
			     .lport = from_client ? seg.sport : seg.dport,
			     .rport = SERVER_PORT,
			     .lisn = vectors[_i].client_isn,
			     .risn = seg.flags == TCP_SYN || seg.flags == (TCP_SYN | 0xc0)
					 ? 0
					 : vectors[_i].server_isn};
	ao_traffic_key(w->st, key, &t, from_client, traffic_key);
	size_t len = from_hex(expected, vectors[_i].traffic_key);
	ck_assert_uint_eq(len, digest_mac_bytes(key->alg));
	ck_assert_mem_eq(traffic_key, expected, len);
	ck_assert(ao_verify(w->st, key, traffic_key, 0, &seg));
	ck_assert(!ao_verify(w->st, key, traffic_key, 1, &seg));
	p->buf[8] ^= 1;
	ck_assert(!ao_verify(w->st, key, traffic_key, 0, &seg));
	p->buf[8] ^= 1;
	p->buf[p->data - p->buf + (int)p->len - 1] ^= 1; /* the last byte, if only of an option */
	ck_assert(!ao_verify(w->st, key, traffic_key, 0, &seg));
	pkt_free(p);
}
END_TEST

/* What the scripted peer signs with is held against the same answers. */
START_TEST(the_tests_own_code_agrees)
{
	uint8_t expected[32], key[SIGN_AO_MAX_BYTES], mac[SIGN_AO_MAX_BYTES], tcp[256];
	struct sign_ao ao = {.alg = vectors[_i].alg,
			     .master = MASTER,
			     .mac_len = 12,
			     .exclude_options = vectors[_i].exclude_options};
	size_t len = from_hex(tcp, vectors[_i].segment), body_len = 0;
	uint16_t sport = be16_of(tcp), dport = be16_of(tcp + 2);
	bool from_client = sport != SERVER_PORT, syn = tcp[13] & TCP_SYN && !(tcp[13] & TCP_ACK);
	uint32_t src = from_client ? CLIENT_V4 : SERVER_V4;
	uint32_t dst = from_client ? SERVER_V4 : CLIENT_V4;
	uint32_t server_isn = syn ? 0 : vectors[_i].server_isn;
	uint32_t src_isn = from_client ? vectors[_i].client_isn : server_isn;
	uint32_t dst_isn = from_client ? server_isn : vectors[_i].client_isn;
	size_t key_len = sign_ao_traffic_key(key, &ao, src, dst, sport, dport, src_isn, dst_isn);
	ck_assert_uint_eq(key_len, from_hex(expected, vectors[_i].traffic_key));
	ck_assert_mem_eq(key, expected, key_len);
	sign_ao(mac, &ao, src, dst, tcp, len, src_isn, dst_isn, 0);
	ck_assert_mem_eq(mac, sign_find_option(tcp, len, 29, &body_len) + 2, 12);
}
END_TEST

/* --- the sequence number extension (RFC 5925 6.2) -------------------------------------------- */

START_TEST(the_extension_counts_wraps)
{
	ck_assert_uint_eq(ao_sne(0xfffffff0, 0xfffffff8), 0);
	ck_assert_uint_eq(ao_sne(0xfffffff0, 0x00000008), 1);
	ck_assert_uint_eq(ao_sne(0x100000008, 0xfffffff8), 0); /* sent again */
	ck_assert_uint_eq(ao_sne(0x100000008, 0x00000000), 1);
	ck_assert_uint_eq(ao_sne(0x2fffffff0, 0x00000008), 3);
	ck_assert_uint_eq(ao_sne(0x200000000, 0x7fffffff), 2);
	ck_assert_uint_eq(ao_sne(0x200000000, 0x80000001), 1);
}
END_TEST

/* --- TCP_AO_ADD_KEY -------------------------------------------------------------------------- */

static struct tcp_ao_add add(void)
{
	return ao_command(PEER_V4, 32, 100, 101, "secret");
}

static int try_add(const struct tcp_ao_add *cmd)
{
	return ao_set(sk, TCP_AO_ADD_KEY, cmd, sizeof(*cmd));
}

START_TEST(what_a_key_may_not_be)
{
	struct tcp_ao_add cmd = add();
	uint16_t inet6 = 10;
	ck_assert_int_eq(ao_set(sk, TCP_AO_ADD_KEY, &cmd, sizeof(cmd) - 1), -EINVAL);
	cmd.reserved = 1;
	ck_assert_int_eq(try_add(&cmd), -EINVAL);
	cmd = add();
	cmd.reserved2 = 1;
	ck_assert_int_eq(try_add(&cmd), -EINVAL);
	cmd = add();
	cmd.keylen = TCP_AO_MAXKEYLEN + 1;
	ck_assert_int_eq(try_add(&cmd), -EINVAL);
	cmd = add();
	memcpy(&cmd.addr, &inet6, sizeof(inet6));
	ck_assert_int_eq(try_add(&cmd), -EINVAL);
	cmd = add();
	((uint8_t *)&cmd.addr)[3] = 1; /* a port */
	ck_assert_int_eq(try_add(&cmd), -EINVAL);
	cmd = add();
	cmd.prefix = 33;
	ck_assert_int_eq(try_add(&cmd), -EINVAL);
	cmd.prefix = 24; /* with bits beyond it */
	ck_assert_int_eq(try_add(&cmd), -EINVAL);
	cmd.prefix = 0;
	ck_assert_int_eq(try_add(&cmd), -EINVAL);
	cmd = add();
	cmd.keyflags = 4;
	ck_assert_int_eq(try_add(&cmd), -EINVAL);
	cmd = add();
	cmd.ifindex = 1;
	ck_assert_int_eq(try_add(&cmd), -EINVAL);
	ck_assert(!sk->auth || !sk->auth->ao);
}
END_TEST

START_TEST(algorithms_are_linuxs)
{
	static const struct {
		const char *name;
		uint8_t mac_len;
		const char *key;
		int result;
	} cases[] = {{"hmac(sha1)", 0, "k", 0},
		     {"hmac(sha1)", 16, "k", 0},
		     {"hmac(sha1)", 17, "k", -EMSGSIZE},
		     {"hmac(sha256)", 4, "", 0},
		     {"cmac(aes128)", 16, "any length", 0},
		     {"cmac(aes)", 12, "of sixteen bytes", 0},
		     {"cmac(aes)", 12, "of fewer", -EINVAL},
		     {"hmac(nonsense)", 12, "k", -ENOENT},
		     {"", 12, "k", -ENOENT}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tcp_ao_add cmd =
		    ao_command(PEER_V4, 32, (uint8_t)i, (uint8_t)i, cases[i].key);
		memset(cmd.alg_name, 0, sizeof(cmd.alg_name));
		strcpy(cmd.alg_name, cases[i].name);
		cmd.maclen = cases[i].mac_len;
		ck_assert_int_eq(try_add(&cmd), cases[i].result);
	}
}
END_TEST

/* RFC 5925 3.1 */
START_TEST(ids_of_keys_for_the_same_peer_differ)
{
	struct tcp_ao_add cmd = add();
	ck_assert_int_eq(try_add(&cmd), 0);
	ck_assert_int_eq(try_add(&cmd), -EEXIST);
	cmd.sndid = 7;
	ck_assert_int_eq(try_add(&cmd), -EEXIST);
	cmd.rcvid = 8;
	ck_assert_int_eq(try_add(&cmd), 0);
	cmd = ao_command(THIRD_V4, 32, 100, 101, "secret");
	ck_assert_int_eq(try_add(&cmd), 0);
	cmd = ao_command(0x0a4d0000, 16, 100, 200, "secret");
	ck_assert_int_eq(try_add(&cmd), -EEXIST);
	cmd = ao_command(0, 0, 200, 101, "secret");
	ck_assert_int_eq(try_add(&cmd), -EEXIST);
}
END_TEST

START_TEST(md5_and_ao_exclude_each_other)
{
	struct tcp_ao_add cmd = add();
	struct tcp_ao_info_opt info = {.ao_required = 1};
	ck_assert_int_eq(md5_set_key(sk, PEER_V4, "secret"), 0);
	ck_assert_int_eq(try_add(&cmd), -EKEYREJECTED);
	ck_assert_int_eq(ao_set(sk, TCP_AO_INFO, &info, sizeof(info)), -EKEYREJECTED);
	ck_assert_int_eq(md5_set_key(sk, PEER_V4, ""), 0);
	ck_assert_int_eq(try_add(&cmd), 0);
	ck_assert_int_eq(md5_set_key(sk, PEER_V4, "secret"), -EKEYREJECTED);
	ck_assert_int_eq(md5_set_key(sk, THIRD_V4, "secret"), 0);
	ck_assert_int_eq(md5_set_key(sk, THIRD_V4, ""), 0);
	ck_assert_int_eq(ao_set(sk, TCP_AO_INFO, &info, sizeof(info)), 0);
	ck_assert_int_eq(md5_set_key(sk, THIRD_V4, "secret"), -EKEYREJECTED);
}
END_TEST

START_TEST(the_keys_of_a_socket_are_bounded)
{
	uint32_t n = 0;
	struct tcp_ao_add cmd;
	int err;
	do {
		cmd = ao_command(0x0b000000 + n, 32, 1, 1, "secret");
		if (n == 0)
			cmd = ao_command(PEER_V4, 32, 1, 1, "secret");
		err = try_add(&cmd);
	} while (err == 0 && ++n < 100000);
	ck_assert_int_eq(err, -ENOMEM);
	ck_assert_uint_ge(n, 300);
	ck_assert_uint_lt(n, 1000);
}
END_TEST

/* --- TCP_AO_DEL_KEY, TCP_AO_INFO, TCP_AO_REPAIR ---------------------------------------------- */

static struct tcp_ao_del del(uint8_t sndid, uint8_t rcvid)
{
	struct tcp_ao_add like = add();
	struct tcp_ao_del cmd = {.prefix = 32, .sndid = sndid, .rcvid = rcvid};
	memcpy(&cmd.addr, &like.addr, sizeof(cmd.addr));
	return cmd;
}

static int try_del(const struct tcp_ao_del *cmd)
{
	return ao_set(sk, TCP_AO_DEL_KEY, cmd, sizeof(*cmd));
}

START_TEST(a_key_in_use_is_not_deleted)
{
	struct tcp_ao_add cmd = add();
	struct tcp_ao_del gone = del(100, 101), other = del(1, 2);
	ck_assert_int_eq(try_del(&gone), -ENOENT);
	cmd.set_current = cmd.set_rnext = 1;
	ck_assert_int_eq(try_add(&cmd), 0);
	ck_assert_int_eq(try_del(&other), -ENOENT);
	ck_assert_int_eq(try_del(&gone), -EBUSY);
	cmd = ao_command(PEER_V4, 32, 1, 2, "another");
	ck_assert_int_eq(try_add(&cmd), 0);
	gone.set_current = gone.set_rnext = 1;
	gone.current_key = 9;
	gone.rnext = 2;
	ck_assert_int_eq(try_del(&gone), -ENOENT);
	gone.current_key = 1;
	ck_assert_int_eq(try_del(&gone), 0);
	ck_assert_uint_eq(sk->auth->ao->current->sndid, 1);
	ck_assert_uint_eq(sk->auth->ao->rnext->rcvid, 2);
	gone.reserved = 1;
	ck_assert_int_eq(try_del(&gone), -EINVAL);
	gone = del(1, 2);
	gone.del_async = 1;
	ck_assert_int_eq(try_del(&gone), -EINVAL);
}
END_TEST

START_TEST(a_listener_has_no_current_key)
{
	struct tcp_ao_add cmd = add();
	struct tcp_ao_info_opt info = {.set_current = 1, .current_key = 100};
	struct tcp_ao_del gone = del(100, 101);
	sk = wire_listen(w, 5);
	cmd.set_current = 1;
	ck_assert_int_eq(try_add(&cmd), -EINVAL);
	cmd.set_current = 0;
	ck_assert_int_eq(try_add(&cmd), 0);
	ck_assert_int_eq(ao_set(sk, TCP_AO_INFO, &info, sizeof(info)), -EINVAL);
	gone.del_async = 1;
	ck_assert_int_eq(try_del(&gone), 0);
}
END_TEST

START_TEST(a_key_chosen_before_listen_goes_with_del_async)
{
	struct sock_addr any = {.addr = ip_v4(0), .port = WIRE_PORT};
	struct tcp_ao_add cmd = add();
	struct tcp_ao_del gone = del(100, 101);
	cmd.set_current = cmd.set_rnext = 1;
	ck_assert_int_eq(try_add(&cmd), 0);
	ck_assert_int_eq(tcp_bind(sk, &any), 0);
	ck_assert_int_eq(tcp_listen(sk, 5), 0);
	ck_assert_int_eq(try_del(&gone), -EBUSY);
	gone.del_async = 1;
	ck_assert_int_eq(try_del(&gone), 0);
	ck_assert_ptr_null(sk->auth->ao->current);
}
END_TEST

START_TEST(info_says_what_was_set)
{
	struct tcp_ao_info_opt in = {.ao_required = 1,
				     .accept_icmps = 1,
				     .set_counters = 1,
				     .pkt_good = 1,
				     .pkt_bad = 2,
				     .pkt_key_not_found = 3,
				     .pkt_ao_required = 4,
				     .pkt_dropped_icmp = 5},
			       out = {0};
	size_t len = sizeof(out);
	ck_assert_int_eq(tcp_getsockopt(sk, IPPROTO_TCP, TCP_AO_INFO, &out, &len), -ENOENT);
	ck_assert_int_eq(ao_set(sk, TCP_AO_INFO, &in, sizeof(in)), 0);
	ck_assert_int_eq(tcp_getsockopt(sk, IPPROTO_TCP, TCP_AO_INFO, &out, &len), 0);
	in.set_counters = 0;
	ck_assert_mem_eq(&in, &out, sizeof(in));
	out.reserved = 1;
	ck_assert_int_eq(tcp_getsockopt(sk, IPPROTO_TCP, TCP_AO_INFO, &out, &len), -EINVAL);
	ck_assert_int_eq(ao_set(sk, TCP_AO_INFO, &out, sizeof(out)), -EINVAL);
	in.set_rnext = 1;
	ck_assert_int_eq(ao_set(sk, TCP_AO_INFO, &in, sizeof(in)), -ENOENT);
}
END_TEST

START_TEST(a_longer_struct_must_be_zero_beyond)
{
	uint8_t longer[sizeof(struct tcp_ao_info_opt) + 8] = {0};
	ck_assert_int_eq(ao_set(sk, TCP_AO_INFO, longer, sizeof(longer)), 0);
	longer[sizeof(longer) - 1] = 1;
	ck_assert_int_eq(ao_set(sk, TCP_AO_INFO, longer, sizeof(longer)), -E2BIG);
}
END_TEST

START_TEST(there_is_no_repair)
{
	uint8_t val[16] = {0};
	size_t len = sizeof(val);
	ck_assert_int_eq(ao_set(sk, TCP_AO_REPAIR, val, sizeof(val)), -EPERM);
	ck_assert_int_eq(tcp_getsockopt(sk, IPPROTO_TCP, TCP_AO_REPAIR, val, &len), -EPERM);
	ck_assert_int_eq(tcp_getsockopt(sk, IPPROTO_TCP, TCP_AO_ADD_KEY, val, &len), -ENOPROTOOPT);
	ck_assert_int_eq(ao_set(sk, TCP_AO_GET_KEYS, val, sizeof(val)), -ENOPROTOOPT);
}
END_TEST

START_TEST(a_connection_without_cannot_become_protected)
{
	struct tcp_ao_add cmd = add();
	wire_passive_open(w, "mss 1460", 512);
	ck_assert_int_eq(ao_set(w->sk, TCP_AO_ADD_KEY, &cmd, sizeof(cmd)), -EISCONN);
}
END_TEST

/* --- TCP_AO_GET_KEYS ------------------------------------------------------------------------- */

static int get(struct tcp_ao_getsockopt *val)
{
	size_t len = sizeof(*val);
	int err = tcp_getsockopt(sk, IPPROTO_TCP, TCP_AO_GET_KEYS, val, &len);
	ck_assert(err || len == sizeof(*val));
	return err;
}

START_TEST(keys_can_be_read_one_by_one)
{
	struct tcp_ao_add cmd = add();
	struct tcp_ao_getsockopt val = {.get_all = 1, .nkeys = 1};
	ck_assert_int_eq(get(&val), -ENOENT);
	cmd.set_current = 1;
	ck_assert_int_eq(try_add(&cmd), 0);
	cmd = ao_command(0x0b000000, 8, 3, 4, "0123456789");
	strcpy(cmd.alg_name, "cmac(aes128)");
	cmd.maclen = 8;
	cmd.keyflags = TCP_AO_KEYF_EXCLUDE_OPT;
	ck_assert_int_eq(try_add(&cmd), 0);
	ck_assert_int_eq(get(&val), 0);
	ck_assert_uint_eq(val.nkeys, 2);
	ck_assert_mem_eq(&val.addr, &cmd.addr, 8);
	ck_assert_str_eq(val.alg_name, "cmac(aes)");
	ck_assert_uint_eq(val.keylen, 16); /* what RFC 5926 makes of it */
	ck_assert_uint_eq(val.prefix, 8);
	ck_assert_uint_eq(val.sndid, 3);
	ck_assert_uint_eq(val.rcvid, 4);
	ck_assert_uint_eq(val.maclen, 8);
	ck_assert_uint_eq(val.keyflags, TCP_AO_KEYF_EXCLUDE_OPT);
	ck_assert(!val.is_current && !val.is_rnext);
	val = (struct tcp_ao_getsockopt){.is_current = 1, .nkeys = 1};
	ck_assert_int_eq(get(&val), 0);
	ck_assert_uint_eq(val.nkeys, 1);
	ck_assert(val.is_current && !val.is_rnext);
	ck_assert_str_eq(val.alg_name, "hmac(sha1)");
	ck_assert_str_eq((char *)val.key, "secret");
	ck_assert_uint_eq(val.maclen, 12);
}
END_TEST

START_TEST(keys_can_be_asked_for_by_address_and_ids)
{
	struct tcp_ao_add cmd = add();
	struct tcp_ao_getsockopt val = {.sndid = 100, .rcvid = 101, .prefix = 32, .nkeys = 1};
	ck_assert_int_eq(try_add(&cmd), 0);
	ck_assert_int_eq(get(&val), -EAFNOSUPPORT);
	memcpy(&val.addr, &cmd.addr, sizeof(val.addr));
	ck_assert_int_eq(get(&val), 0);
	ck_assert_uint_eq(val.nkeys, 1);
	ck_assert_str_eq((char *)val.key, "secret");
	val.sndid = 99;
	val.nkeys = 1;
	ck_assert_int_eq(get(&val), 0);
	ck_assert_uint_eq(val.nkeys, 0);
	val.prefix = 33;
	ck_assert_int_eq(get(&val), -EINVAL);
	val = (struct tcp_ao_getsockopt){.get_all = 1, .is_rnext = 1};
	ck_assert_int_eq(get(&val), -EINVAL);
	val = (struct tcp_ao_getsockopt){.get_all = 1, .sndid = 100};
	ck_assert_int_eq(get(&val), -EINVAL);
	val = (struct tcp_ao_getsockopt){.get_all = 1, .pkt_bad = 1};
	ck_assert_int_eq(get(&val), -EINVAL);
}
END_TEST

Suite *ao_keys_suite(void)
{
	Suite *s = suite_create("ao_keys");
	TCase *known = tcase_create("known answers");
	tcase_add_checked_fixture(known, setup, teardown);
	tcase_add_loop_test(known, rfc_9235_segments_verify, 0, VECTORS);
	tcase_add_loop_test(known, the_tests_own_code_agrees, 0, VECTORS);
	tcase_add_test(known, the_extension_counts_wraps);
	suite_add_tcase(s, known);

	TCase *options = tcase_create("options");
	tcase_add_checked_fixture(options, setup, teardown);
	tcase_add_test(options, what_a_key_may_not_be);
	tcase_add_test(options, algorithms_are_linuxs);
	tcase_add_test(options, ids_of_keys_for_the_same_peer_differ);
	tcase_add_test(options, md5_and_ao_exclude_each_other);
	tcase_add_test(options, the_keys_of_a_socket_are_bounded);
	tcase_add_test(options, a_key_in_use_is_not_deleted);
	tcase_add_test(options, a_listener_has_no_current_key);
	tcase_add_test(options, a_key_chosen_before_listen_goes_with_del_async);
	tcase_add_test(options, info_says_what_was_set);
	tcase_add_test(options, a_longer_struct_must_be_zero_beyond);
	tcase_add_test(options, there_is_no_repair);
	tcase_add_test(options, a_connection_without_cannot_become_protected);
	tcase_add_test(options, keys_can_be_read_one_by_one);
	tcase_add_test(options, keys_can_be_asked_for_by_address_and_ids);
	suite_add_tcase(s, options);
	return s;
}
