/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/checks/questions.h"
#include "pvegpu/base/text.h"

/* ROMs: what the card shows of its own, and the files that lines give it instead. */

static const char kept_in[] = "/usr/share/kvm";

static void judge_rom(struct report *report, const struct check *check, struct pci_device *gpu)
{
	const char *source = arena_printf(report->arena, "/sys/bus/pci/devices/%s/rom", gpu->name);
	struct finding *finding = NULL;
	if (gpu->vendor == 0x1002 && facts_in_processor(report->facts, gpu)) {
		finding = report_add(report, check, STATUS_INFO, subject_device(gpu),
				"It is in the processor: its ROM is in the board's firmware (ACPI, VFCT), not on a "
				"card. A guest that shows its boot on it needs that as a romfile%s.",
				gpu->vfct_size ? ": --save-rom" : "");
		if (gpu->vfct_size)
			finding_evidence(report, finding, "/sys/firmware/acpi/tables/VFCT",
					"%zu bytes for %s", gpu->vfct_size, gpu->name);
		return;
	}
	if (gpu->rom == KNOWN_UNKNOWN || !report->facts->all_recorded) {
		(void)report_add(report, check, STATUS_UNKNOWN, subject_device(gpu),
				"Whether it has a ROM is not recorded.");
		return;
	}
	if (gpu->rom == KNOWN_NO) {
		finding = report_add(report, check, STATUS_INFO, subject_device(gpu),
				"It shows no ROM of its own. A guest that shows its boot on it needs a romfile; one without a screen does not.");
		finding_evidence(report, finding, source, "no such file");
	} else if (gpu->boot_vga == KNOWN_YES) {
		finding = report_add(report, check, STATUS_INFO, subject_device(gpu),
				"Its ROM was run by the host's firmware, and what the guest reads of it may be a changed "
				"copy. If the guest's screen stays black, give it a romfile.");
		finding_evidence(report, finding, source, "the host booted with this GPU");
	} else {
		finding = report_add(report, check, STATUS_OK, subject_device(gpu),
				"It has its own ROM, which the guest reads by itself: no romfile is needed.");
		finding_evidence(report, finding, source, "it is there");
	}
}

void check_gpu_rom(struct report *report, const struct check *check)
{
	for_each_gpu(report, check, GPUS_GIVEN, judge_rom);
}

/* A line with a ROM file, or the one that is to be. */
struct use {
	const struct vm *vm;
	const struct pci_device *device; /* whose ROM it is to be, or NULL: not known */
	const char *name;
	const struct rom_file *file; /* NULL: it is not there */
};

struct trouble {
	enum status status; /* OK: none */
	const char *text;   /* behind the line's name */
	const char *fix;
	bool prevents_start;
};

static struct trouble without_file(const struct report *report, const struct use *use)
{
	bool blank = strpbrk(use->name, " \t#") != NULL;
	if (report->facts->roms_known != KNOWN_YES && use->name[0] != '/')
		return (struct trouble){.status = STATUS_UNKNOWN,
				.text = arena_printf(report->arena,
						" names the ROM file %s; %s is not recorded.",
						use->name, kept_in)};
	return (struct trouble){.status = STATUS_FAIL,
			.prevents_start = true,
			.text = arena_printf(report->arena,
					": there is no %s/%s, so the VM cannot start.%s", kept_in,
					use->name,
					blank ? " All that stands there is the name, blanks and # as well."
					      : ""),
			.fix = "put the file into /usr/share/kvm and give its name only"};
}

/* For whom it is: "10de:1b80, 10de:1b81". */
static char *whose(struct arena *arena, const struct pci_rom *rom)
{
	struct text text = {0};
	for (size_t i = 0; i < rom->n_ids && i < 4; i++)
		text_addf(&text, "%s%04x:%04x", i ? ", " : "", rom->ids[i].vendor,
				rom->ids[i].device);
	return text_take(&text, arena);
}

/* What is wrong with a ROM, for this device and this guest. */
static struct trouble with_rom(const struct report *report, const struct use *use)
{
	const struct pci_rom *rom = &use->file->rom;
	const struct pci_device *device = use->device;
	struct arena *arena = report->arena;
	bool ovmf = vm_value_is_ovmf(vm_get_next(use->vm, "bios"));
	bool known = device && device->vendor != 0xffff;
	if (known && !pci_rom_is_for(rom, device->vendor, device->device))
		return (struct trouble){.status = STATUS_WARN,
				.text = arena_printf(arena,
						": the ROM file %s is for %s, and the line gives %04x:%04x: the guest's firmware passes over it.",
						use->name, whose(arena, rom), device->vendor,
						device->device),
				.fix = "take a ROM of this very card"};
	if (rom->checksum_wrong)
		return (struct trouble){.status = STATUS_WARN,
				.text = arena_printf(arena,
						": the bytes of the ROM file %s do not add up: it was changed, or read badly.",
						use->name),
				.fix = "read it again, or take another copy"};
	if (ovmf ? rom->efi : rom->bios)
		return (struct trouble){.status = STATUS_OK};
	return (struct trouble){.status = STATUS_INFO,
			.text = arena_printf(arena,
					ovmf ? ": the ROM file %s has no UEFI driver (GOP): the guest's screen shows nothing before its own driver does."
					     : ": the ROM file %s has nothing for a BIOS, and the VM has SeaBIOS: with bios: ovmf it shows the boot.",
					use->name)};
}

static struct trouble judge_use(const struct report *report, const struct use *use)
{
	const struct rom_file *file = use->file;
	if (!file)
		return without_file(report, use);
	if (file->error)
		return (struct trouble){.status = STATUS_UNKNOWN,
				.text = arena_printf(report->arena, ": the ROM file %s: %s.",
						use->name, file->error)};
	if (!file->rom.problem)
		return with_rom(report, use);
	/* QEMU (hw/pci/pci.c, pci_add_option_rom) ends with an empty one, and takes any other. */
	return (struct trouble){.status = file->size ? STATUS_WARN : STATUS_FAIL,
			.prevents_start = !file->size,
			.text = arena_printf(report->arena, ": the ROM file %s %s.", use->name,
					file->rom.problem),
			.fix = "take a ROM of this very card, or leave romfile away"};
}

/* 10de-2206-0000-01-00.rom, of the GPU's slot. */
static const char *own_name(const struct report *report)
{
	const struct pci_device *gpu = report->gpu;
	return arena_printf(report->arena, "%04x-%04x-%04x-%02x-%02x.rom", gpu->vendor, gpu->device,
			gpu->address.domain, gpu->address.bus, gpu->address.device);
}

bool rom_is_in_table(const struct pci_device *gpu)
{
	return gpu->vfct_size && (gpu->rom != KNOWN_YES || gpu->boot_vga == KNOWN_YES);
}

static bool is_to_save(const struct report *report)
{
	return report->decided[CHOOSE_SAVE_ROM] && report->decided[CHOOSE_ATTACH] && report->vm &&
	       report->gpu;
}

static bool saves(const struct report *report)
{
	return is_to_save(report) && !report->goal->values[CHOOSE_ROMFILE];
}

static bool judge_romfile(struct report *report, const struct check *check, const struct vm *vm,
		const struct vm_hostpci *entry)
{
	const char *name = entry->valid ? entry->parsed.romfile : NULL;
	/* The goal's own line is judged as it will be. */
	if (vm == report->vm && report->gpu && facts_in_list(&entry->devices, report->gpu) &&
			report->decided[CHOOSE_ATTACH] &&
			(report->goal->values[CHOOSE_ROMFILE] || saves(report)))
		return false;
	const struct use use = {.vm = vm,
			/* Function 0 gets it (PVE/QemuServer/PCI.pm). */
			.device = entry->devices.n ? entry->devices.item[0] : NULL,
			.name = name,
			.file = entry->rom};
	const struct trouble trouble =
			name ? judge_use(report, &use) : (struct trouble){.status = STATUS_OK};
	if (trouble.status == STATUS_OK)
		return false;
	struct finding *finding = report_add(report, check, trouble.status, subject_vm(vm),
			"%s of %u %s%s", entry->key, vm->vmid, vm->name, trouble.text);
	finding_evidence(report, finding, vm->path, "%s: %s", entry->key, entry->value);
	finding->prevents_start = trouble.prevents_start;
	if (trouble.fix)
		finding_fix(report, finding, FIX_BY_HAND, "%s", trouble.fix);
	return true;
}

static const char *chosen_rom(const struct report *report)
{
	const char *chosen = report->goal->values[CHOOSE_ROMFILE];
	return chosen && strcmp(chosen, "none") != 0 ? chosen : NULL;
}

const char *rom_to_save(const struct report *report)
{
	return saves(report) && !facts_rom_file(report->facts, own_name(report)) ? own_name(report)
										 : NULL;
}

const char *rom_of_line(const struct report *report, const struct vm_hostpci *line)
{
	if (report->goal->values[CHOOSE_ROMFILE])
		return chosen_rom(report);
	if (saves(report))
		return own_name(report);
	return line ? line->parsed.romfile : NULL;
}

/* The one that is asked for. What the VM would not start with is refused; what the guest would
 * pass over has to be accepted. */
static bool judge_chosen(struct report *report, const struct check *check)
{
	const char *name = chosen_rom(report);
	if (!name || !report->vm || !report->gpu || !report->decided[CHOOSE_ATTACH])
		return false;
	const struct use use = {.vm = report->vm,
			.device = report->gpu,
			.name = name,
			.file = facts_rom_file(report->facts, name)};
	const struct trouble trouble = judge_use(report, &use);
	if (trouble.status == STATUS_OK)
		return false;
	struct finding *finding = report_add(report, check, trouble.status, subject_vm(report->vm),
			"What is asked for%s", trouble.text);
	finding_evidence(report, finding, kept_in, "%s", name);
	finding->risk = trouble.prevents_start          ? RISK_NEVER
			: trouble.status == STATUS_INFO ? RISK_NONE
							: RISK_ACCEPT;
	if (trouble.fix)
		finding_fix(report, finding, FIX_BY_HAND, "%s", trouble.fix);
	return true;
}

/* A guest that runs with it, or may: what is read of it then is nobody's to say. */
static const char *held_by(const struct report *report)
{
	struct list holders = facts_holders(report->facts, report->gpu, report->arena);
	for (size_t i = 0; i < holders.n; i++) {
		const char *has = holder_has_text(report->arena, holders.item[i], "it");
		if (has)
			return has;
	}
	return NULL;
}

/* The card's own is to be saved, or was and is to be named. */
static bool judge_save(struct report *report, const struct check *check)
{
	struct arena *arena = report->arena;
	if (!is_to_save(report))
		return false;
	if (!saves(report)) {
		report_add(report, check, STATUS_FAIL, subject_device(report->gpu),
				"Its ROM is to be saved and named, and another is asked for too (%s): leave one out.",
				report->goal->values[CHOOSE_ROMFILE])
				->risk = RISK_NEVER;
		return true;
	}
	const struct rom_file *file = facts_rom_file(report->facts, own_name(report));
	const char *reason = report->gpu->rom != KNOWN_YES && !rom_is_in_table(report->gpu)
					     ? "it shows no ROM of its own"
			     : report->facts->remote ? "that takes the node itself"
			     : report->facts->roms_known != KNOWN_YES
					     ? "/usr/share/kvm is not there"
					     : NULL;
	if (file && (file->error || file->rom.problem ||
				    !pci_rom_is_for(&file->rom, report->gpu->vendor,
						    report->gpu->device)))
		reason = arena_printf(arena, "%s/%s is there, and is not its ROM", kept_in,
				own_name(report));
	else if (file)
		return false;
	reason = reason ? reason : held_by(report);
	bool table = rom_is_in_table(report->gpu);
	/* drivers/pci/rom.c: of the display that it booted with the kernel may show the copy in
	 * memory that the firmware ran, and changed. */
	bool copy = !table && report->gpu->boot_vga == KNOWN_YES;
	struct finding *finding = report_add(report, check,
			reason ? STATUS_FAIL
			: copy ? STATUS_WARN
			       : STATUS_INFO,
			subject_device(report->gpu),
			reason ? "Its ROM cannot be saved: %s."
			: copy ? "Its ROM is to be saved as %s. The host booted with it: what it shows may be the copy that the firmware ran, and changed."
			       : "Its ROM is to be saved as %s.",
			reason ? reason : own_name(report));
	if (table)
		finding_evidence(report, finding, "/sys/firmware/acpi/tables/VFCT",
				"%zu bytes for %s", report->gpu->vfct_size, report->gpu->name);
	else
		finding_evidence(report, finding,
				arena_printf(arena, "/sys/bus/pci/devices/%s/rom",
						report->gpu->name),
				report->gpu->rom == KNOWN_YES ? "it is there" : "no such file");
	if (copy && !reason)
		finding->risk = RISK_ACCEPT;
	if (reason)
		finding->risk = RISK_NEVER;
	else
		finding_fix(report, finding, FIX_BY_PLAN, "save it");
	return true;
}

/* PVE/API2/Qemu.pm (since 9.2.6 and 8.4.10): the line as it is written must have none. */
static bool judge_right(struct report *report, const struct check *check)
{
	const char *name = rom_of_line(report, report->line);
	if (!name || report->facts->identity_root || !attach_needs_change(report))
		return false;
	struct finding *finding = report_add(report, check, STATUS_FAIL, subject_vm(report->vm),
			"The line is to have romfile=%s, which only root@pam itself may set.",
			name);
	finding_evidence(report, finding, report->facts->api, "%s", report->facts->identity);
	finding_fix(report, finding, FIX_BY_HAND,
			"log in as root@pam, or leave it away: --romfile none");
	finding->risk = RISK_NEVER;
	return true;
}

void check_romfile(struct report *report, const struct check *check)
{
	if (vms_unknown(report, check))
		return;
	size_t found = for_each_hostpci(report, check, judge_romfile);
	found += judge_chosen(report, check);
	found += judge_right(report, check);
	found += judge_save(report, check);
	if (!found)
		tell_no_vm(report, check, "None is missing.");
}
