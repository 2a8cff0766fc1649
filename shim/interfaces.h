/* SPDX-License-Identifier: MIT */
/* The private stack's interfaces, for who asks by ioctl(): see interfaces.c. */
#ifndef XTCP_SHIM_INTERFACES_H
#define XTCP_SHIM_INTERFACES_H

#include <stdbool.h>

/* True: *rc is the result (-1 with errno). False: it is the kernel's to answer. */
bool interface_ioctl(int fd, unsigned long request, void *arg, int *rc);

#endif
