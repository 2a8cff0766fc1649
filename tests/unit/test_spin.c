/* SPDX-License-Identifier: MIT */
/* When xtcpd looks for work before it sleeps: what it learns of its waits (daemon/spin.h). */
#include "daemon/spin.h"
#include "tests/unit/suites.h"

#define SPIN_NS 60000
#define MINE 700 /* nobody wanted the core */
#define TAKEN 40000

static struct spin s;

static void setup(void)
{
	spin_init(&s);
}

/* So many waits of that length; how many of them would have been looked through? */
static unsigned waits(unsigned n, uint64_t ns)
{
	unsigned looked = 0;
	for (unsigned i = 0; i < n; i++) {
		looked += spin_pays(&s, SPIN_NS);
		spin_waited(&s, ns);
	}
	return looked;
}

START_TEST(an_idle_daemon_sleeps)
{
	ck_assert_uint_eq(waits(100, 4000000), 0);
}
END_TEST

START_TEST(waits_as_long_as_the_looking_are_slept_through)
{
	ck_assert_uint_eq(waits(1000, 100000), 0);
	ck_assert_uint_eq(waits(1000, 1000000), 0);
}
END_TEST

START_TEST(short_waits_are_looked_through_until_one_is_long)
{
	waits(60, 20000);
	ck_assert_uint_eq(waits(100, 20000), 100);
	waits(1, 5000000);
	ck_assert(!spin_pays(&s, SPIN_NS));
}
END_TEST

/* So many waits; of each `every` in which it is looked, in one somebody else is at work on the core. */
static unsigned looks(unsigned n, unsigned every)
{
	unsigned looked = 0;
	for (unsigned i = 0; i < n; i++) {
		if (spin_pays(&s, SPIN_NS))
			spin_looked(&s, ++looked % every ? MINE : TAKEN);
		spin_waited(&s, 20000);
	}
	return looked;
}

START_TEST(where_others_want_the_core_it_is_looked_rarely)
{
	waits(60, 20000);
	ck_assert_uint_lt(looks(1000, 1), 50); /* until it is learnt */
	ck_assert_uint_lt(looks(100000, 1), 100000 / SPIN_REST + 1);
}
END_TEST

START_TEST(now_and_then_is_not_nearly_always)
{
	waits(60, 20000);
	ck_assert_uint_eq(looks(1000, 2), 1000);
	ck_assert_uint_eq(looks(1000, 3), 1000);
}
END_TEST

START_TEST(once_the_core_is_free_it_is_looked_again_always)
{
	waits(60, 20000);
	looks(5000, 1);
	looks(4 * SPIN_REST, 1000000);
	ck_assert_uint_eq(looks(1000, 1000000), 1000);
}
END_TEST

Suite *spin_suite(void)
{
	Suite *suite = suite_create("spin");
	TCase *t = tcase_create("spin");
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, an_idle_daemon_sleeps);
	tcase_add_test(t, waits_as_long_as_the_looking_are_slept_through);
	tcase_add_test(t, short_waits_are_looked_through_until_one_is_long);
	tcase_add_test(t, where_others_want_the_core_it_is_looked_rarely);
	tcase_add_test(t, now_and_then_is_not_nearly_always);
	tcase_add_test(t, once_the_core_is_free_it_is_looked_again_always);
	suite_add_tcase(suite, t);
	return suite;
}
