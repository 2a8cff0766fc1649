/* SPDX-License-Identifier: MIT */
/* The encoder of pcapng.h. */
#include "stack/link/pcapng.h"

#include <string.h>

#define SECTION_HEADER 0x0a0d0d0a
#define INTERFACE_DESCRIPTION 1
#define INTERFACE_STATISTICS 5
#define ENHANCED_PACKET 6

#define OPT_END 0
#define OPT_COMMENT 1
#define SHB_USERAPPL 4
#define IF_NAME 2
#define EPB_FLAGS 2
#define ISB_IFRECV 4
#define ISB_IFDROP 5

#define BLOCK_BYTES 12 /* type and both lengths */
#define OPTION_BYTES 4 /* code and length */
#define NAME_MAX_BYTES 32

struct writer {
	uint8_t *begin, *at;
};

static void put_le16(struct writer *w, uint16_t v)
{
	*w->at++ = (uint8_t)v;
	*w->at++ = (uint8_t)(v >> 8);
}

static void put_le32(struct writer *w, uint32_t v)
{
	put_le16(w, (uint16_t)v);
	put_le16(w, (uint16_t)(v >> 16));
}

static void put_padded(struct writer *w, const void *data, size_t len)
{
	memcpy(w->at, data, len);
	memset(w->at + len, 0, -len & 3);
	w->at += len + (-len & 3);
}

static void put_option(struct writer *w, uint16_t code, const void *data, size_t len)
{
	put_le16(w, code);
	put_le16(w, (uint16_t)len);
	put_padded(w, data, len);
}

/* The times and counters of pcapng are two words, the high one first where it is a time. */
static void put_time(struct writer *w, uint64_t us)
{
	put_le32(w, (uint32_t)(us >> 32));
	put_le32(w, (uint32_t)us);
}

static void put_counter(struct writer *w, uint16_t code, uint64_t n)
{
	put_le16(w, code);
	put_le16(w, 8);
	put_le32(w, (uint32_t)n);
	put_le32(w, (uint32_t)(n >> 32));
}

/* Its length is known when it ends. */
static struct writer block_begin(uint8_t *to, uint32_t type)
{
	struct writer w = {to, to};
	put_le32(&w, type);
	put_le32(&w, 0);
	return w;
}

static size_t block_end(struct writer *w)
{
	uint32_t len = (uint32_t)(w->at - w->begin) + 4;
	struct writer head = {w->begin, w->begin + 4};
	put_le32(&head, len);
	put_le32(w, len);
	return len;
}

static size_t name_len(const char *name)
{
	size_t len = strlen(name);
	return len < NAME_MAX_BYTES ? len : NAME_MAX_BYTES;
}

size_t pcapng_begin(uint8_t to[PCAPNG_BEGIN_BYTES], const char *interface)
{
	struct writer w = block_begin(to, SECTION_HEADER);
	put_le32(&w, 0x1a2b3c4d); /* the byte order */
	put_le32(&w, 1);	  /* version 1.0 */
	put_le32(&w, 0xffffffff); /* a section of unknown length */
	put_le32(&w, 0xffffffff);
	put_option(&w, SHB_USERAPPL, "xtcp", 4);
	put_le32(&w, OPT_END);
	size_t len = block_end(&w);
	w = block_begin(to + len, INTERFACE_DESCRIPTION);
	put_le32(&w, 1); /* LINKTYPE_ETHERNET */
	put_le32(&w, 0); /* no limit to what is captured of a packet */
	put_option(&w, IF_NAME, interface, name_len(interface));
	put_le32(&w, OPT_END);
	return len + block_end(&w);
}

/* --- packets */

/* The next line of *at, which moves behind it; NULL: no more. */
static const char *next_line(const char **at, size_t *len)
{
	const char *line = *at;
	if (!line || !*line)
		return NULL;
	const char *newline = strchr(line, '\n');
	*len = newline ? (size_t)(newline - line) : strlen(line);
	*at = line + *len + (newline ? 1 : 0);
	return line;
}

static size_t comments_bytes(const char *comment)
{
	size_t sum = 0, len;
	while (next_line(&comment, &len))
		sum += OPTION_BYTES + len + (-len & 3);
	return sum;
}

size_t pcapng_packet_bytes(const struct pcapng_packet *p)
{
	return BLOCK_BYTES + 20 + p->len + (-p->len & 3) + comments_bytes(p->comment) +
	       OPTION_BYTES + 4 /* flags */ + OPTION_BYTES;
}

size_t pcapng_packet(uint8_t *to, const struct pcapng_packet *p)
{
	struct writer w = block_begin(to, ENHANCED_PACKET);
	const char *comment = p->comment, *line;
	size_t len;
	put_le32(&w, 0); /* the interface */
	put_time(&w, p->time_us);
	put_le32(&w, (uint32_t)p->len);
	put_le32(&w, (uint32_t)p->orig_len);
	put_padded(&w, p->data, p->len);
	while ((line = next_line(&comment, &len)))
		put_option(&w, OPT_COMMENT, line, len);
	put_le16(&w, EPB_FLAGS);
	put_le16(&w, 4);
	put_le32(&w, (uint32_t)p->direction);
	put_le32(&w, OPT_END);
	return block_end(&w);
}

size_t pcapng_stats(uint8_t to[PCAPNG_STATS_BYTES], uint64_t time_us, uint64_t received,
		    uint64_t dropped)
{
	struct writer w = block_begin(to, INTERFACE_STATISTICS);
	put_le32(&w, 0); /* the interface */
	put_time(&w, time_us);
	put_counter(&w, ISB_IFRECV, received);
	put_counter(&w, ISB_IFDROP, dropped);
	put_le32(&w, OPT_END);
	return block_end(&w);
}
