/* SPDX-License-Identifier: MIT */
/* ICMP: echo, errors of ours and their limits, errors of others and whether TCP believes them. */
#include <errno.h>

#include "stack/base/bytes.h"
#include "stack/base/checksum.h"
#include "tests/unit/host.h"
#include "tests/unit/suites.h"

static void icmp_in(struct host *h, uint8_t type, uint8_t code, uint32_t info, const void *body,
		    size_t len)
{
	uint8_t icmp[3000], frame[3100];
	struct ipv4_spec spec = {.proto = IPPROTO_ICMP_};
	size_t icmp_len = icmp_message(icmp, type, code, info, body, len);
	host_input(h, frame, frame_ipv4(frame, &spec, icmp, icmp_len));
}

/* --- echo ----------------------------------------------------------------------------------- */

START_TEST(echo_returns_everything)
{
	struct host *h = host_new();
	uint8_t body[1400], icmp[1408], frame[1500];
	memset(body, 0x5a, sizeof(body));
	struct ipv4_spec spec = {.proto = IPPROTO_ICMP_, .tos = 0x28};
	icmp_message(icmp, ICMP_ECHO, 0, 0x12345678, body, sizeof(body));
	host_input(h, frame, frame_ipv4(frame, &spec, icmp, sizeof(icmp)));
	const struct sent_frame *f = host_sent(h);
	ck_assert(f && is_ipv4(f, IPPROTO_ICMP_));
	ck_assert_uint_eq(f->data[34], ICMP_ECHO_REPLY);
	ck_assert_uint_eq(be32_of(f->data + 38), 0x12345678); /* identifier and sequence */
	ck_assert_uint_eq(f->len, 42 + sizeof(body));
	ck_assert_mem_eq(f->data + 42, body, sizeof(body));
	ck_assert_uint_eq(csum_finish(csum_partial(f->data + 34, f->len - 34, 0)), 0);
	ck_assert_uint_eq(f->data[15], 0x28);
	ck_assert_uint_eq(be32_of(f->data + 26), HOST_V4);
	ck_assert_uint_eq(be32_of(f->data + 30), PEER_V4);
	ck_assert_uint_eq(host_counter(h, IcmpInEchos), 1);
	ck_assert_uint_eq(host_counter(h, IcmpOutEchoReps), 1);
	ck_assert_uint_eq(host_counter(h, IcmpOutMsgs), 1);
	host_free(h);
}
END_TEST

START_TEST(echo_can_be_left_unanswered)
{
	struct host *h = host_new();
	stack_sysctls(h->st)->icmp_echo_ignore_all = 1;
	icmp_in(h, ICMP_ECHO, 0, 1, "abc", 3);
	ck_assert_ptr_null(host_sent(h));
	ck_assert_uint_eq(host_counter(h, IcmpInEchos), 1);
	ck_assert_uint_eq(host_drops(h, DROP_ICMP_IGNORED), 1);
	host_free(h);
}
END_TEST

START_TEST(echo_of_odd_and_empty_bodies)
{
	struct host *h = host_new();
	for (size_t len = 0; len < 10; len++) {
		icmp_in(h, ICMP_ECHO, 0, 1, "abcdefghi", len);
		const struct sent_frame *f = host_sent(h);
		ck_assert_uint_eq(f->len, 42 + len);
		ck_assert_uint_eq(csum_finish(csum_partial(f->data + 34, f->len - 34, 0)), 0);
	}
	host_free(h);
}
END_TEST

START_TEST(damaged_messages_are_dropped)
{
	struct host *h = host_new();
	uint8_t icmp[40], frame[200];
	struct ipv4_spec spec = {.proto = IPPROTO_ICMP_};
	size_t len = icmp_message(icmp, ICMP_ECHO, 0, 1, "0123456789", 10);
	for (size_t cut = 0; cut < 8; cut++)
		host_input(h, frame, frame_ipv4(frame, &spec, icmp, cut));
	ck_assert_uint_eq(host_drops(h, DROP_ICMP_INVALID), 8);
	for (size_t cut = 8; cut < len; cut++)
		host_input(h, frame, frame_ipv4(frame, &spec, icmp, cut));
	ck_assert_uint_eq(host_drops(h, DROP_ICMP_CSUM), len - 8);
	for (size_t i = 0; i < len; i++) {
		icmp[i] ^= 0x40;
		host_input(h, frame, frame_ipv4(frame, &spec, icmp, len));
		icmp[i] ^= 0x40;
	}
	ck_assert_uint_eq(host_counter(h, IcmpInCsumErrors), 2 * len - 8);
	ck_assert_uint_eq(host_counter(h, IcmpInErrors), 2 * len);
	ck_assert_ptr_null(host_sent(h));
	host_free(h);
}
END_TEST

START_TEST(other_types_are_ignored)
{
	struct host *h = host_new();
	static const uint8_t types[] = {ICMP_ECHO_REPLY, 4, 5, 9, 10, 13, 15, 17};
	for (unsigned i = 0; i < sizeof(types); i++)
		icmp_in(h, types[i], 0, 0, "01234567890123456789", 20);
	ck_assert_uint_eq(host_drops(h, DROP_ICMP_IGNORED), sizeof(types));
	icmp_in(h, 200, 0, 0, NULL, 0);
	ck_assert_uint_eq(host_drops(h, DROP_ICMP_INVALID), 1);
	ck_assert_ptr_null(host_sent(h));
	host_free(h);
}
END_TEST

/* --- errors of ours ------------------------------------------------------------------------- */

static void unknown_protocol(struct host *h, const struct ipv4_spec *given, size_t len)
{
	static uint8_t body[1400];
	uint8_t frame[1500];
	struct ipv4_spec spec = *given;
	spec.proto = spec.proto ? spec.proto : 200;
	host_input(h, frame, frame_ipv4(frame, &spec, body, len));
}

START_TEST(errors_are_limited)
{
	struct host *h = host_new();
	static const struct ipv4_spec plain;
	for (int i = 0; i < 200; i++)
		unknown_protocol(h, &plain, 10);
	ck_assert_uint_eq(host_sent_count(h), 50); /* the burst */
	ck_assert_uint_eq(host_counter(h, IcmpOutRateLimitGlobal), 150);
	ck_assert_uint_eq(host_counter(h, IcmpOutDestUnreachs), 50);
	host_advance(h, 10000); /* ten milliseconds earn ten */
	for (int i = 0; i < 200; i++)
		unknown_protocol(h, &plain, 10);
	ck_assert_uint_eq(host_sent_count(h), 60);
	host_advance(h, 3600 * SEC); /* and an hour no more than the burst */
	for (int i = 0; i < 200; i++)
		unknown_protocol(h, &plain, 10);
	ck_assert_uint_eq(host_sent_count(h), 110);
	stack_sysctls(h->st)->icmp_ratelimit_per_s = 0;
	host_advance(h, 3600 * SEC);
	unknown_protocol(h, &plain, 10);
	ck_assert_uint_eq(host_sent_count(h), 110);
	host_free(h);
}
END_TEST

START_TEST(errors_quote_no_more_than_fits_in_576)
{
	struct host *h = host_new();
	static const struct ipv4_spec plain;
	unknown_protocol(h, &plain, 1400);
	const struct sent_frame *f = host_sent(h);
	ck_assert(f && is_ipv4(f, IPPROTO_ICMP_));
	ck_assert_uint_eq(f->len, ETHERNET_HDR_BYTES + 576);
	ck_assert_uint_eq(csum_finish(csum_partial(f->data + 34, f->len - 34, 0)), 0);
	ck_assert_uint_eq(f->data[15], 0xc0);
	host_free(h);
}
END_TEST

START_TEST(no_error_about_an_error_or_a_later_fragment)
{
	struct host *h = host_new();
	uint8_t ip[64] = {0};
	static const struct {
		uint32_t src, dst;
		uint16_t frag;
		uint8_t proto, icmp_type;
		bool answered;
	} cases[] = {
	    {PEER_V4, HOST_V4, 0, 17, 0, true},
	    {PEER_V4, HOST_V4, IPV4_MF, 17, 0, true}, /* the first fragment */
	    {PEER_V4, HOST_V4, 1, 17, 0, false},
	    {PEER_V4, HOST_V4, 0, 1, ICMP_ECHO, true},
	    {PEER_V4, HOST_V4, 0, 1, ICMP_DEST_UNREACH, false},
	    {PEER_V4, HOST_V4, 0, 1, ICMP_TIME_EXCEEDED, false},
	    {PEER_V4, HOST_V4, 0, 1, ICMP_PARAMETER_PROBLEM, false},
	    {PEER_V4, HOST_V4, 0, 1, 5, false},
	    {0, HOST_V4, 0, 17, 0, false},
	    {0xe0000001, HOST_V4, 0, 17, 0, false},
	    {0x0a4d00ff, HOST_V4, 0, 17, 0, false},
	    {PEER_V4, 0xe0000001, 0, 17, 0, false},
	    {PEER_V4, 0x0a4d00ff, 0, 17, 0, false},
	};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ipv4_header_write(ip, 28, 1, cases[i].frag, 64, 0, cases[i].proto, cases[i].src,
				  cases[i].dst);
		ip[20] = cases[i].icmp_type;
		host_forget_sent(h);
		icmp_send_error(h->st, ip, 28, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0);
		ck_assert_msg((host_sent(h) != NULL) == cases[i].answered, "case %u", i);
	}
	icmp_send_error(h->st, ip, 19, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0); /* no header */
	ck_assert_ptr_null(host_sent(h));
	host_free(h);
}
END_TEST

/* --- errors of others, about connections of ours --------------------------------------------- */

#define PORT 80

struct client {
	struct host *h;
	struct tcp_sock *sk;
	uint32_t iss;
	uint16_t port;
	uint8_t packet[1600]; /* the last segment sent, from its IP header on */
	size_t len;
	unsigned events;
};

static void take_events(struct client *c)
{
	unsigned events;
	while (stack_next_event(c->h->st, &events))
		c->events |= events;
}

/* The last TCP segment sent becomes what is quoted. */
static void take_segment(struct client *c)
{
	const struct sent_frame *f;
	while ((f = host_sent(c->h))) {
		if (!is_ipv4(f, IPPROTO_TCP_))
			continue;
		c->len = f->len - 14 < sizeof(c->packet) ? f->len - 14 : sizeof(c->packet);
		memcpy(c->packet, f->data + 14, c->len);
	}
}

static struct client connecting(void)
{
	struct client c = {.h = host_new()};
	int err = 0, user;
	struct sock_addr peer = {.addr = ip_v4(PEER_V4), .port = PORT};
	c.sk = tcp_socket(c.h->st, &user, 0, &err);
	ck_assert_ptr_nonnull(c.sk);
	ck_assert_int_eq(tcp_connect(c.sk, &peer), 0);
	stack_flush(c.h->st);
	take_segment(&c);
	ck_assert_uint_eq(c.packet[33] & 0x12, 2); /* a SYN */
	c.port = be16_of(c.packet + 20);
	c.iss = be32_of(c.packet + 24);
	return c;
}

static struct client connected(void)
{
	struct client c = connecting();
	struct ip_addr src = ip_v4(PEER_V4), dst = ip_v4(HOST_V4);
	uint8_t tcp[24], frame[100];
	uint8_t *at = put_be16(tcp, PORT);
	at = put_be16(at, c.port);
	at = put_be32(at, 5000);
	at = put_be32(at, c.iss + 1);
	at = put_be16(at, 6 << 12 | 0x12); /* SYN, ACK */
	at = put_be16(at, 65535);
	at = put_be32(at, 0);
	put_be32(at, 0x020405b4); /* MSS 1460 */
	put_be16(tcp + 16, csum_finish(csum_partial(tcp, 24, csum_pseudo(&src, &dst, 6, 24))));
	struct ipv4_spec spec = {.proto = IPPROTO_TCP_};
	host_input(c.h, frame, frame_ipv4(frame, &spec, tcp, 24));
	take_events(&c);
	ck_assert(c.events & TCP_EVENT_CONNECTED);
	return c;
}

static void send_bytes(struct client *c, size_t n)
{
	struct iovec iov[8];
	while (n > 0) {
		int spans = tcp_send_reserve(c->sk, n, iov, 8);
		size_t put = 0;
		for (int i = 0; i < spans && put < n; i++) {
			size_t len = iov[i].iov_len < n - put ? iov[i].iov_len : n - put;
			memset(iov[i].iov_base, 'd', len);
			put += len;
		}
		ck_assert_uint_gt(put, 0);
		tcp_send_commit(c->sk, put);
		n -= put;
	}
	stack_flush(c->h->st);
}

static void error_in(struct client *c, uint8_t type, uint8_t code, uint32_t info, size_t quote)
{
	icmp_in(c->h, type, code, info, c->packet, quote);
	take_events(c);
}

START_TEST(refusals_end_a_connection_that_is_not_made_yet)
{
	static const struct {
		uint8_t type, code;
		int err;
	} cases[] = {
	    {ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, ECONNREFUSED},
	    {ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, EHOSTUNREACH},
	    {ICMP_DEST_UNREACH, ICMP_NET_UNREACH, ENETUNREACH},
	};
	for (int i = 0; i < 3; i++) {
		struct client c = connecting();
		error_in(&c, cases[i].type, cases[i].code, 0, 28);
		ck_assert(c.events & TCP_EVENT_ERROR);
		ck_assert_int_eq(tcp_error(c.sk), cases[i].err);
		host_free(c.h);
	}
}
END_TEST

START_TEST(forged_errors_change_nothing)
{
	struct client c = connecting();
	uint8_t good[sizeof(c.packet)];
	memcpy(good, c.packet, sizeof(good));
	put_be32(c.packet + 24, c.iss + 100000); /* RFC 5927 4.1: not a sequence number in flight */
	error_in(&c, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, 28);
	memcpy(c.packet, good, sizeof(good));
	put_be16(c.packet + 22, PORT + 1); /* no such connection */
	error_in(&c, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, 28);
	memcpy(c.packet, good, sizeof(good));
	put_be32(c.packet + 12, THIRD_V4); /* not from an address of ours */
	error_in(&c, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, 28);
	ck_assert_uint_eq(c.events & TCP_EVENT_ERROR, 0);
	ck_assert_int_eq(tcp_state(c.sk), TCP_SYN_SENT);
	memcpy(c.packet, good, sizeof(good));
	error_in(&c, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, 28);
	ck_assert(c.events & TCP_EVENT_ERROR);
	host_free(c.h);
}
END_TEST

START_TEST(broken_quotes_are_dropped)
{
	struct client c = connecting();
	uint8_t good[sizeof(c.packet)];
	memcpy(good, c.packet, sizeof(good));
	for (size_t quote = 0; quote < 28; quote++)
		error_in(&c, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, quote);
	c.packet[0] = 0x65;
	error_in(&c, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, 40);
	c.packet[0] = 0x44;
	error_in(&c, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, 40);
	c.packet[0] = 0x4f; /* a header longer than what is quoted */
	error_in(&c, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, 40);
	memcpy(c.packet, good, sizeof(good));
	c.packet[9] = IPPROTO_UDP_; /* of another protocol */
	error_in(&c, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, 40);
	memcpy(c.packet, good, sizeof(good));
	put_be16(c.packet + 6, 100); /* a later fragment: no ports in it */
	error_in(&c, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, 40);
	ck_assert_int_eq(tcp_state(c.sk), TCP_SYN_SENT);
	ck_assert_uint_eq(host_drops(c.h, DROP_ICMP_IGNORED), 33);
	host_free(c.h);
}
END_TEST

START_TEST(errors_do_not_end_an_established_connection)
{
	struct client c = connected();
	send_bytes(&c, 100);
	take_segment(&c);
	error_in(&c, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, 28); /* RFC 5461: soft */
	error_in(&c, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0, 28);
	error_in(&c, ICMP_TIME_EXCEEDED, 0, 0, 28);
	error_in(&c, ICMP_PARAMETER_PROBLEM, 0, 0, 28);
	ck_assert_int_eq(tcp_state(c.sk), TCP_ESTABLISHED);
	ck_assert_uint_eq(host_counter(c.h, IcmpInDestUnreachs), 2);
	ck_assert_uint_eq(host_counter(c.h, IcmpInTimeExcds), 1);
	ck_assert_uint_eq(host_counter(c.h, IcmpInParmProbs), 1);
	host_free(c.h);
}
END_TEST

START_TEST(fragmentation_needed_lowers_the_path_mtu_and_is_acted_on)
{
	struct client c = connected();
	send_bytes(&c, 5000);
	const struct sent_frame *f = NULL;
	c.len = 0;
	for (unsigned i = c.h->next; i < c.h->sent_count; i++) { /* the first data segment */
		if (is_ipv4(c.h->sent[i], IPPROTO_TCP_) && c.h->sent[i]->len > 54 && !f)
			f = c.h->sent[i];
	}
	ck_assert_ptr_nonnull(f);
	memcpy(c.packet, f->data + 14, 28);
	host_forget_sent(c.h);
	error_in(&c, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 1300, 28);
	ck_assert_uint_eq(ip_pmtu(c.h->st, PEER_V4, 1500), 1300);
	f = host_sent(c.h); /* sent again at once, smaller (RFC 1191 6.5) */
	ck_assert_ptr_nonnull(f);
	ck_assert(is_ipv4(f, IPPROTO_TCP_));
	ck_assert_uint_le(f->meta.gso_size ? f->meta.gso_size + 40u : f->len - 14, 1300);
	ck_assert_int_eq(tcp_state(c.sk), TCP_ESTABLISHED);
	host_free(c.h);
}
END_TEST

START_TEST(a_router_that_tells_no_mtu_means_the_next_plateau)
{
	struct client c = connected();
	send_bytes(&c, 1460);
	take_segment(&c);
	ck_assert_uint_eq(be16_of(c.packet + 2), 1500);
	error_in(&c, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 0, 28);
	ck_assert_uint_eq(ip_pmtu(c.h->st, PEER_V4, 1500), 1492);
	host_free(c.h);
}
END_TEST

START_TEST(a_forged_fragmentation_needed_changes_nothing)
{
	struct client c = connected();
	send_bytes(&c, 1460);
	take_segment(&c);
	put_be32(c.packet + 24, c.iss - 5000);
	error_in(&c, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 600, 28);
	ck_assert_uint_eq(ip_pmtu(c.h->st, PEER_V4, 1500), 1500);
	ck_assert_uint_eq(host_counter(c.h, TcpExtOutOfWindowIcmps), 1);
	host_free(c.h);
}
END_TEST

START_TEST(no_answer_from_the_neighbour_ends_a_connect)
{
	struct host *h = host_new_alone();
	int err = 0, user;
	unsigned events, seen = 0;
	struct sock_addr peer = {.addr = ip_v4(PEER_V4), .port = PORT};
	struct tcp_sock *sk = tcp_socket(h->st, &user, 0, &err);
	ck_assert_int_eq(tcp_connect(sk, &peer), 0);
	stack_flush(h->st);
	host_advance(h, 2 * SEC);
	ck_assert_int_eq(tcp_state(sk), TCP_SYN_SENT);
	host_advance(h, 2 * SEC);
	while (stack_next_event(h->st, &events))
		seen |= events;
	ck_assert(seen & TCP_EVENT_ERROR);
	ck_assert_int_eq(tcp_error(sk), EHOSTUNREACH);
	host_free(h);
}
END_TEST

START_TEST(no_answer_from_the_gateway_ends_a_connect)
{
	struct host *h = host_new_alone();
	int err = 0, user;
	unsigned events, seen = 0;
	struct sock_addr far = {.addr = ip_v4(0x08080808), .port = PORT};
	struct route def = {.gateway = PEER_V4};
	ck_assert_int_eq(ip_route_add(h->st, &def), 0);
	struct tcp_sock *sk = tcp_socket(h->st, &user, 0, &err);
	ck_assert_int_eq(tcp_connect(sk, &far), 0);
	stack_flush(h->st);
	host_advance(h, 4 * SEC);
	while (stack_next_event(h->st, &events))
		seen |= events;
	ck_assert(seen & TCP_EVENT_ERROR);
	ck_assert_int_eq(tcp_error(sk), EHOSTUNREACH);
	host_free(h);
}
END_TEST

Suite *icmp_suite(void)
{
	Suite *s = suite_create("icmp");
	TCase *echo = tcase_create("echo");
	tcase_add_test(echo, echo_returns_everything);
	tcase_add_test(echo, echo_of_odd_and_empty_bodies);
	tcase_add_test(echo, echo_can_be_left_unanswered);
	tcase_add_test(echo, damaged_messages_are_dropped);
	tcase_add_test(echo, other_types_are_ignored);
	suite_add_tcase(s, echo);
	TCase *out = tcase_create("errors sent");
	tcase_add_test(out, errors_are_limited);
	tcase_add_test(out, errors_quote_no_more_than_fits_in_576);
	tcase_add_test(out, no_error_about_an_error_or_a_later_fragment);
	suite_add_tcase(s, out);
	TCase *in = tcase_create("errors received");
	tcase_add_test(in, refusals_end_a_connection_that_is_not_made_yet);
	tcase_add_test(in, forged_errors_change_nothing);
	tcase_add_test(in, broken_quotes_are_dropped);
	tcase_add_test(in, errors_do_not_end_an_established_connection);
	tcase_add_test(in, fragmentation_needed_lowers_the_path_mtu_and_is_acted_on);
	tcase_add_test(in, a_router_that_tells_no_mtu_means_the_next_plateau);
	tcase_add_test(in, a_forged_fragmentation_needed_changes_nothing);
	tcase_add_test(in, no_answer_from_the_neighbour_ends_a_connect);
	tcase_add_test(in, no_answer_from_the_gateway_ends_a_connect);
	suite_add_tcase(s, in);
	return s;
}
