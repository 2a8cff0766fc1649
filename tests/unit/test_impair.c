/* SPDX-License-Identifier: MIT */
/*
 * The bad network: the words it is asked for in, what the model does to a sequence of frames, and
 * its way through the daemon: large segments are cut, checksums made, each packet for itself.
 */
#include <fcntl.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/config.h"
#include "daemon/daemon.h"
#include "daemon/impairment.h"
#include "stack/base/bytes.h"
#include "stack/base/checksum.h"
#include "stack/base/snmp.h"
#include "stack/link/neigh.h"
#include "tests/unit/suites.h"

#define HOST_V4 0x0a4d0002u
#define PEER_V4 0x0a4d0001u
#define HDR_BYTES (14 + 20 + 20)

static const struct mac_addr host_mac = {{2, 0, 0, 0, 0, 2}}, peer_mac = {{2, 0, 0, 0, 0, 1}};

/* --- words */

static const struct {
	const char *words, *again;
} right_words[] = {
    {"loss=1% seed=7", "loss=1% limit=1000 seed=7"},
    {"seed=4294967295 loss=0.0001%", "loss=0.0001% limit=1000 seed=4294967295"},
    {"loss=0 delay=40ms seed=1", "delay=40ms limit=1000 seed=1"},
    {"  delay=1.5s\tjitter=500us seed=0 ", "delay=1500ms jitter=0.5ms limit=1000 seed=0"},
    {"burst=0.1%/30% seed=1", "burst=0.1%/30% limit=1000 seed=1"},
    {"delay=1ms reorder=2% duplicate=100% corrupt=0.01% seed=1",
     "delay=1ms reorder=2% duplicate=100% corrupt=0.01% limit=1000 seed=1"},
    {"rate=50mbit limit=20 seed=1", "rate=50mbit limit=20 seed=1"},
    {"mark=2% corrupt=1% seed=1", "corrupt=1% mark=2% limit=1000 seed=1"},
    {"rate=1.5gbit seed=1", "rate=1500mbit limit=1000 seed=1"},
    {"rate=9600bit seed=1", "rate=9.6kbit limit=1000 seed=1"},
};

START_TEST(words_are_read_and_said_again)
{
	struct impair_config c, again;
	char why[256], text[IMPAIR_TEXT_MAX];

	const char *wrong = impair_parse(&c, right_words[_i].words, why, sizeof(why));
	ck_assert_msg(!wrong, "%s", wrong);
	impair_format(&c, text);
	ck_assert_str_eq(text, right_words[_i].again);
	ck_assert_ptr_null(impair_parse(&again, text, why, sizeof(why)));
	ck_assert_mem_eq(&c, &again, sizeof(c));
}
END_TEST

START_TEST(every_word_has_its_meaning)
{
	struct impair_config c;
	char why[256];

	ck_assert_ptr_null(impair_parse(&c,
					"loss=1.5% burst=0.2%/25% delay=40ms jitter=5ms reorder=2% "
					"duplicate=0.1% corrupt=0.01% mark=3% rate=50mbit limit=99 "
					"seed=7",
					why, sizeof(why)));
	ck_assert_uint_eq(c.loss_ppm, 15000);
	ck_assert_uint_eq(c.burst_enter_ppm, 2000);
	ck_assert_uint_eq(c.burst_leave_ppm, 250000);
	ck_assert_uint_eq(c.delay_us, 40000);
	ck_assert_uint_eq(c.jitter_us, 5000);
	ck_assert_uint_eq(c.reorder_ppm, 20000);
	ck_assert_uint_eq(c.duplicate_ppm, 1000);
	ck_assert_uint_eq(c.corrupt_ppm, 100);
	ck_assert_uint_eq(c.mark_ppm, 30000);
	ck_assert_uint_eq(c.rate_bps, 50000000);
	ck_assert_uint_eq(c.limit_packets, 99);
	ck_assert_uint_eq(c.seed, 7);
}
END_TEST

static const struct {
	const char *words, *named, *allowed;
} wrong_words[] = {
    {"loss=1", "loss=1", "from 0% to 100%"},
    {"loss=101%", "loss=101%", "from 0% to 100%"},
    {"loss=-1%", "loss=-1%", "from 0% to 100%"},
    {"loss=0.00001%", "loss=0.00001%", "from 0% to 100%"},
    {"loss=", "loss=", "from 0% to 100%"},
    {"loss", "loss", "from 0% to 100%"},
    {"loss=1%% seed=1", "loss=1%%", "from 0% to 100%"},
    {"burst=1%", "burst=1%", "begins and ends"},
    {"burst=1%/0%", "burst=1%/0%", "begins and ends"},
    {"delay=40", "delay=40", "up to 60s"},
    {"delay=61s", "delay=61s", "up to 60s"},
    {"delay=1.s", "delay=1.s", "up to 60s"},
    {"delay=.5s", "delay=.5s", "up to 60s"},
    {"delay=1m", "delay=1m", "up to 60s"},
    {"delay=99999999999999999999s", "delay=99", "up to 60s"},
    {"jitter=5ms", "jitter=", "more than the delay="},
    {"reorder=1%", "reorder=", "needs a delay="},
    {"rate=50", "rate=50", "1kbit"},
    {"rate=999bit", "rate=999bit", "1kbit"},
    {"rate=1001gbit", "rate=1001gbit", "1000gbit"},
    {"limit=0", "limit=0", "from 1 to"},
    {"limit=many", "limit=many", "from 1 to"},
    {"seed=x", "seed=x", "4294967295"},
    {"loss=1% loss=2%", "loss=", "twice"},
    {"speed=1%", "speed=1%", "corrupt= mark="},
    {"off", "off", "loss= burst="},
    {"", "no words", "loss=1%"},
};

START_TEST(a_wrong_word_is_named_with_what_is_allowed)
{
	struct impair_config c;
	char why[256];

	const char *wrong = impair_parse(&c, wrong_words[_i].words, why, sizeof(why));
	ck_assert_msg(wrong != NULL, "taken: %s", wrong_words[_i].words);
	ck_assert_msg(strstr(wrong, wrong_words[_i].named) != NULL, "%s", wrong);
	ck_assert_msg(strstr(wrong, wrong_words[_i].allowed) != NULL, "%s", wrong);
}
END_TEST

START_TEST(without_a_seed_one_is_drawn)
{
	struct impair_config a, b, c;
	char why[256];

	ck_assert_ptr_null(impair_parse(&a, "loss=1%", why, sizeof(why)));
	ck_assert_ptr_null(impair_parse(&b, "loss=1%", why, sizeof(why)));
	ck_assert_ptr_null(impair_parse(&c, "loss=1%", why, sizeof(why)));
	ck_assert(a.seed != b.seed || b.seed != c.seed);
}
END_TEST

START_TEST(configuration_keys_set_either_direction)
{
	struct config c;

	config_defaults(&c);
	ck_assert(!c.impaired[IMPAIR_IN] && !c.impaired[IMPAIR_OUT]);
	ck_assert_ptr_null(config_set(&c, "Link", "Impair", "loss=1% seed=3"));
	ck_assert(c.impaired[IMPAIR_IN] && c.impaired[IMPAIR_OUT]);
	ck_assert_uint_eq(c.impair[IMPAIR_OUT].seed, 3);
	ck_assert_ptr_null(config_set(&c, "Link", "ImpairOut", "delay=3ms"));
	ck_assert_uint_eq(c.impair[IMPAIR_OUT].delay_us, 3000);
	ck_assert_uint_eq(c.impair[IMPAIR_IN].delay_us, 0);
	ck_assert_ptr_null(config_set(&c, "Link", "ImpairIn", "no"));
	ck_assert(!c.impaired[IMPAIR_IN] && c.impaired[IMPAIR_OUT]);
	const char *why = config_set(&c, "Link", "ImpairIn", "loss=2");
	ck_assert_ptr_nonnull(why);
	ck_assert_ptr_nonnull(strstr(why, "loss=2"));
}
END_TEST

/* --- the model */

/* What became of 1000 numbered frames, as one line of their numbers in order of arrival. */
static char *fates(const char *words, uint8_t stream, struct impair_stats *stats)
{
	struct impair_config c;
	struct impair_frame *q;
	struct impair im;
	char why[256], *text = NULL;
	size_t len = 0;
	uint64_t now = 1000000;

	ck_assert_ptr_null(impair_parse(&c, words, why, sizeof(why)));
	c.stream = stream;
	impair_init(&im, &c);
	FILE *out = open_memstream(&text, &len);
	for (uint32_t i = 0; i < 1000; i++, now += 100) {
		impair_push(&im, (const uint8_t *)&i, sizeof(i), now);
		while ((q = impair_pop(&im, now))) {
			fprintf(out, "%u ", *(uint32_t *)q->data);
			free(q);
		}
	}
	while ((q = impair_pop(&im, UINT64_MAX))) {
		fprintf(out, "%u ", *(uint32_t *)q->data);
		free(q);
	}
	ck_assert_uint_eq(im.queued, 0);
	ck_assert_uint_eq(im.queued_bytes, 0);
	*stats = im.stats;
	impair_destroy(&im);
	fclose(out);
	return text;
}

#define EVERYTHING "loss=5% burst=1%/20% delay=2ms jitter=1ms reorder=3% duplicate=4% corrupt=2% "

START_TEST(the_same_seed_is_the_same_network)
{
	struct impair_stats stats, other;

	char *a = fates(EVERYTHING "seed=7", 0, &stats), *b = fates(EVERYTHING "seed=7", 0, &other);
	ck_assert_str_eq(a, b);
	ck_assert_mem_eq(&stats, &other, sizeof(stats));
	ck_assert_uint_gt(stats.lost, 20);
	ck_assert_uint_gt(stats.duplicated, 10);
	ck_assert_uint_gt(stats.corrupted, 3);
	ck_assert_uint_gt(stats.reordered, 5);
	char *c = fates(EVERYTHING "seed=8", 0, &stats), *d = fates(EVERYTHING "seed=7", 1, &stats);
	ck_assert_str_ne(a, c);
	ck_assert_str_ne(a, d);
	free(a);
	free(b);
	free(c);
	free(d);
}
END_TEST

START_TEST(held_frames_are_bounded)
{
	struct impair_stats stats;

	free(fates("delay=60s duplicate=100% limit=10 seed=1", 0, &stats));
	ck_assert_uint_eq(stats.passed, 10);
	ck_assert_uint_eq(stats.overflowed, 995);
	ck_assert_uint_eq(stats.duplicated, 5);
}
END_TEST

/* RFC 3168 5: by codepoint, not-ECT, ECT(1), ECT(0), CE. */
START_TEST(what_may_be_marked_is_not_lost)
{
	uint8_t frame[14 + 40] = {[12] = 8, [14] = 0x45};
	struct impair_config c = {.mark_ppm = 1000000, .seed = 5};
	struct impair im;

	frame[15] = (uint8_t)(0xb8 | _i);
	put_be16(frame + 14 + 10, csum_finish(csum_partial(frame + 14, 20, 0)));
	impair_init(&im, &c);
	impair_push(&im, frame, sizeof(frame), 1000);
	ck_assert_uint_eq(im.stats.lost, _i == 0);
	ck_assert_uint_eq(im.stats.marked, _i != 0);
	struct impair_frame *q = impair_pop(&im, 1000);
	ck_assert((q != NULL) == (_i != 0));
	if (q) {
		ck_assert_uint_eq(q->data[15], 0xbb);
		ck_assert_uint_eq(csum_finish(csum_partial(q->data + 14, 20, 0)), 0);
	}
	free(q);
	impair_destroy(&im);
}
END_TEST

START_TEST(a_restart_is_the_seeds_beginning_and_loses_nothing)
{
	static const uint8_t frame[100];
	struct impair_config c = {.loss_ppm = 500000, .delay_us = 1000, .seed = 5};
	struct impair_frame *q;
	struct impair im;
	unsigned in_flight = 0;

	impair_init(&im, &c);
	for (int i = 0; i < 100; i++)
		impair_push(&im, frame, sizeof(frame), 1000);
	uint64_t lost = im.stats.lost;
	unsigned queued = im.queued;
	ck_assert(lost > 0 && lost < 100);
	impair_restart(&im, &c);
	ck_assert_uint_eq(im.stats.lost, 0);
	for (int i = 0; i < 100; i++)
		impair_push(&im, frame, sizeof(frame), 1000);
	ck_assert_uint_eq(im.stats.lost, lost);
	ck_assert_ptr_null(impair_pop(&im, 1999));
	while ((q = impair_pop(&im, 2000))) {
		in_flight++;
		free(q);
	}
	ck_assert_uint_eq(in_flight, 2 * queued);
	impair_destroy(&im);
}
END_TEST

/* --- through the daemon; one end of a socket pair stands for the TAP */

static struct daemon *d;
static int wire;

static void setup(void)
{
	struct stack_config config = {.mac = host_mac,
				      .mtu_bytes = 1500,
				      .tso_max_bytes = 60000,
				      .tx_csum_offload = true,
				      .pkt_limit_bytes = 16 << 20,
				      .seed = {7}};
	static const struct stack_ops ops = {.transmit = link_transmit};
	int pair[2];

	d = calloc(1, sizeof(*d));
	ck_assert_ptr_nonnull(d);
	d->link.source.fd = -1;
	capture_init(d);
	ck_assert_int_eq(loop_init(&d->loop), 0);
	impairment_init(d);
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	d->link = (struct link){.ops = &tap_ops, .source.fd = pair[0]};
	list_init(&d->link.waiting);
	wire = pair[1];
	d->stack = stack_create(&config, &ops, d, d->loop.now_us);
	ck_assert_ptr_nonnull(d->stack);
	ck_assert_int_eq(stack_addr_add(d->stack, HOST_V4, 24), 0);
	ck_assert_int_eq(neigh_add(d->stack, PEER_V4, &peer_mac), 0);
	ck_assert_int_eq(link_start(d), 0);
	uint8_t announcement[128];
	ck_assert_int_gt((int)read(wire, announcement, sizeof(announcement)), 0);
}

static void teardown(void)
{
	impairment_stop(d);
	link_close(d);
	close(wire);
	stack_destroy(d->stack);
	loop_destroy(&d->loop);
	free(d);
}

static void impair(enum impair_direction dir, const char *words)
{
	struct impair_config c;
	char why[256];

	const char *wrong = impair_parse(&c, words, why, sizeof(why));
	ck_assert_msg(!wrong, "%s", wrong);
	impairment_set(d, dir, &c);
}

static const struct impair_stats *stats(enum impair_direction dir)
{
	return &d->impairment.model[dir].stats;
}

/* Headers of a segment without its checksum, between the hosts whose place the MACs say. */
static size_t make_segment(uint8_t *frame, bool in, size_t payload)
{
	const struct mac_addr *dst = in ? &host_mac : &peer_mac, *src = in ? &peer_mac : &host_mac;
	uint8_t *ip = frame + 14, *tcp = ip + 20;
	struct ip_addr from = ip_v4(in ? PEER_V4 : HOST_V4), to = ip_v4(in ? HOST_V4 : PEER_V4);

	memset(frame, 0, HDR_BYTES);
	memcpy(frame, dst->b, 6);
	memcpy(frame + 6, src->b, 6);
	put_be16(frame + 12, 0x0800);
	ip[0] = 0x45;
	put_be16(ip + 2, (uint16_t)(40 + payload));
	ip[8] = 64;
	ip[9] = 6;
	put_be32(ip + 12, in ? PEER_V4 : HOST_V4);
	put_be32(ip + 16, in ? HOST_V4 : PEER_V4);
	put_be16(ip + 10, csum_finish(csum_partial(ip, 20, 0)));
	put_be16(tcp, 4000);
	put_be16(tcp + 2, 81); /* nobody listens there */
	put_be32(tcp + 4, 1000000);
	tcp[12] = 5 << 4;
	tcp[13] = 0x10;
	put_be16(tcp + 16,
		 (uint16_t)~csum_finish(csum_pseudo(&from, &to, 6, (uint32_t)(20 + payload))));
	for (size_t i = 0; i < payload; i++)
		frame[HDR_BYTES + i] = (uint8_t)(i * 7);
	return HDR_BYTES + payload;
}

/* What the kernel would hand over: with TSO, or one packet whose checksum was left undone. */
static void arrive(size_t payload, uint16_t gso_size)
{
	struct virtio_net_hdr header = {
	    .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
	    .gso_type = gso_size ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_NONE,
	    .gso_size = gso_size,
	    .hdr_len = HDR_BYTES,
	    .csum_start = 34,
	    .csum_offset = 16,
	};
	uint8_t frame[8192];
	struct iovec iov[2] = {{&header, sizeof(header)}, {frame, 0}};

	iov[1].iov_len = make_segment(frame, true, payload);
	ck_assert_int_gt((int)writev(wire, iov, 2), 0);
	loop_wait(&d->loop, 0);
	loop_dispatch(&d->loop);
	stack_flush(d->stack);
}

static uint64_t drops(void)
{
	uint64_t sum = 0;

	for (int i = 0; i < DROP_MAX; i++)
		sum += stack_mib(d->stack)->drop[i];
	return sum;
}

static uint64_t counted(enum snmp c)
{
	return stack_mib(d->stack)->counter[c];
}

START_TEST(off_a_large_segment_stays_whole)
{
	arrive(2500, 1000);
	ck_assert_uint_eq(stack_mib(d->stack)->rx_frames, 1);
	ck_assert_uint_eq(counted(TcpOutRsts), 1);
}
END_TEST

START_TEST(a_large_segment_arrives_as_packets_with_their_checksums)
{
	impair(IMPAIR_IN, "seed=1");
	arrive(2500, 1000);
	ck_assert_uint_eq(stats(IMPAIR_IN)->passed, 3);
	ck_assert_uint_eq(stack_mib(d->stack)->rx_frames, 3);
	ck_assert_uint_eq(stack_mib(d->stack)->rx_bytes, 2500 + 3 * HDR_BYTES);
	ck_assert_uint_eq(counted(TcpInCsumErrors), 0);
	ck_assert_uint_eq(counted(TcpOutRsts), 3);
	arrive(7, 0);
	ck_assert_uint_eq(counted(TcpInCsumErrors), 0);
	ck_assert_uint_eq(counted(TcpOutRsts), 4);
}
END_TEST

START_TEST(corruption_is_seen_as_such)
{
	impair(IMPAIR_IN, "corrupt=100% seed=2");
	for (int i = 0; i < 10; i++)
		arrive(5000, 1000);
	arrive(1000, 0);
	ck_assert_uint_eq(stats(IMPAIR_IN)->corrupted, 51);
	ck_assert_uint_eq(drops() - stack_mib(d->stack)->drop[DROP_NO_SOCKET], 51);
	ck_assert_uint_eq(counted(TcpOutRsts), 0);
	ck_assert_uint_gt(counted(TcpInCsumErrors), 40);
}
END_TEST

START_TEST(each_packet_is_lost_for_itself)
{
	impair(IMPAIR_IN, "loss=50% seed=3");
	for (int i = 0; i < 10; i++)
		arrive(6000, 1000);
	ck_assert_uint_eq(stats(IMPAIR_IN)->lost + stats(IMPAIR_IN)->passed, 60);
	ck_assert_uint_gt(stats(IMPAIR_IN)->lost, 15);
	ck_assert_uint_lt(stats(IMPAIR_IN)->lost, 45);
	ck_assert_uint_ne(stats(IMPAIR_IN)->lost % 6, 0);
	ck_assert_uint_eq(counted(TcpOutRsts), stats(IMPAIR_IN)->passed);
}
END_TEST

static void advance(uint64_t us)
{
	d->loop.now_us += us;
	timer_wheel_advance(&d->loop.wheel, d->loop.now_us, d);
}

START_TEST(delayed_packets_come_when_their_time_has)
{
	impair(IMPAIR_IN, "delay=10ms duplicate=100% seed=1");
	arrive(2000, 1000);
	advance(9999);
	ck_assert_uint_eq(stack_mib(d->stack)->rx_frames, 0);
	ck_assert(timer_armed(&d->impairment.timer));
	advance(1 + TIMER_TICK_US);
	ck_assert_uint_eq(stack_mib(d->stack)->rx_frames, 4);
	ck_assert_uint_eq(stats(IMPAIR_IN)->duplicated, 2);
	ck_assert(!timer_armed(&d->impairment.timer));
}
END_TEST

START_TEST(off_lets_what_is_in_flight_arrive)
{
	impair(IMPAIR_IN, "delay=10s seed=1");
	arrive(2000, 1000);
	ck_assert_uint_eq(stack_mib(d->stack)->rx_frames, 0);
	impairment_off(d, IMPAIR_IN);
	ck_assert_uint_eq(stack_mib(d->stack)->rx_frames, 2);
	ck_assert(!timer_armed(&d->impairment.timer));
	arrive(2000, 1000);
	ck_assert_uint_eq(stack_mib(d->stack)->rx_frames, 3);
}
END_TEST

/* A frame of the stack's that the link is to cut and to checksum. */
static void leave(size_t payload, uint16_t gso_size)
{
	uint8_t frame[8192];
	size_t len = make_segment(frame, false, payload);
	struct frame_out f = {
	    .iov = {{frame, HDR_BYTES}, {frame + HDR_BYTES, payload}},
	    .iovcnt = 2,
	    .len = len,
	    .hdr_len = HDR_BYTES,
	    .gso_size = gso_size,
	    .csum_partial = true,
	    .csum_start = 34,
	    .csum_offset = 16,
	};
	ck_assert(link_transmit(d, &f));
}

/* The next packet on the wire, of which nothing is left to its receiver's link; the length of its
 * TCP segment. */
static size_t take_packet(uint8_t *frame, size_t room)
{
	struct virtio_net_hdr header;
	struct iovec iov[2] = {{&header, sizeof(header)}, {frame, room}};

	ssize_t n = readv(wire, iov, 2);
	ck_assert_int_ge((int)n, (int)sizeof(header) + HDR_BYTES);
	ck_assert_uint_eq(header.gso_type, VIRTIO_NET_HDR_GSO_NONE);
	ck_assert_uint_eq(header.flags, 0);
	return (size_t)n - sizeof(header) - 34;
}

static bool checksums_right(const uint8_t *frame, size_t l4_len)
{
	struct ip_addr from = ip_v4(HOST_V4), to = ip_v4(PEER_V4);
	uint32_t pseudo = csum_pseudo(&from, &to, 6, (uint32_t)l4_len);

	return csum_finish(csum_partial(frame + 34, l4_len, pseudo)) == 0 &&
	       csum_finish(csum_partial(frame + 14, 20, 0)) == 0;
}

/* The next packet on the wire, its checksums right. The length of its payload. */
static size_t packet_on_wire(uint32_t *seq)
{
	uint8_t frame[8192];
	size_t l4_len = take_packet(frame, sizeof(frame));

	ck_assert(checksums_right(frame, l4_len));
	struct reader r = reader_of(frame + 38, 4);
	*seq = read_be32(&r);
	return l4_len - 20;
}

START_TEST(what_leaves_is_cut_and_checksummed)
{
	uint32_t seq;

	impair(IMPAIR_OUT, "duplicate=100% seed=1");
	leave(2500, 1000);
	for (int i = 0; i < 6; i++) {
		ck_assert_uint_eq(packet_on_wire(&seq), i < 4 ? 1000 : 500);
		ck_assert_uint_eq(seq, 1000000u + (unsigned)i / 2 * 1000);
	}
	ck_assert_uint_eq(stats(IMPAIR_OUT)->passed, 6);
	ck_assert_uint_eq(stats(IMPAIR_IN)->passed, 0);
}
END_TEST

/* The checksum is made before the bit is turned, so whoever receives it can tell. */
START_TEST(what_leaves_corrupted_has_a_wrong_checksum)
{
	uint8_t whole[8192], frame[8192];
	int wrong = 0, ethernet = 0;

	make_segment(whole, false, 1000);
	impair(IMPAIR_OUT, "corrupt=100% seed=2");
	for (int i = 0; i < 100; i++) {
		leave(1000, 0);
		size_t l4_len = take_packet(frame, sizeof(frame));
		ck_assert_uint_eq(l4_len, 1020);
		if (memcmp(frame, whole, 14) != 0)
			ethernet++;
		else if (!checksums_right(frame, l4_len))
			wrong++;
	}
	ck_assert_uint_eq(stats(IMPAIR_OUT)->corrupted, 100);
	ck_assert_int_eq(wrong + ethernet, 100);
	ck_assert_int_gt(wrong, 90);
}
END_TEST

START_TEST(what_waits_to_leave_leaves_before_the_end)
{
	uint32_t seq;

	impair(IMPAIR_OUT, "delay=60s seed=1");
	leave(10, 0);
	impairment_stop(d);
	ck_assert_uint_eq(packet_on_wire(&seq), 10);
}
END_TEST

START_TEST(a_segment_that_cannot_be_cut_is_refused)
{
	struct virtio_net_hdr header = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
					.gso_size = 1000,
					.csum_start = 34,
					.csum_offset = 16};
	uint8_t frame[8192];
	struct iovec iov[2] = {{&header, sizeof(header)}, {frame, 0}};

	impair(IMPAIR_IN, "seed=1");
	iov[1].iov_len = make_segment(frame, true, 2000);
	switch (_i) {
	case 0:
		frame[14] = 0x41; /* an IPv4 header of 4 bytes */
		break;
	case 1:
		frame[46] = 4 << 4; /* a TCP header of 16 */
		break;
	case 2:
		frame[46] = 15 << 4; /* one that ends behind the frame */
		iov[1].iov_len = HDR_BYTES + 10;
		break;
	case 3:
		frame[23] = 17; /* UDP */
		break;
	case 4:
		iov[1].iov_len = 40;
		break;
	case 5:
		frame[20] = 0x20; /* a fragment */
		break;
	default:
		frame[16] = 0xff; /* longer than it is */
		break;
	}
	ck_assert_int_gt((int)writev(wire, iov, 2), 0);
	loop_wait(&d->loop, 0);
	loop_dispatch(&d->loop);
	ck_assert_uint_eq(d->counter[XtcpdLinkBadFrame], 1);
	ck_assert_uint_eq(stack_mib(d->stack)->rx_frames, 0);
}
END_TEST

Suite *impair_suite(void)
{
	Suite *s = suite_create("impair");
	TCase *words = tcase_create("words"), *model = tcase_create("model");
	TCase *through = tcase_create("through the daemon");

	tcase_add_loop_test(words, words_are_read_and_said_again, 0,
			    sizeof(right_words) / sizeof(right_words[0]));
	tcase_add_test(words, every_word_has_its_meaning);
	tcase_add_loop_test(words, a_wrong_word_is_named_with_what_is_allowed, 0,
			    sizeof(wrong_words) / sizeof(wrong_words[0]));
	tcase_add_test(words, without_a_seed_one_is_drawn);
	tcase_add_test(words, configuration_keys_set_either_direction);
	suite_add_tcase(s, words);
	tcase_add_test(model, the_same_seed_is_the_same_network);
	tcase_add_test(model, held_frames_are_bounded);
	tcase_add_loop_test(model, what_may_be_marked_is_not_lost, 0, 4);
	tcase_add_test(model, a_restart_is_the_seeds_beginning_and_loses_nothing);
	suite_add_tcase(s, model);
	tcase_add_checked_fixture(through, setup, teardown);
	tcase_add_test(through, off_a_large_segment_stays_whole);
	tcase_add_test(through, a_large_segment_arrives_as_packets_with_their_checksums);
	tcase_add_test(through, corruption_is_seen_as_such);
	tcase_add_test(through, each_packet_is_lost_for_itself);
	tcase_add_test(through, delayed_packets_come_when_their_time_has);
	tcase_add_test(through, off_lets_what_is_in_flight_arrive);
	tcase_add_test(through, what_leaves_is_cut_and_checksummed);
	tcase_add_test(through, what_leaves_corrupted_has_a_wrong_checksum);
	tcase_add_test(through, what_waits_to_leave_leaves_before_the_end);
	tcase_add_loop_test(through, a_segment_that_cannot_be_cut_is_refused, 0, 7);
	suite_add_tcase(s, through);
	return s;
}
