/* SPDX-License-Identifier: MIT */
/* Ports: bind() and its errnos, who may share a port with whom, the ports connect() chooses. */
#include <errno.h>

#include "tests/unit/suites.h"
#include "tests/unit/wire.h"

enum { SOCKET_LEVEL = 1, REUSEADDR = 2, REUSEPORT = 15 };
#define LOOPBACK_V4 0x7f000001u

static struct wire *w;

static void setup(void)
{
	w = wire_new();
}

static void teardown(void)
{
	wire_free(w);
}

static int bind_to(struct tcp_sock *sk, uint32_t v4, uint16_t port)
{
	struct sock_addr at = {.addr = ip_v4(v4), .port = port};
	return tcp_bind(sk, &at);
}

static struct tcp_sock *socket_with(int option)
{
	struct tcp_sock *sk = wire_socket(w);
	if (option)
		wire_set_int(sk, SOCKET_LEVEL, option, 1);
	return sk;
}

static struct tcp_sock *bound(int option, uint32_t v4, uint16_t port)
{
	struct tcp_sock *sk = socket_with(option);
	ck_assert_int_eq(bind_to(sk, v4, port), 0);
	return sk;
}

static struct tcp_sock *listening(int option, uint32_t v4, uint16_t port)
{
	struct tcp_sock *sk = bound(option, v4, port);
	ck_assert_int_eq(tcp_listen(sk, 10), 0);
	return sk;
}

static int try_bind(int option, uint32_t v4, uint16_t port)
{
	struct tcp_sock *sk = socket_with(option);
	int err = bind_to(sk, v4, port);
	tcp_close(sk, false);
	return err;
}

static int connect_from(struct tcp_sock *sk, uint16_t peer_port)
{
	struct sock_addr peer = {.addr = ip_v4(PEER_V4), .port = peer_port};
	int err = tcp_connect(sk, &peer);
	wire_flush(w);
	return err;
}

/* --- errnos ---------------------------------------------------------------------------------- */

START_TEST(what_is_bound_is_known)
{
	struct tcp_sock *sk = bound(0, HOST_V4, 8000);
	struct sock_addr local = tcp_local(sk);
	ck_assert_uint_eq(local.addr.v4, HOST_V4);
	ck_assert_uint_eq(local.port, 8000);
}
END_TEST

START_TEST(bound_already)
{
	struct tcp_sock *sk = bound(0, 0, 8000);
	ck_assert_int_eq(bind_to(sk, 0, 8001), -EINVAL);
	ck_assert_int_eq(tcp_listen(sk, 5), 0);
	ck_assert_int_eq(bind_to(sk, 0, 8001), -EINVAL);
}
END_TEST

START_TEST(not_an_address_of_ours)
{
	ck_assert_int_eq(try_bind(0, PEER_V4, 8000), -EADDRNOTAVAIL);
	ck_assert_int_eq(try_bind(0, 0x08080808, 0), -EADDRNOTAVAIL);
}
END_TEST

/* IP_FREEBIND: what listens there is found once the address is. */
START_TEST(an_address_that_is_not_there_yet)
{
	struct tcp_sock *sk = wire_socket(w);
	wire_set_int(sk, 0, 15 /* IP_FREEBIND */, 1);
	ck_assert_int_eq(bind_to(sk, 0x0a4d0063, 8000), 0);
	ck_assert_uint_eq(tcp_local(sk).addr.v4, 0x0a4d0063);
	ck_assert_int_eq(tcp_listen(sk, 10), 0);
	struct tcp_sock *other = wire_socket(w);
	ck_assert_int_eq(connect_from(other, 80), 0);
	struct tcp_sock *from = wire_socket(w);
	wire_set_int(from, 0, 15 /* IP_FREEBIND */, 1);
	ck_assert_int_eq(bind_to(from, 0x0a4d0063, 0), 0);
	ck_assert_int_eq(connect_from(from, 81), -ENETUNREACH); /* it may be named, not used */
	ck_assert_int_eq(stack_addr_add(w->st, 0x0a4d0063, 24), 0);
	ck_assert_int_eq(connect_from(from, 81), 0);
}
END_TEST

START_TEST(any_address_where_all_may)
{
	stack_sysctls(w->st)->ip_nonlocal_bind = 1;
	ck_assert_int_eq(try_bind(0, 0x08080808, 8000), 0);
	struct tcp_sock *sk = listening(0, 0x08080808, 8000);
	ck_assert_int_eq(try_bind(0, 0x08080808, 8000), -EADDRINUSE);
	tcp_close(sk, false);
	stack_sysctls(w->st)->ip_nonlocal_bind = 0;
	ck_assert_int_eq(try_bind(0, 0x08080808, 8000), -EADDRNOTAVAIL);
}
END_TEST

START_TEST(ours_loopback_any_and_as_linux_groups)
{
	ck_assert_int_eq(try_bind(0, HOST_V4, 8000), 0);
	ck_assert_int_eq(try_bind(0, LOOPBACK_V4, 8000), 0);
	ck_assert_int_eq(try_bind(0, 0x7f010203, 8000), 0);
	ck_assert_int_eq(try_bind(0, 0, 8000), 0);
	ck_assert_int_eq(try_bind(0, 0xe0000001, 8000), 0);
	ck_assert_int_eq(try_bind(0, 0xffffffff, 8000), 0);
}
END_TEST

START_TEST(another_family)
{
	struct sock_addr at = {.addr = {.family = ADDR_IPV6}, .port = 8000};
	ck_assert_int_eq(tcp_bind(wire_socket(w), &at), -EAFNOSUPPORT);
}
END_TEST

START_TEST(a_failed_bind_leaves_the_socket_unbound)
{
	bound(0, 0, 8000);
	struct tcp_sock *sk = wire_socket(w);
	ck_assert_int_eq(bind_to(sk, 0, 8000), -EADDRINUSE);
	ck_assert_uint_eq(tcp_local(sk).port, 0);
	ck_assert_int_eq(bind_to(sk, 0, 8001), 0);
}
END_TEST

START_TEST(port_zero_is_chosen_from_the_range)
{
	stack_sysctls(w->st)->ip_local_port_range[0] = 50000;
	stack_sysctls(w->st)->ip_local_port_range[1] = 50009;
	bool seen[10] = {false};
	for (int i = 0; i < 10; i++) {
		struct tcp_sock *sk = bound(i % 2 ? REUSEADDR : REUSEPORT, 0, 0);
		uint16_t port = tcp_local(sk).port;
		ck_assert_uint_ge(port, 50000);
		ck_assert_uint_le(port, 50009);
		ck_assert(!seen[port - 50000]); /* even sockets that would share do not */
		seen[port - 50000] = true;
	}
	ck_assert_int_eq(try_bind(REUSEADDR, 0, 0), -EADDRINUSE);
	ck_assert_int_eq(tcp_listen(wire_socket(w), 5), -EADDRINUSE);
}
END_TEST

START_TEST(a_closed_sockets_port_is_free_at_once)
{
	tcp_close(bound(0, 0, 8000), false);
	tcp_close(listening(0, 0, 8000), false);
	tcp_abort(bound(0, 0, 8000));
	bound(0, 0, 8000);
}
END_TEST

/* --- who conflicts with whom ----------------------------------------------------------------- */

START_TEST(the_same_address_conflicts)
{
	bound(0, HOST_V4, 8000);
	ck_assert_int_eq(try_bind(0, HOST_V4, 8000), -EADDRINUSE);
	ck_assert_int_eq(try_bind(REUSEADDR, HOST_V4, 8000), -EADDRINUSE);
	ck_assert_int_eq(try_bind(REUSEPORT, HOST_V4, 8000), -EADDRINUSE);
}
END_TEST

START_TEST(any_conflicts_with_each)
{
	bound(0, HOST_V4, 8000);
	ck_assert_int_eq(try_bind(0, 0, 8000), -EADDRINUSE);
	bound(0, 0, 8001);
	ck_assert_int_eq(try_bind(0, HOST_V4, 8001), -EADDRINUSE);
	ck_assert_int_eq(try_bind(0, LOOPBACK_V4, 8001), -EADDRINUSE);
}
END_TEST

START_TEST(different_addresses_do_not)
{
	bound(0, HOST_V4, 8000);
	bound(0, LOOPBACK_V4, 8000);
	bound(0, LOOPBACK_V4 + 1, 8000);
}
END_TEST

START_TEST(reuseaddr_must_be_both)
{
	bound(REUSEADDR, 0, 8000);
	ck_assert_int_eq(try_bind(0, 0, 8000), -EADDRINUSE);
	ck_assert_int_eq(try_bind(REUSEADDR, 0, 8000), 0);
	ck_assert_int_eq(try_bind(REUSEADDR, HOST_V4, 8000), 0);
}
END_TEST

START_TEST(reuseaddr_does_not_share_with_a_listener)
{
	listening(REUSEADDR, 0, 8000);
	ck_assert_int_eq(try_bind(REUSEADDR, 0, 8000), -EADDRINUSE);
	ck_assert_int_eq(try_bind(REUSEADDR, HOST_V4, 8000), -EADDRINUSE);
}
END_TEST

/* Both may bind; only the first may listen. */
START_TEST(listen_checks_again)
{
	struct tcp_sock *first = bound(REUSEADDR, 0, 8000), *second = bound(REUSEADDR, 0, 8000);
	ck_assert_int_eq(tcp_listen(first, 5), 0);
	ck_assert_int_eq(tcp_listen(second, 5), -EADDRINUSE);
	ck_assert_int_eq(tcp_state(second), TCP_CLOSE);
	tcp_close(first, false);
	ck_assert_int_eq(tcp_listen(second, 5), 0);
}
END_TEST

START_TEST(reuseport_shares_among_one_owner)
{
	int err;
	listening(REUSEPORT, 0, 8000);
	listening(REUSEPORT, 0, 8000);
	ck_assert_int_eq(try_bind(REUSEADDR, 0, 8000), -EADDRINUSE);
	ck_assert_int_eq(try_bind(0, 0, 8000), -EADDRINUSE);
	struct tcp_sock *other = tcp_socket(w->st, w, 1001, &err);
	wire_set_int(other, SOCKET_LEVEL, REUSEPORT, 1);
	ck_assert_int_eq(bind_to(other, 0, 8000), -EADDRINUSE);
}
END_TEST

/* A server that died: its connections remain, and without SO_REUSEADDR the port is not free. */
START_TEST(connections_of_a_dead_listener_hold_its_port)
{
	wire_listen(w, 5);
	wire_in(w, "S 0:0(0) win 65535");
	wire_out(w, "S. 0:0(0) ack 1");
	wire_in(w, ". 1:1(0) ack 1 win 512");
	wire_accept(w);
	tcp_close(w->listener, false);
	ck_assert_int_eq(try_bind(0, 0, WIRE_PORT), -EADDRINUSE);
	ck_assert_int_eq(try_bind(REUSEADDR, 0, WIRE_PORT), -EADDRINUSE);
	wire_set_int(w->sk, SOCKET_LEVEL, REUSEADDR, 1);
	listening(REUSEADDR, 0, WIRE_PORT);
}
END_TEST

static void leave_a_timewait(bool reuseaddr)
{
	wire_listen(w, 5);
	wire_set_int(w->listener, SOCKET_LEVEL, REUSEADDR, reuseaddr);
	wire_passive_open(w, "mss 1460", 512);
	wire_close(w);
	wire_in(w, "F. 1:1(0) ack 2 win 512");
	wire_out_forget(w);
	tcp_close(w->listener, false);
	ck_assert_uint_eq(tcp_count(w->st).timewait, 1);
}

START_TEST(time_wait_holds_the_port)
{
	leave_a_timewait(false);
	ck_assert_int_eq(try_bind(0, 0, WIRE_PORT), -EADDRINUSE);
	ck_assert_int_eq(try_bind(REUSEADDR, 0, WIRE_PORT), -EADDRINUSE);
	ck_assert_int_eq(try_bind(0, LOOPBACK_V4, WIRE_PORT), 0);
	wire_ms(w, 61000);
	ck_assert_int_eq(try_bind(0, 0, WIRE_PORT), 0);
}
END_TEST

START_TEST(time_wait_gives_way_to_reuseaddr)
{
	leave_a_timewait(true);
	ck_assert_int_eq(try_bind(0, 0, WIRE_PORT), -EADDRINUSE);
	listening(REUSEADDR, 0, WIRE_PORT);
}
END_TEST

/* --- connect() ------------------------------------------------------------------------------- */

START_TEST(connect_chooses_from_the_range)
{
	stack_sysctls(w->st)->ip_local_port_range[0] = 50000;
	stack_sysctls(w->st)->ip_local_port_range[1] = 50003;
	for (int i = 0; i < 4; i++) {
		struct tcp_sock *sk = wire_socket(w);
		ck_assert_int_eq(connect_from(sk, 80), 0);
		ck_assert_uint_ge(tcp_local(sk).port, 50000);
		ck_assert_uint_le(tcp_local(sk).port, 50003);
	}
	ck_assert_int_eq(connect_from(wire_socket(w), 80), -EADDRNOTAVAIL);
	/* another destination shares the ports */
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(connect_from(wire_socket(w), 81), 0);
}
END_TEST

START_TEST(connect_leaves_bound_ports_alone)
{
	stack_sysctls(w->st)->ip_local_port_range[0] = 50000;
	stack_sysctls(w->st)->ip_local_port_range[1] = 50001;
	bound(REUSEADDR, 0, 50000);
	struct tcp_sock *sk = wire_socket(w);
	ck_assert_int_eq(connect_from(sk, 80), 0);
	ck_assert_uint_eq(tcp_local(sk).port, 50001);
	ck_assert_int_eq(connect_from(wire_socket(w), 80), -EADDRNOTAVAIL);
	/* and a bind() does not take one that a connection has */
	ck_assert_int_eq(try_bind(0, 0, 50001), -EADDRINUSE);
	ck_assert_int_eq(try_bind(0, 0, 0), -EADDRINUSE);
	ck_assert_int_eq(try_bind(0, LOOPBACK_V4, 0), 0);
}
END_TEST

START_TEST(connect_from_a_bound_port_must_be_unique)
{
	struct tcp_sock *a = bound(REUSEADDR, HOST_V4, 8000), *b = bound(REUSEADDR, HOST_V4, 8000);
	ck_assert_int_eq(connect_from(a, 80), 0);
	ck_assert_int_eq(connect_from(b, 80), -EADDRNOTAVAIL);
	ck_assert_int_eq(connect_from(b, 81), 0);
	ck_assert_uint_eq(tcp_local(b).port, 8000);
}
END_TEST

START_TEST(disconnect_gives_the_chosen_port_back)
{
	stack_sysctls(w->st)->ip_local_port_range[0] = 50000;
	stack_sysctls(w->st)->ip_local_port_range[1] = 50000;
	struct tcp_sock *sk = wire_socket(w);
	ck_assert_int_eq(connect_from(sk, 80), 0);
	tcp_disconnect(sk);
	ck_assert_uint_eq(tcp_local(sk).port, 0);
	ck_assert_int_eq(connect_from(wire_socket(w), 80), 0);
}
END_TEST

/* RFC 6056: neighbouring destinations do not tell each other's ports. */
START_TEST(ports_of_two_destinations_are_not_in_a_row)
{
	unsigned in_a_row = 0;
	uint16_t last = 0;
	for (uint16_t i = 0; i < 50; i++) {
		struct tcp_sock *sk = wire_socket(w);
		ck_assert_int_eq(connect_from(sk, (uint16_t)(80 + i)), 0);
		in_a_row += (uint16_t)(tcp_local(sk).port - last) <= 4;
		last = tcp_local(sk).port;
	}
	ck_assert_uint_le(in_a_row, 3);
}
END_TEST

START_TEST(reserved_ports_are_for_those_who_name_them)
{
	struct sysctls *s = stack_sysctls(w->st);
	s->ip_local_port_range[0] = 50000;
	s->ip_local_port_range[1] = 50004;
	s->ip_local_reserved_ports = (struct port_ranges){2, {{50000, 50001}, {50003, 50003}}};
	struct tcp_sock *first = bound(0, HOST_V4, 0), *second = bound(0, HOST_V4, 0);
	ck_assert_uint_eq(tcp_local(first).port + tcp_local(second).port, 50002 + 50004);
	ck_assert_int_eq(try_bind(0, HOST_V4, 0), -EADDRINUSE);
	ck_assert_int_eq(connect_from(wire_socket(w), 80), -EADDRNOTAVAIL);
	ck_assert_int_eq(try_bind(0, HOST_V4, 50001), 0);
	tcp_close(first, false);
	struct tcp_sock *sk = wire_socket(w);
	ck_assert_int_eq(connect_from(sk, 80), 0);
	ck_assert(tcp_local(sk).port == 50002 || tcp_local(sk).port == 50004);
	ck_assert_int_eq(connect_from(wire_socket(w), 80), -EADDRNOTAVAIL);
}
END_TEST

/* IP_BIND_ADDRESS_NO_PORT: the address now, the port by connect(). */
START_TEST(an_address_without_a_port)
{
	stack_sysctls(w->st)->ip_local_port_range[0] = 50000;
	stack_sysctls(w->st)->ip_local_port_range[1] = 50000;
	for (uint16_t i = 0; i < 3; i++) {
		struct tcp_sock *sk = wire_socket(w);
		wire_set_int(sk, 0, 24 /* IP_BIND_ADDRESS_NO_PORT */, 1);
		ck_assert_int_eq(bind_to(sk, HOST_V4, 0), 0);
		ck_assert_uint_eq(tcp_local(sk).port, 0);
		ck_assert_int_eq(connect_from(sk, (uint16_t)(80 + i)), 0);
		ck_assert_uint_eq(tcp_local(sk).port, 50000);
	}
}
END_TEST

Suite *bind_suite(void)
{
	Suite *s = suite_create("bind");
	TCase *tc = tcase_create("ports");
	const TTest *const tests[] = {what_is_bound_is_known,
				      bound_already,
				      not_an_address_of_ours,
				      an_address_that_is_not_there_yet,
				      any_address_where_all_may,
				      ours_loopback_any_and_as_linux_groups,
				      another_family,
				      a_failed_bind_leaves_the_socket_unbound,
				      port_zero_is_chosen_from_the_range,
				      a_closed_sockets_port_is_free_at_once,
				      the_same_address_conflicts,
				      any_conflicts_with_each,
				      different_addresses_do_not,
				      reuseaddr_must_be_both,
				      reuseaddr_does_not_share_with_a_listener,
				      listen_checks_again,
				      reuseport_shares_among_one_owner,
				      connections_of_a_dead_listener_hold_its_port,
				      time_wait_holds_the_port,
				      time_wait_gives_way_to_reuseaddr,
				      connect_chooses_from_the_range,
				      connect_leaves_bound_ports_alone,
				      connect_from_a_bound_port_must_be_unique,
				      disconnect_gives_the_chosen_port_back,
				      ports_of_two_destinations_are_not_in_a_row,
				      reserved_ports_are_for_those_who_name_them,
				      an_address_without_a_port};
	tcase_add_checked_fixture(tc, setup, teardown);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(s, tc);
	return s;
}
