/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "pvegpu/base/text.h"
#include "tui/screens/steps.h"

/* A drawing of the host's CPUs: cores with their threads by NUMA node and cache, and which guest is
 * kept to which. */

static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
enum { CORES_IN_ROW = 14, THREADS = 8 };

/* Who is kept to a CPU: * the goal's VM, a letter another guest, . nobody. */
struct marks {
	const struct report *report;
	bool chosen_known;
	struct cpu_list chosen; /* of the goal's VM, as it will be */
	struct cpu_list other;
};

static const struct cpu *cpu_at(const struct facts *facts, size_t i)
{
	return facts->cpu_map.item[i];
}

static char mark_of(struct marks *marks, unsigned number)
{
	const struct facts *facts = marks->report->facts;
	size_t n = 0;
	if (marks->chosen_known && cpu_list_has(&marks->chosen, number))
		return '*';
	for (size_t i = 0; i < facts->vms.n; i++) {
		const struct vm *vm = facts->vms.item[i];
		if (vm == marks->report->vm || !cpus_of_vm(vm, &marks->other))
			continue;
		if (cpu_list_has(&marks->other, number))
			return letters[n];
		n += n + 2 < sizeof letters;
	}
	return ' ';
}

/* The n-th thread of a core, or NULL. */
static const struct cpu *thread_of(const struct facts *facts, const struct cpu *core, size_t n)
{
	for (size_t i = 0; i < facts->cpu_map.n; i++)
		if (cpu_at(facts, i)->core == core->core && n-- == 0)
			return cpu_at(facts, i);
	return NULL;
}

/* Cores next to each other, their threads below one another. */
static void add_row(struct text *text, struct marks *marks, const struct list *cores, size_t from)
{
	const struct facts *facts = marks->report->facts;
	size_t to = from + CORES_IN_ROW < cores->n ? from + CORES_IN_ROW : cores->n;
	for (size_t thread = 0; thread < THREADS; thread++) {
		bool any = false;
		struct text line = {0};
		for (size_t i = from; i < to; i++) {
			const struct cpu *cpu = thread_of(facts, cores->item[i], thread);
			any = any || cpu;
			if (cpu)
				text_addf(&line, " %3u%c", cpu->number,
						mark_of(marks, cpu->number));
			else
				text_add(&line, "     ");
		}
		if (any)
			text_addf(text, "   %s\n", text_string(&line));
		text_free(&line);
	}
	text_add(text, "\n");
}

static bool is_near(const struct report *report, const struct cpu *cpu)
{
	struct cpu_list near;
	return report->gpu && report->gpu->local_cpus &&
	       cpu_list_read(report->gpu->local_cpus, &near) && cpu_list_has(&near, cpu->number);
}

/* Each cache with its cores, in the order of the CPUs. */
static void add_caches(struct text *text, struct marks *marks, struct arena *arena)
{
	const struct facts *facts = marks->report->facts;
	for (size_t i = 0; i < facts->cpu_map.n; i++) {
		const struct cpu *first = cpu_at(facts, i);
		struct list cores = {0};
		bool told = false;
		for (size_t k = 0; k < facts->cpu_map.n; k++) {
			struct cpu *cpu = facts->cpu_map.item[k];
			bool same = cpu->node == first->node && cpu->cache == first->cache;
			told = told || (same && k < i);
			if (same && cpu->core == (int)cpu->number)
				list_add(arena, &cores, cpu);
		}
		if (told || !cores.n)
			continue;
		if (first->node >= 0)
			text_addf(text, "NUMA node %d, ", first->node);
		text_add(text, first->cache >= 0
						? arena_printf(arena, "cache (L3) %d", first->cache)
						: "cores");
		text_addf(text, "%s\n", is_near(marks->report, first) ? "   <- near the GPU" : "");
		for (size_t from = 0; from < cores.n; from += CORES_IN_ROW)
			add_row(text, marks, &cores, from);
	}
}

static void add_legend(struct text *text, const struct marks *marks, struct cpu_list *list)
{
	const struct facts *facts = marks->report->facts;
	const struct vm *mine = marks->report->vm;
	size_t n = 0;
	text_addf(text, "*  VM %u %s%s\n", mine->vmid, mine->name,
			marks->chosen_known ? "" : ": anywhere (no affinity)");
	for (size_t i = 0; i < facts->vms.n; i++) {
		const struct vm *vm = facts->vms.item[i];
		if (vm == mine || !cpus_of_vm(vm, list))
			continue;
		text_addf(text, "%c  VM %u %s\n", letters[n], vm->vmid, vm->name);
		n += n + 2 < sizeof letters;
	}
}

void cpus_page(const struct wizard *wizard, const struct row *row, struct text *text)
{
	const struct report *shown = parts_shown(wizard);
	const struct report *report = shown ? shown : wizard->report->parts.item[0];
	struct arena *arena = arena_new();
	struct marks *marks = arena_alloc(arena, 2 * sizeof *marks);
	text_addf(text, "%s\n\n", row->choice->hint);
	marks->report = report;
	if (!report->vm || !report->facts->cpu_map.n) {
		text_add(text, report->vm ? "How this host's CPUs belong together is not on record.\n"
					  : "Choose a VM first (step 5).\n");
		arena_free(arena);
		return;
	}
	marks->chosen_known = cpus_chosen(report, &marks->chosen);
	text_addf(text, "VM %u has %lu CPUs. Threads of one core stand below one another.\n\n",
			report->vm->vmid, cpus_wanted(report));
	add_caches(text, marks, arena);
	add_legend(text, marks, &marks[1].other);
	const char *proposed = cpus_proposed(report);
	if (proposed)
		text_addf(text, "\nBest kept to %s (affinity: near): whole cores near the GPU, in one cache where they fit, none of another guest's, and the first core left to the host.\n",
				proposed);
	arena_free(arena);
}
