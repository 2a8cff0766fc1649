/* SPDX-License-Identifier: MIT */
/* What holds of a stack at any time, and when nobody uses it any more. False: `why` says what does not. */
#ifndef XTCP_TESTS_STACK_INVARIANTS_H
#define XTCP_TESTS_STACK_INVARIANTS_H

#include <stdbool.h>
#include <stddef.h>

struct stack;

bool stack_invariants_hold(struct stack *st, char *why, size_t len);
/* All is closed and every TIME_WAIT has run out: no socket, no byte, no packet. */
bool stack_is_empty(struct stack *st, char *why, size_t len);

#endif
