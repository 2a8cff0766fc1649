/* SPDX-License-Identifier: MIT */
/*
 * Watching: the pcapng blocks, what is read from a frame's headers and said of it in a line,
 * filters; then frames through a daemon that has nothing but a stack and a link that takes them,
 * with the comments they get, and the streams of `capture` and `trace`.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/capture.h"
#include "daemon/control_impl.h"
#include "daemon/daemon.h"
#include "stack/base/bytes.h"
#include "stack/base/checksum.h"
#include "stack/link/neigh.h"
#include "stack/tcp/tcp.h"
#include "tests/unit/suites.h"

#define HOST_V4 0x0a4d0002u
#define PEER_V4 0x0a4d0001u
#define HDR_BYTES (14 + 20 + 20)
#define FIN 1
#define SYN 2
#define ACK 16

static const struct mac_addr host_mac = {{2, 0, 0, 0, 0, 2}}, peer_mac = {{2, 0, 0, 0, 0, 1}};

/* A segment of the peer's to port 81, or of ours to it; checksums right. */
static size_t make_segment(uint8_t *frame, bool in, uint8_t flags, uint32_t seq, uint32_t ack,
			   size_t payload)
{
	uint8_t *ip = frame + 14, *tcp = ip + 20;
	struct ip_addr from = ip_v4(in ? PEER_V4 : HOST_V4), to = ip_v4(in ? HOST_V4 : PEER_V4);
	size_t l4_len = 20 + payload;

	memset(frame, 0, HDR_BYTES + payload);
	memcpy(frame, in ? host_mac.b : peer_mac.b, 6);
	memcpy(frame + 6, in ? peer_mac.b : host_mac.b, 6);
	put_be16(frame + 12, 0x0800);
	ip[0] = 0x45;
	put_be16(ip + 2, (uint16_t)(40 + payload));
	ip[8] = 64;
	ip[9] = 6;
	put_be32(ip + 12, from.v4);
	put_be32(ip + 16, to.v4);
	put_be16(ip + 10, csum_finish(csum_partial(ip, 20, 0)));
	put_be16(tcp, in ? 4000 : 81);
	put_be16(tcp + 2, in ? 81 : 4000);
	put_be32(tcp + 4, seq);
	put_be32(tcp + 8, ack);
	tcp[12] = 5 << 4;
	tcp[13] = flags;
	put_be16(tcp + 14, 1000);
	uint32_t sum = csum_pseudo(&from, &to, 6, (uint32_t)l4_len);
	put_be16(tcp + 16, csum_finish(csum_partial(tcp, l4_len, sum)));
	return HDR_BYTES + payload;
}

/* --- pcapng */

static uint32_t le32(const uint8_t *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

START_TEST(blocks_carry_their_length_at_both_ends)
{
	uint8_t to[1024];
	struct pcapng_packet p = {.time_us = 0x123456789abcdef,
				  .data = (const uint8_t *)"abcde",
				  .len = 5,
				  .orig_len = 9,
				  .comment = "one\nanother",
				  .direction = PCAPNG_OUT};

	size_t len = pcapng_begin(to, "xtcp0"), first = le32(to + 4);
	ck_assert_uint_eq(le32(to), 0x0a0d0d0a);
	ck_assert_uint_eq(le32(to + first - 4), first);
	ck_assert_uint_eq(le32(to + first), 1);
	ck_assert_uint_eq(le32(to + len - 4), len - first);

	len = pcapng_packet(to, &p);
	ck_assert_uint_eq(len, pcapng_packet_bytes(&p));
	ck_assert_uint_eq(len % 4, 0);
	ck_assert_uint_eq(le32(to), 6);
	ck_assert_uint_eq(le32(to + 4), len);
	ck_assert_uint_eq(le32(to + len - 4), len);
	ck_assert_uint_eq(le32(to + 12), 0x1234567);
	ck_assert_uint_eq(le32(to + 16), 0x89abcdef);
	ck_assert_uint_eq(le32(to + 20), 5);
	ck_assert_uint_eq(le32(to + 24), 9);
	ck_assert_mem_eq(to + 28, "abcde\0\0\0", 8);
	ck_assert_mem_eq(to + 36, "\1\0\3\0one\0", 8);
	ck_assert_mem_eq(to + 44, "\1\0\7\0another\0", 12);
	ck_assert_mem_eq(to + 56, "\2\0\4\0\2\0\0\0\0\0\0\0", 12);
	ck_assert_uint_eq(pcapng_stats(to, 1, 7, 3), 52); /* as xtcpctl reads it */
	ck_assert_uint_eq(le32(to + 24), 7);
	ck_assert_uint_eq(le32(to + 36), 3);
}
END_TEST

/* --- lines */

static void expect_line(const uint8_t *frame, size_t len, struct packet_flows *flows,
			const char *wanted)
{
	char line[PACKET_LINE_MAX];
	struct packet p;

	packet_parse(&p, frame, len);
	packet_print(&p, frame, len, flows, line);
	ck_assert_str_eq(line, wanted);
}

START_TEST(segments_are_said_with_relative_numbers)
{
	static struct packet_flows flows;
	uint8_t frame[256];

	size_t len = make_segment(frame, true, SYN, 1000, 0, 0);
	expect_line(frame, len, &flows,
		    "10.77.0.1.4000 > 10.77.0.2.81: Flags [S], seq 0, win 1000, length 0");
	len = make_segment(frame, false, SYN | ACK, 5000, 1001, 0);
	expect_line(frame, len, &flows,
		    "10.77.0.2.81 > 10.77.0.1.4000: Flags [S.], seq 0, ack 1, win 1000, length 0");
	len = make_segment(frame, true, ACK, 1001, 5001, 100);
	expect_line(
	    frame, len, &flows,
	    "10.77.0.1.4000 > 10.77.0.2.81: Flags [.], seq 1:101, ack 1, win 1000, length 100");
}
END_TEST

START_TEST(options_are_said)
{
	static struct packet_flows flows;
	static const uint8_t options[] = {2, 4, 5, 180, 4, 2, 8, 10, 0,	 0, 0, 1,
					  0, 0, 0, 2,	1, 3, 3, 7,  99, 3, 1, 0};
	uint8_t frame[256];
	size_t len = make_segment(frame, true, SYN, 1000, 0, sizeof(options));

	memcpy(frame + HDR_BYTES, options, sizeof(options));
	frame[46] = (5 + sizeof(options) / 4) << 4;
	expect_line(frame, len, &flows,
		    "10.77.0.1.4000 > 10.77.0.2.81: Flags [S], seq 0, win 1000, options [mss "
		    "1460,sackOK,TS val 1 ecr 2,wscale 7,option 99], length 0");
}
END_TEST

START_TEST(arp_icmp_and_the_rest_are_said)
{
	static struct packet_flows flows;
	uint8_t arp[42] = {[12] = 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 77, 0, 1};
	uint8_t echo[64] = {[12] = 8, 0,  0x45, 0, 0, 50, [22] = 64, 1, [26] = 10, 77, 0, 1,
			    10,	      77, 0,	2, 8, 0,  0,	     0, 0,	   7,  0, 9};

	memcpy(arp + 38, "\x0a\x4d\0\2", 4);
	expect_line(arp, sizeof(arp), &flows, "ARP, Request who-has 10.77.0.2 tell 10.77.0.1");
	arp[21] = 2;
	expect_line(arp, sizeof(arp), &flows, "ARP, Reply 10.77.0.1 is-at 02:00:00:00:00:01");
	expect_line(arp, 30, &flows, "ethertype 0x0806, length 30");
	expect_line(echo, sizeof(echo), &flows,
		    "10.77.0.1 > 10.77.0.2: ICMP echo request, id 7, seq 9, length 30");
	echo[23] = 17;
	expect_line(echo, sizeof(echo), &flows, "10.77.0.1 > 10.77.0.2: protocol 17, length 30");
	expect_line(echo, 5, &flows, "ethertype 0x0000, length 5");
}
END_TEST

START_TEST(nothing_a_frame_says_is_believed)
{
	static struct packet_flows flows;
	char line[PACKET_LINE_MAX];
	struct packet p;

	srand(7);
	for (int i = 0; i < 20000; i++) {
		size_t len = (size_t)rand() % 128;
		uint8_t *frame = malloc(len + 1); /* exactly: a byte too far is seen */
		ck_assert_ptr_nonnull(frame);
		for (size_t at = 0; at < len; at++)
			frame[at] = (uint8_t)rand();
		if (i % 2 && len > HDR_BYTES) { /* well formed on the outside */
			memcpy(frame + 12, "\x08\0\x45", 3);
			memcpy(frame + 20, "\0\0", 2);
			frame[23] = 6;
		}
		frame = realloc(frame, len ? len : 1);
		packet_parse(&p, frame, len);
		packet_print(&p, frame, len, &flows, line);
		ck_assert_uint_lt(strlen(line), PACKET_LINE_MAX);
		free(frame);
	}
}
END_TEST

/* --- filters */

static const char *parse(struct packet_filter *f, const char *text, char why[256])
{
	static char copy[256];
	char *argv[32];
	int argc = 0;

	snprintf(copy, sizeof(copy), "%s", text);
	for (char *save, *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	return packet_filter_parse(f, argc, argv, why, 256);
}

static const struct {
	const char *text;
	bool takes;
} filters[] = {
    {"", true},
    {"tcp", true},
    {"icmp", false},
    {"arp", false},
    {"host 10.77.0.1", true},
    {"host 10.77.0.2 and tcp", true},
    {"host 10.77.0.3", false},
    {"port 81", true},
    {"port 4000 and host 10.77.0.1", true},
    {"port 82", false},
    {"tcp and port 82", false},
    {"drop", true},
    {"comment", false},
    {"drop and comment", false},
};

START_TEST(a_filter_takes_what_holds)
{
	struct packet_filter f;
	struct packet p;
	uint8_t frame[128];
	char why[256];

	packet_parse(&p, frame, make_segment(frame, true, ACK, 1, 1, 0));
	const char *wrong = parse(&f, filters[_i].text, why);
	ck_assert_msg(!wrong, "%s", wrong);
	ck_assert(packet_filter_takes(&f, &p, true, false) == filters[_i].takes);
}
END_TEST

static const struct {
	const char *text, *part;
} wrong_filters[] = {
    {"udp", "udp: a filter has host ADDRESS"},	 {"host", "after host comes"},
    {"host ten", "after host comes an IPv4"},	 {"port 65536", "after port comes a number"},
    {"tcp icmp", "icmp: conditions are joined"}, {"tcp and", "after and comes another"},
};

START_TEST(a_wrong_filter_is_explained)
{
	struct packet_filter f;
	char why[256];

	const char *wrong = parse(&f, wrong_filters[_i].text, why);
	ck_assert_ptr_nonnull(wrong);
	ck_assert_msg(strstr(wrong, wrong_filters[_i].part) != NULL, "%s", wrong);
}
END_TEST

/* --- through the daemon */

static struct daemon *d;
static struct capture_listener listener;
static char seen[8192]; /* "in|out comments;" a line a frame */
static bool link_takes;

static bool take_frame(struct daemon *owner, const struct frame_out *f)
{
	(void)owner;
	(void)f;
	return link_takes;
}

static void see(struct capture_listener *l, const struct captured *c)
{
	char *at = seen + strlen(seen);

	(void)l;
	ck_assert_uint_lt((size_t)(at - seen) + c->comment_len + 64, sizeof(seen));
	at += sprintf(at, "%s %zu/%zu%s ", c->direction == PCAPNG_IN ? "in" : "out", c->len,
		      c->orig_len, c->dropped ? " dropped" : "");
	for (const char *p = c->comment; *p; p++)
		*at++ = *p == '\n' ? ';' : *p;
	strcpy(at, "\n");
}

static void expect_seen(const char *lines)
{
	ck_assert_str_eq(seen, lines);
	seen[0] = '\0';
}

static void setup(void)
{
	static const struct link_ops link_ops = {.transmit = take_frame};
	static const struct stack_ops ops = {.transmit = link_transmit};
	struct stack_config config = {
	    .mac = host_mac, .mtu_bytes = 1500, .pkt_limit_bytes = 64 << 20, .seed = {7}};

	d = calloc(1, sizeof(*d));
	ck_assert_ptr_nonnull(d);
	link_takes = true;
	d->link = (struct link){.ops = &link_ops, .source.fd = -1, .name = "xtcp0"};
	capture_init(d);
	ck_assert_int_eq(loop_init(&d->loop), 0);
	impairment_init(d);
	d->stack = stack_create(&config, &ops, d, d->loop.now_us);
	ck_assert_ptr_nonnull(d->stack);
	ck_assert_int_eq(stack_addr_add(d->stack, HOST_V4, 24), 0);
	ck_assert_int_eq(neigh_add(d->stack, PEER_V4, &peer_mac), 0);
	seen[0] = '\0';
	listener = (struct capture_listener){.packet = see, .snap_bytes = 1000};
}

static void teardown(void)
{
	stack_destroy(d->stack);
	loop_destroy(&d->loop);
	free(d);
}

static void input(const uint8_t *frame, size_t len)
{
	struct pkt *p = pkt_alloc(stack_pkt_pool(d->stack), len);

	ck_assert_ptr_nonnull(p);
	memcpy(p->buf, frame, len);
	p->len = (uint32_t)len;
	link_input(d, p);
}

static void input_segment(uint8_t flags, uint32_t seq, uint32_t ack, size_t payload)
{
	uint8_t frame[2048];
	input(frame, make_segment(frame, true, flags, seq, ack, payload));
}

START_TEST(what_is_sent_during_input_comes_after_it)
{
	capture_listen(d, &listener);
	input_segment(ACK, 1, 1, 10);
	expect_seen("in 64/64 dropped dropped: NO_SOCKET\n"
		    "out 54/54 \n");
}
END_TEST

START_TEST(nobody_listens_and_nothing_is_seen)
{
	capture_listen(d, &listener);
	capture_unlisten(d, &listener);
	ck_assert(!d->capture.on);
	input_segment(ACK, 1, 1, 10);
	expect_seen("");
}
END_TEST

START_TEST(a_frame_the_link_refuses_is_seen_as_dropped)
{
	capture_listen(d, &listener);
	link_takes = false;
	input_segment(ACK, 1, 1, 1200);
	expect_seen("in 1000/1254 dropped dropped: NO_SOCKET\n"
		    "out 54/54 dropped dropped: LINK_TX\n");
}
END_TEST

START_TEST(what_a_bad_network_does_is_said)
{
	struct impair_config c = {.loss_ppm = 1000000};

	capture_listen(d, &listener);
	impairment_set(d, IMPAIR_OUT, &c);
	input_segment(ACK, 1, 1, 10);
	expect_seen("in 64/64 dropped dropped: NO_SOCKET\n"
		    "out 54/54 impaired: 1 lost\n");
	c = (struct impair_config){.duplicate_ppm = 1000000, .corrupt_ppm = 1000000};
	impairment_set(d, IMPAIR_OUT, &c);
	input_segment(ACK, 1, 1, 10);
	expect_seen("in 64/64 dropped dropped: NO_SOCKET\n"
		    "out 54/54 impaired: 1 duplicated, 1 corrupted\n");
}
END_TEST

START_TEST(a_frame_without_a_neighbour_is_seen_when_it_is_dropped)
{
	struct sock_addr to = {.addr = ip_v4(PEER_V4 + 5), .port = 9};
	int err;

	struct tcp_sock *sk = tcp_socket(d->stack, NULL, 0, &err);
	ck_assert_ptr_nonnull(sk);
	stack_flush(d->stack);
	capture_listen(d, &listener);
	ck_assert_int_eq(tcp_connect(sk, &to), 0);
	stack_flush(d->stack);
	expect_seen("out 42/42 \n"); /* who has? */
	for (int i = 0; i < 4; i++)
		stack_advance(d->stack, stack_now_us(d->stack) + 1100000);
	ck_assert_ptr_nonnull(strstr(seen, "out 74/74 dropped SYN sent;"));
	ck_assert_ptr_nonnull(strstr(seen, ";dropped: NEIGH_FAILED\n"));
}
END_TEST

START_TEST(a_connection_comments_its_packets)
{
	struct sock_addr local = {.addr = ip_v4(0), .port = 81};
	int err;

	struct tcp_sock *sk = tcp_socket(d->stack, NULL, 0, &err);
	ck_assert_int_eq(tcp_bind(sk, &local), 0);
	ck_assert_int_eq(tcp_listen(sk, 5), 0);
	capture_listen(d, &listener);
	input_segment(SYN, 0, 0, 0);
	expect_seen("in 54/54 \nout 58/58 SYN-ACK sent, mss 1460\n");
	stack_advance(d->stack, stack_now_us(d->stack) + 1100000);
	expect_seen("out 58/58 SYN-ACK sent again (1)\n");
	input_segment(SYN | 4 /* RST */, 0, 0, 0);
	expect_seen("in 54/54 dropped dropped: TCP_INVALID_SEQUENCE\n");
}
END_TEST

/* --- the streams */

static struct control_stream *start(const char *line, bool may_change, struct control_buffer *out)
{
	char copy[256];
	struct control_stream *stream;

	snprintf(copy, sizeof(copy), "%s", line);
	control_execute(d, copy, may_change, out, &stream);
	return stream;
}

START_TEST(a_capture_ends_after_its_count)
{
	struct control_buffer out = {0};
	struct control_stream *s = start("capture count 2 text drop", true, &out);

	ck_assert_ptr_nonnull(s);
	for (int i = 0; i < 3; i++)
		input_segment(ACK, 1, 1, 10);
	ck_assert(s->next(s, &out));
	ck_assert(!s->next(s, &out));
	s->free(s);
	ck_assert(!d->capture.on);
	control_append(&out, "", 1);
	const char *line = strchr(out.data, '\n');
	ck_assert_ptr_nonnull(strstr(out.data, "  # dropped: NO_SOCKET\n"));
	ck_assert_ptr_nonnull(strstr(line, "\n{\"captured\":2,\"lost\":0}\n"));
	control_buffer_free(&out);
}
END_TEST

START_TEST(who_reads_slowly_loses_packets_and_is_told)
{
	struct control_buffer out = {0};
	struct control_stream *s = start("capture pcapng", true, &out);
	unsigned frames = 8000; /* of 1254 bytes, and their resets: more than is held */

	ck_assert_ptr_nonnull(s);
	for (unsigned i = 0; i < frames; i++)
		input_segment(ACK, 1, 1, 1200);
	s->stop(s);
	while (s->next(s, &out))
		;
	s->free(s);
	ck_assert_uint_gt(out.len, 7 << 20);
	ck_assert_uint_lt(out.len, 9 << 20);
	const uint8_t *stats = (const uint8_t *)out.data + out.len - 52;
	uint32_t received = le32(stats + 24), lost = le32(stats + 36);
	ck_assert_uint_eq(le32(stats), 5);
	ck_assert_uint_gt(lost, 0);
	ck_assert_uint_gt(received, frames);
	ck_assert_uint_lt(lost, received);
	control_buffer_free(&out);
}
END_TEST

START_TEST(an_idle_stream_has_nothing_to_say_and_goes_on)
{
	struct control_buffer out = {0};
	struct control_stream *s = start("trace :81", false, &out);

	ck_assert_ptr_nonnull(s);
	ck_assert(s->next(s, &out));
	ck_assert_uint_eq(out.len, 0);
	input_segment(ACK, 1, 1, 10);
	ck_assert(s->next(s, &out));
	control_append(&out, "", 1);
	ck_assert_str_eq(out.data, "    0.000000 10.77.0.2:81 10.77.0.1:4000 dropped: NO_SOCKET\n");
	out.len = 0;
	s->stop(s);
	ck_assert(!s->next(s, &out));
	control_append(&out, "", 1);
	ck_assert_str_eq(out.data, "{\"events\":1,\"lost\":0}\n");
	s->free(s);
	control_buffer_free(&out);
}
END_TEST

START_TEST(a_trace_is_of_the_connections_it_names)
{
	static const struct {
		const char *line;
		bool takes;
	} traces[] = {{"trace", true},
		      {"trace :4000", true},
		      {"trace :4001", false},
		      {"trace 10.77.0.1", true},
		      {"trace 10.77.0.1:4000", true},
		      {"trace 10.77.0.1:81", false},
		      {"trace 10.77.0.3", false}};

	for (size_t i = 0; i < sizeof(traces) / sizeof(traces[0]); i++) {
		struct control_buffer out = {0};
		struct control_stream *s = start(traces[i].line, false, &out);
		ck_assert_ptr_nonnull(s);
		input_segment(ACK, 1, 1, 10);
		s->next(s, &out);
		ck_assert_msg((out.len > 0) == traces[i].takes, "%s", traces[i].line);
		s->free(s);
		control_buffer_free(&out);
	}
}
END_TEST

START_TEST(wrong_requests_are_refused)
{
	static const struct {
		const char *line, *part;
	} wrong[] = {{"capture count 0", "count: not a number"},
		     {"capture snap 10", "snap: not a number from 64"},
		     {"capture udp", "a filter has host ADDRESS"},
		     {"trace ten", "neither ADDRESS"},
		     {"trace :0", "neither ADDRESS"},
		     {"trace a b", "usage: trace"}};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct control_buffer out = {0};
		ck_assert_ptr_null(start(wrong[i].line, true, &out));
		control_append(&out, "", 1);
		ck_assert_msg(strstr(out.data, wrong[i].part) != NULL, "%s", out.data);
		control_buffer_free(&out);
	}
	struct control_buffer out = {0};
	ck_assert_ptr_null(start("capture", false, &out));
	control_append(&out, "", 1);
	ck_assert_ptr_nonnull(strstr(out.data, "for root"));
	control_buffer_free(&out);
	ck_assert(!d->capture.on);
}
END_TEST

Suite *capture_suite(void)
{
	Suite *s = suite_create("capture");
	TCase *form = tcase_create("form"), *watch = tcase_create("watching");

	tcase_add_test(form, blocks_carry_their_length_at_both_ends);
	tcase_add_test(form, segments_are_said_with_relative_numbers);
	tcase_add_test(form, options_are_said);
	tcase_add_test(form, arp_icmp_and_the_rest_are_said);
	tcase_add_test(form, nothing_a_frame_says_is_believed);
	tcase_add_loop_test(form, a_filter_takes_what_holds, 0,
			    sizeof(filters) / sizeof(filters[0]));
	tcase_add_loop_test(form, a_wrong_filter_is_explained, 0,
			    sizeof(wrong_filters) / sizeof(wrong_filters[0]));
	suite_add_tcase(s, form);
	tcase_add_checked_fixture(watch, setup, teardown);
	tcase_add_test(watch, what_is_sent_during_input_comes_after_it);
	tcase_add_test(watch, nobody_listens_and_nothing_is_seen);
	tcase_add_test(watch, a_frame_the_link_refuses_is_seen_as_dropped);
	tcase_add_test(watch, what_a_bad_network_does_is_said);
	tcase_add_test(watch, a_frame_without_a_neighbour_is_seen_when_it_is_dropped);
	tcase_add_test(watch, a_connection_comments_its_packets);
	tcase_add_test(watch, a_capture_ends_after_its_count);
	tcase_add_test(watch, who_reads_slowly_loses_packets_and_is_told);
	tcase_add_test(watch, an_idle_stream_has_nothing_to_say_and_goes_on);
	tcase_add_test(watch, a_trace_is_of_the_connections_it_names);
	tcase_add_test(watch, wrong_requests_are_refused);
	suite_add_tcase(s, watch);
	return s;
}
