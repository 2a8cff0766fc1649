/* SPDX-License-Identifier: MIT */
/*
 * The options of TCP Fast Open: TCP_FASTOPEN (how many connections of a listener may be pending),
 * TCP_FASTOPEN_KEY (the cookies' keys, one or two), TCP_FASTOPEN_CONNECT (connect() waits for data
 * to take along), TCP_FASTOPEN_NO_COOKIE.
 */
#include <errno.h>
#include <stdlib.h>

#include "stack/tcp/fastopen.h"
#include "stack/tcp/sockopt.h"

static int set_max_qlen(struct tcp_sock *sk, int value)
{
	uint32_t max = sk->stack->sysctl.somaxconn;
	if (value < 0 || sockopt_is_open(sk))
		return -EINVAL;
	sk->fastopen_max_qlen = (uint32_t)value < max ? (uint32_t)value : max;
	return 0;
}

static int set_connect(struct tcp_sock *sk, int value)
{
	if (value < 0 || value > 1)
		return -EINVAL;
	if (!fastopen_mode(sk, TFO_CLIENT_ENABLE))
		return -EOPNOTSUPP;
	if (sk->c.state != TCP_CLOSE)
		return -EINVAL;
	sk->fastopen_connect = value != 0;
	return 0;
}

int fastopen_setsockopt(struct tcp_sock *sk, int name, int value)
{
	switch (name) {
	case TCP_FASTOPEN:
		return set_max_qlen(sk, value);
	case TCP_FASTOPEN_CONNECT:
		return set_connect(sk, value);
	case TCP_FASTOPEN_NO_COOKIE:
		if (value < 0 || value > 1 || sockopt_is_open(sk))
			return -EINVAL;
		sk->fastopen_no_cookie = value != 0;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

int fastopen_getsockopt(const struct tcp_sock *sk, int name, int *value)
{
	switch (name) {
	case TCP_FASTOPEN:
		*value = (int)sk->fastopen_max_qlen;
		return 0;
	case TCP_FASTOPEN_CONNECT:
		*value = sk->fastopen_connect;
		return 0;
	case TCP_FASTOPEN_NO_COOKIE:
		*value = sk->fastopen_no_cookie;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

/* One key, or the one in use and the one before it; as words of little endian. */
int fastopen_set_key(struct tcp_sock *sk, const void *val, size_t len)
{
	const uint8_t *bytes = val;
	if (len != FASTOPEN_KEY_BYTES && len != 2 * FASTOPEN_KEY_BYTES)
		return -EINVAL;
	struct fastopen_keys *keys = sk->fastopen_keys;
	if (!keys)
		keys = sk->fastopen_keys = calloc(1, sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	keys->count = (uint32_t)(len / FASTOPEN_KEY_BYTES);
	for (size_t i = 0; i < len / 4; i++)
		keys->word[i / 4][i % 4] = bytes[4 * i] | (uint32_t)bytes[4 * i + 1] << 8 |
					   (uint32_t)bytes[4 * i + 2] << 16 |
					   (uint32_t)bytes[4 * i + 3] << 24;
	return 0;
}

int fastopen_get_key(const struct tcp_sock *sk, void *val, size_t *len)
{
	const struct fastopen_keys *keys =
	    sk->fastopen_keys ? sk->fastopen_keys : &sk->stack->sysctl.tcp_fastopen_key;
	uint8_t bytes[2 * FASTOPEN_KEY_BYTES];
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(keys->word[i / 16][i / 4 % 4] >> 8 * (i % 4));
	return sockopt_give(val, len, bytes, keys->count * FASTOPEN_KEY_BYTES);
}
