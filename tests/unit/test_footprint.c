/* SPDX-License-Identifier: MIT */
/*
 * What a connection holds beside its tcp_sock: nothing while it is idle, and what it is in need of is
 * given back when the need is over. (Leaks are AddressSanitizer's to see.)
 */
#include <netinet/in.h>
#include <sys/socket.h>

#include "stack/stack_impl.h"
#include "tests/unit/sender.h"
#include "tests/unit/suites.h"
#include "tests/unit/wire.h"

static struct wire *w;

static void setup(void)
{
	w = wire_new();
	wire_passive_open(w, WIRE_OPTIONS, 500);
}

static void teardown(void)
{
	wire_free(w);
}

static void holds_nothing(const struct tcp_sock *sk)
{
	ck_assert_ptr_null(sk->child);
	ck_assert_ptr_null(sk->ooo);
	ck_assert_ptr_null(sk->pace);
	ck_assert_ptr_null(sk->eor);
	ck_assert_ptr_null(sk->mtu);
	ck_assert_ptr_null(sk->cc_heap);
	ck_assert_ptr_null(sk->lq);
	ck_assert_ptr_null(sk->auth);
	ck_assert(list_empty(&sk->rcv_queue));
	ck_assert(list_empty(&sk->snd_blocks));
	ck_assert(list_empty(&sk->rtx_queue));
}

START_TEST(an_idle_connection_holds_nothing)
{
	holds_nothing(w->sk);
	wire_in(w, "P. 1:101(100) ack 1 win 500");
	wire_read(w, 100);
	wire_write(w, 100);
	wire_in(w, ". 101:101(0) ack 101 win 500");
	holds_nothing(w->sk);
}
END_TEST

START_TEST(a_child_has_a_place_in_the_queue_until_accept)
{
	wire_use(w, WIRE_PORT, WIRE_PEER_PORT + 1);
	wire_in(w, "S 0:0(0) win 500 <mss 1460>");
	wire_out(w, "S. 0:0(0) ack 1");
	wire_in(w, ". 1:1(0) ack 1 win 500");
	struct tcp_sock *child = NULL;
	list_for_each (pos, &w->listener->lq->accept_queue)
		child = container_of(pos, struct tcp_child, accept_node)->sk;
	ck_assert_ptr_eq(tcp_parent(child), w->listener);
	ck_assert_ptr_eq(wire_accept(w), child);
	holds_nothing(child);
}
END_TEST

START_TEST(a_hole_that_is_filled_leaves_nothing)
{
	for (uint32_t i = 0; i < 3; i++) {
		uint32_t at = 1 + 1000 * i;
		wire_in(w, ". %u:%u(500) ack 1 win 500", at + 500, at + 1000);
		ck_assert_ptr_nonnull(w->sk->ooo);
		ck_assert_uint_eq(ooo_sack_cnt(w->sk), 1);
		wire_in(w, ". %u:%u(500) ack 1 win 500", at, at + 500);
		ck_assert_ptr_null(w->sk->ooo);
		wire_read(w, 1000);
	}
	wire_out_forget(w);
	wire_ms(w, 200);
	wire_out_forget(w);
	holds_nothing(w->sk);
}
END_TEST

/* Only the part up to the FIN counts; what waited beyond it goes. */
START_TEST(a_fin_ends_what_was_out_of_order)
{
	wire_in(w, ". 501:1001(500) ack 1 win 500");
	wire_in(w, "F. 1:501(500) ack 1 win 500");
	ck_assert_ptr_null(w->sk->ooo);
	ck_assert_uint_eq(wire_unread(w), 500);
	wire_state(w, TCP_CLOSE_WAIT);
}
END_TEST

START_TEST(a_connection_that_ends_in_a_hole_is_freed_whole)
{
	wire_in(w, ". 501:1001(500) ack 1 win 500");
	wire_out_forget(w);
	size_t held = w->st->pkts.used_bytes;
	wire_close(w);
	ck_assert_uint_lt(w->st->pkts.used_bytes, held);
}
END_TEST

START_TEST(pacing_costs_only_who_is_paced)
{
	wire_set_int(w->sk, SOL_SOCKET, SO_MAX_PACING_RATE, -1);
	holds_nothing(w->sk);
	wire_set_int(w->sk, SOL_SOCKET, SO_MAX_PACING_RATE, 1000000);
	ck_assert_ptr_nonnull(w->sk->pace);
	ck_assert_ptr_null(w->listener->pace);
}
END_TEST

START_TEST(a_child_is_paced_as_its_listener)
{
	wire_set_int(w->listener, SOL_SOCKET, SO_MAX_PACING_RATE, 1000000);
	wire_use(w, WIRE_PORT, WIRE_PEER_PORT + 1);
	wire_in(w, "S 0:0(0) win 500 <mss 1460>");
	wire_out(w, "S. 0:0(0) ack 1");
	wire_in(w, ". 1:1(0) ack 1 win 500");
	wire_accept(w);
	ck_assert_int_eq(wire_get_int(w->sk, SOL_SOCKET, SO_MAX_PACING_RATE), 1000000);
}
END_TEST

START_TEST(another_congestion_control_takes_its_state_along)
{
	char info[64];
	size_t len = sizeof(info);
	ck_assert_int_eq(tcp_set_congestion_control(w->sk, "bbr"), 0);
	ck_assert_ptr_nonnull(w->sk->cc_heap);
	ck_assert_int_eq(tcp_getsockopt(w->sk, IPPROTO_TCP, TCP_CC_INFO, info, &len), 0);
	ck_assert_uint_gt(len, 0);
	ck_assert_int_eq(tcp_set_congestion_control(w->sk, "cubic"), 0);
	ck_assert_ptr_null(w->sk->cc_heap);
	wire_write(w, 100);
	wire_in(w, ". 1:1(0) ack 101 win 500");
}
END_TEST

START_TEST(a_connection_given_up_keeps_its_congestion_control)
{
	ck_assert_int_eq(tcp_set_congestion_control(w->sk, "bbr"), 0);
	wire_set_int(w->sk, SOL_SOCKET, SO_MAX_PACING_RATE, 1000000);
	wire_in(w, ". 501:1001(500) ack 1 win 500");
	wire_write(w, 100);
	tcp_disconnect(w->sk);
	ck_assert_ptr_nonnull(w->sk->cc_heap);
	ck_assert_ptr_null(w->sk->ooo);
	ck_assert_int_eq(wire_get_int(w->sk, SOL_SOCKET, SO_MAX_PACING_RATE), 1000000);
}
END_TEST

START_TEST(ends_of_records_go_with_what_is_sent)
{
	sender_open(&(struct sender_options){0});
	sender_fill(300);
	tcp_send_flags(sender_sk, TCP_SEND_EOR);
	ck_assert_ptr_nonnull(sender_sk->eor);
	sender_flush();
	ck_assert_ptr_null(sender_sk->eor);
	expect_segment(0, 300);
	peer_ack(300);
	sender_close();
}
END_TEST

START_TEST(every_socket_goes_back_to_its_slab)
{
	for (uint16_t i = 1; i <= 40; i++) {
		wire_use(w, WIRE_PORT, (uint16_t)(WIRE_PEER_PORT + i));
		wire_in(w, "S 0:0(0) win 500 <mss 1460>");
		wire_out(w, "S. 0:0(0) ack 1");
		wire_in(w, ". 1:1(0) ack 1 win 500");
		ck_assert_uint_eq(w->st->tcp.request_slab.used, 0);
		wire_accept(w);
		wire_close(w);
		wire_in(w, "F. 1:1(0) ack 2 win 500");
		wire_out_forget(w);
		ck_assert_uint_eq(w->st->tcp.timewait_slab.used, w->st->tcp.timewait);
		ck_assert_uint_eq(w->st->tcp.timewait, i);
	}
	ck_assert_uint_eq(w->st->tcp.sock_slab.used, 2); /* the listener, and setup's */
	wire_ms(w, 61000);
	ck_assert_uint_eq(w->st->tcp.timewait_slab.used, 0);
	w->sk = NULL;
}
END_TEST

START_TEST(trimming_gives_the_warm_buffers_back_and_nothing_else)
{
	wire_in(w, "P. 1:101(100) ack 1 win 500");
	wire_write(w, 3000);
	stack_trim(w->st);
	ck_assert_uint_eq(w->st->pkts.free_small_count, 0);
	ck_assert_uint_eq(w->st->tcp.free_blocks_small_cnt, 0);
	ck_assert_uint_eq(w->st->tcp.free_tx_segs_cnt, 0);
	wire_read(w, 100);
	wire_in(w, ". 101:101(0) ack 3001 win 500");
	wire_write(w, 100);
	wire_in(w, ". 101:101(0) ack 3101 win 500");
	stack_trim(w->st);
	holds_nothing(w->sk);
}
END_TEST

Suite *footprint_suite(void)
{
	Suite *s = suite_create("footprint");
	TCase *t = tcase_create("footprint");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, an_idle_connection_holds_nothing);
	tcase_add_test(t, a_child_has_a_place_in_the_queue_until_accept);
	tcase_add_test(t, a_hole_that_is_filled_leaves_nothing);
	tcase_add_test(t, a_fin_ends_what_was_out_of_order);
	tcase_add_test(t, a_connection_that_ends_in_a_hole_is_freed_whole);
	tcase_add_test(t, pacing_costs_only_who_is_paced);
	tcase_add_test(t, a_child_is_paced_as_its_listener);
	tcase_add_test(t, another_congestion_control_takes_its_state_along);
	tcase_add_test(t, a_connection_given_up_keeps_its_congestion_control);
	tcase_add_test(t, every_socket_goes_back_to_its_slab);
	tcase_add_test(t, trimming_gives_the_warm_buffers_back_and_nothing_else);
	suite_add_tcase(s, t);
	TCase *records = tcase_create("records");
	tcase_add_test(records, ends_of_records_go_with_what_is_sent);
	suite_add_tcase(s, records);
	return s;
}
