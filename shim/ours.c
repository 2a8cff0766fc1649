/* SPDX-License-Identifier: MIT */
/* What the kernel remembers of a socket of ours: see shim.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "shim/hint.h"
#include "shim/shim.h"

_Atomic uint8_t fd_hints[HINTED_FDS];

#define NAME_OFFSET (offsetof(struct sockaddr_un, sun_path) + 1)
#define MARK_LEN (sizeof(RPC_MARK) - 1)
/* The word: RPC_STATE_MAGIC, and below it */
#define WORD_MAGIC_MASK 0xffffffff00000000ull
#define WORD_STATE 0xffull
#define WORD_ERROR_SHIFT 8
#define WORD_ERROR (0xffull << WORD_ERROR_SHIFT)
#define WORD_READ_SHUT 0x10000ull
#define WORD_DECIDED 0x20000ull
#define WORD_FAST 0x40000ull
#define WORD_OPTIONS 0x80000ull
#define WORD_DEFERRED 0x100000ull
#define WORD_INQ 0x200000ull

static bool is_marked(const struct sockaddr_un *un, socklen_t len)
{
	return len >= NAME_OFFSET + MARK_LEN && un->sun_path[0] == '\0' &&
	       memcmp(un->sun_path + 1, RPC_MARK, MARK_LEN) == 0;
}

static socklen_t name_of(int fd, struct sockaddr_un *un)
{
	socklen_t len = sizeof(*un);
	int saved = errno;
	if (real.getsockname(fd, (struct sockaddr *)un, &len) < 0)
		len = 0;
	errno = saved;
	return len && un->sun_family == AF_UNIX ? len : 0;
}

/* By its own name; or, of an end that xtcpd has handed over, by its peer's. */
bool f_is_ours(int fd)
{
	struct sockaddr_un un;
	socklen_t len = name_of(fd, &un);
	if (len == 0 || is_marked(&un, len))
		return len > 0;
	int saved = errno;
	len = sizeof(un);
	bool ours = real.getpeername(fd, (struct sockaddr *)&un, &len) == 0 && is_marked(&un, len);
	errno = saved;
	return ours && f_state_of(fd) == F_CONNECTED;
}

bool f_accepted_name(int fd, struct rpc_name *name)
{
	struct sockaddr_un un;
	if (name_of(fd, &un) != NAME_OFFSET + sizeof(*name) || un.sun_path[0] != '\0' ||
	    memcmp(un.sun_path + 1, RPC_NAME_MARK, sizeof(RPC_NAME_MARK)) != 0)
		return false;
	memcpy(name, un.sun_path + 1, sizeof(*name));
	return true;
}

bool f_attached(int fd)
{
	struct sockaddr_un un;
	socklen_t len = sizeof(un);
	int saved = errno;
	bool yes = real.getpeername(fd, (struct sockaddr *)&un, &len) == 0;
	errno = saved;
	return yes;
}

static uint64_t word_of(int fd)
{
	uint64_t word = 0;
	socklen_t len = sizeof(word);
	int saved = errno;
	int rc = real.getsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &word, &len);
	errno = saved;
	if (rc < 0 || len != sizeof(word) || (word & WORD_MAGIC_MASK) != RPC_STATE_MAGIC)
		return F_NONE;
	return word & ~WORD_MAGIC_MASK;
}

static void set_word(int fd, uint64_t word)
{
	int saved = errno;
	word |= RPC_STATE_MAGIC;
	real.setsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &word, sizeof(word));
	errno = saved;
}

enum f_state f_state_of(int fd)
{
	return (enum f_state)(word_of(fd) & WORD_STATE);
}

void f_set_state(int fd, enum f_state state)
{
	uint64_t told = RPC_STATE_LOCAL | RPC_STATE_STREAM;
	uint64_t kept = state == F_CONNECTED ? word_of(fd) & told : 0;
	set_word(fd, kept | (uint64_t)state | (word_of(fd) & (WORD_OPTIONS | WORD_INQ)));
}

bool f_is_local(int fd)
{
	return word_of(fd) & RPC_STATE_LOCAL;
}

static enum f_stage stage_of_connecting(int fd, uint64_t word)
{
	short got = word & RPC_STATE_STREAM ? f_poll(fd, POLLOUT, 0) : -1;
	if (got == 0)
		return F_STAGE_PADDED;
	return got == POLLOUT ? F_STAGE_STREAM : F_STAGE_OTHER; /* its success is not told yet */
}

enum f_stage f_stage_of(int fd)
{
	struct rpc_name name;
	uint64_t word = word_of(fd);
	switch (word & WORD_STATE) {
	case F_NONE:
		if (!f_accepted_name(fd, &name))
			return F_STAGE_FRESH;
		return word & RPC_STATE_LOCAL ? F_STAGE_OTHER : F_STAGE_STREAM;
	case F_CONNECTING:
		return stage_of_connecting(fd, word);
	case F_CONNECTED:
		return word & RPC_STATE_STREAM ? F_STAGE_STREAM : F_STAGE_OTHER;
	default:
		return F_STAGE_OTHER;
	}
}

void f_note_options(int fd)
{
	set_word(fd, word_of(fd) | WORD_OPTIONS);
}

void f_set_inq(int fd, bool on)
{
	uint64_t word = word_of(fd) & ~WORD_INQ;
	set_word(fd, on ? word | WORD_INQ | WORD_OPTIONS : word);
}

bool f_tells_inq(int fd)
{
	return word_of(fd) & WORD_INQ;
}

bool f_is_listener(int fd, bool *has_options)
{
	uint64_t word = word_of(fd);
	*has_options = word & WORD_OPTIONS;
	return (word & WORD_STATE) == F_LISTENING;
}

bool f_has_options(int fd)
{
	return word_of(fd) & WORD_OPTIONS;
}

void f_set_pending(int fd, int err)
{
	set_word(fd,
		 (word_of(fd) & ~WORD_ERROR) | ((uint64_t)err << WORD_ERROR_SHIFT & WORD_ERROR));
}

int f_take_pending(int fd)
{
	uint64_t word = word_of(fd);
	int err = (int)((word & WORD_ERROR) >> WORD_ERROR_SHIFT);
	if (err)
		set_word(fd, word & ~WORD_ERROR);
	return err;
}

void f_set_read_shut(int fd)
{
	set_word(fd, word_of(fd) | WORD_READ_SHUT);
}

bool f_read_shut(int fd)
{
	return word_of(fd) & WORD_READ_SHUT;
}

void f_set_decided(int fd)
{
	set_word(fd, word_of(fd) | WORD_DECIDED);
}

bool f_decided(int fd)
{
	return word_of(fd) & WORD_DECIDED;
}

void f_set_fast(int fd, bool fast)
{
	uint64_t word = word_of(fd) & ~WORD_FAST;
	if ((word & WORD_STATE) == F_NONE)
		set_word(fd, fast ? word | WORD_FAST : word);
}

bool f_is_fast(int fd)
{
	return word_of(fd) & WORD_FAST;
}

void f_set_deferred(int fd)
{
	set_word(fd, word_of(fd) | WORD_DEFERRED);
}

bool f_is_deferred(int fd)
{
	return word_of(fd) & WORD_DEFERRED;
}

int f_take_native_error(int fd)
{
	int err = 0, saved = errno;
	socklen_t len = sizeof(err);
	real.getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
	errno = saved;
	return err;
}

short f_poll(int fd, short events, int timeout_ms)
{
	struct pollfd p = {fd, events, 0};
	struct timespec t = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};
	long rc = syscall(SYS_ppoll, &p, 1, timeout_ms < 0 ? NULL : &t, NULL, 0);
	return rc < 0 ? (short)-1 : p.revents;
}

bool f_hungup(int fd)
{
	int saved = errno;
	short got = f_poll(fd, 0, 0);
	errno = saved;
	return got != -1 && got & (POLLHUP | POLLERR);
}

static char *put_hex(char *p, uint64_t v)
{
	static const char digits[] = "0123456789abcdef";
	for (int shift = 60; shift >= 0; shift -= 4)
		*p++ = digits[v >> shift & 15];
	return p;
}

/* Unique while it lives: the kernel refuses a name in use, and the next number is tried. */
static int give_name(int fd)
{
	static _Atomic uint32_t counter;
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	for (int tries = 0; tries < 10000; tries++) {
		uint64_t n = (uint64_t)getpid() << 32 | atomic_fetch_add(&counter, 1);
		memcpy(un.sun_path + 1, RPC_MARK, MARK_LEN);
		char *end = put_hex(un.sun_path + 1 + MARK_LEN, n);
		if (real.bind(fd, (struct sockaddr *)&un, (socklen_t)(end - (char *)&un)) == 0)
			return 0;
		if (errno != EADDRINUSE)
			return -1;
	}
	return -1;
}

int f_create(int flags)
{
	int fd = real.socket(AF_UNIX, SOCK_STREAM | flags, 0);
	return fd < 0 ? -1 : f_make(fd);
}

int f_make(int fd)
{
	if (give_name(fd) == 0) {
		hint_set(fd, HINT_OURS);
		return fd;
	}
	int saved = errno;
	real.close(fd);
	return fail(saved == EADDRINUSE ? ENOBUFS : saved);
}
