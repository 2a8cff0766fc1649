/* SPDX-License-Identifier: MIT */
/* Rules that say whose a program's traffic is: what is taken, what is refused with which line, and
 * who decides. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/kept_options.h"
#include "rpc/rpc.h"
#include "rpc/rules.h"
#include "tests/unit/suites.h"

static struct rules r;
static const struct rules_program anybody = {"anybody", "anybody"};

#define V4(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

static void read_text(const char *text)
{
	rules_init(&r);
	rules_feed(&r, text, strlen(text));
	rules_end(&r);
}

static void take(const char *text)
{
	read_text(text);
	ck_assert_msg(!r.error, "line %u: %s", r.error_line, r.error);
}

/* The line that decides, 0: none. */
static unsigned line_for(enum rule_use use, uint32_t v4, uint16_t port,
			 const struct rules_program *who)
{
	const struct rule *rule = rules_find(&r, use, v4, port, who);
	return rule ? rule->line : 0;
}

START_TEST(the_first_that_fits_decides)
{
	take("# ours\n"
	     "\n"
	     "stack 10.1.2.0/24   # but not its neighbours\n"
	     "\tkernel  10.1.0.0/16:5432 \r\n"
	     "kernel any:100-200 bind\n"
	     "kernel 0.0.0.0/0:7 connect program=psql\n"
	     "stack any");
	ck_assert_uint_eq(r.count, 5);
	ck_assert_uint_eq(line_for(RULE_CONNECT, V4(10, 1, 2, 3), 5432, &anybody), 3);
	ck_assert_uint_eq(line_for(RULE_CONNECT, V4(10, 1, 3, 3), 5432, &anybody), 4);
	ck_assert_uint_eq(line_for(RULE_BIND, V4(10, 1, 3, 3), 5432, &anybody), 4);
	ck_assert_uint_eq(line_for(RULE_CONNECT, V4(10, 1, 3, 3), 5433, &anybody), 7);
	ck_assert_uint_eq(line_for(RULE_CONNECT, V4(10, 2, 0, 0), 5432, &anybody), 7);
	ck_assert_uint_eq(line_for(RULE_BIND, V4(9, 9, 9, 9), 100, &anybody), 5);
	ck_assert_uint_eq(line_for(RULE_BIND, V4(9, 9, 9, 9), 200, &anybody), 5);
	ck_assert_uint_eq(line_for(RULE_BIND, V4(9, 9, 9, 9), 201, &anybody), 7);
	ck_assert_uint_eq(line_for(RULE_BIND, V4(9, 9, 9, 9), 99, &anybody), 7);
	ck_assert_uint_eq(line_for(RULE_CONNECT, V4(9, 9, 9, 9), 150, &anybody), 7);
	ck_assert_int_eq(rules_find(&r, RULE_CONNECT, V4(10, 1, 3, 3), 5432, &anybody)->target,
			 RULE_KERNEL);
}
END_TEST

START_TEST(a_program_is_known_by_its_file_or_its_own_name)
{
	static const struct rules_program file = {"psql", "renamed"}, comm = {"perl", "psql"};

	take("kernel any program=psql\n");
	ck_assert_uint_eq(line_for(RULE_CONNECT, 1, 1, &file), 1);
	ck_assert_uint_eq(line_for(RULE_CONNECT, 1, 1, &comm), 1);
	ck_assert_uint_eq(line_for(RULE_CONNECT, 1, 1, &anybody), 0);
}
END_TEST

START_TEST(an_address_alone_is_one_host)
{
	take("kernel 10.0.0.1\nkernel 128.0.0.0/1:0\n");
	ck_assert_uint_eq(line_for(RULE_BIND, V4(10, 0, 0, 1), 9, &anybody), 1);
	ck_assert_uint_eq(line_for(RULE_BIND, V4(10, 0, 0, 2), 9, &anybody), 0);
	ck_assert_uint_eq(line_for(RULE_BIND, V4(255, 0, 0, 2), 0, &anybody), 2);
	ck_assert_uint_eq(line_for(RULE_BIND, V4(255, 0, 0, 2), 1, &anybody), 0);
}
END_TEST

START_TEST(bits_beyond_the_prefix_mean_nothing)
{
	take("kernel 10.1.2.3/8\n");
	ck_assert_uint_eq(line_for(RULE_BIND, V4(10, 200, 0, 1), 9, &anybody), 1);
}
END_TEST

static const struct {
	const char *text;
	unsigned line;
	const char *why;
} wrong[] = {
    {"deny any", 1, "begins with stack or kernel"},
    {"stack any\nkernel\n", 2, "address is missing"},
    {"kernel # any\n", 1, "address is missing"},
    {"\n\nkernel 10.0.0\n", 3, "not an IPv4 address"},
    {"kernel 10.0.0.256", 1, "not an IPv4 address"},
    {"kernel 10.0.0.1.2", 1, "nothing may stand behind"},
    {"kernel ::1", 1, "not an IPv4 address"},
    {"kernel anything", 1, "nothing may stand behind"},
    {"kernel 10.0.0.0/33", 1, "from 0 to 32"},
    {"kernel 10.0.0.0/", 1, "from 0 to 32"},
    {"kernel 10.0.0.0/8:", 1, "not a port"},
    {"kernel any:65536", 1, "not a port"},
    {"kernel any:99999999999999999999", 1, "not a port"},
    {"kernel any:5-", 1, "not a port"},
    {"kernel any:-5", 1, "not a port"},
    {"kernel any:6-5", 1, "ends before it begins"},
    {"kernel any:http", 1, "not a port"},
    {"kernel any:5432x", 1, "nothing may stand behind"},
    {"kernel any accept", 1, "none of bind, connect"},
    {"kernel any bind connect", 1, "leave both out"},
    {"kernel any program=", 1, "a program's name"},
    {"kernel any program=/bin/sh", 1, "a program's name"},
    {"kernel any program=a program=b", 1, "two programs"},
    {"kernel any program=0123456789012345678901234567890123456789012345678901234567890123", 1,
     "a program's name"},
};

START_TEST(a_wrong_line_is_named_with_its_reason)
{
	read_text(wrong[_i].text);
	ck_assert_msg(r.error, "taken: %s", wrong[_i].text);
	ck_assert_uint_eq(r.error_line, wrong[_i].line);
	ck_assert_msg(strstr(r.error, wrong[_i].why), "%s: %s", wrong[_i].text, r.error);
}
END_TEST

START_TEST(what_follows_a_wrong_line_does_not_hide_it)
{
	read_text("kernel any\nnonsense\nstack any\nmore nonsense\n");
	ck_assert_uint_eq(r.error_line, 2);
	ck_assert_uint_eq(r.count, 1);
}
END_TEST

START_TEST(too_much_is_refused)
{
	rules_init(&r);
	for (int i = 0; i < RULES_MAX; i++)
		rules_feed(&r, "kernel any\n", 11);
	rules_feed(&r, "# a comment\n", 12);
	ck_assert_ptr_null(r.error);
	rules_feed(&r, "kernel any\n", 11);
	ck_assert_ptr_nonnull(r.error);
	ck_assert_uint_eq(r.error_line, RULES_MAX + 2);

	rules_init(&r);
	for (int i = 0; i < RULES_LINE_MAX; i++)
		rules_feed(&r, "#", 1);
	ck_assert_ptr_null(r.error);
	rules_feed(&r, "#", 1);
	ck_assert_ptr_nonnull(r.error);
}
END_TEST

START_TEST(pieces_of_any_size_make_the_same_table)
{
	static const char text[] = "kernel 10.0.0.0/8:80-90 bind program=nginx\n# x\nstack any";
	static const struct rules_program nginx = {"nginx", "nginx"};

	for (size_t piece = 1; piece < sizeof(text); piece++) {
		rules_init(&r);
		for (size_t at = 0; at < sizeof(text) - 1; at += piece) {
			size_t left = sizeof(text) - 1 - at;
			rules_feed(&r, text + at, left < piece ? left : piece);
		}
		rules_end(&r);
		ck_assert_ptr_null(r.error);
		ck_assert_uint_eq(r.count, 2);
		ck_assert_uint_eq(line_for(RULE_BIND, V4(10, 1, 1, 1), 85, &nginx), 1);
		ck_assert_uint_eq(line_for(RULE_BIND, V4(10, 1, 1, 1), 85, &anybody), 3);
	}
}
END_TEST

START_TEST(what_holds_for_a_whole_program)
{
	static const struct rules_program psql = {"psql", "psql"};

	take("");
	ck_assert_int_eq(rules_default(&r, &anybody), RULE_STACK);
	ck_assert(!rules_may_fall(&r, &anybody) && !rules_all_fall(&r, &anybody));
	take("kernel any:5432\n");
	ck_assert_int_eq(rules_default(&r, &anybody), RULE_STACK);
	ck_assert(rules_may_fall(&r, &anybody) && !rules_all_fall(&r, &anybody));
	take("stack any\nkernel any:5432\n");
	ck_assert(!rules_may_fall(&r, &anybody));
	take("kernel any connect\nkernel any bind\n");
	ck_assert(rules_may_fall(&r, &anybody) && !rules_all_fall(&r, &anybody));
	take("kernel any:80\nkernel any program=psql\n");
	ck_assert_int_eq(rules_default(&r, &psql), RULE_KERNEL);
	ck_assert_int_eq(rules_default(&r, &anybody), RULE_STACK);
	ck_assert(rules_all_fall(&r, &psql) && !rules_all_fall(&r, &anybody));
	take("stack any:80\nkernel any\n");
	ck_assert_int_eq(rules_default(&r, &anybody), RULE_KERNEL);
	ck_assert(rules_may_fall(&r, &anybody) && !rules_all_fall(&r, &anybody));
}
END_TEST

START_TEST(no_bytes_are_too_strange)
{
	uint32_t x = 1;

	for (int round = 0; round < 2000; round++) {
		char bytes[300];
		for (size_t i = 0; i < sizeof(bytes); i++) {
			x = x * 1664525 + 1013904223;
			bytes[i] = "ks \t\n:/-.#0129ny\0\377=abprogramkernel"[(x >> 16) % 34];
		}
		rules_init(&r);
		rules_feed(&r, "kernel ", 7);
		rules_feed(&r, bytes, sizeof(bytes));
		rules_end(&r);
		ck_assert(r.error || r.count > 0);
	}
}
END_TEST

/* --- options kept for a socket that may fall */

static struct kept_options *kept;

static void kept_down(void)
{
	kept_options_drop(&kept);
}

static int put_int(int level, int name, int value)
{
	return kept_options_put(&kept, level, name, &value, sizeof(value));
}

/* The at-th option of a row of them, an int. */
static void expect_int(const uint8_t *row, unsigned at, int level, int name, int wanted)
{
	struct rpc_option option;
	int value;

	row += at * (sizeof(option) + sizeof(value));
	memcpy(&option, row, sizeof(option));
	memcpy(&value, row + sizeof(option), sizeof(value));
	ck_assert_int_eq(option.level, level);
	ck_assert_int_eq(option.name, name);
	ck_assert_uint_eq(option.len, sizeof(value));
	ck_assert_int_eq(value, wanted);
}

START_TEST(an_option_set_again_is_kept_once_and_last)
{
	uint8_t row[RPC_VALUE_MAX];
	unsigned next;

	ck_assert_int_eq(put_int(1, 2, 10), 0);
	ck_assert_int_eq(put_int(6, 2, 20), 0);
	ck_assert_int_eq(put_int(1, 2, 30), 0);
	ck_assert_uint_eq(kept_options_get(kept, 0, row, sizeof(row), &next), 32);
	ck_assert_uint_eq(next, 0);
	expect_int(row, 0, 6, 2, 20);
	expect_int(row, 1, 1, 2, 30);
}
END_TEST

START_TEST(what_does_not_fit_one_answer_comes_in_the_next)
{
	uint8_t row[RPC_VALUE_MAX];
	unsigned at = 0, next, seen = 0;

	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(put_int(6, i, i * i), 0);
	do {
		size_t len = kept_options_get(kept, at, row, sizeof(row), &next);
		ck_assert_uint_le(len, sizeof(row));
		for (unsigned i = 0; i < len / 16; i++, seen++)
			expect_int(row, i, 6, (int)seen, (int)(seen * seen));
		at = next;
	} while (next);
	ck_assert_uint_eq(seen, 100);
	ck_assert_uint_eq(kept_options_get(kept, 100, row, sizeof(row), &next), 0);
	ck_assert_uint_eq(next, 0);
}
END_TEST

START_TEST(several_keys_by_one_name_are_all_kept)
{
	uint8_t key[200] = {1}, row[RPC_VALUE_MAX];
	unsigned next;

	ck_assert_int_eq(kept_options_put(&kept, 6, 14, key, sizeof(key)), 0);
	key[0] = 2;
	ck_assert_int_eq(kept_options_put(&kept, 6, 14, key, sizeof(key)), 0);
	ck_assert_uint_eq(kept_options_get(kept, 0, row, sizeof(row), &next), 2 * 212);
}
END_TEST

START_TEST(what_is_kept_is_bounded)
{
	uint8_t big[KEPT_OPTION_MAX + 1] = {0};
	int n = 0;

	ck_assert_int_eq(kept_options_put(&kept, 6, 1, big, sizeof(big)), -ENOBUFS);
	while (kept_options_put(&kept, 6, n, big, KEPT_OPTION_MAX) == 0)
		n++;
	ck_assert_int_eq(n, KEPT_OPTIONS_MAX / (KEPT_OPTION_MAX + 12));
	ck_assert_int_eq(kept_options_put(&kept, 6, n, big, KEPT_OPTION_MAX), -ENOBUFS);
	ck_assert_int_eq(put_int(1, 2, 3), 0);
}
END_TEST

Suite *rules_suite(void)
{
	Suite *s = suite_create("rules");
	TCase *tc = tcase_create("rules");

	tcase_add_test(tc, the_first_that_fits_decides);
	tcase_add_test(tc, a_program_is_known_by_its_file_or_its_own_name);
	tcase_add_test(tc, an_address_alone_is_one_host);
	tcase_add_test(tc, bits_beyond_the_prefix_mean_nothing);
	tcase_add_loop_test(tc, a_wrong_line_is_named_with_its_reason, 0,
			    sizeof(wrong) / sizeof(wrong[0]));
	tcase_add_test(tc, what_follows_a_wrong_line_does_not_hide_it);
	tcase_add_test(tc, too_much_is_refused);
	tcase_add_test(tc, pieces_of_any_size_make_the_same_table);
	tcase_add_test(tc, what_holds_for_a_whole_program);
	tcase_add_test(tc, no_bytes_are_too_strange);
	suite_add_tcase(s, tc);
	tc = tcase_create("kept options");
	tcase_add_checked_fixture(tc, NULL, kept_down);
	tcase_add_test(tc, an_option_set_again_is_kept_once_and_last);
	tcase_add_test(tc, what_does_not_fit_one_answer_comes_in_the_next);
	tcase_add_test(tc, several_keys_by_one_name_are_all_kept);
	tcase_add_test(tc, what_is_kept_is_bounded);
	suite_add_tcase(s, tc);
	return s;
}
