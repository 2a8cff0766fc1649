/* SPDX-License-Identifier: MIT */
/* What programs were denied: see processes.h. */
#include "daemon/processes.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/credentials.h"

void processes_init(struct processes *p)
{
	list_init(&p->all);
	p->count = 0;
}

static void drop(struct processes *p, struct process *process)
{
	list_del(&process->node);
	free(process);
	p->count--;
}

void processes_destroy(struct processes *p)
{
	if (!p->all.next)
		return; /* never begun */
	list_for_each_safe (pos, &p->all)
		drop(p, container_of(pos, struct process, node));
}

void processes_sweep(struct processes *p)
{
	list_for_each_safe (pos, &p->all) {
		struct process *process = container_of(pos, struct process, node);
		if (process_began(process->pid) != process->began)
			drop(p, process);
	}
}

static struct process *find(struct processes *p, pid_t pid)
{
	list_for_each (pos, &p->all) {
		struct process *process = container_of(pos, struct process, node);
		if (process->pid == pid)
			return process;
	}
	return NULL;
}

static void make_room(struct processes *p)
{
	if (p->count < PROCESSES_MAX)
		return;
	processes_sweep(p);
	if (p->count == PROCESSES_MAX)
		drop(p, container_of(p->all.prev, struct process, node));
}

/* Its entry, in front; NULL: it is gone, or there is no memory. */
static struct process *enter(struct processes *p, const struct ucred *who)
{
	uint64_t began = process_began(who->pid);
	struct process *process = find(p, who->pid);

	if (process && process->began != began) {
		drop(p, process);
		process = NULL;
	}
	if (!began)
		return NULL;
	if (process) {
		list_del(&process->node);
		list_add_head(&p->all, &process->node);
		return process;
	}
	make_room(p);
	process = calloc(1, sizeof(*process));
	if (!process)
		return NULL;
	process->pid = who->pid;
	process->uid = who->uid;
	process->began = began;
	list_add_head(&p->all, &process->node);
	p->count++;
	return process;
}

/* A process that talks too much is not listened to until the next second. */
static bool may_talk(struct process *process, uint64_t now_us)
{
	if (process->second != now_us / 1000000) {
		process->second = now_us / 1000000;
		process->heard = 0;
	}
	return process->heard++ < PROCESS_NOTES_PER_SECOND;
}

static bool same(const struct process_note *a, const struct process_note *b)
{
	return a->kind == b->kind && a->use == b->use && a->level == b->level &&
	       a->name == b->name && a->error == b->error &&
	       a->addr.sin_addr.s_addr == b->addr.sin_addr.s_addr &&
	       a->addr.sin_port == b->addr.sin_port && !strcmp(a->text, b->text);
}

void processes_note(struct processes *p, const struct ucred *who, const struct process_note *note,
		    uint64_t now_us)
{
	struct process *process = find(p, who->pid);

	if (process && !may_talk(process, now_us)) {
		process->missed++;
		return; /* before /proc is asked */
	}
	process = enter(p, who);
	if (!process)
		return;
	process_comm(who->pid, process->comm); /* it may have changed since */
	for (unsigned i = 0; i < process->notes; i++) {
		if (same(&process->note[i], note)) {
			process->note[i].count++;
			return;
		}
	}
	if (process->notes == PROCESS_NOTES_MAX) {
		process->missed++;
		return;
	}
	process->note[process->notes] = *note;
	process->note[process->notes++].count = 1;
}
