/* SPDX-License-Identifier: MIT */
/* Routes, source addresses, path MTU, and the addresses a stack can have. */
#include <errno.h>

#include "tests/unit/host.h"
#include "tests/unit/suites.h"

static struct ip_path path_to(struct host *h, uint32_t dst)
{
	struct ip_path path;
	ck_assert_int_eq(ip_route_output(h->st, dst, 0, &path), 0);
	return path;
}

static int add(struct host *h, uint32_t dst, uint8_t prefix_len, uint32_t gateway, uint32_t metric)
{
	struct route r = {
	    .dst = dst, .prefix_len = prefix_len, .gateway = gateway, .metric = metric};
	return ip_route_add(h->st, &r);
}

START_TEST(addresses_that_cannot_be)
{
	static const struct {
		uint32_t v4;
		unsigned prefix_len;
	} bad[] = {
	    {0, 24},	      {0x00000001, 24}, {0x7f000001, 8},  {0xe0000001, 24},
	    {0xffffffff, 32}, {0xf0000001, 24}, {0x0a4e0000, 24}, {0x0a4e00ff, 24},
	    {0x0a4e0001, 33}, {0x0a4e0001, 0},
	};
	struct host *h = host_new();
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(stack_addr_add(h->st, bad[i].v4, bad[i].prefix_len), -EINVAL);
	ck_assert_int_eq(stack_addr_add(h->st, 0x0a4e0000, 31), 0); /* RFC 3021 */
	ck_assert_int_eq(stack_addr_add(h->st, 0x0a4f0000, 32), 0);
	ck_assert_int_eq(stack_addr_add(h->st, HOST_V4, 16), -EEXIST);
	host_free(h);
}
END_TEST

START_TEST(addresses_are_listed_and_local)
{
	struct host *h = host_new();
	uint32_t v4;
	unsigned prefix_len;
	ck_assert_int_eq(stack_addr_add(h->st, 0x0a4d0010, 24),
			 0); /* a second of the same prefix */
	ck_assert(stack_addr_get(h->st, 0, &v4, &prefix_len));
	ck_assert_uint_eq(v4, HOST_V4);
	ck_assert_uint_eq(prefix_len, 24);
	ck_assert(stack_addr_get(h->st, 1, &v4, &prefix_len));
	ck_assert_uint_eq(v4, 0x0a4d0010);
	ck_assert(!stack_addr_get(h->st, 2, &v4, &prefix_len));
	ck_assert(stack_is_local_v4(h->st, HOST_V4));
	ck_assert(stack_is_local_v4(h->st, 0x7fabcdef));
	ck_assert(!stack_is_local_v4(h->st, PEER_V4));
	host_free(h);
}
END_TEST

START_TEST(there_is_a_bound_on_addresses)
{
	struct host *h = host_new();
	int err = 0;
	unsigned i;
	for (i = 1; i < 1000 && err == 0; i++)
		err = stack_addr_add(h->st, 0x0a4e0000 + i, 32);
	ck_assert_int_eq(err, -ENOSPC);
	ck_assert_uint_eq(h->st->ip.addr_count, IP_ADDRS_MAX);
	host_free(h);
}
END_TEST

START_TEST(connected_default_and_host_routes_by_longest_prefix)
{
	struct host *h = host_new();
	struct ip_path path;
	ck_assert_uint_eq(path_to(h, 0x0a4d0063).nexthop, 0x0a4d0063);
	ck_assert_int_eq(ip_route_output(h->st, 0x08080808, 0, &path), -ENETUNREACH);
	ck_assert_int_eq(add(h, 0, 0, PEER_V4, 0), 0);
	ck_assert_uint_eq(path_to(h, 0x08080808).nexthop, PEER_V4);
	ck_assert_int_eq(add(h, 0x08000000, 8, 0x0a4d0004, 0), 0);
	ck_assert_int_eq(add(h, 0x08080808, 32, 0x0a4d0005, 0), 0);
	ck_assert_int_eq(add(h, 0x08080000, 16, 0x0a4d0006, 0), 0);
	ck_assert_uint_eq(path_to(h, 0x08080808).nexthop, 0x0a4d0005);
	ck_assert_uint_eq(path_to(h, 0x08080809).nexthop, 0x0a4d0006);
	ck_assert_uint_eq(path_to(h, 0x08070808).nexthop, 0x0a4d0004);
	ck_assert_uint_eq(path_to(h, 0x09080808).nexthop, PEER_V4);
	ck_assert_uint_eq(path_to(h, 0x0a4d0063).nexthop, 0x0a4d0063);
	host_free(h);
}
END_TEST

START_TEST(lower_metric_wins_and_takes_over)
{
	struct host *h = host_new();
	ck_assert_int_eq(add(h, 0, 0, 0x0a4d0004, 100), 0);
	ck_assert_int_eq(add(h, 0, 0, 0x0a4d0005, 50), 0);
	ck_assert_int_eq(add(h, 0, 0, 0x0a4d0006, 100), -EEXIST);
	ck_assert_uint_eq(path_to(h, 0x08080808).nexthop, 0x0a4d0005);
	ck_assert_int_eq(ip_route_del(h->st, 0, 0, 0x0a4d0005), 0);
	ck_assert_uint_eq(path_to(h, 0x08080808).nexthop, 0x0a4d0004);
	ck_assert_int_eq(ip_route_del(h->st, 0, 0, 0x0a4d0005), -ESRCH);
	ck_assert_int_eq(ip_route_del(h->st, 0, 0, 0), 0); /* whatever its gateway */
	ck_assert_int_eq(ip_route_del(h->st, 0, 0, 0), -ESRCH);
	host_free(h);
}
END_TEST

START_TEST(impossible_routes_are_refused)
{
	struct host *h = host_new();
	ck_assert_int_eq(add(h, 0x08080808, 33, PEER_V4, 0), -EINVAL);
	ck_assert_int_eq(add(h, 0x08080808, 24, PEER_V4, 0), -EINVAL); /* host bits */
	ck_assert_int_eq(add(h, 0x08080800, 24, HOST_V4, 0), -EINVAL); /* by ourselves */
	ck_assert_int_eq(add(h, 0x08080800, 24, 0x0a4d00ff, 0), -EINVAL);
	ck_assert_int_eq(add(h, 0x08080800, 24, 0xe0000001, 0), -EINVAL);
	ck_assert_int_eq(add(h, 0x08080800, 24, 0x0a4e0001, 0), -ENETUNREACH); /* not on link */
	ck_assert_int_eq(add(h, 0xe0000000, 4, PEER_V4, 0), -EINVAL);
	ck_assert_int_eq(add(h, 0x7f000000, 8, PEER_V4, 0), -EINVAL);
	struct route r = {.dst = 0x08080800, .prefix_len = 24, .gateway = PEER_V4, .mtu = 67};
	ck_assert_int_eq(ip_route_add(h->st, &r), -EINVAL);
	r.mtu = 0;
	r.prefsrc = PEER_V4; /* not ours */
	ck_assert_int_eq(ip_route_add(h->st, &r), -EINVAL);
	ck_assert_int_eq(add(h, 0, 0, PEER_V4, 0), 0);
	/* a gateway behind a gateway */
	ck_assert_int_eq(add(h, 0x08080800, 24, 0x09090909, 0), -ENETUNREACH);
	host_free(h);
}
END_TEST

START_TEST(there_is_a_bound_on_routes)
{
	struct host *h = host_new();
	int err = 0;
	for (uint32_t i = 0; i < 5000 && err == 0; i++)
		err = add(h, 0x08000000 + i, 32, PEER_V4, 0);
	ck_assert_int_eq(err, -ENOSPC);
	ck_assert_uint_eq(h->st->ip.route_count, IP_ROUTES_MAX);
	host_free(h);
}
END_TEST

START_TEST(routes_are_listed_in_order)
{
	struct host *h = host_new();
	struct route r;
	ck_assert_int_eq(add(h, 0, 0, PEER_V4, 0), 0);
	ck_assert_int_eq(add(h, 0x08080808, 32, PEER_V4, 0), 0);
	ck_assert(ip_route_get(h->st, 0, &r));
	ck_assert_uint_eq(r.prefix_len, 32);
	ck_assert(ip_route_get(h->st, 1, &r));
	ck_assert_uint_eq(r.dst, 0x0a4d0000);
	ck_assert(r.connected);
	ck_assert_uint_eq(r.prefsrc, HOST_V4);
	ck_assert(ip_route_get(h->st, 2, &r));
	ck_assert_uint_eq(r.prefix_len, 0);
	ck_assert(!ip_route_get(h->st, 3, &r));
	host_free(h);
}
END_TEST

START_TEST(a_route_brings_mtu_mss_window)
{
	struct host *h = host_new();
	ck_assert_uint_eq(path_to(h, PEER_V4).mtu_bytes, 1500);
	ck_assert_uint_eq(path_to(h, PEER_V4).advmss, 1460);
	ck_assert_uint_eq(path_to(h, PEER_V4).window, 0);
	struct route r = {.dst = 0x08080800,
			  .prefix_len = 24,
			  .gateway = PEER_V4,
			  .mtu = 1400,
			  .advmss = 1000,
			  .window = 20000,
			  .initcwnd = 4};
	ck_assert_int_eq(ip_route_add(h->st, &r), 0);
	struct ip_path path = path_to(h, 0x08080808);
	ck_assert_uint_eq(path.mtu_bytes, 1400);
	ck_assert_uint_eq(path.advmss, 1000);
	ck_assert_uint_eq(path.window, 20000);
	ck_assert_uint_eq(path.initcwnd, 4);
	r.dst = 0x09090900;
	r.mtu = 9000; /* more than the link has */
	r.advmss = 8960;
	ck_assert_int_eq(ip_route_add(h->st, &r), 0);
	path = path_to(h, 0x09090909);
	ck_assert_uint_eq(path.mtu_bytes, 1500);
	ck_assert_uint_eq(path.advmss, 1460);
	host_free(h);
}
END_TEST

START_TEST(the_source_is_chosen)
{
	struct host *h = host_new();
	struct ip_path path;
	ck_assert_int_eq(stack_addr_add(h->st, 0xc0a80105, 24), 0);
	ck_assert_uint_eq(path_to(h, PEER_V4).src, HOST_V4);
	ck_assert_uint_eq(path_to(h, 0xc0a80101).src, 0xc0a80105);
	ck_assert_int_eq(add(h, 0, 0, 0xc0a80101, 0), 0);
	ck_assert_uint_eq(path_to(h, 0x08080808).src, 0xc0a80105); /* of the gateway's prefix */
	struct route r = {
	    .dst = 0x09000000, .prefix_len = 8, .gateway = 0xc0a80101, .prefsrc = HOST_V4};
	ck_assert_int_eq(ip_route_add(h->st, &r), 0);
	ck_assert_uint_eq(path_to(h, 0x09080808).src, HOST_V4);
	ck_assert_int_eq(ip_route_output(h->st, PEER_V4, 0xc0a80105, &path), 0);
	ck_assert_uint_eq(path.src, 0xc0a80105); /* what was chosen already stays */
	ck_assert_int_eq(ip_route_output(h->st, PEER_V4, THIRD_V4, &path), -ENETUNREACH);
	ck_assert_int_eq(ip_route_output(h->st, PEER_V4, 0x7f000001, &path), -EINVAL);
	host_free(h);
}
END_TEST

START_TEST(local_destinations_stay_here)
{
	struct host *h = host_new();
	struct ip_path path = path_to(h, HOST_V4);
	ck_assert(path.local);
	ck_assert_uint_eq(path.src, HOST_V4);
	ck_assert_uint_eq(path.mtu_bytes, 65535);
	ck_assert_uint_eq(path.advmss, 65495);
	path = path_to(h, 0x7f010203);
	ck_assert(path.local);
	ck_assert_uint_eq(path.src, 0x7f000001);
	host_free(h);
}
END_TEST

START_TEST(broadcast_and_multicast_have_no_route)
{
	struct host *h = host_new();
	struct ip_path path;
	ck_assert_int_eq(add(h, 0, 0, PEER_V4, 0), 0);
	static const uint32_t none[] = {0, 0xffffffff, 0x0a4d00ff, 0xe0000001};
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(ip_route_output(h->st, none[i], 0, &path), -ENETUNREACH);
	host_free(h);
}
END_TEST

/* --- path MTU ------------------------------------------------------------------------------- */

START_TEST(path_mtu_shrinks_expires_and_is_per_destination)
{
	struct host *h = host_new();
	ip_pmtu_update(h->st, PEER_V4, 1300);
	ck_assert_uint_eq(path_to(h, PEER_V4).mtu_bytes, 1300);
	ck_assert_uint_eq(path_to(h, PEER_V4).advmss, 1260); /* as Linux */
	ck_assert_uint_eq(path_to(h, THIRD_V4).mtu_bytes, 1500);
	ip_pmtu_update(h->st, PEER_V4, 1400); /* RFC 1191 6.3: never raised by ICMP */
	ck_assert_uint_eq(path_to(h, PEER_V4).mtu_bytes, 1300);
	ip_pmtu_update(h->st, PEER_V4, 9000);
	ck_assert_uint_eq(path_to(h, PEER_V4).mtu_bytes, 1300);
	host_advance(h, 599 * SEC);
	ck_assert_uint_eq(path_to(h, PEER_V4).mtu_bytes, 1300);
	host_advance(h, 2 * SEC);
	ck_assert_uint_eq(path_to(h, PEER_V4).mtu_bytes, 1500);
	ck_assert_uint_eq(h->st->ip.pmtu_count, 0);
	host_free(h);
}
END_TEST

START_TEST(path_mtu_has_a_floor_below_which_df_is_off)
{
	struct host *h = host_new();
	static uint8_t data[400];
	struct ip_tx tx = {.src = ip_v4(HOST_V4),
			   .dst = ip_v4(PEER_V4),
			   .proto = IPPROTO_TCP_,
			   .df = true,
			   .hdr_len = 20,
			   .csum_offset = 16,
			   .payload = {{data, sizeof(data)}},
			   .payload_cnt = 1,
			   .payload_len = sizeof(data)};
	ip_pmtu_update(h->st, PEER_V4, 552);
	ck_assert_int_eq(ip_output(h->st, &tx), 0);
	ck_assert_uint_eq(be16_of(host_sent(h)->data + 20), IPV4_DF);
	ip_pmtu_update(h->st, PEER_V4, 296);
	ck_assert_uint_eq(path_to(h, PEER_V4).mtu_bytes, 552);
	ck_assert_int_eq(ip_output(h->st, &tx), 0);
	ck_assert_uint_eq(be16_of(host_sent(h)->data + 20), 0);
	host_free(h);
}
END_TEST

START_TEST(path_mtus_are_bounded)
{
	struct host *h = host_new();
	for (uint32_t i = 0; i < IP_PMTU_MAX + 100; i++)
		ip_pmtu_update(h->st, 0x08000000 + i, 1000);
	ck_assert_uint_eq(h->st->ip.pmtu_count, IP_PMTU_MAX);
	ck_assert_uint_eq(ip_pmtu(h->st, 0x08000000, 1500), 1500); /* the oldest went */
	ck_assert_uint_eq(ip_pmtu(h->st, 0x08000000 + IP_PMTU_MAX + 99, 1500), 1000);
	host_free(h);
}
END_TEST

START_TEST(configurations_out_of_range_are_refused)
{
	static const struct stack_ops none = {0};
	struct stack_config config = host_config();
	struct host *h = host_new();
	struct stack_ops ops = h->st->ops;
	ck_assert_ptr_null(stack_create(&config, &none, NULL, 0));
	config.mtu_bytes = 575;
	ck_assert_ptr_null(stack_create(&config, &ops, NULL, 0));
	config.mtu_bytes = 65536;
	ck_assert_ptr_null(stack_create(&config, &ops, NULL, 0));
	config = host_config();
	config.mac = broadcast_mac;
	ck_assert_ptr_null(stack_create(&config, &ops, NULL, 0));
	config = host_config();
	config.pkt_limit_bytes = 0;
	ck_assert_ptr_null(stack_create(&config, &ops, NULL, 0));
	stack_destroy(NULL);
	host_free(h);
}
END_TEST

Suite *route_suite(void)
{
	Suite *s = suite_create("route");
	TCase *t = tcase_create("route");
	tcase_add_test(t, addresses_that_cannot_be);
	tcase_add_test(t, addresses_are_listed_and_local);
	tcase_add_test(t, there_is_a_bound_on_addresses);
	tcase_add_test(t, connected_default_and_host_routes_by_longest_prefix);
	tcase_add_test(t, lower_metric_wins_and_takes_over);
	tcase_add_test(t, impossible_routes_are_refused);
	tcase_add_test(t, there_is_a_bound_on_routes);
	tcase_add_test(t, routes_are_listed_in_order);
	tcase_add_test(t, a_route_brings_mtu_mss_window);
	tcase_add_test(t, the_source_is_chosen);
	tcase_add_test(t, local_destinations_stay_here);
	tcase_add_test(t, broadcast_and_multicast_have_no_route);
	tcase_add_test(t, path_mtu_shrinks_expires_and_is_per_destination);
	tcase_add_test(t, path_mtu_has_a_floor_below_which_df_is_off);
	tcase_add_test(t, path_mtus_are_bounded);
	tcase_add_test(t, configurations_out_of_range_are_refused);
	suite_add_tcase(s, t);
	return s;
}
