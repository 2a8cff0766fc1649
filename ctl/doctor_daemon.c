/* SPDX-License-Identifier: MIT */
/*
 * doctor: is there a daemon, may we use it, and does a preloaded program get there?
 *
 * The last is found out by doing it: this very program is run once more, preloaded, makes a socket
 * and looks past the library what the kernel has for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/doctor.h"

/* 0 or an errno. */
static int try_connect(const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(sun.sun_path))
		return ENAMETOOLONG;
	memcpy(sun.sun_path, path, strlen(path) + 1);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	int err = connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) == 0 ? 0 : errno;
	close(fd);
	return err;
}

static void say_denied(struct doctor *doc, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		doctor_say(doc, DOCTOR_FAIL, "daemon", "open the folders above it",
			   "no way to %s for this user", path);
	else
		doctor_say(doc, DOCTOR_FAIL, "daemon",
			   "[Sockets] Mode= and Group= say who may use the stack",
			   "%s (mode %04o, owner %u, group %u) is not for this user", path,
			   (unsigned)st.st_mode & 07777, (unsigned)st.st_uid, (unsigned)st.st_gid);
}

void doctor_check_daemon(struct doctor *doc)
{
	int err = try_connect(doc->path);

	if (!err)
		doctor_say(doc, DOCTOR_OK, "daemon", "", "xtcpd takes programs at %s", doc->path);
	else if (err == EACCES || err == EPERM)
		say_denied(doc, doc->path);
	else
		doctor_say(doc, DOCTOR_FAIL, "daemon",
			   "start it (systemctl start xtcpd), or set XTCP_SOCKET to its socket",
			   "no xtcpd at %s (%s)", doc->path, strerror(err));
}

void doctor_check_control(struct doctor *doc)
{
	int err = try_connect(doc->ctl->path), status;

	if (err) {
		doctor_say(doc, err == EACCES ? DOCTOR_UNKNOWN : DOCTOR_FAIL, "control",
			   err == EACCES ? "run this as root to have all checks"
					 : "set XTCP_CONTROL to xtcpd's control socket",
			   "%s: %s", doc->ctl->path, strerror(err));
		return;
	}
	doc->status = ctl_ask(doc->ctl, "status", &status);
	doc->link = ctl_ask(doc->ctl, "link", &status);
	doc->listeners = ctl_ask(doc->ctl, "ss listening", &status);
	if (!doc->status || !doc->link || !doc->listeners) {
		doctor_say(doc, DOCTOR_FAIL, "control", "restart it; its log may say why",
			   "xtcpd does not answer at %s", doc->ctl->path);
		return;
	}
	if (strcmp(get_string(doc->status, "path", doc->path), doc->path) != 0)
		doctor_say(doc, DOCTOR_NOTE, "control", "set XTCP_CONTROL and XTCP_SOCKET alike",
			   "%s is of another xtcpd, with programs at %s", doc->ctl->path,
			   get_string(doc->status, "path", "?"));
	else
		doctor_say(doc, DOCTOR_OK, "control", "", "xtcpd answers at %s", doc->ctl->path);
}

/* --- preloading */

enum {
	PROBE_MAPPED = 1, /* the library is in this process */
	PROBE_SOCKET = 2, /* socket() gave one */
	PROBE_OURS = 4,	  /* and it is none of the kernel's TCP */
	PROBE_BOUND = 8,  /* and xtcpd has taken a request about it */
};

static bool library_is_mapped(void)
{
	char line[PATH_MAX + 128];
	bool found = false;
	FILE *maps = fopen("/proc/self/maps", "re");

	while (maps && !found && fgets(line, sizeof(line), maps))
		found = strstr(line, "/libxtcp.so") != NULL;
	if (maps)
		fclose(maps);
	return found;
}

int doctor_probe(void)
{
	struct sockaddr_storage ss = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof(ss);
	const struct sockaddr_in any = {.sin_family = AF_INET};
	int seen = library_is_mapped() ? PROBE_MAPPED : 0;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), err = errno;

	if (fd >= 0)
		seen |= PROBE_SOCKET;
	if (fd >= 0 && syscall(SYS_getsockname, fd, &ss, &len) == 0 && ss.ss_family == AF_UNIX)
		seen |= PROBE_OURS;
	if (fd >= 0 && bind(fd, (const struct sockaddr *)&any, sizeof(any)) == 0)
		seen |= PROBE_BOUND;
	else if (fd >= 0)
		err = errno;
	printf("%d %d\n", seen, seen & PROBE_BOUND ? 0 : err);
	return CTL_OK;
}

/* Where scripts/xtcp looks as well: beside this program, in its ../lib, in the usual places. */
static bool find_library(char path[PATH_MAX])
{
	static const char *const places[] = {"%s/libxtcp.so", "%s/../lib/libxtcp.so",
					     "/usr/local/lib/libxtcp.so", "/usr/lib/libxtcp.so"};
	char self[PATH_MAX / 2] = "", tried[PATH_MAX];

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return false;
	const char *here = dirname(self);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(tried, sizeof(tried), places[i], here); // NOLINT
		if (access(tried, R_OK) == 0 && realpath(tried, path))
			return true;
	}
	return false;
}

static _Noreturn void become_probe(const char *library, const char *socket_path, int out)
{
	const char *others = getenv("LD_PRELOAD");
	char preload[2 * PATH_MAX];
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	snprintf(preload, sizeof(preload), "%s%s%s", others ? others : "",
		 others && *others ? ":" : "", library);
	setenv("LD_PRELOAD", preload, 1);
	setenv("XTCP_SOCKET", socket_path, 1);
	unsetenv("XTCP_FALLBACK");
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0 ||
	    dup2(out, STDOUT_FILENO) < 0)
		_exit(127);
	execl("/proc/self/exe", "xtcpctl", "doctor", "--probe", NULL);
	_exit(127);
}

/* What the probe says of itself. */
static bool run_probe(const char *library, const char *socket_path, int *seen, int *err)
{
	int end[2], status;
	char text[64] = "";

	if (pipe2(end, O_CLOEXEC) < 0)
		return false;
	pid_t pid = fork();
	if (pid == 0)
		become_probe(library, socket_path, end[1]);
	close(end[1]);
	if (pid > 0 && read(end[0], text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(end[0]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		return false;
	return sscanf(text, "%d %d", seen, err) == 2; // NOLINT
}

void doctor_check_preload(struct doctor *doc)
{
	char library[PATH_MAX];
	int seen = 0, err = 0;

	if (!find_library(library))
		doctor_say(doc, DOCTOR_FAIL, "preload", "install it (make install)",
			   "libxtcp.so is not installed");
	else if (!run_probe(library, doc->path, &seen, &err))
		doctor_say(doc, DOCTOR_FAIL, "preload",
			   "run LD_PRELOAD=libxtcp.so true and see what it says",
			   "a program preloaded with %s does not run", library);
	else if (!(seen & PROBE_MAPPED))
		doctor_say(doc, DOCTOR_FAIL, "preload",
			   "its architecture must be the programs', its folder not mounted noexec",
			   "the loader does not take %s", library);
	else if (!(seen & PROBE_SOCKET))
		doctor_say(doc, DOCTOR_FAIL, "preload", "see the line on the daemon",
			   "%s is loaded, and its sockets fail: %s", library, strerror(err));
	else if (!(seen & PROBE_OURS))
		doctor_say(doc, DOCTOR_NOTE, "preload",
			   "rules may say so, or a library preloaded before it",
			   "%s is loaded, and a socket is the kernel's", library);
	else if (!(seen & PROBE_BOUND))
		doctor_say(doc, DOCTOR_FAIL, "preload",
			   err == ENETDOWN ? "it may be of another version than xtcpd: restart that"
					   : "xtcpd's log may say why",
			   "%s is loaded, and xtcpd refuses its bind(): %s", library,
			   strerror(err));
	else
		doctor_say(doc, DOCTOR_OK, "preload", "", "%s gives programs sockets of the stack",
			   library);
}
