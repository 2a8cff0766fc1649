/* SPDX-License-Identifier: MIT */
/*
 * Proportional rate reduction (RFC 9937, which replaces RFC 6937), ACK by ACK. The tests keep a network:
 * segments arrive in the order they are sent in, but for those that are lost, and each arrival
 * brings one ACK. They keep the RFC's own variables, too, and at each ACK the stack must send as many
 * whole segments as these say.
 */
#include "tests/unit/sender.h"
#include "tests/unit/suites.h"

#define MSS SENDER_MSS
#define SEGMENTS_MAX 400u
#define BLOCKS_MAX 4
#define SPACING_US 1000u /* of arrivals */

/* The RFC's variables, in bytes, and in its names where these are C. */
static int pipe_bytes, prr_delivered, prr_out, ssthresh, recover_fs;
static bool in_recovery;

/* The network's and the receiver's. */
static unsigned order[SEGMENTS_MAX], sent, arrived; /* segments as they left */
static uint64_t sent_us[SEGMENTS_MAX];
static bool received[SEGMENTS_MAX], lost[SEGMENTS_MAX], drops[SEGMENTS_MAX];
static unsigned una;

static void open_with(bool reno)
{
	sender_open(&(struct sender_options){.window = 1000000, .reno = reno});
	memset(received, 0, sizeof(received));
	memset(lost, 0, sizeof(lost));
	memset(drops, 0, sizeof(drops));
	sent = arrived = una = 0;
	pipe_bytes = prr_delivered = prr_out = 0;
	in_recovery = false;
}

static void open_reno(void)
{
	open_with(true);
}

static void open_cubic(void)
{
	open_with(false);
}

static unsigned take_sent(void)
{
	unsigned n = 0;
	for (; sender_sent_any(); n++) {
		struct sent s = sender_sent();
		ck_assert_uint_eq(s.len, MSS);
		ck_assert_uint_lt(sent, SEGMENTS_MAX);
		sent_us[sent] = stack_now_us(sender_stack);
		order[sent++] = s.seq / MSS;
	}
	return n;
}

/* A window of so many segments is in flight, and as many wait behind it as it takes. */
static void fill(unsigned window)
{
	sender_sk->cwnd_bytes = window * MSS;
	sender_write(300 * MSS);
	ck_assert_uint_eq(take_sent(), window);
	pipe_bytes = (int)(window * MSS);
}

static int max_int(int a, int b)
{
	return a > b ? a : b;
}

static int min_int(int a, int b)
{
	return a < b ? a : b;
}

/* RFC 9937 6.2: how much an ACK lets out. */
static int prr(int delivered, int newly_lost, bool una_advanced)
{
	int sndcnt;
	prr_delivered += delivered;
	if (pipe_bytes > ssthresh) {
		sndcnt = (prr_delivered * ssthresh + recover_fs - 1) / recover_fs - prr_out;
	} else {
		sndcnt = max_int(prr_delivered - prr_out, delivered);
		if (una_advanced && newly_lost == 0) /* SafeACK */
			sndcnt += (int)MSS;
		sndcnt = min_int(ssthresh - pipe_bytes, sndcnt);
	}
	if (prr_out == 0)
		sndcnt = max_int(sndcnt, (int)MSS); /* the fast retransmit is never held back */
	return max_int(sndcnt, 0);
}

/* Holes below the highest segment that has arrived, once there are three beyond the first: lost
 * (RFC 6675 4; RFC 8985 7.1 without reordering). */
static int mark_lost(unsigned highest)
{
	int n = 0;
	for (unsigned i = una; i < highest; i++) {
		if (received[i] || lost[i])
			continue;
		lost[i] = true;
		n++;
	}
	return n;
}

static void send_ack(unsigned highest)
{
	uint32_t block[BLOCKS_MAX][2];
	unsigned blocks = 0;
	for (unsigned i = una; i <= highest && blocks < BLOCKS_MAX; i++) {
		if (!received[i])
			continue;
		if (i > una && received[i - 1])
			block[blocks - 1][1] = (i + 1) * MSS;
		else
			memcpy(block[blocks++], (uint32_t[]){i * MSS, (i + 1) * MSS},
			       sizeof(block[0]));
	}
	peer_sack(una * MSS, blocks, block);
}

/* Before recovery one for one (RFC 3042). */
/* The next segment arrives, or is lost; false: all that were sent have been looked at. */
static bool step(void)
{
	static unsigned highest, sacked;
	if (arrived == 0)
		highest = sacked = 0;
	if (arrived == sent)
		return false;
	uint64_t soonest = sent_us[arrived] + SENDER_RTT_US, now = stack_now_us(sender_stack);
	sender_wait(soonest > now ? soonest - now : SPACING_US);
	unsigned seg = order[arrived++];
	if (drops[seg]) {
		drops[seg] = false; /* it arrives the second time */
		return true;
	}
	unsigned before = una;
	received[seg] = true;
	if (seg > highest)
		highest = seg;
	while (received[una])
		una++;
	sacked += una == before;
	int newly_lost = in_recovery || sacked >= 3 ? mark_lost(highest) : 0;
	pipe_bytes -= (1 + newly_lost) * (int)MSS;
	bool enters = !in_recovery && newly_lost > 0;
	recover_fs = enters ? (int)sender_sk->cwnd_bytes : recover_fs;
	in_recovery |= enters;
	send_ack(highest);
	ssthresh = (int)sender_sk->ssthresh_bytes; /* the algorithm's: half, seven tenths */
	int expected = in_recovery ? prr((int)MSS, newly_lost, una != before) / (int)MSS : 1;
	int left = (int)take_sent();
	ck_assert_msg(left == expected, "%d segments at the arrival of %u, expected %d", left, seg,
		      expected);
	prr_out += in_recovery ? left * (int)MSS : 0;
	pipe_bytes += left * (int)MSS;
	return true;
}

/* Until all that was sent before recovery, and again in it, is acknowledged: at its end the window is
 * ssthresh. */
static void recover(void)
{
	while (!in_recovery)
		ck_assert(step());
	unsigned end = sender_sk->high_seq - sender_sk->iss - 1;
	while (una * MSS < end)
		ck_assert(step());
	ck_assert_int_eq(sender_sk->ca_state, CA_OPEN);
	ck_assert_uint_ge(sender_sk->cwnd_bytes, sender_sk->ssthresh_bytes);
	ck_assert_uint_le(sender_sk->cwnd_bytes, sender_sk->ssthresh_bytes + MSS);
	ck_assert_uint_eq(sender_mib(TcpExtTCPTimeouts), 0);
	ck_assert_uint_eq(sender_mib(TcpExtTCPLostRetransmit), 0);
	ck_assert_uint_eq(sender_mib(TcpExtTCPSackRecovery), 1);
}

START_TEST(one_of_ten)
{
	fill(10);
	drops[0] = true;
	recover();
	ck_assert_uint_eq(sender_mib(TcpRetransSegs), 1);
}
END_TEST

START_TEST(the_first_four_of_thirty)
{
	fill(30);
	for (unsigned i = 0; i < 4; i++)
		drops[i] = true;
	recover();
	ck_assert_uint_eq(sender_mib(TcpRetransSegs), 4);
}
END_TEST

/* The flight falls below ssthresh: slow start's reduction bound, which one more loss suspends. */
START_TEST(two_runs_of_thirty)
{
	fill(30);
	for (unsigned i = 0; i < 16; i++)
		drops[i] = i < 4 || i > 9;
	recover();
	ck_assert_uint_eq(sender_mib(TcpRetransSegs), 10);
}
END_TEST

START_TEST(half_of_forty)
{
	fill(40);
	for (unsigned i = 0; i < 20; i++)
		drops[i] = true;
	recover();
	ck_assert_uint_eq(sender_mib(TcpRetransSegs), 20);
}
END_TEST

/* An ACK from before the last one is no delivery, and lets nothing out. */
START_TEST(an_ack_below_snd_una)
{
	fill(10);
	sender_wait(SENDER_RTT_US);
	peer_ack(4 * MSS);
	take_sent();
	for (uint32_t end = 6; end <= 8; end++)
		peer_sack(4 * MSS, 1, (const uint32_t[][2]){{5 * MSS, end * MSS}});
	ck_assert_int_eq(sender_sk->ca_state, CA_RECOVERY);
	take_sent();
	uint32_t cwnd = sender_sk->cwnd_bytes;
	peer_ack(2 * MSS);
	peer_sack(MSS, 1, (const uint32_t[][2]){{2 * MSS, 3 * MSS}});
	expect_silence();
	ck_assert_uint_eq(sender_sk->cwnd_bytes, cwnd);
}
END_TEST

/* --- no moderation without loss (RFC 5681 3.2, RFC 6675 5) ------------------------------------ */

START_TEST(a_first_sack_leaves_the_window_alone)
{
	sender_write(4 * MSS);
	sender_forget();
	sender_wait(SENDER_RTT_US);
	peer_sack(0, 1, (const uint32_t[][2]){{MSS, 2 * MSS}});
	ck_assert_int_eq(sender_sk->ca_state, CA_DISORDER);
	ck_assert_uint_eq(sender_sk->cwnd_bytes, 10 * MSS); /* though four are in flight */
	peer_ack(4 * MSS);
	ck_assert_int_eq(sender_sk->ca_state, CA_OPEN);
	ck_assert_uint_ge(sender_sk->cwnd_bytes, 10 * MSS);
}
END_TEST

static TCase *tests(const char *name, void (*open)(void))
{
	TCase *tc = tcase_create(name);
	tcase_add_checked_fixture(tc, open, sender_close);
	tcase_add_test(tc, one_of_ten);
	tcase_add_test(tc, the_first_four_of_thirty);
	tcase_add_test(tc, two_runs_of_thirty);
	tcase_add_test(tc, half_of_forty);
	tcase_add_test(tc, an_ack_below_snd_una);
	tcase_add_test(tc, a_first_sack_leaves_the_window_alone);
	return tc;
}

Suite *prr_suite(void)
{
	Suite *s = suite_create("PRR");
	suite_add_tcase(s, tests("Reno", open_reno));
	suite_add_tcase(s, tests("CUBIC", open_cubic));
	return s;
}
