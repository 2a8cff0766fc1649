/* SPDX-License-Identifier: MIT */
/*
 * TCP-AO's socket options, with Linux's structs, checks and errnos: TCP_AO_ADD_KEY, TCP_AO_DEL_KEY,
 * TCP_AO_INFO and TCP_AO_GET_KEYS. TCP_AO_REPAIR needs a socket under repair, which there is not:
 * EPERM.
 *
 * The IDs of keys whose peers overlap must differ (RFC 5925 3.1). A listener has no current key:
 * each of its connections has its own. What names a network device must name a VRF, and here is
 * none.
 */
#include <errno.h>
#include <linux/in.h>
#include <stdlib.h>

#include "stack/base/bytes.h"
#include "stack/tcp/sockopt.h"
#include "stack/tcp/tcp_auth.h"

#define AF_INET_ 2
#define AF_INET6_ 10
#define ALG_NAME_MAX 64
/* RFC 5925 7.6: what a SYN's MSS apart from it leaves: 40 - timestamps - window scale - SACK. */
#define OPTION_MAX_BYTES 20
#define CMAC_KEY_BYTES 16

/* --- reading --------------------------------------------------------------------------------- */

/* A struct that may grow: shorter is not enough, longer must be zero beyond what is known. */
static int read_struct(void *to, size_t size, const void *val, size_t len)
{
	const uint8_t *bytes = val;
	if (len < size)
		return -EINVAL;
	for (size_t i = size; i < len; i++)
		if (bytes[i])
			return -E2BIG;
	memcpy(to, val, size);
	return 0;
}

struct peer {
	uint16_t family, port;
	uint32_t v4;
};

static struct peer read_peer(const void *sockaddr)
{
	struct peer peer;
	struct reader r = reader_of(sockaddr, sizeof(struct sockaddr_in));
	memcpy(&peer.family, read_bytes(&r, sizeof(peer.family)), sizeof(peer.family));
	peer.port = read_be16(&r);
	peer.v4 = read_be32(&r);
	return peer;
}

static uint32_t mask_of(uint8_t prefix_len)
{
	return prefix_len ? UINT32_MAX << (32 - prefix_len) : 0;
}

/* Of what a key is for: no ports, no bits beyond the prefix, nobody but the peer there is. */
static int check_peer(const struct tcp_sock *sk, const struct peer *peer, uint8_t prefix_len)
{
	uint32_t connected = sockopt_is_open(sk) ? sk->c.raddr.v4 : 0;
	if (peer->family != AF_INET_ || peer->port != 0)
		return -EINVAL;
	if (prefix_len == 0)
		return peer->v4 == 0 ? 0 : -EINVAL;
	if (peer->v4 == 0 || prefix_len > 32 || peer->v4 & ~mask_of(prefix_len))
		return -EINVAL;
	return connected && (connected & mask_of(prefix_len)) != peer->v4 ? -EINVAL : 0;
}

/* --- keys ------------------------------------------------------------------------------------ */

/* "cmac(aes128)" is RFC 5926's: it takes a key of any length. "cmac(aes)" is what it becomes. */
static int read_algorithm(struct ao_key *key, const char *name, bool *any_length)
{
	static const struct {
		const char *name;
		uint8_t alg;
	} known[] = {{"hmac(sha1)", DIGEST_HMAC_SHA1},
		     {"hmac(sha256)", DIGEST_HMAC_SHA256},
		     {"cmac(aes128)", DIGEST_CMAC_AES128},
		     {"cmac(aes)", DIGEST_CMAC_AES128}};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strncmp(name, known[i].name, ALG_NAME_MAX) == 0) {
			key->alg = known[i].alg;
			*any_length = strcmp(known[i].name, "cmac(aes)") != 0;
			return 0;
		}
	return -ENOENT;
}

/* RFC 5926 3.1.1.2: a key that is not of AES' size is made one, under a key of zeros. */
static int fit_cmac_key(struct stack *st, struct ao_key *key, bool any_length)
{
	static const uint8_t zero[CMAC_KEY_BYTES];
	struct digest *d = st->tcp.digest;
	if (key->alg != DIGEST_CMAC_AES128 || key->len == CMAC_KEY_BYTES)
		return 0;
	if (!any_length)
		return -EINVAL;
	digest_begin_mac(d, DIGEST_CMAC_AES128, zero, sizeof(zero));
	digest_add(d, key->key, key->len);
	key->len = CMAC_KEY_BYTES;
	return digest_end(d, key->key, CMAC_KEY_BYTES) ? 0 : -ENOMEM;
}

static const char *algorithm_name(const struct ao_key *key)
{
	static const char *const names[DIGEST_MACS] = {"hmac(sha1)", "hmac(sha256)", "cmac(aes)"};
	return names[key->alg];
}

static int read_crypto(struct stack *st, struct ao_key *key, const struct tcp_ao_add *cmd)
{
	bool any_length = true;
	int err = read_algorithm(key, cmd->alg_name, &any_length);
	if (err)
		return err;
	key->mac_len = cmd->maclen ? cmd->maclen : AO_MAC_DEFAULT_BYTES;
	if (AO_OPTION_HDR_BYTES + key->mac_len > OPTION_MAX_BYTES)
		return -EMSGSIZE;
	key->len = cmd->keylen;
	memcpy(key->key, cmd->key, key->len);
	err = fit_cmac_key(st, key, any_length);
	if (!err && key->mac_len > digest_mac_bytes(key->alg))
		err = -EINVAL;
	return err;
}

/* --- TCP_AO_ADD_KEY -------------------------------------------------------------------------- */

/* A listener's connections have these, it has not. */
static bool may_choose(const struct tcp_sock *sk, bool current, bool rnext)
{
	return sk->c.state != TCP_LISTEN || (!current && !rnext);
}

static int check_scope(int32_t ifindex, uint8_t keyflags)
{
	return ifindex || keyflags & ~(TCP_AO_KEYF_IFINDEX | TCP_AO_KEYF_EXCLUDE_OPT) ? -EINVAL : 0;
}

static int check_add(const struct tcp_sock *sk, const struct tcp_ao_add *cmd,
		     const struct peer *peer)
{
	if (cmd->keylen > TCP_AO_MAXKEYLEN || cmd->reserved || cmd->reserved2)
		return -EINVAL;
	int err = check_peer(sk, peer, cmd->prefix);
	if (!err)
		err = check_scope(cmd->ifindex, cmd->keyflags);
	if (err)
		return err;
	if (!may_choose(sk, cmd->set_current, cmd->set_rnext))
		return -EINVAL;
	struct ip_addr addr = ip_v4(peer->v4);
	return md5_find(sk->auth, &addr) ? -EKEYREJECTED : 0;
}

static bool id_is_taken(const struct ao_info *ao, const struct ao_key *key)
{
	list_for_each (pos, &ao->keys) {
		const struct ao_key *other = container_of(pos, struct ao_key, node);
		if ((other->sndid == key->sndid || other->rcvid == key->rcvid) &&
		    ao_key_covers(other, key->v4, key->prefix_len))
			return true;
	}
	return false;
}

/* The socket's, made when it is first asked for. NULL: no memory. */
static struct ao_info *info_of(struct tcp_sock *sk)
{
	if (!sk->auth)
		sk->auth = tcp_auth_new(sk->stack);
	if (sk->auth && !sk->auth->ao)
		sk->auth->ao = ao_info_new();
	return sk->auth ? sk->auth->ao : NULL;
}

static int link_key(struct tcp_sock *sk, const struct ao_key *like, const struct tcp_ao_add *cmd)
{
	struct ao_info *ao = sk->auth->ao;
	struct ao_key *key =
	    tcp_auth_has_room(sk->auth, sizeof(*key)) ? malloc(sizeof(*key)) : NULL;
	if (!key)
		return -ENOMEM;
	*key = *like;
	list_init(&key->node);
	list_add_head(&ao->keys, &key->node);
	if (cmd->set_current)
		ao->current = key;
	if (cmd->set_rnext)
		ao->rnext = key;
	return 0;
}

static int make_key(struct tcp_sock *sk, const struct tcp_ao_add *cmd, const struct peer *peer)
{
	struct ao_key key = {.v4 = peer->v4,
			     .prefix_len = cmd->prefix,
			     .sndid = cmd->sndid,
			     .rcvid = cmd->rcvid,
			     .keyflags = cmd->keyflags};
	struct ao_info *ao = info_of(sk);
	if (!ao)
		return -ENOMEM;
	int err = id_is_taken(ao, &key) ? -EEXIST : read_crypto(sk->stack, &key, cmd);
	if (!err)
		err = link_key(sk, &key, cmd);
	explicit_bzero(&key, sizeof(key));
	return err;
}

/* An attempt that failed leaves nothing of what it has begun. */
static void forget_empty(struct tcp_sock *sk, bool was_there)
{
	if (was_there || !sk->auth)
		return;
	ao_info_free(sk->auth->ao);
	sk->auth->ao = NULL;
}

static int add_key(struct tcp_sock *sk, const void *val, size_t len)
{
	struct tcp_ao_add cmd;
	bool was_there = sk->auth && sk->auth->ao;
	int err = read_struct(&cmd, sizeof(cmd), val, len);
	if (err)
		return err;
	struct peer peer = read_peer(&cmd.addr);
	err = check_add(sk, &cmd, &peer);
	if (!err)
		err = make_key(sk, &cmd, &peer);
	if (err)
		forget_empty(sk, was_there);
	explicit_bzero(&cmd, sizeof(cmd));
	return err;
}

/* --- TCP_AO_DEL_KEY, TCP_AO_INFO ------------------------------------------------------------- */

struct choice {
	struct ao_key *current, *rnext; /* NULL: as it is */
};

static int read_choice(const struct ao_info *ao, struct choice *to, bool set_current,
		       uint8_t current, bool set_rnext, uint8_t rnext)
{
	to->current = set_current ? ao_find(ao, NULL, current, AO_ANY_ID) : NULL;
	to->rnext = set_rnext ? ao_find(ao, NULL, AO_ANY_ID, rnext) : NULL;
	return (set_current && !to->current) || (set_rnext && !to->rnext) ? -ENOENT : 0;
}

static void choose(struct tcp_sock *sk, struct ao_info *ao, const struct choice *choice)
{
	if (choice->current)
		ao->current = choice->current;
	if (choice->rnext)
		ao->rnext = choice->rnext;
	if (choice->current && sk->pmtu_bytes) /* the option may be longer */
		tcp_sync_mss(sk, sk->pmtu_bytes);
}

static struct ao_key *find_exact(const struct ao_info *ao, const struct tcp_ao_del *cmd,
				 const struct peer *peer)
{
	list_for_each (pos, &ao->keys) {
		struct ao_key *key = container_of(pos, struct ao_key, node);
		if (key->sndid == cmd->sndid && key->rcvid == cmd->rcvid &&
		    key->prefix_len == cmd->prefix && key->v4 == peer->v4 &&
		    (key->keyflags & TCP_AO_KEYF_IFINDEX) == (cmd->keyflags & TCP_AO_KEYF_IFINDEX))
			return key;
	}
	return NULL;
}

static int check_del(const struct tcp_sock *sk, const struct tcp_ao_del *cmd)
{
	if (cmd->reserved || cmd->reserved2 || cmd->keyflags & ~TCP_AO_KEYF_IFINDEX)
		return -EINVAL;
	if (!may_choose(sk, cmd->set_current, cmd->set_rnext))
		return -EINVAL;
	return cmd->del_async && sk->c.state != TCP_LISTEN ? -EINVAL : 0;
}

static void forget_choice(struct ao_info *ao, const struct ao_key *key)
{
	if (key == ao->current)
		ao->current = NULL;
	if (key == ao->rnext)
		ao->rnext = NULL;
}

static int del_key(struct tcp_sock *sk, const void *val, size_t len)
{
	struct tcp_ao_del cmd;
	struct choice choice;
	struct ao_info *ao = sk->auth ? sk->auth->ao : NULL;
	int err = read_struct(&cmd, sizeof(cmd), val, len);
	if (!err)
		err = check_del(sk, &cmd);
	if (!err && !ao)
		err = -ENOENT;
	if (!err)
		err = read_choice(ao, &choice, cmd.set_current, cmd.current_key, cmd.set_rnext,
				  cmd.rnext);
	if (err)
		return err;
	struct peer peer = read_peer(&cmd.addr);
	if (peer.port != 0 || cmd.ifindex)
		return -EINVAL;
	struct ao_key *key = find_exact(ao, &cmd, &peer);
	if (!key || key == choice.current || key == choice.rnext)
		return -ENOENT;
	choose(sk, ao, &choice);
	if (cmd.del_async) /* a listener's: nobody signs with it */
		forget_choice(ao, key);
	if (key == ao->current || key == ao->rnext)
		return -EBUSY;
	ao_key_free(key);
	return 0;
}

static void set_counters(struct ao_info *ao, const struct tcp_ao_info_opt *cmd)
{
	ao->pkt_good = cmd->pkt_good;
	ao->pkt_bad = cmd->pkt_bad;
	ao->pkt_key_not_found = cmd->pkt_key_not_found;
	ao->pkt_ao_required = cmd->pkt_ao_required;
	ao->pkt_dropped_icmp = cmd->pkt_dropped_icmp;
}

static int change_info(struct tcp_sock *sk, const struct tcp_ao_info_opt *cmd)
{
	struct choice choice;
	struct ao_info *ao = info_of(sk);
	if (!ao)
		return -ENOMEM;
	if (cmd->ao_required && !list_empty(&sk->auth->md5_keys))
		return -EKEYREJECTED;
	int err = read_choice(ao, &choice, cmd->set_current, cmd->current_key, cmd->set_rnext,
			      cmd->rnext);
	if (err)
		return err;
	if (cmd->set_counters)
		set_counters(ao, cmd);
	ao->required = cmd->ao_required;
	ao->accept_icmps = cmd->accept_icmps;
	choose(sk, ao, &choice);
	return 0;
}

static int set_info(struct tcp_sock *sk, const void *val, size_t len)
{
	struct tcp_ao_info_opt cmd;
	bool was_there = sk->auth && sk->auth->ao;
	int err = read_struct(&cmd, sizeof(cmd), val, len);
	if (err)
		return err;
	if (!may_choose(sk, cmd.set_current, cmd.set_rnext) || cmd.reserved || cmd.reserved2)
		return -EINVAL;
	err = change_info(sk, &cmd);
	if (err)
		forget_empty(sk, was_there);
	return err;
}

int ao_setsockopt(struct tcp_sock *sk, int name, const void *val, size_t len)
{
	if (name == TCP_AO_GET_KEYS)
		return -ENOPROTOOPT;
	if (name == TCP_AO_REPAIR)
		return -EPERM;
	/* RFC 5925 7.4: a connection that began without cannot become protected. */
	if (sockopt_is_open(sk) && !(sk->auth && sk->auth->ao))
		return -EISCONN;
	if (name == TCP_AO_ADD_KEY)
		return add_key(sk, val, len);
	return name == TCP_AO_DEL_KEY ? del_key(sk, val, len) : set_info(sk, val, len);
}

/* --- getsockopt() ---------------------------------------------------------------------------- */

/* What comes in may be shorter than the struct: the rest is zero. */
static int read_request(void *to, size_t size, const void *val, size_t len)
{
	memset(to, 0, size);
	if (len == 0)
		return -EINVAL;
	if (len >= size)
		return read_struct(to, size, val, len);
	memcpy(to, val, len);
	return 0;
}

static int get_info(const struct tcp_sock *sk, void *val, size_t *len)
{
	struct tcp_ao_info_opt in, out = {0};
	const struct ao_info *ao = sk->auth ? sk->auth->ao : NULL;
	int err = read_request(&in, sizeof(in), val, *len);
	if (err)
		return err;
	if (in.reserved || in.reserved2)
		return -EINVAL;
	if (!ao)
		return -ENOENT;
	out.ao_required = ao->required;
	out.accept_icmps = ao->accept_icmps;
	out.pkt_good = ao->pkt_good;
	out.pkt_bad = ao->pkt_bad;
	out.pkt_key_not_found = ao->pkt_key_not_found;
	out.pkt_ao_required = ao->pkt_ao_required;
	out.pkt_dropped_icmp = ao->pkt_dropped_icmp;
	out.set_current = ao->current != NULL;
	out.current_key = ao->current ? ao->current->sndid : 0;
	out.set_rnext = ao->rnext != NULL;
	out.rnext = ao->rnext ? ao->rnext->rcvid : 0;
	return sockopt_give(val, len, &out, sizeof(out));
}

/* Asks either for all or one of the chosen, or by address and IDs. */
static int check_get(const struct tcp_ao_getsockopt *in, const struct peer *peer)
{
	bool chosen = in->is_current || in->is_rnext;
	bool by_address = !in->get_all && !chosen;
	if (in->pkt_good || in->pkt_bad || in->reserved || (in->get_all && chosen))
		return -EINVAL;
	int err = check_scope(in->ifindex, in->keyflags);
	if (err)
		return err;
	if (peer->family == 0 && !by_address)
		return in->prefix || in->sndid || in->rcvid ? -EINVAL : 0;
	if (peer->family != AF_INET_)
		return -EAFNOSUPPORT;
	if (!by_address || in->prefix > 32 || (peer->v4 == 0 && in->prefix != 0))
		return -EINVAL;
	return 0;
}

static bool is_asked_for(const struct ao_info *ao, const struct ao_key *key,
			 const struct tcp_ao_getsockopt *in, const struct peer *peer)
{
	if (in->get_all)
		return true;
	if (in->is_current || in->is_rnext)
		return (in->is_current && key == ao->current) || (in->is_rnext && key == ao->rnext);
	return key->sndid == in->sndid && key->rcvid == in->rcvid &&
	       ao_key_covers(key, peer->v4, in->prefix);
}

static void describe(const struct ao_info *ao, const struct ao_key *key,
		     struct tcp_ao_getsockopt *out)
{
	uint16_t family = AF_INET_;
	uint8_t *addr = (uint8_t *)&out->addr;
	memset(out, 0, sizeof(*out));
	memcpy(addr, &family, sizeof(family));
	put_be32(addr + offsetof(struct sockaddr_in, sin_addr), key->v4);
	strncpy(out->alg_name, algorithm_name(key), sizeof(out->alg_name) - 1);
	out->prefix = key->prefix_len;
	out->sndid = key->sndid;
	out->rcvid = key->rcvid;
	out->maclen = key->mac_len;
	out->keyflags = key->keyflags;
	out->keylen = key->len;
	out->is_current = key == ao->current;
	out->is_rnext = key == ao->rnext;
	out->pkt_good = key->pkt_good;
	out->pkt_bad = key->pkt_bad;
	memcpy(out->key, key->key, key->len);
}

static int get_key(const struct tcp_sock *sk, void *val, size_t *len)
{
	struct tcp_ao_getsockopt in, out;
	const struct ao_info *ao = sk->auth ? sk->auth->ao : NULL;
	uint32_t matched = 0;
	if (!ao)
		return -ENOENT;
	int err = read_request(&in, sizeof(in), val, *len);
	struct peer peer = read_peer(&in.addr);
	if (!err)
		err = check_get(&in, &peer);
	if (err)
		return err;
	out = in;
	list_for_each (pos, &ao->keys) {
		const struct ao_key *key = container_of(pos, struct ao_key, node);
		if (is_asked_for(ao, key, &in, &peer) && ++matched == in.nkeys)
			describe(ao, key, &out);
	}
	out.nkeys = matched;
	err = sockopt_give(val, len, &out, sizeof(out));
	explicit_bzero(&out, sizeof(out));
	return err;
}

int ao_getsockopt(struct tcp_sock *sk, int name, void *val, size_t *len)
{
	if (name == TCP_AO_REPAIR)
		return -EPERM;
	if (name == TCP_AO_INFO)
		return get_info(sk, val, len);
	return name == TCP_AO_GET_KEYS ? get_key(sk, val, len) : -ENOPROTOOPT;
}
