/* SPDX-License-Identifier: MIT */
/*
 * xtcpctl: a request to xtcpd's control socket, and its answer in the words of ss, nstat and ip.
 *
 * A command turns its arguments into one line for xtcpd and renders the document that comes
 * back; with --json the document is printed as it is. What a command needs to know of the stack
 * comes from the answer alone.
 */
#ifndef XTCP_CTL_COMMAND_H
#define XTCP_CTL_COMMAND_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Exit statuses. */
enum {
	CTL_OK = 0,
	CTL_REFUSED = 1,     /* xtcpd answered with an error, or the output cannot be written */
	CTL_USAGE = 2,	     /* the command line is wrong */
	CTL_UNREACHABLE = 3, /* no xtcpd to talk to, or no right to */
};

struct ctl {
	const char *path; /* of the control socket */
	bool json;
};

struct ctl_command {
	const char *name, *usage, *summary;
	int (*run)(const struct ctl *ctl, int argc, char **argv);
};
extern const struct ctl_command ctl_commands[]; /* ends with a NULL name */

/* --- client.c */
/* Sends `line` and reads the answer. NULL with the message printed and *status set. */
json_t *ctl_ask(const struct ctl *ctl, const char *line, int *status);
/* The same, then `render` or, with --json, the document itself. An exit status. */
int ctl_show(const struct ctl *ctl, const char *line, void (*render)(const json_t *doc));
void ctl_print_json(const json_t *doc);
/* Sends `line`, for an answer that is a stream: the descriptor, -1 with the message printed. */
int ctl_connect(const struct ctl *ctl, const char *line);

/* --- stream.c: an answer that goes on until we are interrupted, or it ends. An exit status. */
struct ctl_stream {
	int fd;	    /* from ctl_connect(); closed at the end */
	int out;    /* where it goes */
	bool lines; /* text, whose last line is a document; else pcapng */
};
int stream_copy(const struct ctl_stream *s);

/* --- line.c: a request, word by word */
struct ctl_line {
	char text[1024];
	size_t len;
	bool too_long;
};
void line_word(struct ctl_line *line, const char *word);
/* "verb" and the arguments as they are. */
void line_words(struct ctl_line *line, int argc, char **argv);
int line_check(const struct ctl_line *line); /* CTL_OK, or CTL_USAGE with the message printed */

/* --- json.c: readers that never fail */
const char *get_string(const json_t *object, const char *key, const char *otherwise);
long long get_int(const json_t *object, const char *key);
bool get_bool(const json_t *object, const char *key);
bool has(const json_t *object, const char *key);

/* --- columns.c: a table whose columns are as wide as their widest cell */
#define COLUMNS_MAX 8
struct columns {
	int count;
	bool right[COLUMNS_MAX];      /* flush right */
	const char *gap[COLUMNS_MAX]; /* what stands in front of a column */
	json_t *rows;		      /* an array of arrays of strings */
};
/* `below`: a line under this one, or NULL. */
void columns_row(struct columns *c, const char *const *cells, const char *below);
void columns_print(const struct columns *c);

/* --- help.c */
void help_print(const struct ctl_command *c);
/* Say what is wrong with the command line: CTL_USAGE. */
int help_wrong(const char *command, const char *word, const char *why);
int help_wrong_flag(char **argv);	      /* that getopt() has just met */
int help_no_arguments(int argc, char **argv); /* but "show" and the like; else CTL_OK */

/* --- rules.c */
struct rules;
const char *rules_path(void); /* of the file that programs started here read */
/* False with the reason, the line named. */
bool rules_read(const char *path, struct rules *r, char *why, size_t size);

/* --- the commands */
int cmd_addr(const struct ctl *ctl, int argc, char **argv);
int cmd_doctor(const struct ctl *ctl, int argc, char **argv);
int cmd_capture(const struct ctl *ctl, int argc, char **argv);
int cmd_help(const struct ctl *ctl, int argc, char **argv);
int cmd_limits(const struct ctl *ctl, int argc, char **argv);
int cmd_link(const struct ctl *ctl, int argc, char **argv);
int cmd_metrics(const struct ctl *ctl, int argc, char **argv);
int cmd_neigh(const struct ctl *ctl, int argc, char **argv);
int cmd_nstat(const struct ctl *ctl, int argc, char **argv);
int cmd_ps(const struct ctl *ctl, int argc, char **argv);
int cmd_route(const struct ctl *ctl, int argc, char **argv);
int cmd_rules(const struct ctl *ctl, int argc, char **argv);
int cmd_ss(const struct ctl *ctl, int argc, char **argv);
int cmd_status(const struct ctl *ctl, int argc, char **argv);
int cmd_sysctl(const struct ctl *ctl, int argc, char **argv);
int cmd_trace(const struct ctl *ctl, int argc, char **argv);

#endif
