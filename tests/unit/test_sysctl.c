/* SPDX-License-Identifier: MIT */
/* What can be tuned, against a stack's own values: the table of sysctls and the stack agree. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config.h"
#include "tests/unit/suites.h"

static bool transmit(void *ctx, const struct frame_out *f)
{
	(void)ctx;
	(void)f;
	return true;
}

static struct stack *stack_new(void)
{
	static const struct stack_ops ops = {.transmit = transmit};
	struct stack_config config = {.mac = {{2}}, .mtu_bytes = 1500, .pkt_limit_bytes = 1 << 20};
	struct stack *st = stack_create(&config, &ops, NULL, 0);

	ck_assert_ptr_nonnull(st);
	return st;
}

START_TEST(every_default_is_a_value_its_sysctl_takes)
{
	struct stack *st = stack_new();
	struct sysctls *s = stack_sysctls(st);

	for (unsigned i = 0; sysctl_name(i); i++) {
		char value[128], again[128];
		ck_assert_int_eq(sysctl_get(s, sysctl_name(i), value, sizeof(value)), 0);
		bool constant = strstr(sysctl_name(i), "_available_") != NULL;
		int err = sysctl_set(s, sysctl_name(i), value);
		ck_assert_msg(err == (constant ? -EACCES : 0), "%s=%s", sysctl_name(i), value);
		ck_assert_int_eq(sysctl_get(s, sysctl_name(i), again, sizeof(again)), 0);
		ck_assert_str_eq(value, again);
	}
	stack_destroy(st);
}
END_TEST

static const struct {
	const char *name, *value;
} defaults[] = {
    {"net.core.somaxconn", "4096"},
    {"net.ipv4.tcp_max_syn_backlog", "4096"},
    {"net.ipv4.tcp_syncookies", "1"},
    {"net.ipv4.tcp_abort_on_overflow", "0"},
    {"net.ipv4.tcp_synack_retries", "5"},
    {"net.ipv4.tcp_syn_retries", "6"},
    {"net.ipv4.tcp_retries1", "3"},
    {"net.ipv4.tcp_retries2", "15"},
    {"net.ipv4.tcp_orphan_retries", "0"},
    {"net.ipv4.tcp_mtu_probing", "0"},
    {"net.ipv4.tcp_cubic_hystart", "2"},
    {"net.ipv4.tcp_pacing", "0"},
    {"net.ipv4.tcp_base_mss", "1024"},
    {"net.ipv4.tcp_min_snd_mss", "48"},
    {"net.ipv4.tcp_mtu_probe_floor", "48"},
    {"net.ipv4.tcp_probe_interval", "600"},
    {"net.ipv4.tcp_probe_threshold", "8"},
    {"net.ipv4.tcp_fin_timeout", "60"},
    {"net.ipv4.tcp_keepalive_time", "7200"},
    {"net.ipv4.tcp_keepalive_intvl", "75"},
    {"net.ipv4.tcp_keepalive_probes", "9"},
    {"net.ipv4.tcp_window_scaling", "1"},
    {"net.ipv4.tcp_timestamps", "1"},
    {"net.ipv4.tcp_frto", "2"},
    {"net.ipv4.tcp_ecn", "2"},
    {"net.ipv4.tcp_ecn_fallback", "1"},
    {"net.ipv4.tcp_pacing_ss_ratio", "200"},
    {"net.ipv4.tcp_pacing_ca_ratio", "120"},
    {"net.ipv4.tcp_available_congestion_control", "reno cubic bbr"},
    {"net.ipv4.ip_local_reserved_ports", ""},
    {"net.ipv4.icmp_echo_ignore_all", "0"},
    {"net.ipv4.ip_nonlocal_bind", "0"},
    {"net.ipv4.tcp_sack", "1"},
    {"net.ipv4.tcp_fastopen", "1"},
    {"net.ipv4.tcp_dsack", "1"},
    {"net.ipv4.tcp_reordering", "3"},
    {"net.ipv4.tcp_recovery", "1"},
    {"net.ipv4.tcp_early_retrans", "3"},
    {"net.ipv4.tcp_notsent_lowat", "4294967295"},
    {"net.ipv4.tcp_adv_win_scale", "1"},
    {"net.ipv4.tcp_invalid_ratelimit", "500"},
    {"net.ipv4.ip_local_port_range", "32768 60999"},
    {"net.ipv4.ip_unprivileged_port_start", "1024"},
    {"net.ipv4.ip_default_ttl", "64"},
    {"net.ipv4.ipfrag_time", "30"},
    {"net.ipv4.icmp_msgs_per_sec", "1000"},
    {"net.ipv4.icmp_msgs_burst", "50"},
    {"net.ipv4.route.mtu_expires", "600"},
    {"net.ipv4.route.min_pmtu", "552"},
    {"net.ipv4.neigh.default.gc_thresh3", "1024"},
    {"net.ipv4.neigh.default.base_reachable_time_ms", "30000"},
};

START_TEST(a_default_is_linux_s)
{
	struct stack *st = stack_new();
	char value[128];

	ck_assert_int_eq(sysctl_get(stack_sysctls(st), defaults[_i].name, value, sizeof(value)), 0);
	ck_assert_str_eq(value, defaults[_i].value);
	stack_destroy(st);
}
END_TEST

static const struct {
	const char *name, *value;
	int result;
} attempts[] = {
    {"net.ipv4.tcp_sack", "0", 0},
    {"net.ipv4.tcp_sack", "2", -EINVAL},
    {"net.ipv4.tcp_sack", "-1", -EINVAL},
    {"net.ipv4.tcp_sack", " 1", -EINVAL},
    {"net.ipv4.tcp_sack", "1 ", -EINVAL},
    {"net.ipv4.tcp_sack", "0x1", -EINVAL},
    {"net.ipv4.tcp_sack", "4294967296", -EINVAL},
    {"net.core.somaxconn", "65535", 0},
    {"net.core.somaxconn", "65536", -EINVAL},
    {"net.ipv4.ip_default_ttl", "0", -EINVAL},
    {"net.ipv4.ip_default_ttl", "255", 0},
    {"net.ipv4.ip_local_port_range", "1024 2048", 0},
    {"net.ipv4.ip_local_port_range", "2048 1024", -EINVAL},
    {"net.ipv4.ip_local_port_range", "1024", -EINVAL},
    {"net.ipv4.tcp_rmem", "4096 131072 6291456", 0},
    {"net.ipv4.tcp_rmem", "4096 131072", -EINVAL},
    {"net.ipv4.tcp_congestion_control", "reno", 0},
    {"net.ipv4.tcp_congestion_control", "bbr", 0},
    {"net.ipv4.tcp_congestion_control", "", -EINVAL},
    {"net.ipv4.tcp_congestion_control", "cubi", -EINVAL},
    {"net.ipv4.tcp_congestion_control", "reno cubic", -EINVAL},
    {"net.ipv4.tcp_available_congestion_control", "reno", -EACCES},
    {"net.ipv4.tcp_ecn", "3", -EINVAL},
    {"net.ipv4.tcp_frto", "0", 0},
    {"net.ipv4.tcp_pacing_ss_ratio", "1001", -EINVAL},
    {"net.ipv4.tcp_adv_win_scale", "-2", 0},
    {"net.ipv4.tcp_adv_win_scale", "-32", -EINVAL},
    {"net.ipv4.tcp_adv_win_scale", "--2", -EINVAL},
    {"net.ipv4.tcp_fastopen", "0x3", -EINVAL},
    {"net.ipv4.tcp_fastopen", "1539", 0},
    {"net.ipv4.tcp_fastopen_key", "0-1-2-deadbeef", 0},
    {"net.ipv4.tcp_fastopen_key", "0-1-2-3,4-5-6-7", 0},
    {"net.ipv4.tcp_fastopen_key", "0-1-2", -EINVAL},
    {"net.ipv4.tcp_fastopen_key", "0-1-2-3,", -EINVAL},
    {"net.ipv4.tcp_fastopen_key", "0-1-2-3,4-5-6", -EINVAL},
    {"net.ipv4.tcp_fastopen_key", "0-1-2-3,4-5-6-7,", -EINVAL},
    {"net.ipv4.tcp_fastopen_key", "0-1-2-123456789", -EINVAL},
    {"net.ipv4.tcp_fastopen_key", "0-1-2- 3", -EINVAL},
    {"net.ipv4.icmp_echo_ignore_all", "2", -EINVAL},
    {"net.ipv4.tcp_allowed_congestion_control", "bbr reno", 0},
    {"net.ipv4.tcp_allowed_congestion_control", "", 0},
    {"net.ipv4.tcp_allowed_congestion_control", "reno vegas", -EINVAL},
    {"net.ipv4.tcp_allowed_congestion_control", "reno  cubic", -EINVAL},
    {"net.ipv4.tcp_allowed_congestion_control", "reno cubic bbr reno cubic bbr reno", -EINVAL},
    {"net.ipv4.ip_local_reserved_ports", "", 0},
    {"net.ipv4.ip_local_reserved_ports", "65535", 0},
    {"net.ipv4.ip_local_reserved_ports", "65536", -EINVAL},
    {"net.ipv4.ip_local_reserved_ports", "9-8", -EINVAL},
    {"net.ipv4.ip_local_reserved_ports", "8-", -EINVAL},
    {"net.ipv4.ip_local_reserved_ports", "-8", -EINVAL},
    {"net.ipv4.ip_local_reserved_ports", "8080 9000", -EINVAL},
    {"net.ipv4.no_such", "1", -ENOENT},
    {"net.core.tcp_sack_", "1", -ENOENT},
    {"", "1", -ENOENT},
};

START_TEST(a_value_is_taken_or_refused_whole)
{
	struct stack *st = stack_new();
	struct sysctls before = *stack_sysctls(st);

	ck_assert_int_eq(sysctl_set(stack_sysctls(st), attempts[_i].name, attempts[_i].value),
			 attempts[_i].result);
	if (attempts[_i].result)
		ck_assert_mem_eq(stack_sysctls(st), &before, sizeof(before));
	stack_destroy(st);
}
END_TEST

START_TEST(reserved_ports_are_said_in_order_and_merged)
{
	struct stack *st = stack_new();
	struct sysctls *s = stack_sysctls(st);
	const char *name = "net.ipv4.ip_local_reserved_ports";
	char value[SYSCTL_VALUE_MAX], many[SYSCTL_VALUE_MAX];
	size_t len = 0;

	ck_assert_int_eq(sysctl_set(s, name, "9000-9100,8080,0,9050-9200,8081,9201"), 0);
	ck_assert_int_eq(sysctl_get(s, name, value, sizeof(value)), 0);
	ck_assert_str_eq(value, "0,8080-8081,9000-9201");
	for (unsigned i = 0; i < PORT_RANGES_MAX; i++)
		len += (size_t)snprintf(many + len, sizeof(many) - len, "%s%u-%u", i ? "," : "",
					10000 + i * 10, 10001 + i * 10);
	ck_assert_int_eq(sysctl_set(s, name, many), 0);
	ck_assert_int_eq(sysctl_get(s, name, value, sizeof(value)), 0);
	ck_assert_str_eq(value, many);
	snprintf(many + len, sizeof(many) - len, ",1");
	ck_assert_int_eq(sysctl_set(s, name, many), -EINVAL);
	stack_destroy(st);
}
END_TEST

Suite *sysctl_suite(void)
{
	Suite *s = suite_create("sysctl");
	TCase *t = tcase_create("values");

	tcase_add_test(t, every_default_is_a_value_its_sysctl_takes);
	tcase_add_loop_test(t, a_default_is_linux_s, 0,
			    (int)(sizeof(defaults) / sizeof(defaults[0])));
	tcase_add_test(t, reserved_ports_are_said_in_order_and_merged);
	tcase_add_loop_test(t, a_value_is_taken_or_refused_whole, 0,
			    (int)(sizeof(attempts) / sizeof(attempts[0])));
	suite_add_tcase(s, t);
	return s;
}
