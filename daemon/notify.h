/* SPDX-License-Identifier: MIT */
/* The service manager's notification protocol, as sd_notify(3) describes it. */
#ifndef XTCP_DAEMON_NOTIFY_H
#define XTCP_DAEMON_NOTIFY_H

/* Sends "READY=1", "STOPPING=1", ... to $NOTIFY_SOCKET; does nothing where there is none. */
void notify_manager(const char *state);

#endif
