/* SPDX-License-Identifier: MIT */
/* `capture` and `trace`: what the stack sees and says, as it happens; see stream.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/command.h"

struct wanted {
	const char *file, *count, *snap; /* or NULL */
};

static int missing(const char *flag)
{
	fprintf(stderr, "xtcpctl: capture: %s needs a value\n", flag);
	return -1;
}

/* The flags, in front of the filter: the index behind them, -1 with the message printed. */
static int parse_flags(struct wanted *w, int argc, char **argv)
{
	int i = 1;

	for (; i < argc && argv[i][0] == '-'; i++) {
		char letter = argv[i][1];
		const char **to = letter == 'w'	  ? &w->file
				  : letter == 'c' ? &w->count
				  : letter == 's' ? &w->snap
						  : NULL;
		if (!to) {
			fprintf(stderr,
				"xtcpctl: capture: %s: not -w, -c or -s (xtcpctl help "
				"capture)\n",
				argv[i]);
			return -1;
		}
		if (argv[i][2])
			*to = argv[i] + 2;
		else if (i + 1 < argc)
			*to = argv[++i];
		else
			return missing(argv[i]);
	}
	return i;
}

static int open_output(const char *path)
{
	if (!path)
		return STDOUT_FILENO;
	if (!strcmp(path, "-")) {
		if (!isatty(STDOUT_FILENO))
			return STDOUT_FILENO;
		fputs("xtcpctl: capture: -w - writes pcapng, which is nothing for a terminal\n",
		      stderr);
		return -1;
	}
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		fprintf(stderr, "xtcpctl: %s: %s\n", path, strerror(errno));
	return fd;
}

static int no_json(const struct ctl *ctl, const char *command)
{
	if (!ctl->json)
		return CTL_OK;
	fprintf(stderr, "xtcpctl: %s has no --json: it is a stream\n", command);
	return CTL_USAGE;
}

int cmd_capture(const struct ctl *ctl, int argc, char **argv)
{
	struct ctl_line line = {.len = 0};
	struct wanted w = {.file = NULL};

	int at = parse_flags(&w, argc, argv);
	if (at < 0 || no_json(ctl, "capture"))
		return CTL_USAGE;
	line_word(&line, "capture");
	line_word(&line, w.file ? "pcapng" : "text");
	if (w.count)
		line_word(&line, "count");
	if (w.count)
		line_word(&line, w.count);
	if (w.snap)
		line_word(&line, "snap");
	if (w.snap)
		line_word(&line, w.snap);
	line_words(&line, argc - at, argv + at);
	if (line_check(&line))
		return CTL_USAGE;
	int fd = ctl_connect(ctl, line.text);
	if (fd < 0)
		return CTL_UNREACHABLE;
	int out = open_output(w.file);
	if (out < 0) {
		close(fd);
		return strcmp(w.file, "-") ? CTL_REFUSED : CTL_USAGE;
	}
	return stream_copy(&(struct ctl_stream){.fd = fd, .out = out, .lines = !w.file});
}

int cmd_trace(const struct ctl *ctl, int argc, char **argv)
{
	struct ctl_line line = {.len = 0};

	line_words(&line, argc, argv);
	if (no_json(ctl, "trace") || line_check(&line))
		return CTL_USAGE;
	int fd = ctl_connect(ctl, line.text);
	if (fd < 0)
		return CTL_UNREACHABLE;
	return stream_copy(&(struct ctl_stream){.fd = fd, .out = STDOUT_FILENO, .lines = true});
}
