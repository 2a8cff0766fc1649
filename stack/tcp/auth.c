/* SPDX-License-Identifier: MIT */
/*
 * Signed segments, whatever signs them: which key a segment is under on its way out, and whether one
 * that has come in may be looked at at all.
 *
 * Theory of operation
 *   - Out: the key is chosen before the options are written, since its option takes room from the
 *     others; the signature itself is the last thing written, as it covers the rest. The link must
 *     not cut what is signed, so there is no TSO.
 *   - In: tcp_auth_check() stands before everything else. What is not signed as agreed is dropped
 *     and counted, resets included (RFC 2385 2, RFC 5925 7.4).
 *   - Keys are the listener's or the program's; a child copies those of its peer, a timewait_sock
 *     those of its connection. A request_sock only remembers which TCP-AO keys its SYN named.
 *   - TCP-AO's traffic keys depend on both initial sequence numbers, and so on who is asking:
 *     tuple_of() says what they are for each kind of sock.
 */
#include <errno.h>
#include <stdlib.h>

#include "stack/tcp/tcp_auth.h"

/* --- a socket's keys ------------------------------------------------------------------------- */

struct tcp_auth *tcp_auth_new(struct stack *st)
{
	struct tcp_layer *tcp = &st->tcp;
	if (!tcp->digest)
		tcp->digest = digest_new();
	struct tcp_auth *auth = tcp->digest ? calloc(1, sizeof(*auth)) : NULL;
	if (auth)
		list_init(&auth->md5_keys);
	return auth;
}

void tcp_auth_free(struct tcp_auth *auth)
{
	if (!auth)
		return;
	md5_keys_free(auth);
	ao_info_free(auth->ao);
	free(auth);
}

bool tcp_auth_has_room(const struct tcp_auth *auth, size_t bytes)
{
	list_for_each (pos, &auth->md5_keys)
		bytes += sizeof(struct md5_key);
	if (auth->ao)
		list_for_each (pos, &auth->ao->keys)
			bytes += sizeof(struct ao_key);
	return bytes <= AUTH_OPTMEM_MAX_BYTES;
}

static const struct tcp_sock *tcp_of(const struct sock_common *c)
{
	return container_of(c, const struct tcp_sock, c);
}

static const struct request_sock *request_of(const struct sock_common *c)
{
	return container_of(c, const struct request_sock, c);
}

static const struct tcp_auth *auth_of(const struct sock_common *c)
{
	if (c->kind == SOCK_KIND_TCP)
		return tcp_of(c)->auth;
	if (c->kind == SOCK_KIND_REQUEST)
		return request_of(c)->listener->auth;
	return timewait_auth(container_of(c, const struct timewait_sock, c));
}

static int inherit(struct tcp_auth *auth, const struct tcp_auth *from, const struct ip_addr *peer,
		   const struct request_sock *req)
{
	int err = 0;
	const struct md5_key *key = req->ao_used ? NULL : md5_find(from, peer);
	if (key)
		return md5_copy(auth, peer, key) ? 0 : -ENOMEM;
	auth->ao = ao_copy(from->ao, peer, &err);
	if (!auth->ao)
		return err;
	(void)ao_begin(auth->ao, peer);
	struct ao_key *current = ao_find(auth->ao, NULL, req->ao_keyid, AO_ANY_ID);
	struct ao_key *rnext = ao_find(auth->ao, NULL, AO_ANY_ID, req->ao_rnext);
	if (current)
		auth->ao->current = current;
	if (rnext)
		auth->ao->rnext = rnext;
	return 0;
}

int tcp_auth_inherit(struct tcp_sock *child, const struct request_sock *req)
{
	const struct tcp_auth *from = req->listener->auth;
	struct ip_addr peer = addr4_tagged(req->c.raddr);
	if (req->ao_used ? !from->ao : !md5_find(from, &peer))
		return req->ao_used ? -EKEYREJECTED : 0;
	child->auth = tcp_auth_new(child->stack);
	return child->auth ? inherit(child->auth, from, &peer, req) : -ENOMEM;
}

/* RFC 5925 7.4: which way a connection is protected is settled before its first segment. */
int tcp_auth_connect(struct tcp_sock *sk)
{
	struct tcp_auth *auth = sk->auth;
	struct ip_addr peer = addr4_tagged(sk->c.raddr);
	bool md5 = md5_find(auth, &peer);
	bool ao =
	    auth->ao && (auth->ao->required || ao_find(auth->ao, &peer, AO_ANY_ID, AO_ANY_ID));
	if (md5 && ao)
		return -EKEYREJECTED;
	if (md5) {
		ao_info_free(auth->ao);
		auth->ao = NULL;
	} else if (ao) {
		md5_keys_free(auth);
	}
	return auth->ao && !ao_begin(auth->ao, &peer) ? -EKEYREJECTED : 0;
}

uint32_t tcp_auth_option_bytes(const struct tcp_sock *sk)
{
	const struct ao_info *ao = sk->auth->ao;
	if (ao && ao->current)
		return ao_option_bytes(ao->current);
	struct ip_addr peer = addr4_tagged(sk->c.raddr);
	return md5_find(sk->auth, &peer) ? MD5_OPTION_BYTES : 0;
}

bool tcp_auth_is_md5(const struct tcp_sock *sk)
{
	struct ip_addr peer = addr4_tagged(sk->c.raddr);
	return sk->auth && md5_find(sk->auth, &peer);
}

bool tcp_ao_wanted(const struct tcp_auth *auth, const struct ip_addr *peer)
{
	return auth && auth->ao &&
	       (auth->ao->required || ao_find(auth->ao, peer, AO_ANY_ID, AO_ANY_ID));
}

/* --- TCP-AO: whose sequence numbers ---------------------------------------------------------- */

static bool is_synchronised(const struct sock_common *c)
{
	return c->kind == SOCK_KIND_TIMEWAIT ||
	       (c->kind == SOCK_KIND_TCP && c->state != TCP_SYN_SENT && c->state != TCP_SYN_RECV &&
		c->state != TCP_LISTEN && c->state != TCP_CLOSE);
}

/*
 * The context of traffic keys, for a segment that has come in or the answer to it (seg may be NULL
 * in a connection whose peer's number is known). A listener knows of nothing: a first ACK is one
 * beyond both initial numbers (a cookie's), and a segment that is no first ACK cannot be verified.
 */
static struct ao_tuple tuple_of(const struct sock_common *c, const struct tcp_segment *seg)
{
	struct ao_tuple t = {
	    addr4_tagged(c->laddr), addr4_tagged(c->raddr), c->lport, c->rport, 0, 0};
	if (c->kind == SOCK_KIND_REQUEST) {
		t.lisn = request_of(c)->iss;
		t.risn = request_of(c)->irs;
	} else if (c->state == TCP_LISTEN && seg) {
		t = (struct ao_tuple){seg->ip.dst, seg->ip.src,	 seg->dport,
				      seg->sport,  seg->ack - 1, seg->seq - 1};
	} else if (c->kind == SOCK_KIND_TCP) {
		t.lisn = tcp_of(c)->iss;
		t.risn = c->state == TCP_SYN_SENT && seg ? seg->seq : tcp_of(c)->irs;
	}
	return t;
}

/* A synchronised connection derives each key's pair of traffic keys once. */
static void use_key(struct stack *st, const struct sock_common *c, struct ao_info *ao,
		    struct ao_key *key)
{
	struct ao_tuple t = tuple_of(c, NULL);
	if (!ao->started) {
		ao->send_ref = t.lisn;
		ao->recv_ref = t.risn;
		ao->started = true;
	}
	if (key->derived) /* all of a timewait_sock's are */
		return;
	ao_traffic_key(st, key, &t, true, key->send_key);
	ao_traffic_key(st, key, &t, false, key->recv_key);
	key->derived = true;
}

/* The references follow what has been acknowledged, 4 GiB at most behind. */
static void advance(uint64_t *ref, uint32_t seq)
{
	*ref += seq - (uint32_t)*ref;
}

static void advance_refs(const struct sock_common *c, struct ao_info *ao)
{
	if (c->kind != SOCK_KIND_TCP)
		return;
	advance(&ao->send_ref, tcp_of(c)->snd_una);
	advance(&ao->recv_ref, tcp_of(c)->rcv_nxt);
}

/* The connection has ended; what answers for it needs its traffic keys, and no master keys. */
static struct ao_info *ao_for_timewait(const struct tcp_sock *sk)
{
	int err;
	struct ip_addr peer = addr4_tagged(sk->c.raddr);
	struct ao_info *from = sk->auth->ao, *ao;
	list_for_each (pos, &from->keys)
		use_key(sk->stack, &sk->c, from, container_of(pos, struct ao_key, node));
	ao = ao_copy(from, &peer, &err);
	if (!ao)
		return NULL;
	list_for_each (pos, &ao->keys) {
		struct ao_key *key = container_of(pos, struct ao_key, node);
		explicit_bzero(key->key, sizeof(key->key));
	}
	advance_refs(&sk->c, from);
	ao->started = true;
	ao->send_ref = from->send_ref;
	ao->recv_ref = from->recv_ref;
	ao->current = ao_find(ao, NULL, from->current->sndid, from->current->rcvid);
	ao->rnext = ao_find(ao, NULL, from->rnext->sndid, from->rnext->rcvid);
	return ao;
}

struct tcp_auth *tcp_auth_for_timewait(const struct tcp_sock *sk)
{
	struct ip_addr peer = addr4_tagged(sk->c.raddr);
	bool has_ao = sk->auth->ao && sk->auth->ao->current;
	const struct md5_key *key = has_ao ? NULL : md5_find(sk->auth, &peer);
	struct tcp_auth *auth = has_ao || key ? tcp_auth_new(sk->stack) : NULL;
	if (!auth)
		return NULL;
	if (has_ao)
		auth->ao = ao_for_timewait(sk);
	if (has_ao ? auth->ao != NULL : md5_copy(auth, &peer, key))
		return auth;
	tcp_auth_free(auth);
	return NULL;
}

/* --- out ------------------------------------------------------------------------------------- */

/* RFC 5925 7.5: in a connection, under the current key. A SYN's traffic key does not know the
 * peer's number yet. */
static void choose_connection(struct stack *st, const struct sock_common *c, struct ao_info *ao,
			      const struct tcp_segment *answers, uint32_t seq, uint8_t flags,
			      struct tcp_sign *sign)
{
	struct ao_tuple t = tuple_of(c, answers);
	sign->ao = ao->current;
	sign->keyid = ao->current->sndid;
	sign->rnext = ao->rnext->rcvid;
	if (is_synchronised(c)) {
		use_key(st, c, ao, ao->current);
		advance_refs(c, ao);
		memcpy(sign->traffic_key, ao->current->send_key, sizeof(sign->traffic_key));
		sign->sne = ao_sne(ao->send_ref, seq);
		return;
	}
	if ((flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
		t.risn = 0;
	ao_traffic_key(st, ao->current, &t, true, sign->traffic_key);
	sign->sne = ao_sne(t.lisn, seq);
}

/* An answer before there is a connection: under the keys that the peer's own segment has named. */
static void choose_answer(struct stack *st, const struct sock_common *c, const struct ao_info *ao,
			  const struct tcp_segment *answers, uint32_t seq, struct tcp_sign *sign)
{
	struct ao_tuple t = tuple_of(c, answers);
	bool request = c->kind == SOCK_KIND_REQUEST;
	sign->keyid = request ? request_of(c)->ao_keyid : answers->opt.rnext;
	sign->rnext = request ? request_of(c)->ao_rnext : answers->opt.keyid;
	sign->ao = ao_find(ao, &t.raddr, sign->keyid, AO_ANY_ID);
	if (!sign->ao) {
		sign->kind = AUTH_BAD;
		return;
	}
	ao_traffic_key(st, sign->ao, &t, true, sign->traffic_key);
	sign->sne = ao_sne(t.lisn, seq);
}

void tcp_sign_choose(struct stack *st, const struct sock_common *c,
		     const struct tcp_segment *answers, uint32_t seq, uint8_t flags,
		     struct tcp_sign *sign)
{
	const struct tcp_auth *auth = auth_of(c);
	struct ao_info *ao = auth ? auth->ao : NULL;
	bool request = c->kind == SOCK_KIND_REQUEST, listener = c->state == TCP_LISTEN;
	sign->kind = AUTH_NONE;
	if (!auth)
		return;
	sign->kind = AUTH_AO;
	if (request ? request_of(c)->ao_used : listener && answers->opt.auth == AUTH_AO) {
		choose_answer(st, c, ao, answers, seq, sign);
		return;
	}
	if (!request && !listener && ao && ao->current) {
		choose_connection(st, c, ao, answers, seq, flags, sign);
		return;
	}
	struct ip_addr peer = addr4_tagged(c->raddr);
	sign->md5 = md5_find(auth, listener ? &answers->ip.src : &peer);
	sign->kind = sign->md5 ? AUTH_MD5 : AUTH_NONE;
}

void tcp_sign_options(const struct tcp_sign *sign, struct tcp_options *opt)
{
	opt->auth = sign->kind;
	if (sign->kind != AUTH_AO)
		return;
	opt->keyid = sign->keyid;
	opt->rnext = sign->rnext;
	opt->mac_len = sign->ao->mac_len;
}

void tcp_sign(struct stack *st, const struct tcp_sign *sign, struct ip_tx *tx)
{
	if (sign->kind == AUTH_MD5)
		md5_sign(st, sign->md5, tx);
	else if (sign->kind == AUTH_AO)
		ao_sign(st, sign->ao, sign->traffic_key, sign->sne, tx);
}

/* --- in -------------------------------------------------------------------------------------- */

static bool refuse(struct stack *st, enum snmp counter, enum drop_reason why)
{
	snmp_inc(st, counter);
	stack_count_drop(st, NULL, why);
	return false;
}

static bool check_md5(struct stack *st, const struct md5_key *key, const struct tcp_segment *seg)
{
	if (!key && seg->opt.auth == AUTH_MD5)
		return refuse(st, TcpExtTCPMD5Unexpected, DROP_TCP_MD5_UNEXPECTED);
	if (key && seg->opt.auth != AUTH_MD5)
		return refuse(st, TcpExtTCPMD5NotFound, DROP_TCP_MD5_NOTFOUND);
	if (key && !md5_verify(st, key, seg))
		return refuse(st, TcpExtTCPMD5Failure, DROP_TCP_MD5_FAILURE);
	return true;
}

/* The key it must be under. RFC 5925 7.4: by KeyID, which is our RecvID. */
static struct ao_key *inbound_key(const struct sock_common *c, const struct ao_info *ao,
				  const struct tcp_segment *seg)
{
	if (!is_synchronised(c))
		return ao_find(ao, &seg->ip.src, AO_ANY_ID, seg->opt.keyid);
	if (ao->rnext->rcvid == seg->opt.keyid)
		return ao->rnext;
	return ao_find(ao, NULL, AO_ANY_ID, seg->opt.keyid);
}

static bool verifies(struct stack *st, const struct sock_common *c, struct ao_info *ao,
		     struct ao_key *key, const struct tcp_segment *seg)
{
	uint8_t traffic_key[DIGEST_MAC_MAX_BYTES];
	bool syn = seg->flags & TCP_SYN, first = syn && !(seg->flags & TCP_ACK);
	if (is_synchronised(c) && !first) {
		use_key(st, c, ao, key);
		advance_refs(c, ao);
		return ao_verify(st, key, key->recv_key, ao_sne(ao->recv_ref, seg->seq), seg);
	}
	struct ao_tuple t = tuple_of(c, seg);
	if (syn)
		t.risn = seg->seq;
	if (first)
		t.lisn = 0; /* RFC 5925 5.2: its sender does not know it */
	ao_traffic_key(st, key, &t, false, traffic_key);
	return ao_verify(st, key, traffic_key, ao_sne(t.risn, seg->seq), seg);
}

/* RFC 5925 7.5.2 (e): the peer says which key it is ready for; we sign with it from now on. */
static void rotate(struct sock_common *c, struct ao_info *ao, const struct tcp_segment *seg)
{
	if (seg->opt.rnext == ao->current->sndid)
		return;
	struct ao_key *next = ao_find(ao, NULL, seg->opt.rnext, AO_ANY_ID);
	if (!next)
		return;
	ao->current = next;
	struct tcp_sock *sk = container_of(c, struct tcp_sock, c);
	if (c->kind == SOCK_KIND_TCP) /* its codes may be longer */
		tcp_sync_mss(sk, sk->pmtu_bytes);
}

static bool check_ao(struct stack *st, struct sock_common *c, struct ao_info *ao,
		     const struct tcp_segment *seg)
{
	if (!ao)
		return refuse(st, TcpExtTCPAOKeyNotFound, DROP_TCP_AOUNEXPECTED);
	struct ao_key *key = inbound_key(c, ao, seg);
	if (!key) {
		ao->pkt_key_not_found++;
		return refuse(st, TcpExtTCPAOKeyNotFound, DROP_TCP_AOKEYNOTFOUND);
	}
	if (c->state == TCP_LISTEN && !(seg->flags & (TCP_SYN | TCP_ACK))) {
		stack_count_drop(st, NULL, DROP_TCP_FLAGS); /* nothing to verify it with */
		return false;
	}
	if (!verifies(st, c, ao, key, seg)) {
		ao->pkt_bad++;
		key->pkt_bad++;
		return refuse(st, TcpExtTCPAOBad, DROP_TCP_AOFAILURE);
	}
	ao->pkt_good++;
	key->pkt_good++;
	snmp_inc(st, TcpExtTCPAOGood);
	if (is_synchronised(c))
		rotate(c, ao, seg);
	return true;
}

bool tcp_auth_check_slow(struct stack *st, struct sock_common *c, const struct tcp_segment *seg)
{
	const struct tcp_auth *auth = auth_of(c);
	bool is_ao = seg->opt.auth == AUTH_AO;
	if (seg->opt.auth == AUTH_BAD) {
		stack_count_drop(st, NULL, DROP_TCP_AUTH_HDR);
		return false;
	}
	/* RFC 5925 7.4: the SYN has settled it. */
	if (c->kind == SOCK_KIND_REQUEST && request_of(c)->ao_used != is_ao)
		return refuse(st, TcpExtTCPAOBad, DROP_TCP_AOFAILURE);
	if (is_ao)
		return check_ao(st, c, auth ? auth->ao : NULL, seg);
	if (seg->opt.auth == AUTH_NONE && tcp_ao_wanted(auth, &seg->ip.src)) {
		auth->ao->pkt_ao_required++;
		return refuse(st, TcpExtTCPAORequired, DROP_TCP_AONOTFOUND);
	}
	return check_md5(st, md5_find(auth, &seg->ip.src), seg);
}

/*
 * A signed segment for a connection that is gone. As Linux: if the port it comes from is one we
 * listen on as well (the active side of two routers that both do), that listener's key can say
 * whether the sender deserves an answer, and sign it. With TCP-AO nobody can: the traffic keys went
 * with the connection (RFC 5925 7.7).
 */
const struct sock_common *tcp_auth_of_lost(struct stack *st, const struct tcp_segment *seg)
{
	struct tcp_segment turned = *seg;
	turned.dport = seg->sport;
	const struct tcp_sock *listener = listener_lookup(st, &turned);
	const struct md5_key *key = listener ? md5_find(listener->auth, &seg->ip.src) : NULL;
	if (!key || seg->opt.auth != AUTH_MD5 || !md5_verify(st, key, seg))
		return NULL;
	return &listener->c;
}

/* RFC 5925 7.8: hard ICMP errors, which anybody can forge, do not concern a protected connection.
 * Anybody includes the path: such a connection does without path MTU discovery. */
bool tcp_ao_ignores_icmp(struct stack *st, const struct sock_common *c, uint8_t type, uint8_t code)
{
	const struct tcp_auth *auth = auth_of(c);
	if (!auth || !auth->ao || auth->ao->accept_icmps || !is_synchronised(c) ||
	    type != ICMP_DEST_UNREACH || code < ICMP_PROT_UNREACH || code > ICMP_FRAG_NEEDED)
		return false;
	auth->ao->pkt_dropped_icmp++;
	snmp_inc(st, TcpExtTCPAODroppedIcmps);
	return true;
}
