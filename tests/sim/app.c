/* SPDX-License-Identifier: MIT */
/*
 * The programs on the two hosts: each sends a stream whose every byte is known from its offset,
 * reads at its own pace, half-closes when it has sent all, closes when it has read the peer's
 * end, or resets in the middle.
 */
#include <asm/socket.h>
#include <errno.h>

#include "stack/base/snmp.h"
#include "tests/sim/sim.h"

uint8_t app_byte(const struct sim *sim, unsigned index, bool from_server, uint64_t offset)
{
	uint64_t x = (offset + 1) * 0x9e3779b97f4a7c15ull ^ sim->seed ^ index << 8 ^ from_server;
	return (uint8_t)(x >> 32 ^ x >> 13);
}

static void set_pacing(const struct app *a, struct tcp_sock *sk)
{
	if (a->pacing)
		tcp_setsockopt(sk, 1, SO_MAX_PACING_RATE, &a->pacing, sizeof(a->pacing));
}

void app_start_listening(struct sim *sim)
{
	for (unsigned i = 0; i < sim->apps; i++) {
		int err = 0;
		struct sock_addr at = {ip_v4(0), (uint16_t)(SIM_FIRST_PORT + i)};
		struct tcp_sock *l = tcp_socket(sim->host[1].stack, NULL, 0, &err);
		if (l)
			err = tcp_bind(l, &at);
		if (l && !err)
			err = tcp_listen(l, 16);
		if (err)
			sim_fail(sim, "listen: %d", err);
		sim->listener[i] = l;
		if (!l)
			continue;
		tcp_set_user(l, &sim->listener[i]);
		set_pacing(&sim->server[i], l);
		keys_set(sim, l, SIM_CLIENT_V4);
	}
}

static void app_finish(struct app *a)
{
	a->done = true;
	a->sk = NULL;
}

static void app_send(struct sim *sim, struct app *a)
{
	struct iovec iov[8];
	while (a->sent < a->send_total) {
		int n = tcp_send_reserve(a->sk, a->send_total - a->sent, iov, 8);
		size_t filled = 0;
		if (n == 0)
			break;
		for (int i = 0; i < n; i++) {
			uint8_t *p = iov[i].iov_base;
			for (size_t k = 0; k < iov[i].iov_len && a->sent + filled < a->send_total;
			     k++, filled++)
				p[k] = app_byte(sim, a->index, a->is_server, a->sent + filled);
		}
		tcp_send_commit(a->sk, filled);
		a->sent += filled;
	}
	if (a->sent == a->send_total && !a->fin_sent) {
		tcp_send_fin(a->sk);
		a->fin_sent = true;
	}
}

static void start_client(struct sim *sim, struct app *a)
{
	int err = 0, one = 1;
	struct sock_addr to = {ip_v4(SIM_SERVER_V4), (uint16_t)(SIM_FIRST_PORT + a->index)};
	a->sk = tcp_socket(sim->host[0].stack, a, 0, &err);
	if (!a->sk) {
		sim_fail(sim, "socket: %d", err);
		return;
	}
	if (a->nodelay)
		tcp_setsockopt(a->sk, 6, TCP_NODELAY, &one, sizeof(one));
	set_pacing(a, a->sk);
	keys_set(sim, a->sk, SIM_SERVER_V4);
	if (sim_pick(sim, 2)) /* else it needs a cookie, which an earlier connection has brought */
		tcp_setsockopt(a->sk, 6, TCP_FASTOPEN_NO_COOKIE, &one, sizeof(one));
	err = sim_pick(sim, 3) ? tcp_connect(a->sk, &to) : tcp_connect_fast(a->sk, &to);
	if (err)
		sim_fail(sim, "connect: %d", err);
	else if (tcp_connect_deferred(a->sk))
		app_send(sim, a);
	tcp_connect_go(a->sk);
}

static void app_verify(struct sim *sim, struct app *a, const uint8_t *p, size_t n)
{
	for (size_t k = 0; k < n; k++) {
		uint8_t want = app_byte(sim, a->index, !a->is_server, a->received + k);
		if (p[k] != want) {
			sim_fail(sim, "conn %u %s: byte %llu is %02x, sent %02x", a->index,
				 a->is_server ? "server" : "client",
				 (unsigned long long)(a->received + k), p[k], want);
			return;
		}
	}
}

static void app_receive(struct sim *sim, struct app *a)
{
	struct iovec iov[8];
	size_t room = sim->now_us < a->next_read_us ? 0 : a->read_chunk;
	while (room > 0 && !sim->failure[0]) {
		int n = tcp_recv_iov(a->sk, iov, 8);
		size_t took = 0;
		for (int i = 0; i < n && room > 0; i++) {
			size_t len = iov[i].iov_len < room ? iov[i].iov_len : room;
			app_verify(sim, a, iov[i].iov_base, len);
			a->received += len;
			took += len;
			room -= len;
		}
		if (took == 0)
			break;
		tcp_recv_done(a->sk, took);
		sim->last_progress_us = sim->now_us;
		a->next_read_us = sim->now_us + a->read_every_us;
	}
	if (a->received >= a->stall_at) {
		a->next_read_us = sim->now_us + a->stall_us;
		a->stall_at = UINT64_MAX;
	}
	if (tcp_recv_eof(a->sk))
		a->eof = true;
	keys_turn(sim, a->sk);
}

static bool app_leave_early(struct app *a)
{
	if (a->received >= a->abort_at) {
		tcp_abort(a->sk);
		a->aborted = true;
		return true;
	}
	if (a->received >= a->close_early_at) {
		tcp_close(a->sk, tcp_inq_bytes(a->sk) > 0);
		a->closed_early = true;
		return true;
	}
	return false;
}

static void app_step(struct sim *sim, struct app *a)
{
	if (a->done || !a->sk || !a->connected)
		return;
	if (a->err) {
		tcp_close(a->sk, false);
		app_finish(a);
		return;
	}
	if (app_leave_early(a)) {
		app_finish(a);
		return;
	}
	app_send(sim, a);
	app_receive(sim, a);
	if (a->eof && a->fin_sent) {
		tcp_close(a->sk, false);
		app_finish(a);
	}
}

void app_run(struct sim *sim)
{
	for (unsigned i = 0; i < sim->apps; i++) {
		struct app *c = &sim->client[i];
		if (!c->sk && !c->done && sim->now_us >= c->start_us)
			start_client(sim, c);
		if (c->err && c->sk && !c->connected) {
			tcp_close(c->sk, false);
			app_finish(c);
		}
		app_step(sim, c);
		app_step(sim, &sim->server[i]);
	}
}

static void accept_all(struct sim *sim, struct tcp_sock *listener)
{
	struct tcp_sock *sk;
	while ((sk = tcp_accept(listener))) {
		struct app *a = &sim->server[tcp_local(sk).port - SIM_FIRST_PORT];
		if (a->sk || a->done) {
			/* A late copy of the ACK that answered a cookie makes a connection again.
			 */
			if (!sim->cookies)
				sim_fail(sim, "conn %u accepted twice", a->index);
			tcp_abort(sk);
			continue;
		}
		a->sk = sk;
		a->connected = true;
		tcp_set_user(sk, a);
		sim->last_progress_us = sim->now_us;
	}
}

static bool err_is_legitimate(const struct sim *sim, const struct app *a, int err)
{
	const struct app *peer = a->is_server ? &sim->client[a->index] : &sim->server[a->index];
	if (peer->aborted || peer->closed_early || peer->err)
		return true;
	/* With a cookie instead of a request_sock, data that overtakes the ACK is reset. */
	if ((err == ECONNRESET || err == EPIPE) &&
	    stack_mib(sim->host[1].stack)->counter[TcpExtSyncookiesFailed] > 0)
		return true;
	if (sim->harsh && (err == ETIMEDOUT || err == EHOSTUNREACH || err == ECONNRESET))
		return true;
	/* Its ARP replies were lost, or one was corrupted (nothing there would show it). */
	return !a->connected && err == EHOSTUNREACH &&
	       (sim->link.loss_ppm > 0 || sim->link.corrupt_ppm > 0);
}

void app_event(struct sim *sim, struct host *h, struct tcp_sock *sk, unsigned events)
{
	if (events & TCP_EVENT_ACCEPT) {
		accept_all(sim, sk);
		return;
	}
	struct app *a = tcp_user(sk);
	if (!a || h->stack == NULL)
		return;
	if (events & TCP_EVENT_CONNECTED) {
		a->connected = true;
		sim->last_progress_us = sim->now_us;
	}
	if (events & TCP_EVENT_ERROR) {
		a->err = tcp_error(sk);
		if (a->err == 0)
			sim_fail(sim, "conn %u: an error event without an error", a->index);
		else if (!err_is_legitimate(sim, a, a->err))
			sim_fail(sim, "conn %u %s: error %d with nobody to blame", a->index,
				 a->is_server ? "server" : "client", a->err);
	}
}

/*
 * Did this side end without the other's hearing of it? Its program did (and its reset may be lost);
 * or its orphaned connection, of which no program is told: by its timers (RFC 1122 4.2.3.5; an
 * orphan whose RTO has reached its maximum is not tried again), or by the reset that answers data
 * which overtook the ACK of a SYN cookie.
 */
static bool gave_up(const struct sim *sim, const struct app *a)
{
	const struct host *h = &sim->host[a->is_server];
	return a->err || a->aborted || a->closed_early ||
	       stack_mib(h->stack)->counter[TcpExtTCPAbortOnTimeout] > 0 ||
	       stack_mib(sim->host[1].stack)->counter[TcpExtSyncookiesFailed] > 0;
}

bool app_end_half_open(struct sim *sim)
{
	bool any = false;
	for (unsigned i = 0; i < sim->apps; i++) {
		struct app *pair[2] = {&sim->client[i], &sim->server[i]};
		for (int k = 0; k < 2; k++) {
			struct app *a = pair[k], *peer = pair[!k];
			if (a->done || !a->sk || !a->connected || !peer->done ||
			    !gave_up(sim, peer))
				continue;
			tcp_abort(a->sk);
			a->aborted = any = true;
			app_finish(a);
		}
	}
	return any;
}

uint64_t app_next_us(const struct sim *sim)
{
	uint64_t next = UINT64_MAX;
	for (unsigned i = 0; i < sim->apps; i++) {
		const struct app *both[2] = {&sim->client[i], &sim->server[i]};
		if (!both[0]->sk && !both[0]->done && both[0]->start_us < next)
			next = both[0]->start_us;
		for (int k = 0; k < 2; k++) {
			const struct app *a = both[k];
			if (a->sk && a->connected && !a->done && tcp_inq_bytes(a->sk) > 0 &&
			    a->next_read_us < next)
				next = a->next_read_us;
		}
	}
	return next;
}

bool app_all_done(const struct sim *sim)
{
	for (unsigned i = 0; i < sim->apps; i++) {
		if (!sim->client[i].done)
			return false;
		if (!sim->server[i].done && sim->server[i].sk)
			return false;
	}
	return true;
}
