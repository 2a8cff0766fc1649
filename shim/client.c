/* SPDX-License-Identifier: MIT */
/*
 * Talking to xtcpd: one connection for each request, or F's own while it is not yet a stream of
 * bytes (rpc/rpc.h). Everything is on the stack; a signal may interrupt any of it and call any of
 * it.
 */
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "shim/hint.h"
#include "shim/shim.h"

#define PAD_CHUNK 4096
#define PAD_CHUNKS_MAX 16
#define TURN_TRIES 20
#define BEYOND_FDS 64	/* of other threads, that may take some at this moment */
#define BUSY_TRIES 5000 /* a millisecond apart: xtcpd's backlog is full */

#define TOLD_PER_SECOND 32

static const uint8_t zeros[PAD_CHUNK];

/* --- reaching it */

static socklen_t path_address(struct sockaddr_un *un)
{
	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, xtcpd_path, strlen(xtcpd_path));
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(xtcpd_path) + 1);
}

/* For programs that have chrooted since: the same rule, held to by credentials. */
static socklen_t abstract_address(struct sockaddr_un *un)
{
	const size_t prefix = sizeof(RPC_ABSTRACT_PREFIX) - 1;
	size_t n = strlen(xtcpd_path);
	if (n > sizeof(un->sun_path) - 1 - prefix)
		n = sizeof(un->sun_path) - 1 - prefix;
	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path + 1, RPC_ABSTRACT_PREFIX, prefix);
	memcpy(un->sun_path + 1 + prefix, xtcpd_path, n);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + prefix + n);
}

/* A non-blocking descriptor is told EAGAIN when xtcpd's backlog is full: it will not be for long.
 */
static int connect_patiently(int fd, const struct sockaddr_un *un, socklen_t len)
{
	for (int tries = 0;; tries++) {
		if (real.connect(fd, (const struct sockaddr *)un, len) == 0 || errno == EISCONN)
			return 0;
		if (errno == EAGAIN && tries < BUSY_TRIES)
			f_poll(-1, 0, 1);
		else if (errno != EINTR)
			return -1;
	}
}

/* One line, and only once in a process: what was tried, and what to do. Not into a connection:
 * under inetd that is what standard error is. */
static void say_once(_Atomic bool *said, const char *const parts[], size_t count)
{
	char line[400], *p = line;
	if (f_is_ours(STDERR_FILENO) || atomic_exchange(said, true))
		return;
	for (size_t i = 0; i < count; i++) {
		size_t n = strlen(parts[i]);
		if (p + n > line + sizeof(line))
			break;
		memcpy(p, parts[i], n);
		p += n;
	}
	if (real.write(STDERR_FILENO, line, (size_t)(p - line)) < 0)
		return; /* nobody to tell */
}

static void complain(int err)
{
	static _Atomic bool said;
	const char *const parts[] = {"xtcp: no daemon at ", xtcpd_path, ": ", strerrordesc_np(err),
				     fallback_to_kernel
					 ? "; this program uses the kernel's sockets\n"
					 : "; start xtcpd, or set XTCP_SOCKET to its socket\n"};
	say_once(&said, parts, sizeof(parts) / sizeof(parts[0]));
}

/* Both have been replaced on disk, and one of them has not been started since. */
static void complain_of_version(void)
{
	static _Atomic bool said;
	const char *const parts[] = {"xtcp: xtcpd at ", xtcpd_path,
				     " is of another version than the libxtcp.so of this program: "
				     "restart the program, or xtcpd\n"};
	say_once(&said, parts, sizeof(parts) / sizeof(parts[0]));
}

void xtcpd_complain_of_restart(void)
{
	static _Atomic bool said;
	const char *const parts[] = {
	    "xtcp: xtcpd at ", xtcpd_path,
	    " has been restarted, and with it went the listening sockets of "
	    "this program: restart it, too\n"};
	say_once(&said, parts, sizeof(parts) / sizeof(parts[0]));
}

static bool reach(int fd)
{
	struct sockaddr_un un;
	if (connect_patiently(fd, &un, path_address(&un)) == 0)
		return true;
	int err = errno;
	if (connect_patiently(fd, &un, abstract_address(&un)) == 0)
		return true;
	complain(err);
	fail(err == EACCES || err == EPERM ? EACCES : ENETDOWN);
	return false;
}

/* Beyond the soft limit, which is raised for a moment: one that had the turn may be interrupted by
 * one that has not, so nobody waits for it long. */
static int socket_beyond_limit(int flags)
{
	static _Atomic bool taken;
	struct rlimit limit, raised;
	int fd = -1;
	for (int tries = 0; atomic_exchange(&taken, true); tries++) {
		if (tries == TURN_TRIES)
			return fail(EMFILE);
		f_poll(-1, 0, 1);
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		raised = limit;
		raised.rlim_cur = limit.rlim_max - limit.rlim_cur < BEYOND_FDS
				      ? limit.rlim_max
				      : limit.rlim_cur + BEYOND_FDS;
		setrlimit(RLIMIT_NOFILE, &raised);
		fd = real.socket(AF_UNIX, SOCK_STREAM | flags, 0);
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	atomic_store(&taken, false);
	return fd < 0 ? fail(EMFILE) : fd;
}

int unix_socket(int flags)
{
	int fd = real.socket(AF_UNIX, SOCK_STREAM | flags, 0);
	return fd < 0 && errno == EMFILE ? socket_beyond_limit(flags) : fd;
}

static int q_open(void)
{
	int q = unix_socket(SOCK_CLOEXEC);
	if (q < 0 || reach(q))
		return q;
	int saved = errno;
	real.close(q);
	return fail(saved);
}

bool xtcpd_present(void)
{
	static _Atomic bool seen; /* only saves the question: who then finds nobody is told so */
	if (atomic_load(&seen))
		return true;
	int q = q_open();
	if (q < 0)
		return false;
	real.close(q);
	atomic_store(&seen, true);
	return true;
}

/* --- records */

void rpc_init(struct rpc_request *req, enum rpc_type type)
{
	memset(req, 0, sizeof(*req));
	req->magic = RPC_MAGIC;
	req->version = RPC_VERSION;
	req->type = (uint16_t)type;
}

/* What follows a record: bytes, then padding. */
struct tail {
	const void *data;
	size_t len;
	uint32_t pad_bytes;
};
static const struct tail no_tail;

/* The record with one or two descriptors attached, and what follows it. */
static bool send_record(int over, const int *fds, size_t count, const struct rpc_request *req,
			const struct tail *tail)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control = {0};
	struct iovec iov[2 + PAD_CHUNKS_MAX] = {{(void *)req, sizeof(*req)},
						{(void *)tail->data, tail->len}};
	size_t n = 2, total = sizeof(*req) + tail->len;
	for (uint32_t left = tail->pad_bytes; left > 0 && n < sizeof(iov) / sizeof(iov[0]); n++) {
		size_t part = left < PAD_CHUNK ? left : PAD_CHUNK;
		iov[n] = (struct iovec){(void *)zeros, part};
		left -= (uint32_t)part;
		total += part;
	}
	struct msghdr msg = {.msg_iov = iov,
			     .msg_iovlen = n,
			     .msg_control = &control,
			     .msg_controllen = CMSG_SPACE(count * sizeof(int))};
	control.align = (struct cmsghdr){.cmsg_len = CMSG_LEN(count * sizeof(int)),
					 .cmsg_level = SOL_SOCKET,
					 .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(&control.align), fds, count * sizeof(int));
	ssize_t sent;
	for (int tries = 0;; tries++) {
		sent = real.sendmsg(over, &msg, MSG_NOSIGNAL);
		if (sent >= 0 || (errno != EINTR && errno != ETOOMANYREFS) || tries >= BUSY_TRIES)
			break;
		if (errno == ETOOMANYREFS) /* until xtcpd has read what is on its way */
			f_poll(-1, 0, 1);
	}
	if (sent == (ssize_t)total)
		return true;
	fail(sent < 0 && errno == ENOMEM ? ENOBUFS : ENETDOWN);
	return false;
}

bool xtcpd_send_own(int fd, struct rpc_request *req, const void *data, size_t len)
{
	struct tail tail = {data, len, req->pad_bytes};
	if (!f_attached(fd) && !reach(fd))
		return false;
	return send_record(fd, &fd, 1, req, &tail);
}

bool xtcpd_attach(int fd)
{
	struct rpc_request req;
	if (f_attached(fd))
		return true;
	rpc_init(&req, RPC_ATTACH);
	hint_set(fd, HINT_OURS | HINT_ASK);
	return xtcpd_send_own(fd, &req, NULL, 0);
}

/* AF_UNIX calls a socket writable while what it sent and the peer has not read is at most a quarter
 * of SO_SNDBUF. */
uint32_t f_padding_bytes(int fd)
{
	int sndbuf = 0;
	socklen_t len = sizeof(sndbuf);
	if (real.getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &sndbuf, &len) < 0 || sndbuf <= 0)
		sndbuf = 212992;
	uint32_t bytes = (uint32_t)sndbuf / 4;
	return bytes < PAD_CHUNK * PAD_CHUNKS_MAX ? bytes : PAD_CHUNK * PAD_CHUNKS_MAX;
}

bool xtcpd_pad(int fd, const void *head, size_t len, uint32_t bytes)
{
	struct iovec iov[1 + PAD_CHUNKS_MAX] = {{(void *)head, len}};
	size_t n = 1;
	for (uint32_t left = bytes; left > 0 && n <= PAD_CHUNKS_MAX; n++) {
		size_t part = left < PAD_CHUNK ? left : PAD_CHUNK;
		iov[n] = (struct iovec){(void *)zeros, part};
		left -= (uint32_t)part;
	}
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = n};
	return real.sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)(len + bytes);
}

int xtcpd_ask_open(int fd, struct rpc_request *req)
{
	if (!xtcpd_attach(fd))
		return -1;
	int q = q_open();
	if (q < 0 || send_record(q, &fd, 1, req, &no_tail))
		return q;
	int saved = errno;
	real.close(q);
	return fail(saved);
}

/* Not interruptible: as a system call that does not sleep. */
bool xtcpd_answer(int q, struct rpc_reply *reply)
{
	size_t got = 0;
	while (got < sizeof(*reply)) {
		ssize_t n = real.read(q, (char *)reply + got, sizeof(*reply) - got);
		if (n > 0)
			got += (size_t)n;
		else if (n == 0 || errno != EINTR)
			break;
	}
	if (got >= offsetof(struct rpc_reply, type) && reply->magic == RPC_MAGIC &&
	    reply->version != RPC_VERSION)
		complain_of_version();
	else if (got == sizeof(*reply) && reply->magic == RPC_MAGIC &&
		 reply->version == RPC_VERSION && reply->value_len <= RPC_VALUE_MAX)
		return true;
	fail(ENETDOWN);
	return false;
}

bool xtcpd_ask(int fd, struct rpc_request *req, struct rpc_reply *reply)
{
	int q = xtcpd_ask_open(fd, req);
	if (q < 0)
		return false;
	bool ok = !reply || xtcpd_answer(q, reply);
	int saved = errno;
	real.close(q);
	errno = saved;
	if (ok && reply && reply->error) {
		fail(reply->error);
		return false;
	}
	return ok;
}

bool xtcpd_ask_itself(struct rpc_request *req, struct rpc_reply *reply)
{
	int q = q_open();
	if (q < 0)
		return false;
	bool ok = send_record(q, &q, 1, req, &no_tail) && xtcpd_answer(q, reply);
	int saved = errno;
	real.close(q);
	errno = saved;
	if (ok && reply->error) {
		fail(reply->error);
		return false;
	}
	return ok;
}

/* A second's number, and how many were told in it. */
static bool may_tell(void)
{
	static _Atomic uint64_t last;
	struct timespec now = {0};
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	uint64_t second = (uint64_t)now.tv_sec << 16, seen = atomic_load(&last);
	uint64_t next = seen >> 16 == second >> 16 ? seen + 1 : second + 1;
	return (next & 0xffff) <= TOLD_PER_SECOND &&
	       atomic_compare_exchange_strong(&last, &seen, next);
}

/* The connection is its own descriptor: what is told is about who tells it. */
void xtcpd_tell(struct rpc_request *req)
{
	struct sockaddr_un un;
	int saved = errno;
	if (!may_tell())
		return;
	int q = real.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (q >= 0 && (real.connect(q, (struct sockaddr *)&un, path_address(&un)) == 0 ||
		       real.connect(q, (struct sockaddr *)&un, abstract_address(&un)) == 0))
		send_record(q, &q, 1, req, &no_tail);
	if (q >= 0)
		real.close(q);
	errno = saved;
}

bool xtcpd_hand_over(int fd, int fresh, struct rpc_reply *reply)
{
	struct rpc_request req;
	int both[2] = {fd, fresh}, q = q_open();
	if (q < 0)
		return false;
	rpc_init(&req, RPC_DISCONNECT);
	bool ok = send_record(q, both, 2, &req, &no_tail) && xtcpd_answer(q, reply);
	int saved = errno;
	real.close(q);
	errno = saved;
	return ok && !reply->error;
}

void tell_refused(unsigned what, const char *call, int err)
{
	static _Atomic uint32_t told;
	struct rpc_request req;
	if (atomic_fetch_or(&told, 1u << what) & 1u << what)
		return;
	rpc_init(&req, RPC_REFUSED);
	req.arg = err;
	req.value_len = (uint32_t)strlen(call);
	memcpy(req.value, call, req.value_len);
	xtcpd_tell(&req);
}

int xtcpd_take_error(int fd)
{
	struct rpc_request req;
	struct rpc_reply reply;
	int saved = errno;
	rpc_init(&req, RPC_GETERR);
	int err = xtcpd_ask(fd, &req, &reply) ? 0 : errno;
	errno = saved;
	return err == ENETDOWN ? ECONNRESET : err; /* the connection went with its daemon */
}
