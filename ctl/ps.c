/* SPDX-License-Identifier: MIT */
/*
 * `ps`: by process, what it has on the stack, what was left to the kernel and why, and what it was
 * refused. Who holds which socket is found as for `ss -p`; the rest xtcpd has been told.
 */
#include <ctype.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "ctl/ss.h"

/* --- joining the two answers */

static json_t *process_of(json_t *all, long long pid, const char *name)
{
	size_t i;
	json_t *p;

	json_array_foreach(all, i, p)
	{
		if (get_int(p, "pid") == pid)
			return p;
	}
	p = json_object();
	json_object_set_new(p, "pid", json_integer(pid));
	json_object_set_new(p, "name", json_string(name));
	json_object_set_new(p, "kernel", json_array());
	json_object_set_new(p, "refused", json_array());
	json_object_set_new(p, "missed", json_integer(0));
	json_array_append_new(all, p);
	return p;
}

static void add_socket(json_t *process, const json_t *socket, const json_t *fd)
{
	static const char *const fields[] = {"state",	     "local_address", "local_port",
					     "peer_address", "peer_port",     "cookie"};
	json_t *list = json_object_get(process, "stack"), *row = json_object();

	if (!list) {
		list = json_array();
		json_object_set_new(process, "stack", list);
	}
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		json_object_set(row, fields[i], json_object_get(socket, fields[i]));
	if (fd)
		json_object_set_new(row, "fd", json_copy((json_t *)fd));
	json_array_append_new(list, row);
}

static void join(json_t *all, const json_t *sockets)
{
	size_t i, n;
	json_t *socket, *user;

	json_array_foreach(sockets, i, socket)
	{
		const json_t *users = json_object_get(socket, "users");
		const json_t *maker = json_object_get(socket, "process");
		json_array_foreach(users, n, user)
		    add_socket(process_of(all, get_int(user, "pid"), get_string(user, "name", "?")),
			       socket, json_object_get(user, "fd"));
		if (!json_array_size(users) && maker) /* not ours to look at */
			add_socket(
			    process_of(all, get_int(maker, "pid"), get_string(maker, "name", "?")),
			    socket, NULL);
	}
}

/* --- in words */

static const char *option_name(int level, int name, char text[48])
{
	static const struct {
		int level, name;
		const char *text;
	} known[] = {
#define OPTION(level, name) {level, name, #name}
	    OPTION(SOL_SOCKET, SO_ATTACH_BPF),
	    OPTION(SOL_SOCKET, SO_ATTACH_FILTER),
	    OPTION(SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF),
	    OPTION(SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF),
	    OPTION(SOL_SOCKET, SO_BINDTODEVICE),
	    OPTION(SOL_SOCKET, SO_BUSY_POLL),
	    OPTION(SOL_SOCKET, SO_INCOMING_CPU),
	    OPTION(SOL_SOCKET, SO_INCOMING_NAPI_ID),
	    OPTION(SOL_SOCKET, SO_MARK),
	    OPTION(SOL_SOCKET, SO_PEEK_OFF),
	    OPTION(SOL_SOCKET, SO_PRIORITY),
	    OPTION(SOL_SOCKET, SO_RCVBUFFORCE),
	    OPTION(SOL_SOCKET, SO_SNDBUFFORCE),
	    OPTION(SOL_SOCKET, SO_TIMESTAMP),
	    OPTION(SOL_SOCKET, SO_TIMESTAMPING),
	    OPTION(SOL_SOCKET, SO_TIMESTAMPNS),
	    OPTION(SOL_SOCKET, SO_TXTIME),
	    OPTION(SOL_SOCKET, SO_ZEROCOPY),
	    OPTION(IPPROTO_TCP, TCP_CM_INQ),
	    OPTION(IPPROTO_TCP, TCP_FASTOPEN),
	    OPTION(IPPROTO_TCP, TCP_FASTOPEN_CONNECT),
	    OPTION(IPPROTO_TCP, TCP_FASTOPEN_KEY),
	    OPTION(IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE),
	    OPTION(IPPROTO_TCP, TCP_INQ),
	    OPTION(IPPROTO_TCP, TCP_MD5SIG),
	    OPTION(IPPROTO_TCP, TCP_REPAIR),
	    OPTION(IPPROTO_TCP, TCP_SAVED_SYN),
	    OPTION(IPPROTO_TCP, TCP_SAVE_SYN),
	    OPTION(IPPROTO_TCP, TCP_THIN_DUPACK),
	    OPTION(IPPROTO_TCP, TCP_TX_DELAY),
	    OPTION(IPPROTO_TCP, TCP_ULP),
	    OPTION(IPPROTO_TCP, TCP_ZEROCOPY_RECEIVE),
	    OPTION(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT),
	    OPTION(IPPROTO_IP, IP_FREEBIND),
	    OPTION(IPPROTO_IP, IP_MTU),
	    OPTION(IPPROTO_IP, IP_MTU_DISCOVER),
	    OPTION(IPPROTO_IP, IP_OPTIONS),
	    OPTION(IPPROTO_IP, IP_PKTINFO),
	    OPTION(IPPROTO_IP, IP_RECVERR),
	    OPTION(IPPROTO_IP, IP_TRANSPARENT),
	    OPTION(IPPROTO_IPV6, IPV6_RECVERR),
	    OPTION(IPPROTO_IPV6, IPV6_TCLASS),
	    OPTION(IPPROTO_IPV6, IPV6_V6ONLY),
#undef OPTION
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].level == level && known[i].name == name)
			return known[i].text;
	snprintf(text, 48, "level %d, option %d", level, name);
	return text;
}

static int count_of(const json_t *process, const char *key)
{
	return (int)json_array_size(json_object_get(process, key));
}

static void print_sockets(const json_t *process)
{
	size_t i;
	json_t *s;

	json_array_foreach(json_object_get(process, "stack"), i, s)
	{
		printf("    stack    %-11s %s:%lld", get_string(s, "state", "?"),
		       get_string(s, "local_address", "?"), get_int(s, "local_port"));
		if (get_int(s, "peer_port"))
			printf(" %s:%lld", get_string(s, "peer_address", "?"),
			       get_int(s, "peer_port"));
		if (has(s, "fd"))
			printf(" fd=%lld", get_int(s, "fd"));
		putchar('\n');
	}
}

static void print_notes(const json_t *process)
{
	size_t i;
	json_t *n;
	char text[48];

	json_array_foreach(json_object_get(process, "kernel"), i, n)
	    printf("    kernel   %s %s:%lld, as %s says, %lld times\n", get_string(n, "use", "?"),
		   get_string(n, "address", "?"), get_int(n, "port"), get_string(n, "rule", "?"),
		   get_int(n, "count"));
	json_array_foreach(json_object_get(process, "refused"), i, n)
	{
		printf("    refused  %s", get_string(n, "call", "?"));
		if (has(n, "level"))
			printf("(%s)", option_name((int)get_int(n, "level"),
						   (int)get_int(n, "name"), text));
		printf(": %s, %lld times\n", get_string(n, "error", "?"), get_int(n, "count"));
	}
	if (get_int(process, "missed"))
		printf("    and %lld more that were too many or too fast\n",
		       get_int(process, "missed"));
}

static void print(const json_t *doc)
{
	size_t i;
	json_t *p;

	printf("%7s  %5s  %6s  %7s  %s\n", "PID", "STACK", "KERNEL", "REFUSED", "NAME");
	json_array_foreach(json_object_get(doc, "processes"), i, p)
	{
		char name[32];
		snprintf(name, sizeof(name), "%s", get_string(p, "name", "?"));
		for (char *c = name; *c; c++) /* the program chose it */
			*c = isprint((unsigned char)*c) ? *c : '?';
		printf("%7lld  %5d  %6d  %7d  %s\n", get_int(p, "pid"), count_of(p, "stack"),
		       count_of(p, "kernel"), count_of(p, "refused"), name);
		print_sockets(p);
		print_notes(p);
	}
}

int cmd_ps(const struct ctl *ctl, int argc, char **argv)
{
	int status;

	if (help_no_arguments(argc, argv))
		return CTL_USAGE;
	json_t *doc = ctl_ask(ctl, "ps", &status);
	json_t *sockets = doc ? ctl_ask(ctl, "ss all", &status) : NULL;
	if (sockets) {
		ss_add_users(sockets);
		join(json_object_get(doc, "processes"), json_object_get(sockets, "sockets"));
		if (ctl->json)
			ctl_print_json(doc);
		else
			print(doc);
	}
	json_decref(sockets);
	json_decref(doc);
	return status;
}
