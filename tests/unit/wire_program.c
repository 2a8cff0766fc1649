/* SPDX-License-Identifier: MIT */
/* wire.h's program: what it writes, reads, asks and closes, and the handshakes it takes part in. */
#include <string.h>

#include "tests/unit/wire.h"

static int the_user;

struct tcp_sock *wire_socket(struct wire *w)
{
	int err = 0;
	struct tcp_sock *sk = tcp_socket(w->st, &the_user, 1000, &err);
	ck_assert_ptr_nonnull(sk);
	return sk;
}

struct tcp_sock *wire_listen(struct wire *w, int backlog)
{
	struct sock_addr any = {.addr = ip_v4(0), .port = WIRE_PORT};
	w->listener = wire_socket(w);
	ck_assert_int_eq(tcp_bind(w->listener, &any), 0);
	ck_assert_int_eq(tcp_listen(w->listener, backlog), 0);
	return w->listener;
}

struct tcp_sock *wire_accept(struct wire *w)
{
	w->sk = tcp_accept(w->listener);
	ck_assert_msg(w->sk != NULL, "the accept queue is empty");
	tcp_set_user(w->sk, &the_user);
	w->written = w->read = 0;
	return w->sk;
}

void wire_fill(struct wire *w, uint32_t bytes)
{
	while (bytes > 0) {
		struct iovec iov[8];
		uint32_t filled = 0;
		int n = tcp_send_reserve(w->sk, bytes, iov, 8);
		ck_assert_msg(n > 0, "no send space for %u bytes", bytes);
		for (int i = 0; i < n; i++)
			for (size_t k = 0; k < iov[i].iov_len && filled < bytes; k++, filled++)
				((uint8_t *)iov[i].iov_base)[k] = wire_pattern(++w->written);
		tcp_send_commit(w->sk, filled);
		bytes -= filled;
	}
}

void wire_write(struct wire *w, uint32_t bytes)
{
	wire_fill(w, bytes);
	wire_flush(w);
}

uint32_t wire_unread(struct wire *w)
{
	return (uint32_t)tcp_inq_bytes(w->sk);
}

void wire_read(struct wire *w, uint32_t bytes)
{
	while (bytes > 0) {
		struct iovec iov[8];
		uint32_t took = 0;
		int n = tcp_recv_iov(w->sk, iov, 8);
		ck_assert_msg(n > 0, "%u bytes missing", bytes);
		for (int i = 0; i < n; i++)
			for (size_t k = 0; k < iov[i].iov_len && took < bytes; k++, took++)
				ck_assert_uint_eq(((uint8_t *)iov[i].iov_base)[k],
						  wire_pattern(++w->read));
		tcp_recv_done(w->sk, took);
		bytes -= took;
	}
	wire_flush(w);
}

void wire_close(struct wire *w)
{
	tcp_close(w->sk, false);
	w->sk = NULL;
	wire_flush(w);
}

void wire_set_int(struct tcp_sock *sk, int level, int name, int value)
{
	ck_assert_int_eq(tcp_setsockopt(sk, level, name, &value, sizeof(value)), 0);
}

int wire_get_int(struct tcp_sock *sk, int level, int name)
{
	int value = 0;
	size_t len = sizeof(value);
	ck_assert_int_eq(tcp_getsockopt(sk, level, name, &value, &len), 0);
	ck_assert_uint_eq(len, sizeof(value));
	return value;
}

static unsigned collect_events(struct wire *w)
{
	struct tcp_sock *sk;
	unsigned events, mine = 0;
	while ((sk = stack_next_event(w->st, &events)))
		if (sk == w->sk)
			mine |= events;
	return mine;
}

void wire_events(struct wire *w, unsigned events)
{
	ck_assert_uint_eq(collect_events(w), events);
}

/* --- handshakes ------------------------------------------------------------------------------ */

void wire_passive_open(struct wire *w, const char *options, uint16_t win)
{
	if (!w->listener)
		wire_listen(w, 16);
	wire_in(w, "S 0:0(0) win 65535 <%s>", options);
	wire_out(w, "S. 0:0(0) ack 1");
	wire_in(w, ". 1:1(0) ack 1 win %u", win);
	wire_out_none(w);
	wire_accept(w);
	wire_state(w, TCP_ESTABLISHED);
	(void)collect_events(w);
}

void wire_connect(struct wire *w)
{
	struct sock_addr peer = {.addr = ip_v4(PEER_V4), .port = WIRE_PEER_PORT};
	w->at->port = 0;
	w->sk = wire_socket(w);
	w->written = w->read = 0;
	ck_assert_int_eq(tcp_connect(w->sk, &peer), 0);
	wire_flush(w);
	wire_out(w, "S 0:0(0)");
	wire_state(w, TCP_SYN_SENT);
}

void wire_active_open(struct wire *w, const char *options, uint16_t win)
{
	wire_connect(w);
	wire_in(w, "S. 0:0(0) ack 1 win 65535 <%s>", options);
	wire_out(w, ". 1:1(0) ack 1");
	wire_state(w, TCP_ESTABLISHED);
	wire_in(w, ". 1:1(0) ack 1 win %u", win);
	(void)collect_events(w);
}

struct tcp_info wire_info(const struct wire *w)
{
	struct tcp_info info;
	tcp_get_info(w->sk, &info);
	return info;
}

uint64_t wire_counter(const struct wire *w, enum snmp c)
{
	return host_counter(w->h, c);
}
