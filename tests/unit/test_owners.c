/* SPDX-License-Identifier: MIT */
/* What one user's connections may hold in buffers, those of a program that has gone included: it
 * waits, its peer sends again, and others notice nothing. */
#include "tests/unit/suites.h"
#include "tests/unit/wire.h"

#define SEGMENT 1000u
#define LIMIT 131072u

static struct wire *w;

static void setup(void)
{
	w = wire_new();
	tcp_limit_owners(w->st, LIMIT);
}

static void teardown(void)
{
	wire_free(w);
}

static void add_if_wanted(void *arg, const struct tcp_owner_usage *usage)
{
	struct tcp_owner_usage *wanted = arg;

	if (usage->uid == wanted->uid)
		*wanted = *usage;
}

static size_t held(uint32_t uid)
{
	struct tcp_owner_usage usage = {.uid = uid};

	tcp_for_each_owner(w->st, add_if_wanted, &usage);
	return usage.bytes;
}

/* A connection of a listener of that user, from another port of the peer each time. */
static struct tcp_sock *connection(uint32_t uid)
{
	static uint16_t port = 5000;
	struct sock_addr any = {.addr = ip_v4(0), .port = port};
	int err;
	struct tcp_sock *listener = tcp_socket(w->st, w, uid, &err);

	ck_assert_ptr_nonnull(listener);
	ck_assert_int_eq(tcp_bind(listener, &any), 0);
	ck_assert_int_eq(tcp_listen(listener, 5), 0);
	wire_use(w, port, port);
	wire_in(w, "S 0:0(0) win 65535 <mss 1460,sackOK,ts 1000 0,wscale 7>");
	wire_out_forget(w);
	wire_in(w, ". 1:1(0) ack 1 win 500");
	struct tcp_sock *sk = tcp_accept(listener);
	ck_assert_ptr_nonnull(sk);
	tcp_abort(listener);
	wire_out_forget(w);
	port++;
	return w->sk = sk;
}

/* Bytes as the peer sends them until the window is full or none is taken any more; how many were. */
static uint32_t peer_fills(struct tcp_sock *sk)
{
	uint32_t begun = sk->rcv_nxt, before;

	do {
		before = sk->rcv_nxt;
		if (tcp_receive_window(sk) < SEGMENT)
			break;
		uint32_t seq = before - w->at->peer_iss;
		wire_in(w, ". %u:%u(%u) ack 1 win 500", seq, seq + SEGMENT, SEGMENT);
	} while (sk->rcv_nxt != before);
	wire_out_forget(w);
	return before - begun;
}

static uint32_t program_fills(struct tcp_sock *sk)
{
	struct iovec iov[8];
	uint32_t all = 0;
	int n;

	while ((n = tcp_send_reserve(sk, 65536, iov, 8)) > 0) {
		size_t len = 0;
		for (int i = 0; i < n; i++) {
			memset(iov[i].iov_base, 'x', iov[i].iov_len);
			len += iov[i].iov_len;
		}
		tcp_send_commit(sk, len);
		all += (uint32_t)len;
	}
	return all;
}

START_TEST(what_is_held_is_counted_by_user)
{
	struct tcp_sock *one = connection(1), *two = connection(2);

	ck_assert_uint_eq(held(1), 0);
	ck_assert_uint_gt(peer_fills(two), 0);
	ck_assert_uint_eq(held(1), 0);
	ck_assert_uint_ge(held(2), tcp_inq_bytes(two));
	ck_assert_uint_gt(program_fills(one), 0);
	ck_assert_uint_gt(held(1), 0);
	tcp_abort(one);
	tcp_abort(two);
	ck_assert_uint_eq(held(1) + held(2), 0);
}
END_TEST

START_TEST(a_program_that_writes_without_end_waits)
{
	for (int i = 0; i < 40; i++) {
		connection(1);
		uint32_t taken = program_fills(w->sk);
		ck_assert_uint_gt(taken, 0); /* a block, whatever its user has */
		ck_assert_uint_le(held(1), LIMIT + 65536 + 4096u * (unsigned)i);
	}
	ck_assert_uint_gt(held(1), LIMIT);
	connection(2);
	ck_assert_uint_gt(program_fills(w->sk), 5 * SEGMENT); /* another user's */
}
END_TEST

START_TEST(a_program_that_waits_goes_on_as_the_peer_acknowledges)
{
	struct tcp_sock *greedy = connection(1);
	unsigned events = 0, rounds = 0;
	uint32_t sent = 0;

	while (held(1) <= LIMIT) {
		program_fills(greedy);
		greedy = connection(1);
	}
	struct tcp_sock *sk = connection(1), *told; /* all that it has is one block */
	while (rounds++ < 20) {
		sent += program_fills(sk);
		wire_flush(w);
		wire_in(w, ". 1:1(0) ack %u win 500", 1 + sent);
		wire_out_forget(w);
		unsigned got;
		while ((told = stack_next_event(w->st, &got)))
			events |= told == sk ? got : 0;
	}
	ck_assert_uint_gt(sent, 20 * 4000);
	ck_assert_uint_ne(events & TCP_EVENT_WRITABLE, 0);
}
END_TEST

START_TEST(who_does_not_read_fills_its_own_share_only)
{
	while (held(1) <= LIMIT)
		peer_fills(connection(1));
	ck_assert_uint_eq(peer_fills(connection(1)), SEGMENT);
	for (int i = 0; i < 30; i++) {
		peer_fills(connection(1));
		ck_assert_uint_le(held(1), LIMIT + LIMIT / 4 + 4096);
	}
	ck_assert_uint_gt(held(1), LIMIT + LIMIT / 4);
	ck_assert_uint_eq(peer_fills(connection(1)), 0);
	connection(2);
	ck_assert_uint_gt(peer_fills(w->sk), 20 * SEGMENT);
}
END_TEST

START_TEST(what_was_not_taken_is_taken_when_there_is_room)
{
	struct tcp_sock *idle[64];
	unsigned n = 0;

	while (held(1) <= LIMIT && n < 64) {
		idle[n++] = connection(1);
		peer_fills(w->sk);
	}
	struct tcp_sock *sk = connection(1);
	ck_assert_uint_eq(peer_fills(sk), SEGMENT);
	while (n > 0)
		tcp_abort(idle[--n]);
	wire_out_forget(w);
	ck_assert_uint_gt(peer_fills(sk), 10 * SEGMENT);
}
END_TEST

START_TEST(windows_shrink_before_all_is_used)
{
	struct tcp_sock *first = connection(1);
	uint32_t wide = tcp_receive_window(first);

	while (held(1) <= LIMIT - LIMIT / 4) {
		connection(1);
		peer_fills(w->sk);
	}
	connection(1);
	wire_in(w, ". 1:11(10) ack 1 win 500");
	wire_read(w, 10);
	ck_assert_uint_lt(tcp_select_window(w->sk), wide);
	ck_assert_uint_ge(tcp_receive_window(first), wide); /* never taken back */
}
END_TEST

START_TEST(what_an_orphan_holds_is_still_its_users)
{
	struct tcp_sock *sk = connection(1);
	size_t before;

	ck_assert_uint_gt(program_fills(sk), 0);
	before = held(1);
	tcp_close(sk, false);
	ck_assert_uint_eq(held(1), before);
}
END_TEST

Suite *owners_suite(void)
{
	Suite *s = suite_create("owners");
	TCase *tc = tcase_create("owners");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, what_is_held_is_counted_by_user);
	tcase_add_test(tc, a_program_that_writes_without_end_waits);
	tcase_add_test(tc, a_program_that_waits_goes_on_as_the_peer_acknowledges);
	tcase_add_test(tc, who_does_not_read_fills_its_own_share_only);
	tcase_add_test(tc, what_was_not_taken_is_taken_when_there_is_room);
	tcase_add_test(tc, windows_shrink_before_all_is_used);
	tcase_add_test(tc, what_an_orphan_holds_is_still_its_users);
	suite_add_tcase(s, tc);
	return s;
}
