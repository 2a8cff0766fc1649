/* SPDX-License-Identifier: MIT */
/* Every Check suite, one line each; main.c runs them in this order. */
#ifndef XTCP_TESTS_SUITES_H
#define XTCP_TESTS_SUITES_H

#include <check.h>

Suite *base_suite(void);

#endif
