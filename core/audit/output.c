/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "core/audit/internal.h"
#include "core/checks/questions.h"
#include "pvegpu/audit/audit.h"
#include "pvegpu/base/json.h"
#include "pvegpu/base/text.h"

enum { WIDTH = 79 };

static json_t *known_json(enum known known)
{
	return known == KNOWN_UNKNOWN ? json_null() : json_boolean(known == KNOWN_YES);
}

json_t *group_to_json(int group)
{
	return group < 0 ? json_null() : json_integer(group);
}

static void put_ids(struct json_out *out, const char *key, unsigned vendor, unsigned device)
{
	char ids[] = "10de:2206";
	text_put_hex(ids, vendor, 4);
	text_put_hex(ids + 5, device, 4);
	json_put_text(out, key, ids);
}

static void put_device(struct json_out *out, const struct pci_device *device)
{
	char class_word[] = "0300";
	text_put_hex(class_word, device->class_code >> 8, 4);
	json_put_text(out, "address", device->name);
	json_put_text(out, "class", class_word);
	put_ids(out, "id", device->vendor, device->device);
	if (device->subsystem_known && (device->subsystem_vendor || device->subsystem_device))
		put_ids(out, "subsystem_id", device->subsystem_vendor, device->subsystem_device);
	else
		json_put_text(out, "subsystem_id", NULL);
	json_put_text(out, "name", device->label);
	json_put_text(out, "driver", device->driver);
	json_put(out, "iommu_group", group_to_json(device->group));
}

static void put_types(struct json_out *out, const struct pci_device *gpu)
{
	json_open(out, "vgpu_types", '[');
	for (size_t i = 0; i < gpu->vgpu_types.n; i++) {
		const struct vgpu_type *type = gpu->vgpu_types.item[i];
		json_open(out, NULL, '{');
		json_put_text(out, "type", type->type);
		json_put_text(out, "name", type->name);
		json_put(out, "available",
				type->available >= 0 ? json_integer(type->available) : json_null());
		json_close(out, '}');
	}
	json_close(out, ']');
}

static void put_gpu(struct json_out *out, const struct report *report, const struct pci_device *gpu)
{
	struct list card = facts_card(report->facts, gpu, report->arena);
	struct list group = facts_group(report->facts, gpu->group, report->arena);
	json_open(out, NULL, '{');
	put_device(out, gpu);
	json_put(out, "boot_vga", known_json(gpu->boot_vga));
	if (gpu->physfn_name)
		json_put_text(out, "physical_function", gpu->physfn_name);
	if (pci_is_bmc(gpu))
		json_put(out, "bmc", json_true());
	json_open(out, "functions", '[');
	for (size_t i = 0; i < card.n; i++) {
		json_open(out, NULL, '{');
		put_device(out, card.item[i]);
		json_close(out, '}');
	}
	json_close(out, ']');
	json_open(out, "group_members", '[');
	for (size_t i = 0; i < group.n; i++)
		json_put_text(out, NULL, ((struct pci_device *)group.item[i])->name);
	json_close(out, ']');
	if (gpu->vgpu_types.n)
		put_types(out, gpu);
	json_put_text(out, "verdict", report_verdict(report, gpu));
	json_close(out, '}');
}

static void put_section(
		struct json_out *out, const char *key, const struct vm_conf_section *section)
{
	json_open(out, key, '{');
	for (size_t i = 0; i < section->entries.n; i++) {
		const struct vm_conf_entry *entry = section->entries.item[i];
		json_put_text(out, entry->key, entry->shown);
	}
	json_close(out, '}');
}

/* Lines of the file that PVE does not use as they stand. */
static void put_problems(struct json_out *out, const struct vm_conf *conf)
{
	json_open(out, "problems", '[');
	for (size_t i = 0; i < conf->problems.n; i++) {
		const struct vm_conf_problem *problem = conf->problems.item[i];
		json_open(out, NULL, '{');
		json_put(out, "line", json_integer((json_int_t)problem->line));
		json_put_text(out, "text", problem->what);
		json_close(out, '}');
	}
	json_close(out, ']');
}

static void put_snapshots(struct json_out *out, const struct vm_conf *conf)
{
	json_open(out, "snapshots", '[');
	for (size_t i = 0; i < conf->snapshots.n; i++) {
		const struct vm_conf_section *snapshot = conf->snapshots.item[i];
		json_put_text(out, NULL, snapshot->name);
	}
	json_close(out, ']');
}

static void put_hostpci(struct json_out *out, const struct vm_hostpci *entry)
{
	json_open(out, NULL, '{');
	json_put(out, "index", json_integer(entry->index));
	json_put_text(out, "value", entry->value);
	json_put(out, "valid", json_boolean(entry->valid));
	json_put_text(out, "error", entry->error);
	json_put_text(out, "mapping", entry->parsed.mapping);
	json_open(out, "devices", '[');
	for (size_t d = 0; d < entry->devices.n; d++)
		json_put_text(out, NULL, ((struct pci_device *)entry->devices.item[d])->name);
	json_close(out, ']');
	json_close(out, '}');
}

static void put_vm(struct json_out *out, const struct vm *vm)
{
	json_open(out, NULL, '{');
	json_put(out, "vmid", json_integer((json_int_t)vm->vmid));
	json_put_text(out, "name", vm->name);
	put_section(out, "config", &vm->conf.current);
	put_section(out, "pending", &vm->conf.pending);
	put_problems(out, &vm->conf);
	put_snapshots(out, &vm->conf);
	json_open(out, "hostpci", '[');
	for (size_t i = 0; i < vm->hostpci.n; i++)
		put_hostpci(out, vm->hostpci.item[i]);
	json_close(out, ']');
	json_close(out, '}');
}

static void put_evidence(struct json_out *out, const struct finding *finding)
{
	json_open(out, "evidence", '[');
	for (size_t i = 0; i < finding->evidence.n; i++) {
		const struct evidence *item = finding->evidence.item[i];
		json_open(out, NULL, '{');
		json_put_text(out, "source", item->source);
		json_put_text(out, "text", item->text);
		json_close(out, '}');
	}
	json_close(out, ']');
}

static void put_fix(struct json_out *out, const struct finding *finding)
{
	if (!finding->fix.text) {
		json_put_text(out, "fix", NULL);
		return;
	}
	json_open(out, "fix", '{');
	json_put_text(out, "summary", finding->fix.text);
	json_put(out, "automatic", json_boolean(finding_is_planned(finding)));
	json_close(out, '}');
}

static void put_finding(struct json_out *out, const struct finding *finding)
{
	json_open(out, NULL, '{');
	json_put_text(out, "id", finding->check->id);
	json_put_text(out, "step", step_names[finding->check->step]);
	json_put_text(out, "status", status_names[finding->status]);
	json_put_text(out, "subject", finding->subject);
	json_put_text(out, "title", finding->check->title);
	json_put_text(out, "detail", finding->detail);
	put_evidence(out, finding);
	put_fix(out, finding);
	json_close(out, '}');
}

json_t *report_host_to_json(const struct facts *facts)
{
	static const char *const vendors[] = {"unknown", "intel", "amd"};
	static const char *const loaders[] = {"unknown", "grub", "systemd-boot"};
	json_t *iommu = json_pack("{s:o, s:I}", "active", known_json(facts->iommu_active), "groups",
			(json_int_t)facts->iommu_groups);
	bool tool = facts->proxmox_boot_tool == KNOWN_YES;
	return json_pack("{s:o, s:o, s:o, s:s, s:s, s:o, s:o, s:o, s:o}", "node",
			json_text(facts->node), "pve_version", json_text(facts->pve_version),
			"kernel", json_text(facts->kernel), "cpu_vendor",
			vendors[facts->cpu_vendor], "boot_loader", loaders[facts->boot_loader],
			"boot_managed_by", tool ? json_string("proxmox-boot-tool") : json_null(),
			"cmdline_file", json_text(facts->cmdline_file), "cmdline_running",
			json_text(facts->cmdline_running), "iommu", iommu);
}

static void put_mapped(struct json_out *out, const struct pci_mapping_entry *entry)
{
	json_open(out, NULL, '{');
	json_put_text(out, "node", entry->node);
	json_put_text(out, "path", entry->path);
	json_put_text(out, "id", entry->id);
	json_put_text(out, "subsystem_id", entry->subsystem_id);
	json_put(out, "iommugroup", group_to_json(entry->group));
	json_close(out, '}');
}

static void put_mapping(struct json_out *out, const struct pci_mapping *mapping)
{
	json_open(out, NULL, '{');
	json_put_text(out, "id", mapping->name);
	json_put_text(out, "description", mapping->description);
	json_put(out, "mdev", json_boolean(mapping->mdev));
	json_open(out, "map", '[');
	for (size_t i = 0; i < mapping->entries.n; i++)
		put_mapped(out, mapping->entries.item[i]);
	json_close(out, ']');
	json_put_text(out, "error", mapping->error);
	json_close(out, '}');
}

static void put_summary(struct json_out *out, const struct report *report)
{
	struct report_counts counts = report_counts(report);
	json_open(out, "summary", '{');
	for (int i = 0; i < STATUS_COUNT; i++)
		json_put(out, status_names[i], json_integer((json_int_t)counts.by_status[i]));
	json_close(out, '}');
}

void report_put_json(struct json_out *out, const struct report *report, const struct list *changes)
{
	const struct facts *facts = report->facts;
	json_open(out, NULL, '{');
	json_put_text(out, "schema", "pvegpu.audit/1");
	json_put(out, "tool", json_pack("{s:s, s:s}", "name", "pvegpu", "version", PVEGPU_VERSION));
	json_put(out, "host", report_host_to_json(facts));
	json_open(out, "gpus", '[');
	for (size_t i = 0; i < facts->devices.n; i++)
		if (pci_is_gpu(facts->devices.item[i]))
			put_gpu(out, report, facts->devices.item[i]);
	json_close(out, ']');
	json_open(out, "vms", '[');
	for (size_t i = 0; i < facts->vms.n; i++)
		put_vm(out, facts->vms.item[i]);
	json_close(out, ']');
	json_open(out, "mappings", '[');
	for (size_t i = 0; i < facts->mappings.mappings.n; i++)
		put_mapping(out, facts->mappings.mappings.item[i]);
	json_close(out, ']');
	json_open(out, "findings", '[');
	for (size_t i = 0; i < report->findings.n; i++)
		put_finding(out, report->findings.item[i]);
	json_close(out, ']');
	put_summary(out, report);
	if (changes)
		json_put(out, "changes", report_changes_to_json(changes));
	json_close(out, '}');
}

static void add_gpu(const struct report *report, struct text *text, const struct pci_device *gpu)
{
	struct list slot = facts_card(report->facts, gpu, report->arena);
	text_addf(text, "  %s  ", gpu->name);
	text_add_wrapped(text, text_printable(report->arena, gpu->label), 16, 16, WIDTH);
	text_addf(text, "%16s%04x:%04x, driver %s, ", "", gpu->vendor, gpu->device,
			facts_driver(report->facts, gpu));
	if (gpu->group < 0)
		text_add(text, "no IOMMU group");
	else
		text_addf(text, "IOMMU group %d", gpu->group);
	text_addf(text, ": %s\n", report_verdict(report, gpu));
	for (size_t i = 0; i < slot.n; i++) {
		const struct pci_device *function = slot.item[i];
		if (function != gpu)
			text_addf(text, "%16s+ %s %04x:%04x %s\n", "", function->name,
					function->vendor, function->device,
					pci_class_text(function->class_code));
	}
}

/* One says of another subject just what the other says of its own. */
static bool are_alike(const struct finding *a, const struct finding *b)
{
	bool fix = a->fix.text && b->fix.text ? strcmp(a->fix.text, b->fix.text) == 0
					      : !a->fix.text && !b->fix.text;
	return a->check == b->check && a->status == b->status && a->risk == b->risk && fix &&
	       strcmp(a->detail, b->detail) == 0;
}

/* Those of its check that say the same, itself among them. */
static struct list list_alike(const struct report *report, const struct finding *finding)
{
	struct list alike = {0};
	struct finding_query query = {.check = finding->check->id};
	struct finding *other;
	while ((other = report_next(report, &query)))
		if (are_alike(finding, other))
			list_add(report->arena, &alike, other);
	return alike;
}

/* " (0000:01:00.0, 0000:02:00.0)", "" of the host. */
static const char *subjects_text(struct arena *arena, const struct list *alike)
{
	struct strings subjects = {0};
	for (size_t i = 0; i < alike->n; i++) {
		const struct finding *finding = alike->item[i];
		if (!subject_is_host(finding->about) && !strings_has(&subjects, finding->subject))
			strings_add(arena, &subjects, finding->subject);
	}
	return subjects.n ? arena_printf(arena, " (%s)", strings_join(arena, &subjects, ", ")) : "";
}

static void add_evidence(
		const struct report *report, struct text *text, const struct finding *finding)
{
	for (size_t i = 0; i < finding->evidence.n; i++) {
		const struct evidence *item = finding->evidence.item[i];
		const char *line = arena_printf(report->arena, "%s: %s", item->source, item->text);
		text_addf(text, "%11s", "");
		text_add_wrapped(text, text_printable(report->arena, line), 11, 13, WIDTH);
	}
}

/* What is said alike of several subjects, once. */
static void add_findings(const struct report *report, struct text *text, const struct list *alike)
{
	static const char *const marks[] = {"[ OK ]", "[INFO]", "[WARN]", "[FAIL]", "[ ?? ]"};
	struct arena *arena = report->arena;
	const struct finding *finding = alike->item[0];
	const char *line = arena_printf(arena, "%s%s: %s", finding->check->title,
			subjects_text(arena, alike), finding->detail);
	text_addf(text, "  %s ", marks[finding->status]);
	text_add_wrapped(text, text_printable(arena, line), 9, 9, WIDTH);
	if (finding->status == STATUS_OK)
		return;
	for (size_t i = 0; i < alike->n; i++)
		add_evidence(report, text, alike->item[i]);
	if (finding->fix.text) {
		text_addf(text, "%9s-> ", "");
		text_add_wrapped(text, text_printable(arena, finding->fix.text), 12, 12, WIDTH);
	}
}

/* The findings of a step, those that say the same as one line, counted by what is shown. */
static void add_step(const struct report *report, struct text *text, enum step step,
		struct report_counts *counts)
{
	bool first = true;
	size_t unseen = 0;
	struct finding_query query = {.steps = 1U << step};
	const struct finding *finding;
	while ((finding = report_next(report, &query))) {
		if (first)
			text_addf(text, "\n%s\n", step_names[step]);
		first = false;
		struct list alike = list_alike(report, finding);
		bool leads = alike.n && alike.item[0] == finding;
		if (leads)
			counts->by_status[finding->status]++;
		if (finding_is_unseen(report, finding))
			unseen++;
		else if (leads)
			add_findings(report, text, &alike);
	}
	if (unseen)
		text_addf(text, "  [ ?? ] %zu %s the files of %s: pvegpu audit there, as root.\n",
				unseen, text_plural(unseen, "check needs", "checks need"),
				report->facts->node);
}

char *report_text(struct arena *arena, const struct report *report)
{
	const struct facts *facts = report->facts;
	struct text text = {0};
	text_addf(&text, "pvegpu %s audit of %s: Proxmox VE %s, kernel %s\n", PVEGPU_VERSION,
			facts->node ? text_printable(arena, facts->node) : "an unnamed host",
			facts->pve_version ? text_printable(arena, facts->pve_version)
					   : "not found",
			facts->kernel ? text_printable(arena, facts->kernel) : "unknown");
	text_add(&text, "\nGPUs\n");
	for (size_t i = 0; i < facts->devices.n; i++)
		if (pci_is_gpu(facts->devices.item[i]))
			add_gpu(report, &text, facts->devices.item[i]);
	struct report_counts counts = {0};
	for (int step = 0; step < STEP_COUNT; step++)
		add_step(report, &text, (enum step)step, &counts);
	text_addf(&text, "\n%zu fail, %zu warn, %zu info, %zu unknown, %zu ok\n",
			counts.by_status[STATUS_FAIL], counts.by_status[STATUS_WARN],
			counts.by_status[STATUS_INFO], counts.by_status[STATUS_UNKNOWN],
			counts.by_status[STATUS_OK]);
	return text_take(&text, arena);
}
