/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/checks/questions.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/kernel_cmdline.h"
#include "pvegpu/formats/modprobe_conf.h"
#include "pvegpu/formats/modules_list.h"

/* pve-docs, qm-pci-passthrough.adoc: exactly these three. */
static const char *const wanted_modules[] = {"vfio", "vfio_iommu_type1", "vfio_pci"};
enum { WANTED_MODULES = sizeof wanted_modules / sizeof *wanted_modules };

const struct pci_device *twin_of_card(const struct report *report)
{
	const struct pci_device *twin = NULL;
	for (size_t i = 0; !twin && i < report->card.n; i++)
		twin = twin_of(report, report->card.item[i]);
	return twin;
}

/* A driver of the host may take the device before vfio-pci does. */
static bool has_rivals(const struct report *report, const struct pci_device *device)
{
	return facts_rivals(report->facts, device, report->arena).n > 0;
}

/* What binds the card at boot makes vfio-pci come before drivers that were there first: by
 * softdeps, or, by address, before all. */
static bool comes_earlier(const struct report *report)
{
	bool by_address = twin_of_card(report) != NULL;
	for (size_t i = 0; i < report->card.n; i++) {
		const struct pci_device *function = report->card.item[i];
		if (device_on_vfio(function) || pci_is_virtual(function) ||
				strings_has(&report->facts->overrides, function->name))
			continue;
		if (has_rivals(report, function) ||
				(by_address && !vfio_takes_at_boot(report, function)))
			return true;
	}
	return false;
}

/* vfio-pci then takes each device whose ids it has, also one that a driver of the host had before:
 * that one, or NULL. One without rivals it takes at the next boot anyway. */
static const struct pci_device *find_along(const struct report *report)
{
	if (!comes_earlier(report))
		return NULL;
	for (size_t i = 0; i < report->facts->devices.n; i++) {
		const struct pci_device *other = report->facts->devices.item[i];
		if (other->driver && !device_on_vfio(other) &&
				!facts_in_list(&report->card, other) &&
				!part_takes(report, other) &&
				!strings_has(&report->facts->overrides, other->name) &&
				vfio_takes_at_boot(report, other) && has_rivals(report, other))
			return other;
	}
	return NULL;
}

static bool is_bound_at_boot(const struct report *report)
{
	if (report->goes_along)
		return false;
	for (size_t i = 0; i < report->card.n; i++)
		if (!vfio_takes_at_boot(report, report->card.item[i]))
			return false;
	return report->card.n > 0;
}

static const char *bind_reason(const struct report *report)
{
	const struct pci_device *gpu = report->gpu;
	const char *why = gpu ? why_bind_early(gpu) : NULL;
	if (report->bound_at_boot)
		return "it is given to vfio-pci at boot already";
	if (report->goes_along)
		return arena_printf(report->arena,
				"at boot %s would go along, whose ids vfio-pci is told as well",
				report->goes_along->name);
	if (why)
		return why;
	if (!gpu)
		return "waits for the GPU chosen in step 4";
	if (pci_is_virtual(gpu))
		return "a virtual function is made after the boot, so it cannot be "
		       "bound by then; Proxmox VE binds it when the VM starts";
	if (device_on_vfio(gpu))
		return "the GPU is on vfio-pci already";
	return "Proxmox VE binds the GPU itself when the VM starts";
}

void choose_vfio(struct report *report)
{
	bool virtual = report->gpu && pci_is_virtual(report->gpu);
	report->goes_along = find_along(report);
	report->bound_at_boot = !virtual && is_bound_at_boot(report);
	report->bind_reason = bind_reason(report);
	if (report->bound_at_boot)
		report->decided[CHOOSE_BIND_EARLY] = true;
	else if (virtual || (report->goes_along &&
					    report->goal->chosen[CHOOSE_BIND_EARLY] != CHOICE_YES))
		report->decided[CHOOSE_BIND_EARLY] = false;
}

struct strings missing_modules(const struct report *report)
{
	struct strings missing = {0};
	for (int i = 0; i < WANTED_MODULES; i++) {
		bool named = false;
		for (size_t f = 0; f < report->facts->module_files.n; f++) {
			const struct module_file *file = report->facts->module_files.item[f];
			named = named || modules_list_has(&file->names, wanted_modules[i]);
		}
		if (!named)
			strings_add(report->arena, &missing, wanted_modules[i]);
	}
	return missing;
}

void check_vfio_modules(struct report *report, const struct check *check)
{
	const struct facts *facts = report->facts;
	struct strings missing = missing_modules(report);
	struct strings unloaded = {0};
	for (int i = 0; i < WANTED_MODULES; i++)
		if (!modules_list_has(&facts->modules_loaded, wanted_modules[i]))
			strings_add(report->arena, &unloaded, wanted_modules[i]);
	if (!missing.n) {
		struct finding *finding = report_add(report, check, STATUS_OK, subject_host(), "%s",
				facts->modules_known == KNOWN_UNKNOWN
						? "Configured; what is loaded is not recorded."
				: unloaded.n ? "Configured; loaded at the next boot."
					     : "Configured and loaded.");
		finding_evidence(report, finding, "/etc/modules",
				"vfio, vfio_iommu_type1, vfio_pci");
		return;
	}
	struct finding *finding = report_add(report, check, STATUS_INFO, subject_host(),
			"Not named for loading at boot: %s. Proxmox VE loads them when a VM needs them.",
			strings_join(report->arena, &missing, ", "));
	finding_evidence(report, finding, "/etc/modules, /etc/modules-load.d", "%zu of 3 named",
			WANTED_MODULES - missing.n);
	if (facts->etc_modules.error)
		finding_evidence(report, finding, "/etc/modules", "%s", facts->etc_modules.error);
	finding_fix(report, finding,
			planned_if(report->decided[CHOOSE_MODULES] && !facts->etc_modules.error),
			"name them in /etc/modules");
}

void check_modules_obsolete(struct report *report, const struct check *check)
{
	const struct facts *facts = report->facts;
	bool found = false;
	for (size_t f = 0; f < facts->module_files.n; f++) {
		const struct module_file *file = facts->module_files.item[f];
		if (!modules_list_has(&file->names, "vfio_virqfd") ||
				facts->virqfd_exists == KNOWN_YES)
			continue;
		found = true;
		if (facts->virqfd_exists == KNOWN_UNKNOWN) {
			(void)report_add(report, check, STATUS_UNKNOWN, subject_path(file->path),
					"%s names vfio_virqfd; whether this kernel still has it is not known.",
					file->path);
			continue;
		}
		struct finding *finding = report_add(report, check, STATUS_WARN,
				subject_path(file->path),
				"%s names vfio_virqfd, which this kernel has not: systemd-modules-load fails at boot.",
				file->path);
		finding_evidence(report, finding, file->path, "vfio_virqfd");
		finding_fix(report, finding, FIX_BY_PLAN, "take the line out");
	}
	if (!found)
		(void)report_add(report, check, STATUS_OK, subject_host(), "None named.");
}

/* The VM whose line for the GPU has driver=keep, or NULL. */
static const struct holder *keeper_of(const struct report *report, const struct pci_device *gpu)
{
	struct list holders = facts_holders(report->facts, gpu, report->arena);
	for (size_t i = 0; i < holders.n; i++) {
		const struct holder *holder = holders.item[i];
		if (holder->entry && holder->entry->parsed.keep_driver)
			return holder;
	}
	return NULL;
}

/* What VMs get of it is made by the driver that holds it. */
static bool serves_parts(const struct pci_device *gpu)
{
	return gpu->virtfns.n || gpu->sriov_active > 0 ||
	       (pci_is_virtual(gpu) && gpu->mdev == KNOWN_YES);
}

void check_host_driver(struct report *report, const struct check *check)
{
	for (size_t i = 0; i < report->facts->devices.n; i++) {
		const struct pci_device *gpu = report->facts->devices.item[i];
		if (!pci_is_gpu(gpu) || (pci_is_virtual(gpu) && gpu != report->gpu))
			continue;
		struct finding *finding = NULL;
		const struct holder *keeper =
				gpu->driver && !device_on_vfio(gpu) ? keeper_of(report, gpu) : NULL;
		if (!gpu->driver && report->facts->drivers_known != KNOWN_YES) {
			finding = report_add(report, check, STATUS_UNKNOWN, subject_device(gpu),
					"Which driver holds it is not recorded.");
		} else if (!gpu->driver) {
			finding = report_add(report, check, STATUS_OK, subject_device(gpu),
					"No host driver holds it.");
		} else if (device_on_vfio(gpu)) {
			finding = report_add(report, check, STATUS_OK, subject_device(gpu),
					"It is on vfio-pci.");
		} else if (keeper) {
			finding = report_add(report, check, STATUS_INFO, subject_device(gpu),
					"%s holds it, and VM %u asks for it with driver=keep: Proxmox VE leaves it there.",
					gpu->driver, keeper->id);
		} else if (serves_parts(gpu)) {
			finding = report_add(report, check, STATUS_INFO, subject_device(gpu),
					"%s holds it and must stay: %s.", gpu->driver,
					pci_is_virtual(gpu) ? "it makes vGPUs of it"
							    : "its virtual functions need it");
		} else if (driver_clings(gpu->driver)) {
			finding = report_add(report, check,
					report->gpu == gpu ? STATUS_WARN : STATUS_INFO,
					subject_device(gpu), "%s holds it: %s.", gpu->driver,
					driver_clings(gpu->driver));
			if (!vfio_takes_at_boot(report, gpu))
				finding_fix(report, finding, FIX_BY_HAND,
						"bind it to vfio-pci at boot if a VM is to have it");
		} else {
			finding = report_add(report, check, STATUS_INFO, subject_device(gpu),
					"%s holds it; Proxmox VE unbinds it when the VM starts.",
					gpu->driver);
		}
		finding_evidence(report, finding, "/sys/bus/pci/devices", "%s driver: %s",
				gpu->name, gpu->driver ? gpu->driver : "none");
		add_rules(report, finding, gpu);
	}
}

/* The ids vfio-pci is told to take at boot, and the entry of the line that says so. */
const char *configured_ids(const struct report *report, const struct modprobe_entry **entry)
{
	return modprobe_option(&report->facts->modprobe, "vfio-pci", "ids", entry);
}

bool ids_have(const char *ids, const struct pci_device *device)
{
	char id[] = "10de:2206";
	if (!ids || device->vendor == 0xffff)
		return false; /* none, or its own are not known */
	text_put_hex(id, device->vendor, 4);
	text_put_hex(id + 5, device->device, 4);
	while (*ids) {
		size_t n = (size_t)(strchrnul(ids, ',') - ids);
		/* Vendor and device; more fields after them narrow the match. */
		if (n >= 9 && strncasecmp(ids, id, 9) == 0 && (n == 9 || ids[9] == ':'))
			return true;
		ids += n;
		ids += *ids == ',';
	}
	return false;
}

bool vfio_takes_at_boot(const struct report *report, const struct pci_device *device)
{
	const char *parameter = cmdline_value(&report->facts->cmdline_words, "vfio-pci.ids");
	return ids_have(configured_ids(report, NULL), device) || ids_have(parameter, device) ||
	       strings_has(&report->facts->overrides, device->name);
}

/* The goal gives both away, and the other one in the same way. */
static bool both_bound_early(const struct report *report, const struct pci_device *device,
		const struct pci_device *other)
{
	const struct report *part = part_takes(report, other);
	return part && part->decided[CHOOSE_BIND_EARLY] && part_takes(report, device);
}

const struct pci_device *twin_of(const struct report *report, const struct pci_device *device)
{
	for (size_t i = 0; device->vendor != 0xffff && i < report->facts->devices.n; i++) {
		const struct pci_device *other = report->facts->devices.item[i];
		if (other != device && other->vendor == device->vendor &&
				other->device == device->device &&
				!both_bound_early(report, device, other) &&
				(pci_is_gpu(other) || !pci_address_same_slot(&other->address,
								      &device->address)))
			return other;
	}
	return NULL;
}

void add_rivals(const struct report *report, const struct pci_device *function,
		struct strings *rivals)
{
	struct strings found = facts_rivals(report->facts, function, report->arena);
	for (size_t i = 0; i < found.n; i++)
		if (!strings_has(rivals, found.item[i]))
			strings_add(report->arena, rivals, found.item[i]);
}

void check_vfio_binding(struct report *report, const struct check *check)
{
	const struct pci_device *gpu = report->gpu;
	if (!gpu) {
		(void)report_add(report, check, STATUS_INFO, subject_host(),
				"Decided when a GPU is chosen.");
		return;
	}
	bool all_bound = true;
	bool all_configured = true;
	struct strings rivals = {0};
	const struct pci_device *twin = twin_of_card(report);
	bool ids_known = true;
	for (size_t i = 0; i < report->card.n; i++) {
		const struct pci_device *function = report->card.item[i];
		all_bound = all_bound && device_on_vfio(function);
		all_configured = all_configured && vfio_takes_at_boot(report, function);
		if (!strings_has(&report->facts->overrides, function->name))
			add_rivals(report, function, &rivals);
		ids_known = ids_known && function->vendor != 0xffff;
	}
	if (all_bound) {
		(void)report_add(report, check, STATUS_OK, subject_device(gpu),
				"All functions are on vfio-pci.");
	} else if (!report->decided[CHOOSE_BIND_EARLY]) {
		(void)report_add(report, check, STATUS_OK, subject_device(gpu), "At VM start: %s.",
				report->bind_reason);
	} else if (report->goes_along) {
		struct finding *finding = report_add(report, check, STATUS_WARN,
				subject_device(gpu),
				"Bound at boot, %s goes along: vfio-pci has its ids, too, and would come before %s. Let Proxmox VE bind it when the VM starts (--bind at-start).",
				report->goes_along->name, report->goes_along->driver);
		finding->risk = RISK_NEVER;
	} else if (all_configured && rivals.n) {
		struct finding *finding =
				report_add(report, check, STATUS_WARN, subject_device(gpu),
						"vfio-pci has its ids, but %s may take it first.",
						strings_join(report->arena, &rivals, ", "));
		finding_fix(report, finding, FIX_BY_PLAN, "tell %s to wait for vfio-pci",
				strings_join(report->arena, &rivals, ", "));
	} else if (all_configured) {
		struct finding *finding = report_add(report, check, STATUS_WARN,
				subject_device(gpu), "Configured, but not bound yet.");
		finding_fix(report, finding, FIX_BY_REBOOT, "reboot");
	} else if (!ids_known) {
		struct finding *finding = report_add(report, check, STATUS_UNKNOWN,
				subject_device(gpu),
				"Its ids are not recorded, so it cannot be bound by them.");
		finding->risk = RISK_NEVER;
	} else if (twin) {
		struct finding *finding = report_add(report, check, STATUS_INFO,
				subject_device(gpu),
				"To be bound at boot by its address, because %s has the same id and stays with the host.",
				twin->name);
		finding_fix(report, finding, FIX_BY_PLAN,
				"a script in the initramfs gives these addresses to vfio-pci before any other driver is loaded");
	} else {
		struct finding *finding = report_add(report, check, STATUS_INFO,
				subject_device(gpu), "To be bound at boot: %s.",
				report->goal->chosen[CHOOSE_BIND_EARLY] == CHOICE_YES
						? "asked for"
						: report->bind_reason);
		finding_fix(report, finding, FIX_BY_PLAN, "tell vfio-pci its ids at boot");
	}
}

/* Several ids= are not added up: the last one is what vfio-pci gets. */
static void judge_repeated_ids(struct report *report, const struct check *check)
{
	size_t n = 0;
	struct finding *finding = NULL;
	for (size_t i = 0; i < report->facts->modprobe.n; i++) {
		const struct modprobe_entry *entry = report->facts->modprobe.item[i];
		if (strcmp(entry->command, "options") == 0 &&
				modules_same_name(entry->module, "vfio-pci"))
			for (size_t w = 0; w < entry->words.n; w++)
				n += text_starts(entry->words.item[w], "ids=");
	}
	const char *ids = configured_ids(report, NULL);
	if (n < 2 || !ids)
		return;
	finding = report_add(report, check, STATUS_WARN, subject_host(),
			"ids= is set %zu times; only the last one counts: %s.", n, ids);
	finding_fix(report, finding, FIX_BY_HAND, "put all ids into one ids=, with commas");
}

static bool some_ids_unknown(const struct facts *facts)
{
	for (size_t i = 0; i < facts->devices.n; i++)
		if (((const struct pci_device *)facts->devices.item[i])->vendor == 0xffff)
			return true;
	return false;
}

/* In the slot of a processor's GPU, not of the GPU, and given to no VM. */
static bool part_of_processor(const struct report *report, const struct pci_device *device)
{
	const struct facts *facts = report->facts;
	for (size_t i = 0; i < facts->vms.n; i++) {
		const struct vm *vm = facts->vms.item[i];
		for (size_t e = 0; e < vm->hostpci.n; e++)
			if (facts_in_list(&((const struct vm_hostpci *)vm->hostpci.item[e])
							    ->devices,
					    device))
				return false;
	}
	struct list slot = facts_slot(facts, device, report->arena);
	for (size_t i = 0; i < slot.n; i++) {
		const struct pci_device *gpu = slot.item[i];
		struct list card = facts_card(facts, gpu, report->arena);
		if (pci_is_gpu(gpu) && !pci_is_gpu(device) && !facts_in_list(&card, device))
			return true;
	}
	return false;
}

/* What ids= takes of several devices with one id, all in one finding; NULL when there are none. A
 * pool that is on vfio-pci as a whole is meant to be. */
static struct finding *judge_shared_ids(
		struct report *report, const struct check *check, const char *ids)
{
	const struct pci_device *first = NULL;
	struct strings names = {0};
	bool driven = false;
	for (size_t i = 0; i < report->facts->devices.n; i++) {
		const struct pci_device *device = report->facts->devices.item[i];
		if (pci_is_bridge(device) || !ids_have(ids, device) || device->uses.n ||
				!twin_of(report, device))
			continue;
		first = first ? first : device;
		strings_add(report->arena, &names, device->name);
		driven = driven || !device_on_vfio(device);
	}
	if (!first)
		return NULL;
	return report_add(report, check, driven ? STATUS_WARN : STATUS_INFO, subject_device(first),
			"ids= takes %s: each has the id of another%s.",
			strings_join(report->arena, &names, ", "),
			driven ? "" : ", and all of them are on vfio-pci");
}

void check_ids_overreach(struct report *report, const struct check *check)
{
	const struct facts *facts = report->facts;
	const struct modprobe_entry *entry = NULL;
	const char *ids = configured_ids(report, &entry);
	const char *source = entry ? entry->file : "/proc/cmdline";
	if (!ids)
		ids = cmdline_value(&facts->cmdline_words, "vfio-pci.ids");
	if (!ids || !*ids) {
		(void)report_add(report, check, facts->cmdline_running ? STATUS_OK : STATUS_UNKNOWN,
				subject_host(),
				facts->cmdline_running
						? "vfio-pci has no ids= option."
						: "No ids= in modprobe.d; the command line could not be read.");
		return;
	}
	judge_repeated_ids(report, check);
	struct strings taken = {0};
	struct finding *shared = judge_shared_ids(report, check, ids);
	bool found = shared;
	if (shared)
		finding_evidence(report, shared, source, "ids=%s", ids);
	for (size_t i = 0; i < facts->devices.n; i++) {
		const struct pci_device *device = facts->devices.item[i];
		if (pci_is_bridge(device) || !ids_have(ids, device))
			continue;
		strings_add(report->arena, &taken, device->name);
		struct finding *finding = NULL;
		if (device->uses.n) {
			const struct host_use *use = device->uses.item[0];
			finding = report_add(report, check, STATUS_FAIL, subject_device(device),
					"ids= takes %s, which the host needs: %s.", device->label,
					use->what);
			finding_fix(report, finding, FIX_BY_HAND,
					"take %04x:%04x out of ids=", device->vendor,
					device->device);
		} else if (part_of_processor(report, device)) {
			finding = report_add(report, check, STATUS_WARN, subject_device(device),
					"ids= takes %s, a part of the processor that shares the GPU's slot: the host may need it.",
					device->label);
		}
		if (finding) {
			found = true;
			finding_evidence(report, finding, source, "ids=%s", ids);
		}
	}
	if (found)
		return;
	bool unsure = !taken.n && some_ids_unknown(facts);
	struct finding *finding = report_add(report, check,
			taken.n  ? STATUS_OK
			: unsure ? STATUS_UNKNOWN
				 : STATUS_INFO,
			subject_host(),
			taken.n  ? "It takes %s."
			: unsure ? "It names no device of those whose ids are recorded%s."
				 : "It names no device of this host%s.",
			taken.n ? strings_join(report->arena, &taken, ", ") : "");
	finding_evidence(report, finding, source, "ids=%s", ids);
}

void check_unsafe_interrupts(struct report *report, const struct check *check)
{
	const struct facts *facts = report->facts;
	const struct modprobe_entry *entry = NULL;
	const char *value = modprobe_option(
			&facts->modprobe, "vfio_iommu_type1", "allow_unsafe_interrupts", &entry);
	const char *source = entry ? entry->file : "/proc/cmdline";
	if (!value)
		value = cmdline_value(
				&facts->cmdline_words, "vfio_iommu_type1.allow_unsafe_interrupts");
	if (!value && !facts->cmdline_running) {
		(void)report_add(report, check, STATUS_UNKNOWN, subject_host(),
				"Not in modprobe.d; the running command line could not be read.");
		return;
	}
	if (!value || strcmp(value, "0") == 0 || strcasecmp(value, "n") == 0) {
		(void)report_add(report, check, STATUS_OK, subject_host(), "Not allowed.");
		return;
	}
	bool needless = facts->interrupt_remapping == KNOWN_YES;
	struct finding *finding = report_add(report, check, needless ? STATUS_INFO : STATUS_WARN,
			subject_host(),
			needless ? "allow_unsafe_interrupts=%s is set, but the platform has interrupt remapping: "
				   "it has no effect and is not needed."
				 : "allow_unsafe_interrupts=%s is set: a guest can send interrupts to the host.",
			value);
	finding_evidence(report, finding, source, "allow_unsafe_interrupts=%s", value);
	finding_fix(report, finding, FIX_BY_HAND,
			needless ? "take it out"
				 : "take it out unless the machine has no interrupt remapping");
}

/* What keeps vfio-pci from loading, or from being first. */
void check_modprobe_conflict(struct report *report, const struct check *check)
{
	size_t found = 0;
	for (size_t i = 0; i < report->facts->modprobe.n; i++) {
		const struct modprobe_entry *entry = report->facts->modprobe.item[i];
		bool vfio = modules_same_name(entry->module, "vfio-pci") ||
			    modules_same_name(entry->module, "vfio") ||
			    modules_same_name(entry->module, "vfio_iommu_type1");
		bool install = strcmp(entry->command, "install") == 0 && entry->words.n;
		bool never = install && (text_ends(entry->words.item[0], "/false") ||
							text_ends(entry->words.item[0], "/true"));
		if (!vfio || (strcmp(entry->command, "blacklist") != 0 && !install))
			continue;
		found++;
		struct finding *finding = report_add(report, check,
				never ? STATUS_FAIL : STATUS_WARN, subject_path(entry->file),
				install && !never
						? "%s %s runs a command of its own instead of loading the module: what that does is not known here%s."
						: "%s keeps %s from being loaded%s.",
				entry->command, entry->module, install ? "" : " by itself");
		finding_evidence(report, finding, entry->file, "line %zu: %s %s", entry->line,
				entry->command, entry->module);
		finding_fix(report, finding, FIX_BY_HAND, "take that line out");
	}
	if (!found)
		(void)report_add(report, check, STATUS_OK, subject_host(),
				"Nothing keeps vfio-pci away.");
}

void check_initramfs_stale(struct report *report, const struct check *check)
{
	const struct facts *facts = report->facts;
	bool captured = facts->root_kind == ROOT_CAPTURED;
	if (!facts->initramfs || (captured && facts->initramfs_read != KNOWN_YES)) {
		(void)report_add(report, check, STATUS_UNKNOWN, subject_host(),
				facts->initramfs
						? "The image could not be read, and the times of a captured tree tell nothing."
						: "The initramfs of the running kernel was not found.");
		return;
	}
	const struct strings *newer = &facts->initramfs_newer;
	const struct strings *differs = &facts->initramfs_differs;
	bool stale = newer->n || differs->n;
	struct finding *finding = NULL;
	if (differs->n)
		finding = report_add(report, check, STATUS_WARN, subject_host(),
				"The initramfs was made from other files: %s. It does not count early in the boot.",
				strings_join(report->arena, differs, ", "));
	else if (newer->n)
		finding = report_add(report, check, STATUS_WARN, subject_host(),
				"%s was changed after the initramfs was made: what it says does not count early in the boot.",
				strings_join(report->arena, newer, ", "));
	else
		finding = report_add(report, check, STATUS_OK, subject_host(),
				facts->initramfs_read == KNOWN_YES
						? "The initramfs holds what it would be made from."
						: "The initramfs is newer than what it is made from.");
	finding_evidence(report, finding, facts->initramfs, "%s",
			differs->n ? "what it holds"
			: newer->n ? "older than that"
				   : "compared");
	if (stale)
		finding_fix(report, finding, FIX_BY_HAND, "update-initramfs -u -k all");
}
