/* SPDX-License-Identifier: MIT */
/*
 * A bad network: one direction of a link that delays, loses, reorders, duplicates, corrupts and
 * limits, repeatably from a seed.
 *
 * Theory of operation: frames are copied in with the time (impair_push) and come out at or after
 * their release time (impair_pop). Every frame draws the same number of random values whatever
 * happens to it, so that one changed rate does not change the fate of every later frame. The
 * model is that of Linux's netem: rate first (a FIFO with a limit in packets), then delay with
 * uniform jitter; a reordered frame skips the delay; jitter alone never reorders. What is held is
 * bounded in packets and in bytes; a frame beyond that is lost, as in a router's full queue.
 */
#ifndef XTCP_LINK_IMPAIR_H
#define XTCP_LINK_IMPAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stack/base/list.h"
#include "stack/base/random.h"
#include "stack/stack.h"

#define IMPAIR_LIMIT_PACKETS 1000
#define IMPAIR_LIMIT_BYTES ((size_t)128 << 20)

/* Rates are in millionths (ppm): 1 % is 10000. Zero means "not at all" everywhere. */
struct impair_config {
	uint32_t loss_ppm;
	/* Gilbert-Elliott bursts: from good to bad, from bad to good; all is lost while bad. */
	uint32_t burst_enter_ppm, burst_leave_ppm;
	uint32_t duplicate_ppm, corrupt_ppm, reorder_ppm;
	/* Congestion at a router that knows ECN (RFC 3168 5): marked if it may be, else lost. */
	uint32_t mark_ppm;
	uint64_t delay_us, jitter_us; /* delay +- jitter */
	uint64_t rate_bps;	      /* bits per second, 0: unlimited */
	uint32_t limit_packets;	      /* held at once; 0: IMPAIR_LIMIT_PACKETS */
	uint64_t seed;
	uint8_t stream; /* another one is another sequence of the same seed */
	bool cut;	/* the link is down: everything is lost */
};

struct impair_stats {
	uint64_t passed, lost, duplicated, corrupted, reordered, overflowed, marked;
};

struct impair_frame {
	struct list node;
	uint64_t release_us;
	uint32_t len;
	uint8_t data[];
};

struct impair {
	struct impair_config config;
	struct random random;
	struct list queue; /* impair_frame.node by release_us */
	uint64_t busy_until_us, last_release_us;
	uint32_t queued;
	size_t queued_bytes;
	bool in_burst;
	struct impair_stats stats;
};

void impair_init(struct impair *im, const struct impair_config *config);
/* Changes the model; frames in flight keep their release times. */
void impair_configure(struct impair *im, const struct impair_config *config);
/* The same, from the beginning of the seed's sequence and with fresh counters. */
void impair_restart(struct impair *im, const struct impair_config *config);
void impair_destroy(struct impair *im);

void impair_push(struct impair *im, const uint8_t *frame, size_t len, uint64_t now_us);
/* The next frame whose time has come (UINT64_MAX: whatever its time), or NULL. The caller frees
 * it with free(). */
struct impair_frame *impair_pop(struct impair *im, uint64_t now_us);
uint64_t impair_next_us(const struct impair *im); /* UINT64_MAX: nothing queued */

/*
 * Cuts a frame as the link's TSO would (or copies it as it is), checksums completed, and calls
 * emit for each resulting frame. False when the frame is not one that can be cut.
 */
bool frame_segment(const struct frame_out *f,
		   void (*emit)(void *ctx, const uint8_t *frame, size_t len), void *ctx);

/*
 * What the link reported of a received frame (csum_valid, gso_size), as the description of one
 * that is to be sent: for frame_segment(). It refers to p's bytes. False: gso_size says that it is
 * a TCP segment, and it is none.
 */
bool frame_describe(struct frame_out *f, const struct pkt *p);

#endif
