/* SPDX-License-Identifier: MIT */
/* The small structures: checksum, SipHash, random numbers, packet buffers, timer wheel, names,
 * bounds-checked readers. */
#include <stdlib.h>

#include "stack/base/bytes.h"
#include "stack/base/checksum.h"
#include "stack/base/pkt.h"
#include "stack/base/random.h"
#include "stack/base/siphash.h"
#include "stack/base/snmp.h"
#include "stack/base/timer.h"
#include "tests/unit/suites.h"

/* --- checksum ------------------------------------------------------------------------------- */

static uint16_t plain_sum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;
	for (size_t i = 0; i < len; i++) {
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)sum;
}

START_TEST(checksum_rfc1071_example)
{
	static const uint8_t data[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
	ck_assert_uint_eq(csum_fold(csum_partial(data, sizeof(data), 0)), 0xddf2);
	ck_assert_uint_eq(csum_finish(csum_partial(data, sizeof(data), 0)), 0x220d);
}
END_TEST

START_TEST(checksum_equals_the_plain_sum_at_every_length_and_alignment)
{
	uint8_t data[300];
	struct random r;
	static const uint8_t seed[32] = {7};
	random_seed(&r, seed);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)random_u64(&r);
	for (size_t from = 0; from < 9; from++)
		for (size_t len = 0; len + from <= sizeof(data); len++)
			ck_assert_uint_eq(csum_fold(csum_partial(data + from, len, 0)),
					  plain_sum(data + from, len));
}
END_TEST

START_TEST(checksum_of_pieces_is_the_checksum_of_the_whole)
{
	uint8_t data[4096];
	memset(data, 0xff, sizeof(data));
	for (size_t cut = 0; cut <= sizeof(data); cut += 2) {
		uint32_t sum = csum_partial(data, cut, 0);
		sum = csum_partial(data + cut, sizeof(data) - cut, sum);
		ck_assert_uint_eq(csum_fold(sum), 0xffff);
	}
	ck_assert_uint_eq(csum_fold(csum_partial(data, 2, 0xffffffffu)), 0xffff);
}
END_TEST

START_TEST(checksum_pseudo_header_of_both_families)
{
	struct ip_addr a = ip_v4(0xc0a80001), b = ip_v4(0xc0a800c7);
	uint8_t v4[12] = {192, 168, 0, 1, 192, 168, 0, 199, 0, 6, 0x12, 0x34};
	ck_assert_uint_eq(csum_fold(csum_pseudo(&a, &b, 6, 0x1234)), plain_sum(v4, sizeof(v4)));

	struct ip_addr c = {.family = ADDR_IPV6}, d = {.family = ADDR_IPV6};
	uint8_t v6[40] = {0};
	memset(c.v6, 0x20, 16);
	memset(d.v6, 0xfe, 16);
	memcpy(v6, c.v6, 16);
	memcpy(v6 + 16, d.v6, 16);
	v6[33] = 1; /* length 0x10000 */
	v6[39] = 6;
	ck_assert_uint_eq(csum_fold(csum_pseudo(&c, &d, 6, 0x10000)), plain_sum(v6, sizeof(v6)));
}
END_TEST

/* --- siphash, random ------------------------------------------------------------------------ */

START_TEST(siphash_test_vectors)
{
	/* From the authors' reference vectors: key 00..0f, input 00.. of length n. */
	static const struct {
		size_t len;
		uint64_t hash;
	} vectors[] = {
	    {0, 0x726fdb47dd0e0e31}, {1, 0x74f839c593dc67fd},  {7, 0xab0200f58b01d137},
	    {8, 0x93f5f5799a932462}, {15, 0xa129ca6149be45e5}, {63, 0x958a324ceb064572},
	};
	struct siphash_key key = {{0x0706050403020100, 0x0f0e0d0c0b0a0908}};
	uint8_t input[64];
	for (size_t i = 0; i < sizeof(input); i++)
		input[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		ck_assert_uint_eq(siphash(&key, input, vectors[i].len), vectors[i].hash);
}
END_TEST

START_TEST(random_is_repeatable_and_depends_on_the_whole_seed)
{
	uint8_t seed[32] = {0};
	struct random a, b, c;
	random_seed(&a, seed);
	random_seed(&b, seed);
	seed[31] = 1;
	random_seed(&c, seed);
	for (int i = 0; i < 100; i++) {
		uint64_t x = random_u64(&a);
		ck_assert_uint_eq(x, random_u64(&b));
		ck_assert_uint_ne(x, random_u64(&c));
	}
}
END_TEST

START_TEST(random_below_is_in_range_and_reaches_everything)
{
	static const uint8_t seed[32] = {9};
	struct random r;
	unsigned seen[7] = {0};
	random_seed(&r, seed);
	for (int i = 0; i < 7000; i++)
		seen[random_below(&r, 7)]++;
	for (int i = 0; i < 7; i++)
		ck_assert_uint_gt(seen[i], 800);
	ck_assert_uint_eq(random_below(&r, 1), 0);
}
END_TEST

/* --- pkt ------------------------------------------------------------------------------------ */

START_TEST(pkt_pool_keeps_its_limit)
{
	struct pkt_pool pool;
	struct pkt *p[8];
	pkt_pool_init(&pool, 4 * (sizeof(struct pkt) + PKT_SMALL_BYTES));
	for (int i = 0; i < 4; i++)
		ck_assert_ptr_nonnull(p[i] = pkt_alloc(&pool, 100));
	ck_assert_ptr_null(pkt_alloc(&pool, 1));
	pkt_free(p[0]);
	ck_assert_ptr_nonnull(p[0] = pkt_alloc(&pool, PKT_SMALL_BYTES));
	ck_assert_ptr_null(pkt_alloc(&pool, PKT_LARGE_BYTES));
	for (int i = 0; i < 4; i++)
		pkt_free(p[i]);
	ck_assert_uint_eq(pool.used_bytes, 0);
	ck_assert_ptr_null(pkt_alloc(&pool, PKT_LARGE_BYTES + 1));
	pkt_free(NULL);
	pkt_pool_destroy(&pool);
}
END_TEST

START_TEST(pkt_comes_back_clean)
{
	struct pkt_pool pool;
	pkt_pool_init(&pool, 1 << 20);
	struct pkt *p = pkt_alloc(&pool, 1000);
	p->len = 1000;
	p->fin = p->csum_valid = true;
	p->gso_size = 5;
	ck_assert(pkt_pull(p, 10));
	ck_assert_uint_eq(p->len, 990);
	ck_assert(!pkt_pull(p, 991));
	ck_assert_uint_eq(p->len, 990);
	pkt_free(p);
	p = pkt_alloc(&pool, 1000);
	ck_assert_uint_eq(p->len, 0);
	ck_assert_ptr_eq(p->data, p->buf);
	ck_assert(!p->fin && !p->csum_valid && p->gso_size == 0);
	pkt_free(p);
	pkt_pool_destroy(&pool);
}
END_TEST

START_TEST(pkt_compact_keeps_contents_and_frees_memory)
{
	struct pkt_pool pool;
	pkt_pool_init(&pool, 1 << 20);
	struct pkt *p = pkt_alloc(&pool, 60000);
	memcpy(p->buf + 40, "payload", 7);
	p->len = 47;
	p->seq = 1234;
	p->fin = true;
	pkt_pull(p, 40);
	p = pkt_compact(p);
	ck_assert_uint_lt(pkt_truesize(p), 512);
	ck_assert_uint_eq(pool.used_bytes, pkt_truesize(p));
	ck_assert_uint_eq(p->len, 7);
	ck_assert_mem_eq(p->data, "payload", 7);
	ck_assert_uint_eq(p->seq, 1234);
	ck_assert(p->fin);
	ck_assert_ptr_eq(pkt_compact(p), p);
	pkt_free(p);
	p = pkt_alloc(&pool, 1500);
	p->len = 1500;
	ck_assert_ptr_eq(pkt_compact(p), p);
	pkt_free(p);
	ck_assert_uint_eq(pool.used_bytes, 0);
	pkt_pool_destroy(&pool);
}
END_TEST

/* --- timer wheel ---------------------------------------------------------------------------- */

struct probe {
	struct timer timer;
	uint64_t *now_us;
	uint64_t fired_us;
	unsigned fired;
	struct probe *rearms, *cancels;
	struct timer_wheel *wheel;
	uint64_t again_us;
};

static void probe_fired(struct timer *t, void *ctx)
{
	struct probe *p = container_of(t, struct probe, timer);
	ck_assert(!timer_armed(t));
	p->fired++;
	p->fired_us = *(uint64_t *)ctx;
	if (p->again_us)
		timer_set(p->wheel, t, p->fired_us + p->again_us);
	if (p->cancels)
		timer_cancel(p->wheel, &p->cancels->timer);
}

static void wheel_to(struct timer_wheel *w, uint64_t now_us)
{
	timer_wheel_advance(w, now_us, &now_us);
}

/* From next stop to next stop, as a loop does. */
static void wheel_step_to(struct timer_wheel *w, uint64_t until_us)
{
	for (;;) {
		uint64_t next = timer_next_us(w);
		if (next > until_us)
			break;
		wheel_to(w, next);
	}
	wheel_to(w, until_us);
}

START_TEST(timer_fires_never_early_and_within_a_tick)
{
	static const uint64_t delays[] = {
	    0,	    1,	      999,	1000,	  1001,	       255000,	      256000,	    257000,
	    511999, 65535000, 65536000, 65537000, 16777216000, 4294967296000, 9000000000000};
	for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
		for (uint64_t start = 0; start < 300000; start += 77777) {
			struct timer_wheel w;
			struct probe p = {.wheel = &w};
			timer_wheel_init(&w, start);
			timer_init(&w, &p.timer, probe_fired);
			timer_set(&w, &p.timer, start + delays[i]);
			wheel_step_to(&w, start + delays[i] + 2 * TIMER_TICK_US);
			ck_assert_uint_eq(p.fired, 1);
			ck_assert_uint_ge(p.fired_us, start + delays[i]);
			ck_assert_uint_le(p.fired_us, start + delays[i] + 2 * TIMER_TICK_US);
			ck_assert_uint_eq(timer_next_us(&w), TIMER_NEVER);
		}
	}
}
END_TEST

START_TEST(timer_many_in_order_whatever_the_step)
{
	enum { COUNT = 1000 };
	static const uint8_t seed[32] = {3};
	struct random r;
	struct timer_wheel w;
	struct probe *p = calloc(COUNT, sizeof(*p));
	uint64_t now = 123456;
	random_seed(&r, seed);
	timer_wheel_init(&w, now);
	for (int i = 0; i < COUNT; i++) {
		timer_init(&w, &p[i].timer, probe_fired);
		timer_set(&w, &p[i].timer, now + random_below(&r, 1u << random_below(&r, 31)));
	}
	ck_assert_uint_eq(w.armed_count, COUNT);
	for (int i = 0; i < COUNT; i += 7) {
		timer_set(&w, &p[i].timer, now + random_below(&r, 1u << 30));
		timer_cancel(&w, &p[i / 2].timer);
		timer_cancel(&w, &p[i / 2].timer);
	}
	uint64_t last = now;
	while (w.armed_count > 0) {
		uint64_t next = timer_next_us(&w);
		ck_assert_uint_gt(next, last);
		last = next + random_below(&r, 1u << random_below(&r, 25));
		wheel_to(&w, last);
		for (int i = 0; i < COUNT; i++)
			ck_assert(!timer_armed(&p[i].timer) || p[i].timer.expires_us + 1000 > last);
	}
	for (int i = 0; i < COUNT; i++) {
		ck_assert_uint_le(p[i].fired, 1);
		if (p[i].fired)
			ck_assert_uint_ge(p[i].fired_us, p[i].timer.expires_us);
	}
	free(p);
}
END_TEST

START_TEST(timer_callback_may_rearm_and_cancel)
{
	struct timer_wheel w;
	struct probe a = {.wheel = &w, .again_us = 10000}, b = {.wheel = &w};
	timer_wheel_init(&w, 0);
	timer_init(&w, &a.timer, probe_fired);
	timer_init(&w, &b.timer, probe_fired);
	a.cancels = &b;
	timer_set(&w, &a.timer, 5000);
	timer_set(&w, &b.timer, 5000); /* the same slot, and behind it */
	wheel_step_to(&w, 100000);
	ck_assert_uint_eq(a.fired, 10);
	ck_assert_uint_eq(b.fired, 0);
	timer_cancel(&w, &a.timer);
	ck_assert_uint_eq(timer_next_us(&w), TIMER_NEVER);
	wheel_to(&w, 50); /* time does not go back */
	ck_assert_uint_eq(a.fired, 10);
}
END_TEST

START_TEST(timer_moves_both_ways)
{
	struct timer_wheel w;
	struct probe p = {.wheel = &w};
	timer_wheel_init(&w, 0);
	timer_init(&w, &p.timer, probe_fired);
	timer_set(&w, &p.timer, 100000000);
	timer_set(&w, &p.timer, 20000);
	ck_assert_uint_eq(timer_next_us(&w), 20000);
	timer_set(&w, &p.timer, 300000);
	wheel_step_to(&w, 299000);
	ck_assert_uint_eq(p.fired, 0);
	wheel_step_to(&w, 300000);
	ck_assert_uint_eq(p.fired, 1);
}
END_TEST

/* --- names, readers ------------------------------------------------------------------------- */

START_TEST(every_counter_and_reason_has_a_name)
{
	ck_assert_str_eq(snmp_name(IpInReceives), "IpInReceives");
	ck_assert_str_eq(snmp_name(TcpExtListenOverflows), "TcpExtListenOverflows");
	ck_assert_str_eq(drop_name(DROP_TCP_CSUM), "TCP_CSUM");
	for (int i = 0; i < SNMP_MAX; i++)
		ck_assert_str_ne(snmp_name((enum snmp)i), "Unknown");
	for (int i = 0; i < DROP_MAX; i++)
		ck_assert_str_ne(drop_name((enum drop_reason)i), "UNKNOWN");
	ck_assert_str_eq(snmp_name(SNMP_MAX), "Unknown");
	ck_assert_str_eq(drop_name(DROP_MAX), "UNKNOWN");
}
END_TEST

START_TEST(reader_stops_at_the_end_for_good)
{
	static const uint8_t data[] = {1, 2, 3, 4, 5, 6, 7};
	struct reader r = reader_of(data, sizeof(data));
	ck_assert_uint_eq(read_be32(&r), 0x01020304);
	ck_assert_uint_eq(read_be16(&r), 0x0506);
	ck_assert_uint_eq(read_be16(&r), 0);
	ck_assert(r.failed);
	ck_assert_uint_eq(read_u8(&r), 0);
	ck_assert_ptr_null(read_bytes(&r, 0));
}
END_TEST

Suite *base_suite(void)
{
	Suite *s = suite_create("base");
	TCase *t = tcase_create("base");
	tcase_add_test(t, checksum_rfc1071_example);
	tcase_add_test(t, checksum_equals_the_plain_sum_at_every_length_and_alignment);
	tcase_add_test(t, checksum_of_pieces_is_the_checksum_of_the_whole);
	tcase_add_test(t, checksum_pseudo_header_of_both_families);
	tcase_add_test(t, siphash_test_vectors);
	tcase_add_test(t, random_is_repeatable_and_depends_on_the_whole_seed);
	tcase_add_test(t, random_below_is_in_range_and_reaches_everything);
	tcase_add_test(t, pkt_pool_keeps_its_limit);
	tcase_add_test(t, pkt_comes_back_clean);
	tcase_add_test(t, pkt_compact_keeps_contents_and_frees_memory);
	tcase_add_test(t, timer_fires_never_early_and_within_a_tick);
	tcase_add_test(t, timer_many_in_order_whatever_the_step);
	tcase_add_test(t, timer_callback_may_rearm_and_cancel);
	tcase_add_test(t, timer_moves_both_ways);
	tcase_add_test(t, every_counter_and_reason_has_a_name);
	tcase_add_test(t, reader_stops_at_the_end_for_good);
	suite_add_tcase(s, t);
	return s;
}
