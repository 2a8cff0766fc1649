/* SPDX-License-Identifier: MIT */
/* sender.h in terms of wire.h: relative sequence number 1 is offset 0. What the stack sends is
 * compared byte by byte with what was written as soon as a test looks at it. */
#include "tests/unit/sender.h"

#include <stdio.h>

#include "tests/unit/wire.h"

#define WSCALE 7

struct stack *sender_stack;
struct tcp_sock *sender_sk;

static struct wire *w;
static struct sender_options opt;
static uint32_t written, window;
static bool scaled, looked_ahead;
static struct sent ahead; /* if looked_ahead: taken from the wire, not yet by the test */

static uint8_t pattern(uint32_t offset)
{
	return (uint8_t)(offset * 31 + (offset >> 8) * 7 + (offset >> 16));
}

/* --- what leaves ------------------------------------------------------------------------------ */

static void check_payload(const struct wire_segment *s)
{
	for (uint32_t i = 0; i < s->len; i++)
		if (s->payload[i] != pattern(s->seq - 1 + i))
			ck_abort_msg("byte %u of the stream is wrong", s->seq - 1 + i);
}

static bool look_ahead(void)
{
	struct wire_segment s;
	if (looked_ahead)
		return true;
	if (!wire_next(w, &s))
		return false;
	if (!(s.flags & TCP_SYN))
		check_payload(&s);
	ahead = (struct sent){.seq = s.seq - 1,
			      .len = s.len,
			      .ack = s.ack,
			      .wnd = s.win,
			      .urg = s.urg,
			      .gso_size = s.gso_size,
			      .flags = s.flags,
			      .sack_cnt = s.opt.sack_cnt,
			      .tsval = s.opt.tsval};
	looked_ahead = true;
	return true;
}

bool sender_sent_any(void)
{
	return look_ahead();
}

struct sent sender_sent(void)
{
	if (!look_ahead())
		ck_abort_msg("nothing was sent");
	looked_ahead = false;
	return ahead;
}

void sender_forget(void)
{
	while (look_ahead())
		looked_ahead = false;
}

void expect_segment(uint32_t seq, uint32_t len)
{
	struct sent s = sender_sent();
	ck_assert_msg(s.seq == seq && s.len == len, "sent %u+%u, expected %u+%u", s.seq, s.len, seq,
		      len);
}

void expect_segments(uint32_t seq, uint32_t bytes, uint32_t len)
{
	for (uint32_t at = 0; at < bytes; at += len)
		expect_segment(seq + at, len);
}

void expect_silence(void)
{
	if (!look_ahead())
		return;
	ck_abort_msg("sent %u+%u, expected nothing", ahead.seq, ahead.len);
}

/* --- what arrives ----------------------------------------------------------------------------- */

static unsigned window_field(void)
{
	uint32_t field = scaled ? window >> WSCALE : window;
	return min_u32(field, 65535);
}

/* tsecr: 0 for the newest timestamp sent. */
static void from_peer(uint32_t ack, uint32_t tsecr, unsigned blocks, const uint32_t (*sack)[2])
{
	char options[128] = "";
	size_t n = 0, cap = sizeof(options);
	if (tsecr && opt.timestamps)
		n += (size_t)snprintf(options, cap, "ts %u %u,",
				      (unsigned)(stack_now_us(sender_stack) / 1000), tsecr);
	for (unsigned i = 0; i < blocks; i++)
		n += (size_t)snprintf(options + n, cap - n, "%s%u:%u", i ? " " : "sack ",
				      sack[i][0] + 1, sack[i][1] + 1);
	wire_in(w, ". 1:1(0) ack %u win %u <%s>", ack + 1, window_field(), options);
}

void peer_sack_ts(uint32_t ack, uint32_t tsecr, unsigned blocks, const uint32_t (*sack)[2])
{
	from_peer(ack, tsecr, blocks, sack);
}

void peer_sack(uint32_t ack, unsigned blocks, const uint32_t (*sack)[2])
{
	from_peer(ack, 0, blocks, sack);
}

void peer_ack(uint32_t ack)
{
	from_peer(ack, 0, 0, NULL);
}

void peer_ack_window(uint32_t ack, uint32_t wnd)
{
	window = wnd;
	from_peer(ack, 0, 0, NULL);
}

void peer_data(uint32_t offset, uint32_t bytes)
{
	wire_in(w, "P. %u:%u(%u) ack %u win %u", offset + 1, offset + 1 + bytes, bytes,
		sender_sk->snd_una - sender_sk->iss, window_field());
}

/* --- opening and closing --------------------------------------------------------------------- */

void sender_open_unanswered(const struct sender_options *o)
{
	struct stack_config config = wire_config();
	config.tso_max_bytes = o->tso_max_bytes;
	config.tx_csum_offload = o->tso_max_bytes > 0;
	opt = *o;
	written = 0;
	looked_ahead = false;
	window = o->window ? o->window : 60000;
	scaled = window > 65535;
	w = wire_new_with(&config);
	sender_stack = w->st;
	const char *cc = o->reno ? "reno" : o->bbr ? "bbr" : "cubic";
	strcpy(stack_sysctls(w->st)->tcp_congestion_control, cc);
	wire_connect(w);
	sender_sk = w->sk;
}

void sender_open(const struct sender_options *o)
{
	sender_open_unanswered(o);
	sender_wait(SENDER_RTT_US);
	char ts[32] = "";
	unsigned mss = o->mss ? o->mss : SENDER_MSS + (o->timestamps ? 12 : 0);
	if (o->timestamps)
		snprintf(ts, sizeof(ts), ",ts %u %u", (unsigned)(stack_now_us(w->st) / 1000),
			 w->at->last_tsval);
	wire_in(w, "S. 0:0(0) ack 1 win %u <mss %u%s%s%s>", min_u32(window, 65535), mss,
		o->no_sack ? "" : ",sackOK", scaled ? ",wscale 7" : "", ts);
	wire_state(w, TCP_ESTABLISHED);
	peer_ack(0); /* sets the window, scaled, and so is no duplicate */
	sender_sk->sndbuf_bytes = 1 << 20;
	sender_forget();
	(void)sender_events();
}

void sender_close(void)
{
	wire_free(w);
	w = NULL;
	sender_stack = NULL;
	sender_sk = NULL;
}

/* --- the program ----------------------------------------------------------------------------- */

uint32_t sender_fill(uint32_t bytes)
{
	uint32_t before = written;
	while (written - before < bytes) {
		struct iovec iov[4];
		uint32_t left = bytes - (written - before), filled = 0;
		int n = tcp_send_reserve(sender_sk, left, iov, 4);
		for (int i = 0; i < n; i++)
			for (size_t k = 0; k < iov[i].iov_len && filled < left; k++, filled++)
				((uint8_t *)iov[i].iov_base)[k] = pattern(written + filled);
		if (n == 0)
			break;
		tcp_send_commit(sender_sk, filled);
		written += filled;
	}
	return written - before;
}

void sender_flush(void)
{
	wire_flush(w);
}

void sender_write(uint32_t bytes)
{
	ck_assert_uint_eq(sender_fill(bytes), bytes);
	sender_flush();
}

void sender_wait(uint64_t us)
{
	wire_us(w, us);
}

uint64_t sender_wait_sent(uint64_t most_us)
{
	uint64_t start = stack_now_us(sender_stack), end = start + most_us;
	while (!look_ahead() && stack_now_us(sender_stack) < end) {
		uint64_t now = stack_now_us(sender_stack), next = stack_next_timer_us(sender_stack);
		if (next <= now)
			next = now + 1;
		sender_wait((next < end ? next : end) - now);
	}
	if (!look_ahead())
		ck_abort_msg("nothing was sent in %llu us", (unsigned long long)most_us);
	return stack_now_us(sender_stack) - start;
}

uint64_t sender_mib(enum snmp counter)
{
	return wire_counter(w, counter);
}

unsigned sender_events(void)
{
	unsigned all = 0, events;
	while (stack_next_event(sender_stack, &events))
		all |= events;
	return all;
}
