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
 *     and counted, resets included (RFC 2385 2).
 *   - Keys are the listener's or the program's; a child copies the one its peer used, a
 *     timewait_sock the one of its connection.
 */
#include <errno.h>
#include <stdlib.h>

#include "stack/tcp/digest.h"
#include "stack/tcp/tcp_auth.h"

/* --- a socket's keys ------------------------------------------------------------------------- */

struct tcp_auth *tcp_auth_new(struct stack *st)
{
	struct tcp_layer *tcp = &st->tcp;
	if (!tcp->digest)
		tcp->digest = digest_new();
	struct tcp_auth *auth = tcp->digest ? calloc(1, sizeof(*auth)) : NULL;
	if (!auth)
		return NULL;
	auth->stack = st;
	list_init(&auth->md5_keys);
	return auth;
}

void tcp_auth_free(struct tcp_auth *auth)
{
	if (!auth)
		return;
	md5_keys_free(auth);
	free(auth);
}

int tcp_auth_inherit(struct tcp_sock *child, const struct tcp_sock *listener)
{
	const struct md5_key *key = md5_find(listener->auth, &child->c.raddr);
	if (!key)
		return 0;
	child->auth = tcp_auth_new(child->stack);
	return child->auth && md5_copy(child->auth, &child->c.raddr, key) ? 0 : -ENOMEM;
}

struct tcp_auth *tcp_auth_for_timewait(const struct tcp_sock *sk)
{
	const struct md5_key *key = md5_find(sk->auth, &sk->c.raddr);
	struct tcp_auth *auth = key ? tcp_auth_new(sk->stack) : NULL;
	if (auth && !md5_copy(auth, &sk->c.raddr, key)) {
		tcp_auth_free(auth);
		return NULL;
	}
	return auth;
}

enum tcp_auth_kind tcp_auth_with(const struct tcp_auth *auth, const struct ip_addr *peer)
{
	struct tcp_sign sign;
	(void)tcp_sign_choose(auth, peer, &sign);
	return sign.kind;
}

uint32_t tcp_auth_option_bytes(const struct tcp_auth *auth, const struct ip_addr *peer)
{
	return tcp_auth_with(auth, peer) == AUTH_MD5 ? MD5_OPTION_BYTES : 0;
}

/* --- out ------------------------------------------------------------------------------------- */

bool tcp_sign_choose(const struct tcp_auth *auth, const struct ip_addr *peer, struct tcp_sign *sign)
{
	sign->md5 = auth ? md5_find(auth, peer) : NULL;
	sign->kind = sign->md5 ? AUTH_MD5 : AUTH_NONE;
	return sign->kind != AUTH_NONE;
}

void tcp_sign_options(const struct tcp_sign *sign, struct tcp_options *opt)
{
	opt->auth = sign->kind;
}

void tcp_sign(struct stack *st, const struct tcp_sign *sign, struct ip_tx *tx)
{
	if (sign->kind == AUTH_MD5)
		md5_sign(st, sign->md5, tx);
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

bool tcp_auth_check_slow(struct stack *st, const struct tcp_auth *auth,
			 const struct tcp_segment *seg)
{
	if (seg->opt.auth == AUTH_BAD) {
		stack_count_drop(st, NULL, DROP_TCP_AUTH_HDR);
		return false;
	}
	return check_md5(st, auth ? md5_find(auth, &seg->ip.src) : NULL, seg);
}

/*
 * A signed segment for a connection that is gone. As Linux: if the port it comes from is one we
 * listen on as well (the active side of two routers that both do), that listener's key can say
 * whether the sender deserves an answer, and sign it.
 */
const struct tcp_auth *tcp_auth_of_lost(struct stack *st, const struct tcp_segment *seg)
{
	struct tcp_segment turned = *seg;
	turned.dport = seg->sport;
	const struct tcp_sock *listener = listener_lookup(st, &turned);
	const struct md5_key *key = listener ? md5_find(listener->auth, &seg->ip.src) : NULL;
	if (!key || seg->opt.auth != AUTH_MD5 || !md5_verify(st, key, seg))
		return NULL;
	return listener->auth;
}
