/* SPDX-License-Identifier: MIT */
/*
 * setsockopt() and getsockopt(): Linux's options of the levels SOL_SOCKET and IPPROTO_TCP, with its
 * ranges, its clamping and its errnos. IPPROTO_IP is in sockopt_ip.c.
 *
 * Each level is a switch over names; values that are one int are read once. What is not here is
 * -ENOPROTOOPT: nothing is accepted and ignored. What the kernel's own end of a program's socket
 * does by itself (time-outs, low-water marks) never comes here.
 */
#include <asm/socket.h>
#include <errno.h>
#include <limits.h>
#include <linux/in.h>

#include "stack/tcp/fastopen.h"
#include "stack/tcp/sockopt.h"
#include "stack/tcp/tcp_auth.h"
#include "stack/tcp/tcp_passive.h"
#include "stack/tcp/tcp_send.h"

#define SOL_SOCKET_ 1
#define AF_INET_ 2
#define SOCK_STREAM_ 1

#define SOCK_MIN_SNDBUF 4608u
#define SOCK_MIN_RCVBUF 2304u
#define MAX_KEEP_S 32767
#define MAX_KEEPCNT 127
#define MAX_SYNCNT 127
#define MAX_LINGER2_S 120
#define MIN_USER_MSS 88
#define MAX_USER_MSS 32767
#define CA_NAME_MAX 16
#define SEC_US 1000000ull

struct linger_value {
	int32_t onoff, seconds; /* struct linger */
};

/* --- SOL_SOCKET, set ------------------------------------------------------------------------- */

static uint32_t doubled(int value, uint32_t max, uint32_t min)
{
	uint32_t v = (uint32_t)value < max ? (uint32_t)value : max; /* a negative one is large */
	return 2 * v > min ? 2 * v : min;
}

static uint64_t keepalive_idle_us(const struct tcp_sock *sk)
{
	uint32_t s = sk->keepidle_s ? sk->keepidle_s : sk->stack->sysctl.tcp_keepalive_time_s;
	return s * SEC_US;
}

static void set_keepalive(struct tcp_sock *sk, bool on)
{
	if (sockopt_is_open(sk)) {
		if (on && !sk->keepalive)
			tcp_keepalive_start(sk, keepalive_idle_us(sk));
		else if (!on && !sk->orphan)
			tcp_timer_cancel(sk, TCP_TIMER_KEEPALIVE);
	}
	sk->keepalive = on;
}

static int set_linger(struct tcp_sock *sk, const void *val, size_t len)
{
	struct linger_value l;
	if (len < sizeof(l))
		return -EINVAL;
	memcpy(&l, val, sizeof(l));
	sk->linger_on = l.onoff != 0;
	if (l.onoff)
		sk->linger_s = l.seconds;
	return 0;
}

/* Bytes per second: 32 bits, or 64 where the program passes as many. */
static int set_max_pacing_rate(struct tcp_sock *sk, int value, const void *val, size_t len)
{
	uint64_t rate = value == -1 ? PACING_UNLIMITED : (uint32_t)value;
	if (len >= sizeof(rate))
		memcpy(&rate, val, sizeof(rate));
	return pacing_set_max(sk, rate);
}

static int set_socket(struct tcp_sock *sk, int name, int value, const void *val, size_t len)
{
	switch (name) {
	case SO_REUSEADDR:
		sk->c.reuseaddr = value != 0;
		return 0;
	case SO_REUSEPORT:
		sk->c.reuseport = value != 0;
		return 0;
	case SO_KEEPALIVE:
		set_keepalive(sk, value != 0);
		return 0;
	case SO_OOBINLINE:
		sk->oobinline = value != 0;
		return 0;
	case SO_LINGER:
		return set_linger(sk, val, len);
	case SO_MAX_PACING_RATE:
		return set_max_pacing_rate(sk, value, val, len);
	case SO_SNDBUF:
		sk->sndbuf_bytes = doubled(value, sk->stack->sysctl.wmem_max, SOCK_MIN_SNDBUF);
		sk->sndbuf_locked = true;
		sndbuf_check_space(sk);
		return 0;
	case SO_RCVBUF:
		sk->rcvbuf_bytes = doubled(value, sk->stack->sysctl.rmem_max, SOCK_MIN_RCVBUF);
		sk->rcvbuf_locked = true;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

/* --- IPPROTO_TCP, set ------------------------------------------------------------------------ */

static void read_name(char name[CA_NAME_MAX], const void *val, size_t len)
{
	size_t n = strnlen(val, len < CA_NAME_MAX - 1 ? len : CA_NAME_MAX - 1);
	memcpy(name, val, n);
	name[n] = '\0';
}

static int set_congestion(struct tcp_sock *sk, const void *val, size_t len)
{
	char name[CA_NAME_MAX];
	if (len < 1)
		return -EINVAL;
	read_name(name, val, len);
	return tcp_set_congestion_control(sk, name);
}

/* As Linux has it, the default is for everybody; so is what the socket has, or what nobody has. */
bool tcp_congestion_control_allowed(const struct tcp_sock *sk, const void *val, size_t len)
{
	const struct sysctls *s = &sk->stack->sysctl;
	char name[CA_NAME_MAX];
	read_name(name, val, len);
	const struct cc_ops *ops = cc_find(name);
	return !ops || ops == sk->cc || !strcmp(name, s->tcp_congestion_control) ||
	       tcp_congestion_control_listed(s->tcp_allowed_congestion_control, name, strlen(name));
}

static int in_range(int value, int low, int high)
{
	return value >= low && value <= high ? 0 : -EINVAL;
}

/* The time already idle counts. */
static void restart_keepalive(struct tcp_sock *sk)
{
	uint64_t idle = tcp_idle_us(sk), wait = keepalive_idle_us(sk);
	if (!sk->keepalive || !sockopt_is_open(sk))
		return;
	tcp_keepalive_start(sk, idle < wait ? wait - idle : 0);
}

static int set_keepidle(struct tcp_sock *sk, int value)
{
	int err = in_range(value, 1, MAX_KEEP_S);
	if (err)
		return err;
	sk->keepidle_s = (uint32_t)value;
	restart_keepalive(sk);
	return 0;
}

static void set_linger2(struct tcp_sock *sk, int value)
{
	if (value < 0)
		sk->linger2_s = -1;
	else
		sk->linger2_s = value < MAX_LINGER2_S ? value : MAX_LINGER2_S;
}

static int set_window_clamp(struct tcp_sock *sk, int value)
{
	if (value == 0) {
		if (sk->c.state != TCP_CLOSE)
			return -EINVAL;
		sk->window_clamp = 0;
		return 0;
	}
	sk->window_clamp = max_u32(value > 0 ? (uint32_t)value : 0, SOCK_MIN_RCVBUF / 2);
	if (sk->rcv_ssthresh > sk->window_clamp)
		sk->rcv_ssthresh = sk->window_clamp;
	return 0;
}

/* On: an ACK that is waiting for company goes now. An even value is good for just that. */
static void set_quickack(struct tcp_sock *sk, int value)
{
	bool connected = sk->c.state == TCP_ESTABLISHED || sk->c.state == TCP_CLOSE_WAIT;
	sk->pingpong = value == 0;
	if (value && connected && sk->ack_delayed) {
		sk->ack_now = true;
		tcp_want_flush(sk);
		sk->pingpong = !(value & 1);
	}
	sk->quickack = !sk->pingpong;
}

static void set_defer_accept(struct tcp_sock *sk, int value)
{
	uint8_t retrans = secs_to_retrans(value > 0 ? (uint32_t)value : 0);
	sk->defer_accept_s = retrans_to_secs(retrans);
	sk->defer_accept_on = retrans > 0;
}

static int set_tcp_counted(struct tcp_sock *sk, int name, int value)
{
	int err;
	switch (name) {
	case TCP_KEEPIDLE:
		return set_keepidle(sk, value);
	case TCP_KEEPINTVL:
		err = in_range(value, 1, MAX_KEEP_S);
		if (!err)
			sk->keepintvl_s = (uint32_t)value;
		return err;
	case TCP_KEEPCNT:
		err = in_range(value, 1, MAX_KEEPCNT);
		if (!err)
			sk->keepcnt = (uint32_t)value;
		return err;
	case TCP_SYNCNT:
		err = in_range(value, 1, MAX_SYNCNT);
		if (!err)
			sk->syn_retries = (uint32_t)value;
		return err;
	case TCP_MAXSEG:
		err = value ? in_range(value, MIN_USER_MSS, MAX_USER_MSS) : 0;
		if (!err)
			sk->user_mss = (uint16_t)value;
		return err;
	case TCP_USER_TIMEOUT:
		err = in_range(value, 0, INT_MAX);
		if (!err)
			sk->user_timeout_ms = (uint32_t)value;
		return err;
	default:
		return fastopen_setsockopt(sk, name, value);
	}
}

static int set_tcp(struct tcp_sock *sk, int name, int value)
{
	switch (name) {
	case TCP_NODELAY: /* on or off, what waits is looked at again */
		sk->nodelay = value != 0;
		sk->nagle_push = sk->nodelay; /* even what a cork holds, as Linux has it */
		tcp_want_flush(sk);
		return 0;
	case TCP_CORK:
		sk->cork = value != 0;
		tcp_want_flush(sk);
		return 0;
	case TCP_QUICKACK:
		set_quickack(sk, value);
		return 0;
	case TCP_LINGER2:
		set_linger2(sk, value);
		return 0;
	case TCP_DEFER_ACCEPT:
		set_defer_accept(sk, value);
		return 0;
	case TCP_WINDOW_CLAMP:
		return set_window_clamp(sk, value);
	case TCP_THIN_LINEAR_TIMEOUTS:
		if (in_range(value, 0, 1) != 0)
			return -EINVAL;
		sk->thin_linear_timeouts = value != 0;
		return 0;
	case TCP_INQ: /* for whoever reads on the program's behalf */
		if (in_range(value, 0, 1) != 0)
			return -EINVAL;
		sk->recvmsg_inq = value != 0;
		return 0;
	case TCP_NOTSENT_LOWAT:
		sk->notsent_lowat = (uint32_t)value;
		sndbuf_check_space(sk);
		return 0;
	default:
		return set_tcp_counted(sk, name, value);
	}
}

int tcp_setsockopt(struct tcp_sock *sk, int level, int name, const void *val, size_t len)
{
	int value = 0;
	if (level == IPPROTO_IP)
		return ip_setsockopt(sk, name, val, len);
	if (level != SOL_SOCKET_ && level != IPPROTO_TCP)
		return -ENOPROTOOPT;
	if (level == IPPROTO_TCP && name == TCP_CONGESTION)
		return set_congestion(sk, val, len);
	if (level == IPPROTO_TCP && (name == TCP_MD5SIG || name == TCP_MD5SIG_EXT))
		return md5_setsockopt(sk, name, val, len);
	if (level == IPPROTO_TCP && name >= TCP_AO_ADD_KEY && name <= TCP_AO_REPAIR)
		return ao_setsockopt(sk, name, val, len);
	if (level == IPPROTO_TCP && name == TCP_FASTOPEN_KEY)
		return fastopen_set_key(sk, val, len);
	if (len < sizeof(value))
		return -EINVAL;
	memcpy(&value, val, sizeof(value));
	if (level == IPPROTO_TCP)
		return set_tcp(sk, name, value);
	return set_socket(sk, name, value, val, len);
}

/* --- get ------------------------------------------------------------------------------------- */

/* As much as there is room for, as Linux copies it. */
int sockopt_give(void *to, size_t *len, const void *from, size_t size)
{
	if (*len > size)
		*len = size;
	memcpy(to, from, *len);
	return 0;
}

static int socket_error(struct tcp_sock *sk)
{
	int err = tcp_error(sk);
	if (err)
		return err;
	err = sk->err_soft;
	sk->err_soft = 0;
	return err;
}

static int get_socket_int(struct tcp_sock *sk, int name, int *value)
{
	switch (name) {
	case SO_REUSEADDR:
		*value = sk->c.reuseaddr;
		return 0;
	case SO_REUSEPORT:
		*value = sk->c.reuseport;
		return 0;
	case SO_KEEPALIVE:
		*value = sk->keepalive;
		return 0;
	case SO_OOBINLINE:
		*value = sk->oobinline;
		return 0;
	case SO_SNDBUF:
		*value = (int)sk->sndbuf_bytes;
		return 0;
	case SO_RCVBUF:
		*value = (int)sk->rcvbuf_bytes;
		return 0;
	case SO_ERROR:
		*value = socket_error(sk);
		return 0;
	case SO_ACCEPTCONN:
		*value = sk->c.state == TCP_LISTEN;
		return 0;
	case SO_TYPE:
		*value = SOCK_STREAM_;
		return 0;
	case SO_DOMAIN:
		*value = AF_INET_;
		return 0;
	case SO_PROTOCOL:
		*value = IPPROTO_TCP;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int get_socket(struct tcp_sock *sk, int name, void *val, size_t *len)
{
	int value = 0;
	if (name == SO_LINGER) {
		struct linger_value l = {sk->linger_on, sk->linger_s};
		return sockopt_give(val, len, &l, sizeof(l));
	}
	if (name == SO_MAX_PACING_RATE) {
		uint64_t rate = pacing_max(sk);
		uint32_t narrow = rate < UINT32_MAX ? (uint32_t)rate : UINT32_MAX;
		return *len >= sizeof(rate) ? sockopt_give(val, len, &rate, sizeof(rate))
					    : sockopt_give(val, len, &narrow, sizeof(narrow));
	}
	if (name == SO_MEMINFO) {
		uint32_t info[TCP_MEMINFO_VARS];
		tcp_get_meminfo(sk, info);
		return sockopt_give(val, len, info, sizeof(info));
	}
	int err = get_socket_int(sk, name, &value);
	return err ? err : sockopt_give(val, len, &value, sizeof(value));
}

static int get_maxseg(const struct tcp_sock *sk)
{
	if (!sockopt_is_open(sk) && sk->user_mss)
		return sk->user_mss;
	return sk->mss_cache ? sk->mss_cache : TCP_DEFAULT_MSS;
}

static int either(uint32_t own, uint32_t sysctl)
{
	return (int)(own ? own : sysctl);
}

static int get_tcp_counted(const struct tcp_sock *sk, int name, int *value)
{
	const struct sysctls *ctl = &sk->stack->sysctl;
	switch (name) {
	case TCP_KEEPIDLE:
		*value = either(sk->keepidle_s, ctl->tcp_keepalive_time_s);
		return 0;
	case TCP_KEEPINTVL:
		*value = either(sk->keepintvl_s, ctl->tcp_keepalive_intvl_s);
		return 0;
	case TCP_KEEPCNT:
		*value = either(sk->keepcnt, ctl->tcp_keepalive_probes);
		return 0;
	case TCP_SYNCNT:
		*value = either(sk->syn_retries, ctl->tcp_syn_retries);
		return 0;
	case TCP_LINGER2:
		*value = sk->linger2_s < 0
			     ? -1
			     : either((uint32_t)sk->linger2_s, ctl->tcp_fin_timeout_s);
		return 0;
	case TCP_MAXSEG:
		*value = get_maxseg(sk);
		return 0;
	case TCP_USER_TIMEOUT:
		*value = (int)sk->user_timeout_ms;
		return 0;
	default:
		return fastopen_getsockopt(sk, name, value);
	}
}

static int get_tcp_int(const struct tcp_sock *sk, int name, int *value)
{
	switch (name) {
	case TCP_NODELAY:
		*value = sk->nodelay;
		return 0;
	case TCP_CORK:
		*value = sk->cork;
		return 0;
	case TCP_QUICKACK:
		*value = !sk->pingpong;
		return 0;
	case TCP_DEFER_ACCEPT:
		*value = (int)sk->defer_accept_s;
		return 0;
	case TCP_WINDOW_CLAMP:
		*value = (int)sk->window_clamp;
		return 0;
	case TCP_THIN_LINEAR_TIMEOUTS:
		*value = sk->thin_linear_timeouts;
		return 0;
	case TCP_INQ:
		*value = sk->recvmsg_inq;
		return 0;
	case TCP_NOTSENT_LOWAT:
		*value = (int)sk->notsent_lowat;
		return 0;
	case TCP_TIMESTAMP:
		*value = (int)(tcp_ts_clock_ms(sk->stack->now_us) + sk->ts_off);
		return 0;
	default:
		return get_tcp_counted(sk, name, value);
	}
}

static int get_congestion(const struct tcp_sock *sk, void *val, size_t *len)
{
	char name[CA_NAME_MAX] = {0};
	const char *own = sk->cc ? sk->cc->name : sk->stack->sysctl.tcp_congestion_control;
	memcpy(name, own, strnlen(own, CA_NAME_MAX - 1));
	return sockopt_give(val, len, name, sizeof(name));
}

/* reno and cubic have nothing to tell. */
static int get_cc_info(struct tcp_sock *sk, void *val, size_t *len)
{
	*len = sk->cc && sk->cc->get_info ? sk->cc->get_info(sk, val, *len) : 0;
	return 0;
}

static int get_tcp(struct tcp_sock *sk, int name, void *val, size_t *len)
{
	int value = 0;
	if (name == TCP_INFO) {
		struct tcp_info_linux info;
		tcp_get_info_linux(sk, &info);
		return sockopt_give(val, len, &info, sizeof(info));
	}
	if (name >= TCP_AO_ADD_KEY && name <= TCP_AO_REPAIR)
		return ao_getsockopt(sk, name, val, len);
	if (name == TCP_CC_INFO)
		return get_cc_info(sk, val, len);
	if (name == TCP_CONGESTION)
		return get_congestion(sk, val, len);
	if (name == TCP_FASTOPEN_KEY)
		return fastopen_get_key(sk, val, len);
	int err = get_tcp_int(sk, name, &value);
	return err ? err : sockopt_give(val, len, &value, sizeof(value));
}

int tcp_getsockopt(struct tcp_sock *sk, int level, int name, void *val, size_t *len)
{
	switch (level) {
	case SOL_SOCKET_:
		return get_socket(sk, name, val, len);
	case IPPROTO_IP:
		return ip_getsockopt(sk, name, val, len);
	case IPPROTO_TCP:
		return get_tcp(sk, name, val, len);
	default:
		return -EOPNOTSUPP; /* as ip_getsockopt() */
	}
}

/* --- both ways ------------------------------------------------------------------------------- */

bool tcp_linger(const struct tcp_sock *sk, int *seconds)
{
	*seconds = sk->linger_s;
	return sk->linger_on;
}

bool sockopt_inherit(struct tcp_sock *child, const struct tcp_sock *listener)
{
	child->c.reuseaddr = listener->c.reuseaddr;
	child->c.reuseport = listener->c.reuseport;
	child->nodelay = listener->nodelay;
	child->cork = listener->cork;
	child->keepalive = listener->keepalive;
	child->linger_on = listener->linger_on;
	child->linger_s = listener->linger_s;
	child->oobinline = listener->oobinline;
	child->quickack = listener->quickack;
	child->pingpong = listener->pingpong;
	child->keepidle_s = listener->keepidle_s;
	child->keepintvl_s = listener->keepintvl_s;
	child->keepcnt = listener->keepcnt;
	child->user_timeout_ms = listener->user_timeout_ms;
	child->syn_retries = listener->syn_retries;
	child->linger2_s = listener->linger2_s;
	child->window_clamp = listener->window_clamp;
	child->notsent_lowat = listener->notsent_lowat;
	child->recvmsg_inq = listener->recvmsg_inq;
	child->thin_linear_timeouts = listener->thin_linear_timeouts;
	child->user_mss = listener->user_mss;
	child->c.tos = listener->c.tos;
	child->ip_cmsg = listener->ip_cmsg;
	child->freebind = listener->freebind;
	child->pmtudisc = listener->pmtudisc;
	child->ttl = listener->ttl;
	child->sndbuf_bytes = listener->sndbuf_bytes;
	child->sndbuf_locked = listener->sndbuf_locked;
	child->rcvbuf_bytes = listener->rcvbuf_bytes;
	child->rcvbuf_locked = listener->rcvbuf_locked;
	child->cc = listener->cc;
	return !listener->pace ||
	       (pacing_start(child) == 0 && pacing_set_max(child, pacing_max(listener)) == 0);
}
