/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "core/checks/questions.h"
#include "pvegpu/base/text.h"

/* Which of the host's CPUs a VM with a GPU is best kept to: whole cores near the GPU that share a
 * cache, not those of other guests, nor the first core, where the host itself begins. */

bool cpus_of_vm(const struct vm *vm, struct cpu_list *ret_list)
{
	const char *affinity = vm_get_next(vm, "affinity");
	return affinity && cpu_list_read(affinity, ret_list);
}

bool cpus_chosen(const struct report *report, struct cpu_list *ret_list)
{
	const char *affinity = setting_of(report, "affinity");
	return affinity && cpu_list_read(affinity, ret_list);
}

unsigned long cpus_wanted(const struct report *report)
{
	unsigned long sockets = 1;
	unsigned long cores = 1;
	const char *text = setting_of(report, "sockets");
	(void)(text && text_to_ulong(text, 10, CPU_LIST_MAX, &sockets));
	text = setting_of(report, "cores");
	(void)(text && text_to_ulong(text, 10, CPU_LIST_MAX, &cores));
	return sockets * cores;
}

static void add_all(struct cpu_list *list, const struct cpu_list *more)
{
	for (size_t cpu = 0; cpu < CPU_LIST_MAX; cpu++)
		if (cpu_list_has(more, cpu))
			cpu_list_add(list, cpu);
}

/* Those that other guests of this node are kept to, and the first core's. */
static void add_taken(const struct report *report, struct cpu_list *taken)
{
	const struct facts *facts = report->facts;
	struct cpu_list *list = arena_alloc(report->arena, sizeof *list);
	for (size_t i = 0; i < facts->vms.n; i++) {
		const struct vm *vm = facts->vms.item[i];
		if (vm != report->vm && cpus_of_vm(vm, list))
			add_all(taken, list);
	}
	/* What the goal keeps other guests to: what is named, and what near is for those before. */
	const struct list *parts = &report->whole->parts;
	for (size_t p = 0; p < parts->n; p++) {
		const struct report *part = parts->item[p];
		if (part->vm && part->vm != report->vm && cpus_chosen(part, list))
			add_all(taken, list);
	}
	const struct cpu *first = facts->cpu_map.item[0];
	for (size_t i = 0; i < facts->cpu_map.n; i++) {
		const struct cpu *cpu = facts->cpu_map.item[i];
		if (cpu->core == first->core)
			cpu_list_add(taken, cpu->number);
	}
}

/* All of the core's threads are near, and free. */
static bool is_free(const struct facts *facts, const struct cpu *core, const struct cpu_list *near,
		const struct cpu_list *taken)
{
	for (size_t i = 0; i < facts->cpu_map.n; i++) {
		const struct cpu *cpu = facts->cpu_map.item[i];
		if (cpu->core == core->core && (!cpu_list_has(near, cpu->number) ||
							       cpu_list_has(taken, cpu->number)))
			return false;
	}
	return true;
}

/* Free cores of one cache, or (-1) of all, added until there are enough. */
static void add_cores(const struct facts *facts, int cache, unsigned long wanted,
		const struct cpu_list *near, const struct cpu_list *taken, struct cpu_list *list)
{
	for (size_t i = facts->cpu_map.n; i-- > 0 && list->n < wanted;) {
		const struct cpu *core = facts->cpu_map.item[i];
		if ((int)core->number != core->core || (cache >= 0 && core->cache != cache) ||
				cpu_list_has(list, core->number) ||
				!is_free(facts, core, near, taken))
			continue;
		for (size_t t = 0; t < facts->cpu_map.n; t++) {
			const struct cpu *cpu = facts->cpu_map.item[t];
			if (cpu->core == core->core)
				cpu_list_add(list, cpu->number);
		}
	}
}

/* Those of a hybrid processor that are no efficiency cores; false: it has one kind. */
static bool only_fast(const struct facts *facts, struct cpu_list *near)
{
	struct cpu_list fast;
	struct cpu_list both = {0};
	if (!facts->fast_cpus || !cpu_list_read(facts->fast_cpus, &fast))
		return false;
	for (size_t cpu = 0; cpu < CPU_LIST_MAX; cpu++)
		if (cpu_list_has(near, cpu) && cpu_list_has(&fast, cpu))
			cpu_list_add(&both, cpu);
	bool differs = both.n != near->n;
	*near = both;
	return differs;
}

/* What the VM is kept to already is as good: whole cores, near, none of another's. */
static bool is_good(const struct report *report, const struct cpu_list *now,
		const struct cpu_list *near, const struct cpu_list *taken, unsigned long wanted)
{
	bool free = now->n >= wanted && cpu_list_beyond(now, near) == CPU_LIST_MAX &&
		    !cpus_split_core(report, now);
	for (size_t cpu = 0; free && cpu < CPU_LIST_MAX; cpu++)
		free = !cpu_list_has(now, cpu) || !cpu_list_has(taken, cpu);
	return free;
}

static const char *propose(const struct report *report, const struct cpu_list *near,
		const struct cpu_list *taken, unsigned long wanted)
{
	const struct facts *facts = report->facts;
	struct cpu_list *tried = arena_alloc(report->arena, 2 * sizeof *tried);
	struct cpu_list *best = tried + 1;
	int caches = 0;
	int chosen = -1;
	for (size_t i = 0; i < facts->cpu_map.n; i++) {
		const struct cpu *cpu = facts->cpu_map.item[i];
		caches = cpu->cache >= caches ? cpu->cache + 1 : caches;
	}
	/* The cache that has room and least of it left over; of equals the last. */
	for (int cache = caches - 1; cache >= 0; cache--) {
		*tried = (struct cpu_list){0};
		add_cores(facts, cache, CPU_LIST_MAX, near, taken, tried);
		if (tried->n < wanted || (best->n && tried->n >= best->n))
			continue;
		*best = *tried;
		chosen = cache;
	}
	*best = (struct cpu_list){0};
	add_cores(facts, chosen, wanted, near, taken, best);
	return best->n >= wanted ? cpu_list_text(report->arena, best) : NULL;
}

const char *cpus_proposed(const struct report *report)
{
	const struct facts *facts = report->facts;
	if (report->near) /* it was chosen, with those of the parts before it in mind */
		return report->near;
	unsigned long wanted = report->vm ? cpus_wanted(report) : 0;
	struct cpu_list *near = arena_alloc(report->arena, 4 * sizeof *near);
	struct cpu_list *taken = near + 1;
	struct cpu_list *now = near + 2;
	struct cpu_list *all = near + 3;
	const char *local = report->gpu ? report->gpu->local_cpus : NULL;
	const char *where = local ? local : facts->cpus;
	if (!wanted || !facts->cpu_map.n || !where || !cpu_list_read(where, near))
		return NULL;
	add_taken(report, taken);
	*all = *near;
	bool hybrid = only_fast(facts, near);
	if (cpus_of_vm(report->vm, now) && is_good(report, now, near, taken, wanted))
		return cpu_list_text(report->arena, now);
	const char *found = propose(report, near, taken, wanted);
	if (found || !hybrid)
		return found;
	*now = (struct cpu_list){0}; /* the fast ones first */
	add_cores(facts, -1, wanted, near, taken, now);
	add_cores(facts, -1, wanted, all, taken, now);
	return now->n >= wanted ? cpu_list_text(report->arena, now) : NULL;
}

void choose_cpus(struct report *report)
{
	const char *affinity = report->goal->values[CHOOSE_AFFINITY];
	report->near = affinity && strcmp(affinity, "near") == 0 ? cpus_proposed(report) : NULL;
}

const struct cpu *cpus_split_core(const struct report *report, const struct cpu_list *list)
{
	const struct facts *facts = report->facts;
	for (size_t i = 0; i < facts->cpu_map.n; i++) {
		const struct cpu *cpu = facts->cpu_map.item[i];
		for (size_t k = 0; k < facts->cpu_map.n && cpu_list_has(list, cpu->number); k++) {
			const struct cpu *other = facts->cpu_map.item[k];
			if (other->core == cpu->core && !cpu_list_has(list, other->number))
				return other;
		}
	}
	return NULL;
}
