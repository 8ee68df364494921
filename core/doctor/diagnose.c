/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include <strings.h>

#include "pvegpu/base/text.h"
#include "pvegpu/doctor/doctor.h"
#include "pvegpu/formats/kernel_cmdline.h"
#include "pvegpu/formats/modprobe_conf.h"
#include "pvegpu/formats/upid.h"

enum { EVIDENCE_MAX = 12, FIXES_MAX = 8 };

/* Walk the ids of a row: "a.b c.d". */
static const struct check *next_check(const char **cursor)
{
	const char *at = *cursor + strspn(*cursor, " ");
	size_t n = strcspn(at, " ");
	*cursor = at + n;
	for (const struct check *check = check_catalogue; n && check->id; check++)
		if (strlen(check->id) == n && memcmp(check->id, at, n) == 0)
			return check;
	return NULL;
}

static const struct pci_device *named_device(const struct facts *facts, const struct named *named)
{
	struct pci_address address;
	bool slot = false;
	return named->device[0] && pci_address_parse(named->device, &address, &slot)
			       ? facts_device(facts, &address)
			       : NULL;
}

/* Does a finding speak of what the line names? One that names nothing of that sort always does. */
static bool concerns(const struct facts *facts, const struct named *named, struct subject subject)
{
	struct pci_address wanted;
	bool slot = false;
	if (subject.kind == SUBJECT_VM)
		return !named->vmid || subject.vmid == named->vmid;
	if (subject.kind == SUBJECT_GROUP) {
		const struct pci_device *device = named_device(facts, named);
		int group = named->group >= 0 ? named->group : device ? device->group : -1;
		return group < 0 || subject.group == group;
	}
	if (subject.kind != SUBJECT_DEVICE || !named->device[0] ||
			!pci_address_parse(named->device, &wanted, &slot))
		return true;
	return pci_address_same_slot(&subject.device->address, &wanted);
}

static void add_evidence(
		struct arena *arena, struct list *list, const char *source, const char *text)
{
	if (list->n >= EVIDENCE_MAX)
		return;
	for (size_t i = 0; i < list->n; i++) {
		const struct evidence *known = list->item[i];
		if (strcmp(known->text, text) == 0)
			return;
	}
	struct evidence *evidence = arena_alloc(arena, sizeof *evidence);
	evidence->source = arena_strdup(arena, source);
	evidence->text = arena_strdup(arena, text);
	list_add(arena, list, evidence);
}

/* What the host shows of the device, the group and the VM that the line names. */
static void look_at_named(struct arena *arena, const struct facts *facts, struct doctor_case *found)
{
	const struct named *named = &found->named;
	const struct pci_device *device = named_device(facts, named);
	if (named->device[0] && !device)
		add_evidence(arena, &found->evidence, "/sys/bus/pci/devices",
				arena_printf(arena, "there is no %s now", named->device));
	if (device)
		add_evidence(arena, &found->evidence,
				arena_printf(arena, "/sys/bus/pci/devices/%s", device->name),
				arena_printf(arena, "%s; driver: %s; %s", device->label,
						device->driver ? device->driver : "none",
						device->group < 0
								? "no IOMMU group"
								: arena_printf(arena,
										  "IOMMU group %d",
										  device->group)));
	int group = named->group;
	struct list members = {0};
	if (group >= 0)
		members = facts_group(facts, group, arena);
	for (size_t i = 0; i < members.n && i < 6; i++) {
		const struct pci_device *member = members.item[i];
		if (member != device && !pci_is_bridge(member))
			add_evidence(arena, &found->evidence,
					arena_printf(arena, "IOMMU group %d", group),
					arena_printf(arena, "%s %s; driver: %s", member->name,
							member->label,
							member->driver ? member->driver : "none"));
	}
	const struct vm *vm = named->vmid ? facts_vm(facts, named->vmid) : NULL;
	for (size_t i = 0; vm && i < vm->hostpci.n && i < 4; i++) {
		const struct vm_hostpci *entry = vm->hostpci.item[i];
		add_evidence(arena, &found->evidence, vm->path,
				arena_printf(arena, "%s: %s", entry->key, entry->value));
	}
}

static void sort_finding(struct arena *arena, struct doctor_case *found, struct finding *finding)
{
	found->bad += finding->status == STATUS_FAIL || finding->status == STATUS_WARN;
	if (finding->status == STATUS_OK) {
		list_add(arena, &found->ruled_out, finding);
		return;
	}
	if (finding->status == STATUS_UNKNOWN) {
		list_add(arena, &found->unknown, finding);
		return;
	}
	if (finding->status == STATUS_INFO && !finding->evidence.n)
		return; /* it tells what pvegpu would do, not how it is here */
	add_evidence(arena, &found->evidence,
			arena_printf(arena, "%s, %s", finding->check->id, finding->subject),
			finding->detail);
	for (size_t i = 0; i < finding->evidence.n && i < 3; i++) {
		const struct evidence *evidence = finding->evidence.item[i];
		add_evidence(arena, &found->evidence, evidence->source, evidence->text);
	}
}

/* The finding that tells most of a check here: the worst one that speaks of what is named. */
static struct finding *worst_finding(
		const struct report *report, const struct named *named, const char *id)
{
	static const int weight[STATUS_COUNT] = {[STATUS_OK] = 1,
			[STATUS_UNKNOWN] = 2,
			[STATUS_INFO] = 3,
			[STATUS_WARN] = 4,
			[STATUS_FAIL] = 5};
	struct finding *worst = NULL;
	struct finding_query query = {.check = id};
	struct finding *finding;
	while (report && (finding = report_next(report, &query)))
		if (concerns(report->facts, named, finding->about) &&
				(!worst || weight[finding->status] > weight[worst->status]))
			worst = finding;
	return worst;
}

static void add_fix(struct arena *arena, struct list *fixes, const char *text, const char *check,
		bool automatic)
{
	if (fixes->n >= FIXES_MAX)
		return;
	struct doctor_fix *fix = arena_alloc(arena, sizeof *fix);
	*fix = (struct doctor_fix){
			.text = arena_strdup(arena, text), .check = check, .automatic = automatic};
	list_add(arena, fixes, fix);
}

static bool has_fix_of(const struct list *fixes, const char *check)
{
	for (size_t i = 0; i < fixes->n; i++) {
		const struct doctor_fix *fix = fixes->item[i];
		if (fix->check && strcmp(fix->check, check) == 0)
			return true;
	}
	return false;
}

/* The host has KEY=VALUE on its command line, or MODULE.KEY=VALUE there or in modprobe.d. */
static bool is_set(const struct facts *facts, struct arena *arena, const char *setting)
{
	const char *equals = strchr(setting, '=');
	const char *dot = memchr(setting, '.', (size_t)(equals - setting));
	char *name = arena_strndup(arena, setting, (size_t)(equals - setting));
	const char *value = cmdline_value(&facts->cmdline_words, name);
	if (!value && dot)
		value = modprobe_option(&facts->modprobe,
				arena_strndup(arena, setting, (size_t)(dot - setting)),
				name + (dot - setting) + 1, NULL);
	if (!value)
		return false;
	bool yes = strcasecmp(value, "y") == 0; /* the kernel's other way to write 1 */
	return strcmp(yes ? "1" : value, equals + 1) == 0;
}

/* The row's fixes, but for those that are done here already: their check is fine, or they are set;
 * then what else the findings advise. */
static void collect_fixes(
		struct arena *arena, const struct report *report, struct doctor_case *found)
{
	const struct symptom *symptom = found->match->symptom;
	for (size_t i = 0; i < SYMPTOM_FIXES && symptom->fix[i].text; i++) {
		const struct symptom_fix *fix = &symptom->fix[i];
		bool setting = fix->by && strchr(fix->by, '=');
		const char *check = setting ? NULL : fix->by;
		const struct finding *finding =
				check ? worst_finding(report, &found->named, check) : NULL;
		if ((finding && finding->status == STATUS_OK) ||
				(setting && report && is_set(report->facts, arena, fix->by)))
			continue;
		add_fix(arena, &found->fixes, fix->text, check,
				finding && finding_is_planned(finding));
	}
	const char *cursor = symptom->checks;
	while (report && *cursor) {
		const struct check *check = next_check(&cursor);
		const struct finding *finding =
				check ? worst_finding(report, &found->named, check->id) : NULL;
		bool bad = finding &&
			   (finding->status == STATUS_FAIL || finding->status == STATUS_WARN);
		if (bad && finding->fix.text && !has_fix_of(&found->fixes, check->id))
			add_fix(arena, &found->fixes, finding->fix.text, check->id,
					finding_is_planned(finding));
	}
}

static bool ended_well(const struct task *task)
{
	return strcmp(task->status, "OK") == 0 || text_starts(task->status, "WARNINGS");
}

/* Seen only before the last boot, and nothing that tells of it is found wrong now: a fix that
 * needed the boot has worked. */
static char *is_before_boot(
		struct arena *arena, const struct facts *facts, const struct doctor_case *found)
{
	const struct match *match = found->match;
	uint64_t tasks = match->task_time < facts->booted_at ? match->in_tasks : 0;
	if (!found->ruled_out.n || found->unknown.n || found->bad ||
			match->earlier + tasks < match->count)
		return NULL;
	return arena_strdup(arena, "it was so in a boot before this one; its checks are fine now");
}

/* A failed start is history when the VM was started well after it. */
static char *is_over(struct arena *arena, const struct facts *facts, const struct match *match)
{
	const struct log_source *source = match->source;
	if (!source->vmid || !match->last_source->upid || match->last_source->vmid != source->vmid)
		return NULL;
	for (size_t i = 0; i < facts->tasks.n; i++) {
		const struct task *task = facts->tasks.item[i];
		struct upid upid;
		if (task->vmid == source->vmid && ended_well(task) &&
				upid_parse(arena, task->upid, &upid) &&
				upid.start_time > source->time)
			return arena_printf(arena, "VM %u was started since, and it went well",
					task->vmid);
	}
	return NULL;
}

static struct named name_all(const struct report *report, const struct match *match)
{
	struct named named = named_in(match->text);
	if (match->symptom->where >= WHERE_GUEST) { /* the same card has another address there */
		named.device[0] = '\0';
		named.group = -1;
	}
	if (!named.vmid)
		named.vmid = match->source->vmid;
	/* Of a device that another VM has, the VM that could not start is the one meant too. */
	if (!named.vmid && report && report->vm)
		named.vmid = report->vm->vmid;
	return named;
}

static struct doctor_case *make_case(
		struct arena *arena, const struct report *report, const struct match *match)
{
	struct doctor_case *found = arena_alloc(arena, sizeof *found);
	found->match = match;
	found->named = name_all(report, match);
	if (match->symptom->severity == SEVERITY_NORMAL)
		return found;
	const char *cursor = match->symptom->checks;
	if (report)
		look_at_named(arena, report->facts, found);
	while (report && *cursor) {
		const struct check *check = next_check(&cursor);
		struct finding_query query = {.check = check ? check->id : NULL};
		struct finding *finding;
		while (check && (finding = report_next(report, &query)))
			if (concerns(report->facts, &found->named, finding->about))
				sort_finding(arena, found, finding);
	}
	collect_fixes(arena, report, found);
	if (report)
		found->over = is_over(arena, report->facts, match);
	if (report && !found->over)
		found->over = is_before_boot(arena, report->facts, found);
	return found;
}

static void add_kind(struct diagnosis *diagnosis, const struct symptom_kind *kind, bool chosen)
{
	struct arena *arena = diagnosis->arena;
	struct doctor_kind *entry = arena_alloc(arena, sizeof *entry);
	*entry = (struct doctor_kind){.kind = kind, .chosen = chosen};
	for (size_t i = 0; i < diagnosis->cases.n; i++) {
		struct doctor_case *found = diagnosis->cases.item[i];
		if ((found->match->symptom->kinds & kind->bit) && !found->over &&
				(chosen || found->match->symptom->severity <= SEVERITY_WARNING))
			list_add(arena, &entry->cases, found);
	}
	const char *cursor = kind->checks;
	const struct named any = {.group = -1};
	while (chosen && diagnosis->report && *cursor) {
		const struct check *check = next_check(&cursor);
		struct finding_query query = {.check = check ? check->id : NULL};
		struct finding *finding;
		while (check && (finding = report_next(diagnosis->report, &query)))
			if (concerns(diagnosis->report->facts, &any, finding->about))
				list_add(arena, &entry->findings, finding);
	}
	if (chosen || entry->cases.n)
		list_add(arena, &diagnosis->kinds, entry);
}

/* It can be started at all. */
static bool is_template(const struct vm *vm)
{
	const char *value = vm_conf_get(&vm->conf.current, "template");
	return value && strcmp(value, "0") != 0;
}

static bool has_device(const struct vm *vm)
{
	return vm->hostpci.n || vm->pending.n;
}

/* The only VM that has a PCI device, or is to have one; 0 when there is none, or several. */
static unsigned only_vm(const struct facts *facts)
{
	unsigned only = 0;
	for (size_t i = 0; i < facts->vms.n; i++) {
		const struct vm *vm = facts->vms.item[i];
		if (has_device(vm) && only)
			return 0;
		if (has_device(vm))
			only = vm->vmid;
	}
	return only;
}

/* The VM of the newest failed task, or that of the first match that names one. `with_device`: only
 * one that has a PCI device, as that is what we are asked about. */
static unsigned spoken_of_vm(const struct scan *scan, const struct facts *facts, bool with_device)
{
	for (size_t i = 0; i < scan->matches.n; i++) {
		const struct match *match = scan->matches.item[i];
		if (match->symptom->severity > SEVERITY_WARNING)
			continue;
		unsigned vmid = match->source->vmid ? match->source->vmid
						    : named_in(match->text).vmid;
		const struct vm *vm = vmid ? facts_vm(facts, vmid) : NULL;
		if (vm && !is_template(vm) && (!with_device || has_device(vm)))
			return vmid;
	}
	return 0;
}

static const struct pci_device *display_in(const struct list *devices)
{
	for (size_t i = 0; i < devices->n; i++) {
		const struct pci_device *device = devices->item[i];
		if (pci_is_gpu(device))
			return device;
	}
	return NULL;
}

static const struct pci_device *spoken_of_gpu(const struct scan *scan, const struct facts *facts,
		unsigned vmid, struct arena *arena)
{
	for (size_t i = 0; i < scan->matches.n; i++) {
		const struct match *match = scan->matches.item[i];
		struct named named = named_in(match->text);
		const struct pci_device *device = named_device(facts, &named);
		/* In the guest the same card has another address. */
		if (!device || match->symptom->where >= WHERE_GUEST ||
				match->symptom->severity > SEVERITY_WARNING)
			continue;
		struct list slot = facts_slot(facts, device, arena);
		if (display_in(&slot))
			return display_in(&slot);
	}
	const struct vm *vm = vmid ? facts_vm(facts, vmid) : NULL;
	const struct list *const lists[] = {vm ? &vm->hostpci : NULL, vm ? &vm->pending : NULL};
	for (size_t l = 0; vm && l < 2; l++)
		for (size_t i = 0; i < lists[l]->n; i++) {
			const struct vm_hostpci *entry = lists[l]->item[i];
			if (display_in(&entry->devices))
				return display_in(&entry->devices);
		}
	return NULL;
}

void doctor_fill_goal(struct scan *scan, const struct facts *facts, struct goal *goal)
{
	scan_sort(scan);
	if (goal->assignments.n) /* it says which VM is meant */
		return;
	if (!goal->vmid)
		goal->vmid = spoken_of_vm(scan, facts, true);
	if (!goal->vmid)
		goal->vmid = only_vm(facts);
	if (!goal->vmid)
		goal->vmid = spoken_of_vm(scan, facts, false);
	const struct pci_device *gpu =
			goal->gpus.n ? NULL : spoken_of_gpu(scan, facts, goal->vmid, goal->arena);
	if (gpu)
		strings_add(goal->arena, &goal->gpus, gpu->name);
}

struct diagnosis *doctor_diagnose(struct scan *scan, const struct report *report,
		const struct root *root, const struct symptom_kind *kind)
{
	struct arena *arena = arena_new();
	struct diagnosis *diagnosis = arena_alloc(arena, sizeof *diagnosis);
	*diagnosis = (struct diagnosis){.arena = arena, .scan = scan, .report = report};
	scan_sort(scan);
	struct list later = {0};
	for (size_t i = 0; i < scan->matches.n; i++) {
		struct doctor_case *found = make_case(arena, report, scan->matches.item[i]);
		list_add(arena, found->over ? &later : &diagnosis->cases, found);
	}
	for (size_t i = 0; i < later.n; i++)
		list_add(arena, &diagnosis->cases, later.item[i]);
	if (kind)
		add_kind(diagnosis, kind, true);
	for (const struct symptom_kind *row = symptom_kinds; row->id; row++)
		if (row != kind)
			add_kind(diagnosis, row, false);
	if (report && root)
		diagnosis->holders = doctor_holders(root, report->facts, report->gpu, arena,
				&diagnosis->holders_unknown);
	return diagnosis;
}

void diagnosis_free(struct diagnosis *diagnosis)
{
	if (diagnosis)
		arena_free(diagnosis->arena);
}

bool doctor_needs_attention(const struct diagnosis *diagnosis)
{
	for (size_t i = 0; i < diagnosis->cases.n; i++) {
		const struct doctor_case *found = diagnosis->cases.item[i];
		if (found->match->symptom->severity == SEVERITY_ERROR && !found->over)
			return true;
	}
	for (size_t k = 0; k < diagnosis->kinds.n; k++) {
		const struct doctor_kind *kind = diagnosis->kinds.item[k];
		for (size_t i = 0; i < kind->findings.n; i++) {
			const struct finding *finding = kind->findings.item[i];
			if (finding->status == STATUS_FAIL)
				return true;
		}
	}
	return false;
}
