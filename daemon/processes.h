/* SPDX-License-Identifier: MIT */
/*
 * What programs were denied: sockets that rules left to the kernel, calls and options that are not
 * supported. Told by the shim without waiting, and by xtcpd's own refusals; shown by `ps`.
 *
 * Theory of operation: a process is its PID and the time it began, so that a number used again is
 * another process. What it was denied is kept once with a count. Everything is bounded: processes
 * (the one still for longest goes), notes of each, and how often one process is listened to. A
 * process that is gone is dropped when anybody looks.
 */
#ifndef XTCP_DAEMON_PROCESSES_H
#define XTCP_DAEMON_PROCESSES_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "stack/base/list.h"

#define PROCESSES_MAX 256
#define PROCESS_NOTES_MAX 16
#define PROCESS_NOTES_PER_SECOND 64
#define PROCESS_TEXT_MAX 128

enum process_note_kind {
	NOTE_KERNEL,  /* a socket is the kernel's: use, addr; text is the rule */
	NOTE_REFUSED, /* a call was refused: text names it; level, name of an option; error */
};

struct process_note {
	uint8_t kind;
	uint8_t use; /* enum rule_use */
	int32_t level, name, error;
	struct sockaddr_in addr;
	char text[PROCESS_TEXT_MAX];
	uint64_t count;
};

struct process {
	struct list node; /* the last to be heard of first */
	pid_t pid;
	uint32_t uid;
	uint64_t began; /* in the kernel's ticks since boot */
	char comm[16];
	uint64_t second; /* of the last note ... */
	unsigned heard;	 /* ... and how many in it */
	uint64_t missed; /* notes for which there was no room or no time */
	unsigned notes;
	struct process_note note[PROCESS_NOTES_MAX];
};

struct processes {
	struct list all;
	unsigned count;
};

void processes_init(struct processes *p);
void processes_destroy(struct processes *p);
/* note->count is not looked at. */
void processes_note(struct processes *p, const struct ucred *who, const struct process_note *note,
		    uint64_t now_us);
void processes_sweep(struct processes *p); /* drops those that are gone */

#endif
