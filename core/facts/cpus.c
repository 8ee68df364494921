/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/facts/internal.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/cpu_list.h"

/* How the CPUs belong together (Documentation/admin-guide/cputopology.rst): threads of a core, the
 * cores that share the last cache, NUMA nodes. One file for each core and each cache is read. */

static const char cpus[] = "/sys/devices/system/cpu";

static bool read_list(const struct root *root, struct arena *arena, const char *path,
		struct cpu_list *list)
{
	char *text = root_read_value(root, path, arena);
	return text && cpu_list_read(text, list);
}

/* Those of the list that belong to nobody yet. */
static void set_core(struct facts *facts, const struct cpu_list *list, const struct cpu *first)
{
	for (size_t i = 0; i < facts->cpu_map.n; i++) {
		struct cpu *cpu = facts->cpu_map.item[i];
		if (cpu_list_has(list, cpu->number))
			cpu->core = (int)first->number;
	}
}

static void set_cache(struct facts *facts, const struct cpu_list *list, int cache)
{
	for (size_t i = 0; i < facts->cpu_map.n; i++) {
		struct cpu *cpu = facts->cpu_map.item[i];
		if (cpu_list_has(list, cpu->number))
			cpu->cache = cache;
	}
}

static void read_nodes(const struct root *root, struct facts *facts)
{
	struct cpu_list *nodes = arena_alloc(facts->arena, 2 * sizeof *nodes);
	struct cpu_list *list = nodes + 1;
	if (!facts->numa_nodes || !cpu_list_read(facts->numa_nodes, nodes))
		return;
	for (size_t node = 0; node < CPU_LIST_MAX; node++) {
		if (!cpu_list_has(nodes, node) ||
				!read_list(root, facts->arena,
						arena_printf(facts->arena,
								"/sys/devices/system/node/node%zu/cpulist",
								node),
						list))
			continue;
		for (size_t i = 0; i < facts->cpu_map.n; i++) {
			struct cpu *cpu = facts->cpu_map.item[i];
			if (cpu_list_has(list, cpu->number))
				cpu->node = (int)node;
		}
	}
}

static void list_online(struct facts *facts, const struct cpu_list *online)
{
	for (size_t number = 0; number < CPU_LIST_MAX; number++) {
		if (!cpu_list_has(online, number))
			continue;
		struct cpu *cpu = arena_alloc(facts->arena, sizeof *cpu);
		*cpu = (struct cpu){
				.number = (unsigned)number, .core = -1, .cache = -1, .node = -1};
		list_add(facts->arena, &facts->cpu_map, cpu);
	}
}

void facts_read_cpus(const struct root *root, struct facts *facts)
{
	struct arena *arena = facts->arena;
	struct cpu_list *list = arena_alloc(arena, sizeof *list);
	int caches = 0;
	if (!facts->cpus || !cpu_list_read(facts->cpus, list))
		return;
	facts->fast_cpus = root_read_value(root, "/sys/devices/cpu_core/cpus", arena);
	list_online(facts, list);
	for (size_t i = 0; i < facts->cpu_map.n; i++) {
		struct cpu *cpu = facts->cpu_map.item[i];
		const char *core = arena_printf(
				arena, "%s/cpu%u/topology/thread_siblings_list", cpus, cpu->number);
		const char *cache = arena_printf(
				arena, "%s/cpu%u/cache/index3/shared_cpu_list", cpus, cpu->number);
		if (cpu->core < 0 && !read_list(root, arena, core, list)) {
			facts->cpu_map = (struct list){0}; /* nothing is told of how they belong */
			return;
		}
		if (cpu->core < 0)
			set_core(facts, list, cpu);
		if (cpu->cache < 0 && read_list(root, arena, cache, list))
			set_cache(facts, list, caches++);
	}
	read_nodes(root, facts);
}
