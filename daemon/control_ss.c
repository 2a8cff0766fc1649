/* SPDX-License-Identifier: MIT */
/*
 * `ss`: the sockets.
 *
 * Theory of operation: the table must not change while it is walked, and making JSON of a hundred
 * thousand sockets would keep the loop for a second. So the walk only copies what is to be shown
 * into a snapshot, and the document is made of it piece by piece as the client takes it. "kill" ends what the snapshot holds.
 */
#include <errno.h>
#include <linux/inet_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/control_impl.h"
#include "daemon/credentials.h"
#include "daemon/pump.h"
#include "daemon/socket.h"
#include "stack/tcp/tcp.h"

/* One socket, as it was. */
struct ss_record {
	struct sock_addr local, remote;
	uint32_t recv_q, send_q, uid, retransmits;
	uint64_t cookie; /* 0: no program's */
	uint64_t timer_left_us;
	const char *timer; /* NULL: none runs */
	int32_t pid;
	uint8_t state;
	bool has_info;
	char congestion[16];
	struct tcp_bbr_info bbr;
	bool has_bbr;
};

struct ss_stream {
	struct control_rows rows; /* its count is that of the records */
	struct daemon *d;
	struct ss_filter filter;
	struct ss_record *record;
	struct tcp_info *info; /* beside the records, where it was asked for */
	size_t cap, reserved_bytes;
	int err;
	int32_t named; /* the process whose name comm is: most of what is shown is one program's */
	char comm[16];
};

/* --- the walk */

static int grow(struct ss_stream *s)
{
	size_t cap = s->cap ? 2 * s->cap : 64;
	size_t bytes = cap * (sizeof(*s->record) + (s->filter.info ? sizeof(*s->info) : 0));

	if (!control_reserve(s->d, bytes - s->reserved_bytes))
		return -ENOBUFS;
	s->reserved_bytes = bytes;
	struct ss_record *record = reallocarray(s->record, cap, sizeof(*record));
	if (!record)
		return -ENOMEM;
	s->record = record;
	if (s->filter.info) {
		struct tcp_info *info = reallocarray(s->info, cap, sizeof(*info));
		if (!info)
			return -ENOMEM;
		s->info = info;
	}
	s->cap = cap;
	return 0;
}

static void copy_owner(struct ss_record *r, const struct xsocket *xs)
{
	if (!xs)
		return;
	r->cookie = xs->cookie;
	r->pid = (int32_t)xs->pid;
}

static void copy_info(struct ss_stream *s, struct ss_record *r, const struct tcp_diag *diag)
{
	struct tcp_info *info = &s->info[s->rows.count];
	size_t len = sizeof(r->congestion);

	memset(info, 0, sizeof(*info));
	tcp_get_info(diag->sk, info);
	/* Reading an option changes nothing; the pointer is const for the walk's sake. */
	if (tcp_getsockopt((struct tcp_sock *)diag->sk, IPPROTO_TCP, TCP_CONGESTION, r->congestion,
			   &len) < 0)
		r->congestion[0] = '\0';
	r->congestion[sizeof(r->congestion) - 1] = '\0';
	len = sizeof(r->bbr);
	r->has_bbr = tcp_getsockopt((struct tcp_sock *)diag->sk, IPPROTO_TCP, TCP_CC_INFO, &r->bbr,
				    &len) == 0 &&
		     len == sizeof(r->bbr);
	r->has_info = true;
}

static bool take_socket(void *arg, const struct tcp_diag *diag)
{
	struct ss_stream *s = arg;
	uint64_t now = stack_now_us(s->d->stack);

	if (!ss_filter_takes(&s->filter, diag))
		return true;
	if (s->rows.count == s->cap && (s->err = grow(s)) < 0)
		return false;
	struct ss_record *r = &s->record[s->rows.count];
	*r = (struct ss_record){
	    .local = diag->local,
	    .remote = diag->remote,
	    .recv_q = diag->recv_q,
	    .send_q = diag->send_q,
	    .uid = diag->uid,
	    .retransmits = diag->retransmits,
	    .timer = diag->timer,
	    .timer_left_us = diag->timer_expires_us > now ? diag->timer_expires_us - now : 0,
	    .state = (uint8_t)diag->state,
	};
	copy_owner(r, diag->user);
	if (s->filter.info && diag->sk)
		copy_info(s, r, diag);
	s->rows.count++;
	return true;
}

/* --- kill */

/* Ends what was found, as ss -K does; what remains in the records is what has ended. */
static void kill_found(struct ss_stream *s)
{
	size_t killed = 0;

	for (size_t i = 0; i < s->rows.count; i++) {
		struct xsocket *xs = sockets_find(s->d, s->record[i].cookie);
		if (!s->record[i].cookie || !xs || !xsocket_kill(xs))
			continue;
		s->record[killed] = s->record[i];
		if (s->info)
			s->info[killed] = s->info[i];
		killed++;
	}
	s->rows.count = killed;
}

static json_t *refuse_kill(const struct ss_filter *filter, const struct control_call *call)
{
	if (!filter->kill)
		return NULL;
	if (!filter->chosen)
		return control_misused(
		    control_error("ss: kill ends what a filter names, and there is none"));
	return control_refuse_change(call);
}

/* --- the document */

static void set_address(json_t *row, const char *key, const struct ip_addr *a)
{
	control_set_v4(row, key, a->family == ADDR_IPV4 ? a->v4 : INADDR_ANY);
}

static void set_timer(json_t *row, const struct ss_record *r)
{
	json_t *timer = json_object();

	control_set_string(timer, "name", r->timer);
	control_set_u64(timer, "expires_ms", r->timer_left_us / 1000);
	control_set_u64(timer, "retransmits", r->retransmits);
	control_set(row, "timer", timer);
}

static void set_process(json_t *row, struct ss_stream *s, const struct ss_record *r)
{
	json_t *process = json_object();

	if (s->named != r->pid) {
		process_comm(r->pid, s->comm);
		s->named = r->pid;
	}
	control_set_string(process, "name", s->comm);
	control_set_u64(process, "pid", (uint64_t)r->pid);
	control_set(row, "process", process);
	control_set_u64(row, "cookie", r->cookie);
}

static json_t *bbr_row(const struct tcp_bbr_info *bbr)
{
	json_t *object = json_object();

	control_set_u64(object, "bw", (uint64_t)bbr->bbr_bw_hi << 32 | bbr->bbr_bw_lo);
	control_set_u64(object, "min_rtt_us", bbr->bbr_min_rtt);
	control_set_u64(object, "pacing_gain", bbr->bbr_pacing_gain);
	control_set_u64(object, "cwnd_gain", bbr->bbr_cwnd_gain);
	return object;
}

static json_t *row_of(struct control_rows *rows, size_t i)
{
	struct ss_stream *s = container_of(rows, struct ss_stream, rows);
	const struct ss_record *r = &s->record[i];
	json_t *row = json_object();

	control_set_string(row, "state", ss_state_name(r->state));
	control_set_u64(row, "recv_q", r->recv_q);
	control_set_u64(row, "send_q", r->send_q);
	set_address(row, "local_address", &r->local.addr);
	control_set_u64(row, "local_port", r->local.port);
	set_address(row, "peer_address", &r->remote.addr);
	control_set_u64(row, "peer_port", r->remote.port);
	control_set_u64(row, "uid", r->uid);
	if (r->cookie)
		set_process(row, s, r);
	if (r->timer)
		set_timer(row, r);
	if (r->has_info) {
		control_set_string(row, "congestion", r->congestion);
		control_set(row, "info", control_tcp_info(&s->info[i]));
		if (r->has_bbr)
			control_set(row, "bbr", bbr_row(&r->bbr));
	}
	return row;
}

static void ss_free(struct control_stream *stream)
{
	struct ss_stream *s = container_of(stream, struct ss_stream, rows.stream);

	control_release(s->d, s->reserved_bytes);
	free(s->record);
	free(s->info);
	free(s);
}

json_t *control_ss(struct control_call *call)
{
	struct ss_filter filter;
	json_t *error = ss_filter_parse(&filter, call);

	if (!error)
		error = refuse_kill(&filter, call);
	if (error)
		return error;
	struct ss_stream *s = calloc(1, sizeof(*s));
	if (!s)
		return control_error("ss: %s", strerror(ENOMEM));
	s->rows = (struct control_rows){
	    .stream = {.next = control_rows_next, .free = ss_free},
	    .name = "sockets",
	    .row = row_of,
	};
	s->d = call->d;
	s->filter = filter;
	pump_work(call->d); /* what programs have set by now */
	direct_sweep(call->d);
	tcp_for_each(call->d->stack, take_socket, s);
	if (s->err) {
		int err = s->err;
		ss_free(&s->rows.stream);
		return control_error("ss: too many sockets for one answer (%s): ask for fewer, by "
				     "state, sport, dport, src or dst",
				     strerror(-err));
	}
	if (filter.kill)
		kill_found(s);
	call->stream = &s->rows.stream;
	return NULL;
}
