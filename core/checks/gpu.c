/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/checks/questions.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/kernel_cmdline.h"

/* Every check of this step looks at each display function; the goal's GPU also carries the risk. */
static bool is_goal(const struct report *report, const struct pci_device *gpu)
{
	return report->gpu == gpu;
}

static size_t count_gpus(const struct report *report)
{
	size_t n = 0;
	for (size_t i = 0; i < report->facts->devices.n; i++)
		n += pci_is_gpu(report->facts->devices.item[i]);
	return n;
}

/* Everything that leaves the host with this GPU: its group and the whole card. */
static struct list taken_with(const struct report *report, const struct pci_device *gpu)
{
	struct list taken = facts_group(report->facts, gpu->group, report->arena);
	struct list card = facts_card(report->facts, gpu, report->arena);
	for (size_t i = 0; i < card.n; i++)
		if (!facts_in_list(&taken, card.item[i]))
			list_add(report->arena, &taken, card.item[i]);
	/* The groups of the card's other functions go along as well. */
	for (size_t i = 0; i < card.n; i++) {
		const struct pci_device *function = card.item[i];
		if (function->group == gpu->group)
			continue;
		struct list group = facts_group(report->facts, function->group, report->arena);
		for (size_t g = 0; g < group.n; g++)
			if (!facts_in_list(&taken, group.item[g]))
				list_add(report->arena, &taken, group.item[g]);
	}
	return taken;
}

static void judge_one(struct report *report, const struct check *check, enum gpu_scope scope,
		struct pci_device *gpu, judge_gpu *judge)
{
	size_t before = report->findings.n;
	bool apart = pci_is_virtual(gpu) && !is_goal(report, gpu);
	bool bmc = pci_is_bmc(gpu) && !is_goal(report, gpu);
	if ((bmc && !(scope & GPUS_BMC)) || (apart && !(scope & GPUS_VIRTUAL)))
		return;
	judge(report, check, gpu);
	const struct finding *said =
			report->findings.n > before ? report->findings.item[before] : NULL;
	if (apart && said && said->status == STATUS_OK)
		report->findings.n = before;
}

void for_each_gpu(struct report *report, const struct check *check, enum gpu_scope scope,
		judge_gpu *judge)
{
	for (size_t i = 0; i < report->facts->devices.n; i++) {
		struct pci_device *device = report->facts->devices.item[i];
		if (pci_is_gpu(device) || device == report->gpu) /* a switch may be given too */
			judge_one(report, check, scope, device, judge);
	}
}

static void judge_present(struct report *report, const struct check *check, struct pci_device *gpu)
{
	bool bmc = pci_is_bmc(gpu);
	bool asked = bmc && is_goal(report, gpu);
	struct finding *finding = report_add(report, check,
			asked ? STATUS_FAIL
			: bmc ? STATUS_INFO
			      : STATUS_OK,
			subject_device(gpu), "%s%s", gpu->label,
			bmc ? ": the display of the board's management controller, which stays with the host"
			    : "");
	if (asked)
		finding->risk = RISK_NEVER;
	finding_evidence(report, finding, "/sys/bus/pci/devices", "%s class %04x, %04x:%04x",
			gpu->name, gpu->class_code >> 8, gpu->vendor, gpu->device);
}

void check_gpu_present(struct report *report, const struct check *check)
{
	for_each_gpu(report, check, GPUS_BMC, judge_present);
	if (count_gpus(report))
		return;
	struct finding *finding = report_add(report, check, STATUS_FAIL, subject_host(),
			"No display controller among %zu PCI functions.", report->facts->devices.n);
	finding_evidence(report, finding, "/sys/bus/pci/devices",
			"no class 0300, 0302, 0380 or 1200");
	finding_fix(report, finding, FIX_BY_HAND,
			"check the slot, its power, and the firmware setup");
}

/* It left the host before: bound to vfio-pci now, and no earlier at the next boot than before. What
 * stands against taking it from the host stands no more. */
static bool has_left(const struct report *report, const struct pci_device *gpu)
{
	bool earlier = is_goal(report, gpu) && report->decided[CHOOSE_BIND_EARLY] &&
		       !report->bound_at_boot;
	return device_on_vfio(gpu) && !earlier;
}

/* Both are given away by the goal. */
static bool both_given(const struct report *report, const struct pci_device *gpu,
		const struct pci_device *other)
{
	return part_takes(report, gpu) && part_takes(report, other);
}

static void judge_only(struct report *report, const struct check *check, struct pci_device *gpu)
{
	if (!pci_has_screen(gpu)) {
		(void)report_add(report, check, STATUS_OK, subject_device(gpu),
				"It has no screen, so the host's console is not on it.");
		return;
	}
	struct list taken = taken_with(report, gpu);
	size_t left = 0;
	for (size_t i = 0; i < report->facts->devices.n; i++) {
		const struct pci_device *other = report->facts->devices.item[i];
		if (pci_has_screen(other) && other != gpu && !facts_in_list(&taken, other) &&
				!device_on_vfio(other) && !vfio_takes_at_boot(report, other) &&
				!both_given(report, gpu, other))
			left++;
	}
	if (left && report->facts->drivers_known != KNOWN_YES) {
		(void)report_add(report, check, STATUS_UNKNOWN, subject_device(gpu),
				"Whether another GPU is left for the host is not known: drivers are not recorded.");
		return;
	}
	/* While the IOMMU is off there are none, and it is judged again before anything is given.
	 */
	if (left && gpu->group < 0 && report->facts->iommu_active != KNOWN_NO) {
		(void)report_add(report, check, STATUS_UNKNOWN, subject_device(gpu),
				"Whether another GPU is left for the host is not known: the IOMMU group is not recorded.");
		return;
	}
	if (left) {
		(void)report_add(report, check, STATUS_OK, subject_device(gpu),
				"%zu other %s left for the host.", left,
				text_plural(left, "GPU is", "GPUs are"));
		return;
	}
	if (has_left(report, gpu)) {
		(void)report_add(report, check, STATUS_INFO, subject_device(gpu),
				"It is on vfio-pci, and no other GPU with a screen is left for the host: the host has no local console.");
		return;
	}
	struct finding *finding = report_add(report, check, STATUS_WARN, subject_device(gpu),
			count_gpus(report) > 1
					? "No other GPU with a screen is left for the host: "
					  "the others go along with it, are meant for "
					  "vfio-pci, or have no screen. The host has no local "
					  "console then."
					: "The only GPU: with it in a VM the host has no local console.");
	finding_fix(report, finding, FIX_BY_HAND, "make sure SSH or a BMC works before going on");
	if (is_goal(report, gpu))
		finding->risk = RISK_ACCEPT;
}

void check_only_gpu(struct report *report, const struct check *check)
{
	for_each_gpu(report, check, GPUS_GIVEN, judge_only);
}

/* The kernel has the attribute for VGA controllers only (drivers/pci/pci-sysfs.c); a display
 * controller may have the host's screen all the same, an APU's or a Navi's. */
static void judge_no_vga(struct report *report, const struct check *check, struct pci_device *gpu)
{
	const struct pci_device *booted = NULL;
	for (size_t i = 0; i < report->facts->devices.n; i++) {
		const struct pci_device *other = report->facts->devices.item[i];
		if (other->boot_vga == KNOWN_YES)
			booted = other;
	}
	if (!pci_has_screen(gpu))
		(void)report_add(report, check, STATUS_OK, subject_device(gpu),
				"It has no screen for the host's console.");
	else if (booted)
		(void)report_add(report, check, STATUS_OK, subject_device(gpu),
				"Not the GPU the host booted with: that is %s.", booted->name);
	else
		(void)report_add(report, check, STATUS_UNKNOWN, subject_device(gpu),
				"Whether the host's console is on it is not told of a display controller that is not VGA compatible.");
}

static void judge_boot_vga(struct report *report, const struct check *check, struct pci_device *gpu)
{
	const char *source =
			arena_printf(report->arena, "/sys/bus/pci/devices/%s/boot_vga", gpu->name);
	struct finding *finding = NULL;
	if (gpu->boot_vga == KNOWN_YES) {
		bool left = has_left(report, gpu);
		bool asked = is_goal(report, gpu) && !left;
		finding = report_add(report, check, asked ? STATUS_WARN : STATUS_INFO,
				subject_device(gpu),
				left ? "The firmware booted with this GPU, which is on vfio-pci now: the host's console does not show on it."
				     : "The firmware booted with this GPU: the host's console is on it, "
				       "and its screen stays black when a VM has it. Keep SSH or the web interface.");
		finding_evidence(report, finding, source, "1");
		if (asked)
			finding->risk = RISK_ACCEPT;
	} else if (gpu->boot_vga == KNOWN_NO) {
		finding = report_add(report, check, STATUS_OK, subject_device(gpu),
				"Not the GPU the host booted with.");
		finding_evidence(report, finding, source, "0");
	} else if (gpu->class_code >> 8 == 0x0300) {
		(void)report_add(report, check, STATUS_UNKNOWN, subject_device(gpu),
				"Which GPU the firmware booted with is not recorded.");
	} else {
		judge_no_vga(report, check, gpu);
	}
}

void check_boot_vga(struct report *report, const struct check *check)
{
	for_each_gpu(report, check, GPUS_BMC, judge_boot_vga);
}

/* Members of the group that are neither bridges nor functions of the card itself. The rest of an
 * APU's slot is not of the card. */
struct company {
	struct strings others;
	bool driven;   /* a host driver may have one of them */
	bool together; /* there are more, which the goal gives to the same VM */
};

static struct company company_of(
		const struct report *report, const struct list *group, const struct pci_device *gpu)
{
	struct company company = {0};
	struct list card = facts_card(report->facts, gpu, report->arena);
	const struct report *mine = part_takes(report, gpu);
	for (size_t i = 0; i < group->n; i++) {
		const struct pci_device *other = group->item[i];
		if (pci_is_bridge(other) || facts_in_list(&card, other))
			continue;
		const struct report *theirs = mine ? part_takes(report, other) : NULL;
		if (theirs && theirs->vm == mine->vm && part_gives(theirs)) {
			company.together = true;
			continue;
		}
		strings_add(report->arena, &company.others, device_text(report->arena, other));
		company.driven = company.driven || !device_on_vfio(other);
	}
	return company;
}

bool group_has_others(const struct report *report, const struct pci_device *gpu)
{
	struct list group = facts_group(report->facts, gpu->group, report->arena);
	return company_of(report, &group, gpu).others.n > 0;
}

/* The part of the goal that gives a device of what goes along to another guest, or NULL. */
static const struct report *given_elsewhere(
		const struct report *report, const struct pci_device *gpu)
{
	struct list taken = is_goal(report, gpu) ? taken_with(report, gpu) : (struct list){0};
	for (size_t i = 0; i < taken.n; i++) {
		const struct report *part = part_takes(report, taken.item[i]);
		if (part && part->vm && part->vm != report->vm)
			return part;
	}
	return NULL;
}

/* A group is handed out as a whole, to one guest (Documentation/driver-api/vfio.rst). */
static void tell_elsewhere(struct report *report, const struct check *check,
		const struct pci_device *gpu, const struct report *other)
{
	struct finding *finding = report_add(report, check, STATUS_FAIL, subject_device(gpu),
			"It is in one IOMMU group with %s, which is to go to VM %u: only one VM can have a group.",
			other->gpu->name, other->vm->vmid);
	finding_evidence(report, finding, "/sys/kernel/iommu_groups", "%s, %s: group %d", gpu->name,
			other->gpu->name, gpu->group);
	finding_fix(report, finding, FIX_BY_HAND, "give both to one VM");
	finding->risk = RISK_NEVER;
}

static void judge_isolated(struct report *report, const struct check *check, struct pci_device *gpu)
{
	const struct report *elsewhere = given_elsewhere(report, gpu);
	if (elsewhere) {
		tell_elsewhere(report, check, gpu, elsewhere);
		return;
	}
	if (gpu->group < 0) {
		(void)report_add(report, check, STATUS_UNKNOWN, subject_device(gpu),
				report->facts->iommu_active == KNOWN_NO
						? "Groups are known once the IOMMU is on."
						: "The group of this function is not recorded.");
		return;
	}
	struct list group = facts_group(report->facts, gpu->group, report->arena);
	struct company company = company_of(report, &group, gpu);
	bool bridges = false;
	for (size_t i = 0; i < group.n; i++)
		bridges = bridges || pci_is_bridge(group.item[i]);
	struct finding *finding = NULL;
	if (company.others.n) {
		bool known = report->facts->drivers_known == KNOWN_YES;
		finding = report_add(report, check,
				!known           ? STATUS_UNKNOWN
				: company.driven ? STATUS_FAIL
						 : STATUS_WARN,
				subject_device(gpu),
				"Group %d holds %zu other %s, which would go to the VM's side too.",
				gpu->group, company.others.n,
				text_plural(company.others.n, "device", "devices"));
		finding_fix(report, finding, FIX_BY_HAND,
				"use another slot, or the ACS override at the price it has");
		if (is_goal(report, gpu) && company.driven)
			finding->risk = RISK_ACCEPT;
	} else if (acs_override_works(&report->facts->cmdline_words)) {
		finding = report_add(report, check, STATUS_WARN, subject_device(gpu),
				"Its group has only this card, but the ACS override is on: the hardware may not keep it apart.");
	} else if (!report->facts->cmdline_running && !report->facts->remote) {
		finding = report_add(report, check, STATUS_UNKNOWN, subject_device(gpu),
				"Its group has only this card; whether an ACS override made it so is not recorded.");
	} else {
		finding = report_add(report, check, STATUS_OK, subject_device(gpu),
				"Its group has only %s%s.",
				company.together ? "what goes to the same VM" : "this card",
				bridges ? " and bridges" : "");
	}
	const char *source = arena_printf(report->arena, "/sys/kernel/iommu_groups/%d", gpu->group);
	for (size_t i = 0; i < group.n; i++)
		finding_evidence(report, finding, source, "%s",
				device_text(report->arena, group.item[i]));
}

void check_group_isolated(struct report *report, const struct check *check)
{
	for_each_gpu(report, check, GPUS_VIRTUAL, judge_isolated);
}

struct list find_doubtful(const struct report *report, const struct list *taken)
{
	const struct facts *facts = report->facts;
	struct list doubtful = {0};
	bool blind = facts->uses_known != KNOWN_YES;
	for (size_t i = 0; i < taken->n; i++) {
		struct pci_device *device = taken->item[i];
		bool usb = device->class_code >> 8 == 0x0c03;
		bool unsure = pci_is_storage(device) || usb ? blind || facts->untraced.n
							    : pci_is_network(device) && blind;
		if (unsure && !device->uses.n)
			list_add(report->arena, &doubtful, device);
	}
	return doubtful;
}

/* The finding that names every use the host has of what goes along; NULL when there is none. */
static struct finding *add_critical(struct report *report, const struct check *check,
		struct subject subject, const struct pci_device *gpu, const struct list *taken)
{
	struct finding *critical = NULL;
	for (size_t i = 0; i < taken->n; i++) {
		const struct pci_device *device = taken->item[i];
		for (size_t u = 0; u < device->uses.n; u++) {
			const struct host_use *use = device->uses.item[u];
			if (!critical)
				critical = report_add(report, check, STATUS_FAIL, subject,
						"Giving %s to a VM would take from the host: %s (%s).",
						gpu->name, use->what, device->name);
			finding_evidence(report, critical, use->source, "%s: %s", device->name,
					use->what);
		}
	}
	return critical;
}

/* Another GPU of the group speaks for it: the goal's, or else the first. */
static bool spoken_for(const struct report *report, const struct pci_device *gpu)
{
	if (gpu->group < 0 || is_goal(report, gpu))
		return false;
	if (report->gpu && report->gpu->group == gpu->group)
		return true;
	for (size_t i = 0; i < report->facts->devices.n; i++) {
		const struct pci_device *other = report->facts->devices.item[i];
		if (pci_is_gpu(other) && other->group == gpu->group)
			return other != gpu;
	}
	return false;
}

static void judge_critical(struct report *report, const struct check *check, struct pci_device *gpu)
{
	const struct facts *facts = report->facts;
	if (spoken_for(report, gpu))
		return;
	struct list taken = taken_with(report, gpu);
	struct subject subject = gpu->group < 0 ? subject_device(gpu) : subject_group(gpu->group);
	struct finding *critical = add_critical(report, check, subject, gpu, &taken);
	struct list doubtful = find_doubtful(report, &taken);
	enum risk risk = is_goal(report, gpu) ? RISK_NEVER : RISK_NONE;
	if (critical) {
		finding_fix(report, critical, FIX_BY_HAND,
				"use another slot or another GPU; the ACS override may split the group, at the price it has");
		critical->risk = risk;
	} else if (doubtful.n) {
		struct finding *finding = report_add(report, check, STATUS_UNKNOWN, subject,
				"With %s %s %s, and whether the host needs %s could not be traced%s%s.",
				gpu->name, doubtful.n > 1 ? "go devices like" : "goes",
				device_text(report->arena, doubtful.item[0]),
				doubtful.n > 1 ? "them" : "it", facts->untraced.n ? ": " : "",
				facts->untraced.n ? facts->untraced.item[0] : "");
		for (size_t i = 0; i < doubtful.n; i++)
			finding_evidence(report, finding, "/sys/bus/pci/devices", "%s",
					device_text(report->arena, doubtful.item[i]));
		/* A card's own USB-C: only a stick in the card itself could be the host's. */
		bool own = true;
		for (size_t i = 0; i < doubtful.n; i++) {
			const struct pci_device *device = doubtful.item[i];
			own = own && pci_address_same_slot(&device->address, &gpu->address);
		}
		finding->risk = own && risk == RISK_NEVER ? RISK_ACCEPT : risk;
	} else if (gpu->group < 0) {
		(void)report_add(report, check, STATUS_UNKNOWN, subject,
				facts->uses_known == KNOWN_YES
						? "Judged again when groups are known; the card's own functions are not used by the host."
						: "Neither groups nor what the host uses are recorded.");
	} else {
		(void)report_add(report, check, STATUS_OK, subject,
				"No disk, network link or default route of the host goes along with it.");
	}
}

void check_group_host_critical(struct report *report, const struct check *check)
{
	for_each_gpu(report, check, GPUS_VIRTUAL, judge_critical);
}

/* What of the slot is not of the card, in words; "" where all of it is. */
static const char *rest_of_slot(const struct report *report, const struct pci_device *gpu,
		const struct list *slot, const struct list *card)
{
	size_t virtual = 0;
	size_t others = 0;
	for (size_t i = 0; i < slot->n; i++) {
		const struct pci_device *function = slot->item[i];
		bool apart = !facts_in_list(card, function);
		virtual += apart && pci_is_virtual(function);
		others += apart && !pci_is_virtual(function);
	}
	if (pci_is_virtual(gpu))
		return "; a virtual function goes by itself";
	return arena_printf(report->arena, "%s%s", others ? "; the others stay with the host" : "",
			virtual ? "; its virtual functions are devices of their own" : "");
}

static void judge_functions(
		struct report *report, const struct check *check, struct pci_device *gpu)
{
	struct list slot = facts_slot(report->facts, gpu, report->arena);
	struct list card = facts_card(report->facts, gpu, report->arena);
	bool split = false;
	bool foreign = false;
	for (size_t i = 0; i < card.n; i++)
		split = split || ((struct pci_device *)card.item[i])->group != gpu->group;
	for (size_t i = 0; i < slot.n; i++) {
		const struct pci_device *function = slot.item[i];
		foreign = foreign || (!facts_in_list(&card, function) && !pci_is_gpu(function));
	}
	struct finding *finding = report_add(report, check,
			foreign && !pci_is_virtual(gpu) ? STATUS_WARN : STATUS_OK,
			subject_device(gpu), "%zu %s of the card%s%s%s.", card.n,
			text_plural(card.n, "function", "functions"),
			split ? ", in different IOMMU groups" : "",
			foreign && !pci_is_virtual(gpu)
					? "; the slot holds parts of the processor too"
					: "",
			rest_of_slot(report, gpu, &slot, &card));
	for (size_t i = 0; i < card.n + slot.n; i++) {
		const struct pci_device *function =
				i < card.n ? card.item[i] : slot.item[i - card.n];
		bool mine = facts_in_list(&card, function);
		if (mine && i >= card.n)
			continue;
		finding_evidence(report, finding, "/sys/bus/pci/devices", "%s, driver %s%s",
				device_text(report->arena, function),
				facts_driver(report->facts, function),
				mine ? "" : " (not of the card)");
	}
}

void check_gpu_functions(struct report *report, const struct check *check)
{
	for_each_gpu(report, check, GPUS_GIVEN, judge_functions);
}

/* Every GPU with the id of this one, itself among them. */
static struct strings same_gpus(const struct report *report, const struct pci_device *gpu)
{
	struct strings names = {0};
	for (size_t i = 0; i < report->facts->devices.n; i++) {
		const struct pci_device *other = report->facts->devices.item[i];
		if (pci_is_gpu(other) && !pci_is_virtual(other) && other->vendor == gpu->vendor &&
				other->device == gpu->device)
			strings_add(report->arena, &names, other->name);
	}
	return names;
}

/* Of several with one id one speaks for all: the goal's, or else the first. */
static bool is_spokesman(const struct report *report, const struct pci_device *gpu,
		const struct strings *same)
{
	const char *goal = report->gpu ? report->gpu->name : NULL;
	const char *first = same->n ? same->item[0] : gpu->name;
	return strcmp(gpu->name, goal && strings_has(same, goal) ? goal : first) == 0;
}

/* One of another slot that is told apart by its address only. */
static const struct pci_device *other_card(
		const struct report *report, const struct pci_device *function)
{
	for (size_t i = 0; function->vendor != 0xffff && i < report->facts->devices.n; i++) {
		const struct pci_device *other = report->facts->devices.item[i];
		if (other->vendor == function->vendor && other->device == function->device &&
				!pci_is_virtual(other) &&
				!pci_address_same_slot(&other->address, &function->address))
			return other;
	}
	return NULL;
}

/* The twins of the card's functions; the first of them. */
static const struct pci_device *add_twins(
		struct report *report, struct strings *texts, const struct pci_device *gpu)
{
	struct list card = facts_card(report->facts, gpu, report->arena);
	const struct pci_device *first = NULL;
	for (size_t i = 0; i < card.n; i++) {
		const struct pci_device *function = card.item[i];
		const struct pci_device *twin = other_card(report, function);
		if (!twin)
			continue;
		first = first ? first : twin;
		strings_add(report->arena, texts,
				arena_printf(report->arena, "%s and %s: %04x:%04x", function->name,
						twin->name, function->vendor, function->device));
	}
	return first;
}

/* Where the card with this fingerprint is now; NULL: nowhere. */
static const struct pci_device *card_like(const struct report *report, const char *fingerprint)
{
	for (size_t i = 0; i < report->facts->devices.n; i++) {
		const struct pci_device *device = report->facts->devices.item[i];
		if (pci_is_gpu(device) &&
				strcmp(facts_fingerprint(device, report->arena), fingerprint) == 0)
			return device;
	}
	return NULL;
}

void check_same_card(struct report *report, const struct check *check)
{
	const struct pci_device *gpu = report->gpu;
	const char *chosen = gpu ? goal_card_of(report->goal, gpu->name) : NULL;
	const char *now =
			gpu && gpu->vendor != 0xffff ? facts_fingerprint(gpu, report->arena) : NULL;
	if (!chosen || !now || strcmp(chosen, now) == 0) {
		(void)report_add(report, check, STATUS_OK,
				gpu ? subject_device(gpu) : subject_host(),
				chosen && now ? "It is the card that was chosen."
					      : "None was chosen before.");
		return;
	}
	const struct pci_device *moved = card_like(report, chosen);
	struct finding *finding = report_add(report, check, STATUS_FAIL, subject_device(gpu),
			"%s is not the card that was chosen there: cards were added, taken out or moved since. %s%s.",
			gpu->label, moved ? "That one is at " : "That one is not there any more",
			moved ? moved->name : "");
	finding_evidence(report, finding,
			arena_printf(report->arena, "/sys/bus/pci/devices/%s", gpu->name),
			"fingerprint %s; chosen was %s", now, chosen);
	finding_fix(report, finding, FIX_BY_HAND, "choose the GPU again%s%s",
			moved ? ": --gpu " : "", moved ? moved->name : "");
	finding->risk = RISK_NEVER;
}

static void judge_identical(
		struct report *report, const struct check *check, struct pci_device *gpu)
{
	if (gpu->vendor == 0xffff) {
		(void)report_add(report, check, STATUS_UNKNOWN, subject_device(gpu),
				"Its vendor and device id are not recorded.");
		return;
	}
	struct strings texts = {0};
	struct strings same = same_gpus(report, gpu);
	const struct pci_device *twin = add_twins(report, &texts, gpu);
	if (!twin) {
		(void)report_add(report, check, STATUS_OK, subject_device(gpu),
				"No other card has its ids.");
		return;
	}
	if (!is_spokesman(report, gpu, &same))
		return;
	struct finding *finding =
			same.n > 1 ? report_add(report, check, STATUS_WARN, subject_device(gpu),
						     "%zu GPUs have the id %04x:%04x (%s): tell them apart by address.",
						     same.n, gpu->vendor, gpu->device,
						     strings_join(report->arena, &same, ", "))
				   : report_add(report, check, STATUS_INFO, subject_device(gpu),
						     "%s has the id of a part of this card too: tell them apart by address.",
						     twin->name);
	for (size_t i = 0; i < texts.n; i++)
		finding_evidence(report, finding, "/sys/bus/pci/devices", "%s",
				(char *)texts.item[i]);
	for (size_t i = 0; i < report->facts->devices.n; i++) {
		const struct pci_device *other = report->facts->devices.item[i];
		if (!pci_is_gpu(other) || other->vendor != gpu->vendor ||
				other->device != gpu->device || !other->slot)
			continue;
		finding_evidence(report, finding,
				arena_printf(report->arena, "/sys/bus/pci/devices/%s", other->name),
				"%s, subsystem %04x:%04x, fingerprint %s", other->slot,
				other->subsystem_vendor, other->subsystem_device,
				facts_fingerprint(other, report->arena));
	}
}

void check_gpu_identical(struct report *report, const struct check *check)
{
	for_each_gpu(report, check, GPUS_GIVEN, judge_identical);
}
