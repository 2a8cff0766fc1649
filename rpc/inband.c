/* SPDX-License-Identifier: MIT */
/* Which options cannot fail: see inband.h. */
#include "rpc/inband.h"

#include <limits.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "rpc/rpc.h"

#define ANY INT_MIN, INT_MAX

/* An int within these bounds is always taken, but perhaps by a listener. */
static const struct certain {
	int level, name, min, max;
} certain[] = {
    {SOL_SOCKET, SO_REUSEADDR, ANY},
    {SOL_SOCKET, SO_REUSEPORT, ANY},
    {SOL_SOCKET, SO_KEEPALIVE, ANY},
    {SOL_SOCKET, SO_SNDBUF, ANY},
    {SOL_SOCKET, SO_RCVBUF, ANY},
    {SOL_SOCKET, SO_MAX_PACING_RATE, ANY},
    {IPPROTO_TCP, TCP_NODELAY, ANY},
    {IPPROTO_TCP, TCP_CORK, ANY},
    {IPPROTO_TCP, TCP_QUICKACK, ANY},
    {IPPROTO_TCP, TCP_LINGER2, ANY},
    {IPPROTO_TCP, TCP_KEEPIDLE, 1, 32767},
    {IPPROTO_TCP, TCP_KEEPINTVL, 1, 32767},
    {IPPROTO_TCP, TCP_KEEPCNT, 1, 127},
    {IPPROTO_TCP, TCP_SYNCNT, 1, 127},
    {IPPROTO_TCP, TCP_MAXSEG, 88, 32767},
    {IPPROTO_TCP, TCP_USER_TIMEOUT, 0, INT_MAX},
    {IPPROTO_TCP, TCP_NOTSENT_LOWAT, INT_MIN, -1}, /* 0: the sysctl's, which xtcpd knows */
    {IPPROTO_TCP, TCP_NOTSENT_LOWAT, 1, INT_MAX},
    {IPPROTO_TCP, TCP_WINDOW_CLAMP, 1, INT_MAX},
    {IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, 0, 1},
    {IPPROTO_IP, IP_TOS, ANY},
    {IPPROTO_IP, IP_TTL, 1, 255},
    {IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT, IP_PMTUDISC_OMIT},
};

static bool is_certain(int level, int name, const void *value, size_t len)
{
	int v;

	if (level == SOL_SOCKET && name == SO_LINGER)
		return len == sizeof(struct linger);
	if (len != sizeof(v))
		return false;
	memcpy(&v, value, sizeof(v));
	for (size_t i = 0; i < sizeof(certain) / sizeof(certain[0]); i++)
		if (certain[i].level == level && certain[i].name == name && v >= certain[i].min &&
		    v <= certain[i].max)
			return true;
	return false;
}

bool inband_make(struct rpc_inband *rec, int level, int name, const void *value, size_t len)
{
	if (!is_certain(level, name, value, len))
		return false;
	*rec = (struct rpc_inband){.magic = RPC_INBAND_MAGIC,
				   .version = RPC_VERSION,
				   .value_len = (uint16_t)len,
				   .level = level,
				   .name = name};
	memcpy(rec->value, value, len);
	return true;
}

bool inband_valid(const struct rpc_inband *rec)
{
	static const uint8_t zeros[RPC_INBAND_VALUE_MAX];

	return rec->magic == RPC_INBAND_MAGIC && rec->version == RPC_VERSION &&
	       rec->value_len <= RPC_INBAND_VALUE_MAX &&
	       is_certain(rec->level, rec->name, rec->value, rec->value_len) &&
	       memcmp(rec->value + rec->value_len, zeros, sizeof(rec->value) - rec->value_len) == 0;
}

bool inband_is_about_bytes(const struct rpc_inband *rec)
{
	return rec->level == IPPROTO_TCP && (rec->name == TCP_NODELAY || rec->name == TCP_CORK);
}

bool inband_holds_bytes(const struct rpc_inband *rec)
{
	int v;

	memcpy(&v, rec->value, sizeof(v));
	return inband_is_about_bytes(rec) && (v != 0) == (rec->name == TCP_CORK);
}

bool inband_is_about_ports(const struct rpc_inband *rec)
{
	return rec->level == SOL_SOCKET && (rec->name == SO_REUSEADDR || rec->name == SO_REUSEPORT);
}
