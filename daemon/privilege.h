/* SPDX-License-Identifier: MIT */
/*
 * Giving up what the daemon needs only to start.
 *
 * Who it becomes: the user named in the configuration, else "xtcp" where that user exists (the
 * package makes it); else it stays who it is. In every case it ends with no capability in any set,
 * no way to regain one, and no_new_privs. Root without capabilities is still the owner of root's
 * files, hence the notice that recommends a user of its own.
 */
#ifndef XTCP_DAEMON_PRIVILEGE_H
#define XTCP_DAEMON_PRIVILEGE_H

#include <stdbool.h>
#include <sys/types.h>

struct identity {
	uid_t uid;
	gid_t gid;
	bool change;
	char name[64];
};

/* `user` empty: the default. 0, or -1 with the reason logged. */
int privilege_identity(const char *user, struct identity *id);
void privilege_raise_limits(void);
/* 0, or -1 with the reason logged: then the caller must not go on. */
int privilege_drop(const struct identity *id);

#endif
