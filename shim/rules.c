/* SPDX-License-Identifier: MIT */
/*
 * This program's rules (rpc/rules.h): read once, before main(), into a table of fixed size; nothing
 * is locked or allocated, and a forked child has them by being a copy. A file with a wrong line is
 * refused as a whole: guessing could put traffic where it must not go, so sockets fail, as they do
 * when there is no daemon, and one line on stderr says which line is wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "shim/fall.h"
#include "shim/shim.h"

static struct rules rules;
static struct rules_program self;
static char path[256] = RULES_PATH;
static int read_error; /* an errno: the file could not be read */
static bool may_fall, all_fall;

/* --- who this is */

static void keep_basename(const char *file)
{
	const char *slash = strrchr(file, '/');
	size_t len;

	if (slash)
		file = slash + 1;
	len = strlen(file);
	if (len < sizeof(self.file)) /* no rule has a longer name */
		memcpy(self.file, file, len + 1);
}

static void find_out_self(void)
{
	char file[4096];
	ssize_t n = readlink("/proc/self/exe", file, sizeof(file) - 1);

	if (n > 0) {
		file[n] = '\0';
		keep_basename(file);
	} else if (getauxval(AT_EXECFN)) {
		keep_basename((const char *)getauxval(AT_EXECFN)); // NOLINT
	}
	prctl(PR_GET_NAME, self.comm);
}

/* --- the file */

/* A file nobody named may be missing; an empty name is none. */
static int open_file(void)
{
	const char *named = secure_getenv(RULES_ENV);
	int fd = -1;

	if (named && strlen(named) >= sizeof(path)) {
		read_error = ENAMETOOLONG;
		return -1;
	}
	if (named)
		memcpy(path, named, strlen(named) + 1);
	if (*path) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		read_error = fd < 0 && (named || errno != ENOENT) ? errno : 0;
	}
	return fd;
}

void rules_load(void)
{
	char data[4096];
	ssize_t n;
	int saved = errno;

	rules_init(&rules);
	int fd = open_file();
	if (fd >= 0) {
		while ((n = real.read(fd, data, sizeof(data))) > 0)
			rules_feed(&rules, data, (size_t)n);
		if (n < 0)
			read_error = errno;
		real.close(fd);
		rules_end(&rules);
	}
	if (rules.count && !rules.error && !read_error) {
		find_out_self();
		may_fall = rules_may_fall(&rules, &self);
		all_fall = rules_all_fall(&rules, &self);
	}
	errno = saved;
}

/* --- asking */

static char *put_text(char *p, const char *end, const char *text)
{
	while (*text && p < end)
		*p++ = *text++;
	return p;
}

char *put_place(char *p, const char *end, uint32_t line)
{
	char digits[12], *d = digits + sizeof(digits);

	*--d = '\0';
	do
		*--d = (char)('0' + line % 10);
	while (line /= 10);
	p = put_text(p, end, path);
	p = put_text(p, end, ":");
	return put_text(p, end, d);
}

static void complain(void)
{
	static _Atomic bool done;
	char text[512], *p = text;
	const char *const end = text + sizeof(text);

	if (atomic_exchange(&done, true))
		return;
	p = put_text(p, end, "xtcp: ");
	if (read_error)
		p = put_text(p, end, path);
	else
		p = put_place(p, end, rules.error_line);
	p = put_text(p, end, ": ");
	p = put_text(p, end, read_error ? strerrordesc_np(read_error) : rules.error);
	p = put_text(p, end, "; this program has no TCP sockets until that is right\n");
	if (real.write(STDERR_FILENO, text, (size_t)(p - text)) < 0)
		return; /* nobody to tell */
}

bool rules_usable(void)
{
	if (!read_error && !rules.error)
		return true;
	complain();
	fail(ENETDOWN);
	return false;
}

bool rules_may_leave(void)
{
	return may_fall;
}

bool rules_leave_all(void)
{
	return all_fall;
}

bool rules_stack_is_default(void)
{
	return rules_default(&rules, &self) == RULE_STACK;
}

const struct rule *rule_to_leave(enum rule_use use, const struct sockaddr_in *addr)
{
	if (!may_fall || (addr->sin_family != AF_INET && addr->sin_family != AF_UNSPEC))
		return NULL;
	const struct rule *rule =
	    rules_find(&rules, use, ntohl(addr->sin_addr.s_addr), ntohs(addr->sin_port), &self);
	return rule && rule->target == RULE_KERNEL ? rule : NULL;
}
