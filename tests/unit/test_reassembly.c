/* SPDX-License-Identifier: MIT */
/* Reassembly: an echo request comes in pieces; whether it is answered tells whether it was whole.
 */
#include "stack/base/bytes.h"
#include "tests/unit/host.h"
#include "tests/unit/suites.h"

#define BODY_BYTES 2992
#define MESSAGE_BYTES (BODY_BYTES + 8)

static uint8_t message[MESSAGE_BYTES];

static void make_message(void)
{
	uint8_t body[BODY_BYTES];
	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (uint8_t)(i * 13 + i / 256);
	icmp_message(message, ICMP_ECHO, 0, 0x00070001, body, sizeof(body));
}

static void fragment_of(struct host *h, const struct ipv4_spec *given, size_t from, size_t to)
{
	uint8_t frame[4000];
	struct ipv4_spec spec = *given;
	bool more = to < MESSAGE_BYTES;
	spec.proto = IPPROTO_ICMP_;
	spec.frag = (uint16_t)(from / 8 | (more ? IPV4_MF : 0));
	host_input(h, frame, frame_ipv4(frame, &spec, message + from, to - from));
}

static void fragment(struct host *h, uint16_t id, size_t from, size_t to)
{
	struct ipv4_spec spec = {.id = id};
	fragment_of(h, &spec, from, to);
}

/* A whole, right answer: three fragments of it. */
static bool answered(struct host *h)
{
	uint8_t got[MESSAGE_BYTES];
	size_t have = 0;
	const struct sent_frame *f;
	while ((f = host_sent(h))) {
		if (!is_ipv4(f, IPPROTO_ICMP_) || have + f->len - 34 > sizeof(got))
			return false;
		memcpy(got + have, f->data + 34, f->len - 34);
		have += f->len - 34;
	}
	return have == MESSAGE_BYTES && got[0] == ICMP_ECHO_REPLY &&
	       memcmp(got + 8, message + 8, BODY_BYTES) == 0;
}

static void nothing_is_left(struct host *h)
{
	ck_assert_uint_eq(h->st->ip.frag_queues, 0);
	ck_assert_uint_eq(h->st->ip.frag_bytes, 0);
	ck_assert_uint_eq(stack_pkt_pool(h->st)->used_bytes, 0);
	ck_assert_uint_eq(timer_next_us(&h->st->wheel), TIMER_NEVER);
}

START_TEST(pieces_in_any_order_make_the_whole)
{
	static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
					 {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	struct host *h = host_new();
	for (int i = 0; i < 6; i++) {
		for (int k = 0; k < 3; k++) {
			ck_assert(k == 0 || !answered(h));
			fragment(h, (uint16_t)i, (size_t)orders[i][k] * 1000,
				 (size_t)(orders[i][k] + 1) * 1000);
		}
		ck_assert(answered(h));
	}
	ck_assert_uint_eq(host_counter(h, IpReasmReqds), 18);
	ck_assert_uint_eq(host_counter(h, IpReasmOKs), 6);
	ck_assert_uint_eq(host_counter(h, IpReasmFails), 0);
	nothing_is_left(h);
	host_free(h);
}
END_TEST

START_TEST(different_datagrams_are_kept_apart)
{
	struct host *h = host_new();
	struct ipv4_spec other = {.id = 1, .src = THIRD_V4};
	fragment(h, 1, 0, 1496);
	fragment(h, 2, 1496, MESSAGE_BYTES);
	fragment_of(h, &other, 1496, MESSAGE_BYTES);
	ck_assert_uint_eq(host_sent_count(h), 0);
	ck_assert_uint_eq(h->st->ip.frag_queues, 3);
	fragment(h, 1, 1496, MESSAGE_BYTES);
	ck_assert(answered(h));
	host_free(h);
}
END_TEST

START_TEST(exact_duplicates_are_dropped_alone)
{
	struct host *h = host_new();
	fragment(h, 1, 0, 1000);
	fragment(h, 1, 0, 1000);
	fragment(h, 1, 2000, MESSAGE_BYTES);
	fragment(h, 1, 2000, MESSAGE_BYTES);
	fragment(h, 1, 1000, 2000);
	ck_assert(answered(h));
	ck_assert_uint_eq(host_drops(h, DROP_FRAG_OVERLAP), 2);
	nothing_is_left(h);
	host_free(h);
}
END_TEST

/* What contradicts the pieces [0, 1000) and [2000, end). */
static const struct {
	size_t from, to;
} overlaps[] = {
    {992, 2000},	   /* one unit into the first */
    {1000, 2008},	   /* one unit into the last */
    {0, 2000},		   /* over the first */
    {8, 16},		   /* within the first */
    {1000, MESSAGE_BYTES}, /* over the last */
    {2000, 2008},	   /* another beginning of the last */
};

START_TEST(overlap_kills_the_datagram)
{
	struct host *h = host_new();
	fragment(h, 1, 0, 1000);
	fragment(h, 1, 2000, MESSAGE_BYTES);
	fragment(h, 1, overlaps[_i].from, overlaps[_i].to);
	fragment(h, 1, 1000, 2000); /* what would have made it whole, */
	fragment(h, 1, 0, 1000);
	fragment(h, 1, 2000, MESSAGE_BYTES); /* and all of it again */
	ck_assert_uint_eq(host_sent_count(h), 0);
	ck_assert_uint_eq(host_counter(h, IpReasmOKs), 0);
	ck_assert_uint_eq(host_counter(h, IpReasmFails), 1);
	ck_assert_uint_eq(host_drops(h, DROP_FRAG_OVERLAP), 6);
	ck_assert_uint_eq(h->st->ip.frag_bytes, 0);
	host_advance(h, 31 * SEC); /* then the identification may be used again */
	ck_assert_uint_eq(host_sent_count(h), 0);
	nothing_is_left(h);
	fragment(h, 1, 0, 1496);
	fragment(h, 1, 1496, MESSAGE_BYTES);
	ck_assert(answered(h));
	host_free(h);
}
END_TEST

START_TEST(two_ends_kill_the_datagram)
{
	struct host *h = host_new();
	uint8_t frame[2000];
	struct ipv4_spec last = {.id = 1, .proto = IPPROTO_ICMP_, .frag = 100};
	fragment(h, 1, 2000, MESSAGE_BYTES);
	host_input(h, frame, frame_ipv4(frame, &last, message, 8)); /* it ends at 808? */
	ck_assert_uint_eq(host_counter(h, IpReasmFails), 1);
	last.id = 2;
	fragment(h, 2, 2000, 2400);
	host_input(h, frame, frame_ipv4(frame, &last, message, 8)); /* before what we have */
	ck_assert_uint_eq(host_counter(h, IpReasmFails), 2);
	last.id = 3;
	host_input(h, frame, frame_ipv4(frame, &last, message, 8));
	fragment(h, 3, 800, 808); /* it goes on after its end */
	ck_assert_uint_eq(host_counter(h, IpReasmFails), 3);
	ck_assert_uint_eq(h->st->ip.frag_bytes, 0);
	host_free(h);
}
END_TEST

START_TEST(impossible_fragments_are_dropped)
{
	struct host *h = host_new();
	uint8_t frame[2000];
	struct ipv4_spec spec = {.id = 1, .proto = IPPROTO_ICMP_, .frag = IPV4_MF};
	host_input(h, frame, frame_ipv4(frame, &spec, message, 0));  /* empty */
	host_input(h, frame, frame_ipv4(frame, &spec, message, 12)); /* not of eights */
	spec.frag = 0x1fff;
	host_input(h, frame, frame_ipv4(frame, &spec, message, 100)); /* the ping of death */
	ck_assert_uint_eq(host_drops(h, DROP_IP_INHDR), 2);
	ck_assert_uint_eq(host_drops(h, DROP_FRAG_TOO_FAR), 1);
	ck_assert_uint_eq(host_counter(h, IpReasmFails), 3);
	nothing_is_left(h);
	host_free(h);
}
END_TEST

START_TEST(timeout_says_so_if_the_first_piece_has_come)
{
	struct host *h = host_new();
	fragment(h, 1, 0, 1000);
	fragment(h, 2, 1000, 2000);
	host_advance(h, 29 * SEC);
	ck_assert_uint_eq(host_sent_count(h), 0);
	host_advance(h, 2 * SEC);
	ck_assert_uint_eq(host_sent_count(h), 1);
	const struct sent_frame *f = host_sent(h);
	ck_assert(is_ipv4(f, IPPROTO_ICMP_));
	ck_assert_uint_eq(f->data[34], ICMP_TIME_EXCEEDED);
	ck_assert_uint_eq(f->data[35], 1);
	ck_assert_uint_eq(be16_of(f->data + 42 + 4),
			  1); /* quotes the header with its identification */
	ck_assert_mem_eq(f->data + 42 + 20, message, 100);
	ck_assert_uint_eq(host_counter(h, IpReasmTimeout), 2);
	ck_assert_uint_eq(host_counter(h, IpReasmFails), 2);
	ck_assert_uint_eq(host_drops(h, DROP_FRAG_TIMEOUT), 2);
	nothing_is_left(h);
	host_free(h);
}
END_TEST

START_TEST(pieces_per_datagram_are_bounded)
{
	struct host *h = host_new();
	for (size_t i = 0; i < 100; i++)
		fragment(h, 1, i * 16, i * 16 + 8);
	ck_assert_uint_eq(h->st->ip.frag_bytes, 0);
	ck_assert_uint_eq(host_drops(h, DROP_FRAG_NOMEM), 65);
	ck_assert_uint_eq(host_counter(h, IpReasmFails), 1);
	host_free(h);
}
END_TEST

START_TEST(datagrams_are_bounded_and_the_oldest_gives_way)
{
	struct host *h = host_new();
	stack_sysctls(h->st)->ipfrag_max_queues = 4;
	for (uint16_t id = 1; id <= 6; id++)
		fragment(h, id, 0, 1496);
	ck_assert_uint_eq(h->st->ip.frag_queues, 4);
	fragment(h, 6, 1496, MESSAGE_BYTES);
	ck_assert(answered(h));
	fragment(h, 1, 1496, MESSAGE_BYTES); /* its first piece is gone */
	ck_assert_uint_eq(host_sent_count(h), 0);
	ck_assert_uint_eq(host_counter(h, IpReasmFails), 2);
	host_free(h);
}
END_TEST

START_TEST(memory_is_bounded_and_the_oldest_gives_way)
{
	struct host *h = host_new();
	size_t piece = sizeof(struct pkt) + PKT_SMALL_BYTES;
	stack_sysctls(h->st)->ipfrag_high_thresh = (uint32_t)(3 * piece);
	for (uint16_t id = 1; id <= 5; id++) {
		fragment(h, id, 0, 1496);
		ck_assert_uint_le(h->st->ip.frag_bytes, 3 * piece);
	}
	ck_assert_uint_eq(h->st->ip.frag_queues, 3);
	fragment(h, 5, 1496, MESSAGE_BYTES);
	ck_assert(answered(h));
	stack_sysctls(h->st)->ipfrag_high_thresh = 100; /* too little even for one */
	fragment(h, 9, 0, 1496);
	ck_assert_uint_eq(h->st->ip.frag_bytes, 0);
	host_free(h);
}
END_TEST

START_TEST(small_pieces_in_large_buffers_cost_little)
{
	struct host *h = host_new();
	uint8_t frame[200];
	struct ipv4_spec spec = {.id = 1, .proto = IPPROTO_ICMP_, .frag = IPV4_MF};
	size_t len = frame_ipv4(frame, &spec, message, 64);
	struct pkt *p = pkt_alloc(stack_pkt_pool(h->st), 60000);
	memcpy(p->buf, frame, len);
	p->len = (uint32_t)len;
	stack_input(h->st, p);
	ck_assert_uint_gt(h->st->ip.frag_bytes, 0);
	ck_assert_uint_lt(h->st->ip.frag_bytes, 512);
	host_free(h); /* with the piece still waiting */
}
END_TEST

START_TEST(a_ce_mark_on_any_piece_marks_the_whole)
{
	struct host *h = host_new();
	struct ipv4_spec ect = {.id = 1, .tos = 2}, ce = {.id = 1, .tos = 3};
	fragment_of(h, &ect, 0, 1496);
	fragment_of(h, &ce, 1496, MESSAGE_BYTES);
	ck_assert_uint_eq(host_counter(h, IpReasmOKs), 1);
	ck_assert_uint_eq(host_sent(h)->data[15] & 3, 3); /* echo keeps the TOS byte */
	struct ipv4_spec none = {.id = 2}, mark = {.id = 2, .tos = 3};
	host_forget_sent(h);
	fragment_of(h, &none, 0, 1496); /* RFC 3168 5.3: CE and Not-ECT cannot be */
	fragment_of(h, &mark, 1496, MESSAGE_BYTES);
	ck_assert_uint_eq(host_sent_count(h), 0);
	ck_assert_uint_eq(host_counter(h, IpReasmFails), 1);
	nothing_is_left(h);
	host_free(h);
}
END_TEST

START_TEST(options_of_the_first_piece_stay)
{
	struct host *h = host_new();
	static const uint8_t nops[8] = {1, 1, 1, 1, 1, 1, 1, 1};
	struct ipv4_spec first = {.id = 1, .options = nops, .options_len = 8};
	fragment(h, 1, 1496, MESSAGE_BYTES);
	fragment_of(h, &first, 0, 1496);
	ck_assert(answered(h));
	host_free(h);
}
END_TEST

Suite *reassembly_suite(void)
{
	Suite *s = suite_create("reassembly");
	TCase *t = tcase_create("reassembly");
	tcase_add_checked_fixture(t, make_message, NULL);
	tcase_add_test(t, pieces_in_any_order_make_the_whole);
	tcase_add_test(t, different_datagrams_are_kept_apart);
	tcase_add_test(t, exact_duplicates_are_dropped_alone);
	tcase_add_loop_test(t, overlap_kills_the_datagram, 0,
			    sizeof(overlaps) / sizeof(overlaps[0]));
	tcase_add_test(t, two_ends_kill_the_datagram);
	tcase_add_test(t, impossible_fragments_are_dropped);
	tcase_add_test(t, timeout_says_so_if_the_first_piece_has_come);
	tcase_add_test(t, pieces_per_datagram_are_bounded);
	tcase_add_test(t, datagrams_are_bounded_and_the_oldest_gives_way);
	tcase_add_test(t, memory_is_bounded_and_the_oldest_gives_way);
	tcase_add_test(t, small_pieces_in_large_buffers_cost_little);
	tcase_add_test(t, a_ce_mark_on_any_piece_marks_the_whole);
	tcase_add_test(t, options_of_the_first_piece_stay);
	suite_add_tcase(s, t);
	return s;
}
