/* SPDX-License-Identifier: MIT */
/* ARP and the neighbour table's states, in virtual time. What makes the stack send is an echo
 * request whose reply must go to a neighbour. */
#include <errno.h>

#include "stack/base/bytes.h"
#include "tests/unit/host.h"
#include "tests/unit/suites.h"

enum { REQUEST = 1, REPLY = 2 };

static void ping_from(struct host *h, uint32_t src)
{
	uint8_t icmp[64], frame[200];
	struct ipv4_spec spec = {.proto = IPPROTO_ICMP_, .src = src};
	size_t len = icmp_message(icmp, ICMP_ECHO, 0, 0x00010001, "0123456789", 10);
	host_input(h, frame, frame_ipv4(frame, &spec, icmp, len));
}

static void arp_in(struct host *h, uint16_t op, const struct mac_addr *sender, uint32_t sender_v4,
		   uint32_t target_v4)
{
	uint8_t frame[64];
	const struct mac_addr *dst = op == REPLY ? &host_mac : &broadcast_mac;
	host_input(h, frame, frame_arp(frame, dst, sender, op, sender, sender_v4, target_v4));
}

static bool find(struct host *h, uint32_t v4, struct neigh_info *info)
{
	for (unsigned i = 0; neigh_get(h->st, i, info); i++)
		if (info->v4 == v4)
			return true;
	return false;
}

static enum neigh_state state_of(struct host *h, uint32_t v4)
{
	struct neigh_info info;
	return find(h, v4, &info) ? info.state : NEIGH_NONE;
}

static bool sent_to(const struct sent_frame *f, const struct mac_addr *mac)
{
	return memcmp(f->data, mac->b, 6) == 0;
}

/* A host that has learnt the peer by asking. */
static struct host *host_reachable(void)
{
	struct host *h = host_new_alone();
	host_forget_sent(h);
	ping_from(h, PEER_V4);
	arp_in(h, REPLY, &peer_mac, PEER_V4, HOST_V4);
	ck_assert_int_eq(state_of(h, PEER_V4), NEIGH_REACHABLE);
	host_forget_sent(h);
	return h;
}

START_TEST(adding_an_address_announces_it)
{
	struct host *h = host_new_alone();
	const struct sent_frame *f = host_sent(h);
	ck_assert_ptr_nonnull(f);
	ck_assert(is_arp(f, REQUEST, HOST_V4, HOST_V4));
	ck_assert(sent_to(f, &broadcast_mac));
	ck_assert_ptr_null(host_sent(h));
	ck_assert_int_eq(stack_addr_add(h->st, HOST_V4, 24), -EEXIST);
	ck_assert_int_eq(stack_addr_add(h->st, 0x0a4e0005, 16), 0);
	ck_assert(is_arp(host_sent(h), REQUEST, 0x0a4e0005, 0x0a4e0005));
	host_free(h);
}
END_TEST

START_TEST(request_for_us_is_answered_and_its_sender_learnt)
{
	struct host *h = host_new_alone();
	struct neigh_info info;
	host_forget_sent(h);
	arp_in(h, REQUEST, &peer_mac, PEER_V4, HOST_V4);
	const struct sent_frame *f = host_sent(h);
	ck_assert_ptr_nonnull(f);
	ck_assert(is_arp(f, REPLY, HOST_V4, PEER_V4));
	ck_assert(sent_to(f, &peer_mac));
	ck_assert_mem_eq(f->data + ETHERNET_HDR_BYTES + 18, peer_mac.b, 6);
	ck_assert(find(h, PEER_V4, &info));
	ck_assert_int_eq(info.state, NEIGH_STALE);
	ck_assert(mac_equal(&info.mac, &peer_mac));
	ping_from(h, PEER_V4); /* and used without asking */
	f = host_sent(h);
	ck_assert(is_ipv4(f, IPPROTO_ICMP_) && sent_to(f, &peer_mac));
	ck_assert_ptr_null(host_sent(h));
	ck_assert_int_eq(state_of(h, PEER_V4), NEIGH_DELAY);
	host_free(h);
}
END_TEST

START_TEST(address_probe_is_answered_and_teaches_nothing)
{
	struct host *h = host_new_alone();
	struct neigh_info info;
	host_forget_sent(h);
	arp_in(h, REQUEST, &peer_mac, 0, HOST_V4); /* RFC 5227 2.1.1 */
	ck_assert(is_arp(host_sent(h), REPLY, HOST_V4, 0));
	ck_assert(!neigh_get(h->st, 0, &info));
	host_free(h);
}
END_TEST

START_TEST(requests_for_others_are_ignored)
{
	struct host *h = host_new_alone();
	struct neigh_info info;
	host_forget_sent(h);
	arp_in(h, REQUEST, &peer_mac, PEER_V4, THIRD_V4);
	ck_assert_ptr_null(host_sent(h));
	ck_assert(!neigh_get(h->st, 0, &info));
	ck_assert_uint_eq(host_drops(h, DROP_ARP_NOT_FOR_US), 1);
	arp_in(h, REQUEST, &peer_mac, PEER_V4, 0x7f000001); /* 127.0.0.1 is nobody's on the wire */
	ck_assert_ptr_null(host_sent(h));
	host_free(h);
}
END_TEST

START_TEST(packets_wait_for_the_answer_and_leave_in_order)
{
	struct host *h = host_new_alone();
	host_forget_sent(h);
	ping_from(h, PEER_V4);
	ping_from(h, PEER_V4);
	const struct sent_frame *f = host_sent(h);
	ck_assert(is_arp(f, REQUEST, HOST_V4, PEER_V4) && sent_to(f, &broadcast_mac));
	ck_assert_ptr_null(host_sent(h)); /* one question for both */
	ck_assert_int_eq(state_of(h, PEER_V4), NEIGH_INCOMPLETE);
	arp_in(h, REPLY, &peer_mac, PEER_V4, HOST_V4);
	f = host_sent(h);
	ck_assert(is_ipv4(f, IPPROTO_ICMP_) && sent_to(f, &peer_mac));
	uint16_t first_id = be16_of(f->data + ETHERNET_HDR_BYTES + 4);
	f = host_sent(h);
	ck_assert(is_ipv4(f, IPPROTO_ICMP_));
	ck_assert_uint_eq((uint16_t)(first_id + 1), be16_of(f->data + ETHERNET_HDR_BYTES + 4));
	ck_assert_ptr_null(host_sent(h));
	ck_assert_int_eq(state_of(h, PEER_V4), NEIGH_REACHABLE);
	host_free(h);
}
END_TEST

START_TEST(unanswered_questions_are_repeated_then_given_up)
{
	struct host *h = host_new_alone();
	host_forget_sent(h);
	ping_from(h, PEER_V4);
	ck_assert_uint_eq(host_sent_count(h), 1);
	host_advance(h, SEC + 2000);
	ck_assert_uint_eq(host_sent_count(h), 2);
	host_advance(h, SEC + 2000);
	ck_assert_uint_eq(host_sent_count(h), 3);
	host_advance(h, SEC + 2000);
	ck_assert_uint_eq(host_sent_count(h), 3);
	ck_assert_int_eq(state_of(h, PEER_V4), NEIGH_FAILED);
	ck_assert_uint_eq(host_drops(h, DROP_NEIGH_FAILED), 1);
	ping_from(h, PEER_V4); /* the next packet asks anew */
	ck_assert_int_eq(state_of(h, PEER_V4), NEIGH_INCOMPLETE);
	ck_assert_uint_eq(host_sent_count(h), 4);
	host_advance(h, 200 * SEC);
	ck_assert_int_eq(state_of(h, PEER_V4), NEIGH_NONE); /* nobody wants it: gone */
	host_free(h);
}
END_TEST

START_TEST(waiting_packets_are_bounded_and_the_oldest_goes)
{
	struct host *h = host_new_alone();
	struct neigh_info info;
	stack_sysctls(h->st)->neigh_unres_qlen = 3;
	for (int i = 0; i < 5; i++)
		ping_from(h, PEER_V4);
	ck_assert(find(h, PEER_V4, &info));
	ck_assert_uint_eq(info.queued, 3);
	ck_assert_uint_eq(host_drops(h, DROP_NEIGH_QUEUEFULL), 2);
	host_forget_sent(h);
	arp_in(h, REPLY, &peer_mac, PEER_V4, HOST_V4);
	ck_assert_uint_eq(host_sent_count(h), 3);
	ck_assert_uint_eq(h->st->neigh.queued_bytes, 0);
	host_free(h);
}
END_TEST

START_TEST(unused_entry_turns_stale_and_goes)
{
	struct host *h = host_reachable();
	host_advance(h, 46 * SEC);
	ck_assert_int_eq(state_of(h, PEER_V4), NEIGH_STALE);
	host_advance(h, 70 * SEC);
	ck_assert_int_eq(state_of(h, PEER_V4), NEIGH_NONE);
	ck_assert_uint_eq(host_sent_count(h), 0);
	ck_assert_uint_eq(timer_next_us(&h->st->wheel), TIMER_NEVER);
	host_free(h);
}
END_TEST

/* Uses the entry once a second until it is in the state. */
static void use_until(struct host *h, enum neigh_state state)
{
	for (int i = 0; i < 60 && state_of(h, PEER_V4) != state; i++) {
		ping_from(h, PEER_V4);
		host_advance(h, SEC);
	}
	ck_assert_int_eq(state_of(h, PEER_V4), state);
}

START_TEST(entry_in_use_is_refreshed_by_unicast_without_a_pause)
{
	struct host *h = host_reachable();
	use_until(h, NEIGH_DELAY);
	use_until(h, NEIGH_PROBE);
	const struct sent_frame *f, *last = NULL;
	while ((f = host_sent(h)))
		last = be16_of(f->data + 12) == ETHERNET_P_ARP ? f : last;
	ck_assert_ptr_nonnull(last);
	ck_assert(is_arp(last, REQUEST, HOST_V4, PEER_V4) && sent_to(last, &peer_mac));
	ping_from(h, PEER_V4);
	f = host_sent(h);
	ck_assert(is_ipv4(f, IPPROTO_ICMP_) && sent_to(f, &peer_mac)); /* still in use */
	arp_in(h, REPLY, &peer_mac, PEER_V4, HOST_V4);
	ck_assert_int_eq(state_of(h, PEER_V4), NEIGH_REACHABLE);
	host_free(h);
}
END_TEST

START_TEST(unanswered_probes_fail_the_entry)
{
	struct host *h = host_reachable();
	use_until(h, NEIGH_PROBE);
	host_advance(h, 4 * SEC);
	ck_assert_int_eq(state_of(h, PEER_V4), NEIGH_FAILED);
	host_free(h);
}
END_TEST

START_TEST(forward_progress_confirms)
{
	struct host *h = host_reachable();
	use_until(h, NEIGH_DELAY);
	host_forget_sent(h);
	neigh_confirm(h->st, PEER_V4);
	ck_assert_int_eq(state_of(h, PEER_V4), NEIGH_REACHABLE);
	for (int i = 0; i < 100; i++) { /* and while it goes on, nobody is asked */
		host_advance(h, SEC);
		ip_confirm(h->st, PEER_V4);
		ck_assert_int_eq(state_of(h, PEER_V4), NEIGH_REACHABLE);
	}
	ck_assert_uint_eq(host_sent_count(h), 0);
	neigh_confirm(h->st, THIRD_V4); /* no entry: nothing */
	ck_assert_int_eq(state_of(h, THIRD_V4), NEIGH_NONE);
	host_free(h);
}
END_TEST

START_TEST(unsolicited_replies_change_nothing)
{
	struct host *h = host_reachable();
	struct neigh_info info;
	arp_in(h, REPLY, &third_mac, THIRD_V4, HOST_V4);
	ck_assert_int_eq(state_of(h, THIRD_V4), NEIGH_NONE);
	arp_in(h, REPLY, &third_mac, PEER_V4, HOST_V4); /* a second answer, at once: too late */
	ck_assert(find(h, PEER_V4, &info));
	ck_assert_int_eq(info.state, NEIGH_REACHABLE);
	ck_assert(mac_equal(&info.mac, &peer_mac));
	host_free(h);
}
END_TEST

START_TEST(gratuitous_arp_is_verified_before_it_is_believed)
{
	struct host *h = host_reachable();
	struct neigh_info info;
	host_advance(h, 2 * SEC);
	arp_in(h, REQUEST, &third_mac, THIRD_V4, THIRD_V4); /* of no entry: nothing learnt */
	ck_assert_int_eq(state_of(h, THIRD_V4), NEIGH_NONE);
	arp_in(h, REQUEST, &third_mac, PEER_V4, PEER_V4); /* the address has moved, they say */
	const struct sent_frame *f = host_sent(h);
	ck_assert(is_arp(f, REQUEST, HOST_V4, PEER_V4) && sent_to(f, &broadcast_mac));
	ck_assert(find(h, PEER_V4, &info));
	ck_assert_int_eq(info.state, NEIGH_PROBE);
	ck_assert(mac_equal(&info.mac, &peer_mac));
	arp_in(h, REPLY, &third_mac, PEER_V4, HOST_V4); /* it has */
	ck_assert(find(h, PEER_V4, &info));
	ck_assert_int_eq(info.state, NEIGH_REACHABLE);
	ck_assert(mac_equal(&info.mac, &third_mac));
	host_free(h);
}
END_TEST

START_TEST(request_for_us_from_a_new_place_moves_the_entry)
{
	struct host *h = host_reachable();
	struct neigh_info info;
	arp_in(h, REQUEST, &third_mac, PEER_V4, HOST_V4);
	ck_assert(find(h, PEER_V4, &info));
	ck_assert(mac_equal(&info.mac, &peer_mac)); /* just learnt: not changed within a second */
	host_advance(h, 2 * SEC);
	arp_in(h, REQUEST, &third_mac, PEER_V4, HOST_V4);
	ck_assert(find(h, PEER_V4, &info));
	ck_assert(mac_equal(&info.mac, &third_mac));
	ck_assert_int_eq(info.state, NEIGH_STALE);
	host_free(h);
}
END_TEST

START_TEST(malformed_arp_is_dropped)
{
	struct host *h = host_new_alone();
	struct neigh_info info;
	uint8_t good[64], bad[64];
	size_t len =
	    frame_arp(good, &broadcast_mac, &peer_mac, REQUEST, &peer_mac, PEER_V4, HOST_V4);
	static const struct {
		unsigned offset;
		uint8_t value;
	} damage[] = {
	    {14, 1},	{15, 6}, {16, 0x86}, {18, 8},	 {19, 16},
	    {20, 1},	{21, 3}, {21, 0},    {22, 0x03}, /* the sender is a group */
	    {28, 0xe0},					 /* 224.77.0.1 */
	    {28, 127},					 /* loopback */
	    {31, 255},					 /* our broadcast address */
	    {31, 2},					 /* our own address */
	};
	unsigned n = sizeof(damage) / sizeof(damage[0]);
	host_forget_sent(h);
	for (unsigned i = 0; i < n; i++) {
		memcpy(bad, good, len);
		bad[damage[i].offset] = damage[i].value;
		host_input(h, bad, len);
	}
	for (size_t cut = ETHERNET_HDR_BYTES; cut < len; cut++)
		host_input(h, good, cut);
	ck_assert_uint_eq(host_drops(h, DROP_ARP_INVALID), n + len - ETHERNET_HDR_BYTES);
	for (size_t cut = 0; cut < ETHERNET_HDR_BYTES; cut++)
		host_input(h, good, cut);
	ck_assert_uint_eq(host_drops(h, DROP_FRAME_TOO_SHORT), ETHERNET_HDR_BYTES);
	ck_assert_ptr_null(host_sent(h));
	ck_assert(!neigh_get(h->st, 0, &info));
	host_input(h, good, len);
	ck_assert_ptr_nonnull(host_sent(h));
	host_free(h);
}
END_TEST

START_TEST(table_is_bounded_and_the_oldest_unused_goes)
{
	struct host *h = host_new_alone();
	stack_sysctls(h->st)->neigh_gc_thresh3 = 4;
	ck_assert_int_eq(neigh_add(h->st, 0x0a4d0063, &third_mac), 0); /* permanent: stays */
	for (uint32_t i = 10; i < 13; i++)
		arp_in(h, REQUEST, &third_mac, 0x0a4d0000 + i, HOST_V4);
	ping_from(h, 0x0a4d000a); /* .10 is used again, so .11 is the oldest */
	arp_in(h, REQUEST, &third_mac, 0x0a4d0014, HOST_V4);
	ck_assert_uint_eq(h->st->neigh.count, 4);
	ck_assert_int_eq(state_of(h, 0x0a4d000b), NEIGH_NONE);
	ck_assert_int_ne(state_of(h, 0x0a4d000a), NEIGH_NONE);
	ck_assert_int_eq(state_of(h, 0x0a4d0063), NEIGH_PERMANENT);
	host_free(h);
}
END_TEST

START_TEST(table_full_of_permanent_entries_drops_the_packet)
{
	struct host *h = host_new_alone();
	stack_sysctls(h->st)->neigh_gc_thresh3 = 1;
	ck_assert_int_eq(neigh_add(h->st, THIRD_V4, &third_mac), 0);
	ping_from(h, PEER_V4);
	ck_assert_uint_eq(host_drops(h, DROP_NEIGH_TABLE_FULL), 1);
	ck_assert_int_eq(neigh_add(h->st, PEER_V4, &peer_mac), -ENOBUFS);
	host_free(h);
}
END_TEST

START_TEST(by_hand)
{
	struct host *h = host_new_alone();
	static const struct mac_addr zero;
	ck_assert_int_eq(neigh_add(h->st, HOST_V4, &peer_mac), -EINVAL);
	ck_assert_int_eq(neigh_add(h->st, 0x0a4d00ff, &peer_mac), -EINVAL);
	ck_assert_int_eq(neigh_add(h->st, 0xe0000001, &peer_mac), -EINVAL);
	ck_assert_int_eq(neigh_add(h->st, 0xc0000201, &peer_mac), -EINVAL); /* not on the link */
	ck_assert_int_eq(neigh_add(h->st, PEER_V4, &broadcast_mac), -EINVAL);
	ck_assert_int_eq(neigh_add(h->st, PEER_V4, &zero), -EINVAL);
	ck_assert_int_eq(neigh_del(h->st, PEER_V4), -ESRCH);
	host_forget_sent(h);
	ping_from(h, PEER_V4);
	host_forget_sent(h);
	ck_assert_int_eq(neigh_add(h->st, PEER_V4, &peer_mac), 0); /* what waited is sent */
	ck_assert_uint_eq(host_sent_count(h), 1);
	host_advance(h, 1000 * SEC);
	arp_in(h, REQUEST, &third_mac, PEER_V4, HOST_V4);
	struct neigh_info info;
	ck_assert(find(h, PEER_V4, &info));
	ck_assert_int_eq(info.state, NEIGH_PERMANENT);
	ck_assert(mac_equal(&info.mac, &peer_mac));
	arp_in(h, REQUEST, &third_mac, THIRD_V4, HOST_V4);
	neigh_flush(h->st);
	ck_assert_int_eq(state_of(h, THIRD_V4), NEIGH_NONE);
	ck_assert_int_eq(state_of(h, PEER_V4), NEIGH_PERMANENT);
	ck_assert_int_eq(neigh_del(h->st, PEER_V4), 0);
	ck_assert(!neigh_get(h->st, 0, &info));
	ck_assert_str_eq(neigh_state_name(NEIGH_STALE), "STALE");
	host_free(h);
}
END_TEST

START_TEST(frames_for_others_and_unknown_types_are_counted)
{
	struct host *h = host_new();
	uint8_t frame[200], icmp[64];
	struct ipv4_spec spec = {.proto = IPPROTO_ICMP_};
	size_t icmp_len = icmp_message(icmp, ICMP_ECHO, 0, 1, NULL, 0);
	size_t len = frame_ipv4(frame, &spec, icmp, icmp_len);
	memcpy(frame, third_mac.b, 6);
	host_input(h, frame, len);
	memcpy(frame, broadcast_mac.b, 6); /* RFC 1122 3.3.6: link broadcast, unicast address */
	host_input(h, frame, len);
	ck_assert_uint_eq(host_drops(h, DROP_OTHERHOST), 2);
	memcpy(frame, host_mac.b, 6);
	put_be16(frame + 12, 0x86dd);
	host_input(h, frame, len);
	put_be16(frame + 12, 46); /* an 802.3 length */
	host_input(h, frame, len);
	ck_assert_uint_eq(host_drops(h, DROP_UNHANDLED_PROTO), 2);
	ck_assert_ptr_null(host_sent(h));
	ck_assert_uint_eq(stack_mib(h->st)->rx_frames, 4);
	host_free(h);
}
END_TEST

START_TEST(a_link_that_refuses_is_counted)
{
	struct host *h = host_new();
	h->link_refuses = true;
	ping_from(h, PEER_V4);
	ck_assert_uint_eq(host_drops(h, DROP_LINK_TX), 1);
	ck_assert_uint_eq(host_counter(h, IpOutDiscards), 1);
	host_free(h);
}
END_TEST

Suite *neigh_suite(void)
{
	Suite *s = suite_create("neigh");
	TCase *t = tcase_create("neigh");
	tcase_add_test(t, adding_an_address_announces_it);
	tcase_add_test(t, request_for_us_is_answered_and_its_sender_learnt);
	tcase_add_test(t, address_probe_is_answered_and_teaches_nothing);
	tcase_add_test(t, requests_for_others_are_ignored);
	tcase_add_test(t, packets_wait_for_the_answer_and_leave_in_order);
	tcase_add_test(t, unanswered_questions_are_repeated_then_given_up);
	tcase_add_test(t, waiting_packets_are_bounded_and_the_oldest_goes);
	tcase_add_test(t, unused_entry_turns_stale_and_goes);
	tcase_add_test(t, entry_in_use_is_refreshed_by_unicast_without_a_pause);
	tcase_add_test(t, unanswered_probes_fail_the_entry);
	tcase_add_test(t, forward_progress_confirms);
	tcase_add_test(t, unsolicited_replies_change_nothing);
	tcase_add_test(t, gratuitous_arp_is_verified_before_it_is_believed);
	tcase_add_test(t, request_for_us_from_a_new_place_moves_the_entry);
	tcase_add_test(t, malformed_arp_is_dropped);
	tcase_add_test(t, table_is_bounded_and_the_oldest_unused_goes);
	tcase_add_test(t, table_full_of_permanent_entries_drops_the_packet);
	tcase_add_test(t, by_hand);
	tcase_add_test(t, frames_for_others_and_unknown_types_are_counted);
	tcase_add_test(t, a_link_that_refuses_is_counted);
	suite_add_tcase(s, t);
	return s;
}
