/* SPDX-License-Identifier: MIT */
/*
 * sim [--seeds N] [--first S] [--stop F] [--seed S] [--trace FILE] [--pcap FILE]
 *
 * Runs N seeds from S on, or until F have failed; a seed that fails is printed with its reason and runs once more with a
 * trace (sim-SEED.txt, sim-SEED.pcapng in the build folder). --seed runs one, traced.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

#define MAX_REPORTED 10

static bool run_traced(struct sim *sim, uint64_t seed, const char *text, const char *pcap)
{
	FILE *t = fopen(text, "w"), *p = fopen(pcap, "wb");
	bool ok = false;
	if (t && p) {
		pcap_begin(p);
		ok = sim_run(sim, seed, t, p);
		fprintf(t, "%s\n", ok ? "clean" : sim->failure);
	} else {
		perror(t ? pcap : text);
	}
	if (t)
		fclose(t);
	if (p)
		fclose(p);
	return ok;
}

static void report(struct sim *sim, uint64_t seed)
{
	char text[64], pcap[64];
	printf("seed %llu: %s\n", (unsigned long long)seed, sim->failure);
	snprintf(text, sizeof(text), "build/sim-%llu.txt", (unsigned long long)seed);
	snprintf(pcap, sizeof(pcap), "build/sim-%llu.pcapng", (unsigned long long)seed);
	run_traced(sim, seed, text, pcap);
	printf("  replay: build/sim --seed %llu   trace: %s %s\n", (unsigned long long)seed, text,
	       pcap);
}

static int usage(void)
{
	fprintf(stderr,
		"usage: sim [--seeds N] [--first S] [--stop F] | --seed S [--trace FILE] [--pcap "
		"FILE]\n");
	return 2;
}

int main(int argc, char **argv)
{
	static struct sim sim;
	uint64_t seeds = 1000, first = 1, failed = 0, segments = 0, ran = 0, stop = UINT64_MAX;
	const char *trace = "build/sim.txt", *pcap = "build/sim.pcapng";
	bool single = false;
	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--seeds"))
			seeds = strtoull(argv[i + 1], NULL, 10);
		else if (!strcmp(argv[i], "--first"))
			first = strtoull(argv[i + 1], NULL, 10);
		else if (!strcmp(argv[i], "--stop"))
			stop = strtoull(argv[i + 1], NULL, 10);
		else if (!strcmp(argv[i], "--seed"))
			first = strtoull(argv[i + 1], NULL, 10), single = true;
		else if (!strcmp(argv[i], "--trace"))
			trace = argv[i + 1];
		else if (!strcmp(argv[i], "--pcap"))
			pcap = argv[i + 1];
		else
			return usage();
	}
	if (argc % 2 == 0)
		return usage();
	if (single) {
		bool ok = run_traced(&sim, first, trace, pcap);
		printf("seed %llu: %s\n", (unsigned long long)first, ok ? "clean" : sim.failure);
		return ok ? EXIT_SUCCESS : EXIT_FAILURE;
	}
	for (uint64_t s = first; s < first + seeds && failed < stop; s++, ran++) {
		bool ok = sim_run(&sim, s, NULL, NULL);
		segments += sim.segments;
		if (!ok && ++failed <= MAX_REPORTED)
			report(&sim, s);
	}
	printf("%llu seeds, %llu segments\n%llu passed, %llu failed\n", (unsigned long long)ran,
	       (unsigned long long)segments, (unsigned long long)(ran - failed),
	       (unsigned long long)failed);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
