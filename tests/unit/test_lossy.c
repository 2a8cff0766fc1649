/* SPDX-License-Identifier: MIT */
/*
 * The sending side against a model of a receiver behind a bad link: segments and ACKs are lost,
 * overtaken and repeated, by a seeded generator. Whatever happens, everything arrives, and after
 * each step the accounts agree with the retransmit queue they summarize.
 */
#include "stack/base/random.h"
#include "tests/unit/sender.h"
#include "tests/unit/suites.h"

#include <check.h>

#define TOTAL 250000u
#define EVENTS_MAX 8192
#define TICK_US 1000u
#define ONE_WAY_US 10000u
#define PATIENCE_TICKS 900000 /* a quarter of an hour */

struct event {
	uint64_t at_us;
	bool is_ack, fin;
	uint32_t seq, len; /* of data; of an ACK: seq is what it acknowledges */
	unsigned sacks;
	uint32_t sack[3][2], tsval;
};

struct link {
	unsigned loss_percent, dup_percent;
	uint32_t jitter_us;
};

static struct {
	struct random random;
	struct link link;
	struct event events[EVENTS_MAX];
	unsigned count;
	bool got[TOTAL], sack_ok, fin_got;
	uint32_t rcv_nxt, highest, ts_recent;
} m;

/* Check's own asserts cost a system call each: too much for what runs so often. */
static void require(bool holds, const char *what)
{
	if (!holds)
		ck_abort_msg("%s", what);
}

static bool chance(unsigned percent)
{
	return random_below(&m.random, 100) < percent;
}

/* Puts an event on the link: none, one or two copies come out of it. */
static void carry(struct event e)
{
	unsigned copies = chance(m.link.loss_percent) ? 0 : chance(m.link.dup_percent) ? 2 : 1;
	while (copies-- > 0) {
		require(m.count < EVENTS_MAX, "too many events");
		struct event *copy = &m.events[m.count++];
		*copy = e;
		copy->at_us += ONE_WAY_US + random_below(&m.random, m.link.jitter_us + 1);
	}
}

/* --- the receiver ---------------------------------------------------------------------------- */

/* The run of received bytes at or above `from`; false: none. */
static bool next_run(uint32_t from, uint32_t *start, uint32_t *end)
{
	while (from < m.highest && !m.got[from])
		from++;
	*start = from;
	while (from < m.highest && m.got[from])
		from++;
	*end = from;
	return *end > *start;
}

/* RFC 2018 4: first the run that holds what has just arrived. */
static void fill_sacks(struct event *ack, uint32_t arrived)
{
	uint32_t at = m.rcv_nxt, start, end;
	for (; next_run(at, &start, &end); at = end) {
		if (start <= arrived && arrived < end) {
			ack->sack[0][0] = start;
			ack->sack[0][1] = end;
			ack->sacks = 1;
		}
	}
	for (at = m.rcv_nxt; ack->sacks < 3 && next_run(at, &start, &end); at = end) {
		if (ack->sacks > 0 && start == ack->sack[0][0])
			continue;
		ack->sack[ack->sacks][0] = start;
		ack->sack[ack->sacks++][1] = end;
	}
}

static void data_arrives(const struct event *e)
{
	bool old = e->len > 0 && e->seq + e->len <= m.rcv_nxt;
	if (e->seq <= m.rcv_nxt && seq_gt(e->tsval, m.ts_recent))
		m.ts_recent = e->tsval; /* RFC 7323 4.3 */
	for (uint32_t i = e->seq; i < e->seq + e->len; i++)
		m.got[i] = true;
	m.highest = max_u32(m.highest, e->seq + e->len);
	while (m.rcv_nxt < TOTAL && m.got[m.rcv_nxt])
		m.rcv_nxt++;
	if (e->fin)
		m.fin_got = true;
	struct event ack = {.at_us = e->at_us, .is_ack = true, .tsval = m.ts_recent};
	ack.seq = m.rcv_nxt + (m.rcv_nxt == TOTAL && m.fin_got ? 1 : 0);
	if (m.sack_ok && old) {
		ack.sack[0][0] = e->seq; /* RFC 2883 */
		ack.sack[0][1] = e->seq + e->len;
		ack.sacks = 1;
	} else if (m.sack_ok) {
		fill_sacks(&ack, e->seq);
	}
	carry(ack);
}

/* --- the link -------------------------------------------------------------------------------- */

static void collect(void)
{
	while (sender_sent_any()) {
		struct sent s = sender_sent();
		uint32_t piece = s.gso_size ? s.gso_size : s.len;
		for (uint32_t off = 0; off < s.len || (off == 0 && (s.flags & TCP_FIN));
		     off += piece ? piece : 1) {
			uint32_t len = min_u32(piece, s.len - off);
			carry((struct event){.at_us = stack_now_us(sender_stack),
					     .seq = s.seq + off,
					     .len = len,
					     .tsval = s.tsval,
					     .fin = (s.flags & TCP_FIN) && off + len == s.len});
		}
	}
}

/* Takes the earliest event due; of equal ones that which was put on the link first. */
static bool next_due(uint64_t now, struct event *e)
{
	unsigned best = 0;
	for (unsigned i = 1; i < m.count; i++)
		if (m.events[i].at_us < m.events[best].at_us)
			best = i;
	if (m.count == 0 || m.events[best].at_us > now)
		return false;
	*e = m.events[best];
	m.count--;
	memmove(&m.events[best], &m.events[best + 1], (m.count - best) * sizeof(*e));
	return true;
}

static void run_due(uint64_t now)
{
	struct event e;
	while (next_due(now, &e)) {
		if (e.is_ack)
			peer_sack_ts(e.seq, e.tsval, e.sacks, (const uint32_t(*)[2])e.sack);
		else
			data_arrives(&e);
		collect();
	}
}

/* --- what must hold -------------------------------------------------------------------------- */

static void check_accounts(void)
{
	const struct tcp_sock *sk = sender_sk;
	uint32_t at = sk->snd_una, sacked = 0, lost = 0, retrans = 0;
	list_for_each (node, &sk->rtx_queue) {
		const struct tx_seg *seg = tx_seg_of(node);
		require(seg->seq == at && seq_gt(seg->end_seq, seg->seq), "the queue has a hole");
		at = seg->end_seq;
		sacked += seg->sacked ? tx_seg_len(seg) : 0;
		lost += seg->lost ? tx_seg_len(seg) : 0;
		retrans += seg->retransmitted ? tx_seg_len(seg) : 0;
		require(!seg->sacked || (!seg->lost && !seg->retransmitted), "SACKed and lost");
	}
	require(at == sk->snd_nxt, "the queue does not end at snd_nxt");
	require(lost == sk->lost_bytes, "lost_bytes");
	require(retrans == sk->retrans_bytes, "retrans_bytes");
	require(sacked == sk->sacked_bytes, "sacked_bytes");
	require(sk->cwnd_bytes > 0, "cwnd is 0");
	require((sk->snd_una == sk->snd_nxt && !tcp_has_unsent(sk)) ||
		    tcp_timer_armed(sk, TCP_TIMER_RTX),
		"something to do and no timer");
}

static void run(const struct sender_options *o, const struct link *link, unsigned seed)
{
	uint8_t bytes[32] = {(uint8_t)seed, 77};
	sender_open(o);
	memset(&m, 0, sizeof(m));
	random_seed(&m.random, bytes);
	m.link = *link;
	m.sack_ok = !o->no_sack;
	uint32_t written = 0;
	for (unsigned tick = 0; !tcp_fin_acked(sender_sk); tick++) {
		require(tick < PATIENCE_TICKS, "it does not end");
		if (written < TOTAL)
			written += sender_fill(min_u32(TOTAL - written, 3000));
		if (written == TOTAL)
			tcp_send_fin(sender_sk);
		sender_wait(TICK_US);
		collect();
		run_due(stack_now_us(sender_stack));
		check_accounts();
	}
	ck_assert_uint_eq(m.rcv_nxt, TOTAL);
	sender_close();
}

static const struct link links[] = {
    {.loss_percent = 0, .jitter_us = 0},
    {.loss_percent = 1, .jitter_us = 0},
    {.loss_percent = 5, .jitter_us = 2000},
    {.loss_percent = 20, .jitter_us = 5000},
    {.dup_percent = 20, .jitter_us = 15000},
    {.loss_percent = 3, .dup_percent = 10, .jitter_us = 30000},
};

static const struct sender_options kinds[] = {
    {0},
    {.no_sack = true, .reno = true},
    {.timestamps = true},
    {.tso_max_bytes = 65536, .window = 1000000},
    {.tso_max_bytes = 65536, .timestamps = true, .no_sack = true},
    {.bbr = true, .tso_max_bytes = 65536},
    {.bbr = true, .no_sack = true, .timestamps = true},
};

#define LINKS (sizeof(links) / sizeof(links[0]))
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

START_TEST(everything_arrives)
{
	for (unsigned seed = 0; seed < 3; seed++)
		run(&kinds[(size_t)_i / LINKS], &links[(size_t)_i % LINKS], seed);
}
END_TEST

/* On a clean link nothing is ever sent twice. */
START_TEST(a_clean_link_sees_no_retransmission)
{
	for (size_t kind = 0; kind < KINDS; kind++) {
		sender_open(&kinds[kind]);
		uint32_t written = 0;
		memset(&m, 0, sizeof(m));
		m.sack_ok = !kinds[kind].no_sack;
		while (m.rcv_nxt < TOTAL) {
			written += sender_fill(min_u32(TOTAL - written, 5000));
			sender_wait(TICK_US);
			collect();
			run_due(stack_now_us(sender_stack));
		}
		ck_assert_uint_eq(sender_mib(TcpRetransSegs), 0);
		ck_assert_int_eq(sender_sk->ca_state, CA_OPEN);
		sender_close();
	}
}
END_TEST

Suite *lossy_suite(void)
{
	Suite *s = suite_create("lossy");
	TCase *tc = tcase_create("lossy");
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, everything_arrives, 0, (int)(LINKS * KINDS));
	tcase_add_test(tc, a_clean_link_sees_no_retransmission);
	suite_add_tcase(s, tc);
	return s;
}
