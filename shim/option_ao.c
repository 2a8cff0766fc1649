/* SPDX-License-Identifier: MIT */
/*
 * getsockopt() of TCP-AO (Linux 6.7): TCP_AO_INFO and TCP_AO_GET_KEYS read what the program puts
 * into the value before they fill it.
 *
 * TCP_AO_GET_KEYS gives an array: optlen is the size of one element, nkeys says how many there is
 * room for, and how many keys match is said in the first. An array does not fit a record, so xtcpd
 * is asked for one key after the other: there nkeys is which one.
 */
#include <errno.h>
#include <string.h>

#include "shim/shim.h"

#define TCP_AO_INFO_ 40
#define TCP_AO_GET_KEYS_ 41
#define NKEYS_AT 272 /* in struct tcp_ao_getsockopt */
#define KEY_BYTES 304

bool option_reads_value(int level, int name)
{
	return level == IPPROTO_TCP && (name == TCP_AO_INFO_ || name == TCP_AO_GET_KEYS_);
}

static bool ask_key(int fd, const struct rpc_request *like, uint32_t which, uint8_t key[KEY_BYTES],
		    uint32_t *matched)
{
	struct rpc_request req = *like;
	struct rpc_reply reply;
	memcpy(req.value + NKEYS_AT, &which, sizeof(which));
	if (req.value_len < KEY_BYTES)
		req.value_len = KEY_BYTES;
	if (!xtcpd_ask(fd, &req, &reply))
		return false;
	memcpy(matched, reply.value + NKEYS_AT, sizeof(*matched));
	memset(reply.value + NKEYS_AT, 0, sizeof(*matched));
	memcpy(key, reply.value, KEY_BYTES);
	return true;
}

/* The first element, or what there is of it, says how many there are. */
static int say_how_many(uint32_t matched, void *val, socklen_t *len)
{
	socklen_t size = KEY_BYTES;
	if (!copy_out((char *)val + NKEYS_AT, &matched, sizeof(matched)) ||
	    !copy_out(len, &size, sizeof(size)))
		return fail(EFAULT);
	return 0;
}

static int get_keys(int fd, const struct rpc_request *req, socklen_t element, void *val,
		    socklen_t *len)
{
	uint8_t key[KEY_BYTES];
	uint32_t room, matched = 0;
	size_t size = element < KEY_BYTES ? element : KEY_BYTES;
	memcpy(&room, req->value + NKEYS_AT, sizeof(room));
	if (!ask_key(fd, req, 1, key, &matched))
		return -1;
	for (uint32_t i = 0; i < room && i < matched; i++) {
		if (i > 0 && !ask_key(fd, req, i + 1, key, &matched))
			return -1;
		if (!copy_out((char *)val + (size_t)i * element, key, size))
			return fail(EFAULT);
	}
	return say_how_many(matched, val, len);
}

int option_get_reading(int fd, int name, void *val, socklen_t *len)
{
	struct rpc_request req;
	struct rpc_reply reply;
	socklen_t room;
	if (!copy_in(&room, len, sizeof(room)))
		return fail(EFAULT);
	if ((int)room <= 0)
		return fail(EINVAL);
	rpc_init(&req, RPC_GETSOCKOPT);
	req.level = IPPROTO_TCP;
	req.name = name;
	req.value_len = room < RPC_VALUE_MAX ? room : RPC_VALUE_MAX;
	if (!copy_in(req.value, val, req.value_len))
		return fail(EFAULT);
	if (name == TCP_AO_GET_KEYS_)
		return get_keys(fd, &req, room, val, len);
	if (!xtcpd_ask(fd, &req, &reply))
		return -1;
	/* As Linux, which leaves *len alone. */
	return copy_out(val, reply.value, reply.value_len) ? 0 : fail(EFAULT);
}
