/* SPDX-License-Identifier: MIT */
/*
 * An answer without an end: copied as it comes, until xtcpd ends it or we are interrupted.
 *
 * An interrupt shuts down our side of the connection; xtcpd then sends what it still has and how
 * much was lost because we were slow, which is said at the end. A second one ends at once. An error
 * is a document ({"error":...}), and so is the last line of a stream of lines.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/command.h"

#define CHUNK_BYTES (256 * 1024)
#define TAIL_BYTES 4096 /* of what has come: the last line, or the last block, is in it */
#define STATS_BLOCK 5	/* pcapng: Interface Statistics Block, as xtcpd writes it */
#define STATS_BYTES 52
#define STATS_RECEIVED_AT 24
#define STATS_LOST_AT 36

struct copy {
	const struct ctl_stream *s;
	int signals;
	size_t total; /* what has come */
	bool broken;  /* nobody reads what we write: not an error, as for any filter... */
	bool failed;  /* ...and it cannot be written, which is one */
	char tail[TAIL_BYTES];
	size_t tail_len;
	char chunk[CHUNK_BYTES];
};

static bool write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

static void keep_tail(struct copy *c, const char *data, size_t len)
{
	if (len >= TAIL_BYTES) {
		memcpy(c->tail, data + len - TAIL_BYTES, TAIL_BYTES);
		c->tail_len = TAIL_BYTES;
		return;
	}
	size_t kept = c->tail_len + len > TAIL_BYTES ? TAIL_BYTES - len : c->tail_len;
	memmove(c->tail, c->tail + c->tail_len - kept, kept);
	memcpy(c->tail + kept, data, len);
	c->tail_len = kept + len;
}

/* Where the document begins that ends the lines, or is all there is; NULL: there is none. */
static const char *last_document(const struct copy *c)
{
	if (c->tail_len == 0 || c->tail[c->tail_len - 1] != '\n')
		return NULL;
	const char *at = c->tail + c->tail_len - 1;
	while (at > c->tail && at[-1] != '\n')
		at--;
	return *at == '{' && (c->s->lines || c->total == c->tail_len) ? at : NULL;
}

/* --- the end */

static int say_counts(const char *what, unsigned long long got, unsigned long long lost)
{
	fprintf(stderr, "%llu %s\n", got, what);
	if (lost)
		fprintf(stderr, "%llu lost: they came faster than they were taken\n", lost);
	return CTL_OK;
}

static unsigned long long le64_at(const char *p)
{
	unsigned long long n = 0;

	for (int i = 7; i >= 0; i--)
		n = n << 8 | (unsigned char)p[i];
	return n;
}

static int end_of_pcapng(const struct copy *c)
{
	const char *block = c->tail + c->tail_len - STATS_BYTES;

	if (c->tail_len < STATS_BYTES || block[0] != STATS_BLOCK || block[4] != STATS_BYTES)
		return CTL_OK; /* interrupted twice, or xtcpd is gone */
	unsigned long long lost = le64_at(block + STATS_LOST_AT);
	return say_counts("packets captured", le64_at(block + STATS_RECEIVED_AT) - lost, lost);
}

static int end_of_document(const struct copy *c, const char *text)
{
	json_t *doc = json_loadb(text, (size_t)(c->tail + c->tail_len - text), 0, NULL);
	const char *reason = get_string(doc, "error", NULL);
	int status = CTL_OK;

	if (reason) {
		fprintf(stderr, "xtcpctl: %s\n", reason);
		status = CTL_REFUSED;
	} else if (has(doc, "captured")) {
		say_counts("packets captured", (unsigned long long)get_int(doc, "captured"),
			   (unsigned long long)get_int(doc, "lost"));
	} else {
		say_counts("events", (unsigned long long)get_int(doc, "events"),
			   (unsigned long long)get_int(doc, "lost"));
	}
	json_decref(doc);
	return status;
}

static int end(const struct copy *c)
{
	const char *document = last_document(c);

	if (document)
		return end_of_document(c, document);
	if (!c->total) {
		fputs("xtcpctl: xtcpd has closed the connection\n", stderr);
		return CTL_UNREACHABLE;
	}
	return c->s->lines ? CTL_OK : end_of_pcapng(c);
}

/* --- on the way */

/* The part of a chunk that is to be shown: not a document. */
static size_t shown(const struct copy *c, const char *data, size_t len)
{
	const char *at = data + len;

	if (!c->s->lines)
		return !c->total && data[0] == '{' ? 0 : len;
	if (len == 0 || at[-1] != '\n')
		return len;
	for (at--; at > data && at[-1] != '\n'; at--)
		;
	return *at == '{' ? (size_t)(at - data) : len;
}

/* False: the end. A document is one, though the connection goes on. */
static bool copy_chunk(struct copy *c)
{
	ssize_t n = recv(c->s->fd, c->chunk, sizeof(c->chunk), 0);

	if (n < 0 && errno == EINTR)
		return true;
	if (n <= 0)
		return false;
	size_t len = shown(c, c->chunk, (size_t)n);
	keep_tail(c, c->chunk, (size_t)n);
	c->total += (size_t)n;
	if (write_all(c->s->out, c->chunk, len))
		return last_document(c) == NULL;
	c->broken = errno == EPIPE;
	c->failed = !c->broken;
	if (c->failed)
		perror("xtcpctl: writing");
	return false;
}

static void copy_until_the_end(struct copy *c)
{
	struct pollfd fds[2] = {{.fd = c->s->fd, .events = POLLIN},
				{.fd = c->signals, .events = POLLIN}};
	struct signalfd_siginfo info;
	bool stopping = false;

	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return;
		if (fds[1].revents & POLLIN) {
			if (stopping || read(c->signals, &info, sizeof(info)) < 0)
				return;
			stopping = true;
			shutdown(c->s->fd, SHUT_WR);
		}
		if (fds[0].revents && !copy_chunk(c))
			return;
	}
}

int stream_copy(const struct ctl_stream *s)
{
	struct copy *c = calloc(1, sizeof(*c));
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	int signals = signalfd(-1, &set, SFD_CLOEXEC);
	int status = CTL_REFUSED;
	if (c && signals >= 0) {
		c->s = s;
		c->signals = signals;
		copy_until_the_end(c);
		if (!c->failed)
			status = c->broken ? CTL_OK : end(c);
	} else {
		perror("xtcpctl");
	}
	if (signals >= 0)
		close(signals);
	close(s->fd);
	free(c);
	return status;
}
