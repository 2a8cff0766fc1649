/* SPDX-License-Identifier: MIT */
/*
 * What people write. The first byte says to whom:
 *   - the control socket: a request a line, to a daemon that has a stack, a listener and a link that takes
 *     everything. A line that begins with @ is a frame that arrives. An answer is a JSON document and
 *     a newline, or a stream that is taken to its end;
 *   - a configuration file;
 *   - a file of rules, which must mean the same in whatever pieces it is read;
 *   - a sysctl: what is set is what is shown, and what is shown can be set again;
 *   - impairments, the same.
 */
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/control_impl.h"
#include "daemon/daemon.h"
#include "daemon/log.h"
#include "rpc/rules.h"
#include "stack/base/bytes.h"
#include "stack/link/neigh.h"
#include "tests/fuzz/fuzz.h"

#define LINES_MAX 64
#define PIECES_MAX 200
#define HOST_V4 0x0a4d0002u
#define PEER_V4 0x0a4d0001u

/* --- requests */

static bool take(struct daemon *d, const struct frame_out *f)
{
	(void)d;
	(void)f;
	return true;
}

static struct daemon *new_daemon(void)
{
	static const struct link_ops link = {.transmit = take};
	static const struct stack_ops ops = {.transmit = link_transmit};
	static const struct mac_addr peer = {{2, 0, 0, 0, 0, 1}};
	struct stack_config config = {
	    .mac = {{2, 0, 0, 0, 0, 2}}, .mtu_bytes = 1500, .pkt_limit_bytes = 16 << 20};
	struct daemon *d = calloc(1, sizeof(*d));

	FUZZ_CHECK(d);
	log_set_level(LOG_EMERG);
	config_defaults(&d->config);
	d->link.ops = &link;
	d->link.source.fd = -1;
	strcpy(d->link.name, "xtcp0");
	d->loop.epoll_fd = -1;
	d->loop.now_us = 1000000;
	timer_wheel_init(&d->loop.wheel, d->loop.now_us);
	FUZZ_CHECK(sockets_init(d) == 0);
	impairment_init(d);
	capture_init(d);
	processes_init(&d->processes);
	d->stack = stack_create(&config, &ops, d, d->loop.now_us);
	FUZZ_CHECK(d->stack && stack_addr_add(d->stack, HOST_V4, 24) == 0 &&
		   neigh_add(d->stack, PEER_V4, &peer) == 0);
	return d;
}

static void listen_on_80(struct daemon *d)
{
	struct sock_addr any = {.addr = ip_v4(0), .port = 80};
	int err;
	struct tcp_sock *sk = tcp_socket(d->stack, NULL, 1000, &err);

	FUZZ_CHECK(sk && tcp_bind(sk, &any) == 0 && tcp_listen(sk, 8) == 0);
}

/* A connection that is on its way, so that there is something to see. */
static void connect_out(struct daemon *d)
{
	struct sock_addr to = {.addr = ip_v4(PEER_V4), .port = 7};
	int err;
	struct tcp_sock *sk = tcp_socket(d->stack, NULL, 1001, &err);

	if (sk)
		tcp_connect(sk, &to);
}

static void free_daemon(struct daemon *d)
{
	impairment_stop(d);
	sockets_destroy(d);
	processes_destroy(&d->processes);
	stack_destroy(d->stack);
	free(d);
}

static void frame(struct daemon *d, const char *data, size_t len)
{
	struct pkt *p = pkt_alloc(stack_pkt_pool(d->stack), len);

	FUZZ_CHECK(p);
	memcpy(p->buf, data, len);
	p->len = (uint32_t)len;
	link_input(d, p);
	stack_flush(d->stack);
}

static void pass_time(struct daemon *d)
{
	d->loop.now_us += 500000;
	stack_advance(d->stack, d->loop.now_us);
	timer_wheel_advance(&d->loop.wheel, d->loop.now_us, d);
	stack_flush(d->stack);
}

struct conversation {
	struct daemon *d;
	struct control_stream *open[CAPTURE_LISTENERS_MAX]; /* those without an end */
	unsigned streams;
};

static void pieces(struct control_stream *s, struct control_buffer *out)
{
	for (int i = 0; i < PIECES_MAX && s->next(s, out); i++) {
		if (out->len == 0)
			return;
		FUZZ_CHECK(!out->failed);
		out->len = out->sent = 0;
	}
}

static void end_stream(struct control_stream *s)
{
	struct control_buffer out = {0};

	if (s->stop) {
		s->stop(s);
		pieces(s, &out);
	}
	s->free(s);
	control_buffer_free(&out);
}

static void is_document(const struct control_buffer *out)
{
	json_t *doc = json_loadb(out->data, out->len, JSON_DISABLE_EOF_CHECK, NULL);

	FUZZ_CHECK(doc && out->len > 0 && out->data[out->len - 1] == '\n');
	FUZZ_CHECK(memchr(out->data, '\n', out->len) == out->data + out->len - 1);
	json_decref(doc);
}

static void request(struct conversation *c, char *line)
{
	struct control_buffer out = {0};
	struct control_stream *stream = NULL;

	control_execute(c->d, line, true, &out, &stream);
	if (!stream) {
		is_document(&out);
	} else if (stream->stop && c->streams < CAPTURE_LISTENERS_MAX) {
		c->open[c->streams++] = stream;
	} else {
		pieces(stream, &out);
		end_stream(stream);
	}
	control_buffer_free(&out);
}

static void line(struct conversation *c, const char *at, size_t len)
{
	char text[CONTROL_LINE_MAX + 1];

	if (len > 0 && at[0] == '@') {
		frame(c->d, at + 1, len - 1);
		return;
	}
	if (len > CONTROL_LINE_MAX || memchr(at, '\0', len))
		return; /* control.c does not let these through */
	memcpy(text, at, len);
	text[len] = '\0';
	request(c, text);
}

static void requests(const char *at, const char *end)
{
	struct conversation c = {.d = new_daemon()};
	struct control_buffer out = {0};

	listen_on_80(c.d);
	connect_out(c.d);
	for (int i = 0; i < LINES_MAX && at < end; i++) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const char *stop = newline ? newline : end;
		line(&c, at, (size_t)(stop - at));
		at = stop + 1;
		pass_time(c.d);
		for (unsigned s = 0; s < c.streams; s++) {
			pieces(c.open[s], &out);
			out.len = out.sent = 0;
		}
	}
	control_buffer_free(&out);
	while (c.streams > 0)
		end_stream(c.open[--c.streams]);
	FUZZ_CHECK(!c.d->capture.on);
	free_daemon(c.d);
}

/* --- files */

static void configuration(const char *at, size_t len)
{
	struct config *config = calloc(1, sizeof(*config));
	char path[64], err[256] = "";
	int fd = memfd_create("config", MFD_CLOEXEC);

	FUZZ_CHECK(config && fd >= 0 && write(fd, at, len) == (ssize_t)len);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	config_defaults(config);
	if (config_read(config, path, err, sizeof(err)) == 0)
		config_check(config);
	else
		FUZZ_CHECK(err[0] && memchr(err, '\0', sizeof(err)));
	close(fd);
	free(config);
}

static void read_rules(struct rules *r, const char *at, size_t len, size_t piece)
{
	rules_init(r);
	for (size_t done = 0; done < len; done += piece)
		rules_feed(r, at + done, len - done < piece ? len - done : piece);
	rules_end(r);
}

static void rules(const char *at, size_t len)
{
	static const struct rules_program who = {.file = "nginx", .comm = "nginx: worker"};
	struct rules *whole = malloc(sizeof(*whole)), *parts = malloc(sizeof(*parts));

	FUZZ_CHECK(whole && parts);
	read_rules(whole, at, len, len ? len : 1);
	read_rules(parts, at, len, 3);
	FUZZ_CHECK(whole->count == parts->count && whole->error_line == parts->error_line &&
		   !whole->error == !parts->error);
	for (uint32_t v4 = 0x0a010000; v4 < 0x0a010000 + 3; v4++) {
		const struct rule *a = rules_find(whole, RULE_CONNECT, v4, 5432, &who);
		const struct rule *b = rules_find(parts, RULE_CONNECT, v4, 5432, &who);
		FUZZ_CHECK(!a == !b && (!a || a - whole->rule == b - parts->rule));
	}
	FUZZ_CHECK(rules_default(whole, &who) == rules_default(parts, &who));
	FUZZ_CHECK(!rules_all_fall(whole, &who) || rules_may_fall(whole, &who));
	free(whole);
	free(parts);
}

/* --- values */

static void sysctl(char *text)
{
	struct daemon *d = new_daemon();
	struct sysctls *s = stack_sysctls(d->stack);
	char *value = strchr(text, '='), shown[SYSCTL_VALUE_MAX], again[SYSCTL_VALUE_MAX];

	if (value)
		*value++ = '\0';
	if (value && sysctl_set(s, text, value) == 0) {
		FUZZ_CHECK(sysctl_get(s, text, shown, sizeof(shown)) == 0);
		FUZZ_CHECK(sysctl_set(s, text, shown) == 0);
		FUZZ_CHECK(sysctl_get(s, text, again, sizeof(again)) == 0);
		FUZZ_CHECK(strcmp(shown, again) == 0);
	}
	free_daemon(d);
}

static void impairments(const char *text)
{
	struct impair_config first = {0}, second = {0};
	char why[256], shown[IMPAIR_TEXT_MAX], again[IMPAIR_TEXT_MAX];

	if (impair_parse(&first, text, why, sizeof(why)))
		return;
	impair_format(&first, shown);
	FUZZ_CHECK(impair_parse(&second, shown, why, sizeof(why)) == NULL);
	impair_format(&second, again);
	FUZZ_CHECK(strcmp(shown, again) == 0);
}

void fuzz_words(const uint8_t *data, size_t len)
{
	char text[FUZZ_INPUT_MAX + 1];

	if (len == 0)
		return;
	memcpy(text, data + 1, len - 1);
	text[len - 1] = '\0';
	switch (data[0] % 8) {
	case 0:
		configuration(text, len - 1);
		break;
	case 1:
		rules(text, len - 1);
		break;
	case 2:
		sysctl(text);
		break;
	case 3:
		impairments(text);
		break;
	default:
		requests(text, text + len - 1);
	}
}
