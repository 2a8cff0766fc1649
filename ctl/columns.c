/* SPDX-License-Identifier: MIT */
/* Tables: each column as wide as its widest cell; the last one is not padded. */
#include <stdio.h>
#include <string.h>

#include "ctl/command.h"

void columns_row(struct columns *c, const char *const *cells, const char *below)
{
	json_t *row = json_array();

	if (!c->rows)
		c->rows = json_array();
	for (int i = 0; i < c->count; i++) {
		json_t *cell = json_string(cells[i]);
		json_array_append_new(row, cell ? cell : json_string("?"));
	}
	if (below)
		json_array_append_new(row, json_string(below));
	json_array_append_new(c->rows, row);
}

static const char *cell(const json_t *row, int i)
{
	const char *s = json_string_value(json_array_get(row, (size_t)i));
	return s ? s : "";
}

static void print_row(const struct columns *c, const json_t *row, const int *width)
{
	for (int i = 0; i < c->count; i++) {
		bool last = i + 1 == c->count;
		int w = last && !c->right[i] ? 0 : width[i];
		printf("%s%*s", c->gap[i], c->right[i] ? w : -w, cell(row, i));
	}
	putchar('\n');
	if (json_array_size(row) > (size_t)c->count)
		printf("\t%s\n", cell(row, c->count));
}

void columns_print(const struct columns *c)
{
	int width[COLUMNS_MAX] = {0};
	size_t n;
	json_t *row;

	json_array_foreach(c->rows, n, row)
	{
		for (int i = 0; i < c->count; i++) {
			int len = (int)strlen(cell(row, i));
			width[i] = len > width[i] ? len : width[i];
		}
	}
	json_array_foreach(c->rows, n, row) print_row(c, row, width);
}
