/* SPDX-License-Identifier: MIT */
/*
 * What this process has seen of a descriptor number, so that a data call need not ask.
 *
 * A hint only chooses the way a call goes; both ways are right for every descriptor, and the truth
 * is what the kernel keeps (shim.h). A number may have been closed and given to a file since, or
 * come by exec, dup or descriptor passing without a hint: the first costs one call that fails,
 * without the second an error that TCP would have told before the call is told after it. One byte
 * each, no lock; a vfork child that changes some does no harm.
 *
 *   HINT_OURS   a socket of ours: signals for broken pipes are raised here, not by AF_UNIX, which
 *               has them also where TCP has an errno to tell
 *   HINT_ASK    not, or not yet, a stream of bytes: bound, listening, connecting, or holding an
 *               error
 */
#ifndef XTCP_SHIM_HINT_H
#define XTCP_SHIM_HINT_H

#include <stdatomic.h>
#include <stdint.h>

#define HINTED_FDS 65536

enum { HINT_OURS = 1, HINT_ASK = 2 };

extern _Atomic uint8_t fd_hints[HINTED_FDS];

static inline unsigned hint_of(int fd)
{
	if ((unsigned)fd >= HINTED_FDS)
		return 0;
	return atomic_load_explicit(&fd_hints[fd], memory_order_relaxed);
}

static inline void hint_set(int fd, unsigned hints)
{
	if ((unsigned)fd < HINTED_FDS)
		atomic_store_explicit(&fd_hints[fd], (uint8_t)hints, memory_order_relaxed);
}

#endif
