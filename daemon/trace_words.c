/* SPDX-License-Identifier: MIT */
/* Events in words: see trace_words.h. Times in milliseconds, cwnd in segments, as ss has them. */
#include "daemon/trace_words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "stack/tcp/tcp.h"

struct text {
	char *to; /* TRACE_WORDS_MAX */
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void say(struct text *t, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	int n = vsnprintf(t->to + t->len, TRACE_WORDS_MAX - t->len, format, ap);
	va_end(ap);
	if (n > 0)
		t->len +=
		    (size_t)n < TRACE_WORDS_MAX - t->len ? (size_t)n : TRACE_WORDS_MAX - 1 - t->len;
}

/* --- states */

static void say_closed(struct text *t, int err)
{
	if (err)
		say(t, "closed: %s", strerror(err));
	else
		say(t, "closed");
}

static void say_state(struct text *t, unsigned from, unsigned to, int err)
{
	switch (to) {
	case TCP_SYN_SENT:
		say(t, "SYN sent");
		break;
	case TCP_SYN_RECV: /* else the SYN-ACK has said it */
		if (from == TCP_SYN_SENT)
			say(t, "SYN received in SYN-SENT: simultaneous open");
		break;
	case TCP_FIN_WAIT1:
		say(t, "closing: FIN-WAIT-1");
		break;
	case TCP_FIN_WAIT2:
		say(t, "FIN acknowledged: FIN-WAIT-2");
		break;
	case TCP_CLOSE_WAIT:
		say(t, "FIN received: CLOSE-WAIT");
		break;
	case TCP_LAST_ACK:
		say(t, "closing: LAST-ACK");
		break;
	case TCP_CLOSING:
		say(t, "FIN received: CLOSING");
		break;
	case TCP_TIME_WAIT:
		say(t, "%s: TIME-WAIT", from == TCP_CLOSING ? "FIN acknowledged" : "FIN received");
		break;
	case TCP_CLOSE:
		say_closed(t, err);
		break;
	default: /* ESTABLISHED: TRACE_ESTABLISHED says more; LISTEN is no connection's */
		break;
	}
}

static void say_synack(struct text *t, const struct stack_trace *e)
{
	if (e->synack.times) {
		say(t, "SYN-ACK sent again (%u)", e->synack.times);
		return;
	}
	say(t, "SYN-ACK sent, mss %u", e->synack.mss);
	if (e->synack.wscale_ok)
		say(t, " wscale %u", e->synack.wscale);
	if (e->synack.sack_ok)
		say(t, " sack");
	if (e->synack.tstamp_ok)
		say(t, " ts");
}

static void say_established(struct text *t, const struct stack_trace *e)
{
	say(t, "established, mss %u", e->established.mss);
	if (e->established.wscale_ok)
		say(t, " wscale %u,%u", e->established.snd_wscale, e->established.rcv_wscale);
	if (e->established.sack_ok)
		say(t, " sack");
	if (e->established.tstamp_ok)
		say(t, " ts");
	say(t, " cwnd %u", e->established.cwnd_segs);
	if (e->established.srtt_us)
		say(t, " rtt %u.%03u ms", e->established.srtt_us / 1000,
		    e->established.srtt_us % 1000);
}

/* --- sending again */

static void say_cause(struct text *t, const struct stack_trace *e)
{
	static const char *const name[] = {[TRACE_AFTER_RTO] = "after RTO",
					   [TRACE_BY_TLP] = "TLP",
					   [TRACE_BY_RACK] = "RACK",
					   [TRACE_BY_DUPACKS] = "fast"};

	if (e->retrans.cause == TRACE_BY_RTO)
		say(t, " (RTO %u ms", e->retrans.rto_us / 1000);
	else
		say(t, " (%s", name[e->retrans.cause]);
	if (e->retrans.times)
		say(t, ", try %u", e->retrans.times + 1);
	say(t, ")");
}

static void say_retrans(struct text *t, const struct stack_trace *e)
{
	if (e->retrans.syn)
		say(t, "SYN sent again");
	else if (e->retrans.fin && e->retrans.bytes == 0)
		say(t, "FIN sent again");
	else
		say(t, "retransmitted %u bytes%s at %u", e->retrans.bytes,
		    e->retrans.fin ? " and FIN" : "", e->retrans.seq);
	say_cause(t, e);
}

static void say_probe(struct text *t, const struct stack_trace *e)
{
	say(t, "%s probe (%u)", e->probe.keepalive ? "keepalive" : "window", e->probe.times + 1);
}

/* --- cwnd */

const char *trace_why_name(enum trace_why why)
{
	static const char *const name[] = {
	    [TRACE_SLOW_START] = "slow start",
	    [TRACE_AVOIDANCE] = "congestion avoidance",
	    [TRACE_RECOVERY] = "recovery",
	    [TRACE_REDUCTION] = "rate reduction",
	    [TRACE_RECOVERED] = "recovered",
	    [TRACE_UNDO] = "undone",
	    [TRACE_TIMEOUT] = "timeout",
	    [TRACE_CWR] = "reduced",
	    [TRACE_ECN] = "ECN",
	    [TRACE_MODEL] = "model",
	    [TRACE_IDLE] = "idle",
	    [TRACE_UNUSED] = "unused",
	};
	return name[why];
}

static void say_cwnd(struct text *t, const struct stack_trace *e)
{
	uint32_t mss = e->cwnd.mss, from = e->cwnd.from / mss, to = e->cwnd.to / mss;
	bool ssthresh = e->cwnd.ssthresh_from != e->cwnd.ssthresh_to;
	bool turn = e->cwnd.why != TRACE_SLOW_START && e->cwnd.why != TRACE_AVOIDANCE &&
		    e->cwnd.why != TRACE_REDUCTION && e->cwnd.why != TRACE_MODEL;

	if (from == to && !ssthresh && !turn)
		return;
	say(t, "cwnd %u -> %u", from, to);
	if (ssthresh)
		say(t, ", ssthresh %u", e->cwnd.ssthresh_to / mss);
	say(t, " (%s)", trace_why_name(e->cwnd.why));
}

bool trace_words(const struct stack_trace *e, char words[TRACE_WORDS_MAX])
{
	struct text t = {.to = words};

	words[0] = '\0';
	switch (e->kind) {
	case TRACE_DROP:
		say(&t, "dropped: %s", drop_name(e->drop.why));
		break;
	case TRACE_STATE:
		say_state(&t, e->state.from, e->state.to, e->state.err);
		break;
	case TRACE_SYNACK:
		say_synack(&t, e);
		break;
	case TRACE_ESTABLISHED:
		say_established(&t, e);
		break;
	case TRACE_RETRANS:
		say_retrans(&t, e);
		break;
	case TRACE_PROBE:
		say_probe(&t, e);
		break;
	case TRACE_CWND:
		say_cwnd(&t, e);
		break;
	}
	return t.len > 0;
}
