/* SPDX-License-Identifier: MIT */
/*
 * What Check's assertions call, for helpers of the unit tests that scripts use: nothing where they hold,
 * abort() where they do not. Check's own only work within its tests.
 */
#include <check.h>
#include <stdarg.h>

#include "tests/fuzz/fuzz.h"

void _mark_point(const char *file, int line)
{
	(void)file;
	(void)line;
}

void _ck_assert_failed(const char *file, int line, const char *expr, const char *msg, ...)
{
	va_list ap;

	fprintf(stderr, "%s:%d: %s: ", file, line, expr);
	va_start(ap, msg);
	if (msg)
		vfprintf(stderr, msg, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	abort();
}
