/* SPDX-License-Identifier: MIT */
/*
 * Programs' sockets in xtcpd, as program.h sets them up. What is asserted is what a program sees of
 * its descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/accept_push.h"
#include "daemon/daemon.h"
#include "daemon/log.h"
#include "daemon/rpc_record.h"
#include "daemon/socket.h"
#include "tests/unit/program.h"
#include "tests/unit/suites.h"

/* --- names, options and their errors */

START_TEST(a_socket_is_bound_and_named)
{
	struct rpc_request req = request(RPC_BIND);
	int f = attached(), g = attached();
	req.addr = loopback(4711);
	ck_assert_int_eq(ask(f, &req).error, 0);
	ck_assert_int_eq(ask(f, &req).error, EINVAL); /* bound already */
	ck_assert_int_eq(ask(g, &req).error, EADDRINUSE);
	req.addr.sin_addr.s_addr = htonl(0xc0000201);
	ck_assert_int_eq(ask(g, &req).error, EADDRNOTAVAIL);
	req.addr.sin_family = AF_INET6;
	ck_assert_int_eq(ask(g, &req).error, EAFNOSUPPORT);
	req = request(RPC_GETNAME);
	ck_assert_uint_eq(ntohs(ask(f, &req).addr.sin_port), 4711);
	ck_assert_int_eq(ask_error(f, RPC_GETPEER), ENOTCONN);
	close(g);
	close_all(f, -1, -1);
}
END_TEST

START_TEST(a_program_without_the_right_gets_no_low_port)
{
	struct rpc_request req = request(RPC_BIND);
	int f = attached();
	stack_sysctls(d.stack)->ip_unprivileged_port_start = 1024;
	req.addr = loopback(80);
	ck_assert_int_eq(ask(f, &req).error, getuid() == 0 ? 0 : EACCES);
	close_all(f, -1, -1);
}
END_TEST

START_TEST(options_are_the_stacks)
{
	struct rpc_request req = request(RPC_SETSOCKOPT);
	int on = 1, f = attached();
	req.level = SOL_SOCKET;
	req.name = SO_REUSEADDR;
	req.flags = RPC_FLAG_REPLY;
	req.value_len = sizeof(on);
	memcpy(req.value, &on, sizeof(on));
	ck_assert_int_eq(ask(f, &req).error, 0);
	req.name = 9999;
	ck_assert_int_eq(ask(f, &req).error, ENOPROTOOPT);
	req = request(RPC_GETSOCKOPT);
	req.level = SOL_SOCKET;
	req.name = SO_REUSEADDR;
	req.value_len = sizeof(on);
	struct rpc_reply reply = ask(f, &req);
	ck_assert_int_eq(reply.error, 0);
	ck_assert_uint_eq(reply.value_len, sizeof(on));
	memcpy(&on, reply.value, sizeof(on));
	ck_assert_int_eq(on, 1);
	close_all(f, -1, -1);
}
END_TEST

/* --- connections */

/* Abstract names are the network namespace's: another xtcpd may have had the same idea. */
START_TEST(a_name_that_is_taken_costs_no_connection)
{
	struct rpc_request req = request(RPC_BIND);
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct rpc_accept record;
	uint16_t port;
	int l = listening(&port, 16), c = attached(), other = socket(AF_UNIX, SOCK_STREAM, 0);
	req.addr = loopback(0);
	struct sockaddr_in client = ask(c, &req).addr;
	d.sockets.next_id = 4711;
	struct rpc_name name = {
	    .mark = RPC_NAME_MARK, .id = 4711, .local = loopback(port), .remote = client};
	memcpy(sun.sun_path + 1, &name, sizeof(name));
	socklen_t len = offsetof(struct sockaddr_un, sun_path) + 1 + sizeof(name);
	ck_assert_int_eq(bind(other, (struct sockaddr *)&sun, len), 0);
	connect_from(c, port);
	run();
	int s = take(l, &record);
	ck_assert_int_ge(s, 0);
	close(s);
	close(other);
	close_all(l, c, -1);
}
END_TEST

START_TEST(a_connection_is_accepted_without_a_request)
{
	struct rpc_accept record;
	uint16_t port;
	int l = listening(&port, 16);
	ck_assert_int_eq(polled(l), 0); /* the padding is unread: a listener is never writable */
	int c = connecting(port);
	ck_assert_int_eq(polled(c), 0);
	run();
	ck_assert_int_eq(polled(l), POLLIN);
	ck_assert_int_eq(polled(c), POLLOUT);
	int s = take(l, &record);
	ck_assert_int_ge(s, 0);
	ck_assert_uint_eq(record.id, 0);
	ck_assert_uint_eq(ntohs(record.local.sin_port), port);
	struct rpc_request req = request(RPC_GETNAME);
	ck_assert_uint_eq(ask(c, &req).addr.sin_port, record.remote.sin_port);

	struct sockaddr_un sun;
	struct rpc_name name;
	socklen_t len = sizeof(sun);
	ck_assert_int_eq(getsockname(s, (struct sockaddr *)&sun, &len), 0);
	memcpy(&name, sun.sun_path + 1, sizeof(name));
	ck_assert_str_eq(name.mark, RPC_NAME_MARK);
	ck_assert_uint_eq(name.remote.sin_port, record.remote.sin_port);
	ck_assert_uint_eq(name.local.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	close_all(l, c, s);
}
END_TEST

START_TEST(a_refused_connection_shows_its_error)
{
	int c = connecting(9);
	run();
	ck_assert_int_eq(polled(c), POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP);
	ck_assert_int_eq(ask_error(c, RPC_GETERR), ECONNREFUSED);
	ck_assert_int_eq(ask_error(c, RPC_GETERR), 0);
	close_all(c, -1, -1);
}
END_TEST

START_TEST(no_route_is_told_like_any_other_failure)
{
	struct rpc_request req = request(RPC_CONNECT);
	int f = attached();
	req.addr = loopback(9);
	req.addr.sin_addr.s_addr = htonl(0xc0000201);
	req.addr_len = sizeof(req.addr);
	send_request(f, &req, f); /* after ATTACH, on the same connection */
	run();
	ck_assert_int_eq(ask_error(f, RPC_GETERR), ENETUNREACH);
	close_all(f, -1, -1);
}
END_TEST

/* The loopback's segments are larger than what stream() writes: without this, Nagle's algorithm
 * waits for delayed ACKs. */
static void no_delay(int f)
{
	struct rpc_request req = request(RPC_SETSOCKOPT);
	int on = 1;
	req.level = IPPROTO_TCP;
	req.name = TCP_NODELAY;
	req.flags = RPC_FLAG_REPLY;
	req.value_len = sizeof(on);
	memcpy(req.value, &on, sizeof(on));
	ck_assert_int_eq(ask(f, &req).error, 0);
}

static void fill(uint8_t *p, size_t n, size_t from)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)((from + i) * 2654435761u >> 13);
}

/* Sends `total` bytes of the pattern from a to b, in steps as both take them. */
static void stream(int a, int b, size_t total)
{
	static uint8_t out[50000], in[70000], want[70000];
	size_t sent = 0, got = 0;

	for (int idle = 0; got < total; idle++) {
		ck_assert_int_lt(idle, 1000);
		size_t n = total - sent < sizeof(out) ? total - sent : sizeof(out);
		fill(out, n, sent);
		ssize_t w = n ? send(a, out, n, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
		if (w > 0) {
			sent += (size_t)w;
			idle = 0;
		}
		run_until(b, POLLIN);
		ssize_t r = recv(b, in, sizeof(in), MSG_DONTWAIT);
		if (r <= 0)
			continue;
		fill(want, (size_t)r, got);
		ck_assert(memcmp(in, want, (size_t)r) == 0);
		got += (size_t)r;
		idle = 0;
	}
	ck_assert_uint_eq(got, total);
}

START_TEST(bytes_arrive_unchanged_both_ways)
{
	int l, c, s;
	connection(&l, &c, &s);
	no_delay(c);
	no_delay(s);
	stream(c, s, 8 << 20);
	stream(s, c, 8 << 20);
	close_all(l, c, s);
}
END_TEST

/* Turns as the daemon takes them until a byte has come, which is read. */
static void await_byte(int f)
{
	struct pollfd p = {.fd = f, .events = POLLIN};
	unsigned events;
	char byte;

	while (poll(&p, 1, 0) == 0) {
		daemon_turn(&d);
		ck_assert(d.busy || !stack_next_event(d.stack, &events));
	}
	ck_assert_int_eq((int)recv(f, &byte, 1, MSG_DONTWAIT), 1);
}

/* An answer in two pieces: the second waits for the first one's ACK (Nagle), and that for its
 * timer, which thus sends the ACK, which sends the second, all within one flush. */
START_TEST(what_a_timer_sets_off_at_both_ends_is_told_before_the_daemon_sleeps)
{
	int l, c, s;
	connection(&l, &c, &s);
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq((int)send(c, "?", 1, MSG_NOSIGNAL), 1);
		await_byte(s);
		ck_assert_int_eq((int)send(s, "1", 1, MSG_NOSIGNAL), 1);
		await_byte(c);
		ck_assert_int_eq((int)send(s, "2", 1, MSG_NOSIGNAL), 1);
		await_byte(c);
	}
	close_all(l, c, s);
}
END_TEST

static void send_marked(int f, const char *bytes, unsigned marks)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(RPC_MARKS_MAX * sizeof(int))];
	} control = {.align = {CMSG_LEN(marks * sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct iovec iov = {(void *)bytes, strlen(bytes)};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = &control,
			   .msg_controllen = CMSG_SPACE(marks * sizeof(int))};

	for (unsigned i = 0; i < marks; i++)
		memcpy(CMSG_DATA(&control.align) + i * sizeof(f), &f, sizeof(f));
	ck_assert_int_eq((int)sendmsg(f, &m, MSG_NOSIGNAL), (int)iov.iov_len);
}

static int open_descriptors(void)
{
	int n = 0;
	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

START_TEST(the_end_of_a_write_says_that_more_follows)
{
	char got[16] = "";
	int l, c, s;
	connection(&l, &c, &s);
	int before = open_descriptors();
	send_marked(c, "one ", RPC_MARK_MORE);
	run();
	ck_assert_int_eq(polled(s) & POLLIN, 0);
	ck_assert_int_eq((int)send(c, "two", 3, MSG_NOSIGNAL), 3);
	run_until(s, POLLIN);
	ck_assert_int_eq((int)recv(s, got, sizeof(got), MSG_DONTWAIT), 7);
	ck_assert_str_eq(got, "one two");
	send_marked(c, "th", RPC_MARK_MORE); /* each is a read of its own */
	send_marked(c, "ree", RPC_MARK_EOR);
	ck_assert_int_eq((int)recv(s, got, sizeof(got), MSG_DONTWAIT), -1);
	run_until(s, POLLIN);
	ck_assert_int_eq((int)recv(s, got, sizeof(got), MSG_DONTWAIT), 5);
	ck_assert_int_eq(open_descriptors(), before);
	close_all(l, c, s);
}
END_TEST

/* What arrives of a write of `len` bytes, more than a block of the send buffer, that more is to
 * follow. */
static size_t arrived_of_marked(int c, int s, size_t len)
{
	static char chunk[16384];
	size_t got = 0;

	memset(chunk, 'm', len);
	chunk[len] = '\0';
	send_marked(c, chunk, RPC_MARK_MORE);
	run();
	for (ssize_t n; (n = recv(s, chunk, sizeof(chunk), MSG_DONTWAIT)) > 0;)
		got += (size_t)n;
	return got;
}

START_TEST(a_long_write_that_more_follows_is_not_cut_by_the_read)
{
	char got[16384];
	int l, c, s;
	connection(&l, &c, &s);
	ck_assert_uint_lt(arrived_of_marked(c, s, 12000), 12000);
	ck_assert_int_eq((int)send(c, "end", 3, MSG_NOSIGNAL), 3);
	run_until(s, POLLIN);
	while (recv(s, got, sizeof(got), MSG_DONTWAIT) > 0)
		;
	ck_assert_uint_lt(arrived_of_marked(c, s, 12000), 12000);
	close_all(l, c, s);
}
END_TEST

START_TEST(a_reader_that_does_not_read_stops_the_writer_and_nothing_is_lost)
{
	static uint8_t chunk[32768], in[65536], want[65536];
	size_t sent = 0, got = 0;
	int l, c, s;
	connection(&l, &c, &s);
	for (int idle = 0; idle < 50;) {
		fill(chunk, sizeof(chunk), sent);
		ssize_t n = send(c, chunk, sizeof(chunk), MSG_DONTWAIT | MSG_NOSIGNAL);
		idle = n > 0 ? 0 : idle + 1;
		sent += n > 0 ? (size_t)n : 0;
		run();
		ck_assert_uint_lt(sent, 64 << 20); /* buffers are finite */
	}
	ck_assert_int_eq(shutdown(c, SHUT_WR), 0);
	for (int idle = 0; idle < 1000; idle++) {
		ssize_t n = recv(s, in, sizeof(in), MSG_DONTWAIT);
		if (n == 0)
			break;
		if (n > 0) {
			fill(want, (size_t)n, got);
			ck_assert(memcmp(in, want, (size_t)n) == 0);
			got += (size_t)n;
			idle = 0;
		}
		run_until(s, POLLIN);
	}
	ck_assert_uint_eq(got, sent);
	close_all(l, c, s);
}
END_TEST

START_TEST(a_half_close_is_one)
{
	char buf[16];
	int l, c, s;
	connection(&l, &c, &s);
	ck_assert_int_eq((int)send(c, "ask", 3, 0), 3);
	shutdown(c, SHUT_WR);
	run();
	ck_assert_int_eq((int)recv(s, buf, sizeof(buf), 0), 3);
	ck_assert_int_eq((int)recv(s, buf, sizeof(buf), 0), 0);
	ck_assert_int_eq(polled(s), POLLIN | POLLOUT | POLLRDHUP);
	ck_assert_int_eq((int)send(s, "answer", 6, 0), 6);
	run();
	ck_assert_int_eq((int)recv(c, buf, sizeof(buf), 0), 6);
	ck_assert_int_eq((int)recv(c, buf, sizeof(buf), MSG_DONTWAIT), -1);
	close(s);
	run();
	ck_assert_int_eq((int)recv(c, buf, sizeof(buf), 0), 0);
	close_all(l, c, -1);
}
END_TEST

START_TEST(bytes_written_before_close_arrive)
{
	char buf[16];
	int l, c, s;
	connection(&l, &c, &s);
	ck_assert_int_eq((int)send(s, "bye", 3, 0), 3);
	close(s);
	run();
	ck_assert_int_eq((int)recv(c, buf, sizeof(buf), 0), 3);
	ck_assert_int_eq((int)recv(c, buf, sizeof(buf), 0), 0);
	ck_assert_int_eq(ask_error(c, RPC_GETERR), 0);
	close_all(l, c, -1);
}
END_TEST

START_TEST(closing_with_bytes_unread_resets)
{
	int l, c, s;
	connection(&l, &c, &s);
	ck_assert_int_eq((int)send(c, "unread", 6, 0), 6);
	run();
	close(s);
	run();
	ck_assert_int_eq(ask_error(c, RPC_GETERR), ECONNRESET);
	close_all(l, c, -1);
}
END_TEST

START_TEST(bytes_for_a_program_that_is_gone_reset)
{
	int l, c, s;
	connection(&l, &c, &s);
	close(s);
	run();
	ck_assert_int_eq((int)send(c, "hello?", 6, MSG_NOSIGNAL), 6);
	run();
	ck_assert_int_eq(ask_error(c, RPC_GETERR), EPIPE); /* a RST in CLOSE_WAIT, as Linux says */
	close_all(l, c, -1);
}
END_TEST

START_TEST(linger_zero_resets_even_though_it_is_closed_at_once)
{
	struct rpc_request req = request(RPC_SETSOCKOPT);
	struct linger zero = {.l_onoff = 1};
	int l, c, s, q = socket(AF_UNIX, SOCK_STREAM, 0);
	connection(&l, &c, &s);
	req.level = SOL_SOCKET;
	req.name = SO_LINGER;
	req.value_len = sizeof(zero);
	memcpy(req.value, &zero, sizeof(zero));
	connect_path(q);
	send_request(q, &req, s); /* not waited for */
	close(q);
	close(s);
	run();
	ck_assert_int_eq(ask_error(c, RPC_GETERR), ECONNRESET);
	close_all(l, c, -1);
}
END_TEST

static int send_linger(int f, int seconds)
{
	struct rpc_request req = request(RPC_LINGER);
	int q = socket(AF_UNIX, SOCK_STREAM, 0);
	req.arg = seconds;
	connect_path(q);
	send_request(q, &req, f);
	return q;
}

START_TEST(a_close_that_lingers_waits_for_the_fins_ack)
{
	struct rpc_reply reply;
	int l, c, s;
	connection(&l, &c, &s);
	ck_assert_int_eq((int)send(s, "last words", 10, 0), 10);
	int q = send_linger(s, 5);
	run();
	ck_assert_int_eq((int)recv(q, &reply, sizeof(reply), MSG_DONTWAIT), -1);
	close(s);
	shutdown(q, SHUT_WR);
	run_until(q, POLLIN);
	ck_assert_int_eq((int)recv(q, &reply, sizeof(reply), 0), (int)sizeof(reply));
	ck_assert_int_eq(reply.error, 0);
	close(q);
	close_all(l, c, -1);
}
END_TEST

static void pass_time(uint64_t us)
{
	d.loop.now_us += us;
	timer_wheel_advance(&d.loop.wheel, d.loop.now_us, &d);
}

START_TEST(a_close_lingers_no_longer_than_it_was_told)
{
	static char chunk[65536];
	struct rpc_reply reply;
	int l, c, s;
	connection(&l, &c, &s);
	for (int idle = 0; idle < 50; idle++) { /* until nothing more fits: c does not read */
		if (send(s, chunk, sizeof(chunk), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
			idle = 0;
		run();
	}
	int q = send_linger(s, 5);
	run();
	close(s);
	shutdown(q, SHUT_WR);
	run();
	pass_time(4900000);
	ck_assert_int_eq((int)recv(q, &reply, sizeof(reply), MSG_DONTWAIT), -1);
	pass_time(200000);
	ck_assert_int_eq((int)recv(q, &reply, sizeof(reply), MSG_DONTWAIT), (int)sizeof(reply));
	close(q);
	close(l);
	close(c);
	run();
}
END_TEST

START_TEST(a_close_that_is_not_the_last_does_not_linger)
{
	char buf[4];
	int l, c, s;
	connection(&l, &c, &s);
	int other = dup(s), q = send_linger(s, 30);
	close(s);
	shutdown(q, SHUT_WR);
	run();
	ck_assert_int_eq((int)recv(q, buf, sizeof(buf), MSG_DONTWAIT), 4);
	close(q);
	ck_assert_int_eq((int)send(c, "on", 2, 0), 2); /* the connection goes on */
	run();
	ck_assert_int_eq((int)recv(other, buf, sizeof(buf), 0), 2);
	close_all(l, c, other);
}
END_TEST

START_TEST(urgent_data_passes_both_ways)
{
	char buf[16];
	int l, c, s;
	connection(&l, &c, &s);
	ck_assert_int_eq((int)send(c, "ab", 2, 0), 2);
	ck_assert_int_eq((int)send(c, "!", 1, MSG_OOB), 1);
	run();
	ck_assert_int_eq((int)send(c, "cd", 2, 0), 2);
	run();
	ck_assert_int_eq(polled(s) & POLLPRI, POLLPRI);
	ck_assert_int_eq((int)recv(s, buf, 1, MSG_OOB), 1);
	ck_assert_int_eq(buf[0], '!');
	ck_assert_int_eq((int)recv(s, buf, sizeof(buf), 0), 2);
	ck_assert_int_eq(memcmp(buf, "ab", 2), 0);
	ck_assert_int_eq((int)recv(s, buf, sizeof(buf), 0), 2);
	ck_assert_int_eq(memcmp(buf, "cd", 2), 0);
	close_all(l, c, s);
}
END_TEST

/* --- listeners */

START_TEST(what_is_not_taken_counts_against_the_backlog)
{
	enum { BACKLOG = 2, CLIENTS = 8 };
	struct rpc_accept record;
	uint16_t port;
	int l = listening(&port, BACKLOG), c[CLIENTS], established = 0;
	for (int i = 0; i < CLIENTS; i++) {
		c[i] = connecting(port);
		run();
	}
	for (int i = 0; i < CLIENTS; i++)
		established += take(l, &record) >= 0;
	ck_assert_int_eq(established, BACKLOG + 1);
	for (int i = 0; i < CLIENTS; i++)
		close(c[i]);
	close(l);
	run();
}
END_TEST

START_TEST(connections_nobody_took_are_reset_with_their_listener)
{
	struct rpc_accept record;
	uint16_t port;
	int l = listening(&port, 16), c[4];
	for (int i = 0; i < 4; i++) {
		c[i] = connecting(port);
		run();
	}
	int taken = take(l, &record);
	ck_assert_uint_eq(record.id, 0);
	close(l);
	run();
	for (int i = 1; i < 4; i++)
		ck_assert_int_eq(ask_error(c[i], RPC_GETERR), ECONNRESET);
	ck_assert_uint_eq(d.counter[XtcpdAcceptsUntaken], 3);
	char buf[4]; /* the first goes on */
	ck_assert_int_eq((int)send(c[0], "hi", 2, 0), 2);
	run();
	ck_assert_int_eq((int)recv(taken, buf, sizeof(buf), 0), 2);
	for (int i = 0; i < 4; i++)
		close(c[i]);
	close_all(taken, -1, -1);
}
END_TEST

START_TEST(a_port_is_free_once_its_listener_is_gone)
{
	struct rpc_request req = request(RPC_BIND);
	uint16_t port;
	int l = listening(&port, 16), f = attached();
	req.addr = loopback(port);
	ck_assert_int_eq(ask(f, &req).error, EADDRINUSE);
	close(l);
	run();
	ck_assert_int_eq(ask(f, &req).error, 0);
	close_all(f, -1, -1);
}
END_TEST

START_TEST(shutdown_of_a_listener_ends_its_accept)
{
	char byte;
	uint16_t port;
	int l = listening(&port, 16);
	ck_assert_int_eq(ask_error(l, RPC_UNLISTEN), 0);
	ck_assert_int_eq((int)recv(l, &byte, 1, MSG_DONTWAIT), 0);
	int c = connecting(port);
	run();
	ck_assert_int_eq(ask_error(c, RPC_GETERR), ECONNREFUSED);
	close_all(l, c, -1);
}
END_TEST

/* --- bad behaviour */

/* Sends this on a connection of its own: it must be cut off, and a good socket must not notice. */
static void expect_cut_off(const struct rpc_request *req, size_t len, int f)
{
	char byte;
	int q = socket(AF_UNIX, SOCK_STREAM, 0), good = attached();
	connect_path(q);
	if (f >= 0)
		send_request(q, req, f);
	else
		ck_assert_int_eq((int)send(q, req, len, MSG_NOSIGNAL), (int)len);
	run();
	ssize_t n = recv(q, &byte, 1, MSG_DONTWAIT);
	ck_assert(n == 0 || (n < 0 && errno == ECONNRESET));
	close(q);
	struct rpc_request name = request(RPC_GETNAME);
	ck_assert_int_eq(ask(good, &name).error, 0);
	close(good);
	run();
}

START_TEST(bad_records_are_cut_off_and_counted)
{
	struct rpc_request req = request(RPC_GETNAME);
	int f = attached();
	expect_cut_off(&req, sizeof(req) - 1, -1);
	expect_cut_off(&req, 1, -1);
	expect_cut_off(&req, sizeof(req), -1); /* no descriptor */
	req.magic++;
	expect_cut_off(&req, sizeof(req), f);
	req = request(RPC_TYPE_MAX);
	expect_cut_off(&req, sizeof(req), f);
	req = request(RPC_GETNAME);
	expect_cut_off(&req, sizeof(req), STDERR_FILENO);
	req = request(RPC_ATTACH); /* f is not that connection */
	expect_cut_off(&req, sizeof(req), f);
	ck_assert_uint_eq(d.counter[XtcpdRpcBad], 7);
	close_all(f, -1, -1);
}
END_TEST

START_TEST(junk_after_attach_ends_that_socket_alone)
{
	char byte;
	uint32_t magic = RPC_MAGIC;
	int f = attached(), g = attached();
	ck_assert_int_eq((int)send(f, &magic, sizeof(magic), 0), (int)sizeof(magic));
	run();
	ck_assert_int_eq((int)recv(f, &byte, 1, MSG_DONTWAIT), 0);
	ck_assert_int_eq(ask_error(g, RPC_GETNAME), 0);
	close_all(f, g, -1);
}
END_TEST

/* The question comes by a connection of its own, and may be read first. */
START_TEST(who_asks_right_after_connect_is_told_of_it)
{
	struct rpc_request name = request(RPC_GETNAME), bind = request(RPC_BIND);
	uint16_t port;
	int listener = listening(&port, 4), f = attached(), g = attached();
	connect_from(f, port);
	struct rpc_reply reply = ask(f, &name);
	ck_assert_uint_eq(ntohl(reply.addr.sin_addr.s_addr), INADDR_LOOPBACK);
	ck_assert_uint_ne(reply.addr.sin_port, 0);
	connect_from(g, port);
	bind.addr = loopback(0);
	ck_assert_int_eq(ask(g, &bind).error, EINVAL);
	close(f);
	close(g);
	close_all(listener, -1, -1);
}
END_TEST

static int sndbuf_of(int f)
{
	int bytes = 0;
	socklen_t len = sizeof(bytes);
	ck_assert_int_eq(getsockopt(f, SOL_SOCKET, SO_SNDBUF, &bytes, &len), 0);
	return bytes;
}

/* tcp_notsent_lowat: what waits in F is not sent either, whoever connected. */
START_TEST(the_sysctl_limits_what_waits_unsent_at_both_ends)
{
	struct rpc_request req = request(RPC_SETSOCKOPT);
	int listener, client, server, mark = 0;
	stack_sysctls(d.stack)->tcp_notsent_lowat = 16384;
	connection(&listener, &client, &server);
	ck_assert_int_eq(sndbuf_of(client), 2 * rpc_notsent_sndbuf(16384));
	ck_assert_int_eq(sndbuf_of(server), 2 * rpc_notsent_sndbuf(16384));
	req.flags = RPC_FLAG_REPLY;
	req.level = IPPROTO_TCP;
	req.name = TCP_NOTSENT_LOWAT;
	req.value_len = sizeof(mark);
	ck_assert_int_eq(ask(client, &req).arg, 16384);
	mark = 5000;
	memcpy(req.value, &mark, sizeof(mark));
	ck_assert_int_eq(ask(client, &req).arg, 5000);
	close_all(listener, client, server);
}
END_TEST

/* What a socket's options are after its connection: see xsocket_close(). */
START_TEST(options_outlive_the_connection)
{
	struct rpc_request req = request(RPC_SETSOCKOPT), get = request(RPC_GETSOCKOPT);
	int listener, client, server, value = 33;
	connection(&listener, &client, &server);
	req.flags = RPC_FLAG_REPLY;
	get.level = req.level = IPPROTO_IP;
	get.name = req.name = IP_TTL;
	get.value_len = req.value_len = sizeof(value);
	memcpy(req.value, &value, sizeof(value));
	ck_assert_int_eq(ask(client, &req).error, 0);
	shutdown(client, SHUT_RDWR);
	run();
	ck_assert_ptr_null(sockets_find(&d, socket_cookie(client)));
	struct rpc_reply reply = ask(client, &get);
	ck_assert_int_eq(reply.error, 0);
	memcpy(&value, reply.value, sizeof(value));
	ck_assert_int_eq(value, 33);
	value = 300;
	memcpy(req.value, &value, sizeof(value));
	ck_assert_int_eq(ask(client, &req).error, EINVAL);
	value = 34;
	memcpy(req.value, &value, sizeof(value));
	ck_assert_int_eq(ask(client, &req).error, 0);
	reply = ask(client, &get);
	memcpy(&value, reply.value, sizeof(value));
	ck_assert_int_eq(value, 34);
	close_all(listener, client, server);
}
END_TEST

START_TEST(a_client_that_says_nothing_is_cut_off_in_time)
{
	char byte;
	int q = socket(AF_UNIX, SOCK_STREAM, 0);
	connect_path(q);
	run();
	ck_assert_uint_eq(d.rpc.pending_count, 1);
	d.loop.now_us += RPC_TIMEOUT_US + 2000;
	timer_wheel_advance(&d.loop.wheel, d.loop.now_us, &d);
	ck_assert_uint_eq(d.rpc.pending_count, 0);
	ck_assert_uint_eq(d.counter[XtcpdRpcTimeouts], 1);
	ck_assert_int_eq((int)recv(q, &byte, 1, MSG_DONTWAIT), 0);
	close(q);
}
END_TEST

START_TEST(a_users_sockets_are_limited)
{
	d.config.max_per_user = 2;
	int f = attached(), g = attached(), h = attached();
	ck_assert_int_eq(ask_error(f, RPC_GETNAME), 0);
	ck_assert_int_eq(ask_error(g, RPC_GETNAME), 0);
	ck_assert_int_eq(ask_error(h, RPC_BIND), ENFILE);
	ck_assert_int_eq(ask_error(h, RPC_GETERR), ENFILE);
	ck_assert_uint_eq(sockets_find_user(&d, getuid())->refused, 1);
	close(f);
	run();
	int i = attached();
	ck_assert_int_eq(ask_error(i, RPC_GETNAME), 0);
	close_all(g, h, i);
}
END_TEST

START_TEST(a_users_listeners_are_limited)
{
	uint16_t port;
	struct rpc_request req = request(RPC_LISTEN);

	d.config.max_listeners_per_user = 1;
	int f = listening(&port, 5), g = attached();
	ck_assert_int_eq(ask(g, &req).error, ENOBUFS);
	ck_assert_int_eq(ask(f, &req).error, 0); /* again is not another */
	ck_assert_uint_eq(sockets_find_user(&d, getuid())->listeners, 1);
	ck_assert_int_eq(ask_error(f, RPC_UNLISTEN), 0);
	ck_assert_int_eq(ask(g, &req).error, 0);
	close(g);
	run();
	ck_assert_uint_eq(sockets_find_user(&d, getuid())->listeners, 0);
	int h = listening(&port, 5);
	close_all(f, g, h);
}
END_TEST

START_TEST(a_socket_never_attached_is_not_connected)
{
	int f = new_socket();
	ck_assert_int_eq(ask_error(f, RPC_GETNAME), ENOTCONN);
	ck_assert_int_eq(ask_error(f, RPC_GETERR), 0);
	ck_assert_uint_eq(d.counter[XtcpdRpcUnknownSocket], 2);
	close(f);
}
END_TEST

Suite *sockets_suite(void)
{
	Suite *s = suite_create("sockets");
	TCase *t = tcase_create("names and options");
	tcase_add_checked_fixture(t, program_setup, program_teardown);
	tcase_add_test(t, a_socket_is_bound_and_named);
	tcase_add_test(t, a_program_without_the_right_gets_no_low_port);
	tcase_add_test(t, options_are_the_stacks);
	suite_add_tcase(s, t);
	t = tcase_create("connections");
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, program_setup, program_teardown);
	tcase_add_test(t, a_name_that_is_taken_costs_no_connection);
	tcase_add_test(t, a_connection_is_accepted_without_a_request);
	tcase_add_test(t, a_refused_connection_shows_its_error);
	tcase_add_test(t, no_route_is_told_like_any_other_failure);
	tcase_add_test(t, bytes_arrive_unchanged_both_ways);
	tcase_add_test(t, what_a_timer_sets_off_at_both_ends_is_told_before_the_daemon_sleeps);
	tcase_add_test(t, the_end_of_a_write_says_that_more_follows);
	tcase_add_test(t, a_long_write_that_more_follows_is_not_cut_by_the_read);
	tcase_add_test(t, a_reader_that_does_not_read_stops_the_writer_and_nothing_is_lost);
	tcase_add_test(t, a_half_close_is_one);
	tcase_add_test(t, bytes_written_before_close_arrive);
	tcase_add_test(t, closing_with_bytes_unread_resets);
	tcase_add_test(t, bytes_for_a_program_that_is_gone_reset);
	tcase_add_test(t, linger_zero_resets_even_though_it_is_closed_at_once);
	tcase_add_test(t, a_close_that_lingers_waits_for_the_fins_ack);
	tcase_add_test(t, a_close_lingers_no_longer_than_it_was_told);
	tcase_add_test(t, a_close_that_is_not_the_last_does_not_linger);
	tcase_add_test(t, urgent_data_passes_both_ways);
	suite_add_tcase(s, t);
	t = tcase_create("listeners");
	tcase_add_checked_fixture(t, program_setup, program_teardown);
	tcase_add_test(t, what_is_not_taken_counts_against_the_backlog);
	tcase_add_test(t, connections_nobody_took_are_reset_with_their_listener);
	tcase_add_test(t, a_port_is_free_once_its_listener_is_gone);
	tcase_add_test(t, shutdown_of_a_listener_ends_its_accept);
	suite_add_tcase(s, t);
	t = tcase_create("bad behaviour");
	tcase_add_checked_fixture(t, program_setup, program_teardown);
	tcase_add_test(t, bad_records_are_cut_off_and_counted);
	tcase_add_test(t, junk_after_attach_ends_that_socket_alone);
	tcase_add_test(t, who_asks_right_after_connect_is_told_of_it);
	tcase_add_test(t, the_sysctl_limits_what_waits_unsent_at_both_ends);
	tcase_add_test(t, options_outlive_the_connection);
	tcase_add_test(t, a_client_that_says_nothing_is_cut_off_in_time);
	tcase_add_test(t, a_users_sockets_are_limited);
	tcase_add_test(t, a_users_listeners_are_limited);
	tcase_add_test(t, a_socket_never_attached_is_not_connected);
	suite_add_tcase(s, t);
	return s;
}
