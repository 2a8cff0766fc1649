/* SPDX-License-Identifier: MIT */
/* Reading xtcpd's documents: what is missing or of another type reads as nothing. */
#include "ctl/command.h"

const char *get_string(const json_t *object, const char *key, const char *otherwise)
{
	const char *s = json_string_value(json_object_get(object, key));
	return s ? s : otherwise;
}

long long get_int(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

bool get_bool(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

bool has(const json_t *object, const char *key)
{
	return json_object_get(object, key) != NULL;
}
