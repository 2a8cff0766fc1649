/* SPDX-License-Identifier: MIT */
/*
 * The control socket's clients: see control.h.
 *
 * Theory of operation: a client is a small machine with one request in hand at a time. It is
 * read from only while nothing is waiting to be written to it, so a client that does not take its
 * answers stops being read and costs one line and one piece of answer, whatever it sends. Each
 * readiness does a bounded number of steps. Clients are bounded in number: when all places
 * are taken, the one that has been still for longest makes room.
 */
#include "daemon/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/control_impl.h"
#include "daemon/credentials.h"
#include "daemon/log.h"
#include "daemon/unix_listen.h"

#define CLIENTS_MAX 64
#define STEPS_MAX 4 /* of one client, per readiness */
#define ACCEPTS_MAX 16
#define ACCEPT_RETRY_US 100000
#define SNAPSHOTS_MAX_BYTES ((size_t)256 << 20)

struct control {
	struct daemon *d;
	struct loop_source listener;
	struct timer accept_timer; /* listening again after descriptors ran out */
	struct list clients;	   /* control_client.node: the one still for longest first */
	unsigned count;
	size_t snapshot_bytes; /* control_reserve() */
};

struct control_client {
	struct loop_source source;
	struct list node;
	struct control *control;
	bool may_change;
	bool eof;     /* the client will say no more */
	bool closing; /* nor is it listened to: close when all is written */
	char line[CONTROL_LINE_MAX + 1];
	size_t line_len;
	struct control_buffer out;
	struct control_stream *stream; /* makes the rest of the answer, or NULL */
};

bool control_reserve(struct daemon *d, size_t bytes)
{
	if (!d->control)
		return true; /* a test's own daemon */
	if (bytes > SNAPSHOTS_MAX_BYTES - d->control->snapshot_bytes)
		return false;
	d->control->snapshot_bytes += bytes;
	return true;
}

void control_release(struct daemon *d, size_t bytes)
{
	if (d->control)
		d->control->snapshot_bytes -= bytes;
}

static void client_free(struct control_client *c)
{
	int fd = c->source.fd;

	loop_remove(&c->control->d->loop, &c->source);
	close(fd);
	if (c->stream)
		c->stream->free(c->stream);
	control_buffer_free(&c->out);
	list_del(&c->node);
	c->control->count--;
	free(c);
}

static void client_moved(struct control_client *c)
{
	list_del(&c->node);
	list_add_tail(&c->control->clients, &c->node);
}

/* --- steps: each returns what the client needs next */

enum step { STEP_AGAIN, STEP_WAIT_INPUT, STEP_WAIT_OUTPUT, STEP_WAIT_STREAM, STEP_CLOSE };

static enum step step_write(struct control_client *c)
{
	struct control_buffer *out = &c->out;
	ssize_t n = send(c->source.fd, out->data + out->sent, out->len - out->sent,
			 MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? STEP_WAIT_OUTPUT : STEP_CLOSE;
	out->sent += (size_t)n;
	if (out->sent == out->len)
		out->sent = out->len = 0;
	client_moved(c);
	return STEP_AGAIN;
}

static enum step step_stream(struct control_client *c)
{
	if (!c->stream->next(c->stream, &c->out)) {
		c->closing |= c->stream->stop != NULL; /* its end is known by the end of all */
		c->stream->free(c->stream);
		c->stream = NULL;
	} else if (c->out.len == 0 && !c->out.failed) {
		return STEP_WAIT_STREAM;
	}
	return c->out.failed ? STEP_CLOSE : STEP_AGAIN; /* half a document helps nobody */
}

/* The client says no more: a stream that would go on for ever ends. */
static void stop_stream(struct control_client *c)
{
	c->eof = true;
	c->stream->stop(c->stream);
}

void control_stream_wake(struct control_stream *s)
{
	struct control_client *c = s->client;

	if (c)
		loop_modify(&c->control->d->loop, &c->source,
			    EPOLLOUT | (c->source.events & EPOLLRDHUP));
}

/* Carries out the line of `len` bytes in front; `used` counts its newline too. */
static enum step step_execute(struct control_client *c, size_t len, size_t used)
{
	char line[CONTROL_LINE_MAX + 1];

	memcpy(line, c->line, len);
	line[len] = '\0';
	bool whole = strlen(line) == len; /* else it holds a NUL: no request of ours */
	c->line_len -= used;
	memmove(c->line, c->line + used, c->line_len);
	control_execute(c->control->d, whole ? line : (char[]){"?"}, c->may_change, &c->out,
			&c->stream);
	if (c->stream)
		c->stream->client = c;
	if (c->stream && c->stream->stop && c->eof)
		stop_stream(c);
	return c->out.failed ? STEP_CLOSE : STEP_AGAIN;
}

static enum step step_too_long(struct control_client *c)
{
	json_t *error = control_error("a request has at most %d bytes", CONTROL_LINE_MAX);

	daemon_count(c->control->d, XtcpdControlErrors);
	control_append_json(&c->out, error);
	control_append(&c->out, "\n", 1);
	json_decref(error);
	c->closing = true;
	return c->out.failed ? STEP_CLOSE : STEP_AGAIN;
}

static enum step step_read(struct control_client *c)
{
	ssize_t n =
	    recv(c->source.fd, c->line + c->line_len, sizeof(c->line) - c->line_len, MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? STEP_WAIT_INPUT : STEP_CLOSE;
	c->line_len += (size_t)n;
	c->eof = n == 0;
	client_moved(c);
	return STEP_AGAIN;
}

static enum step client_step(struct control_client *c)
{
	const char *newline = memchr(c->line, '\n', c->line_len);

	if (c->out.len)
		return step_write(c);
	if (c->stream)
		return step_stream(c);
	if (c->closing)
		return STEP_CLOSE;
	if (newline)
		return step_execute(c, (size_t)(newline - c->line),
				    (size_t)(newline - c->line) + 1);
	if (c->line_len == sizeof(c->line))
		return step_too_long(c);
	if (!c->eof)
		return step_read(c);
	c->closing = true;
	return c->line_len ? step_execute(c, c->line_len, c->line_len) : STEP_CLOSE;
}

/* What brings the client back after a step. More to do: a socket that can be written to does, in
 * the next turn. */
static uint32_t events_after(const struct control_client *c, enum step step)
{
	uint32_t stop = c->stream && c->stream->stop && !c->eof ? EPOLLRDHUP : 0;

	if (step == STEP_WAIT_STREAM)
		return stop;
	return step == STEP_WAIT_INPUT ? EPOLLIN : EPOLLOUT | stop;
}

static void client_run(struct control_client *c)
{
	enum step step = STEP_AGAIN;

	for (int i = 0; step == STEP_AGAIN && i < STEPS_MAX; i++)
		step = client_step(c);
	if (step == STEP_CLOSE) {
		client_free(c);
		return;
	}
	if (loop_modify(&c->control->d->loop, &c->source, events_after(c, step)) < 0)
		client_free(c);
}

static void client_ready(struct loop_source *src, uint32_t events)
{
	struct control_client *c = container_of(src, struct control_client, source);

	if (events & (EPOLLERR | EPOLLHUP)) {
		/* What it asked for before it left is still done. */
		for (int i = 0; i < STEPS_MAX && !c->stream && !c->closing; i++) {
			c->out.len = c->out.sent = 0;
			if (client_step(c) != STEP_AGAIN)
				break;
		}
		client_free(c);
		return;
	}
	if (events & EPOLLRDHUP && c->stream && c->stream->stop && !c->eof)
		stop_stream(c);
	client_run(c);
}

/* --- accepting */

static void client_new(struct control *control, int fd)
{
	struct control_client *c = calloc(1, sizeof(*c));
	struct ucred cred;

	if (!c || !peer_credentials(fd, &cred))
		goto fail;
	if (loop_add(&control->d->loop, &c->source, fd, EPOLLIN, client_ready) < 0)
		goto fail;
	if (control->count == CLIENTS_MAX)
		client_free(container_of(control->clients.next, struct control_client, node));
	c->control = control;
	c->may_change = cred.uid == 0 || cred.uid == control->d->identity.uid;
	list_add_tail(&control->clients, &c->node);
	control->count++;
	return;
fail:
	close(fd);
	free(c);
}

static void accept_again(struct timer *t, void *ctx)
{
	struct daemon *d = ctx;

	(void)t;
	loop_modify(&d->loop, &d->control->listener, EPOLLIN);
}

static void listener_ready(struct loop_source *src, uint32_t events)
{
	struct control *control = container_of(src, struct control, listener);
	struct daemon *d = control->d;

	(void)events;
	for (int i = 0; i < ACCEPTS_MAX; i++) {
		int fd = accept4(src->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0) {
			client_new(control, fd);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			   errno == ENOBUFS) {
			loop_modify(&d->loop, &control->listener, 0);
			timer_set(&d->loop.wheel, &control->accept_timer,
				  d->loop.now_us + ACCEPT_RETRY_US);
			return;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			return;
		}
	}
}

/* --- start and stop */

int control_start(struct daemon *d)
{
	const struct config *config = &d->config;
	struct control *control = calloc(1, sizeof(*control));

	if (!control) {
		log_error("the control socket: no memory");
		return -1;
	}
	control->d = d;
	list_init(&control->clients);
	timer_init(&d->loop.wheel, &control->accept_timer, accept_again);
	int fd =
	    unix_listen(config->control_path, config->control_mode, d->identity.uid, d->socket_gid);
	if (fd < 0) {
		free(control);
		return -1;
	}
	int err = loop_add(&d->loop, &control->listener, fd, EPOLLIN, listener_ready);
	if (err < 0) {
		log_error("cannot watch %s: %s", config->control_path, strerror(-err));
		close(fd);
		unix_unlink(config->control_path);
		free(control);
		return -1;
	}
	d->control = control;
	return 0;
}

void control_stop(struct daemon *d)
{
	struct control *control = d->control;
	int fd = control->listener.fd;

	list_for_each_safe (pos, &control->clients)
		client_free(container_of(pos, struct control_client, node));
	timer_cancel(&d->loop.wheel, &control->accept_timer);
	loop_remove(&d->loop, &control->listener);
	close(fd);
	unix_unlink(d->config.control_path);
	free(control);
	d->control = NULL;
}
