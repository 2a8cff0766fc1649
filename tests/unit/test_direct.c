/* SPDX-License-Identifier: MIT */
/* Connections between two programs of one stack, whose bytes do not pass through xtcpd. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/direct.h"
#include "daemon/rpc_record.h"
#include "daemon/socket.h"
#include "tests/unit/program.h"
#include "tests/unit/suites.h"

static void setup(void)
{
	program_setup();
	ck_assert_int_eq(direct_start(&d), 0);
	if (!d.direct.netns_cookie) /* a kernel without unix_diag, or before 5.14 */
		d.config.direct = false;
}

static int listener, client, server;

static bool begin(void)
{
	if (!d.config.direct)
		return false;
	connection(&listener, &client, &server);
	ck_assert_uint_eq(d.counter[XtcpdDirect], 1);
	return true;
}

/* How many of the two ends are in that state. */
static unsigned in_state(enum tcp_state state)
{
	int ends[] = {client, server};
	unsigned n = 0;
	for (int i = 0; i < 2; i++) {
		struct xsocket *xs = sockets_find(&d, socket_cookie(ends[i]));
		n += xs && xs->sk && tcp_state(xs->sk) == state;
	}
	return n;
}

static void expect(int fd, const char *text)
{
	char got[64] = "";
	ck_assert_int_eq((int)recv(fd, got, sizeof(got), MSG_DONTWAIT), (int)strlen(text));
	ck_assert_str_eq(got, text);
}

/* One after the other, so that each is seen. */
static void end(int first, int then)
{
	close(first);
	run();
	close(then);
	close_all(listener, -1, -1);
}

START_TEST(bytes_pass_while_the_daemon_does_nothing)
{
	if (!begin())
		return;
	ck_assert_int_eq((int)send(client, "ping", 4, 0), 4);
	expect(server, "ping");
	ck_assert_int_eq((int)send(server, "pong", 4, 0), 4);
	expect(client, "pong");
	ck_assert_int_eq(fcntl(server, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_uint_eq(in_state(TCP_ESTABLISHED), 2);
	end(client, server);
}
END_TEST

START_TEST(what_was_written_before_accept_is_there)
{
	struct rpc_accept record;
	uint16_t port;
	if (!d.config.direct)
		return;
	listener = listening(&port, 16);
	client = connecting(port);
	run();
	ck_assert_int_eq((int)send(client, "early", 5, 0), 5);
	server = take(listener, &record);
	expect(server, "early");
	ck_assert_uint_eq(d.counter[XtcpdDirect], 1);
	end(client, server);
}
END_TEST

/* It writes the moment it may, before the daemon has come to the listener. */
START_TEST(a_program_that_writes_at_once_is_joined_all_the_same)
{
	struct rpc_accept record;
	uint16_t port;
	int more = 4 * PAD_BYTES;
	if (!d.config.direct)
		return;
	listener = listening(&port, 16);
	client = attached();
	ck_assert_int_eq(setsockopt(client, SOL_SOCKET, SO_SNDBUF, &more, sizeof(more)), 0);
	connect_from(client, port);
	ck_assert_int_eq((int)send(client, "at once", 7, MSG_DONTWAIT), 7);
	run();
	server = take(listener, &record);
	expect(server, "at once");
	ck_assert_uint_eq(d.counter[XtcpdDirect], 1);
	end(client, server);
}
END_TEST

START_TEST(both_names_are_known)
{
	struct rpc_request req = request(RPC_GETNAME);
	if (!begin())
		return;
	struct rpc_reply at_server = ask(server, &req), at_client = ask(client, &req);
	req = request(RPC_GETPEER);
	struct rpc_reply peer = ask(server, &req);
	ck_assert_int_eq(peer.error, 0);
	ck_assert_uint_eq(peer.addr.sin_port, at_client.addr.sin_port);
	peer = ask(client, &req);
	ck_assert_uint_eq(peer.addr.sin_port, at_server.addr.sin_port);
	end(client, server);
}
END_TEST

START_TEST(a_half_close_is_a_fin)
{
	if (!begin())
		return;
	shutdown(client, SHUT_WR);
	run();
	ck_assert_uint_eq(in_state(TCP_FIN_WAIT2), 1);
	ck_assert_uint_eq(in_state(TCP_CLOSE_WAIT), 1);
	expect(server, "");
	ck_assert_int_eq((int)send(server, "rest", 4, 0), 4);
	expect(client, "rest");
	end(server, client);
	ck_assert_uint_eq(tcp_count(d.stack).timewait, 1);
}
END_TEST

START_TEST(a_close_is_seen_from_either_end)
{
	if (!begin())
		return;
	close(server);
	run();
	expect(client, "");
	ck_assert(polled(client) & POLLHUP);
	ck_assert_uint_eq(tcp_count(d.stack).sockets, 1); /* the listener */
	close_all(listener, client, -1);
}
END_TEST

/* TCP's peer answers the first write after its close() with a RST; the second finds that. */
START_TEST(the_first_write_after_the_peers_close_counts)
{
	struct rpc_request late = request(RPC_LATE);
	if (!begin())
		return;
	ck_assert_int_eq(ask(server, &late).arg, 0);
	close(client);
	run();
	ck_assert_int_eq(ask(server, &late).arg, 1); /* of nothing */
	late.arg = 1;
	ck_assert_int_eq(ask(server, &late).arg, 1);
	ck_assert_int_eq(ask(server, &late).arg, 0);
	close_all(listener, server, -1);
}
END_TEST

START_TEST(a_write_after_ones_own_end_does_not_count)
{
	struct rpc_request late = request(RPC_LATE);
	if (!begin())
		return;
	shutdown(server, SHUT_WR);
	run();
	close(client);
	run();
	ck_assert_int_eq(ask(server, &late).arg, 0);
	close_all(listener, server, -1);
}
END_TEST

START_TEST(a_reset_is_told_as_one)
{
	struct rpc_request req = request(RPC_SETSOCKOPT);
	struct linger now = {.l_onoff = 1};
	if (!begin())
		return;
	req.level = SOL_SOCKET;
	req.name = SO_LINGER;
	req.flags = RPC_FLAG_REPLY;
	req.value_len = sizeof(now);
	memcpy(req.value, &now, sizeof(now));
	ck_assert_int_eq(ask(client, &req).error, 0);
	close(client);
	ck_assert_int_eq(ask_error(server, RPC_GETERR), ECONNRESET);
	close_all(listener, server, -1);
}
END_TEST

START_TEST(a_connection_nobody_accepted_is_reset)
{
	uint16_t port;
	if (!d.config.direct)
		return;
	listener = listening(&port, 16);
	client = connecting(port);
	run();
	close(listener);
	run();
	ck_assert(polled(client) & POLLHUP);
	ck_assert_int_eq(ask_error(client, RPC_GETERR), ECONNRESET);
	close_all(client, -1, -1);
}
END_TEST

/* Both ends gone before the daemon looks: their registrations went with them. */
START_TEST(ends_that_vanish_together_are_swept)
{
	d.direct.mark = (uint8_t)_i; /* whether the sweeps before were odd or even */
	if (!begin())
		return;
	close(client);
	close(server);
	run();
	direct_sweep(&d);
	run();
	ck_assert_uint_eq(tcp_count(d.stack).sockets, 1);
	close_all(listener, -1, -1);
}
END_TEST

START_TEST(a_sweep_leaves_the_living_alone)
{
	if (!begin())
		return;
	for (int i = 0; i < 3; i++)
		direct_sweep(&d);
	run();
	ck_assert_uint_eq(in_state(TCP_ESTABLISHED), 2);
	ck_assert_int_eq((int)send(client, "still", 5, 0), 5);
	expect(server, "still");
	end(client, server);
}
END_TEST

START_TEST(it_can_be_switched_off)
{
	char byte;
	d.config.direct = false;
	d.direct.netns_cookie = 0;
	connection(&listener, &client, &server);
	ck_assert_uint_eq(d.counter[XtcpdDirect], 0);
	ck_assert_int_eq((int)send(client, "x", 1, 0), 1);
	ck_assert_int_eq((int)recv(server, &byte, 1, MSG_DONTWAIT), -1);
	run();
	ck_assert_int_eq((int)recv(server, &byte, 1, MSG_DONTWAIT), 1);
	end(client, server);
}
END_TEST

Suite *direct_suite(void)
{
	Suite *s = suite_create("direct");
	TCase *t = tcase_create("direct");
	tcase_add_checked_fixture(t, setup, program_teardown);
	tcase_add_test(t, bytes_pass_while_the_daemon_does_nothing);
	tcase_add_test(t, what_was_written_before_accept_is_there);
	tcase_add_test(t, a_program_that_writes_at_once_is_joined_all_the_same);
	tcase_add_test(t, both_names_are_known);
	tcase_add_test(t, a_half_close_is_a_fin);
	tcase_add_test(t, a_close_is_seen_from_either_end);
	tcase_add_test(t, the_first_write_after_the_peers_close_counts);
	tcase_add_test(t, a_write_after_ones_own_end_does_not_count);
	tcase_add_test(t, a_reset_is_told_as_one);
	tcase_add_test(t, a_connection_nobody_accepted_is_reset);
	tcase_add_loop_test(t, ends_that_vanish_together_are_swept, 0, 2);
	tcase_add_test(t, a_sweep_leaves_the_living_alone);
	tcase_add_test(t, it_can_be_switched_off);
	suite_add_tcase(s, t);
	return s;
}
