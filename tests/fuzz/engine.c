/* SPDX-License-Identifier: MIT */
/* What libFuzzer calls: the target that FUZZ_TARGET names. */
#include "tests/fuzz/fuzz.h"

#ifndef FUZZ_TARGET
#define FUZZ_TARGET fuzz_frames
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	FUZZ_TARGET(data, len < FUZZ_INPUT_MAX ? len : FUZZ_INPUT_MAX);
	return 0;
}
