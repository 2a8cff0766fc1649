/* SPDX-License-Identifier: MIT */
/*
 * xtcp under packetdrill: what so_interface.c (packetdrill's table of functions), netdev.c (the
 * frames) and settle.c (waiting for xtcpd) share.
 */
#ifndef XTCP_TESTS_PACKETDRILL_H
#define XTCP_TESTS_PACKETDRILL_H

#include <stdbool.h>
#include <stddef.h>

/* Ends the process with errno's reason: packetdrill has no way to be told. */
void give_up(const char *what) __attribute__((noreturn));

/* --- settle.c */

/* A connection to the control socket in dir. */
int control_connect(const char *dir);
/* Returns when everything that was sent to xtcpd before has been carried out. */
void settle(int control);

/* --- netdev.c */

struct netdev;

struct netdev *netdev_open(const char *dir);
void netdev_close(struct netdev *n);
bool netdev_send(struct netdev *n, const void *packet, size_t len);
/* Waits for the next IPv4 packet: its length, and when it came; 0: none within PACKET_WAIT_S. */
size_t netdev_receive(struct netdev *n, void *packet, size_t size, long long *time_us);
#define PACKET_WAIT_S 5

#endif
