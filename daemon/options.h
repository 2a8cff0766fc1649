/* SPDX-License-Identifier: MIT */
/* The command line: every flag is a key of the configuration file by another name. */
#ifndef XTCP_DAEMON_OPTIONS_H
#define XTCP_DAEMON_OPTIONS_H

#include "daemon/config.h"

enum options_outcome { OPTIONS_RUN, OPTIONS_DONE, OPTIONS_WRONG };

/* Defaults, the file and the flags into *c. DONE: --help, --version, --check. WRONG: the reason
 * is on stderr. */
enum options_outcome options_parse(int argc, char **argv, struct config *c);

#endif
