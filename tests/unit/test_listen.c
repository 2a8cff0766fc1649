/* SPDX-License-Identifier: MIT */
/* Listeners (RFC 9293 3.10.7.2): the accept queue and its overflow, which listener it is, its end. The SYN
 * queue is in test_request.c. */
#include <errno.h>

#include "tests/unit/suites.h"
#include "tests/unit/wire.h"

#define SYN_OPTIONS "mss 1460,sackOK,wscale 7"

static struct wire *w;

static void setup(void)
{
	w = wire_new();
}

static void teardown(void)
{
	wire_free(w);
}

/* A SYN from that port of the peer, and the SYN-ACK. */
static void half_open(uint16_t peer_port)
{
	wire_use(w, WIRE_PORT, peer_port);
	wire_in(w, "S 0:0(0) win 65535 <" SYN_OPTIONS ">");
	wire_out(w, "S. 0:0(0) ack 1");
}

/* A whole handshake from that port. */
static void open_from(uint16_t peer_port)
{
	half_open(peer_port);
	wire_in(w, ". 1:1(0) ack 1 win 512");
	wire_out_none(w);
}

static uint32_t qlen(void)
{
	return w->listener->lq->qlen;
}

static uint32_t acceptable(void)
{
	return w->listener->lq->ack_backlog;
}

/* --- data before accept() -------------------------------------------------------------------- */

START_TEST(data_with_the_last_ack_is_kept)
{
	wire_listen(w, 5);
	half_open(4000);
	wire_in(w, "P. 1:101(100) ack 1 win 512");
	wire_out(w, ". 1:1(0) ack 101");
	wire_accept(w);
	ck_assert_uint_eq(wire_unread(w), 100);
	wire_read(w, 100);
}
END_TEST

START_TEST(data_and_fin_before_accept_are_kept)
{
	wire_listen(w, 5);
	open_from(4000);
	wire_in(w, "P. 1:51(50) ack 1 win 512");
	wire_in(w, "PF. 51:101(50) ack 1 win 512");
	wire_out_forget(w);
	wire_accept(w);
	wire_state(w, TCP_CLOSE_WAIT);
	wire_events(w, TCP_EVENT_READABLE | TCP_EVENT_EOF);
	wire_read(w, 100);
	ck_assert(tcp_recv_eof(w->sk));
}
END_TEST

/* As Linux: accept() gives it, and the first read says ECONNRESET. */
START_TEST(a_connection_reset_before_accept_is_still_accepted)
{
	wire_listen(w, 5);
	open_from(4000);
	wire_in(w, "R 1:1(0) win 0");
	ck_assert_uint_eq(acceptable(), 1);
	wire_accept(w);
	wire_state(w, TCP_CLOSE);
	ck_assert_int_eq(tcp_error(w->sk), ECONNRESET);
}
END_TEST

START_TEST(connections_are_accepted_in_the_order_of_their_completion)
{
	wire_listen(w, 5);
	half_open(4000);
	half_open(4001);
	half_open(4002);
	static const uint16_t order[] = {4002, 4000, 4001};
	for (int i = 0; i < 3; i++) {
		wire_use(w, WIRE_PORT, order[i]);
		wire_in(w, ". 1:1(0) ack 1 win 512");
	}
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(tcp_remote(wire_accept(w)).port, order[i]);
	ck_assert_ptr_null(tcp_accept(w->listener));
}
END_TEST

START_TEST(the_listener_is_told)
{
	unsigned events = 0;
	wire_listen(w, 5);
	half_open(4000);
	ck_assert_ptr_null(stack_next_event(w->st, &events));
	wire_in(w, ". 1:1(0) ack 1 win 512");
	ck_assert_ptr_eq(stack_next_event(w->st, &events), w->listener);
	ck_assert_uint_eq(events, TCP_EVENT_ACCEPT);
	ck_assert_ptr_null(stack_next_event(w->st, &events));
}
END_TEST

/* --- TCP_DEFER_ACCEPT ------------------------------------------------------------------------ */

START_TEST(defer_accept_waits_for_data)
{
	wire_listen(w, 5);
	wire_set_int(w->listener, 6, TCP_DEFER_ACCEPT, 3);
	half_open(4000);
	wire_in(w, ". 1:1(0) ack 1 win 512");
	wire_out_none(w);
	ck_assert_uint_eq(acceptable(), 0);
	wire_counts(w, TcpExtTCPDeferAcceptDrop, 1);
	wire_in(w, "P. 1:11(10) ack 1 win 512");
	wire_accept(w);
	ck_assert_uint_eq(wire_unread(w), 10);
}
END_TEST

/* Nothing is sent while it waits; at the end of the time the SYN-ACK once more. */
START_TEST(defer_accept_takes_a_bare_ack_in_the_end)
{
	wire_listen(w, 5);
	wire_set_int(w->listener, 6, TCP_DEFER_ACCEPT, 3);
	ck_assert_int_eq(wire_get_int(w->listener, 6, TCP_DEFER_ACCEPT), 3);
	half_open(4000);
	wire_in(w, ". 1:1(0) ack 1 win 512");
	wire_ms(w, 1100);
	wire_out_none(w);
	wire_ms(w, 2000);
	wire_out(w, "S. 0:0(0) ack 1");
	wire_in(w, ". 1:1(0) ack 1 win 512");
	wire_accept(w);
	wire_state(w, TCP_ESTABLISHED);
}
END_TEST

/* --- the accept queue's overflow ------------------------------------------------------------- */

START_TEST(the_accept_queue_holds_one_more_than_the_backlog)
{
	wire_listen(w, 2);
	for (uint16_t i = 0; i < 3; i++)
		open_from((uint16_t)(4000 + i));
	ck_assert_uint_eq(acceptable(), 3);
	wire_use(w, WIRE_PORT, 4010);
	wire_in(w, "S 0:0(0) win 65535 <" SYN_OPTIONS ">");
	wire_out_none(w);
	wire_counts(w, TcpExtListenOverflows, 1);
	wire_counts(w, TcpExtListenDrops, 1);
	ck_assert_uint_eq(qlen(), 0);
}
END_TEST

START_TEST(a_backlog_of_zero_holds_one)
{
	wire_listen(w, 0);
	open_from(4000);
	wire_use(w, WIRE_PORT, 4001);
	wire_in(w, "S 0:0(0) win 65535 <" SYN_OPTIONS ">");
	wire_out_none(w);
	wire_accept(w);
	wire_use(w, WIRE_PORT, 4001);
	wire_in(w, "S 0:0(0) win 65535 <" SYN_OPTIONS ">");
	wire_out(w, "S. 0:0(0) ack 1");
}
END_TEST

/* Three handshakes for two places. */
static void overflow_by_one(void)
{
	wire_listen(w, 1);
	open_from(4002);
	half_open(4000);
	half_open(4001);
	wire_use(w, WIRE_PORT, 4000);
	wire_in(w, ". 1:1(0) ack 1 win 512");
	wire_use(w, WIRE_PORT, 4001);
	wire_in(w, ". 1:1(0) ack 1 win 512");
}

START_TEST(a_full_accept_queue_drops_the_ack_and_keeps_the_request)
{
	overflow_by_one();
	wire_out_none(w);
	ck_assert_uint_eq(acceptable(), 2);
	ck_assert_uint_eq(qlen(), 1);
	wire_counts(w, TcpExtListenOverflows, 1);
	wire_counts(w, TcpExtListenDrops, 1);
	ck_assert_uint_eq(host_drops(w->h, DROP_TCP_ACCEPT_QUEUE_FULL), 1);
	/* The SYN-ACK comes again, and its ACK finds room. */
	wire_accept(w);
	wire_ms(w, 1000);
	wire_use(w, WIRE_PORT, 4001);
	wire_out(w, "S. 0:0(0) ack 1");
	wire_in(w, ". 1:1(0) ack 1 win 512");
	wire_accept(w);
	ck_assert_uint_eq(tcp_remote(wire_accept(w)).port, 4001);
}
END_TEST

START_TEST(data_finds_the_kept_request_too)
{
	overflow_by_one();
	wire_accept(w);
	wire_use(w, WIRE_PORT, 4001);
	wire_in(w, "P. 1:11(10) ack 1 win 512");
	wire_accept(w);
	wire_accept(w);
	ck_assert_uint_eq(wire_unread(w), 10);
}
END_TEST

START_TEST(abort_on_overflow_resets)
{
	stack_sysctls(w->st)->tcp_abort_on_overflow = 1;
	overflow_by_one();
	wire_out(w, "R 1:1(0)");
	ck_assert_uint_eq(qlen(), 0);
	wire_counts(w, TcpExtListenOverflows, 1);
	wire_counts(w, TcpExtListenDrops, 1);
	wire_counts(w, TcpExtEmbryonicRsts, 1);
}
END_TEST

static unsigned unread;
static unsigned asked;

static unsigned say_unread(void *ctx, void *listener_user)
{
	(void)ctx;
	(void)listener_user;
	asked++;
	return unread;
}

/* Handed over is not taken: the program may not have called accept() yet. */
START_TEST(what_the_program_has_not_taken_counts_against_the_backlog)
{
	w->st->ops.accept_unread = say_unread;
	asked = 0;
	wire_listen(w, 1);
	open_from(4000);
	wire_accept(w);
	open_from(4001);
	wire_accept(w);
	ck_assert_uint_eq(asked, 0);
	unread = 2;
	wire_use(w, WIRE_PORT, 4002);
	wire_in(w, "S 0:0(0) win 65535 <" SYN_OPTIONS ">");
	wire_out_none(w);
	ck_assert_uint_eq(asked, 1);
	wire_counts(w, TcpExtListenOverflows, 1);
	unread = 1;
	open_from(4002);
}
END_TEST

static bool say_gone(void *ctx, void *listener_user)
{
	(void)ctx;
	(void)listener_user;
	asked++;
	return false;
}

/* Its program has closed it, which the caller of the stack has not come to yet. */
START_TEST(a_syn_finds_no_listener_that_has_just_been_closed)
{
	wire_listen(w, 4);
	open_from(4000);
	w->st->ops.still_listens = say_gone;
	asked = 0;
	wire_use(w, WIRE_PORT, 4001);
	wire_in(w, "S 0:0(0) win 65535 <" SYN_OPTIONS ">");
	wire_out(w, "R. 0:0(0) ack 1 win 0");
	ck_assert_uint_eq(asked, 1);
	wire_use(w, WIRE_PORT, 4000);
	wire_in(w, ". 1:1(0) ack 1 win 65535");
	ck_assert_uint_eq(asked, 1);
}
END_TEST

START_TEST(listen_again_changes_the_backlog)
{
	wire_listen(w, 0);
	open_from(4000);
	ck_assert_int_eq(tcp_listen(w->listener, 3), 0);
	open_from(4001);
	ck_assert_uint_eq(acceptable(), 2);
}
END_TEST

START_TEST(the_backlog_is_capped_by_somaxconn)
{
	stack_sysctls(w->st)->somaxconn = 7;
	wire_listen(w, 1000);
	ck_assert_uint_eq(w->listener->lq->max_ack_backlog, 7);
	ck_assert_int_eq(tcp_listen(w->listener, -1), 0);
	ck_assert_uint_eq(w->listener->lq->max_ack_backlog, 7);
	ck_assert_int_eq(tcp_listen(w->listener, 3), 0);
	ck_assert_uint_eq(w->listener->lq->max_ack_backlog, 3);
}
END_TEST

/* --- segments to the listener itself: RFC 9293 3.10.7.2 -------------------------------------- */

START_TEST(a_listener_ignores_resets)
{
	wire_listen(w, 5);
	wire_in(w, "R 1:1(0) win 0");
	wire_in(w, "R. 1:1(0) ack 1 win 0");
	wire_out_none(w);
}
END_TEST

START_TEST(a_listener_resets_acks)
{
	wire_listen(w, 5);
	wire_in(w, ". 1:1(0) ack 77 win 512");
	wire_out(w, "R 77:77(0)");
	wire_in(w, "S. 1:1(0) ack 78 win 512");
	wire_out(w, "R 78:78(0)");
	wire_counts(w, TcpOutRsts, 2);
}
END_TEST

START_TEST(a_listener_drops_what_is_no_syn)
{
	wire_listen(w, 5);
	wire_in(w, "- 1:11(10) win 512");
	wire_in(w, "F 1:1(0) win 512");
	wire_in(w, "SF 1:1(0) win 512");
	wire_out_none(w);
	ck_assert_uint_eq(qlen(), 0);
}
END_TEST

/* --- RFC 9293 3.10.7.1: nobody is there ------------------------------------------------------ */

START_TEST(a_closed_port_resets)
{
	wire_in(w, "S 0:0(0) win 65535 <" SYN_OPTIONS ">");
	wire_out(w, "R. %u:%u(0) ack 1", 0u - w->at->iss, 0u - w->at->iss);
	wire_in(w, "P. 1:11(10) ack 500 win 512");
	wire_out(w, "R 500:500(0)");
	wire_in(w, "- 1:11(10) win 512");
	wire_out(w, "R. %u:%u(0) ack 11", 0u - w->at->iss, 0u - w->at->iss);
	wire_in(w, "R 1:1(0) win 0");
	wire_out_none(w);
	ck_assert_uint_eq(host_drops(w->h, DROP_NO_SOCKET), 4);
}
END_TEST

/* --- the listener's end ---------------------------------------------------------------------- */

START_TEST(closing_a_listener_resets_what_was_not_accepted)
{
	wire_listen(w, 5);
	open_from(4000);
	open_from(4001);
	half_open(4002);
	tcp_close(w->listener, false);
	wire_flush(w);
	wire_use(w, WIRE_PORT, 4000);
	wire_out(w, "R. 1:1(0) ack 1");
	wire_use(w, WIRE_PORT, 4001);
	wire_out(w, "R. 1:1(0) ack 1");
	wire_out_none(w);
	struct tcp_counts n = tcp_count(w->st);
	ck_assert_uint_eq(n.sockets, 0);
	ck_assert_uint_eq(n.request_socks, 0);
	ck_assert_uint_eq(n.listeners, 0);
	wire_use(w, WIRE_PORT, 4002);
	wire_in(w, ". 1:1(0) ack 1 win 512");
	wire_out(w, "R 1:1(0)");
	w->listener = NULL;
}
END_TEST

START_TEST(accepted_connections_outlive_their_listener)
{
	wire_passive_open(w, SYN_OPTIONS, 512);
	tcp_close(w->listener, false);
	wire_write(w, 10);
	wire_out(w, "P. 1:11(10) ack 1");
}
END_TEST

/* shutdown() of a listener; it can listen again. */
START_TEST(disconnecting_a_listener_ends_its_queues_and_keeps_its_port)
{
	wire_listen(w, 5);
	open_from(4000);
	tcp_disconnect(w->listener);
	wire_flush(w);
	wire_out(w, "R. 1:1(0) ack 1");
	ck_assert_int_eq(tcp_state(w->listener), TCP_CLOSE);
	ck_assert_uint_eq(tcp_local(w->listener).port, WIRE_PORT);
	ck_assert_ptr_null(tcp_accept(w->listener));
	ck_assert_int_eq(tcp_listen(w->listener, 5), 0);
	open_from(4001);
}
END_TEST

START_TEST(listen_on_a_connection_is_refused)
{
	wire_passive_open(w, SYN_OPTIONS, 512);
	ck_assert_int_eq(tcp_listen(w->sk, 5), -EINVAL);
	wire_use(w, 0, 5000);
}
END_TEST

START_TEST(listen_binds_by_itself)
{
	struct tcp_sock *sk = wire_socket(w);
	ck_assert_int_eq(tcp_listen(sk, 5), 0);
	uint16_t port = tcp_local(sk).port;
	ck_assert_uint_ge(port, 32768);
	ck_assert_uint_le(port, 60999);
	wire_use(w, port, 4000);
	wire_in(w, "S 0:0(0) win 65535");
	wire_out(w, "S. 0:0(0) ack 1");
}
END_TEST

/* --- which listener -------------------------------------------------------------------------- */

static struct tcp_sock *listen_at(uint32_t v4, uint16_t port, bool reuseport)
{
	struct sock_addr at = {.addr = ip_v4(v4), .port = port};
	struct tcp_sock *sk = wire_socket(w);
	wire_set_int(sk, 1, 15 /* SO_REUSEPORT */, reuseport);
	ck_assert_int_eq(tcp_bind(sk, &at), 0);
	ck_assert_int_eq(tcp_listen(sk, 100), 0);
	return sk;
}

START_TEST(the_listener_bound_to_the_address_goes_before_any)
{
	struct tcp_sock *any = listen_at(0, 8000, true), *own = listen_at(HOST_V4, 8000, true);
	wire_use(w, 8000, 4000);
	wire_in(w, "S 0:0(0) win 65535");
	wire_out(w, "S. 0:0(0) ack 1");
	ck_assert_uint_eq(any->lq->qlen, 0);
	ck_assert_uint_eq(own->lq->qlen, 1);
}
END_TEST

START_TEST(a_listener_on_loopback_is_not_found_from_outside)
{
	listen_at(0x7f000001, 8000, false);
	wire_use(w, 8000, 4000);
	wire_in(w, "S 0:0(0) win 65535");
	wire_out(w, "R. %u:%u(0) ack 1", 0u - w->at->iss, 0u - w->at->iss);
}
END_TEST

/* SO_REUSEPORT: every one of the group gets its share, and a tuple always goes to the same. */
START_TEST(reuseport_listeners_share_by_hash)
{
	struct tcp_sock *sk[4];
	uint32_t total = 0;
	for (int i = 0; i < 4; i++)
		sk[i] = listen_at(0, 8000, true);
	for (uint16_t i = 0; i < 60; i++) {
		wire_use(w, 8000, (uint16_t)(4000 + i));
		wire_in(w, "S 0:0(0) win 65535");
		wire_in(w, ". 1:1(0) ack 1 win 512");
	}
	for (int i = 0; i < 4; i++) {
		uint32_t n = sk[i]->lq->qlen;
		ck_assert_uint_ge(n, 4);
		ck_assert_uint_le(n, 30);
		total += n;
	}
	ck_assert_uint_eq(total, 60);
}
END_TEST

/* --- options --------------------------------------------------------------------------------- */

START_TEST(options_are_inherited)
{
	wire_listen(w, 5);
	wire_set_int(w->listener, 6, TCP_NODELAY, 1);
	wire_set_int(w->listener, 6, TCP_KEEPIDLE, 33);
	wire_set_int(w->listener, 6, TCP_USER_TIMEOUT, 4444);
	wire_set_int(w->listener, 1, 9 /* SO_KEEPALIVE */, 1);
	wire_set_int(w->listener, 1, 7 /* SO_SNDBUF */, 50000);
	wire_set_int(w->listener, 0, 1 /* IP_TOS */, 0x10);
	wire_set_int(w->listener, 0, 2 /* IP_TTL */, 9);
	open_from(4000);
	wire_accept(w);
	ck_assert_int_eq(wire_get_int(w->sk, 6, TCP_NODELAY), 1);
	ck_assert_int_eq(wire_get_int(w->sk, 6, TCP_KEEPIDLE), 33);
	ck_assert_int_eq(wire_get_int(w->sk, 6, TCP_USER_TIMEOUT), 4444);
	ck_assert_int_eq(wire_get_int(w->sk, 1, 9), 1);
	ck_assert_int_eq(wire_get_int(w->sk, 1, 7), 100000);
	ck_assert_int_eq(wire_get_int(w->sk, 0, 1), 0x10);
	ck_assert_int_eq(wire_get_int(w->sk, 0, 2), 9);
}
END_TEST

START_TEST(the_syn_ack_carries_the_listeners_tos_ttl_and_mss)
{
	struct wire_segment s;
	wire_listen(w, 5);
	wire_set_int(w->listener, 0, 1 /* IP_TOS */, 0x10);
	wire_set_int(w->listener, 0, 2 /* IP_TTL */, 9);
	wire_set_int(w->listener, 6, TCP_MAXSEG, 1000);
	wire_in(w, "S 0:0(0) win 65535 <mss 1460>");
	ck_assert(wire_next(w, &s));
	ck_assert_uint_eq(s.tos, 0x10);
	ck_assert_uint_eq(s.ttl, 9);
	ck_assert_uint_eq(s.opt.mss, 1000);
}
END_TEST

/* --- ss -------------------------------------------------------------------------------------- */

struct rows {
	unsigned listen, syn_recv, established, total;
	uint32_t recv_q, send_q;
};

static bool count_row(void *arg, const struct tcp_diag *d)
{
	struct rows *r = arg;
	r->total++;
	if (d->state == TCP_LISTEN) {
		r->listen++;
		r->recv_q = d->recv_q;
		r->send_q = d->send_q;
		ck_assert_ptr_nonnull(d->user);
	} else if (d->state == TCP_NEW_SYN_RECV) {
		r->syn_recv++;
		ck_assert_ptr_null(d->sk);
		ck_assert_str_eq(d->timer, "on");
		ck_assert_uint_eq(d->remote.port, 4002);
	} else if (d->state == TCP_ESTABLISHED) {
		r->established++;
	}
	return true;
}

START_TEST(the_rows_of_ss)
{
	struct rows r = {0};
	wire_listen(w, 5);
	open_from(4000);
	open_from(4001);
	half_open(4002);
	wire_accept(w);
	(void)wire_socket(w); /* a fresh one is not shown */
	tcp_for_each(w->st, count_row, &r);
	ck_assert_uint_eq(r.listen, 1);
	ck_assert_uint_eq(r.syn_recv, 1);
	ck_assert_uint_eq(r.established, 2);
	ck_assert_uint_eq(r.total, 4);
	ck_assert_uint_eq(r.recv_q, 1);
	ck_assert_uint_eq(r.send_q, 5);
}
END_TEST

/* --- the table ------------------------------------------------------------------------------- */

START_TEST(the_established_hash_grows)
{
	enum { N = 5000 };
	static struct request_sock req[N];
	uint32_t before = w->st->tcp.ehash_size;
	for (uint32_t i = 0; i < N; i++) {
		req[i].c = (struct sock_common){.laddr = {HOST_V4},
						.raddr = {PEER_V4 + i / 100},
						.lport = 80,
						.rport = (uint16_t)(1000 + i % 100),
						.kind = SOCK_KIND_REQUEST};
		ehash_insert(w->st, &req[i].c);
	}
	ck_assert_uint_gt(w->st->tcp.ehash_size, before);
	for (uint32_t i = 0; i < N; i++) {
		struct sock_common *c = &req[i].c;
		ck_assert_ptr_eq(ehash_lookup(w->st, c->laddr, 80, c->raddr, c->rport), c);
		ehash_remove(w->st, c);
		ck_assert_ptr_null(ehash_lookup(w->st, c->laddr, 80, c->raddr, c->rport));
	}
	ck_assert_uint_eq(w->st->tcp.ehash_count, 0);
}
END_TEST

Suite *listen_suite(void)
{
	Suite *s = suite_create("listen");
	SUITE_CASE(s, "before accept", setup, teardown, data_with_the_last_ack_is_kept,
		   data_and_fin_before_accept_are_kept,
		   a_connection_reset_before_accept_is_still_accepted,
		   connections_are_accepted_in_the_order_of_their_completion, the_listener_is_told,
		   defer_accept_waits_for_data, defer_accept_takes_a_bare_ack_in_the_end);
	SUITE_CASE(s, "accept queue", setup, teardown,
		   the_accept_queue_holds_one_more_than_the_backlog, a_backlog_of_zero_holds_one,
		   a_full_accept_queue_drops_the_ack_and_keeps_the_request,
		   data_finds_the_kept_request_too, abort_on_overflow_resets,
		   what_the_program_has_not_taken_counts_against_the_backlog,
		   a_syn_finds_no_listener_that_has_just_been_closed,
		   listen_again_changes_the_backlog, the_backlog_is_capped_by_somaxconn);
	SUITE_CASE(s, "listener", setup, teardown, a_listener_ignores_resets,
		   a_listener_resets_acks, a_listener_drops_what_is_no_syn, a_closed_port_resets,
		   closing_a_listener_resets_what_was_not_accepted,
		   accepted_connections_outlive_their_listener,
		   disconnecting_a_listener_ends_its_queues_and_keeps_its_port,
		   listen_on_a_connection_is_refused, listen_binds_by_itself,
		   the_listener_bound_to_the_address_goes_before_any,
		   a_listener_on_loopback_is_not_found_from_outside,
		   reuseport_listeners_share_by_hash, options_are_inherited,
		   the_syn_ack_carries_the_listeners_tos_ttl_and_mss, the_rows_of_ss,
		   the_established_hash_grows);
	return s;
}
