/* SPDX-License-Identifier: MIT */
/*
 * The options of IPPROTO_IP that mean something to a TCP socket.
 *
 * IP_MTU_DISCOVER says who adapts to the path. WANT (the default) and DO set DF and learn from ICMP
 * (RFC 1191); DONT sends without DF and does not listen to ICMP; PROBE, INTERFACE and OMIT send
 * without DF as large as the link takes, as Linux has it for TCP: routers cut.
 */
#include <errno.h>
#include <linux/in.h>

#include "stack/tcp/sockopt.h"

#define ECN_MASK 3

/* What is to be told along with a datagram: a stream has no place for it, on Linux neither. */
#define CMSG_OPTIONS                                                                               \
	(1u << IP_RECVOPTS | 1u << IP_RETOPTS | 1u << IP_PKTINFO | 1u << IP_RECVTTL |              \
	 1u << IP_RECVTOS | 1u << IP_PASSSEC | 1u << IP_RECVORIGDSTADDR | 1u << IP_CHECKSUM)

static bool is_cmsg_option(int name)
{
	return name > 0 && name < 32 && CMSG_OPTIONS & 1u << name;
}

bool ip_sk_dont_fragment(const struct tcp_sock *sk)
{
	return sk->pmtudisc == IP_PMTUDISC_WANT || sk->pmtudisc == IP_PMTUDISC_DO;
}

bool ip_sk_accepts_pmtu(const struct tcp_sock *sk)
{
	return sk->pmtudisc != IP_PMTUDISC_DONT && sk->pmtudisc != IP_PMTUDISC_INTERFACE &&
	       sk->pmtudisc != IP_PMTUDISC_OMIT;
}

void ip_sk_init(struct tcp_sock *sk)
{
	uint32_t off = sk->stack->sysctl.ip_no_pmtu_disc;
	sk->pmtudisc = off == 1 || off == 2 ? IP_PMTUDISC_DONT : IP_PMTUDISC_WANT;
}

static int set_int(struct tcp_sock *sk, int name, int value, size_t len)
{
	if (is_cmsg_option(name)) {
		sk->ip_cmsg = (sk->ip_cmsg & ~(1u << name)) | (value != 0 ? 1u << name : 0);
		return 0;
	}
	switch (name) {
	case IP_TOS: /* the ECN bits are TCP's own */
		sk->c.tos = (uint8_t)((value & ~ECN_MASK) | (sk->c.tos & ECN_MASK));
		return 0;
	case IP_TTL:
		if (len < 1 || (value != -1 && (value < 1 || value > 255)))
			return -EINVAL;
		sk->ttl = value == -1 ? 0 : (uint8_t)value;
		return 0;
	case IP_BIND_ADDRESS_NO_PORT:
		sk->bind_no_port = value != 0;
		return 0;
	case IP_FREEBIND:
		if (len < 1)
			return -EINVAL;
		sk->freebind = value != 0;
		return 0;
	case IP_MTU_DISCOVER:
		if (value < IP_PMTUDISC_DONT || value > IP_PMTUDISC_OMIT)
			return -EINVAL;
		sk->pmtudisc = (uint8_t)value;
		return 0;
	case IP_RECVERR: /* there is no way to report an error that does not end the connection */
		return value == 0 ? 0 : -ENOPROTOOPT;
	default:
		return -ENOPROTOOPT;
	}
}

/* The options of this level take an int or a single byte. */
int ip_setsockopt(struct tcp_sock *sk, int name, const void *val, size_t len)
{
	int value = 0;
	if (len >= sizeof(value))
		memcpy(&value, val, sizeof(value));
	else if (len >= 1)
		value = *(const uint8_t *)val;
	return set_int(sk, name, value, len);
}

static int get_int(const struct tcp_sock *sk, int name, int *value)
{
	if (is_cmsg_option(name)) {
		*value = sk->ip_cmsg >> name & 1;
		return 0;
	}
	switch (name) {
	case IP_TOS:
		*value = sk->c.tos;
		return 0;
	case IP_TTL:
		*value = sk->ttl ? sk->ttl : (int)sk->stack->sysctl.ip_default_ttl;
		return 0;
	case IP_BIND_ADDRESS_NO_PORT:
		*value = sk->bind_no_port;
		return 0;
	case IP_FREEBIND:
		*value = sk->freebind;
		return 0;
	case IP_MTU_DISCOVER:
		*value = sk->pmtudisc;
		return 0;
	case IP_RECVERR:
		*value = 0;
		return 0;
	case IP_MTU:
		if (!sockopt_is_open(sk))
			return -ENOTCONN;
		*value = (int)sk->pmtu_bytes;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

int ip_getsockopt(struct tcp_sock *sk, int name, void *val, size_t *len)
{
	int value;
	if (name == IP_OPTIONS) { /* none were received, none are sent */
		*len = 0;
		return 0;
	}
	int err = get_int(sk, name, &value);
	if (err)
		return err;
	/* A small value fits a room smaller than an int. */
	uint8_t byte = (uint8_t)value;
	if (*len > 0 && *len < sizeof(value) && value >= 0 && value <= 255)
		return sockopt_give(val, len, &byte, sizeof(byte));
	return sockopt_give(val, len, &value, sizeof(value));
}
