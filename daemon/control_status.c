/* SPDX-License-Identifier: MIT */
/* `status`: how many sockets there are of each kind, what they hold, and how long xtcpd has run. */
#include <unistd.h>

#include "daemon/control_impl.h"
#include "stack/base/snmp.h"
#include "stack/tcp/tcp.h"

static json_t *sockets(const struct daemon *d)
{
	struct tcp_counts n = tcp_count(d->stack);
	json_t *object = json_object();

	control_set_u64(object, "total", (uint64_t)n.sockets + n.timewait + n.request_socks);
	control_set_u64(object, "established", stack_mib(d->stack)->counter[TcpCurrEstab]);
	control_set_u64(object, "listeners", n.listeners);
	control_set_u64(object, "orphaned", n.orphans);
	control_set_u64(object, "timewait", n.timewait);
	control_set_u64(object, "syn_recv", n.request_socks);
	control_set_u64(object, "of_programs", d->sockets.count);
	return object;
}

static json_t *memory(const struct daemon *d)
{
	struct tcp_counts n = tcp_count(d->stack);
	const struct pkt_pool *pool = stack_pkt_pool(d->stack);
	json_t *object = json_object();

	control_set_u64(object, "receive_bytes", n.rcvbuf_bytes);
	control_set_u64(object, "send_bytes", n.sndbuf_bytes);
	control_set_u64(object, "packet_bytes", pool->used_bytes);
	control_set_u64(object, "packet_limit_bytes", pool->limit_bytes);
	return object;
}

json_t *control_status(struct control_call *call)
{
	const struct daemon *d = call->d;

	if (call->argc > 1)
		return control_usage(call);
	json_t *doc = json_object();
	control_set_u64(doc, "pid", (uint64_t)getpid());
	control_set_u64(doc, "uid", getuid());
	control_set_u64(doc, "uptime_ms", (d->loop.now_us - d->started_us) / 1000);
	control_set_string(doc, "path", d->config.path);
	control_set(doc, "sockets", sockets(d));
	control_set(doc, "memory", memory(d));
	return doc;
}
