/* SPDX-License-Identifier: MIT */
/* What the files of `xtcpctl ss` share. */
#ifndef XTCP_CTL_SS_H
#define XTCP_CTL_SS_H

#include "ctl/command.h"

/* --- ss_filter.c: ss(8)'s filter language, as words for xtcpd */
void ss_filter(struct ctl_line *line, int argc, char **argv);

/* --- ss_users.c: adds "users" to each socket of the document: [{name, pid, fd}] */
void ss_add_users(json_t *doc);

/* --- ss_info.c: the line of -i, in ss's words; to be freed */
char *ss_info_text(const json_t *socket);

#endif
