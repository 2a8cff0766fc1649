/* SPDX-License-Identifier: MIT */
/*
 * A TCP packet's way to whom it is for: checksum and header, then the established hash, then a
 * listener, else a reset (RFC 9293 3.10.7.1); and whether it is signed as agreed, before anybody
 * else looks at it. ICMP errors and the news that a neighbour cannot be resolved find their sockets
 * here too.
 *
 * A segment's pkt is freed here unless somebody has taken it and says so by seg->pkt = NULL.
 */
#include "stack/base/bytes.h"
#include "stack/tcp/tcp_passive.h"

/* --- segments -------------------------------------------------------------------------------- */

static void to_nobody(struct stack *st, struct tcp_segment *seg)
{
	const struct sock_common *c = NULL;
	stack_count_drop(st, NULL, DROP_NO_SOCKET);
	if (seg->opt.auth != AUTH_NONE) {
		c = tcp_auth_of_lost(st, seg);
		if (!c) /* unsigned it would not be believed */
			return;
	}
	tcp_reset_reply(st, seg, c);
}

/* A new connection's SYN may take the place of the old one (RFC 6191), if somebody still listens.
 */
static void to_timewait(struct stack *st, struct timewait_sock *tw, struct tcp_segment *seg)
{
	uint32_t isn;
	/* A new connection's SYN may be under a new key: the listener's. */
	bool syn = (seg->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN;
	if (tw->c.keyed && !syn && !tcp_auth_check(st, &tw->c, timewait_auth(tw), seg))
		return;
	if (!timewait_rcv(st, tw, seg, &isn))
		return;
	struct tcp_sock *listener = listener_lookup(st, seg);
	if (!listener) {
		timewait_send_ack(st, tw);
		return;
	}
	if (!tcp_auth_check(st, &listener->c, listener->auth, seg))
		return;
	timewait_free(st, tw);
	listen_rcv_reopen(listener, seg, isn);
}

static void to_listener(struct tcp_sock *listener, struct tcp_segment *seg)
{
	if (tcp_auth_check(listener->stack, &listener->c, listener->auth, seg))
		listen_rcv(listener, seg);
}

static void to_request(struct request_sock *req, struct tcp_segment *seg)
{
	const struct tcp_sock *listener = req->listener;
	if (tcp_auth_check(listener->stack, &req->c, listener->auth, seg))
		request_rcv(req, seg);
}

static void to_connection(struct tcp_sock *sk, struct tcp_segment *seg)
{
	if (tcp_auth_check(sk->stack, &sk->c, sk->auth, seg))
		tcp_rcv(sk, seg);
}

/* Of a SO_REUSEPORT group another one may listen on. */
static bool still_listens(const struct tcp_sock *listener, const struct tcp_segment *seg)
{
	const struct stack *st = listener->stack;
	if (!(seg->flags & TCP_SYN) || listener->c.reuseport || !st->ops.still_listens)
		return true;
	return st->ops.still_listens(st->ctx, listener->user);
}

static void dispatch(struct stack *st, struct tcp_segment *seg)
{
	struct sock_common *c = ehash_lookup(st, addr4_of(&seg->ip.dst), seg->dport,
					     addr4_of(&seg->ip.src), seg->sport);
	struct tcp_sock *listener = c ? NULL : listener_lookup(st, seg);
	if (listener && still_listens(listener, seg))
		to_listener(listener, seg);
	else if (!c)
		to_nobody(st, seg);
	else if (c->kind == SOCK_KIND_TCP)
		to_connection(container_of(c, struct tcp_sock, c), seg);
	else if (c->kind == SOCK_KIND_REQUEST)
		to_request(container_of(c, struct request_sock, c), seg);
	else
		to_timewait(st, container_of(c, struct timewait_sock, c), seg);
}

/* RFC 1122 4.2.3.10: TCP has no use for what went to many, or claims to come from many. */
static bool is_for_one(const struct stack *st, const struct ip_meta *m)
{
	return stack_is_local_v4(st, m->dst.v4) && !ipv4_is_multicast(m->src.v4) &&
	       !ip_is_broadcast_v4(st, m->src.v4);
}

void tcp_input(struct stack *st, struct pkt *p, const struct ip_meta *m)
{
	struct tcp_segment seg;
	int why = DROP_NONE;
	if (!is_for_one(st, m)) {
		stack_drop(st, p, DROP_IP_NOT_FOR_US);
		return;
	}
	snmp_inc(st, TcpInSegs);
	bool ok = tcp_segment_parse(&seg, p, m, &why);
	if (why != DROP_NONE)
		snmp_inc(st, TcpInErrs);
	if (why == DROP_TCP_CSUM)
		snmp_inc(st, TcpInCsumErrors);
	if (!ok) {
		stack_drop(st, p, (enum drop_reason)why);
		return;
	}
	if (p->gso_size && p->len > p->gso_size) /* the link has put several into one */
		st->mib.counter[TcpInSegs] += (p->len - 1) / p->gso_size;
	dispatch(st, &seg);
	pkt_free(seg.pkt);
}

/* --- errors ---------------------------------------------------------------------------------- */

void tcp_icmp_error(struct stack *st, const struct ip_addr *local, const struct ip_addr *remote,
		    const uint8_t *quoted, size_t len, uint8_t type, uint8_t code, uint32_t mtu)
{
	struct reader r = reader_of(quoted, len);
	uint16_t lport = read_be16(&r), rport = read_be16(&r);
	uint32_t seq = read_be32(&r);
	struct sock_common *c =
	    r.failed ? NULL : ehash_lookup(st, addr4_of(local), lport, addr4_of(remote), rport);
	if (!c)
		snmp_inc(st, IcmpInErrors);
	else if (tcp_ao_ignores_icmp(st, c, type, code))
		return;
	else if (c->kind == SOCK_KIND_TCP)
		tcp_sock_icmp_error(container_of(c, struct tcp_sock, c), seq, type, code, mtu);
	else if (c->kind == SOCK_KIND_REQUEST)
		request_icmp_error(container_of(c, struct request_sock, c), seq, type, code);
}

/* Does what goes to c's peer go by way of this neighbour? */
static bool goes_by(struct stack *st, const struct sock_common *c, const struct ip_addr *neigh)
{
	struct ip_path path;
	if (c->raddr.v4 == neigh->v4)
		return true;
	return ip_route_output(st, c->raddr.v4, c->laddr.v4, &path) == 0 && !path.local &&
	       path.nexthop == neigh->v4;
}

static void fail_requests(struct stack *st, const struct ip_addr *neigh)
{
	struct tcp_layer *tcp = &st->tcp;
	for (uint32_t i = 0; tcp->request_socks > 0 && i < tcp->ehash_size; i++) {
		struct sock_common *next;
		for (struct sock_common *c = tcp->ehash[i]; c; c = next) {
			next = c->hash_next;
			if (c->kind != SOCK_KIND_REQUEST || !goes_by(st, c, neigh))
				continue;
			struct request_sock *req = container_of(c, struct request_sock, c);
			request_icmp_error(req, req->iss, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH);
		}
	}
}

/* As an ICMP host unreachable about what is in flight that way: fatal for what is still opening. */
void tcp_neigh_failed(struct stack *st, const struct ip_addr *neigh)
{
	list_for_each_safe (pos, &st->tcp.all) {
		struct tcp_sock *sk = container_of(pos, struct tcp_sock, all_node);
		if (sk->c.hashed && sk->snd_una != sk->snd_nxt && goes_by(st, &sk->c, neigh))
			tcp_sock_icmp_error(sk, sk->snd_una, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH,
					    0);
	}
	fail_requests(st, neigh);
}
