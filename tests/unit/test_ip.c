/* SPDX-License-Identifier: MIT */
/* IPv4: every check of an arriving header, and what leaves: headers, checksums, offload, fragments,
 * loopback. */
#include <errno.h>

#include "stack/base/bytes.h"
#include "stack/base/checksum.h"
#include "tests/unit/host.h"
#include "tests/unit/suites.h"

static size_t echo_frame(uint8_t *to, const struct ipv4_spec *given, size_t body_len)
{
	uint8_t body[3000], icmp[3100];
	struct ipv4_spec spec = *given;
	memset(body, 'x', sizeof(body));
	spec.proto = IPPROTO_ICMP_;
	return frame_ipv4(to, &spec, icmp, icmp_message(icmp, ICMP_ECHO, 0, 1, body, body_len));
}

static bool answered(struct host *h)
{
	const struct sent_frame *f = host_sent(h);
	return f && is_ipv4(f, IPPROTO_ICMP_) && f->data[34] == ICMP_ECHO_REPLY;
}

static const struct ipv4_spec plain;

/* --- in ------------------------------------------------------------------------------------- */

START_TEST(sound_packet_is_delivered)
{
	struct host *h = host_new();
	uint8_t frame[200];
	size_t len = echo_frame(frame, &plain, 20);
	host_input(h, frame, len);
	ck_assert(answered(h));
	ck_assert_uint_eq(host_counter(h, IpInReceives), 1);
	ck_assert_uint_eq(host_counter(h, IpInDelivers), 1);
	ck_assert_uint_eq(host_counter(h, IpExtInOctets), len - ETHERNET_HDR_BYTES);
	ck_assert_uint_eq(host_counter(h, IpOutRequests), 1);
	host_free(h);
}
END_TEST

START_TEST(ethernet_padding_is_trimmed)
{
	struct host *h = host_new();
	uint8_t frame[200] = {0};
	size_t len = echo_frame(frame, &plain, 2);
	memset(frame + len, 0xee, 60 - len);
	host_input(h, frame, 60);
	const struct sent_frame *f = host_sent(h);
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(f->len, len); /* the padding was not echoed */
	host_free(h);
}
END_TEST

START_TEST(truncated_packets_are_dropped_at_every_length)
{
	struct host *h = host_new();
	uint8_t frame[200];
	size_t len = echo_frame(frame, &plain, 20);
	for (size_t cut = ETHERNET_HDR_BYTES; cut < len; cut++)
		host_input(h, frame, cut);
	ck_assert_ptr_null(host_sent(h));
	ck_assert_uint_eq(host_counter(h, IpInHdrErrors), len - ETHERNET_HDR_BYTES);
	ck_assert_uint_eq(host_drops(h, DROP_IP_INHDR), IPV4_HDR_BYTES);
	ck_assert_uint_eq(host_drops(h, DROP_IP_TRUNCATED),
			  len - ETHERNET_HDR_BYTES - IPV4_HDR_BYTES);
	ck_assert_uint_eq(host_counter(h, IpExtInTruncatedPkts),
			  len - ETHERNET_HDR_BYTES - IPV4_HDR_BYTES);
	host_free(h);
}
END_TEST

START_TEST(bad_headers_are_dropped)
{
	static const struct {
		unsigned offset;
		uint8_t value;
	} damage[] = {
	    {14, 0x65}, {14, 0x05},		/* version */
	    {14, 0x44}, {14, 0x40}, {14, 0x4f}, /* header length: short, none, beyond the packet */
	};
	struct host *h = host_new();
	uint8_t good[200], bad[200];
	size_t len = echo_frame(good, &plain, 2);
	unsigned n = sizeof(damage) / sizeof(damage[0]);
	for (unsigned i = 0; i < n; i++) {
		memcpy(bad, good, len);
		bad[damage[i].offset] = damage[i].value;
		if (damage[i].value != 0x4f)
			ipv4_fix_checksum(bad);
		host_input(h, bad, len);
	}
	memcpy(bad, good, len);
	put_be16(bad + 16, 19); /* total length below the header's */
	ipv4_fix_checksum(bad);
	host_input(h, bad, len);
	ck_assert_uint_eq(host_counter(h, IpInHdrErrors), n + 1);
	ck_assert_uint_eq(host_drops(h, DROP_IP_INHDR), n + 1);
	ck_assert_ptr_null(host_sent(h));
	host_free(h);
}
END_TEST

START_TEST(every_flipped_header_bit_is_noticed)
{
	struct host *h = host_new();
	uint8_t good[200], bad[200];
	size_t len = echo_frame(good, &plain, 20);
	for (unsigned bit = 0; bit < IPV4_HDR_BYTES * 8; bit++) {
		memcpy(bad, good, len);
		bad[ETHERNET_HDR_BYTES + bit / 8] ^= (uint8_t)(1u << bit % 8);
		host_input(h, bad, len);
	}
	ck_assert_ptr_null(host_sent(h));
	ck_assert_uint_eq(host_counter(h, IpInHdrErrors), IPV4_HDR_BYTES * 8);
	ck_assert_uint_gt(host_counter(h, IpExtInCsumErrors), 100);
	ck_assert_uint_eq(host_counter(h, IpExtInCsumErrors), host_drops(h, DROP_IP_CSUM));
	host_free(h);
}
END_TEST

START_TEST(impossible_sources_are_dropped)
{
	static const uint32_t sources[] = {
	    0x00000001, 0x7f000001, 0xe0000001, 0xffffffff, 0x0a4d00ff, /* our broadcast address */
	    HOST_V4,							/* ours, from the wire */
	};
	struct host *h = host_new();
	uint8_t frame[200];
	unsigned n = sizeof(sources) / sizeof(sources[0]);
	for (unsigned i = 0; i < n; i++) {
		struct ipv4_spec spec = {.src = sources[i]};
		host_input(h, frame, echo_frame(frame, &spec, 4));
	}
	ck_assert_uint_eq(host_drops(h, DROP_IP_INVALID_SOURCE), n);
	ck_assert_uint_eq(host_counter(h, IpInDelivers), 0);
	ck_assert_ptr_null(host_sent(h));
	host_free(h);
}
END_TEST

START_TEST(what_is_not_for_us_is_counted_and_dropped)
{
	static const uint32_t destinations[] = {THIRD_V4,   0x08080808, 0xe0000001,
						0xffffffff, 0x0a4d00ff, 0x7f000001};
	struct host *h = host_new();
	uint8_t frame[200];
	unsigned n = sizeof(destinations) / sizeof(destinations[0]);
	for (unsigned i = 0; i < n; i++) {
		struct ipv4_spec spec = {.dst = destinations[i]};
		host_input(h, frame, echo_frame(frame, &spec, 4));
	}
	ck_assert_uint_eq(host_drops(h, DROP_IP_NOT_FOR_US), n);
	ck_assert_uint_eq(host_counter(h, IpInAddrErrors), n);
	ck_assert_ptr_null(host_sent(h));
	host_free(h);
}
END_TEST

START_TEST(options_are_skipped)
{
	static const uint8_t some[12] = {1, 1, 7, 7, 4, 0, 0, 0, 0, 0x88, 2, 0};
	static const uint8_t ends[4] = {0, 0xff, 0xff, 0xff};
	uint8_t full[40];
	struct host *h = host_new();
	uint8_t frame[200];
	struct ipv4_spec spec = {.options = some, .options_len = sizeof(some)};
	host_input(h, frame, echo_frame(frame, &spec, 4));
	ck_assert(answered(h));
	spec.options = ends;
	spec.options_len = sizeof(ends);
	host_input(h, frame, echo_frame(frame, &spec, 4));
	ck_assert(answered(h));
	memset(full, 1, sizeof(full));
	spec.options = full;
	spec.options_len = sizeof(full);
	host_input(h, frame, echo_frame(frame, &spec, 4));
	ck_assert(answered(h));
	host_free(h);
}
END_TEST

START_TEST(malformed_options_and_source_routes_are_dropped)
{
	static const uint8_t bad[][4] = {
	    {7, 0, 0, 0},    /* length zero */
	    {7, 1, 0, 0},    /* less than type and length */
	    {7, 5, 0, 0},    /* beyond the header */
	    {1, 1, 1, 7},    /* no room for a length */
	    {0x83, 3, 4, 0}, /* loose source route */
	    {0x89, 3, 4, 0}, /* strict source route */
	};
	struct host *h = host_new();
	uint8_t frame[200];
	for (unsigned i = 0; i < 6; i++) {
		struct ipv4_spec spec = {.options = bad[i], .options_len = 4};
		host_input(h, frame, echo_frame(frame, &spec, 4));
	}
	ck_assert_uint_eq(host_drops(h, DROP_IP_INHDR), 6);
	ck_assert_ptr_null(host_sent(h));
	host_free(h);
}
END_TEST

START_TEST(a_ttl_of_one_is_enough)
{
	struct host *h = host_new();
	uint8_t frame[200];
	struct ipv4_spec spec = {.ttl = 1}; /* RFC 1122 3.2.1.7: we are the destination */
	host_input(h, frame, echo_frame(frame, &spec, 4));
	const struct sent_frame *f = host_sent(h);
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(f->data[22], 64);
	host_free(h);
}
END_TEST

/* --- out ------------------------------------------------------------------------------------ */

/* A TCP-like packet: the checksum at offset 16 of a 20-byte header. */
static struct ip_tx tcp_like(uint32_t dst)
{
	struct ip_tx tx = {.src = ip_v4(HOST_V4),
			   .dst = ip_v4(dst),
			   .proto = IPPROTO_TCP_,
			   .df = true,
			   .hdr_len = 20,
			   .csum_offset = 16};
	for (int i = 0; i < 20; i++)
		tx.hdr[i] = i == 16 || i == 17 ? 0 : (uint8_t)(i * 3);
	return tx;
}

static uint16_t l4_sum(const uint8_t *ip, size_t l4_len)
{
	struct ip_addr src = ip_v4(be32_of(ip + 12)), dst = ip_v4(be32_of(ip + 16));
	return csum_fold(
	    csum_partial(ip + 20, l4_len, csum_pseudo(&src, &dst, ip[9], (uint32_t)l4_len)));
}

START_TEST(checksum_is_complete_without_offload)
{
	struct stack_config config = host_config();
	static uint8_t a[3] = "abc", b[1] = "d", c[5] = "efghi";
	config.tx_csum_offload = false;
	struct host *h = host_new_with(&config, true);
	ck_assert_uint_eq(stack_config(h->st)->tso_max_bytes, 0); /* no TSO without it */
	struct ip_tx tx = tcp_like(PEER_V4);
	tx.payload[0] = (struct iovec){a, 3}; /* odd spans */
	tx.payload[1] = (struct iovec){b, 1};
	tx.payload[2] = (struct iovec){c, 5};
	tx.payload_cnt = 3;
	tx.payload_len = 9;
	ck_assert_int_eq(ip_output(h->st, &tx), 0);
	const struct sent_frame *f = host_sent(h);
	ck_assert(is_ipv4(f, IPPROTO_TCP_));
	ck_assert(!f->meta.csum_partial);
	ck_assert_uint_eq(l4_sum(f->data + 14, 29), 0xffff);
	ck_assert_mem_eq(f->data + 54, "abcdefghi", 9);
	ck_assert_uint_eq(be16_of(f->data + 20), IPV4_DF);
	host_free(h);
}
END_TEST

START_TEST(offload_leaves_the_pseudo_header_sum_and_says_where)
{
	struct host *h = host_new();
	struct ip_tx tx = tcp_like(PEER_V4);
	struct ip_addr src = ip_v4(HOST_V4), dst = ip_v4(PEER_V4);
	static uint8_t data[9000];
	tx.payload[0] = (struct iovec){data, sizeof(data)};
	tx.payload_cnt = 1;
	tx.payload_len = sizeof(data);
	tx.gso_size = 1448;
	tx.ecn_cwr = true;
	ck_assert_int_eq(ip_output(h->st, &tx), 0);
	const struct sent_frame *f = host_sent(h);
	ck_assert_uint_eq(f->len, 54 + sizeof(data));
	ck_assert(f->meta.csum_partial && f->meta.ecn);
	ck_assert_uint_eq(f->meta.csum_start, 34);
	ck_assert_uint_eq(f->meta.csum_offset, 16);
	ck_assert_uint_eq(f->meta.gso_size, 1448);
	ck_assert_uint_eq(f->meta.hdr_len, 54);
	ck_assert_uint_eq(be16_of(f->data + 50),
			  csum_fold(csum_pseudo(&src, &dst, 6, 20 + sizeof(data))));
	uint16_t id = be16_of(f->data + 18);
	tx.payload[0].iov_len = tx.payload_len = 1448; /* fits: nothing to cut */
	ck_assert_int_eq(ip_output(h->st, &tx), 0);
	f = host_sent(h);
	ck_assert_uint_eq(f->meta.gso_size, 0);
	ck_assert_uint_eq((uint16_t)(be16_of(f->data + 18) - id), 7); /* one per segment cut */
	host_free(h);
}
END_TEST

START_TEST(too_large_with_df_is_refused)
{
	struct host *h = host_new();
	static uint8_t data[66000];
	struct ip_tx tx = tcp_like(PEER_V4);
	tx.payload[0] = (struct iovec){data, 1461};
	tx.payload_cnt = 1;
	tx.payload_len = 1461;
	ck_assert_int_eq(ip_output(h->st, &tx), -EMSGSIZE);
	tx.payload[0].iov_len = tx.payload_len = 3000;
	tx.gso_size = 1461;
	ck_assert_int_eq(ip_output(h->st, &tx), -EMSGSIZE);
	tx.gso_size = 1460;
	tx.payload[0].iov_len = tx.payload_len = 65535 - 39;
	ck_assert_int_eq(ip_output(h->st, &tx), -EMSGSIZE);
	ck_assert_uint_eq(host_counter(h, IpFragFails), 2);
	ck_assert_uint_eq(host_counter(h, IpOutDiscards), 3);
	ck_assert_ptr_null(host_sent(h));
	tx.payload[0].iov_len = tx.payload_len = 65535 - 40;
	ck_assert_int_eq(ip_output(h->st, &tx), 0);
	host_free(h);
}
END_TEST

START_TEST(too_large_without_df_is_fragmented)
{
	struct host *h = host_new();
	uint8_t whole[4000];
	size_t have = 0;
	struct ip_tx tx = tcp_like(PEER_V4);
	static uint8_t data[3500];
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	tx.df = false;
	tx.payload[0] = (struct iovec){data, sizeof(data)};
	tx.payload_cnt = 1;
	tx.payload_len = sizeof(data);
	ck_assert_int_eq(ip_output(h->st, &tx), 0);
	ck_assert_uint_eq(host_sent_count(h), 3);
	uint16_t id = be16_of(h->sent[h->next]->data + 18);
	for (int i = 0; i < 3; i++) {
		const struct sent_frame *f = host_sent(h);
		uint16_t frag = be16_of(f->data + 20);
		ck_assert(is_ipv4(f, IPPROTO_TCP_));
		ck_assert_uint_le(f->len, 1514);
		ck_assert(!f->meta.csum_partial);
		ck_assert_uint_eq(be16_of(f->data + 18), id);
		ck_assert_uint_eq((frag & IPV4_OFFSET_MASK) * 8, have);
		ck_assert_uint_eq(!!(frag & IPV4_MF), i < 2);
		memcpy(whole + 20 + have, f->data + 34, f->len - 34);
		memcpy(whole, f->data + 14, 20);
		have += f->len - 34;
	}
	ck_assert_uint_eq(have, 20 + sizeof(data));
	ck_assert_mem_eq(whole + 40, data, sizeof(data));
	ck_assert_uint_eq(l4_sum(whole, have), 0xffff);
	ck_assert_uint_eq(host_counter(h, IpFragOKs), 1);
	ck_assert_uint_eq(host_counter(h, IpFragCreates), 3);
	host_free(h);
}
END_TEST

START_TEST(unroutable_is_refused)
{
	struct host *h = host_new();
	static const uint32_t nowhere[] = {0x08080808, 0xe0000001, 0xffffffff, 0x0a4d00ff};
	for (int i = 0; i < 4; i++) {
		struct ip_tx tx = tcp_like(nowhere[i]);
		ck_assert_int_eq(ip_output(h->st, &tx), -ENETUNREACH);
	}
	struct ip_tx tx = tcp_like(PEER_V4);
	tx.src = ip_v4(THIRD_V4); /* not ours */
	ck_assert_int_eq(ip_output(h->st, &tx), -ENETUNREACH);
	ck_assert_uint_eq(host_counter(h, IpOutNoRoutes), 5);
	ck_assert_ptr_null(host_sent(h));
	host_free(h);
}
END_TEST

/* --- to ourselves --------------------------------------------------------------------------- */

static int ping_ourselves(struct host *h, uint32_t src, uint32_t dst, size_t len)
{
	static uint8_t body[65000];
	uint8_t icmp[8];
	icmp_message(icmp, ICMP_ECHO, 0, 7, NULL, 0);
	struct ip_tx tx = {.src = ip_v4(src),
			   .dst = ip_v4(dst),
			   .proto = IPPROTO_ICMP_,
			   .hdr_len = 8,
			   .csum_offset = 0xffff,
			   .payload = {{body, len}},
			   .payload_cnt = 1,
			   .payload_len = (uint32_t)len};
	memcpy(tx.hdr, icmp, 8);
	return ip_output(h->st, &tx);
}

START_TEST(our_own_addresses_and_loopback_never_reach_the_wire)
{
	struct host *h = host_new();
	ck_assert_int_eq(ping_ourselves(h, 0, 0x7f000001, 50), 0);
	ck_assert_int_eq(ping_ourselves(h, 0, 0x7f123456, 60000), 0); /* any of 127/8, any size */
	ck_assert_int_eq(ping_ourselves(h, 0, HOST_V4, 100), 0);
	ck_assert_int_eq(ping_ourselves(h, 0x7f000001, HOST_V4, 100), 0);
	ck_assert_uint_eq(host_counter(h, IcmpInEchos), 0); /* not from within the call */
	ck_assert_uint_le(stack_next_timer_us(h->st), h->now_us);
	stack_flush(h->st);
	ck_assert_uint_eq(host_counter(h, IcmpInEchos), 4);
	ck_assert_uint_eq(host_counter(h, IcmpInEchoReps), 4);
	ck_assert_ptr_null(host_sent(h));
	ck_assert_uint_gt(stack_next_timer_us(h->st), h->now_us);
	ck_assert_uint_eq(stack_pkt_pool(h->st)->used_bytes, 0);
	ck_assert_int_eq(ping_ourselves(h, 0x7f000001, PEER_V4, 1), -EINVAL);
	host_free(h);
}
END_TEST

START_TEST(loopback_queue_is_bounded)
{
	struct host *h = host_new();
	int sent = 0;
	while (sent < 5000 && ping_ourselves(h, 0, HOST_V4, 10) == 0)
		sent++;
	ck_assert_int_eq(sent, IP_LOOPBACK_QUEUE_MAX);
	ck_assert_uint_eq(host_drops(h, DROP_LOOPBACK_FULL), 1);
	stack_flush(h->st);
	ck_assert_int_eq(ping_ourselves(h, 0, HOST_V4, 10), 0);
	host_free(h); /* with one still queued */
}
END_TEST

START_TEST(loopback_without_buffers_is_refused)
{
	struct stack_config config = host_config();
	config.pkt_limit_bytes = 3 * PKT_SMALL_BYTES;
	struct host *h = host_new_with(&config, true);
	ck_assert_int_eq(ping_ourselves(h, 0, HOST_V4, 60000), -ENOBUFS);
	ck_assert_uint_eq(host_drops(h, DROP_PKT_NOMEM), 1);
	host_free(h);
}
END_TEST

/* --- protocols ------------------------------------------------------------------------------ */

START_TEST(unknown_protocol_is_unreachable)
{
	struct host *h = host_new();
	uint8_t frame[200];
	struct ipv4_spec spec = {.proto = 132};
	size_t len = frame_ipv4(frame, &spec, "0123456789", 10);
	host_input(h, frame, len);
	const struct sent_frame *f = host_sent(h);
	ck_assert(f && is_ipv4(f, IPPROTO_ICMP_));
	ck_assert_uint_eq(f->data[34], ICMP_DEST_UNREACH);
	ck_assert_uint_eq(f->data[35], ICMP_PROT_UNREACH);
	ck_assert_mem_eq(f->data + 42, frame + 14, len - 14); /* quotes the packet */
	ck_assert_uint_eq(host_counter(h, IpInUnknownProtos), 1);
	ck_assert_uint_eq(host_counter(h, IpInDelivers), 0);
	host_free(h);
}
END_TEST

START_TEST(udp_finds_no_port)
{
	struct host *h = host_new();
	uint8_t frame[200], udp[100];
	struct ipv4_spec spec = {.proto = IPPROTO_UDP_};
	size_t len = udp_datagram(udp, 1111, 53, "hello", 5);
	host_input(h, frame, frame_ipv4(frame, &spec, udp, len));
	const struct sent_frame *f = host_sent(h);
	ck_assert(f && is_ipv4(f, IPPROTO_ICMP_));
	ck_assert_uint_eq(f->data[34], ICMP_DEST_UNREACH);
	ck_assert_uint_eq(f->data[35], ICMP_PORT_UNREACH);
	udp[9] ^= 1; /* a damaged one is not answered */
	host_input(h, frame, frame_ipv4(frame, &spec, udp, len));
	host_input(h, frame, frame_ipv4(frame, &spec, udp, 7));
	udp[5] = 200; /* longer than the packet */
	host_input(h, frame, frame_ipv4(frame, &spec, udp, len));
	ck_assert_ptr_null(host_sent(h));
	ck_assert_uint_eq(host_drops(h, DROP_UNHANDLED_PROTO), 3);
	host_free(h);
}
END_TEST

Suite *ip_suite(void)
{
	Suite *s = suite_create("ip");
	TCase *in = tcase_create("input");
	tcase_add_test(in, sound_packet_is_delivered);
	tcase_add_test(in, ethernet_padding_is_trimmed);
	tcase_add_test(in, truncated_packets_are_dropped_at_every_length);
	tcase_add_test(in, bad_headers_are_dropped);
	tcase_add_test(in, every_flipped_header_bit_is_noticed);
	tcase_add_test(in, impossible_sources_are_dropped);
	tcase_add_test(in, what_is_not_for_us_is_counted_and_dropped);
	tcase_add_test(in, options_are_skipped);
	tcase_add_test(in, malformed_options_and_source_routes_are_dropped);
	tcase_add_test(in, a_ttl_of_one_is_enough);
	tcase_add_test(in, unknown_protocol_is_unreachable);
	tcase_add_test(in, udp_finds_no_port);
	suite_add_tcase(s, in);
	TCase *out = tcase_create("output");
	tcase_add_test(out, checksum_is_complete_without_offload);
	tcase_add_test(out, offload_leaves_the_pseudo_header_sum_and_says_where);
	tcase_add_test(out, too_large_with_df_is_refused);
	tcase_add_test(out, too_large_without_df_is_fragmented);
	tcase_add_test(out, unroutable_is_refused);
	suite_add_tcase(s, out);
	TCase *self = tcase_create("loopback");
	tcase_add_test(self, our_own_addresses_and_loopback_never_reach_the_wire);
	tcase_add_test(self, loopback_queue_is_bounded);
	tcase_add_test(self, loopback_without_buffers_is_refused);
	suite_add_tcase(s, self);
	return s;
}
