/* SPDX-License-Identifier: MIT */
/*
 * The control socket: a line in, a JSON document and a newline out.
 *
 *     $ echo 'ss listening' | nc -UN /run/xtcp/control.sock
 *     {"sockets":[{"state":"LISTEN","recv_q":0,"send_q":512,...}]}
 *
 * Who may connect is decided by the mode of the path. Whoever is let in may look; changes are for
 * root and for the user xtcpd runs as. A request that cannot be carried out is answered with
 * {"error":"..."}. `capture` and `trace` answer with a stream instead, which ends when the client
 * shuts down its side, and the connection with it.
 */
#ifndef XTCP_DAEMON_CONTROL_H
#define XTCP_DAEMON_CONTROL_H

struct daemon;

int control_start(struct daemon *d); /* 0, or -1 with the reason logged */
void control_stop(struct daemon *d);

#endif
