/* SPDX-License-Identifier: MIT */
/* TCP on the wire: headers, options, checksums, and what is counted when they are wrong. */
#include "stack/base/bytes.h"
#include "stack/base/checksum.h"
#include "tests/unit/suites.h"
#include "tests/unit/wire.h"

/* --- options --------------------------------------------------------------------------------- */

static struct tcp_options parsed(const void *bytes, size_t len, bool *ok)
{
	struct tcp_options opt = {0};
	*ok = tcp_options_parse(bytes, len, &opt);
	return opt;
}

#define PARSE(ok, ...)                                                                             \
	parsed((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), ok)

START_TEST(each_option_is_read)
{
	bool ok;
	struct tcp_options o =
	    PARSE(&ok, 2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 1, 0, 0, 0, 2, 0, 1, 3, 3, 7);
	ck_assert(ok);
	ck_assert_uint_eq(o.mss, 1460);
	ck_assert(o.sack_permitted && o.has_ts && o.has_wscale);
	ck_assert_uint_eq(o.tsval, 256);
	ck_assert_uint_eq(o.tsecr, 512);
	ck_assert_uint_eq(o.wscale, 7);
}
END_TEST

START_TEST(sack_blocks_are_read)
{
	bool ok;
	struct tcp_options o =
	    PARSE(&ok, 1, 1, 5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 9);
	ck_assert(ok);
	ck_assert_uint_eq(o.sack_cnt, 2);
	ck_assert_uint_eq(o.sack[1].start, 5);
	ck_assert_uint_eq(o.sack[1].end, 9);
}
END_TEST

START_TEST(the_end_of_the_list_is_the_end)
{
	bool ok;
	struct tcp_options o = PARSE(&ok, 1, 0, 2, 4, 5, 180);
	ck_assert(ok);
	ck_assert_uint_eq(o.mss, 0);
}
END_TEST

START_TEST(unknown_options_and_wrong_lengths_are_skipped)
{
	bool ok;
	struct tcp_options o =
	    PARSE(&ok, 254, 4, 1, 2, 2, 3, 9, 8, 4, 0, 0, 5, 9, 0, 0, 0, 0, 0, 0, 0, 3, 3, 9);
	ck_assert(ok);
	ck_assert_uint_eq(o.mss, 0);
	ck_assert(!o.has_ts);
	ck_assert_uint_eq(o.sack_cnt, 0);
	ck_assert_uint_eq(o.wscale, 9);
}
END_TEST

/* RFC 7323 2.3 */
START_TEST(a_window_scale_beyond_14_is_14)
{
	bool ok;
	ck_assert_uint_eq(PARSE(&ok, 3, 3, 15).wscale, 14);
	ck_assert_uint_eq(PARSE(&ok, 3, 3, 255).wscale, 14);
}
END_TEST

/* RFC 9293 3.1, MUST-7: illegal lengths are survived; what was read before holds. */
START_TEST(illegal_lengths_end_the_list)
{
	bool ok;
	ck_assert_uint_eq(PARSE(&ok, 2, 4, 5, 180, 8, 0, 1, 1).mss, 1460);
	ck_assert(!ok);
	(void)PARSE(&ok, 8, 1, 1, 1);
	ck_assert(!ok);
	(void)PARSE(&ok, 1, 1, 1, 2);
	ck_assert(!ok);
	(void)PARSE(&ok, 8, 10, 0, 0);
	ck_assert(!ok);
	(void)PARSE(&ok, 254, 255, 0, 0);
	ck_assert(!ok);
}
END_TEST

START_TEST(md5_is_found)
{
	bool ok;
	struct tcp_options o =
	    PARSE(&ok, 19, 18, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16);
	ck_assert(ok && o.auth == AUTH_MD5);
	ck_assert_uint_eq(o.mac[15], 16);
}
END_TEST

/* Whatever can be written can be read, fits in 40 bytes and is padded to four. */
START_TEST(what_is_written_can_be_read)
{
	struct tcp_options in = {.mss = _i & 1 ? 1460 : 0,
				 .sack_permitted = _i & 2,
				 .has_ts = _i & 4,
				 .tsval = _i & 4 ? 0x01020304 : 0,
				 .tsecr = _i & 4 ? 0xfffefdfc : 0,
				 .has_wscale = _i & 8,
				 .wscale = _i & 8 ? 14 : 0,
				 .sack_cnt = (uint8_t)(_i >> 4)},
			   out = {0};
	uint8_t bytes[TCP_OPTIONS_MAX_BYTES];
	for (uint8_t i = 0; i < in.sack_cnt; i++)
		in.sack[i] = (struct sack_block){10u * i, 10u * i + 5};
	size_t len = tcp_options_write(bytes, &in);
	ck_assert_uint_le(len, TCP_OPTIONS_MAX_BYTES);
	ck_assert_uint_eq(len % 4, 0);
	ck_assert(tcp_options_parse(bytes, len, &out));
	size_t fit = (TCP_OPTIONS_MAX_BYTES - (len - (out.sack_cnt ? 4 + 8u * out.sack_cnt : 0)));
	size_t blocks = fit >= 12 ? (fit - 4) / 8 : 0;
	ck_assert_uint_eq(out.sack_cnt, in.sack_cnt < blocks ? in.sack_cnt : blocks);
	in.sack_cnt = out.sack_cnt;
	for (uint8_t i = in.sack_cnt; i < TCP_SACK_BLOCKS_MAX; i++)
		in.sack[i] = (struct sack_block){0, 0};
	ck_assert_mem_eq(&in, &out, offsetof(struct tcp_options, mac));
}
END_TEST

/* RFC 7413 appendix A, RFC 6994: Fast Open before it had a number of its own. */
START_TEST(the_experimental_fast_open_option_is_one)
{
	bool ok;
	struct tcp_options o = PARSE(&ok, 254, 8, 0xf9, 0x89, 1, 2, 3, 4);
	ck_assert(ok && o.has_tfo && o.tfo_exp);
	ck_assert_uint_eq(o.tfo_len, 4);
	o = PARSE(&ok, 254, 4, 0xf9, 0x89);
	ck_assert(ok && o.has_tfo && o.tfo_len == 0); /* a request */
	o = PARSE(&ok, 254, 8, 0xf9, 0x88, 1, 2, 3, 4);
	ck_assert(ok && !o.has_tfo); /* another experiment */
	o = PARSE(&ok, 254, 3, 0xf9, 1);
	ck_assert(ok && !o.has_tfo);
}
END_TEST

/* The padding is behind it, as Linux has it. */
START_TEST(fast_open_options_as_they_are_written)
{
	static const uint8_t plain[] = {34, 6, 1, 2, 3, 4, 1, 1},
			     experimental[] = {254, 8, 0xf9, 0x89, 1, 2, 3, 4};
	uint8_t bytes[TCP_OPTIONS_MAX_BYTES];
	struct tcp_options o = {.has_tfo = true, .tfo_len = 4, .tfo = {1, 2, 3, 4}};
	ck_assert_uint_eq(tcp_options_write(bytes, &o), 8);
	ck_assert_mem_eq(bytes, plain, 8);
	o.tfo_exp = true;
	ck_assert_uint_eq(tcp_options_write(bytes, &o), 8);
	ck_assert_mem_eq(bytes, experimental, 8);
}
END_TEST

/* --- headers --------------------------------------------------------------------------------- */

static struct wire *w;

static void setup(void)
{
	w = wire_new();
	wire_listen(w, 100);
}

static void teardown(void)
{
	wire_free(w);
}

/* A SYN in a buffer of its own, for a test to spoil. */
static size_t make_syn(uint8_t *tcp)
{
	memset(tcp, 0, 64);
	uint8_t *p = tcp_header_write(tcp, 4000, WIRE_PORT, 1000, 0, 24, TCP_SYN, 5000, 0);
	put_be16(put_be16(p, 0x0204), 1460);
	return 24;
}

static void put_checksum(uint8_t *tcp, size_t len)
{
	struct ip_addr src = ip_v4(PEER_V4), dst = ip_v4(HOST_V4);
	put_be16(tcp + 16, 0);
	uint32_t sum = csum_pseudo(&src, &dst, IPPROTO_TCP_, (uint32_t)len);
	put_be16(tcp + 16, csum_finish(csum_partial(tcp, len, sum)));
}

static void input(const uint8_t *tcp, size_t len, bool csum_valid)
{
	uint8_t frame[256];
	struct ipv4_spec spec = {.proto = IPPROTO_TCP_};
	host_input_offloaded(w->h, frame, frame_ipv4(frame, &spec, tcp, len), csum_valid);
}

START_TEST(a_sound_segment_is_taken)
{
	uint8_t tcp[64];
	size_t len = make_syn(tcp);
	put_checksum(tcp, len);
	input(tcp, len, false);
	ck_assert_uint_eq(tcp_count(w->st).request_socks, 1);
	wire_counts(w, TcpInSegs, 1);
	wire_counts(w, TcpInErrs, 0);
}
END_TEST

START_TEST(a_wrong_checksum_is_counted_and_nothing_else)
{
	uint8_t tcp[64];
	size_t len = make_syn(tcp);
	put_checksum(tcp, len);
	tcp[(unsigned)_i] ^= 0x10;
	input(tcp, len, false);
	wire_out_none(w);
	ck_assert_uint_eq(tcp_count(w->st).request_socks, 0);
	wire_counts(w, TcpInErrs, 1);
	if (_i != 12) { /* there it is the header's length that is wrong */
		wire_counts(w, TcpInCsumErrors, 1);
		ck_assert_uint_eq(host_drops(w->h, DROP_TCP_CSUM), 1);
	}
}
END_TEST

START_TEST(a_checksum_the_link_vouches_for_is_not_looked_at)
{
	uint8_t tcp[64];
	size_t len = make_syn(tcp);
	input(tcp, len, true);
	ck_assert_uint_eq(tcp_count(w->st).request_socks, 1);
}
END_TEST

START_TEST(truncated_headers)
{
	uint8_t tcp[64];
	make_syn(tcp);
	for (size_t len = 0; len < 24; len++) {
		put_checksum(tcp, len < 20 ? 20 : len);
		input(tcp, len, true);
	}
	wire_out_none(w);
	ck_assert_uint_eq(tcp_count(w->st).request_socks, 0);
	wire_counts(w, TcpInErrs, 24);
	ck_assert_uint_eq(host_drops(w->h, DROP_TCP_HDR), 24);
}
END_TEST

START_TEST(a_data_offset_that_cannot_be)
{
	for (uint8_t words = 0; words < 16; words++) {
		uint8_t tcp[64];
		make_syn(tcp);
		tcp[12] = (uint8_t)(words << 4);
		input(tcp, 24, true);
	}
	/* only 5 and 6 words are within it */
	ck_assert_uint_eq(host_drops(w->h, DROP_TCP_HDR), 14);
	wire_counts(w, TcpInErrs, 14);
}
END_TEST

/* The SYN is answered with what could be read of it, and counted. */
START_TEST(bogus_options)
{
	uint8_t tcp[64];
	make_syn(tcp);
	tcp[12] = 7 << 4;
	memcpy(tcp + 24, (const uint8_t[]){3, 0, 1, 1}, 4);
	put_checksum(tcp, 28);
	input(tcp, 28, false);
	wire_counts(w, TcpInErrs, 1);
	ck_assert_uint_eq(tcp_count(w->st).request_socks, 1);
}
END_TEST

/* RFC 9293 3.7.1 and RFC 7323 2.2: only a SYN can say these. */
START_TEST(syn_options_later_are_ignored)
{
	wire_in(w, "S 0:0(0) win 65535 <mss 1000>");
	wire_out(w, "S. 0:0(0) ack 1");
	wire_in(w, ". 1:1(0) ack 1 win 512 <mss 400,wscale 3,sackOK>");
	wire_accept(w);
	ck_assert_uint_eq(w->sk->mss_clamp, 1000);
	ck_assert(!w->sk->wscale_ok && !w->sk->sack_ok);
	ck_assert_uint_eq(w->sk->snd_wnd, 512);
}
END_TEST

START_TEST(aggregated_segments_count_each)
{
	uint8_t tcp[64 + 3000], frame[64 + 3100];
	memset(tcp, 0, sizeof(tcp));
	tcp_header_write(tcp, 4000, 1, 1000, 0, 20, TCP_ACK, 5000, 0);
	struct ipv4_spec spec = {.proto = IPPROTO_TCP_};
	size_t len = frame_ipv4(frame, &spec, tcp, 20 + 3000);
	struct pkt *p = pkt_alloc(stack_pkt_pool(w->st), len);
	memcpy(p->buf, frame, len);
	p->len = (uint32_t)len;
	p->csum_valid = true;
	p->gso_size = 1000;
	stack_input(w->st, p);
	wire_counts(w, TcpInSegs, 3);
}
END_TEST

/* RFC 1122 4.2.3.10 */
START_TEST(what_went_to_many_is_not_answered)
{
	static const uint32_t dst[] = {0xffffffff, 0x0a4d00ff, 0xe0000001};
	uint8_t tcp[64], frame[256];
	size_t len = make_syn(tcp);
	for (int i = 0; i < 3; i++) {
		struct ipv4_spec spec = {.proto = IPPROTO_TCP_, .dst = dst[i]};
		host_input_offloaded(w->h, frame, frame_ipv4(frame, &spec, tcp, len), true);
	}
	ck_assert_uint_eq(host_sent_count(w->h), 0);
	ck_assert_uint_eq(tcp_count(w->st).request_socks, 0);
}
END_TEST

Suite *segment_suite(void)
{
	Suite *s = suite_create("segment");
	TCase *options = tcase_create("options"), *headers = tcase_create("headers");
	tcase_add_test(options, each_option_is_read);
	tcase_add_test(options, sack_blocks_are_read);
	tcase_add_test(options, the_end_of_the_list_is_the_end);
	tcase_add_test(options, unknown_options_and_wrong_lengths_are_skipped);
	tcase_add_test(options, a_window_scale_beyond_14_is_14);
	tcase_add_test(options, illegal_lengths_end_the_list);
	tcase_add_test(options, md5_is_found);
	tcase_add_test(options, the_experimental_fast_open_option_is_one);
	tcase_add_test(options, fast_open_options_as_they_are_written);
	tcase_add_loop_test(options, what_is_written_can_be_read, 0, 80);
	suite_add_tcase(s, options);
	tcase_add_checked_fixture(headers, setup, teardown);
	tcase_add_test(headers, a_sound_segment_is_taken);
	tcase_add_loop_test(headers, a_wrong_checksum_is_counted_and_nothing_else, 0, 24);
	tcase_add_test(headers, a_checksum_the_link_vouches_for_is_not_looked_at);
	tcase_add_test(headers, truncated_headers);
	tcase_add_test(headers, a_data_offset_that_cannot_be);
	tcase_add_test(headers, bogus_options);
	tcase_add_test(headers, syn_options_later_are_ignored);
	tcase_add_test(headers, aggregated_segments_count_each);
	tcase_add_test(headers, what_went_to_many_is_not_answered);
	suite_add_tcase(s, headers);
	return s;
}
