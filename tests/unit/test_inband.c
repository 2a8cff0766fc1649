/* SPDX-License-Identifier: MIT */
/* Options among the bytes of a connection: rpc/inband.h. */
#include <fcntl.h>
#include <linux/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/direct.h"
#include "daemon/rpc_record.h"
#include "daemon/socket.h"
#include "rpc/inband.h"
#include "tests/unit/program.h"
#include "tests/unit/suites.h"

static int listener, client, server;

static void setup(void)
{
	program_setup();
	connection(&listener, &client, &server);
	fcntl(client, F_SETFL, O_NONBLOCK);
}

static struct tcp_sock *sock_of(int f)
{
	struct xsocket *xs = sockets_find(&d, socket_cookie(f));
	ck_assert_ptr_nonnull(xs);
	return xs->sk;
}

static int open_descriptors(void)
{
	int n = 0;
	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* As the shim does, with `count` descriptors beside it. */
static ssize_t send_beside(int f, const void *bytes, size_t len, unsigned count)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(8 * sizeof(int))];
	} control = {.align = {CMSG_LEN(count * sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct iovec iov = {(void *)bytes, len};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	int along = eventfd(0, EFD_CLOEXEC);

	for (unsigned i = 0; i < count; i++)
		memcpy(CMSG_DATA(&control.align) + i * sizeof(int), &along, sizeof(int));
	if (count) {
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(count * sizeof(int));
	}
	ssize_t n = sendmsg(f, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(along);
	return n;
}

static struct rpc_inband record_of(int level, int name, int value)
{
	struct rpc_inband rec;
	ck_assert(inband_make(&rec, level, name, &value, sizeof(value)));
	return rec;
}

static bool send_option(int level, int name, int value)
{
	struct rpc_inband rec = record_of(level, name, value);
	return send_beside(client, &rec, sizeof(rec), RPC_MARK_OPTION) == sizeof(rec);
}

static void send_text(const char *text)
{
	ck_assert_int_eq((int)send(client, text, strlen(text), MSG_NOSIGNAL), (int)strlen(text));
}

static int option_of(int f, int level, int name)
{
	struct rpc_request req = request(RPC_GETSOCKOPT);
	int value = -1;
	req.level = level;
	req.name = name;
	req.value_len = sizeof(value);
	struct rpc_reply reply = ask(f, &req);
	ck_assert_int_eq(reply.error, 0);
	memcpy(&value, reply.value, sizeof(value));
	return value;
}

static int option(int level, int name)
{
	return option_of(client, level, name);
}

static void set_and_wait(int level, int name, int value)
{
	struct rpc_request req = request(RPC_SETSOCKOPT);
	req.flags = RPC_FLAG_REPLY;
	req.level = level;
	req.name = name;
	req.value_len = sizeof(value);
	memcpy(req.value, &value, sizeof(value));
	ck_assert_int_eq(ask(client, &req).error, 0);
}

static void expect_at(int f, const void *bytes, size_t len)
{
	char got[256];
	run_until(f, POLLIN);
	ck_assert_int_eq((int)recv(f, got, sizeof(got), MSG_DONTWAIT), (int)len);
	ck_assert_mem_eq(got, bytes, len);
}

static void expect(const void *bytes, size_t len)
{
	expect_at(server, bytes, len);
}

/* --- what may be sent so */

START_TEST(what_is_certain_never_fails_on_a_connection)
{
	static const int levels[] = {SOL_SOCKET, IPPROTO_IP, IPPROTO_TCP, 41, -1};
	static const int values[] = {INT32_MIN, -2,    -1,    0,     1,	       2,   3,
				     5,		6,     87,    88,    127,      128, 255,
				     256,	32767, 32768, 65536, INT32_MAX};
	struct tcp_sock *sk = sock_of(client);
	struct rpc_inband rec;
	unsigned taken = 0;

	for (unsigned l = 0; l < sizeof(levels) / sizeof(levels[0]); l++)
		for (int name = -1; name < 130; name++)
			for (unsigned v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
				if (!inband_make(&rec, levels[l], name, &values[v], sizeof(int)))
					continue;
				ck_assert(inband_valid(&rec));
				ck_assert_msg(tcp_setsockopt(sk, rec.level, rec.name, rec.value,
							     rec.value_len) == 0,
					      "level %d name %d value %d", levels[l], name,
					      values[v]);
				taken++;
			}
	ck_assert_uint_gt(taken, 200);
	struct linger l = {1, 5};
	ck_assert(inband_make(&rec, SOL_SOCKET, SO_LINGER, &l, sizeof(l)));
	ck_assert_int_eq(tcp_setsockopt(sk, rec.level, rec.name, rec.value, rec.value_len), 0);
	ck_assert(!inband_make(&rec, IPPROTO_TCP, TCP_CONGESTION, "reno", 4));
	ck_assert(!inband_make(&rec, IPPROTO_TCP, TCP_NODELAY, "\1\0\0", 3));
	l.l_onoff = 0;
	tcp_setsockopt(sk, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	close_all(listener, client, server);
}
END_TEST

/* --- its place */

START_TEST(an_option_is_set_and_no_byte_of_it_is_data)
{
	int before = open_descriptors();
	send_text("one ");
	ck_assert(send_option(SOL_SOCKET, SO_KEEPALIVE, 1));
	send_text("two ");
	ck_assert(send_option(IPPROTO_TCP, TCP_KEEPIDLE, 30));
	ck_assert(send_option(IPPROTO_TCP, TCP_KEEPCNT, 3));
	send_text("three");
	expect("one two three", 13);
	ck_assert_int_eq(option(SOL_SOCKET, SO_KEEPALIVE), 1);
	ck_assert_int_eq(option(IPPROTO_TCP, TCP_KEEPIDLE), 30);
	ck_assert_int_eq(option(IPPROTO_TCP, TCP_KEEPCNT), 3);
	ck_assert_uint_eq(d.counter[XtcpdRpcInBand], 3);
	ck_assert_int_eq(open_descriptors(), before);
	close_all(listener, client, server);
}
END_TEST

START_TEST(a_cork_holds_what_is_written_behind_it_and_nothing_else)
{
	send_text("before");
	ck_assert(send_option(IPPROTO_TCP, TCP_CORK, 1));
	send_text("one ");
	send_text("two");
	expect("before", 6);
	ck_assert_int_eq(polled(server) & POLLIN, 0);
	ck_assert(send_option(IPPROTO_TCP, TCP_CORK, 0));
	ck_assert(send_option(IPPROTO_TCP, TCP_CORK, 1));
	send_text("three");
	expect("one two", 7);
	ck_assert_int_eq(option(IPPROTO_TCP, TCP_CORK), 1);
	ck_assert(send_option(IPPROTO_TCP, TCP_CORK, 0));
	expect("three", 5);
	close_all(listener, client, server);
}
END_TEST

START_TEST(an_option_is_set_before_the_close_that_follows_it)
{
	struct linger hard = {1, 0};
	struct rpc_inband rec;
	ck_assert(inband_make(&rec, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)));
	ck_assert_int_eq((int)send_beside(client, &rec, sizeof(rec), RPC_MARK_OPTION),
			 (int)sizeof(rec));
	close(client);
	run();
	ck_assert_int_ne(polled(server) & POLLHUP, 0); /* not a FIN */
	close_all(listener, server, -1);
}
END_TEST

/* --- no room */

static size_t sent_bytes, sent_options;

static uint8_t byte_at(size_t i)
{
	return (uint8_t)(i * 131 >> 3);
}

static bool send_piece(size_t len)
{
	uint8_t piece[4096];
	for (size_t i = 0; i < len; i++)
		piece[i] = byte_at(sent_bytes + i);
	ssize_t n = send(client, piece, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	sent_bytes += n > 0 ? (size_t)n : 0;
	return n == (ssize_t)len;
}

/* Until the server's end, the stack and E hold all they can; `odd` is the length of a write. */
static void fill_up(size_t odd, bool options)
{
	for (int idle = 0; idle < 20; run()) {
		bool any = send_piece(odd);
		if (any && options && send_option(SOL_SOCKET, SO_REUSEADDR, 1))
			sent_options++;
		idle = any ? 0 : idle + 1;
	}
}

static void drain(size_t piece)
{
	static uint8_t got[65536];
	size_t at = 0;
	while (at < sent_bytes) {
		run_until(server, POLLIN);
		ssize_t n = recv(server, got, piece, MSG_DONTWAIT);
		ck_assert_int_gt((int)n, 0);
		size_t same = 0; /* one assertion for all: Check writes a file for each */
		while (same < (size_t)n && got[same] == byte_at(at + same))
			same++;
		ck_assert_uint_eq(same, (size_t)n);
		at += (size_t)n;
	}
	run();
	ck_assert_int_eq(polled(server) & POLLIN, 0);
}

static void begin(void)
{
	sent_bytes = sent_options = 0;
}

START_TEST(records_at_every_place_of_a_stream_are_found)
{
	static const size_t odd[] = {13, 131, 777, 1001, 4096};
	begin();
	fill_up(odd[_i], true);
	ck_assert_uint_gt(sent_options, 10);
	drain(_i % 2 ? 1237 : 65536);
	ck_assert_uint_eq(d.counter[XtcpdRpcInBand], sent_options);
	ck_assert_uint_eq(d.counter[XtcpdRpcBad], 0);
	close_all(listener, client, server);
}
END_TEST

START_TEST(an_option_behind_bytes_that_wait_is_seen_at_once_and_set_once)
{
	int more = 4 << 20; /* room behind what has filled E */
	begin();
	fill_up(1000, false);
	ck_assert_int_eq(setsockopt(client, SOL_SOCKET, SO_SNDBUF, &more, sizeof(more)), 0);
	ck_assert(send_option(SOL_SOCKET, SO_KEEPALIVE, 1));
	ck_assert(send_option(IPPROTO_TCP, TCP_NODELAY, 1));
	ck_assert(send_piece(10));
	run();
	ck_assert_int_eq(option(SOL_SOCKET, SO_KEEPALIVE), 1);
	ck_assert_int_eq(option(IPPROTO_TCP, TCP_NODELAY), 1);
	struct rpc_request outq = request(RPC_OUTQ);
	int unsent = ask(client, &outq).arg;
	set_and_wait(IPPROTO_TCP, TCP_NODELAY, 0);
	ck_assert(send_option(SOL_SOCKET, SO_KEEPALIVE, 0));
	ck_assert_int_eq(ask(client, &outq).arg, unsent);
	drain(65536);
	ck_assert_int_eq(option(SOL_SOCKET, SO_KEEPALIVE), 0);
	ck_assert_int_eq(option(IPPROTO_TCP, TCP_NODELAY), 0);
	ck_assert_uint_eq(d.counter[XtcpdRpcInBand], 3);
	close_all(listener, client, server);
}
END_TEST

START_TEST(with_few_bytes_in_front_it_needs_no_question)
{
	struct tcp_sock *sk = sock_of(client);
	struct xsocket *xs = sockets_find(&d, socket_cookie(client));
	int value;
	size_t len = sizeof(value);
	begin();
	while (pump_unread_bytes(xs) == 0) { /* the first for which there is no room */
		ck_assert(send_piece(1000));
		run();
	}
	ck_assert(send_option(IPPROTO_TCP, TCP_USER_TIMEOUT, 12345));
	run();
	ck_assert_int_eq(tcp_getsockopt(sk, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &len), 0);
	ck_assert_int_eq(value, 12345);
	drain(65536);
	close_all(listener, client, server);
}
END_TEST

/* --- what is no record */

START_TEST(what_is_no_record_is_data)
{
	struct rpc_inband rec = record_of(SOL_SOCKET, SO_KEEPALIVE, 1), bad = rec;
	int before = open_descriptors();

	send_beside(client, &rec, sizeof(rec), 0); /* by itself */
	expect(&rec, sizeof(rec));
	send_beside(client, &rec, sizeof(rec), RPC_MARK_EOR);
	expect(&rec, sizeof(rec));
	send_beside(client, &rec, sizeof(rec), 8);
	expect(&rec, sizeof(rec));
	bad.version++;
	send_beside(client, &bad, sizeof(bad), RPC_MARK_OPTION);
	expect(&bad, sizeof(bad));
	bad = rec;
	bad.name = SO_ATTACH_FILTER;
	send_beside(client, &bad, sizeof(bad), RPC_MARK_OPTION);
	expect(&bad, sizeof(bad));
	bad = rec;
	bad.value_len = UINT16_MAX;
	send_beside(client, &bad, sizeof(bad), RPC_MARK_OPTION);
	expect(&bad, sizeof(bad));
	send_beside(client, &rec, sizeof(rec) - 1, RPC_MARK_OPTION);
	expect(&rec, sizeof(rec) - 1);
	send_beside(client, "x", 1, RPC_MARK_OPTION);
	expect("x", 1);
	ck_assert_int_eq(option(SOL_SOCKET, SO_KEEPALIVE), 0);
	ck_assert_uint_eq(d.counter[XtcpdRpcInBand], 0);
	ck_assert_int_eq(open_descriptors(), before);
	close_all(listener, client, server);
}
END_TEST

/* --- where there is no connection yet */

/* Connecting, for long. */
static int connecting_to_nobody(void)
{
	struct rpc_request req = request(RPC_CONNECT);
	int f = new_socket();
	connect_path(f);
	req.addr = (struct sockaddr_in){
	    .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(10u << 24 | 9)};
	req.addr_len = sizeof(req.addr);
	req.pad_bytes = PAD_BYTES;
	send_request(f, &req, f);
	write_padding(f);
	run();
	ck_assert_int_eq(polled(f), 0);
	return f;
}

static void send_option_of(int f, int level, int name, int value, unsigned descriptors)
{
	struct rpc_inband rec = record_of(level, name, value);
	ck_assert_int_eq((int)send_beside(f, &rec, sizeof(rec), descriptors), (int)sizeof(rec));
}

START_TEST(what_is_certain_never_fails_on_a_fresh_socket)
{
	int f = attached();
	static const int values[] = {INT32_MIN, -1, 0, 1, 88, 127, 255, 32767, INT32_MAX};
	struct tcp_sock *sk = sock_of(f);
	struct rpc_inband rec;
	for (int name = 0; name < 130; name++)
		for (unsigned v = 0; v < 3 * sizeof(values) / sizeof(values[0]); v++) {
			static const int levels[] = {SOL_SOCKET, IPPROTO_IP, IPPROTO_TCP};
			if (inband_make(&rec, levels[v % 3], name, &values[v / 3], sizeof(int)))
				ck_assert_int_eq(tcp_setsockopt(sk, rec.level, rec.name, rec.value,
								rec.value_len),
						 0);
		}
	close(f);
	close_all(listener, client, server);
}
END_TEST

START_TEST(options_of_a_fresh_socket_are_set_when_somebody_asks)
{
	struct rpc_request req = request(RPC_ATTACH);
	int f = new_socket(), before = open_descriptors();
	connect_path(f);
	send_request(f, &req, f);
	send_option_of(f, SOL_SOCKET, SO_KEEPALIVE, 1, 0); /* as the shim sends the first one */
	send_option_of(f, IPPROTO_TCP, TCP_KEEPIDLE, 30, RPC_MARK_OPTION);
	send_option_of(f, IPPROTO_TCP, TCP_KEEPIDLE, 31, RPC_MARK_OPTION);
	ck_assert_int_eq(option_of(f, IPPROTO_TCP, TCP_KEEPIDLE), 31);
	ck_assert_int_eq(option_of(f, SOL_SOCKET, SO_KEEPALIVE), 1);
	send_option_of(f, IPPROTO_TCP, TCP_KEEPIDLE, 32, RPC_MARK_OPTION);
	ck_assert_int_eq(option_of(f, IPPROTO_TCP, TCP_KEEPIDLE), 32);
	ck_assert_int_ne(polled(f) & POLLOUT, 0);
	ck_assert_uint_eq(d.counter[XtcpdRpcInBand], 4);
	ck_assert_int_eq(open_descriptors(), before + 1); /* E */
	close(f);
	close_all(listener, client, server);
}
END_TEST

/* All of it is read at once: the option is in front of the connection, and no byte of it. */
START_TEST(options_in_front_of_a_connection_are_its_own)
{
	struct rpc_request name = request(RPC_GETNAME);
	struct rpc_accept record;
	int f = attached();
	send_option_of(f, SOL_SOCKET, SO_KEEPALIVE, 1, RPC_MARK_OPTION);
	connect_from(f, ntohs(ask(server, &name).addr.sin_port));
	send_option_of(f, IPPROTO_TCP, TCP_USER_TIMEOUT, 777, RPC_MARK_OPTION);
	ck_assert_int_eq((int)send(f, "hello", 5, MSG_NOSIGNAL), 5);
	run();
	int taken = take(listener, &record);
	ck_assert_int_ge(taken, 0);
	expect_at(taken, "hello", 5);
	ck_assert_int_eq(option_of(f, SOL_SOCKET, SO_KEEPALIVE), 1);
	ck_assert_int_eq(option_of(f, IPPROTO_TCP, TCP_USER_TIMEOUT), 777);
	ck_assert_uint_eq(d.counter[XtcpdRpcInBand], 2);
	ck_assert_uint_eq(d.counter[XtcpdRpcBad], 0);
	close(f);
	close(taken);
	close_all(listener, client, server);
}
END_TEST

START_TEST(options_in_front_of_listen_are_set_before_it)
{
	struct rpc_request req = request(RPC_LISTEN);
	int f = attached();
	send_option_of(f, SOL_SOCKET, SO_KEEPALIVE, 1, RPC_MARK_OPTION);
	write_padding(f);
	req.arg = 5;
	req.pad_bytes = PAD_BYTES;
	ck_assert_int_eq(ask(f, &req).error, 0);
	ck_assert_int_eq(polled(f) & POLLOUT, 0);
	ck_assert_int_eq(option_of(f, SOL_SOCKET, SO_KEEPALIVE), 1);
	ck_assert_uint_eq(d.counter[XtcpdRpcBad], 0);
	close(f);
	close_all(listener, client, server);
}
END_TEST

START_TEST(options_behind_padding_are_set_while_it_connects)
{
	int f = connecting_to_nobody(), value = 0;
	size_t len = sizeof(value);
	send_option_of(f, IPPROTO_TCP, TCP_USER_TIMEOUT, 777, RPC_MARK_OPTION);
	run();
	ck_assert_int_eq(tcp_getsockopt(sock_of(f), IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &len),
			 0);
	ck_assert_int_eq(value, 777);
	send_option_of(f, SOL_SOCKET, SO_KEEPALIVE, 1, RPC_MARK_OPTION);
	ck_assert_int_eq(option_of(f, SOL_SOCKET, SO_KEEPALIVE), 1);
	ck_assert_uint_eq(d.counter[XtcpdRpcInBand], 2);
	ck_assert_int_eq(polled(f), 0);
	/* ... and outlive it. */
	send_option_of(f, IPPROTO_TCP, TCP_KEEPCNT, 3, RPC_MARK_OPTION);
	ck_assert_int_eq(ask_error(f, RPC_UNLISTEN), 0);
	ck_assert_int_eq(option_of(f, IPPROTO_TCP, TCP_KEEPCNT), 3);
	ck_assert_int_eq(option_of(f, IPPROTO_TCP, TCP_USER_TIMEOUT), 777);
	close(f);
	close_all(listener, client, server);
}
END_TEST

START_TEST(a_fresh_socket_that_sends_a_bad_record_is_at_its_end)
{
	struct rpc_inband bad = record_of(SOL_SOCKET, SO_KEEPALIVE, 1);
	int f = attached(), before = open_descriptors();
	bad.name = SO_ATTACH_FILTER;
	send_beside(f, &bad, sizeof(bad), _i ? RPC_MARK_OPTION : 0);
	run();
	ck_assert_int_ne(polled(f) & POLLHUP, 0);
	ck_assert_uint_eq(d.counter[XtcpdRpcBad], 1);
	ck_assert_int_eq(open_descriptors(), before - 1);
	close(f);
	close_all(listener, client, server);
}
END_TEST

/* --- who may send some */

static uint64_t word_of(int f)
{
	uint64_t word = 0;
	socklen_t len = sizeof(word);
	ck_assert_int_eq(getsockopt(f, SOL_SOCKET, SO_MAX_PACING_RATE, &word, &len), 0);
	return word;
}

START_TEST(a_program_is_told_that_xtcpd_reads_its_bytes)
{
	int l, c, s;
	ck_assert_int_eq((word_of(client) & RPC_STATE_STREAM) != 0, 1);
	close_all(listener, client, server);
	ck_assert_int_eq(direct_start(&d), 0);
	if (!d.direct.netns_cookie)
		return;
	connection(&l, &c, &s);
	ck_assert_int_eq((word_of(c) & RPC_STATE_STREAM) != 0, 0);
	close(c);
	run();
	close_all(l, s, -1);
}
END_TEST

Suite *inband_suite(void)
{
	Suite *s = suite_create("inband");
	TCase *t = tcase_create("inband");
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, program_teardown);
	tcase_add_test(t, what_is_certain_never_fails_on_a_connection);
	tcase_add_test(t, an_option_is_set_and_no_byte_of_it_is_data);
	tcase_add_test(t, a_cork_holds_what_is_written_behind_it_and_nothing_else);
	tcase_add_test(t, an_option_is_set_before_the_close_that_follows_it);
	tcase_add_loop_test(t, records_at_every_place_of_a_stream_are_found, 0, 5);
	tcase_add_test(t, an_option_behind_bytes_that_wait_is_seen_at_once_and_set_once);
	tcase_add_test(t, with_few_bytes_in_front_it_needs_no_question);
	tcase_add_test(t, what_is_no_record_is_data);
	tcase_add_test(t, what_is_certain_never_fails_on_a_fresh_socket);
	tcase_add_test(t, options_of_a_fresh_socket_are_set_when_somebody_asks);
	tcase_add_test(t, options_in_front_of_a_connection_are_its_own);
	tcase_add_test(t, options_in_front_of_listen_are_set_before_it);
	tcase_add_test(t, options_behind_padding_are_set_while_it_connects);
	tcase_add_loop_test(t, a_fresh_socket_that_sends_a_bad_record_is_at_its_end, 0, 2);
	tcase_add_test(t, a_program_is_told_that_xtcpd_reads_its_bytes);
	suite_add_tcase(s, t);
	return s;
}
