/* SPDX-License-Identifier: MIT */
/* The link over Unix datagrams: frames both ways, a slow peer, a peer that goes and comes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/log.h"
#include "tests/unit/suites.h"

#define HOST_V4 (192u << 24 | 168u << 16 | 1)

static struct daemon *d;
static char dir[64], local_path[100], peer_path[100];
static int peer;

static int peer_open(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	strcpy(sun.sun_path, peer_path);
	unlink(peer_path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	return fd;
}

static void setup(void)
{
	static const struct stack_ops ops = {.transmit = link_transmit};
	struct stack_config config = {
	    .mac = {{2, 0, 0, 0, 0, 1}}, .mtu_bytes = 1500, .pkt_limit_bytes = 16 << 20};
	char backend[210];

	strcpy(dir, "/tmp/xtcp-test-link.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(local_path, sizeof(local_path), "%s/local", dir);
	snprintf(peer_path, sizeof(peer_path), "%s/peer", dir);
	snprintf(backend, sizeof(backend), "dgram:%s,%s", local_path, peer_path);
	d = calloc(1, sizeof(*d));
	ck_assert_ptr_nonnull(d);
	config_defaults(&d->config);
	ck_assert_ptr_null(config_set(&d->config, "Link", "Backend", backend));
	ck_assert_int_eq(loop_init(&d->loop), 0);
	peer = peer_open();
	ck_assert_int_eq(link_open(&d->link, &d->config), 0);
	d->stack = stack_create(&config, &ops, d, d->loop.now_us);
	ck_assert_ptr_nonnull(d->stack);
	ck_assert_int_eq(link_start(d), 0);
	log_set_level(LOG_ERR);
}

static void teardown(void)
{
	link_close(d);
	stack_destroy(d->stack);
	loop_destroy(&d->loop);
	free(d);
	close(peer);
	ck_assert_int_lt(access(local_path, F_OK), 0);
	unlink(peer_path);
	rmdir(dir);
}

static void run(void)
{
	loop_wait(&d->loop, 0);
	loop_dispatch(&d->loop);
	stack_flush(d->stack);
}

static void send_to_link(const void *frame, size_t len)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	strcpy(sun.sun_path, local_path);
	ck_assert_int_eq((int)sendto(peer, frame, len, 0, (struct sockaddr *)&sun, sizeof(sun)),
			 (int)len);
}

static bool transmit(const char *text)
{
	struct frame_out f = {
	    .iov = {{(void *)text, 1}, {(void *)(text + 1), strlen(text) - 1}},
	    .iovcnt = 2,
	    .len = strlen(text),
	};
	return link_transmit(d, &f);
}

static void arrives(const char *text)
{
	char got[64] = "";

	ck_assert_int_eq((int)recv(peer, got, sizeof(got), 0), (int)strlen(text));
	ck_assert_mem_eq(got, text, strlen(text));
}

START_TEST(an_arp_request_by_datagram_is_answered_by_one)
{
	static const uint8_t request[42] = {
	    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,   0,	  0, 0, 0, 9, 8, 6, /* Ethernet */
	    0,	  1,	8,    0,    6,	  4,	0,   1,			    /* a request */
	    2,	  0,	0,    0,    0,	  9,	192, 168, 0, 9,		    /* from .9 */
	    0,	  0,	0,    0,    0,	  0,	192, 168, 0, 1};	    /* for .1 */
	uint8_t reply[100];

	ck_assert_int_eq(stack_addr_add(d->stack, HOST_V4, 16), 0);
	ck_assert_int_eq((int)recv(peer, reply, sizeof(reply), 0), 42); /* its announcement */
	send_to_link(request, sizeof(request));
	run();
	ck_assert_int_eq((int)recv(peer, reply, sizeof(reply), 0), 42);
	ck_assert_mem_eq(reply, request + 6, 6);
	ck_assert_uint_eq(reply[21], 2);
	ck_assert_mem_eq(reply + 28, request + 38, 4);
	ck_assert_uint_eq(d->counter[XtcpdLinkReads], 1);
}
END_TEST

START_TEST(frames_wait_in_order_for_a_peer_that_is_slow)
{
	char text[32];

	for (int i = 0; i < 300; i++) {
		snprintf(text, sizeof(text), "frame %d", i);
		ck_assert(transmit(text));
	}
	ck_assert_uint_gt(d->link.waiting_count, 0);
	for (int i = 0; i < 300; i++) {
		snprintf(text, sizeof(text), "frame %d", i);
		arrives(text);
		run();
	}
	ck_assert_uint_eq(d->link.waiting_count, 0);
	ck_assert(transmit("and now at once"));
	arrives("and now at once");
}
END_TEST

START_TEST(what_waits_is_bounded)
{
	int taken = 0;

	for (int i = 0; i < 5000; i++)
		taken += transmit("frame");
	ck_assert_int_lt(taken, 5000);
	ck_assert_uint_eq(d->counter[XtcpdLinkWriteErrors], 5000 - (unsigned)taken);
}
END_TEST

START_TEST(a_peer_that_comes_again_is_found)
{
	ck_assert(transmit("first"));
	close(peer);
	ck_assert(!transmit("to nobody"));
	run();
	ck_assert(!d->stopping);
	peer = peer_open();
	ck_assert(transmit("second"));
	arrives("second");
}
END_TEST

START_TEST(only_the_peer_is_heard)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int stranger = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strcpy(sun.sun_path, local_path);
	ck_assert_int_eq((int)sendto(stranger, "frame", 5, 0, (struct sockaddr *)&sun, sizeof(sun)),
			 -1);
	ck_assert_int_eq(errno, EPERM);
	close(stranger);
}
END_TEST

START_TEST(a_path_in_use_stays_with_who_has_it)
{
	struct link second;
	static struct config config;

	config = d->config;
	log_set_level(LOG_EMERG);
	ck_assert_int_eq(link_open(&second, &config), -1);
	log_set_level(LOG_ERR);
	send_to_link("short", 5);
	run();
	ck_assert_uint_eq(d->counter[XtcpdLinkReads], 1);
}
END_TEST

START_TEST(an_empty_and_a_short_datagram_are_no_frames)
{
	send_to_link("", 0);
	send_to_link("short", 5);
	run();
	ck_assert_uint_eq(d->counter[XtcpdLinkReads], 2);
	ck_assert_uint_eq(d->counter[XtcpdLinkBadFrame], 1);
	ck_assert(!d->stopping);
}
END_TEST

Suite *link_suite(void)
{
	Suite *s = suite_create("link");
	TCase *tc = tcase_create("dgram");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, an_arp_request_by_datagram_is_answered_by_one);
	tcase_add_test(tc, frames_wait_in_order_for_a_peer_that_is_slow);
	tcase_add_test(tc, what_waits_is_bounded);
	tcase_add_test(tc, a_peer_that_comes_again_is_found);
	tcase_add_test(tc, only_the_peer_is_heard);
	tcase_add_test(tc, a_path_in_use_stays_with_who_has_it);
	tcase_add_test(tc, an_empty_and_a_short_datagram_are_no_frames);
	suite_add_tcase(s, tc);
	return s;
}
