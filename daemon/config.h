/* SPDX-License-Identifier: MIT */
/*
 * The configuration: built-in defaults, then /etc/xtcp/xtcpd.conf, then the command line.
 *
 *     [Network]  Address= Gateway= Route=
 *     [Link]     Backend= Name= MTUBytes= MACAddress= KernelAddress= SegmentationOffload=
 *                Impair= ImpairIn= ImpairOut=
 *     [Sockets]  Path= Mode= Group= Control= ControlMode= MaxPerUser= MaxListenersPerUser=
 *                MaxMemoryPerUser= Direct=
 *     [Daemon]   User= LogLevel=
 *     [Sysctl]   net.ipv4.NAME= net.core.NAME=
 */
#ifndef XTCP_DAEMON_CONFIG_H
#define XTCP_DAEMON_CONFIG_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/impairment.h"
#include "stack/base/addr.h"
#include "stack/ip/ip.h"
#include "stack/stack.h"

#define CONFIG_PATH "/etc/xtcp/xtcpd.conf"
#define CONFIG_ADDRESSES_MAX 8
#define CONFIG_ROUTES_MAX 64
#define CONFIG_SYSCTLS_MAX 64
#define SYSCTL_VALUE_MAX 512
#define CONFIG_PATH_MAX 100 /* fits sun_path with the abstract name's prefix */

struct config_address {
	uint32_t v4; /* host order */
	unsigned prefix_len;
};

struct config_sysctl {
	char name[64]; /* "net.ipv4.tcp_sack" */
	char value[SYSCTL_VALUE_MAX];
};

struct config {
	/* [Network]: the stack's side */
	struct config_address address[CONFIG_ADDRESSES_MAX];
	unsigned addresses;
	bool address_replace; /* the next Address= replaces what is there: a default */
	uint32_t gateway;     /* 0: none */
	struct route route[CONFIG_ROUTES_MAX];
	unsigned routes;

	/* [Link] */
	char link_local_path[CONFIG_PATH_MAX]; /* Unix datagrams; empty: a TAP */
	char link_peer_path[CONFIG_PATH_MAX];
	char link_name[IFNAMSIZ];
	uint32_t mtu_bytes;
	struct mac_addr mac; /* the stack's */
	bool mac_set;
	struct config_address kernel_address; /* v4 0: leave the kernel's side alone */
	bool kernel_address_set;	      /* by somebody: no default */
	bool segmentation_offload;
	struct impair_config impair[IMPAIR_DIRECTIONS];
	bool impaired[IMPAIR_DIRECTIONS];
	/* [Sockets] */
	char path[CONFIG_PATH_MAX];
	mode_t mode;
	char group[64]; /* empty: of the daemon's user */
	char control_path[CONFIG_PATH_MAX];
	mode_t control_mode;
	uint32_t max_per_user, max_listeners_per_user;
	uint64_t max_memory_per_user; /* bytes of buffers */
	bool direct;		      /* connections within the stack bypass it: direct.h */
	uint32_t busy_poll_us;	      /* loop.h: spin_us */
	/* [Daemon] */
	char user[64]; /* empty: "xtcp" where that user exists */
	int log_level; /* syslog's numbers */
	/* [Sysctl]: applied once the stack is there */
	struct config_sysctl sysctl[CONFIG_SYSCTLS_MAX];
	unsigned sysctls;
	char why[256]; /* room for the reasons that name a word of the value */
};

void config_defaults(struct config *c);
/* Reads a file over *c. 0, or -1 with "FILE:LINE: reason" in err. */
int config_read(struct config *c, const char *path, char *err, size_t err_len);
/* One assignment, as a line of the file or a flag makes it: NULL or the reason it is wrong. */
const char *config_set(struct config *c, const char *section, const char *key, const char *value);
/* What only the whole shows (a gateway that is on no link, say): NULL or the reason. */
const char *config_check(const struct config *c);

/* "10.77.0.2/24" and "10.77.0.2" */
bool config_parse_cidr(const char *s, uint32_t *v4, unsigned *prefix_len);
bool config_parse_v4(const char *s, uint32_t *v4);
/* "10.0.0.0/8 via 10.77.0.1 [mtu N] [advmss N] [window N] [initcwnd N] [src A] [metric N]", or
 * "default via ...": NULL or the reason. */
const char *config_parse_route(const char *s, struct route *r);

/*
 * Sysctls by name, "net.ipv4.tcp_rmem" and so on; the prefix may be left out. Both are exact about
 * what they take: -ENOENT (no such name), -EINVAL (not a number of its range), -ENOSPC.
 */
int sysctl_set(struct sysctls *s, const char *name, const char *value);
int sysctl_get(const struct sysctls *s, const char *name, char *value, size_t value_len);
#define SYSCTL_WANTS_MAX 128
/* What it takes, in words. */
void sysctl_wants(const char *name, char *text, size_t size);
const char *sysctl_name(unsigned i);	 /* the i-th full name, NULL beyond the last */
bool sysctl_is_secret(const char *name); /* to be shown to those only who may change it */

#endif
