/* SPDX-License-Identifier: MIT */
/* A sysctl by number, for scripts. (The daemon's headers and the stack's own do not go together.) */
#include "daemon/config.h"
#include "tests/fuzz/fuzz.h"

void fuzz_tune(struct sysctls *s, unsigned which, unsigned value)
{
	unsigned count = 0;
	char text[16];

	while (sysctl_name(count))
		count++;
	snprintf(text, sizeof(text), "%u", value);
	sysctl_set(s, sysctl_name(which % count), text); /* refused: it is as it was */
}
