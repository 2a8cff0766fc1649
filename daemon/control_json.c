/* SPDX-License-Identifier: MIT */
/*
 * JSON for the control socket: jansson's documents into a buffer, and the few kinds of value the
 * answers are made of. A value that could not be made for lack of memory is left out of its
 * object, as jansson does.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/control_impl.h"

void control_append(struct control_buffer *b, const char *data, size_t len)
{
	if (b->failed)
		return;
	if (len > b->cap - b->len) {
		size_t cap = (b->len + len) * 2;
		char *grown = realloc(b->data, cap);
		if (!grown) {
			b->failed = true;
			return;
		}
		b->data = grown;
		b->cap = cap;
	}
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

static int append_callback(const char *data, size_t len, void *arg)
{
	struct control_buffer *b = arg;

	control_append(b, data, len);
	return b->failed ? -1 : 0;
}

void control_append_json(struct control_buffer *b, const json_t *doc)
{
	if (!doc || json_dump_callback(doc, append_callback, b, JSON_COMPACT) < 0)
		b->failed = true;
}

void control_buffer_free(struct control_buffer *b)
{
	free(b->data);
	*b = (struct control_buffer){0};
}

void control_set(json_t *object, const char *key, json_t *value)
{
	json_object_set_new(object, key, value);
}

void control_set_u64(json_t *object, const char *key, uint64_t value)
{
	control_set(object, key, json_integer((json_int_t)value));
}

void control_set_string(json_t *object, const char *key, const char *value)
{
	json_t *string = json_string(value);

	/* Not UTF-8 (a program's name may be anything): better a mark than no word at all. */
	control_set(object, key, string ? string : json_string("?"));
}

void control_set_v4(json_t *object, const char *key, uint32_t v4)
{
	char text[INET_ADDRSTRLEN];
	struct in_addr a = {.s_addr = htonl(v4)};

	control_set_string(object, key, inet_ntop(AF_INET, &a, text, sizeof(text)));
}

void control_set_mac(json_t *object, const char *key, const struct mac_addr *mac)
{
	char text[18];
	const uint8_t *b = mac->b;

	snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4],
		 b[5]);
	control_set_string(object, key, text);
}
