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

/* Those that other guests of this node are kept to, and the first core's. */
static void add_taken(const struct report *report, struct cpu_list *taken)
{
	const struct facts *facts = report->facts;
	struct cpu_list *list = arena_alloc(report->arena, sizeof *list);
	for (size_t i = 0; i < facts->vms.n; i++) {
		const struct vm *vm = facts->vms.item[i];
		if (vm == report->vm || !cpus_of_vm(vm, list))
			continue;
		for (size_t cpu = 0; cpu < CPU_LIST_MAX; cpu++)
			if (cpu_list_has(list, cpu))
				cpu_list_add(taken, cpu);
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

const char *cpus_proposed(const struct report *report)
{
	const struct facts *facts = report->facts;
	struct arena *arena = report->arena;
	unsigned long wanted = report->vm ? cpus_wanted(report) : 0;
	struct cpu_list *lists = arena_alloc(arena, 4 * sizeof *lists);
	struct cpu_list *near = lists, *taken = lists + 1, *tried = lists + 2, *best = lists + 3;
	const char *local = report->gpu ? report->gpu->local_cpus : NULL;
	const char *where = local ? local : facts->cpus;
	if (!wanted || !facts->cpu_map.n || !where || !cpu_list_read(where, near))
		return NULL;
	add_taken(report, taken);
	int caches = 0;
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
		caches = cache;
	}
	bool one = best->n > 0;
	*best = (struct cpu_list){0};
	add_cores(facts, one ? caches : -1, wanted, near, taken, best);
	return best->n >= wanted ? cpu_list_text(arena, best) : NULL;
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
