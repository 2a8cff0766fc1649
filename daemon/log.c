/* SPDX-License-Identifier: MIT */
/* Messages on stderr: see log.h. A line is written by one write(), so that lines never mix. */
#include "daemon/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int log_level = LOG_INFO;

/* Whether stderr is the journal, as JOURNAL_STREAM names it ("DEVICE:INODE"): it may have been
 * redirected since, and a file wants no priorities. */
static bool to_journal(void)
{
	const char *named = getenv("JOURNAL_STREAM");
	char own[48];
	struct stat st;

	if (!named || fstat(STDERR_FILENO, &st) < 0)
		return false;
	snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return !strcmp(named, own);
}

void log_set_level(int level)
{
	log_level = level;
}

#define LOG_LIMIT_US 10000000

bool log_limited(struct log_limit *l, uint64_t now_us)
{
	if (now_us < l->next_us) {
		l->held++;
		return true;
	}
	if (l->held)
		log_notice("%u more like the next line were not told", l->held);
	*l = (struct log_limit){.next_us = now_us + LOG_LIMIT_US};
	return false;
}

static size_t put_prefix(int level, char *line, size_t size)
{
	return (size_t)(to_journal() ? snprintf(line, size, "<%d>xtcpd: ", level)
				     : snprintf(line, size, "xtcpd: "));
}

void log_at(int level, const char *format, ...)
{
	char line[1024];
	va_list args;

	if (level > log_level)
		return;
	size_t len = put_prefix(level, line, sizeof(line));
	va_start(args, format);
	int n = vsnprintf(line + len, sizeof(line) - len - 1, format, args);
	va_end(args);
	if (n < 0)
		return;
	len += (size_t)n < sizeof(line) - len - 1 ? (size_t)n : sizeof(line) - len - 2;
	line[len++] = '\n';
	ssize_t written = write(STDERR_FILENO, line, len);
	(void)written; /* nowhere to report it */
}
