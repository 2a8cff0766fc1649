/* SPDX-License-Identifier: MIT */
/* What a stack tells who watches it, in words: the comments of a capture, the lines of a trace. */
#ifndef XTCP_DAEMON_TRACE_WORDS_H
#define XTCP_DAEMON_TRACE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "stack/trace.h"

#define TRACE_WORDS_MAX 160

/* False: nothing worth a word (half a segment more of cwnd, say). */
bool trace_words(const struct stack_trace *t, char words[TRACE_WORDS_MAX]);
const char *trace_why_name(enum trace_why why); /* "recovery" */

#endif
