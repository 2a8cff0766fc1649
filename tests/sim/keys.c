/* SPDX-License-Identifier: MIT */
/*
 * Signed connections: in some seeds all of them are under TCP MD5 signatures or TCP-AO. With TCP-AO
 * there are two keys, and now and then a program wants its peer to use the other one: segments under
 * both are then under way at once, late ones and repeated ones among them.
 */
#include <linux/in.h>
#include <string.h>

#include "stack/base/bytes.h"
#include "stack/tcp/tcp_auth.h"
#include "tests/sim/sim.h"

static const char *const secrets[2] = {"an old secret", "a new secret"};

static void put_peer(void *sockaddr, uint32_t v4)
{
	uint16_t family = 2;
	memcpy(sockaddr, &family, sizeof(family));
	put_be32((uint8_t *)sockaddr + 4, v4);
}

static void set(struct sim *sim, struct tcp_sock *sk, int name, const void *val, size_t len)
{
	int err = tcp_setsockopt(sk, IPPROTO_TCP, name, val, len);
	if (err)
		sim_fail(sim, "option %d: %d", name, err);
}

static void set_md5(struct sim *sim, struct tcp_sock *sk, uint32_t peer)
{
	struct tcp_md5sig cmd = {.tcpm_keylen = (uint16_t)strlen(secrets[0])};
	put_peer(&cmd.tcpm_addr, peer);
	memcpy(cmd.tcpm_key, secrets[0], cmd.tcpm_keylen);
	set(sim, sk, TCP_MD5SIG, &cmd, sizeof(cmd));
}

static void set_ao(struct sim *sim, struct tcp_sock *sk, uint32_t peer)
{
	struct tcp_ao_info_opt info = {.accept_icmps = 1}; /* or there is no path MTU */
	for (uint8_t i = 0; i < 2; i++) {
		struct tcp_ao_add cmd = {.prefix = 32, .sndid = i, .rcvid = i, .maclen = 12};
		strcpy(cmd.alg_name, i ? "cmac(aes128)" : "hmac(sha1)");
		cmd.maclen = i ? 16 : 12;
		cmd.keylen = (uint8_t)strlen(secrets[i]);
		put_peer(&cmd.addr, peer);
		memcpy(cmd.key, secrets[i], cmd.keylen);
		set(sim, sk, TCP_AO_ADD_KEY, &cmd, sizeof(cmd));
	}
	set(sim, sk, TCP_AO_INFO, &info, sizeof(info));
}

void keys_set(struct sim *sim, struct tcp_sock *sk, uint32_t peer)
{
	if (sim->keys == SIM_KEYS_MD5)
		set_md5(sim, sk, peer);
	else if (sim->keys == SIM_KEYS_AO)
		set_ao(sim, sk, peer);
}

void keys_turn(struct sim *sim, struct tcp_sock *sk)
{
	struct tcp_ao_info_opt info = {.set_rnext = 1, .accept_icmps = 1};
	if (sim->keys != SIM_KEYS_AO || sim_pick(sim, 30) != 0)
		return;
	info.rnext = (uint8_t)sim_pick(sim, 2);
	set(sim, sk, TCP_AO_INFO, &info, sizeof(info));
}

/* What nobody has forged or damaged is under the right key. With TCP-AO there are two exceptions: who
 * answers a SYN twice with initial numbers of its own each time (a cookie; a request_sock that a leap
 * of the clock has ended) has signed one answer with a key that the peer does not use; and what a
 * fast open sends at once may overtake the SYN-ACK, without whose number there is no key. */
void keys_check(struct sim *sim, const struct tcp_sock *sk)
{
	const struct ao_info *ao = sk->auth ? sk->auth->ao : NULL;
	if (sim->keys == SIM_KEYS_NONE || sim->ghosts || sim->link.corrupt_ppm)
		return;
	const uint64_t *n = stack_mib(sk->stack)->counter;
	if (n[TcpExtTCPMD5Failure] || n[TcpExtTCPMD5NotFound] || n[TcpExtTCPMD5Unexpected])
		sim_fail(sim, "signatures: %llu wrong, %llu missing, %llu not asked for",
			 (unsigned long long)n[TcpExtTCPMD5Failure],
			 (unsigned long long)n[TcpExtTCPMD5NotFound],
			 (unsigned long long)n[TcpExtTCPMD5Unexpected]);
	bool two_answers = sim->cookies || sim->jump.by_us;
	if (ao && !two_answers && !sk->syn_fastopen &&
	    (ao->pkt_bad || ao->pkt_ao_required || ao->pkt_key_not_found))
		sim_fail(sim, "TCP-AO: %llu wrong, %llu missing, %llu of no key",
			 (unsigned long long)ao->pkt_bad, (unsigned long long)ao->pkt_ao_required,
			 (unsigned long long)ao->pkt_key_not_found);
}
