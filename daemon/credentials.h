/* SPDX-License-Identifier: MIT */
/* Who is at the other end of an AF_UNIX connection, and what that user may do. */
#ifndef XTCP_DAEMON_CREDENTIALS_H
#define XTCP_DAEMON_CREDENTIALS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

bool peer_credentials(int fd, struct ucred *cred);
uint64_t process_began(pid_t pid);	     /* the kernel's ticks since boot; 0: it is gone */
void process_comm(pid_t pid, char comm[16]); /* "" if it cannot be had */
/* The rule of a socket's file (write permission), for those who come by the abstract name. */
bool peer_may_write(int fd, const struct ucred *cred, uid_t owner, gid_t group, mode_t mode);
/* CAP_* in our user namespace, or root. */
bool peer_has_capability(int fd, const struct ucred *cred, int capability);

#endif
