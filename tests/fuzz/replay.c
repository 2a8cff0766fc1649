/* SPDX-License-Identifier: MIT */
/* Plays files to a target: replay NAME FILE... */
#include <string.h>

#include "tests/fuzz/fuzz.h"

static const struct {
	const char *name;
	fuzz_fn *fn;
} targets[] = {{"frames", fuzz_frames}, {"words", fuzz_words}, {"programs", fuzz_programs}};

static fuzz_fn *find(const char *name)
{
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
		if (!strcmp(targets[i].name, name))
			return targets[i].fn;
	fprintf(stderr, "replay: no target %s\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	fuzz_fn *fn = find(argc > 1 ? argv[1] : "");

	for (int i = 2; i < argc; i++) {
		uint8_t data[FUZZ_INPUT_MAX];
		FILE *f = fopen(argv[i], "rb");
		if (!f) {
			perror(argv[i]);
			return 2;
		}
		size_t len = fread(data, 1, sizeof(data), f);
		fclose(f);
		fprintf(stderr, "%s\r", argv[i]); /* the last one shown is the one that fails */
		fn(data, len);
	}
	fprintf(stderr, "\n");
	printf("replay: %s: %d scripts\n", argv[1], argc - 2);
	return 0;
}
