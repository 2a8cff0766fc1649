/* SPDX-License-Identifier: MIT */
/*
 * A bad network on demand, between the link and the stack: see stack/link/impair.h for the model.
 *
 * Theory of operation: each direction has a model, which is off until impairment_set(). While it
 * is on, frames go through it as packets of the wire: what came or would leave as one large
 * segment is cut, and checksums that were left to the link are made first, so that each packet has
 * its own fate and a flipped bit is found by whoever checks. Frames wait in the model; one timer,
 * for the next of both directions, lets them go on. When a direction is off, its frames pay one
 * branch (in link.c).
 */
#ifndef XTCP_DAEMON_IMPAIRMENT_H
#define XTCP_DAEMON_IMPAIRMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "stack/base/timer.h"
#include "stack/link/impair.h"

#define IMPAIR_TEXT_MAX 256

struct daemon;

enum impair_direction { IMPAIR_IN, IMPAIR_OUT, IMPAIR_DIRECTIONS };

struct impairment {
	struct impair model[IMPAIR_DIRECTIONS];
	bool on[IMPAIR_DIRECTIONS];
	struct timer timer; /* the next frame's time, of both */
};

void impairment_init(struct daemon *d);
/* What is still to be sent is sent; what is still to be received is not. */
void impairment_stop(struct daemon *d);
/* A new model from the beginning of its seed; frames in flight keep their times. */
void impairment_set(struct daemon *d, enum impair_direction dir,
		    const struct impair_config *config);
/* Frames in flight arrive at once. */
void impairment_off(struct daemon *d, enum impair_direction dir);

/* A frame the link has brought, for the stack in the end; takes it over. */
void impairment_receive(struct daemon *d, struct pkt *frame);
/* A frame of the stack's, for the link in the end. False: its headers are not what they say. */
bool impairment_transmit(struct daemon *d, const struct frame_out *f);

/* --- impair_words.c */
/* "loss=1% delay=40ms seed=7". NULL, or in `why` which word is wrong and what it may be. Without
 * a seed one is drawn. */
const char *impair_parse(struct impair_config *c, const char *words, char *why, size_t why_len);
/* What has been done to packets since `was`: "impaired: 1 lost, 2 duplicated". False: nothing. */
bool impair_done(const struct impair_stats *was, const struct impair_stats *now,
		 char text[IMPAIR_TEXT_MAX]);
/* The words of impair_parse() again, the seed and the limit always among them. */
void impair_format(const struct impair_config *c, char text[IMPAIR_TEXT_MAX]);

#endif
