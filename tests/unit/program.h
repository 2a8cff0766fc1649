/* SPDX-License-Identifier: MIT */
/*
 * A program's side of the wire, and xtcpd on the other, without a TAP: the daemon's own code runs in
 * this process, its turns are taken by hand, and both ends of each connection are sockets of one
 * stack, which talks to itself over 127.0.0.1.
 */
#ifndef XTCP_TESTS_PROGRAM_H
#define XTCP_TESTS_PROGRAM_H

#include <netinet/in.h>
#include <stdint.h>

#include "daemon/daemon.h"
#include "rpc/rpc.h"

#define PAD_BYTES 60000

extern struct daemon d;

void program_setup(void);
void program_teardown(void);
/* Turns until nothing has happened for one: never sleeps. */
void run(void);
/* Turns, sleeping as the daemon does, until the descriptor is ready for `events`. */
void run_until(int fd, short events);

void send_request(int to, const struct rpc_request *req, int f);
struct rpc_request request(uint16_t type);
void connect_path(int fd);
int new_socket(void); /* F, not attached */
int attached(void);
struct rpc_reply ask(int f, const struct rpc_request *req);
int ask_error(int f, uint16_t type);
struct sockaddr_in loopback(uint16_t port);
void write_padding(int f);
int listening(uint16_t *port, int backlog);
void connect_from(int f, uint16_t port); /* f is attached, or about to be */
int connecting(uint16_t port);
int take(int listener, struct rpc_accept *record); /* as accept() does; -1: nothing there */
/* A connection: the client's descriptor and the accepted one. */
void connection(int *listener, int *client, int *server);
short polled(int fd);
/* Closes them (-1: none); nothing may be left in the daemon. */
void close_all(int a, int b, int c);

#endif
