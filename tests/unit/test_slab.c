/* SPDX-License-Identifier: MIT */
/* Objects of one size in chunks of their own: stack/base/slab.h. */
#include <stdlib.h>

#include "stack/base/random.h"
#include "stack/base/slab.h"
#include "tests/unit/suites.h"

#define CHUNK_BYTES 4096
#define OBJECT_BYTES 200
#define MANY 500

struct bench {
	struct slab slab;
	void *object[MANY];
};

static void take(struct bench *b, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++)
		ck_assert_ptr_nonnull(b->object[i] = slab_alloc(&b->slab));
}

static void give(struct bench *b, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++)
		slab_free(&b->slab, b->object[i]);
}

/* 0: a size that is no whole number of lines, 1: one that is */
START_TEST(objects_start_on_lines_if_they_can_and_are_zeroed)
{
	struct bench b;
	size_t grain = _i ? SLAB_LINE_BYTES : SLAB_GRAIN_BYTES;
	size_t bytes = _i ? 4 * SLAB_LINE_BYTES : OBJECT_BYTES;
	slab_init(&b.slab, bytes, CHUNK_BYTES);
	for (int round = 0; round < 2; round++) {
		take(&b, 0, MANY);
		for (unsigned i = 0; i < MANY; i++) {
			const uint8_t *object = b.object[i];
			ck_assert_uint_eq((uintptr_t)object % grain, 0);
			for (size_t at = 0; at < bytes; at++)
				ck_assert_uint_eq(object[at], 0);
			memset(b.object[i], 0xa5, bytes);
		}
		give(&b, 0, MANY);
	}
	slab_destroy(&b.slab);
}
END_TEST

static int by_address(const void *a, const void *b)
{
	uintptr_t x = (uintptr_t) * (void *const *)a, y = (uintptr_t) * (void *const *)b;
	return x < y ? -1 : x > y;
}

START_TEST(objects_do_not_overlap)
{
	struct bench b;
	slab_init(&b.slab, OBJECT_BYTES, CHUNK_BYTES);
	take(&b, 0, MANY);
	qsort(b.object, MANY, sizeof(b.object[0]), by_address);
	for (unsigned i = 1; i < MANY; i++)
		ck_assert_uint_ge((uintptr_t)b.object[i] - (uintptr_t)b.object[i - 1],
				  OBJECT_BYTES);
	give(&b, 0, MANY);
	slab_destroy(&b.slab);
}
END_TEST

START_TEST(last_freed_is_first_reused)
{
	struct bench b;
	slab_init(&b.slab, OBJECT_BYTES, CHUNK_BYTES);
	take(&b, 0, 5);
	slab_free(&b.slab, b.object[1]);
	slab_free(&b.slab, b.object[3]);
	slab_free(&b.slab, NULL);
	ck_assert_uint_eq(b.slab.used, 3);
	ck_assert_ptr_eq(slab_alloc(&b.slab), b.object[3]);
	ck_assert_ptr_eq(slab_alloc(&b.slab), b.object[1]);
	ck_assert_uint_eq(b.slab.chunks, 1);
	give(&b, 0, 5);
	slab_destroy(&b.slab);
}
END_TEST

START_TEST(holes_are_filled_before_a_chunk_is_added)
{
	struct bench b;
	slab_init(&b.slab, OBJECT_BYTES, CHUNK_BYTES);
	take(&b, 0, MANY);
	unsigned chunks = b.slab.chunks;
	ck_assert_uint_eq(chunks, (MANY + b.slab.per_chunk - 1) / b.slab.per_chunk);
	for (unsigned i = 0; i < MANY; i += 2)
		slab_free(&b.slab, b.object[i]);
	ck_assert_uint_eq(b.slab.chunks, chunks);
	for (unsigned i = 0; i < MANY; i += 2)
		b.object[i] = slab_alloc(&b.slab);
	ck_assert_uint_eq(b.slab.chunks, chunks);
	give(&b, 0, MANY);
	slab_destroy(&b.slab);
}
END_TEST

START_TEST(empty_chunks_go_back_but_for_a_share)
{
	struct bench b;
	slab_init(&b.slab, OBJECT_BYTES, CHUNK_BYTES);
	take(&b, 0, MANY);
	unsigned chunks = b.slab.chunks;
	give(&b, 0, MANY);
	ck_assert_uint_eq(b.slab.used, 0);
	ck_assert_uint_ge(b.slab.chunks, 1);
	ck_assert_uint_lt(b.slab.chunks, chunks / 4);
	take(&b, 0, 1);
	slab_trim(&b.slab);
	ck_assert_uint_eq(b.slab.chunks, 1);
	give(&b, 0, 1);
	slab_trim(&b.slab);
	ck_assert_uint_eq(b.slab.chunks, 0);
	slab_destroy(&b.slab);
}
END_TEST

/* At the edge of a chunk: a number that goes up and down by one does not go to malloc. */
START_TEST(one_more_and_one_less_keeps_the_chunk)
{
	struct bench b;
	slab_init(&b.slab, OBJECT_BYTES, CHUNK_BYTES);
	take(&b, 0, b.slab.per_chunk);
	unsigned at = b.slab.per_chunk;
	take(&b, at, at + 1);
	for (int i = 0; i < 10; i++) {
		give(&b, at, at + 1);
		ck_assert_uint_eq(b.slab.chunks, 2);
		take(&b, at, at + 1);
	}
	give(&b, 0, at + 1);
	slab_destroy(&b.slab);
}
END_TEST

START_TEST(chunks_of_one_object_are_never_kept)
{
	struct bench b;
	slab_init(&b.slab, OBJECT_BYTES, 0);
	take(&b, 0, 10);
	ck_assert_uint_eq(b.slab.chunks, 10);
	give(&b, 0, 10);
	ck_assert_uint_eq(b.slab.chunks, 0);
	slab_destroy(&b.slab);
}
END_TEST

START_TEST(chunk_grows_to_hold_one_object)
{
	struct bench b;
	slab_init(&b.slab, 3 * CHUNK_BYTES, CHUNK_BYTES);
	take(&b, 0, 2);
	ck_assert_uint_eq(b.slab.per_chunk, 1);
	give(&b, 0, 2);
	slab_destroy(&b.slab);
}
END_TEST

START_TEST(any_order_leaves_nothing)
{
	struct bench b;
	struct random r;
	static const uint8_t seed[32] = {3};
	bool held[MANY] = {false};
	unsigned count = 0;
	random_seed(&r, seed);
	slab_init(&b.slab, OBJECT_BYTES, CHUNK_BYTES);
	for (int step = 0; step < 20000; step++) {
		uint32_t i = random_below(&r, MANY);
		if (held[i]) {
			ck_assert_mem_eq(b.object[i], &i, sizeof(i)); /* nobody else has had it */
			give(&b, i, i + 1);
		} else {
			take(&b, i, i + 1);
			memcpy(b.object[i], &i, sizeof(i));
		}
		count += held[i] ? -1u : 1u;
		held[i] = !held[i];
		ck_assert_uint_eq(b.slab.used, count);
	}
	for (unsigned i = 0; i < MANY; i++)
		if (held[i])
			give(&b, i, i + 1);
	slab_trim(&b.slab);
	ck_assert_uint_eq(b.slab.chunks, 0);
	slab_destroy(&b.slab);
}
END_TEST

Suite *slab_suite(void)
{
	Suite *s = suite_create("slab");
	TCase *t = tcase_create("slab");
	tcase_add_loop_test(t, objects_start_on_lines_if_they_can_and_are_zeroed, 0, 2);
	tcase_add_test(t, objects_do_not_overlap);
	tcase_add_test(t, last_freed_is_first_reused);
	tcase_add_test(t, holes_are_filled_before_a_chunk_is_added);
	tcase_add_test(t, empty_chunks_go_back_but_for_a_share);
	tcase_add_test(t, one_more_and_one_less_keeps_the_chunk);
	tcase_add_test(t, chunks_of_one_object_are_never_kept);
	tcase_add_test(t, chunk_grows_to_hold_one_object);
	tcase_add_test(t, any_order_leaves_nothing);
	suite_add_tcase(s, t);
	return s;
}
