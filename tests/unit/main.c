/* SPDX-License-Identifier: MIT */
/* Runs every suite in one runner, so that Check's totals are the project's totals. CK_FORK=no and
 * CK_RUN_SUITE=name work as Check documents them. */
#include <stdlib.h>

#include "tests/unit/suites.h"

static Suite *(*const suites[])(void) = {
    base_suite,	      neigh_suite,    ip_suite,		icmp_suite,
    reassembly_suite, route_suite,    fuzz_suite,	config_suite,
    daemon_suite,     link_suite,     sockets_suite,	listen_suite,
    segment_suite,    bind_suite,     syncookies_suite, timewait_suite,
    sockopt_suite,    connect_suite,  close_suite,	receive_suite,
    output_suite,     recovery_suite, frto_suite,	lossy_suite,
    timers_suite,     cc_suite,	      sysctl_suite,	rules_suite,
    tunables_suite,   rate_suite,     pacing_suite,	fastopen_server_suite,
    ecn_suite,	      control_suite,  md5_suite,	impair_suite,
    trace_suite,
};

int main(void)
{
	SRunner *runner = srunner_create(suites[0]());
	for (size_t i = 1; i < sizeof(suites) / sizeof(suites[0]); i++)
		srunner_add_suite(runner, suites[i]());
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
