/* SPDX-License-Identifier: MIT */
/*
 * xtcpd itself: start, the turn of the loop, stop. See daemon.h.
 *
 * The order of starting: what needs privilege (the link, the socket files, the limits) first; then
 * privileges go; then the loop. READY=1 is sent when a program's connect() would be answered.
 */
#include "daemon/daemon.h"

#include <errno.h>
#include <grp.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "daemon/accept_push.h"
#include "daemon/control.h"
#include "daemon/linger.h"
#include "daemon/log.h"
#include "daemon/notify.h"
#include "daemon/pump.h"
#include "daemon/socket.h"

#define PKT_LIMIT_BYTES ((size_t)256 << 20)
#define TSO_MAX_BYTES (65535 - 20 - 60) /* what an IPv4 packet holds beside its headers */
#define TRIM_AFTER_US 1000000
#define TRIM_WORTH 256 /* events since the last time: less leaves little behind */
#define TRIM_QUIET 16  /* so many in a second are none */
#define ROUNDS_MAX 8   /* between two looks at the descriptors */

static const char *const counter_names[DAEMON_COUNTER_MAX] = {
#define NAME(counter) [counter] = #counter
    NAME(XtcpdRpcRequests),    NAME(XtcpdRpcBad),	    NAME(XtcpdRpcTimeouts),
    NAME(XtcpdRpcRefused),     NAME(XtcpdRpcUnknownSocket), NAME(XtcpdShimRefused),
    NAME(XtcpdRpcInBand),      NAME(XtcpdShimLeft),	    NAME(XtcpdSocketsOpened),
    NAME(XtcpdSocketsClosed),  NAME(XtcpdAcceptsPushed),    NAME(XtcpdDirect),
    NAME(XtcpdAcceptsUntaken), NAME(XtcpdAcceptsHeld),	    NAME(XtcpdLinkReads),
    NAME(XtcpdLinkNoBuffer),   NAME(XtcpdLinkBadFrame),	    NAME(XtcpdLinkWriteErrors),
    NAME(XtcpdWakeups),	       NAME(XtcpdControlRequests),  NAME(XtcpdControlErrors),
    NAME(XtcpdMemoryTrims),
#undef NAME
};

const char *daemon_counter_name(enum daemon_counter c)
{
	return counter_names[c];
}

/* --- start */

static int start_error(const char *what, int err)
{
	log_error("%s: %s", what, strerror(-err));
	return -1;
}

/* The group of the sockets' files: as configured, else that of the user xtcpd becomes. */
static int find_group(struct daemon *d)
{
	d->socket_gid = d->identity.gid;
	if (!d->config.group[0])
		return 0;
	const struct group *gr = getgrnam(d->config.group);
	if (!gr) {
		log_error("there is no group %s ([Sockets] Group=, or --group)", d->config.group);
		return -1;
	}
	d->socket_gid = gr->gr_gid;
	return 0;
}

static int choose_mac(struct mac_addr *mac)
{
	if (getrandom(mac->b, sizeof(mac->b), 0) != sizeof(mac->b))
		return -errno;
	mac->b[0] = (uint8_t)((mac->b[0] & 0xfc) | 2); /* locally administered, unicast */
	return 0;
}

static int make_stack(struct daemon *d)
{
	static const struct stack_ops ops = {.transmit = link_transmit,
					     .still_listens = accept_still_listens,
					     .accept_unread = accept_unread,
					     .accept_is_taken = accept_is_taken};
	struct stack_config config = {
	    .mac = d->config.mac,
	    .mtu_bytes = d->config.mtu_bytes,
	    .tso_max_bytes = d->link.tx_offload ? TSO_MAX_BYTES : 0,
	    .tx_csum_offload = d->link.tx_offload,
	    .pkt_limit_bytes = PKT_LIMIT_BYTES,
	};

	if (!d->config.mac_set && choose_mac(&config.mac) < 0)
		return start_error("no randomness", -errno);
	if (getrandom(config.seed, sizeof(config.seed), 0) != sizeof(config.seed))
		return start_error("no randomness", -errno);
	d->stack = stack_create(&config, &ops, d, d->loop.now_us);
	if (!d->stack)
		return start_error("cannot make the stack", -ENOMEM);
	tcp_limit_owners(d->stack, d->config.max_memory_per_user);
	return 0;
}

static int start_direct(struct daemon *d)
{
	int err = direct_start(d);
	return err ? start_error("epoll", err) : 0;
}

static void start_impairment(struct daemon *d)
{
	for (int dir = 0; dir < IMPAIR_DIRECTIONS; dir++)
		if (d->config.impaired[dir])
			impairment_set(d, dir, &d->config.impair[dir]);
}

static int add_route(struct daemon *d, const struct route *r)
{
	int err = ip_route_add(d->stack, r);
	return err ? start_error("cannot add a route", err) : 0;
}

static int configure_stack(struct daemon *d)
{
	const struct config *c = &d->config;
	struct route via = {.gateway = c->gateway};
	int err = 0;

	for (unsigned i = 0; i < c->sysctls && !err; i++) {
		err = sysctl_set(stack_sysctls(d->stack), c->sysctl[i].name, c->sysctl[i].value);
		if (err)
			return start_error(c->sysctl[i].name, err);
	}
	for (unsigned i = 0; i < c->addresses && !err; i++)
		err = stack_addr_add(d->stack, c->address[i].v4, c->address[i].prefix_len);
	if (err)
		return start_error("cannot assign an address", err);
	if (c->gateway && add_route(d, &via) < 0)
		return -1;
	for (unsigned i = 0; i < c->routes; i++)
		if (add_route(d, &c->route[i]) < 0)
			return -1;
	return 0;
}

static void signal_ready(struct loop_source *src, uint32_t events)
{
	struct daemon *d = container_of(src, struct daemon, signals);
	struct signalfd_siginfo info;

	(void)events;
	if (read(src->fd, &info, sizeof(info)) == sizeof(info)) {
		log_info("ending: %s", strsignal((int)info.ssi_signo));
		d->stopping = true;
	}
}

static bool is_ignored(int sig)
{
	struct sigaction now;

	return sigaction(sig, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

static int watch_signals(struct daemon *d)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	/* One that was ignored when we started stays so: nohup(1), a script's "&". */
	if (!is_ignored(SIGINT))
		sigaddset(&set, SIGINT);
	if (!is_ignored(SIGHUP))
		sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return start_error("signals", -errno);
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return start_error("signals", -errno);
	int err = loop_add(&d->loop, &d->signals, fd, EPOLLIN, signal_ready);
	return err ? start_error("signals", err) : 0;
}

static void announce(const struct daemon *d)
{
	uint32_t a = d->config.address[0].v4;

	log_info("ready: %u.%u.%u.%u/%u on %s, programs at %s", a >> 24, a >> 16 & 255,
		 a >> 8 & 255, a & 255, d->config.address[0].prefix_len, d->link.name,
		 d->config.path);
	notify_manager("READY=1");
}

/* No user may have so many sockets that others get none: each takes a descriptor here. */
static void fit_limits(struct config *c)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	rlim_t most = limit.rlim_cur - limit.rlim_cur / 4;
	if (c->max_per_user <= most)
		return;
	log_notice("one user may have %lu sockets, and not %u: xtcpd may have %lu descriptors for "
		   "all (ulimit -n, LimitNOFILE=)",
		   (unsigned long)most, c->max_per_user, (unsigned long)limit.rlim_cur);
	c->max_per_user = (uint32_t)most;
}

static void trim_due(struct timer *t, void *ctx);

static int start_memory(struct daemon *d)
{
	int err = loop_init(&d->loop);

	timer_init(&d->loop.wheel, &d->trim, trim_due);
	impairment_init(d);
	processes_init(&d->processes);
	if (!err)
		err = sockets_init(d);
	if (!err)
		err = tombstones_init(&d->tombstones, TOMBSTONES_MAX);
	if (!err)
		err = tombstones_init(&d->ghosts, TOMBSTONES_MAX);
	return err ? start_error("cannot start", err) : 0;
}

int daemon_start(struct daemon *d)
{
	d->loop.epoll_fd = d->direct.source.fd = d->link.source.fd = d->signals.fd = -1;
	capture_init(d);
	log_set_level(d->config.log_level);
	if (privilege_identity(d->config.user, &d->identity) < 0 || find_group(d) < 0)
		return -1;
	privilege_raise_limits();
	fit_limits(&d->config);
	if (start_memory(d) < 0 || link_open(&d->link, &d->config) < 0 || make_stack(d) < 0 ||
	    configure_stack(d) < 0 || rpc_server_start(d) < 0 || start_direct(d) < 0 ||
	    control_start(d) < 0)
		return -1;
	if (privilege_drop(&d->identity) < 0)
		return -1;
	if (watch_signals(d) < 0 || link_start(d) < 0)
		return -1;
	start_impairment(d);
	patience_start(&d->patience, d->loop.now_us);
	d->started_us = d->loop.now_us;
	announce(d);
	return 0;
}

/* --- the turn */

/* Until nobody has anything to do: events of the stack, work on the sockets, segments. */
static void settle(struct daemon *d)
{
	bool any = true;

	for (int round = 0; any && round < ROUNDS_MAX; round++) {
		rpc_server_run(d);
		any = pump_events(d);
		any |= pump_work(d);
		stack_flush(d->stack);
		any |= stack_has_event(d->stack);
	}
	d->busy = any || d->rpc.ready || !list_empty(&d->sockets.work);
}

/* Grows with everything that happens. */
static uint64_t activity(const struct daemon *d)
{
	return d->counter[XtcpdLinkReads] + d->counter[XtcpdSocketsOpened] +
	       d->counter[XtcpdSocketsClosed] + d->counter[XtcpdRpcRequests];
}

static void arm_trim(struct daemon *d)
{
	d->trim_mark = activity(d);
	timer_set(&d->loop.wheel, &d->trim, d->loop.now_us + TRIM_AFTER_US);
}

static void give_memory_back(struct daemon *d)
{
	stack_trim(d->stack);
	slab_trim(&d->sockets.slab);
	malloc_trim(0);
	d->trim_mark = activity(d);
	daemon_count(d, XtcpdMemoryTrims);
}

/* What many connections at once have left behind between those that stay. */
static void trim_due(struct timer *t, void *ctx)
{
	struct daemon *d = ctx;

	(void)t;
	if (activity(d) - d->trim_mark > TRIM_QUIET)
		arm_trim(d);
	else
		give_memory_back(d);
}

static uint64_t next_deadline(const struct daemon *d)
{
	if (d->busy)
		return 0;
	uint64_t stack = stack_next_timer_us(d->stack), own = timer_next_us(&d->loop.wheel);
	return stack < own ? stack : own;
}

void daemon_turn(struct daemon *d)
{
	loop_wait(&d->loop, next_deadline(d));
	daemon_count(d, XtcpdWakeups);
	patience_turn(&d->patience, d->loop.now_us);
	d->loop.spin_us = d->patience.patient ? 0 : d->config.busy_poll_us;
	stack_advance(d->stack, d->loop.now_us);
	timer_wheel_advance(&d->loop.wheel, d->loop.now_us, d);
	loop_dispatch(&d->loop);
	settle(d);
	linger_run(d);
	sockets_reap(d);
	alarms_look(d);
	if (activity(d) - d->trim_mark > TRIM_WORTH && !timer_armed(&d->trim))
		arm_trim(d);
}

void daemon_run(struct daemon *d)
{
	d->busy = true; /* what starting left to do */
	while (!d->stopping)
		daemon_turn(d);
}

/* --- stop */

void daemon_stop(struct daemon *d)
{
	notify_manager("STOPPING=1");
	rpc_server_stop(d);
	if (d->control)
		control_stop(d);
	sockets_reset_all(d);
	direct_stop(d);
	if (d->stack)
		stack_flush(d->stack);
	impairment_stop(d);
	sockets_destroy(d);
	link_close(d);
	tombstones_destroy(&d->tombstones); /* some hold sockets of the stack */
	tombstones_destroy(&d->ghosts);
	processes_destroy(&d->processes);
	if (d->stack)
		stack_destroy(d->stack);
	d->stack = NULL;
	if (d->signals.fd >= 0)
		close(d->signals.fd);
	loop_destroy(&d->loop);
}
