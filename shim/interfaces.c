/* SPDX-License-Identifier: MIT */
/*
 * Which interfaces does this host have? A program whose TCP is on the private stack is told the
 * stack's: lo and the TAP's other side. It would otherwise bind to addresses that are not there, or
 * give out ones where nobody listens. What rules leave to the kernel by default sees the kernel's.
 *
 * Covered are getifaddrs(), if_nameindex() and the SIOCGIF requests of ioctl(). Memory is laid out
 * as glibc's freeifaddrs() and if_freenameindex() free it.
 */
#include <errno.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "shim/fall.h"
#include "shim/interfaces.h"
#include "shim/shim.h"

#define LOOPBACK_MTU 65536
#define LO_FLAGS (IFF_UP | IFF_LOOPBACK | IFF_RUNNING)
#define TAP_FLAGS (IFF_UP | IFF_BROADCAST | IFF_RUNNING)

/* --- what there is */

struct interface {
	char name[IFNAMSIZ];
	unsigned index, flags, mtu_bytes;
	unsigned short type; /* ARPHRD_ */
	uint8_t mac[ETH_ALEN];
	const struct rpc_interface_address *address;
	unsigned addresses;
};

struct host {
	struct rpc_interface tap;
	struct rpc_interface_address loopback;
	struct interface all[2];
};

static bool ask(struct host *h)
{
	struct rpc_request req;
	struct rpc_reply reply;

	rpc_init(&req, RPC_INTERFACE);
	if (!xtcpd_ask_itself(&req, &reply))
		return false;
	memcpy(&h->tap, reply.value, sizeof(h->tap));
	if (reply.value_len == sizeof(h->tap) && h->tap.addresses <= RPC_INTERFACE_ADDRESSES &&
	    memchr(h->tap.name, '\0', sizeof(h->tap.name)))
		return true;
	fail(ENETDOWN);
	return false;
}

/* False with errno: xtcpd does not say. */
static bool find_out(struct host *h)
{
	unsigned index;

	if (!ask(h))
		return false;
	index = if_nametoindex(h->tap.name); /* its kernel side, where that can be seen */
	h->loopback = (struct rpc_interface_address){htonl(INADDR_LOOPBACK), 8};
	h->all[0] = (struct interface){.name = "lo",
				       .index = 1,
				       .flags = LO_FLAGS,
				       .mtu_bytes = LOOPBACK_MTU,
				       .type = ARPHRD_LOOPBACK,
				       .address = &h->loopback,
				       .addresses = 1};
	h->all[1] = (struct interface){.index = index ? index : 2,
				       .flags = TAP_FLAGS,
				       .mtu_bytes = h->tap.mtu_bytes,
				       .type = ARPHRD_ETHER,
				       .address = h->tap.address,
				       .addresses = h->tap.addresses};
	memcpy(h->all[1].name, h->tap.name, IFNAMSIZ);
	memcpy(h->all[1].mac, h->tap.mac, ETH_ALEN);
	return true;
}

/* Whose interfaces does the program see? An unreachable xtcpd has none to show. */
static bool stack_is_shown(void)
{
	return rules_stack_is_default() && rules_usable() &&
	       (!fallback_to_kernel || xtcpd_present());
}

/* --- addresses */

static struct sockaddr_in address_of(const struct rpc_interface_address *a)
{
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = a->v4};
}

static struct sockaddr_in mask_of(const struct rpc_interface_address *a)
{
	uint32_t mask = a->prefix_len ? ~0u << (32 - a->prefix_len) : 0;
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(mask)};
}

static struct sockaddr_in broadcast_of(const struct rpc_interface_address *a)
{
	struct sockaddr_in sin = address_of(a), mask = mask_of(a);
	sin.sin_addr.s_addr |= ~mask.sin_addr.s_addr;
	return sin;
}

/* --- getifaddrs() */

struct entry {
	struct ifaddrs ifa;
	union {
		struct sockaddr_in in;
		struct sockaddr_ll ll;
	} address, mask, broadcast;
	char name[IFNAMSIZ];
};

static struct entry *begin_entry(struct entry *e, const struct interface *i)
{
	memcpy(e->name, i->name, sizeof(e->name));
	e->ifa = (struct ifaddrs){.ifa_next = &(e + 1)->ifa,
				  .ifa_name = e->name,
				  .ifa_flags = i->flags,
				  .ifa_addr = (struct sockaddr *)&e->address};
	return e;
}

static void fill_link(struct entry *e, const struct interface *i)
{
	e->address.ll = (struct sockaddr_ll){.sll_family = AF_PACKET,
					     .sll_ifindex = (int)i->index,
					     .sll_hatype = i->type,
					     .sll_halen = ETH_ALEN};
	memcpy(e->address.ll.sll_addr, i->mac, ETH_ALEN);
	e->broadcast.ll = e->address.ll;
	memset(e->broadcast.ll.sll_addr, i->type == ARPHRD_ETHER ? 0xff : 0, ETH_ALEN);
	e->ifa.ifa_broadaddr = (struct sockaddr *)&e->broadcast;
}

static void fill_address(struct entry *e, const struct interface *i,
			 const struct rpc_interface_address *a)
{
	e->address.in = address_of(a);
	e->mask.in = mask_of(a);
	e->broadcast.in = i->flags & IFF_BROADCAST ? broadcast_of(a) : address_of(a);
	e->ifa.ifa_netmask = (struct sockaddr *)&e->mask;
	e->ifa.ifa_broadaddr = (struct sockaddr *)&e->broadcast;
}

/* In Linux's order: the links, then their addresses. */
static struct ifaddrs *list_all(const struct host *h)
{
	struct entry *list = calloc(3 + (size_t)h->tap.addresses, sizeof(*list)), *e = list;

	if (!list)
		return NULL;
	for (int i = 0; i < 2; i++)
		fill_link(begin_entry(e++, &h->all[i]), &h->all[i]);
	for (int i = 0; i < 2; i++)
		for (unsigned n = 0; n < h->all[i].addresses; n++)
			fill_address(begin_entry(e++, &h->all[i]), &h->all[i],
				     &h->all[i].address[n]);
	e[-1].ifa.ifa_next = NULL;
	return &list->ifa;
}

EXPORT int getifaddrs(struct ifaddrs **to)
{
	struct host h;

	if (!stack_is_shown())
		return real.getifaddrs ? real.getifaddrs(to) : fail(ENOSYS);
	if (!find_out(&h))
		return -1;
	*to = list_all(&h);
	return *to ? 0 : -1;
}

/* --- if_nameindex() */

EXPORT struct if_nameindex *if_nameindex(void)
{
	struct host h;

	if (!stack_is_shown())
		return real.if_nameindex ? real.if_nameindex() : NULL;
	struct if_nameindex *list = find_out(&h) ? calloc(3, sizeof(*list)) : NULL;
	for (int i = 0; list && i < 2; i++) {
		list[i].if_index = h.all[i].index;
		list[i].if_name = strdup(h.all[i].name);
	}
	if (!list || (list[0].if_name && list[1].if_name))
		return list;
	free(list[0].if_name);
	free(list[1].if_name);
	free(list);
	errno = ENOBUFS;
	return NULL;
}

/* --- ioctl() */

/* SIOCGIFCONF: as many whole records as fit; without a buffer, how much they would take. */
static int list_addresses(const struct host *h, struct ifconf *to)
{
	struct ifconf conf;
	struct ifreq row;
	int used = 0;

	if (!copy_in(&conf, to, sizeof(conf)))
		return fail(EFAULT);
	for (int i = 0; i < 2; i++) {
		for (unsigned n = 0; n < h->all[i].addresses; n++, used += (int)sizeof(row)) {
			struct sockaddr_in sin = address_of(&h->all[i].address[n]);
			if (!conf.ifc_buf)
				continue;
			if (conf.ifc_len - used < (int)sizeof(row))
				break;
			memset(&row, 0, sizeof(row));
			memcpy(row.ifr_name, h->all[i].name, IFNAMSIZ);
			memcpy(&row.ifr_addr, &sin, sizeof(sin));
			if (!copy_out(conf.ifc_buf + used, &row, sizeof(row)))
				return fail(EFAULT);
		}
	}
	conf.ifc_len = used;
	return copy_out(to, &conf, sizeof(conf)) ? 0 : fail(EFAULT);
}

static void put_in(struct sockaddr *to, struct sockaddr_in sin)
{
	memcpy(to, &sin, sizeof(sin));
}

static int answer_request(unsigned long request, const struct interface *i, struct ifreq *row)
{
	bool about_address =
	    request == SIOCGIFADDR || request == SIOCGIFNETMASK || request == SIOCGIFBRDADDR;

	if (about_address && !i->addresses)
		return fail(EADDRNOTAVAIL);
	switch (request) {
	case SIOCGIFADDR:
		put_in(&row->ifr_addr, address_of(i->address));
		break;
	case SIOCGIFNETMASK:
		put_in(&row->ifr_netmask, mask_of(i->address));
		break;
	case SIOCGIFBRDADDR:
		put_in(&row->ifr_broadaddr, i->flags & IFF_BROADCAST
						? broadcast_of(i->address)
						: (struct sockaddr_in){.sin_family = AF_INET});
		break;
	case SIOCGIFFLAGS:
		row->ifr_flags = (short)i->flags;
		break;
	case SIOCGIFMTU:
		row->ifr_mtu = (int)i->mtu_bytes;
		break;
	case SIOCGIFINDEX:
		row->ifr_ifindex = (int)i->index;
		break;
	default: /* SIOCGIFHWADDR */
		memset(&row->ifr_hwaddr, 0, sizeof(row->ifr_hwaddr));
		row->ifr_hwaddr.sa_family = i->type;
		memcpy(row->ifr_hwaddr.sa_data, i->mac, ETH_ALEN);
	}
	return 0;
}

static int one_interface(const struct host *h, unsigned long request, struct ifreq *to)
{
	struct ifreq row;

	if (!copy_in(&row, to, sizeof(row)))
		return fail(EFAULT);
	for (int i = 0; i < 2; i++) {
		if (strncmp(row.ifr_name, h->all[i].name, IFNAMSIZ) != 0)
			continue;
		if (answer_request(request, &h->all[i], &row) < 0)
			return -1;
		return copy_out(to, &row, sizeof(row)) ? 0 : fail(EFAULT);
	}
	return fail(ENODEV);
}

static bool is_ours(unsigned long request)
{
	switch (request) {
	case SIOCGIFCONF:
	case SIOCGIFADDR:
	case SIOCGIFNETMASK:
	case SIOCGIFBRDADDR:
	case SIOCGIFFLAGS:
	case SIOCGIFMTU:
	case SIOCGIFINDEX:
	case SIOCGIFHWADDR:
		return true;
	default:
		return false;
	}
}

bool interface_ioctl(int fd, unsigned long request, void *arg, int *rc)
{
	struct stat st;
	struct host h;

	if (!is_ours(request) || !stack_is_shown() || fstat(fd, &st) < 0 || !S_ISSOCK(st.st_mode))
		return false;
	if (!find_out(&h))
		*rc = -1;
	else if (request == SIOCGIFCONF)
		*rc = list_addresses(&h, arg);
	else
		*rc = one_interface(&h, request, arg);
	return true;
}
