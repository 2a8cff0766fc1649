/* SPDX-License-Identifier: MIT */
/*
 * A socket that a rule leaves to the kernel.
 *
 * Whose a socket is shows only when bind() or connect() names an address; until then it is ours.
 * When the rule says "kernel", a TCP socket of the kernel takes F's place under the same numbers: in
 * every descriptor and every epoll set of this process that has F (fall_places.c), with its flags,
 * its owner for signals, and the options set so far. Those the kernel keeps for F are read from F;
 * the others xtcpd has noted, as asked to by RPC_FLAG_KEEP. One that was bound on the stack, or
 * tried to connect there, stays there.
 */
#include "shim/fall.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "shim/hint.h"
#include "shim/shim.h"

/* --- options */

/* What was set on F itself. Nothing is set that is as the kernel makes it. */
static bool copy_native(int from, int to, int name, int made)
{
	union {
		int number;
		struct timeval time;
	} value = {.number = 0};
	socklen_t len = sizeof(value);

	if (real.getsockopt(from, SOL_SOCKET, name, &value, &len) < 0)
		return true; /* this kernel has no such option */
	if (len == sizeof(int) ? value.number == made
			       : value.time.tv_sec == 0 && value.time.tv_usec == 0)
		return true;
	return real.setsockopt(to, SOL_SOCKET, name, &value, len) == 0;
}

static bool copy_natives(int from, int to)
{
	/* those that options.c leaves to the kernel */
	static const int names[] = {SO_RCVTIMEO,  SO_SNDTIMEO,	      SO_BROADCAST, SO_DEBUG,
				    SO_OOBINLINE, SO_PRIORITY,	      SO_NO_CHECK,  SO_RXQ_OVFL,
				    SO_NOFCS,	  SO_SELECT_ERR_QUEUE};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!copy_native(from, to, names[i], 0))
			return false;
	return copy_native(from, to, SO_RCVLOWAT, 1);
}

/* The records of one reply. False with errno: the kernel does not take one, or it is damaged. */
static bool set_records(int to, const struct rpc_reply *reply)
{
	struct rpc_option option;

	for (uint32_t at = 0; at < reply->value_len;) {
		if (reply->value_len - at < sizeof(option))
			return fail(ENETDOWN) == 0;
		memcpy(&option, reply->value + at, sizeof(option));
		at += sizeof(option);
		if (option.len > reply->value_len - at)
			return fail(ENETDOWN) == 0;
		if (real.setsockopt(to, option.level, option.name, reply->value + at, option.len) <
		    0)
			return false;
		at += option.len;
	}
	return true;
}

enum kept { KEPT_SET, KEPT_BOUND, KEPT_FAILED };

/* What xtcpd has noted. */
static enum kept copy_kept(int from, int to)
{
	struct rpc_request req;
	struct rpc_reply reply = {.arg = 0};

	if (!f_attached(from))
		return KEPT_SET; /* xtcpd has never heard of it */
	do {
		rpc_init(&req, RPC_OPTIONS);
		req.arg = reply.arg;
		if (!xtcpd_ask(from, &req, &reply))
			return KEPT_FAILED;
		if (reply.addr.sin_port)
			return KEPT_BOUND;
		if (!set_records(to, &reply))
			return KEPT_FAILED;
	} while (reply.arg > req.arg);
	return KEPT_SET;
}

/* --- flags */

static bool copy_flags(int from, int to)
{
	struct f_owner_ex owner = {.pid = 0};
	int status = fcntl(from, F_GETFL), number = fcntl(from, F_GETSIG);

	if (fcntl(from, F_GETOWN_EX, &owner) == 0 && owner.pid &&
	    fcntl(to, F_SETOWN_EX, &owner) < 0)
		return false;
	if (number > 0 && fcntl(to, F_SETSIG, number) < 0)
		return false;
	return fcntl(to, F_SETFL, status) == 0;
}

/* --- the whole */

static bool replace(int fd, int fresh)
{
	struct fall_places places;

	if (!copy_natives(fd, fresh) || !copy_flags(fd, fresh) || !places_find(&places, fd) ||
	    !places_replace(&places, fresh))
		return false;
	for (unsigned i = 0; i < places.fds; i++)
		hint_set(places.fd[i], 0);
	return true;
}

/* For xtcpctl ps: who has what at the kernel, and by which rule. Nobody waits for it. */
static void report(const struct rule *rule, enum rule_use use, const struct sockaddr_in *addr)
{
	struct rpc_request req;
	char *text = (char *)req.value;

	rpc_init(&req, RPC_FELL);
	req.addr = *addr;
	req.arg = use;
	req.value_len = (uint32_t)(put_place(text, text + RPC_VALUE_MAX / 2, rule->line) - text);
	xtcpd_tell(&req);
}

bool f_falls(int fd, enum rule_use use, const struct sockaddr_in *addr, int *rc)
{
	const struct rule *rule = rule_to_leave(use, addr);

	if (!rule || f_decided(fd))
		return false;
	*rc = -1;
	int fresh = real.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fresh < 0)
		return true;
	enum kept kept = copy_kept(fd, fresh);
	if (kept == KEPT_SET && replace(fd, fresh))
		*rc = 0;
	int saved = errno;
	real.close(fresh);
	if (*rc == 0)
		report(rule, use, addr);
	errno = saved;
	return kept != KEPT_BOUND;
}
