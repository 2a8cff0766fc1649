/* SPDX-License-Identifier: MIT */
/*
 * The TAP device: the stack's link to the kernel.
 *
 * Theory of operation: opened with IFF_VNET_HDR, so that every frame is preceded by a
 * virtio_net_hdr that says what its sender left undone: checksum (csum_start, csum_offset) and
 * segmentation (gso_size). Both directions then carry frames of up to 64 KiB. Frames are read in
 * batches into the stack's pkts; a small frame is copied out of the large buffer it was read
 * into, a large one keeps it. The device is not persistent: it is gone with the daemon.
 */
#ifndef XTCP_DAEMON_TAP_H
#define XTCP_DAEMON_TAP_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/loop.h"
#include "stack/stack.h"

struct config;
struct daemon;

struct tap {
	struct loop_source source;
	char name[IFNAMSIZ];
	bool offload;	     /* TSO and checksums are left to the other side */
	struct pkt *standby; /* the large buffer the next frame is read into */
};

/* Opens and configures the device. 0, or -1 with the reason, and what to do, logged. */
int tap_open(struct tap *tap, const struct config *config);
int tap_start(struct daemon *d); /* puts it into the loop */
void tap_close(struct daemon *d);
/* stack_ops.transmit */
bool tap_transmit(void *ctx, const struct frame_out *f);

#endif
