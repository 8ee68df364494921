/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/plan/remedies.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/property_string.h"

/* The first hostpciN that neither the configuration, nor what is pending in it, nor the plan uses.
 */
static const char *free_key(const struct vm *vm, const struct plan *plan)
{
	const struct change *call = plan_find_call(&plan->changes, STAGE_ATTACH, vm->vmid);
	for (int index = 0; index < HOSTPCI_MAX; index++) {
		const char *key = arena_printf(plan->arena, "hostpci%d", index);
		if (!vm_conf_get(&vm->conf.current, key) && !vm_conf_get(&vm->conf.pending, key) &&
				!(call && pve_param_get(&call->params, key)))
			return key;
	}
	return NULL;
}

/* A whole card is its slot: without a function PVE takes them all, as the guide does. Of a slot
 * that holds more than the card the functions are named. */
static const char *host_value(const struct report *report, struct arena *arena)
{
	struct list card = names_of_card(report, false, arena);
	struct strings names = {0};
	for (size_t i = 0; i < card.n; i++)
		strings_add(arena, &names, ((struct card_name *)card.item[i])->path);
	return strings_join(arena, &names, ";");
}

/* What the line names: a mapping of the goal, or the address. */
static const char *named(const struct report *report, size_t n, struct arena *arena)
{
	const struct mapping_edit *edit =
			n < report->mappings_wanted.n ? report->mappings_wanted.item[n] : NULL;
	return edit && report->decided[CHOOSE_BY_MAPPING]
			       ? arena_printf(arena, "mapping=%s", edit->name)
			       : host_value(report, arena);
}

/* The options that are chosen, behind what the line has. */
static void add_chosen(struct text *text, const struct report *report, const char *mdev,
		const char *romfile, bool x_vga)
{
	text_addf(text, "%s%s%s%s%s%s", mdev ? ",mdev=" : "", mdev ? mdev : "",
			romfile ? ",romfile=" : "", romfile ? romfile : "",
			report->decided[CHOOSE_PCIE] ? ",pcie=1" : "", x_vga ? ",x-vga=1" : "");
}

/* The line as it is, with the name of the device, pcie and x-vga as chosen and all else kept. */
static const char *with_options(
		const struct report *report, const struct vm_hostpci *entry, struct arena *arena)
{
	struct text text = {0};
	bool same = line_keeps_name(report, entry);
	if (!same)
		text_add(&text, named(report, 0, arena));
	for (size_t i = 0; i < entry->parsed.properties.properties.n; i++) {
		const struct property *property = entry->parsed.properties.properties.item[i];
		if (strcmp(property->key, "pcie") == 0 || strcmp(property->key, "x-vga") == 0 ||
				strcmp(property->key, "romfile") == 0 ||
				strcmp(property->key, "mdev") == 0)
			continue;
		if (!same && (strcmp(property->key, "host") == 0 ||
					     strcmp(property->key, "mapping") == 0))
			continue;
		text_addf(&text, "%s%s%s%s", text.n ? "," : "",
				strcmp(property->key, "host") == 0 ? "" : property->key,
				strcmp(property->key, "host") == 0 ? "" : "=", property->value);
	}
	add_chosen(&text, report, mdev_of_line(report, entry), rom_of_line(report, entry),
			report->decided[CHOOSE_X_VGA]);
	return text_take(&text, arena);
}

/* A line may give more than the GPU: it is not made one that gives less, nor in two ways. */
static int keep_whole(
		const struct planning *planning, const struct vm_hostpci *line, const char *value)
{
	const struct report *report = planning->report;
	const struct change *call =
			plan_find_call(&planning->plan->changes, STAGE_ATTACH, report->vm->vmid);
	const char *planned = call ? pve_param_get(&call->params, line->key) : NULL;
	bool less = !line_keeps_name(report, line);
	const struct pci_device *more = NULL;
	for (size_t i = 0; less && !more && i < line->devices.n; i++)
		if (!facts_in_list(&report->card, line->devices.item[i]))
			more = line->devices.item[i];
	if (!more && (!planned || strcmp(planned, value) == 0))
		return 0;
	return error_set(planning->err, ERROR_REFUSED,
			"%s of VM %u gives it more than %s%s%s: the line is not replaced by one for it alone; take it apart first",
			line->key, report->vm->vmid, report->gpu->name, more ? ", it gives " : "",
			more ? more->name : "");
}

int fix_attach_hostpci(const struct planning *planning, const struct finding *finding)
{
	const struct report *report = planning->report;
	struct plan *plan = planning->plan;
	struct error *err = planning->err;
	const struct vm *vm = report->vm;
	const struct vm_hostpci *entry = hostpci_with(report, vm, report->gpu);
	const struct vm_hostpci *pending = entry_with(report, &vm->pending, report->gpu);
	if (gpu_needs_stop(report))
		list_add(plan->arena, planning->given, report->vm);
	if (!entry && pending && !options_differ(report, pending))
		return 0; /* the stop and the start that are planned make it count */
	/* A line that waits is changed too: with two for one device the VM would not start. */
	const struct vm_hostpci *there = entry ? line_at_start(report, entry) : pending;
	if (there) {
		const char *value = with_options(report, there, plan->arena);
		int status = keep_whole(planning, there, value);
		if (status < 0)
			return status;
		plan_add_api(plan, STAGE_ATTACH, vm->vmid, vm_digest(vm, plan->arena), there->key,
				value, vm_get_next(vm, there->key), finding->check->id);
		return 0;
	}
	size_t lines = report->decided[CHOOSE_BY_MAPPING] && report->mappings_wanted.n
				       ? report->mappings_wanted.n
				       : 1;
	for (size_t i = 0; i < lines; i++) {
		const char *key = free_key(vm, plan);
		if (!key)
			return error_set(err, ERROR_REFUSED,
					"VM %u has no free hostpci slot: all 16 are taken",
					vm->vmid);
		/* Of several lines the first has the GPU itself. */
		struct text value = {0};
		text_add(&value, named(report, i, plan->arena));
		add_chosen(&value, report, report->mdev, i == 0 ? rom_of_line(report, NULL) : NULL,
				report->decided[CHOOSE_X_VGA] && i == 0);
		plan_add_api(plan, STAGE_ATTACH, vm->vmid, vm_digest(vm, plan->arena), key,
				text_take(&value, plan->arena), NULL, finding->check->id);
	}
	return 0;
}

int fix_romfile(const struct planning *planning, const struct finding *finding)
{
	const struct report *report = planning->report;
	struct arena *arena = planning->plan->arena;
	const char *name = rom_to_save(report);
	if (name)
		plan_add_rom(planning->plan, report->gpu->name, rom_is_in_table(report->gpu),
				arena_printf(arena, "/usr/share/kvm/%s", name), finding->check->id);
	return 0;
}

int fix_conflict(const struct planning *planning, const struct finding *finding)
{
	const struct report *report = planning->report;
	struct plan *plan = planning->plan;
	const struct vm *other = facts_vm(report->facts, finding->about.vmid);
	const char *why = NULL;
	struct list lines = other ? lines_to_move(report, other, &why) : (struct list){0};
	if (lines.n)
		planning_show_vm(planning, other);
	for (size_t i = 0; i < lines.n; i++) {
		const struct vm_hostpci *entry = lines.item[i];
		plan_add_api(plan, STAGE_SETTINGS, other->vmid, vm_digest(other, plan->arena),
				entry->key, NULL, entry->value, finding->check->id);
	}
	return 0;
}

/* Set a key of the goal's VM, whatever it holds now. */
static int set_key(const struct planning *planning, const struct finding *finding, const char *key,
		const char *value)
{
	const struct vm *vm = planning->report->vm;
	plan_add_api(planning->plan, STAGE_SETTINGS, vm->vmid, vm_digest(vm, planning->plan->arena),
			key, value, vm_get_next(vm, key), finding->check->id);
	return 0;
}

int fix_vm_machine(const struct planning *planning, const struct finding *finding)
{
	return set_key(planning, finding, "machine", "q35");
}

int fix_vm_cpu(const struct planning *planning, const struct finding *finding)
{
	struct arena *arena = planning->plan->arena;
	const char *value = vm_conf_get(&planning->report->vm->conf.current, "cpu");
	/* The type alone is replaced: flags and the like stay as they were. */
	const char *host = value ? property_string_with(arena, value, "cputype", "cputype", "host")
				 : NULL;
	return set_key(planning, finding, "cpu", host ? host : "host");
}

int fix_vm_tablet(const struct planning *planning, const struct finding *finding)
{
	return set_key(planning, finding, "tablet", "0");
}

/* The script before the VM names it. The file stays when it is now_named no more: taken away first,
 * a call that fails would leave a VM that does not start. */
int fix_give_back(const struct planning *planning, const struct finding *finding)
{
	const struct report *report = planning->report;
	struct plan *plan = planning->plan;
	bool wanted = report->goal->chosen[CHOOSE_GIVE_BACK] == CHOICE_YES;
	const char *path = arena_strdup(plan->arena, hook_path(report));
	const char *value = wanted ? hook_value(report) : NULL;
	const char *now_named = vm_get_next(report->vm, "hookscript");
	const char *now = NULL;
	int status = planning->root && wanted ? planning_draft(planning, path, &now) : 0;
	if (status < 0)
		return status;
	if (planning->root && wanted) {
		plan_set_draft(plan, path, hook_text(report), finding->check->id, NULL);
		plan_set_executable(plan, path);
	}
	if (value && now_named && strcmp(value, now_named) == 0)
		return 0;
	return set_key(planning, finding, "hookscript", arena_strdup(plan->arena, value));
}

int fix_vm_settings(const struct planning *planning, const struct finding *finding)
{
	const struct report *report = planning->report;
	int status = 0;
	for (const struct goal_choice *choice = goal_choices; status == 0 && choice->name; choice++)
		if (setting_differs(report, choice))
			status = set_key(planning, finding, choice->form->key,
					setting_of(report, choice->form->key));
	return status;
}
