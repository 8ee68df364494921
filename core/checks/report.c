/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/checks/questions.h"
#include "pvegpu/base/text.h"
#include "pvegpu/facts/cmdline.h"

struct finding *report_add(struct report *report, const struct check *check, enum status status,
		struct subject about, const char *format, ...)
{
	struct finding *finding = arena_alloc(report->arena, sizeof *finding);
	va_list args;
	va_start(args, format);
	*finding = (struct finding){
			.check = check,
			.status = status,
			.about = about,
			.subject = subject_text(report->arena, about),
			.detail = arena_vprintf(report->arena, format, args),
	};
	va_end(args);
	list_add(report->arena, &report->findings, finding);
	return finding;
}

void finding_evidence(struct report *report, struct finding *finding, const char *source,
		const char *format, ...)
{
	struct evidence *evidence = arena_alloc(report->arena, sizeof *evidence);
	va_list args;
	va_start(args, format);
	evidence->source = arena_strdup(report->arena, source);
	evidence->text = arena_vprintf(report->arena, format, args);
	va_end(args);
	list_add(report->arena, &finding->evidence, evidence);
}

void finding_fix(struct report *report, struct finding *finding, enum fix_way way,
		const char *format, ...)
{
	va_list args;
	va_start(args, format);
	finding->fix = (struct fix){way, arena_vprintf(report->arena, format, args)};
	va_end(args);
}

const char *device_text(struct arena *arena, const struct pci_device *device)
{
	return arena_printf(arena, "%s %s, %s", device->name, pci_class_text(device->class_code),
			device->label);
}

/* What is not found may only be hidden: the privilege that shows it. */
static void hint_gap(const struct facts *facts, struct arena *arena, bool vm, struct error *err)
{
	if (!facts->remote || facts->identity_root)
		return;
	struct text text = {0};
	for (size_t i = 0; i < facts->gaps.n; i++) {
		const struct gap *gap = facts->gaps.item[i];
		if (gap->grant)
			text_addf(&text, "%s%s could not be read: %s", text.n ? "\n" : "",
					gap->what, gap->grant);
	}
	if (text.n) {
		error_hint(err, "%s", text_take(&text, arena));
		return;
	}
	if (vm && !facts->vms.n) { /* Proxmox VE leaves out what may not be seen */
		error_hint(err, "VMs show only with VM.Audit: %s",
				facts_grant_one(facts, arena, "/vms", "VM.Audit"));
	}
}

static void hint_other_node(const struct facts *facts, unsigned vmid, struct error *err)
{
	for (size_t i = 0; i < facts->other_vms.n; i++) {
		const struct cluster_vm *vm = facts->other_vms.item[i];
		if (vm->vmid == vmid)
			error_hint(err, "VM %u %s is on node %s: --node %s, or migrate it here",
					vmid, vm->name, vm->node, vm->node);
	}
}

/* A GPU that is not there, though a VM's line names it. */
static void hint_gone_gpu(
		const struct facts *facts, const char *text, struct arena *arena, struct error *err)
{
	struct pci_address wanted;
	bool whole = false;
	if (!pci_address_parse(text, &wanted, &whole) || facts_device(facts, &wanted))
		return;
	for (size_t i = 0; i < facts->vms.n; i++) {
		const struct vm *vm = facts->vms.item[i];
		for (size_t e = 0; e < vm->hostpci.n; e++) {
			const struct vm_hostpci *entry = vm->hostpci.item[e];
			struct pci_address address;
			bool slot = false;
			for (size_t h = 0; entry->valid && h < entry->parsed.hosts.n; h++)
				if (pci_address_parse(
						    entry->parsed.hosts.item[h], &address, &slot) &&
						pci_address_same_slot(&address, &wanted))
					error_hint(err, "%s of VM %u %s names it, and nothing is there now: pvegpu audit --only attach.device-missing",
							entry->key, vm->vmid,
							text_printable(arena, vm->name));
		}
	}
}

/* What only the host's files tell is not guessed from its API: what to run there is said. */
static void add_unseen(struct report *report, const struct check *check)
{
	const struct goal_choice *choice = goal_choice_for(check->id);
	struct finding *finding = report_add(report, check, STATUS_UNKNOWN, subject_host(),
			"Only the files of %s tell that, and the API does not show them.",
			report->facts->node);
	/* What is asked for is not passed over. */
	if (choice && choice->scope != SCOPE_HOST &&
			report->goal->chosen[choice->id] != CHOICE_ADVISED)
		finding->risk = RISK_NEVER;
	bool does = check->plans;
	finding_fix(report, finding, FIX_BY_HAND, "on %s, as root: pvegpu %s%s%s",
			report->facts->node, does ? "plan" : "audit", report->gpu ? " --gpu " : "",
			report->gpu ? report->gpu->name : "");
}

static int find_gpu(struct report *part, struct error *err)
{
	const struct facts *facts = part->facts;
	const char *name = part->goal->gpus.n ? part->goal->gpus.item[0] : NULL;
	int status = name ? facts_find_gpu(facts, name, &part->gpu, err) : 0;
	if (status == 0 && name)
		part->card = facts_card(facts, part->gpu, part->arena);
	if (status == 0)
		return 0;
	hint_gone_gpu(facts, name, part->arena, err);
	int hidden = tell_hidden(facts, arena_printf(part->arena, "a GPU at '%s'", name), 0, err);
	return hidden < 0 ? hidden : status;
}

static const struct container *find_container(const struct facts *facts, unsigned ctid)
{
	for (size_t i = 0; i < facts->containers.n; i++) {
		const struct container *container = facts->containers.item[i];
		if (container->ctid == ctid)
			return container;
	}
	return NULL;
}

static int find_vm(struct report *part, struct error *err)
{
	const struct facts *facts = part->facts;
	struct arena *arena = part->arena;
	unsigned vmid = part->goal->vmid;
	part->vm = vmid ? facts_vm(facts, vmid) : NULL;
	if (!vmid || part->vm)
		return 0;
	struct strings names = {0};
	for (size_t i = 0; i < facts->vms.n && i < 8; i++) {
		const struct vm *vm = facts->vms.item[i];
		strings_add(arena, &names, arena_printf(arena, "%u", vm->vmid));
	}
	const struct container *container = find_container(facts, vmid);
	if (container) {
		(void)error_set(err, ERROR_USAGE, "%s is a container, not a VM",
				container_text(arena, container));
		error_hint(err, "a container shares a GPU that the host keeps (dev0: /dev/dri/renderD128); a GPU that is given to a VM is gone for it");
		return ERROR_USAGE;
	}
	int status = error_set(err, ERROR_USAGE, "there is no VM %u on this node", vmid);
	error_hint(err, "VMs on this node: %s%s",
			names.n ? strings_join(arena, &names, ", ") : "none",
			facts->vms.n > 8 ? " ..." : "");
	hint_other_node(facts, vmid, err);
	int hidden = tell_hidden(facts, arena_printf(arena, "a VM %u", vmid), vmid, err);
	return hidden < 0 ? hidden : status;
}

bool parts_share(const struct report *part, const struct report *other)
{
	const char *type = part->goal->values[CHOOSE_MDEV];
	const char *of_other = other->goal->values[CHOOSE_MDEV];
	bool same = part->gpu == other->gpu || (part->pool && part->pool == other->pool);
	return same && part->goal->vmid != other->goal->vmid && type && of_other &&
	       strcmp(type, "none") != 0 && strcmp(of_other, "none") != 0;
}

/* One device goes to one guest. */
static int refuse_twice(const struct report *part, struct error *err)
{
	const struct list *parts = &part->whole->parts;
	for (size_t i = 0; part->gpu && i < parts->n && parts->item[i] != part; i++) {
		const struct report *other = parts->item[i];
		if (facts_in_list(&other->card, part->gpu) && !parts_share(part, other))
			return error_set(err, ERROR_USAGE, "%s is assigned twice%s%s",
					part->gpu->name,
					part->pool || other->pool ? ": once by a pool, "
					: other->gpu == part->gpu ? ""
								  : ": it is of ",
					part->pool                ? part->pool->name
					: other->pool             ? other->pool->name
					: other->gpu == part->gpu ? ""
								  : other->gpu->name);
	}
	return 0;
}

static int find_named(struct report *part, struct error *err)
{
	int status = find_pool(part, err);
	if (status == 0)
		status = find_gpu(part, err);
	if (status == 0)
		status = find_vm(part, err);
	if (status < 0)
		hint_gap(part->facts, part->arena, part->goal->vmid && part->gpu, err);
	return status < 0 ? status : refuse_twice(part, err);
}

struct choice_view report_view(const struct report *report)
{
	return (struct choice_view){
			report->facts, report->goal, report->gpu, report->vm, report->line};
}

void choose_all(struct report *report)
{
	const struct choice_view view = report_view(report);
	for (const struct goal_choice *choice = goal_choices; choice->name; choice++) {
		report->decided[choice->id] = choice_is_taken(choice, &view);
		report->done[choice->id] = choice->is_done && choice->is_done(&view);
	}
}

/* Before the checks run, and after the choices of all, for what one part of a goal asks of another.
 */
static void choose(struct report *report)
{
	if (report->facts->remote) { /* nothing in its files is */
		report->decided[CHOOSE_MODULES] = false;
		report->decided[CHOOSE_BIND_EARLY] = false;
		return;
	}
	report->configured = facts_configured_words(report->facts, report->arena);
	choose_params(report);
	if (report->mdev || report->pool) /* which of its devices is given is not known when the
					     host boots */
		report->decided[CHOOSE_BIND_EARLY] = false;
	choose_vfio(report);
}

/* What is about a device or its group, and what of the host is for each GPU. */
static bool is_of_gpus(const struct finding *finding)
{
	enum step step = finding->check->step;
	return finding->about.kind == SUBJECT_DEVICE || finding->about.kind == SUBJECT_GROUP ||
	       (subject_is_host(finding->about) && (step == STEP_BIOS || step == STEP_BOOT));
}

/* Those of which verdicts are made. */
static void weigh(struct report *report)
{
	report->weighing = (struct list){0};
	for (size_t i = 0; i < report->findings.n; i++) {
		struct finding *finding = report->findings.item[i];
		if (is_of_gpus(finding) && (finding->status == STATUS_FAIL || finding->unread ||
							   finding->status == STATUS_UNKNOWN))
			list_add(report->arena, &report->weighing, finding);
	}
}

static void judge(struct report *report)
{
	const struct facts *facts = report->facts;
	struct pci_device *gpu = report->gpu;
	struct list card = report->card;
	const struct list none = {0};
	for (const struct check *check = check_catalogue; check->id; check++) {
		size_t first = report->findings.n;
		/* Of a vGPU the host keeps the GPU: it is judged as one that is not given away. */
		bool stays = report->mdev && check->step > STEP_BOOT && check->step < STEP_VM &&
			     check->run != check_same_card;
		report->gpu = stays ? NULL : gpu;
		report->card = stays ? none : card;
		if (facts->remote && check->needs_files) {
			add_unseen(report, check);
			continue;
		}
		check->run(report, check);
		doubt_findings(report, check, first);
	}
	report->gpu = gpu;
	report->card = card;
	weigh(report);
}

/* A goal of the short form with one device, or none, is its own only part. */
static struct list split(struct report *whole)
{
	struct list goals = goal_parts(whole->arena, whole->goal);
	struct list parts = {0};
	bool pool = whole->goal->mapping && !whole->goal->gpus.n;
	bool alone = goals.n == 1 && !whole->goal->assignments.n && !pool;
	for (size_t i = 0; i < goals.n; i++) {
		struct report *part = alone ? whole : arena_alloc(whole->arena, sizeof *part);
		*part = (struct report){.arena = whole->arena,
				.facts = whole->facts,
				.goal = alone ? whole->goal : goals.item[i],
				.whole = whole};
		list_add(whole->arena, &parts, part);
	}
	return parts;
}

/* What is chosen for a device of the host is judged where it is, by its files. */
static int find_devices(const struct facts *facts, const struct goal *goal, struct error *err)
{
	if (facts->remote && goal->values[CHOOSE_PIN_KERNEL])
		return error_set(err, ERROR_USAGE,
				"a kernel is pinned on %s itself: run pvegpu there", facts->node);
	for (size_t i = 0; i < goal->devices.n; i++) {
		const char *name = ((const struct device_goal *)goal->devices.item[i])->device;
		struct pci_address address;
		const struct pci_device *device = pci_address_parse_full(name, &address)
								  ? facts_device(facts, &address)
								  : NULL;
		if (facts->remote)
			return error_set(err, ERROR_USAGE,
					"what is set for %s is written on %s itself: run pvegpu there",
					name, facts->node);
		if (facts->complete && (!device || !pci_is_gpu(device)))
			return error_set(err, ERROR_USAGE, "there is no GPU at %s", name);
		unsigned count = 0;
		bool functions = goal_number(goal, CHOOSE_FUNCTIONS, name, &count) ||
				 goal_number(goal, CHOOSE_VF_DRIVERS, name, &count);
		if (functions && device && (pci_is_virtual(device) || pci_is_bmc(device)))
			return error_set(err, ERROR_USAGE, "%s has no virtual functions: it is %s",
					name,
					pci_is_bmc(device)
							? "the display of the board's management controller"
							: "one itself");
	}
	return 0;
}

static int weight(const struct finding *finding);
static int worst_of(const struct report *part, const struct finding *finding);

/* In place of what the part says of the same, which is less. */
static void replace_findings(struct report *part, struct finding *finding)
{
	struct list kept = {0};
	for (size_t i = 0; i < part->findings.n; i++) {
		struct finding *before = part->findings.item[i];
		if (before->check != finding->check ||
				!subject_equal(before->about, finding->about))
			list_add(part->arena, &kept, before);
	}
	list_add(part->arena, &kept, finding);
	part->findings = kept;
	report_settle(part, kept.n - 1);
}

/* What stands against a device of the pool stands against the pool. */
static void judge_pool(struct report *part)
{
	struct list others = part->pool ? pool_others(part) : (struct list){0};
	for (size_t i = 0; i < others.n; i++) {
		struct report *other = others.item[i];
		find_line(other);
		choose_attach(other);
		choose(other);
		judge(other);
		for (size_t f = 0; f < other->findings.n; f++) {
			struct finding *finding = other->findings.item[f];
			if (finding->risk != RISK_NONE && worst_of(part, finding) < weight(finding))
				replace_findings(part, finding);
		}
	}
}

int report_new(const struct facts *facts, const struct goal *goal, struct report **ret_report,
		struct error *err)
{
	struct arena *arena = arena_new();
	struct report *whole = arena_alloc(arena, sizeof *whole);
	*whole = (struct report){.arena = arena, .facts = facts, .goal = goal, .whole = whole};
	struct list parts = split(whole);
	bool several = parts.n > 1 || goal->assignments.n;
	int status = several && (goal->mapping || goal->mapping_devices.n)
				     ? error_set(err, ERROR_USAGE,
						       "--mapping and --mapping-device are of one device, given by --gpu; of each: --assign DEVICE,mapping=NAME=VMID")
				     : 0;
	whole->parts = parts;
	if (status == 0)
		status = find_devices(facts, goal, err);
	for (size_t i = 0; status == 0 && i < parts.n; i++)
		status = find_named(parts.item[i], err);
	for (size_t i = 0; status == 0 && i < parts.n; i++)
		find_line(parts.item[i]);
	for (size_t i = 0; status == 0 && i < parts.n; i++)
		choose_attach(parts.item[i]);
	for (size_t i = 0; status == 0 && i < parts.n; i++)
		choose_cpus(parts.item[i]);
	for (size_t i = 0; status == 0 && i < parts.n; i++)
		choose(parts.item[i]);
	for (size_t i = 0; status == 0 && i < parts.n; i++)
		judge(parts.item[i]);
	for (size_t i = 0; status == 0 && i < parts.n; i++)
		judge_pool(parts.item[i]);
	if (status < 0) {
		arena_free(arena);
		return status;
	}
	report_join(whole);
	*ret_report = whole;
	return 0;
}

/* How much a status says against going on. */
static int weight(const struct finding *finding)
{
	static const int weights[STATUS_COUNT] = {[STATUS_OK] = 0,
			[STATUS_INFO] = 1,
			[STATUS_UNKNOWN] = 2,
			[STATUS_WARN] = 3,
			[STATUS_FAIL] = 4};
	return 2 * weights[finding->status] + finding_is_planned(finding) + 16 * (int)finding->risk;
}

/* What a report says by the same check of the same subject. */
static struct finding_query query_like(const struct finding *finding)
{
	return (struct finding_query){.check = finding->check->id, .subject = &finding->about};
}

/* The most that the part says against a check's subject; -1: nothing of it. */
static int worst_of(const struct report *part, const struct finding *finding)
{
	int worst = -1;
	struct finding_query query = query_like(finding);
	const struct finding *other;
	while ((other = report_next(part, &query)))
		if (weight(other) > worst)
			worst = weight(other);
	return worst;
}

static bool says(const struct report *part, const struct finding *finding)
{
	struct finding_query query = query_like(finding);
	const struct finding *other;
	while ((other = report_next(part, &query)))
		if (strcmp(other->detail, finding->detail) == 0)
			return true;
	return false;
}

/* Of what several parts say on one thing that which says most is kept, and of the same once. */
static bool is_said_elsewhere(const struct report *part, const struct finding *finding)
{
	const struct list *parts = &part->whole->parts;
	int mine = worst_of(part, finding);
	bool before = true;
	for (size_t i = 0; i < parts->n; i++) {
		const struct report *other = parts->item[i];
		int theirs = other == part ? mine : worst_of(other, finding);
		before = before && other != part;
		if (theirs > mine || (theirs == mine && before && says(other, finding)))
			return true;
	}
	return false;
}

void report_join(struct report *whole)
{
	const struct report *first = whole->parts.n ? whole->parts.item[0] : whole;
	if (first == whole)
		return;
	struct report joined = *first;
	joined.goal = whole->goal;
	joined.parts = whole->parts;
	joined.whole = whole;
	joined.findings = (struct list){0};
	for (size_t p = 0; p < whole->parts.n; p++) {
		const struct report *part = whole->parts.item[p];
		for (size_t i = 0; i < part->findings.n; i++)
			if (!is_said_elsewhere(part, part->findings.item[i]))
				list_add(whole->arena, &joined.findings, part->findings.item[i]);
	}
	*whole = joined;
	report_settle(whole, 0);
}

bool part_gives(const struct report *part)
{
	return part->gpu && part->vm && (part->decided[CHOOSE_ATTACH] || part->line);
}

const struct report *part_with(const struct report *report, const struct pci_device *device)
{
	for (size_t i = 0; i < report->whole->parts.n; i++) {
		const struct report *part = report->whole->parts.item[i];
		if (facts_in_list(&part->card, device))
			return part;
	}
	return NULL;
}

const struct report *part_takes(const struct report *report, const struct pci_device *device)
{
	const struct report *part = part_with(report, device);
	return part && !part->mdev ? part : NULL;
}

static bool gives_whole(const struct report *part)
{
	return part_gives(part) && !part->mdev;
}

static bool is_given_elsewhere(
		const struct report *report, const struct pci_device *device, const struct vm *vm)
{
	bool elsewhere = false;
	for (size_t i = 0; i < report->whole->parts.n; i++) {
		const struct report *part = report->whole->parts.item[i];
		elsewhere = elsewhere || (gives_whole(part) && part->vm != vm &&
							 facts_in_list(&part->card, device));
	}
	return elsewhere;
}

static void add_once(struct list *devices, struct pci_device *device, struct arena *arena)
{
	if (!facts_in_list(devices, device))
		list_add(arena, devices, device);
}

struct list devices_next(const struct report *report, const struct vm *vm)
{
	struct list lines = vm_next_lines(vm, report->arena);
	struct list devices = {0};
	for (size_t l = 0; l < lines.n; l++) {
		const struct vm_hostpci *line = lines.item[l];
		for (size_t d = 0; line->valid && !line->parsed.mdev && d < line->devices.n; d++)
			if (!is_given_elsewhere(report, line->devices.item[d], vm))
				add_once(&devices, line->devices.item[d], report->arena);
	}
	for (size_t p = 0; p < report->whole->parts.n; p++) {
		const struct report *part = report->whole->parts.item[p];
		for (size_t i = 0; part->vm == vm && gives_whole(part) && i < part->card.n; i++)
			add_once(&devices, part->card.item[i], report->arena);
	}
	return devices;
}

void report_settle(struct report *report, size_t first)
{
	for (size_t i = first; i < report->findings.n; i++) {
		struct finding *finding = report->findings.item[i];
		size_t at = i;
		for (; at > 0; at--) {
			struct finding *before = report->findings.item[at - 1];
			if (before->check <= finding->check)
				break;
			report->findings.item[at] = before;
		}
		report->findings.item[at] = finding;
	}
	weigh(report);
}

void report_free(struct report *report)
{
	if (report)
		arena_free(report->arena);
}

bool finding_is_unseen(const struct report *report, const struct finding *finding)
{
	return report->facts->remote && finding->check->needs_files;
}

int report_only(struct report *report, const struct strings *names, struct error *err)
{
	for (size_t i = 0; i < names->n; i++) {
		bool known = check_by_id(names->item[i]) != NULL;
		for (int step = 0; step < STEP_COUNT; step++)
			known = known || strcmp(step_names[step], names->item[i]) == 0;
		if (known)
			continue;
		(void)error_set(err, ERROR_USAGE, "'%s' is no step and no check", names->item[i]);
		error_hint(err, "steps: host bios boot vfio gpu vm attach verify; checks: pvegpu audit --list");
		return ERROR_USAGE;
	}
	struct list kept = {0};
	for (size_t i = 0; i < report->findings.n; i++) {
		struct finding *finding = report->findings.item[i];
		if (!names->n || strings_has(names, finding->check->id) ||
				strings_has(names, step_names[finding->check->step]))
			list_add(report->arena, &kept, finding);
	}
	report->findings = kept;
	return 0;
}

struct report_counts report_counts(const struct report *report)
{
	struct report_counts counts = {0};
	for (size_t i = 0; i < report->findings.n; i++) {
		const struct finding *finding = report->findings.item[i];
		counts.by_status[finding->status]++;
	}
	return counts;
}

const char *report_verdict(const struct report *report, const struct pci_device *gpu)
{
	bool needs_work = false;
	bool blocked = false;
	bool unknown = gpu->group < 0;
	for (size_t i = 0; i < report->weighing.n; i++) {
		const struct finding *finding = report->weighing.item[i];
		bool host = finding->about.kind == SUBJECT_HOST;
		bool mine = finding->about.kind == SUBJECT_DEVICE
					    ? finding->about.device == gpu
					    : !host && finding->about.group == gpu->group;
		if (mine && finding->status == STATUS_UNKNOWN)
			unknown = unknown || strncmp(finding->check->id, "gpu.group", 9) == 0;
		unknown = unknown || ((mine || host) && finding->unread);
		if (finding->status != STATUS_FAIL || (!mine && !host))
			continue;
		needs_work = needs_work || finding_is_planned(finding) || host;
		blocked = blocked || (mine && !finding_is_planned(finding));
	}
	if (blocked)
		return "blocked";
	if (needs_work)
		return "needs-work";
	return unknown ? "unknown" : "ready";
}

enum step report_next_step(const struct report *report)
{
	struct finding_query host = {.steps = 1U << STEP_BIOS | 1U << STEP_BOOT | 1U << STEP_VFIO};
	struct finding_query guest = {.steps = 1U << STEP_VM | 1U << STEP_ATTACH};
	const struct finding *finding;
	while ((finding = report_next(report, &host))) {
		enum step step = finding->check->step;
		if (step == STEP_BIOS && finding->status == STATUS_FAIL)
			return STEP_BIOS;
		/* What already waits in the configuration needs no new decision. */
		if (step != STEP_BIOS && finding_is_planned(finding))
			return step;
	}
	for (size_t i = 0; i < report->parts.n; i++) {
		const struct report *part = report->parts.item[i];
		const struct finding *card = report_find(part, "gpu.same-card");
		if (!part->gpu || (card && card->risk == RISK_NEVER))
			return STEP_GPU;
		if (!part->vm)
			return STEP_VM;
	}
	while ((finding = report_next(report, &guest)))
		if (finding_is_planned(finding))
			return STEP_ATTACH;
	return STEP_VERIFY;
}
