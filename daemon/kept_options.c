/* SPDX-License-Identifier: MIT */
/* Options to be set again elsewhere: see kept_options.h. A row of struct rpc_option and values. */
#include "daemon/kept_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/rpc.h"

struct kept_options {
	size_t len;
	uint8_t row[KEPT_OPTIONS_MAX];
};

static struct rpc_option option_at(const struct kept_options *kept, size_t at)
{
	struct rpc_option option;

	memcpy(&option, kept->row + at, sizeof(option));
	return option;
}

static size_t size_of(const struct rpc_option *option)
{
	return sizeof(*option) + option->len;
}

/* Keys of several peers and the like are many options by one name; an int is one. */
static void remove_int(struct kept_options *kept, const struct rpc_option *wanted)
{
	for (size_t at = 0; at < kept->len;) {
		struct rpc_option option = option_at(kept, at);
		size_t size = size_of(&option);
		if (memcmp(&option, wanted, sizeof(option)) == 0) {
			kept->len -= size;
			memmove(kept->row + at, kept->row + at + size, kept->len - at);
			return;
		}
		at += size;
	}
}

int kept_options_put(struct kept_options **kept, int level, int name, const void *value, size_t len)
{
	struct rpc_option option = {.level = level, .name = name, .len = (uint32_t)len};

	if (len > KEPT_OPTION_MAX)
		return -ENOBUFS;
	if (!*kept)
		*kept = calloc(1, sizeof(**kept));
	if (!*kept)
		return -ENOMEM;
	if (len == sizeof(int))
		remove_int(*kept, &option);
	if (size_of(&option) > sizeof((*kept)->row) - (*kept)->len)
		return -ENOBUFS;
	memcpy((*kept)->row + (*kept)->len, &option, sizeof(option));
	memcpy((*kept)->row + (*kept)->len + sizeof(option), value, len);
	(*kept)->len += size_of(&option);
	return 0;
}

size_t kept_options_get(const struct kept_options *kept, unsigned at, uint8_t *to, size_t room,
			unsigned *next)
{
	size_t from = 0, used = 0;
	unsigned index = 0;

	*next = 0;
	for (; kept && from < kept->len; index++) {
		struct rpc_option option = option_at(kept, from);
		size_t size = size_of(&option);
		if (index >= at && size > room - used) {
			*next = index;
			return used;
		}
		if (index >= at) {
			memcpy(to + used, kept->row + from, size);
			used += size;
		}
		from += size;
	}
	return used;
}

void kept_options_drop(struct kept_options **kept)
{
	free(*kept);
	*kept = NULL;
}
