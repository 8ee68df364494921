/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/checks/questions.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/cpu_list.h"

/* Settings of the goal's VM that are asked for by their value: cores, affinity … What Proxmox VE or
 * QEMU would not start with is refused before it is sent. */

/* Which CPUs these are, the host tells. */
static bool is_near(const struct goal_choice *choice, const char *chosen)
{
	return choice->id == CHOOSE_AFFINITY && chosen && strcmp(chosen, "near") == 0;
}

const char *setting_of(const struct report *report, const char *key)
{
	for (const struct goal_choice *choice = goal_choices; choice->name; choice++) {
		const char *chosen = report->goal->values[choice->id];
		if (!choice->form || !choice->form->key || strcmp(choice->form->key, key) != 0 ||
				!chosen)
			continue;
		bool out = choice->form->unset && strcmp(choice->form->unset, chosen) == 0;
		if (is_near(choice, chosen))
			return report->near;
		return out ? NULL : chosen;
	}
	return vm_get_next(report->vm, key);
}

bool setting_differs(const struct report *report, const struct goal_choice *choice)
{
	const struct choice_form *form = choice->form;
	if (!form || !form->key || !report->goal->values[choice->id])
		return false;
	const char *now = vm_get_next(report->vm, form->key);
	const char *wanted = setting_of(report, form->key);
	if (!wanted && is_near(choice, report->goal->values[choice->id]))
		return true; /* and there are none: it is refused */
	return wanted && now ? strcmp(wanted, now) != 0 : wanted != now;
}

static bool is_asked(const struct report *report, enum choice_id id)
{
	return report->goal->values[id] != NULL;
}

static unsigned long number_of(const struct report *report, const char *key, unsigned long unset)
{
	const char *value = setting_of(report, key);
	unsigned long number = 0;
	return value && text_to_ulong(value, 10, 999999999, &number) ? number : unset;
}

static struct finding *refuse(struct report *report, const struct check *check, const char *text)
{
	struct finding *finding =
			report_add(report, check, STATUS_FAIL, subject_vm(report->vm), "%s", text);
	finding->risk = RISK_NEVER;
	return finding;
}

/* PVE/QemuServer.pm, config_to_command: "MAX %d vcpus allowed per VM on this node". */
static size_t judge_count(struct report *report, const struct check *check)
{
	unsigned long cpus = number_of(report, "sockets", 1) * number_of(report, "cores", 1);
	unsigned long plugged = number_of(report, "vcpus", 0);
	struct cpu_list host;
	bool known = report->facts->cpus && cpu_list_read(report->facts->cpus, &host);
	size_t found = 0;
	if (!is_asked(report, CHOOSE_CORES) && !is_asked(report, CHOOSE_SOCKETS))
		return 0;
	if (known && cpus > host.n) {
		struct finding *finding = refuse(report, check,
				arena_printf(report->arena,
						"%lu CPUs are more than the host's %zu: the VM would not start.",
						cpus, host.n));
		finding_evidence(report, finding, "/sys/devices/system/cpu/online", "%s",
				report->facts->cpus);
		found++;
	}
	if (vm_get_next(report->vm, "numa0")) {
		struct finding *finding = refuse(report, check,
				"Its numa0 names CPUs of its own: change cores, sockets and it together, by hand.");
		finding_evidence(report, finding, report->vm->path, "numa0: %s",
				vm_get_next(report->vm, "numa0"));
		found++;
	}
	if (plugged > cpus) {
		struct finding *finding = refuse(report, check,
				arena_printf(report->arena,
						"It has vcpus: %lu, more than the %lu CPUs: the VM would not start.",
						plugged, cpus));
		finding_evidence(report, finding, report->vm->path, "vcpus: %lu", plugged);
		finding_fix(report, finding, FIX_BY_HAND, "qm set %u --delete vcpus",
				report->vm->vmid);
		found++;
	}
	return found;
}

/* Where the GPU is, the CPUs that are near it. */
static void tell_far(struct report *report, const struct check *check, const struct cpu_list *list)
{
	const char *local = report->gpu ? report->gpu->local_cpus : NULL;
	struct cpu_list near;
	if (!local || !cpu_list_read(local, &near) || cpu_list_beyond(list, &near) == CPU_LIST_MAX)
		return;
	struct finding *finding = report_add(report, check, STATUS_INFO, subject_vm(report->vm),
			"CPU %zu is not of the GPU's NUMA node, whose CPUs are %s: what goes between them takes longer.",
			cpu_list_beyond(list, &near), local);
	finding_evidence(report, finding,
			arena_printf(report->arena, "/sys/bus/pci/devices/%s/local_cpulist",
					report->gpu->name),
			"%s", local);
}

/* A core with one thread inside and one outside: others run on it too. */
static void tell_split(
		struct report *report, const struct check *check, const struct cpu_list *list)
{
	const struct cpu *other = cpus_split_core(report, list);
	if (!other)
		return;
	struct finding *finding = report_add(report, check, STATUS_INFO, subject_vm(report->vm),
			"CPU %u is a thread of a core in the list, and not in it: what runs there slows the VM. Whole cores are better: --affinity near.",
			other->number);
	finding_evidence(report, finding,
			arena_printf(report->arena,
					"/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list",
					other->core),
			"cores of several threads");
}

static size_t judge_affinity(struct report *report, const struct check *check)
{
	const char *wanted = setting_of(report, "affinity");
	unsigned long cpus = number_of(report, "sockets", 1) * number_of(report, "cores", 1);
	struct cpu_list list;
	struct cpu_list host;
	if (!wanted && is_near(&goal_choices[CHOOSE_AFFINITY],
				       report->goal->values[CHOOSE_AFFINITY])) {
		(void)refuse(report, check,
				report->facts->cpu_map.n
						? arena_printf(report->arena,
								  "There are not %lu CPUs of whole cores near the GPU that no other guest is kept to: name them yourself.",
								  cpus)
						: "How the host's CPUs belong together is not on record: name them yourself.");
		return 1;
	}
	if (!is_asked(report, CHOOSE_AFFINITY) || !wanted || !cpu_list_read(wanted, &list))
		return 0;
	bool known = report->facts->cpus && cpu_list_read(report->facts->cpus, &host);
	if (known && cpu_list_beyond(&list, &host) < CPU_LIST_MAX) {
		struct finding *finding = refuse(report, check,
				arena_printf(report->arena,
						"The host has no CPU %zu; it has %s: the VM would not start.",
						cpu_list_beyond(&list, &host),
						report->facts->cpus));
		finding_evidence(report, finding, "/sys/devices/system/cpu/online", "%s",
				report->facts->cpus);
		return 1;
	}
	if (list.n < cpus)
		(void)report_add(report, check, STATUS_WARN, subject_vm(report->vm),
				"Its %lu CPUs share %zu of the host's: they wait for each other.",
				cpus, list.n);
	else if (known && list.n == host.n)
		(void)report_add(report, check, STATUS_INFO, subject_vm(report->vm),
				"These are all of the host's CPUs: it keeps none for itself.");
	tell_far(report, check, &list);
	tell_split(report, check, &list);
	return 0;
}

/* PVE/QemuServer/Memory.pm, config and hugepages_size. NULL: it starts. */
static const char *why_no_pages(const struct report *report)
{
	const char *pages = setting_of(report, "hugepages");
	const char *numa = setting_of(report, "numa");
	unsigned long memory = memory_of(report->arena, setting_of(report, "memory"));
	unsigned long sockets = number_of(report, "sockets", 1);
	unsigned long page = pages && strcmp(pages, "1024") == 0 ? 1024 : 2;
	struct cpu_list nodes;
	if (!pages)
		return NULL;
	if (!vm_value_is_on(numa))
		return "Huge pages need numa: 1: the VM would not start.";
	if (vm_get_next(report->vm, "numa0"))
		return "Its numa0 has no hostnodes that are looked into here: set huge pages by hand.";
	if (memory % (page * sockets))
		return arena_printf(report->arena,
				"Its memory (%lu MiB) does not divide into huge pages of %lu MiB for %lu %s: the VM would not start.",
				memory, page, sockets, text_plural(sockets, "socket", "sockets"));
	bool known = report->facts->numa_nodes && cpu_list_read(report->facts->numa_nodes, &nodes);
	if (known && sockets > nodes.n)
		return arena_printf(report->arena,
				"Each socket takes its huge pages from a NUMA node of the host, and there %s %zu: the VM would not start.",
				text_plural(nodes.n, "is", "are"), nodes.n);
	return NULL;
}

static size_t judge_memory(struct report *report, const struct check *check)
{
	unsigned long memory = memory_of(report->arena, setting_of(report, "memory"));
	unsigned long balloon = number_of(report, "balloon", 0);
	const char *hotplug = vm_get_next(report->vm, "hotplug");
	bool pages = is_asked(report, CHOOSE_HUGEPAGES) || is_asked(report, CHOOSE_NUMA) ||
		     is_asked(report, CHOOSE_SOCKETS);
	const char *why = pages ? why_no_pages(report) : NULL;
	size_t found = 0;
	if (!why && is_asked(report, CHOOSE_NUMA) && hotplug && strstr(hotplug, "memory") &&
			!vm_value_is_on(setting_of(report, "numa")))
		why = "Its memory is hot-pluggable (hotplug), which needs numa: 1: the VM would not start.";
	if (why) {
		(void)refuse(report, check, why);
		found++;
	}
	if (is_asked(report, CHOOSE_BALLOON) && balloon > memory) {
		(void)refuse(report, check,
				arena_printf(report->arena,
						"balloon: %lu is more than its memory (%lu MiB): Proxmox VE refuses that.",
						balloon, memory));
		found++;
	}
	return found;
}

static size_t judge_vga(struct report *report, const struct check *check)
{
	const char *wanted = setting_of(report, "vga");
	const char *now = vm_get_next(report->vm, "vga");
	const char *why = NULL;
	if (!is_asked(report, CHOOSE_VGA))
		return 0;
	if (now && strpbrk(now, ",="))
		why = "Its vga has options of its own, which would go: change it by hand.";
	else if (wanted && strcmp(wanted, "serial0") == 0 && !vm_get_next(report->vm, "serial0"))
		why = "It has no serial0 to show: qm set VMID --serial0 socket first.";
	if (why)
		(void)refuse(report, check, why);
	return why != NULL;
}

static size_t judge_right(
		struct report *report, const struct check *check, const struct goal_choice *choice)
{
	if (!choice->form->root_only || report->facts->identity_root)
		return 0;
	struct finding *finding = refuse(report, check,
			arena_printf(report->arena, "Only root@pam itself may set %s.",
					choice->form->key));
	finding_evidence(report, finding, report->facts->api, "%s", report->facts->identity);
	return 1;
}

static void plan_setting(
		struct report *report, const struct check *check, const struct goal_choice *choice)
{
	const char *key = choice->form->key;
	const char *now = vm_get_next(report->vm, key);
	const char *wanted = setting_of(report, key);
	struct finding *finding = report_add(report, check, STATUS_INFO, subject_vm(report->vm),
			"%s: %s; %s is asked for.", key, now ? now : "not set",
			wanted ? wanted : "not set");
	finding_evidence(report, finding, report->vm->path, "%s: %s", key, now ? now : "(not set)");
	finding_fix(report, finding, FIX_BY_PLAN, "set %s", key);
}

static bool any_is_asked(const struct report *report)
{
	for (const struct goal_choice *choice = goal_choices; choice->name; choice++)
		if (choice->form && choice->form->key && is_asked(report, choice->id))
			return true;
	return false;
}

void check_vm_settings(struct report *report, const struct check *check)
{
	size_t asked = 0;
	size_t refused = 0;
	if (!report->vm && any_is_asked(report)) {
		struct finding *finding = report_add(report, check, STATUS_FAIL, subject_host(),
				"Settings of a VM are asked for, and no VM is named.");
		finding->risk = RISK_NEVER;
		return;
	}
	for (const struct goal_choice *choice = goal_choices; report->vm && choice->name; choice++)
		if (setting_differs(report, choice)) {
			asked++;
			refused += judge_right(report, check, choice);
		}
	if (asked)
		refused += judge_count(report, check) + judge_affinity(report, check) +
			   judge_memory(report, check) + judge_vga(report, check);
	for (const struct goal_choice *choice = goal_choices; asked && !refused && choice->name;
			choice++)
		if (setting_differs(report, choice))
			plan_setting(report, check, choice);
	if (!asked)
		(void)report_add(report, check, STATUS_OK,
				report->vm ? subject_vm(report->vm) : subject_host(),
				"Nothing else is asked for.");
}
