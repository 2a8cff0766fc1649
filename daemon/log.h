/* SPDX-License-Identifier: MIT */
/*
 * Messages on stderr, one line each, "xtcpd: ...". Under systemd each line begins with its
 * priority as sd-daemon(3) defines it, so that the journal knows it.
 */
#ifndef XTCP_DAEMON_LOG_H
#define XTCP_DAEMON_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <syslog.h>

void log_set_level(int level); /* LOG_ERR .. LOG_DEBUG: what is less urgent is not written */
void log_at(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* For what may happen many times a second: told once in ten seconds. */
struct log_limit {
	uint64_t next_us;
	unsigned held; /* how often it was not told since */
};
bool log_limited(struct log_limit *l, uint64_t now_us); /* not now */

#define log_error(...) log_at(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_WARNING, __VA_ARGS__)
#define log_notice(...) log_at(LOG_NOTICE, __VA_ARGS__)
#define log_info(...) log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)

#endif
