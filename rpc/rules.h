/* SPDX-License-Identifier: MIT */
/*
 * Which traffic is the private stack's, and which is left to the kernel.
 *
 * Theory of operation: a file of rules, one a line, of which the first that fits decides; what no
 * rule fits is the stack's.
 *
 *     # WHOSE   ADDRESS[/LENGTH][:PORT[-PORT]]   [bind | connect]   [program=NAME]
 *     kernel    10.1.0.0/16:5432                  connect
 *     kernel    any:9100-9199                     bind               program=exporter
 *     stack     0.0.0.0/0
 *
 * The address is the one bind() or connect() names; bind fits also what listen() binds by itself,
 * 0.0.0.0 port 0. NAME is the file name of the program, or what it calls itself (comm).
 *
 * The table is of fixed size and filled from pieces of text as they are read, without memory of its
 * own, so that a library may do it in a constructor. Addresses are in host byte order.
 */
#ifndef XTCP_RPC_RULES_H
#define XTCP_RPC_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RULES_PATH "/etc/xtcp/shim.conf"
#define RULES_ENV "XTCP_RULES"
#define RULES_MAX 256
#define RULES_LINE_MAX 256
#define RULES_NAME_MAX 64

enum rule_target { RULE_STACK, RULE_KERNEL };
enum rule_use { RULE_BIND = 1, RULE_CONNECT = 2, RULE_BOTH = 3 };

struct rule {
	uint32_t v4, mask;
	uint32_t line; /* of the file */
	uint16_t port_min, port_max;
	uint8_t target;		      /* enum rule_target */
	uint8_t uses;		      /* enum rule_use */
	char program[RULES_NAME_MAX]; /* empty: any */
};

struct rules {
	struct rule rule[RULES_MAX];
	unsigned count;
	const char *error; /* of the first wrong line, NULL: none */
	uint32_t error_line;
	/* the line that is being read */
	uint32_t line;
	size_t len;
	char text[RULES_LINE_MAX];
};

/* Who asks. */
struct rules_program {
	char file[RULES_NAME_MAX]; /* the last part of its executable's path */
	char comm[16];
};

void rules_init(struct rules *r);
/* The file's next piece, and its end. Once a line was wrong the rest is not looked at. */
void rules_feed(struct rules *r, const char *data, size_t len);
void rules_end(struct rules *r);

/* The rule that decides; NULL: none does, so it is the stack's. */
const struct rule *rules_find(const struct rules *r, enum rule_use use, uint32_t v4, uint16_t port,
			      const struct rules_program *who);
/* What most of the program's traffic is: the first rule that fits all of it decides. */
enum rule_target rules_default(const struct rules *r, const struct rules_program *who);
/* Can a socket of the program be the kernel's? Must it? */
bool rules_may_fall(const struct rules *r, const struct rules_program *who);
bool rules_all_fall(const struct rules *r, const struct rules_program *who);

#endif
