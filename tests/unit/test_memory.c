/* SPDX-License-Identifier: MIT */
/* tcp_mem: when what waits in all queues is too much, when it is so no more, and what all buffers
 * together may take. */
#include "stack/stack_impl.h"
#include "stack/tcp/tcp_receive.h"
#include "tests/unit/suites.h"
#include "tests/unit/wire.h"

#define SEGMENT 1000u
#define ENDS_PAGES 16u
#define BEGINS_PAGES 32u

static struct wire *w;
static uint32_t peer_seq; /* of the next byte, 1 for the first */

static void setup(void)
{
	w = wire_new();
	peer_seq = 1;
}

static void teardown(void)
{
	wire_free(w);
}

/* A window's worth, as far as the window goes and no more than that many segments. */
static uint32_t peer_sends(uint32_t segments)
{
	uint32_t sent = 0;

	for (; sent < segments && tcp_receive_window(w->sk) >= SEGMENT; sent++) {
		wire_in(w, ". %u:%u(%u) ack 1 win 500", peer_seq, peer_seq + SEGMENT, SEGMENT);
		peer_seq += SEGMENT;
	}
	wire_out_forget(w);
	return sent;
}

static uint64_t pressures(void)
{
	return stack_mib(w->st)->counter[TcpExtTCPMemoryPressures];
}

static void program_reads(uint32_t bytes)
{
	wire_read(w, bytes);
	wire_out_forget(w);
}

START_TEST(pressure_has_a_beginning_and_an_end)
{
	struct sysctls *s = stack_sysctls(w->st);

	s->tcp_mem[0] = ENDS_PAGES;
	s->tcp_mem[1] = BEGINS_PAGES;
	wire_passive_open(w, "mss 1460,wscale 7", 5000);
	uint32_t sent = peer_sends(20);
	ck_assert_uint_eq(sent, 20);
	ck_assert(!tcp_memory_pressure(w->st));
	while (w->st->tcp.rcvbuf_bytes <= (BEGINS_PAGES + 1) * STACK_PAGE_BYTES)
		sent += peer_sends(1);
	ck_assert(tcp_memory_pressure(w->st));
	ck_assert_uint_eq(pressures(), 1);
	while (w->st->tcp.rcvbuf_bytes > BEGINS_PAGES * STACK_PAGE_BYTES) {
		program_reads(SEGMENT);
		sent--;
	}
	ck_assert(tcp_memory_pressure(w->st));
	program_reads(sent * SEGMENT);
	ck_assert(!tcp_memory_pressure(w->st));
	ck_assert_uint_eq(pressures(), 1);
}
END_TEST

/* The window under pressure is a few segments, and whole again without it. */
START_TEST(pressure_narrows_windows)
{
	struct sysctls *s = stack_sysctls(w->st);

	s->tcp_mem[0] = s->tcp_mem[1] = 0;
	wire_passive_open(w, "mss 1460,wscale 7", 5000);
	uint32_t open = tcp_receive_window(w->sk);
	while (tcp_receive_window(w->sk) > 4u * w->sk->advmss && peer_sends(1))
		;
	program_reads((uint32_t)tcp_inq_bytes(w->sk) - 10 * SEGMENT);
	peer_sends(2);
	ck_assert_uint_ge(pressures(), 1);
	ck_assert_uint_le(tcp_receive_window(w->sk), 4u * w->sk->advmss);
	program_reads((uint32_t)tcp_inq_bytes(w->sk));
	peer_sends(2);
	program_reads((uint32_t)tcp_inq_bytes(w->sk));
	ck_assert_uint_ge(tcp_receive_window(w->sk), open / 2);
}
END_TEST

START_TEST(all_buffers_together_have_a_bound)
{
	struct pkt *held[8];
	struct pkt_pool *pool = stack_pkt_pool(w->st);
	unsigned n = 0;

	ck_assert_uint_eq(stack_sysctls(w->st)->tcp_mem[2] * (size_t)STACK_PAGE_BYTES,
			  pool->limit_bytes);
	ck_assert_uint_eq(pool->used_bytes, 0);
	stack_sysctls(w->st)->tcp_mem[2] = 64; /* 256 KiB: three of the large ones */
	wire_ms(w, 1);
	while (n < 8 && (held[n] = pkt_alloc(pool, PKT_LARGE_BYTES)))
		n++;
	ck_assert_uint_eq(n, 3);
	stack_sysctls(w->st)->tcp_mem[2] = 128;
	wire_ms(w, 1);
	while (n < 8 && (held[n] = pkt_alloc(pool, PKT_LARGE_BYTES)))
		n++;
	ck_assert_uint_eq(n, 7);
	while (n > 0)
		pkt_free(held[--n]);
}
END_TEST

Suite *memory_suite(void)
{
	Suite *s = suite_create("memory");
	TCase *tc = tcase_create("tcp_mem");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, pressure_has_a_beginning_and_an_end);
	tcase_add_test(tc, pressure_narrows_windows);
	tcase_add_test(tc, all_buffers_together_have_a_bound);
	suite_add_tcase(s, tc);
	return s;
}
