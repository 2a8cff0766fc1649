/* SPDX-License-Identifier: MIT */
/* `link` and `addr`: as ip-link(8) with -s and ip-address(8) show them; `link impair` goes on to
 * xtcpd as it is. */
#include <stdio.h>
#include <string.h>

#include "ctl/command.h"

static const char *on_off(const json_t *object, const char *key)
{
	return get_bool(object, key) ? "on" : "off";
}

static void print_head(const json_t *doc)
{
	printf("%s: <BROADCAST,UP> mtu %lld\n    link/ether %s brd ff:ff:ff:ff:ff:ff\n",
	       get_string(doc, "name", "?"), get_int(doc, "mtu"), get_string(doc, "address", "?"));
}

static void print_inet(const json_t *doc)
{
	size_t i;
	json_t *row;

	json_array_foreach(json_object_get(doc, "inet"), i, row)
	    printf("    inet %s/%lld scope global %s\n", get_string(row, "address", "?"),
		   get_int(row, "prefix_len"), get_string(doc, "name", "?"));
}

static void print_offload(const json_t *offload)
{
	printf("    offload: tx-checksumming %s rx-checksumming %s tcp-segmentation %s "
	       "receive-segments %s tso_max_bytes %lld\n",
	       on_off(offload, "tx_checksum"), on_off(offload, "rx_checksum"),
	       on_off(offload, "tcp_segmentation"), on_off(offload, "receive_segments"),
	       get_int(offload, "tso_max_bytes"));
}

static void print_counts(const char *way, const json_t *n, const char *last)
{
	const char *head[] = {way, "bytes", "packets", "errors", "dropped", last};
	struct columns c = {
	    .count = last ? 6 : 5,
	    .right = {false, true, true, true, true, true},
	    .gap = {"    ", " ", " ", " ", " ", " "},
	};
	char cell[COLUMNS_MAX][32];
	const char *row[COLUMNS_MAX] = {""};

	for (int i = 1; i < c.count; i++) {
		snprintf(cell[i], sizeof(cell[i]), "%lld", get_int(n, head[i]));
		row[i] = cell[i];
	}
	columns_row(&c, head, NULL);
	columns_row(&c, row, NULL);
	columns_print(&c);
	json_decref(c.rows);
}

static void print_arp(const json_t *arp)
{
	printf("    ARP: in requests %lld replies %lld, out requests %lld replies %lld\n",
	       get_int(arp, "in_requests"), get_int(arp, "in_replies"),
	       get_int(arp, "out_requests"), get_int(arp, "out_replies"));
}

static void print_impaired(const char *way, const json_t *im)
{
	if (json_is_null(im) || !im)
		return;
	printf("    impair %s: %s\n"
	       "        passed %lld lost %lld duplicated %lld corrupted %lld reordered %lld "
	       "marked %lld overflowed %lld queued %lld\n",
	       way, get_string(im, "words", "?"), get_int(im, "passed"), get_int(im, "lost"),
	       get_int(im, "duplicated"), get_int(im, "corrupted"), get_int(im, "reordered"),
	       get_int(im, "marked"), get_int(im, "overflowed"), get_int(im, "queued"));
}

static void print_link(const json_t *doc)
{
	print_head(doc);
	print_inet(doc);
	print_offload(json_object_get(doc, "offload"));
	print_counts("RX:", json_object_get(doc, "rx"), "missed");
	print_counts("TX:", json_object_get(doc, "tx"), NULL);
	print_arp(json_object_get(doc, "arp"));
	print_impaired("in", json_object_get(json_object_get(doc, "impair"), "in"));
	print_impaired("out", json_object_get(json_object_get(doc, "impair"), "out"));
}

static void print_addr(const json_t *doc)
{
	print_head(doc);
	print_inet(doc);
}

static void print_nothing(const json_t *doc)
{
	(void)doc;
}

int cmd_link(const struct ctl *ctl, int argc, char **argv)
{
	struct ctl_line line = {.len = 0};

	if (argc > 1 && !strcmp(argv[1], "impair")) {
		line_words(&line, argc, argv);
		return line_check(&line) ? CTL_USAGE : ctl_show(ctl, line.text, print_nothing);
	}
	return help_no_arguments(argc, argv) ? CTL_USAGE : ctl_show(ctl, "link", print_link);
}

int cmd_addr(const struct ctl *ctl, int argc, char **argv)
{
	return help_no_arguments(argc, argv) ? CTL_USAGE : ctl_show(ctl, "link", print_addr);
}
