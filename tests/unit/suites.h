/* SPDX-License-Identifier: MIT */
/* Every Check suite, one line each; main.c runs them in this order. */
#ifndef XTCP_TESTS_SUITES_H
#define XTCP_TESTS_SUITES_H

#include <check.h>

Suite *base_suite(void);
Suite *neigh_suite(void);
Suite *ip_suite(void);
Suite *icmp_suite(void);
Suite *reassembly_suite(void);
Suite *route_suite(void);
Suite *fuzz_suite(void);
Suite *config_suite(void);
Suite *daemon_suite(void);
Suite *link_suite(void);
Suite *sockets_suite(void);
Suite *direct_suite(void);
Suite *inband_suite(void);
Suite *listen_suite(void);
Suite *request_suite(void);
Suite *segment_suite(void);
Suite *bind_suite(void);
Suite *md5_suite(void);
Suite *memory_suite(void);
Suite *ao_suite(void);
Suite *ao_keys_suite(void);
Suite *syncookies_suite(void);
Suite *timewait_suite(void);
Suite *sockopt_suite(void);
Suite *figures_suite(void);
Suite *connect_suite(void);
Suite *mss_suite(void);
Suite *syn_retries_suite(void);
Suite *close_suite(void);
Suite *reset_suite(void);
Suite *shutdown_suite(void);
Suite *info_suite(void);
Suite *receive_suite(void);
Suite *window_suite(void);
Suite *paws_suite(void);
Suite *urgent_suite(void);
Suite *output_suite(void);
Suite *nagle_suite(void);
Suite *sndbuf_suite(void);
Suite *snd_window_suite(void);
Suite *recovery_suite(void);
Suite *rack_suite(void);
Suite *scoreboard_suite(void);
Suite *prr_suite(void);
Suite *blocking_suite(void);
Suite *cwnd_suite(void);
Suite *bbr_suite(void);
Suite *ecn_suite(void);
Suite *pacing_suite(void);
Suite *rate_suite(void);
Suite *frto_suite(void);
Suite *lossy_suite(void);
Suite *timers_suite(void);
Suite *tlp_suite(void);
Suite *cc_suite(void);
Suite *cubic_suite(void);
Suite *fastopen_server_suite(void);
Suite *mtu_probe_suite(void);
Suite *fastopen_client_suite(void);
Suite *fastopen_again_suite(void);
Suite *sysctl_suite(void);
Suite *rules_suite(void);
Suite *slab_suite(void);
Suite *spin_suite(void);
Suite *footprint_suite(void);
Suite *processes_suite(void);
Suite *owners_suite(void);
Suite *tunables_suite(void);
Suite *control_suite(void);
Suite *control_socket_suite(void);
Suite *impair_suite(void);
Suite *trace_suite(void);
Suite *capture_suite(void);

/* A case of tests that all begin and end alike. */
void suite_case(Suite *s, const char *name, void (*setup)(void), void (*teardown)(void),
		const TTest *const *tests, size_t n);
#define SUITE_CASE(s, name, setup, teardown, ...)                                                  \
	do {                                                                                       \
		const TTest *const tests_[] = {__VA_ARGS__};                                       \
		suite_case(s, name, setup, teardown, tests_, sizeof(tests_) / sizeof(tests_[0]));  \
	} while (0)

#endif
