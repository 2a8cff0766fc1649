/* SPDX-License-Identifier: MIT */
/*
 * Watching the stack: each frame it receives and sends, with what it had to say about it.
 *
 * Theory of operation
 *   - While somebody listens, frames pass through here on their way (link.c), and the stack tells
 *     its events (stack/trace.h). Nobody listens: a branch a frame.
 *   - A comment goes to the frame that caused it. What happens during a frame's input is that
 *     frame's, and what is sent meanwhile comes after it; what is sent again, and what a timer or a
 *     program brings about, waits (as a note) for the next frame its connection sends.
 *   - A frame that is dropped is there with its reason; so is one that was to be sent and has
 *     nowhere to go.
 *   - Checksums that were left to the link are made, so that what is captured looks as it would
 *     on the wire; large segments stay whole, as in tcpdump.
 */
#ifndef XTCP_DAEMON_CAPTURE_H
#define XTCP_DAEMON_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/packet.h"
#include "daemon/trace_words.h"
#include "stack/base/list.h"
#include "stack/link/pcapng.h"
#include "stack/stack.h"
#include "stack/trace.h"

#define CAPTURE_COMMENT_MAX 1024
#define CAPTURE_NOTES_MAX 32
#define CAPTURE_LISTENERS_MAX 8

struct daemon;

struct captured {
	struct list node;
	uint64_t time_us; /* since 1970 */
	enum pcapng_direction direction;
	bool dropped;
	struct packet packet;
	size_t len, orig_len;
	size_t comment_len;
	char comment[CAPTURE_COMMENT_MAX]; /* lines */
	uint8_t data[];
};

/* Embedded in whoever listens. Neither function may call back into the stack. */
struct capture_listener {
	struct list node;
	size_t snap_bytes; /* of each frame; less may come of a shorter one */
	void (*packet)(struct capture_listener *l, const struct captured *c); /* or NULL */
	/* `about`: the frame that is being received, or NULL. */
	void (*event)(struct capture_listener *l, const struct stack_trace *t,
		      const struct packet *about); /* or NULL */
};

/* A comment that waits for the next frame of its connection. */
struct capture_note {
	struct ip_addr laddr, raddr;
	uint16_t lport, rport;
	uint64_t until_us; /* of the loop's clock */
	char words[TRACE_WORDS_MAX];
};

struct capture {
	bool on; /* somebody listens */
	struct list listeners;
	unsigned count;		  /* of them */
	size_t snap_bytes;	  /* the most that any listener wants */
	struct captured *in;	  /* the frame that is being received */
	const struct pkt *in_pkt; /* the same, the stack's */
	struct list held;	  /* captured.node: what is sent meanwhile */
	struct capture_note note[CAPTURE_NOTES_MAX];
	unsigned notes;
};

void capture_init(struct daemon *d);
/* False: too many listen already. */
bool capture_listen(struct daemon *d, struct capture_listener *l);
void capture_unlisten(struct daemon *d, struct capture_listener *l);

/* stack_input(), watched. */
void capture_input(struct daemon *d, struct pkt *frame);
/* The link has taken this frame, or not; `impaired`: what a bad network did to it, or NULL. */
void capture_output(struct daemon *d, const struct frame_out *f, bool taken, const char *impaired);

#endif
