/* SPDX-License-Identifier: MIT */
/* The daemon's configuration: values, the file with its line numbers, flags, sysctls, routes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/config.h"
#include "daemon/options.h"
#include "daemon/parse.h"
#include "tests/unit/suites.h"

#define V4(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

/* A file with this text; its path in `path`. */
static void write_file(char path[64], const char *text)
{
	strcpy(path, "/tmp/xtcp-test-config.XXXXXX");
	int fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq((int)write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
}

static int read_text(struct config *c, const char *text, char *err, size_t err_len)
{
	char path[64];

	config_defaults(c);
	write_file(path, text);
	int result = config_read(c, path, err, err_len);
	unlink(path);
	return result;
}

START_TEST(defaults_are_the_documented_ones)
{
	struct config c;
	config_defaults(&c);
	ck_assert_uint_eq(c.addresses, 1);
	ck_assert_uint_eq(c.address[0].v4, V4(10, 77, 0, 2));
	ck_assert_uint_eq(c.address[0].prefix_len, 24);
	ck_assert_uint_eq(c.kernel_address.v4, V4(10, 77, 0, 1));
	ck_assert_str_eq(c.link_name, "xtcp0");
	ck_assert_str_eq(c.path, "/run/xtcp/xtcpd.sock");
	ck_assert_str_eq(c.control_path, "/run/xtcp/control.sock");
	ck_assert_ptr_null(config_check(&c));
}
END_TEST

START_TEST(every_key_of_the_file_is_read)
{
	struct config c;
	char err[256];
	ck_assert_int_eq(read_text(&c,
				   "# comment\n"
				   "[Network]\n"
				   "Address=192.0.2.2/24\n"
				   "Address = 198.51.100.2/28 ; and another\n"
				   "Gateway=192.0.2.1\n"
				   "Route=10.0.0.0/8 via 192.0.2.9 mtu 1400 window 65536\n"
				   "[Link]\n"
				   "Backend=tap\n"
				   "Name=tap7\n"
				   "MTUBytes=9000\n"
				   "MACAddress=02:00:00:00:00:fe\n"
				   "KernelAddress=192.0.2.1/24\n"
				   "SegmentationOffload=no\n"
				   "[Sockets]\n"
				   "Path=/run/a.sock\n"
				   "Mode=0660\n"
				   "Group=www-data\n"
				   "Control=/run/b.sock\n"
				   "ControlMode=600\n"
				   "MaxPerUser=100\n"
				   "MaxListenersPerUser=10\n"
				   "MaxMemoryPerUser=64M\n"
				   "[Daemon]\n"
				   "User=nobody\n"
				   "LogLevel=debug\n"
				   "[Sysctl]\n"
				   "net.ipv4.tcp_rmem=4096 131072 6291456\n",
				   err, sizeof(err)),
			 0);
	ck_assert_uint_eq(c.addresses, 2); /* the default's place is taken */
	ck_assert_uint_eq(c.address[0].v4, V4(192, 0, 2, 2));
	ck_assert_uint_eq(c.address[1].prefix_len, 28);
	ck_assert_uint_eq(c.gateway, V4(192, 0, 2, 1));
	ck_assert_uint_eq(c.routes, 1);
	ck_assert_uint_eq(c.route[0].mtu, 1400);
	ck_assert_uint_eq(c.route[0].window, 65536);
	ck_assert_str_eq(c.link_name, "tap7");
	ck_assert_uint_eq(c.mtu_bytes, 9000);
	ck_assert(c.mac_set);
	ck_assert_uint_eq(c.mac.b[5], 0xfe);
	ck_assert(!c.segmentation_offload);
	ck_assert_str_eq(c.path, "/run/a.sock");
	ck_assert_uint_eq(c.mode, 0660);
	ck_assert_str_eq(c.group, "www-data");
	ck_assert_str_eq(c.control_path, "/run/b.sock");
	ck_assert_uint_eq(c.control_mode, 0600);
	ck_assert_uint_eq(c.max_per_user, 100);
	ck_assert_uint_eq(c.max_listeners_per_user, 10);
	ck_assert_uint_eq(c.max_memory_per_user, 64u << 20);
	ck_assert_str_eq(c.user, "nobody");
	ck_assert_int_eq(c.log_level, 7);
	ck_assert_uint_eq(c.sysctls, 1);
	ck_assert_ptr_null(config_check(&c));
}
END_TEST

static const struct {
	const char *text;
	int line;
	const char *part; /* of the reason */
} wrong_files[] = {
    {"[Network]\nAddress=10.0.0.2\n", 2, "prefix length"},
    {"[Network]\nAddress=10.0.0.0/24\n", 2, "Address"},
    {"[Network]\nAddress=224.0.0.1/24\n", 2, "Address"},
    {"[Network]\n\nGateway=ten\n", 3, "not an IPv4 address"},
    {"[Network]\nRoute=10.0.0.1/8 via 10.77.0.1\n", 2, "beyond its prefix"},
    {"[Network]\nRoute=default via\n", 2, "missing"},
    {"[Network]\nRoute=default via 10.77.0.1 mtu 1\n", 2, "range"},
    {"[Network]\nRoute=default dev eth0\n", 2, "a route has"},
    {"[Network]\nMask=24\n", 2, "no such key"},
    {"[Net]\nAddress=10.0.0.2/24\n", 2, "no such section"},
    {"Address=10.0.0.2/24\n", 1, "in front of the first key"},
    {"[Link]\nMTUBytes=575\n", 2, "576"},
    {"[Link]\nMTUBytes=1500x\n", 2, "576"},
    {"[Link]\nMTUBytes=\n", 2, "576"},
    {"[Link]\nName=a/b\n", 2, "interface"},
    {"[Link]\nName=sixteencharacter\n", 2, "interface"},
    {"[Link]\nMACAddress=01:00:00:00:00:01\n", 2, "unicast"},
    {"[Link]\nMACAddress=00:00:00:00:00:00\n", 2, "unicast"},
    {"[Link]\nSegmentationOffload=maybe\n", 2, "yes"},
    {"[Sockets]\nPath=relative.sock\n", 2, "absolute"},
    {"[Sockets]\nMode=0888\n", 2, "mode"},
    {"[Sockets]\nMode=1777\n", 2, "mode"},
    {"[Sockets]\nMaxPerUser=0\n", 2, "number"},
    {"[Sockets]\nMaxListenersPerUser=many\n", 2, "number"},
    {"[Sockets]\nMaxMemoryPerUser=1023K\n", 2, "1M"},
    {"[Sockets]\nMaxMemoryPerUser=5000000000000\n", 2, "1M"},
    {"[Sockets]\nMaxMemoryPerUser=M\n", 2, "1M"},
    {"[Sockets]\nMaxMemoryPerUser=64MB\n", 2, "1M"},
    {"[Sockets]\nMaxMemoryPerUser=\n", 2, "1M"},
    {"[Daemon]\nLogLevel=loud\n", 2, "warning"},
    {"[Sysctl]\nnet.ipv4.no_such=1\n", 2, "no such sysctl"},
    {"[Sysctl]\nnet.ipv4.tcp_sack=2\n", 2, "from 0 to 1"},
    {"[Link]\nthis is no assignment\n", 2, "neither"},
};

START_TEST(a_wrong_line_is_named_with_its_reason)
{
	struct config c;
	char err[512], line[32];
	ck_assert_int_eq(read_text(&c, wrong_files[_i].text, err, sizeof(err)), -1);
	snprintf(line, sizeof(line), ":%d: ", wrong_files[_i].line);
	ck_assert_msg(strstr(err, line) != NULL, "%s", err);
	ck_assert_msg(strstr(err, wrong_files[_i].part) != NULL, "%s", err);
}
END_TEST

START_TEST(a_missing_file_is_named)
{
	struct config c;
	char err[256];
	config_defaults(&c);
	ck_assert_int_eq(config_read(&c, "/nonexistent/xtcpd.conf", err, sizeof(err)), -1);
	ck_assert_ptr_nonnull(strstr(err, "/nonexistent/xtcpd.conf"));
}
END_TEST

START_TEST(the_whole_is_checked)
{
	struct config c;
	config_defaults(&c);
	ck_assert_ptr_null(config_set(&c, "Network", "Gateway", "192.0.2.1"));
	ck_assert_ptr_nonnull(config_check(&c)); /* on no link */
	config_defaults(&c);
	ck_assert_ptr_null(config_set(&c, "Network", "Address", "192.0.2.2/24"));
	ck_assert_ptr_nonnull(config_check(&c)); /* the kernel's side is elsewhere */
	ck_assert_ptr_null(config_set(&c, "Link", "KernelAddress", "no"));
	ck_assert_ptr_null(config_check(&c));
	ck_assert_ptr_null(config_set(&c, "Link", "KernelAddress", "192.0.2.2/24"));
	ck_assert_ptr_nonnull(config_check(&c)); /* the stack's own */
	config_defaults(&c);
	ck_assert_ptr_null(config_set(&c, "Sockets", "Control", c.path));
	ck_assert_ptr_nonnull(config_check(&c));
}
END_TEST

START_TEST(a_link_of_datagrams_has_two_paths_and_no_kernel_side)
{
	struct config c;
	config_defaults(&c);
	ck_assert_ptr_null(config_set(&c, "Link", "Backend", "dgram:/run/a,/run/b"));
	ck_assert_str_eq(c.link_local_path, "/run/a");
	ck_assert_str_eq(c.link_peer_path, "/run/b");
	c.address_replace = true;
	ck_assert_ptr_null(config_set(&c, "Network", "Address", "192.0.2.2/24"));
	ck_assert_ptr_null(config_check(&c)); /* the default kernel address is a TAP's */
	ck_assert_ptr_null(config_set(&c, "Link", "KernelAddress", "no"));
	ck_assert_ptr_null(config_check(&c));
	ck_assert_ptr_null(config_set(&c, "Link", "KernelAddress", "192.0.2.1/24"));
	ck_assert_ptr_nonnull(config_check(&c));
	ck_assert_ptr_null(config_set(&c, "Link", "Backend", "tap"));
	ck_assert_ptr_null(config_check(&c));
	ck_assert_ptr_nonnull(config_set(&c, "Link", "Backend", "dgram:/run/a,/run/a"));
	ck_assert_ptr_nonnull(config_set(&c, "Link", "Backend", "dgram:/run/a"));
	ck_assert_ptr_nonnull(config_set(&c, "Link", "Backend", "dgram:a,/run/b"));
	ck_assert_ptr_nonnull(config_set(&c, "Link", "Backend", "dgram:/run/a,b"));
	ck_assert_ptr_nonnull(config_set(&c, "Link", "Backend", "tun"));
}
END_TEST

START_TEST(a_flag_wins_over_the_file)
{
	struct config c;
	char path[64];
	write_file(path, "[Network]\nAddress=192.0.2.2/24\n[Link]\nName=fromfile\nMTUBytes=9000\n"
			 "KernelAddress=192.0.2.1/24\n");
	char *argv[] = {"xtcpd",
			"--tap",
			"fromflag",
			"--config",
			path,
			"--address",
			"192.0.2.3/24",
			"--sysctl",
			"net.ipv4.tcp_sack=0",
			NULL};
	ck_assert_int_eq(options_parse(9, argv, &c), OPTIONS_RUN);
	unlink(path);
	ck_assert_str_eq(c.link_name, "fromflag");
	ck_assert_uint_eq(c.mtu_bytes, 9000);
	ck_assert_uint_eq(c.addresses, 1);
	ck_assert_uint_eq(c.address[0].v4, V4(192, 0, 2, 3));
	ck_assert_uint_eq(c.sysctls, 1);
}
END_TEST

/* stderr goes to /dev/null: what is said there is for people. */
static enum options_outcome quiet_parse(int argc, char **argv)
{
	struct config c;
	int saved = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	dup2(null, STDERR_FILENO);
	enum options_outcome outcome = options_parse(argc, argv, &c);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(null);
	return outcome;
}

START_TEST(wrong_flags_are_refused)
{
	char *unknown[] = {"xtcpd", "--frobnicate", NULL};
	char *argument[] = {"xtcpd", "extra", NULL};
	char *value[] = {"xtcpd", "--mtu", "12", NULL};
	char *sysctl[] = {"xtcpd", "--sysctl", "tcp_sack", NULL};
	char *file[] = {"xtcpd", "-c", "/nonexistent/xtcpd.conf", NULL};
	ck_assert_int_eq(quiet_parse(2, unknown), OPTIONS_WRONG);
	ck_assert_int_eq(quiet_parse(2, argument), OPTIONS_WRONG);
	ck_assert_int_eq(quiet_parse(3, value), OPTIONS_WRONG);
	ck_assert_int_eq(quiet_parse(3, sysctl), OPTIONS_WRONG);
	ck_assert_int_eq(quiet_parse(3, file), OPTIONS_WRONG);
}
END_TEST

START_TEST(sysctls_read_back_what_was_written)
{
	struct sysctls s;
	char value[64];
	memset(&s, 0, sizeof(s));
	ck_assert_int_eq(sysctl_set(&s, "net.ipv4.tcp_wmem", "4096 16384 4194304"), 0);
	ck_assert_uint_eq(s.tcp_wmem[2], 4194304);
	ck_assert_int_eq(sysctl_get(&s, "tcp_wmem", value, sizeof(value)), 0);
	ck_assert_str_eq(value, "4096 16384 4194304");
	ck_assert_int_eq(sysctl_set(&s, "ip_local_port_range", "1024 65535"), 0);
	ck_assert_uint_eq(s.ip_local_port_range[1], 65535);
	ck_assert_int_eq(sysctl_set(&s, "net.core.somaxconn", "1"), 0);
	ck_assert_uint_eq(s.somaxconn, 1);
	ck_assert_int_eq(sysctl_set(&s, "net.ipv4.tcp_congestion_control", "reno"), 0);
	ck_assert_str_eq(s.tcp_congestion_control, "reno");
	ck_assert_int_eq(sysctl_set(&s, "net.ipv4.ip_unprivileged_port_start", "0"), 0);
}
END_TEST

START_TEST(sysctls_refuse_what_they_do_not_take)
{
	struct sysctls s;
	char value[8];
	memset(&s, 0, sizeof(s));
	ck_assert_int_eq(sysctl_set(&s, "net.ipv4.tcp_frob", "1"), -ENOENT);
	ck_assert_int_eq(sysctl_set(&s, "net.ipv4.tcp_wmem", "4096 16384"), -EINVAL);
	ck_assert_int_eq(sysctl_set(&s, "net.ipv4.tcp_wmem", "4096 16384 9 9"), -EINVAL);
	ck_assert_int_eq(sysctl_set(&s, "net.ipv4.tcp_wmem", "16384 4096 4194304"), -EINVAL);
	ck_assert_int_eq(sysctl_set(&s, "ip_local_port_range", "2000 1000"), -EINVAL);
	ck_assert_int_eq(sysctl_set(&s, "ip_local_port_range", "1000 65536"), -EINVAL);
	ck_assert_int_eq(sysctl_set(&s, "net.core.somaxconn", "-1"), -EINVAL);
	ck_assert_int_eq(sysctl_set(&s, "net.core.somaxconn", ""), -EINVAL);
	ck_assert_int_eq(sysctl_set(&s, "tcp_congestion_control", "vegas"), -EINVAL);
	ck_assert_int_eq(sysctl_set(&s, "tcp_wmem", "4096 16384 4194304"), 0);
	ck_assert_int_eq(sysctl_get(&s, "tcp_wmem", value, sizeof(value)), -ENOSPC);
	ck_assert_int_eq(sysctl_get(&s, "frob", value, sizeof(value)), -ENOENT);
}
END_TEST

START_TEST(every_sysctl_has_a_name_of_its_own)
{
	for (unsigned i = 0; sysctl_name(i); i++)
		for (unsigned j = i + 1; sysctl_name(j); j++)
			ck_assert_str_ne(sysctl_name(i), sysctl_name(j));
}
END_TEST

START_TEST(routes_are_read_as_ip_writes_them)
{
	struct route r;
	ck_assert_ptr_null(config_parse_route("default via 10.77.0.1 metric 100", &r));
	ck_assert_uint_eq(r.prefix_len, 0);
	ck_assert_uint_eq(r.gateway, V4(10, 77, 0, 1));
	ck_assert_uint_eq(r.metric, 100);
	ck_assert_ptr_null(config_parse_route("192.0.2.7 src 10.77.0.2 advmss 1000", &r));
	ck_assert_uint_eq(r.prefix_len, 32);
	ck_assert_uint_eq(r.gateway, 0);
	ck_assert_uint_eq(r.prefsrc, V4(10, 77, 0, 2));
	ck_assert_uint_eq(r.advmss, 1000);
	ck_assert_ptr_nonnull(config_parse_route("", &r));
	ck_assert_ptr_nonnull(config_parse_route("10.0.0.0/33", &r));
	ck_assert_ptr_nonnull(config_parse_route("via 10.77.0.1", &r));
	ck_assert_ptr_nonnull(config_parse_route("default via 0.0.0.0", &r));
}
END_TEST

Suite *config_suite(void)
{
	Suite *s = suite_create("config");
	TCase *t = tcase_create("file and flags");
	tcase_add_test(t, defaults_are_the_documented_ones);
	tcase_add_test(t, every_key_of_the_file_is_read);
	tcase_add_loop_test(t, a_wrong_line_is_named_with_its_reason, 0,
			    sizeof(wrong_files) / sizeof(wrong_files[0]));
	tcase_add_test(t, a_missing_file_is_named);
	tcase_add_test(t, the_whole_is_checked);
	tcase_add_test(t, a_link_of_datagrams_has_two_paths_and_no_kernel_side);
	tcase_add_test(t, a_flag_wins_over_the_file);
	tcase_add_test(t, wrong_flags_are_refused);
	suite_add_tcase(s, t);
	t = tcase_create("sysctls and routes");
	tcase_add_test(t, sysctls_read_back_what_was_written);
	tcase_add_test(t, sysctls_refuse_what_they_do_not_take);
	tcase_add_test(t, every_sysctl_has_a_name_of_its_own);
	tcase_add_test(t, routes_are_read_as_ip_writes_them);
	suite_add_tcase(s, t);
	return s;
}
