/* SPDX-License-Identifier: MIT */
/* Runs every suite in one runner, so that Check's totals are the project's totals. CK_FORK=no and
 * CK_RUN_SUITE=name work as Check documents them. */
#include <stdlib.h>

#include "tests/unit/suites.h"

/* One a line, so that additions meet without conflict. */
/* clang-format off */
static Suite *(*const suites[])(void) = {
	ao_keys_suite,
	ao_suite,
	base_suite,
	bind_suite,
	blocking_suite,
	cc_suite,
	close_suite,
	config_suite,
	connect_suite,
	bbr_suite, cwnd_suite, control_suite, control_socket_suite,
	cubic_suite,
	daemon_suite,
	direct_suite,
	inband_suite,
	ecn_suite,
	fastopen_again_suite,
	fastopen_client_suite,
	fastopen_server_suite,
	figures_suite,
	frto_suite,
	fuzz_suite,
	icmp_suite,
	impair_suite,
	info_suite,
	ip_suite,
	link_suite,
	listen_suite,
	lossy_suite,
	md5_suite,
	memory_suite,
	mss_suite,
	mtu_probe_suite,
	nagle_suite,
	neigh_suite,
	output_suite,
	pacing_suite,
	paws_suite,
	prr_suite,
	rack_suite,
	rate_suite,
	reassembly_suite,
	receive_suite,
	recovery_suite,
	route_suite,
	rules_suite, processes_suite, owners_suite, slab_suite, footprint_suite,
	request_suite,
	reset_suite,
	scoreboard_suite,
	segment_suite,
	shutdown_suite,
	snd_window_suite,
	sndbuf_suite,
	sockets_suite,
	sockopt_suite, spin_suite,
	syn_retries_suite,
	syncookies_suite,
	sysctl_suite,
	timers_suite,
	timewait_suite,
	tlp_suite,
	trace_suite,
	urgent_suite,
	window_suite,
	tunables_suite, capture_suite,
};
/* clang-format on */

void suite_case(Suite *s, const char *name, void (*setup)(void), void (*teardown)(void),
		const TTest *const *tests, size_t n)
{
	TCase *tc = tcase_create(name);
	tcase_add_checked_fixture(tc, setup, teardown);
	for (size_t i = 0; i < n; i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(s, tc);
}

int main(void)
{
	setenv("CK_TIMEOUT_MULTIPLIER", "10", 0); /* a busy machine is no failure */
	SRunner *runner = srunner_create(suites[0]());
	for (size_t i = 1; i < sizeof(suites) / sizeof(suites[0]); i++)
		srunner_add_suite(runner, suites[i]());
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
