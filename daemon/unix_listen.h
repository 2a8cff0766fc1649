/* SPDX-License-Identifier: MIT */
/*
 * Listening AF_UNIX sockets that are files: made, given their mode and group, and removed.
 */
#ifndef XTCP_DAEMON_UNIX_LISTEN_H
#define XTCP_DAEMON_UNIX_LISTEN_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

/*
 * Listens (non-blocking, close-on-exec) at path, whose directory is made if it is missing. The
 * file of a daemon that is gone is replaced; one that answers is left alone: -EADDRINUSE. gid
 * (gid_t)-1: left as it is. Returns the descriptor or -errno, with the reason logged.
 */
int unix_listen(const char *path, mode_t mode, uid_t uid, gid_t gid);
/* The same at the abstract name "\0" + prefix + path. */
int unix_listen_abstract(const char *prefix, const char *path);
void unix_unlink(const char *path); /* closes in order: removes the file, says so if it cannot */

#endif
