/* SPDX-License-Identifier: MIT */
/*
 * `doctor`: is this host fit to run programs on the private stack? Each check says one line: what
 * was looked at, what was found and, where something is amiss, what to do next.
 */
#ifndef XTCP_CTL_DOCTOR_H
#define XTCP_CTL_DOCTOR_H

#include "ctl/command.h"

enum verdict {
	DOCTOR_OK,
	DOCTOR_NOTE,	/* works, and may surprise */
	DOCTOR_UNKNOWN, /* could not be looked at */
	DOCTOR_FAIL,
};

struct doctor {
	const struct ctl *ctl;
	const char *path; /* of xtcpd for programs */
	json_t *rows;
	json_t *link, *status, *listeners; /* xtcpd's own answers; NULL: it did not give any */
	bool failed;
};

/* `next`: what to do about it, "" when there is nothing to do. */
void doctor_say(struct doctor *doc, enum verdict verdict, const char *check, const char *next,
		const char *format, ...) __attribute__((format(printf, 5, 6)));

/* --- doctor_daemon.c */
void doctor_check_daemon(struct doctor *doc);
void doctor_check_control(struct doctor *doc); /* fills link, status, listeners */
void doctor_check_preload(struct doctor *doc);
void doctor_check_rules(struct doctor *doc);
int doctor_probe(void); /* what runs preloaded: tells of itself on stdout */

/* --- doctor_host.c */
void doctor_check_limits(struct doctor *doc);
void doctor_check_tap(struct doctor *doc);
void doctor_check_addresses(struct doctor *doc);
void doctor_check_ports(struct doctor *doc);

#endif
