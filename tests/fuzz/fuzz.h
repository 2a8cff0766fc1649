/* SPDX-License-Identifier: MIT */
/*
 * Fuzz targets: hostile input found by coverage.
 *
 * Theory of operation: a target is a function of bytes. It reads them as a script (a byte for what to do,
 * then its arguments; where the bytes end, zeros follow), plays the script against the real code in
 * this process, and at the end takes everything back. The judges are the sanitizers, the simulator's
 * invariants, and what is left: a target that finds anything wrong calls abort(). A script is played the
 * same each time.
 *   - `make fuzz` builds build/fuzz-NAME of each with clang's libFuzzer (engine.c), to be run by hand.
 *   - `make fuzz-replay`, a part of `make check`, plays every file of tests/fuzz/corpus/NAME (replay.c):
 *     what has been found and mended, and what reaches far.
 */
#ifndef XTCP_TESTS_FUZZ_H
#define XTCP_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef void fuzz_fn(const uint8_t *data, size_t len);

fuzz_fn fuzz_frames;   /* frames into a stack with connections, whose programs do this and that */
fuzz_fn fuzz_words;    /* what people write: control requests, configuration, rules */
fuzz_fn fuzz_programs; /* descriptors, requests and bytes of programs */

#define FUZZ_INPUT_MAX 4096 /* more is cut off */

struct sysctls;
void fuzz_tune(struct sysctls *s, unsigned which, unsigned value);

#define FUZZ_CHECK(condition)                                                                      \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);    \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

#endif
