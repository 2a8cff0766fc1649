/* SPDX-License-Identifier: MIT */
/* The IP layer's beginning and end. */
#include <stdlib.h>

#include "stack/stack_impl.h"

void ip_layer_init(struct stack *st)
{
	struct ip_layer *ip = &st->ip;
	ip->hash_key = random_key(&st->random);
	for (unsigned i = 0; i < IP_PMTU_BUCKETS; i++)
		list_init(&ip->pmtu_bucket[i]);
	for (unsigned i = 0; i < IP_FRAG_BUCKETS; i++)
		list_init(&ip->frag_bucket[i]);
	for (unsigned i = 0; i < IP_IDENTS; i++)
		ip->ident[i] = (uint16_t)random_u64(&st->random);
	list_init(&ip->pmtu_lru);
	list_init(&ip->frag_lru);
	list_init(&ip->loopback);
	ip->icmp_filled_us = st->now_us;
	ip->icmp_tokens = st->sysctl.icmp_msgs_burst;
}

void ip_layer_destroy(struct stack *st)
{
	while (!list_empty(&st->ip.loopback)) {
		struct pkt *p = container_of(st->ip.loopback.next, struct pkt, node);
		list_del(&p->node);
		pkt_free(p);
	}
	ip_reassembly_destroy(st);
	ip_pmtu_destroy(st);
	free(st->ip.routes);
}
