/* SPDX-License-Identifier: MIT */
/*
 * The program's memory, touched through the kernel: a bad pointer is EFAULT, as it is for a system
 * call, and not a crash in our code. Used by control calls only.
 */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "shim/shim.h"

static bool through_kernel(long call, void *mine, const void *theirs, size_t n)
{
	struct iovec local = {mine, n}, remote = {(void *)theirs, n};
	int saved = errno;
	long rc = syscall(call, getpid(), &local, 1, &remote, 1, 0);
	bool refused = rc < 0 && (errno == ENOSYS || errno == EPERM || errno == ESRCH);
	errno = saved;
	if (refused) { /* forbidden to this program: as libc itself would do it */
		if (call == SYS_process_vm_readv)
			memcpy(mine, theirs, n);
		else
			memcpy((void *)theirs, mine, n);
		return true;
	}
	return rc == (long)n;
}

bool copy_in(void *to, const void *from, size_t n)
{
	return n == 0 || through_kernel(SYS_process_vm_readv, to, from, n);
}

bool copy_out(void *to, const void *from, size_t n)
{
	return n == 0 || through_kernel(SYS_process_vm_writev, (void *)from, to, n);
}

int put_address(const struct sockaddr_in *from, struct sockaddr *to, socklen_t *len)
{
	socklen_t room, whole = sizeof(*from);
	if (!copy_in(&room, len, sizeof(room)))
		return fail(EFAULT);
	if ((int)room < 0)
		return fail(EINVAL);
	if (!copy_out(to, from, room < whole ? room : whole) ||
	    !copy_out(len, &whole, sizeof(whole)))
		return fail(EFAULT);
	return 0;
}
