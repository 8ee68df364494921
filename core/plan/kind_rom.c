/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <signal.h>
#include <string.h>

#include "core/plan/internal.h"
#include "pvegpu/base/files.h"
#include "pvegpu/base/json.h"
#include "pvegpu/base/process.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/pci_rom.h"
#include "pvegpu/formats/vfct.h"

/*
 * The ROM of a card is saved as a file: `after` is the attribute `rom` that it is read from, or the
 * ACPI table VFCT, `before` the card's address, `path` the file. The attribute gives the ROM when 1
 * was written to it, until 0 is; a device without a driver must be enabled meanwhile
 * (Documentation/PCI/sysfs-pci.rst). In a tree that was kept of a host it is a file as any other,
 * with no such switch.
 */

enum { ROM_USUAL = 1024 * 1024 }; /* bytes there should be room for */

static bool is_from_table(const struct change *change)
{
	return strcmp(change->after, PLAN_ROM_TABLE) == 0;
}

/* "/sys/bus/pci/devices/0000:01:00.0/" */
static char *device_dir(struct arena *arena, const struct change *change)
{
	return arena_printf(arena, "/sys/bus/pci/devices/%s/", change->before);
}

static bool is_switched(const struct change_run *run, const struct change *change)
{
	return root_kind(run->root) == ROOT_LIVE && !is_from_table(change);
}

static int write_switch(
		struct change_run *run, const char *path, const char *value, struct error *err)
{
	char *real = NULL;
	int status = sysfs_attribute(run->root, path, run->arena, &real, err);
	return status < 0 ? status : file_write_attribute(run->root, real, value, err);
}

/* A number of the device ("0x10de"). */
static bool read_id(struct change_run *run, const char *path, unsigned long *ret_id)
{
	char *text = root_read_value(run->root, path, run->arena);
	return text && text_starts(text, "0x") && text_to_ulong(text + 2, 16, 0xffff, ret_id);
}

/* What is read is this card's ROM, whole; else why not. */
static const char *why_not_its(struct change_run *run, const struct change *change,
		const char *bytes, size_t n, struct pci_rom *ret_rom)
{
	const char *dir = device_dir(run->arena, change);
	unsigned long vendor = 0;
	unsigned long device = 0;
	if (!pci_rom_read((const unsigned char *)bytes, n, ret_rom))
		return ret_rom->problem;
	if (!read_id(run, arena_printf(run->arena, "%svendor", dir), &vendor) ||
			!read_id(run, arena_printf(run->arena, "%sdevice", dir), &device))
		return "is of a card whose ids cannot be read";
	return pci_rom_is_for(ret_rom, (uint16_t)vendor, (uint16_t)device) ? NULL
									   : "names another card";
}

/* The image of the card in the table; none where it is not there. */
static void take_image(struct change_run *run, const struct change *change, char **bytes, size_t *n)
{
	const unsigned char *table = (const unsigned char *)*bytes;
	struct pci_address address;
	struct vfct_image image;
	size_t size = *n;
	size_t at = 0;
	*n = 0;
	while (pci_address_parse_full(change->before, &address) &&
			vfct_next(table, size, &at, &image)) {
		if (address.domain || image.bus != address.bus || image.device != address.device ||
				image.function != address.function || !image.n)
			continue;
		*bytes = arena_memdup(run->arena, (const char *)image.rom, image.n);
		*n = image.n;
		return;
	}
}

static bool take_bytes(void *user, const char *bytes, size_t n)
{
	enum { ROM_MOST = 16 * ROM_USUAL };
	struct text *rom = user;
	text_add_bytes(rom, bytes, n);
	return rom->n <= ROM_MOST;
}

/* By another program: of a card that fell off the bus the read may not end, and then it is left to
 * the kernel. */
static int read_in_time(struct change_run *run, const char *path, char **ret_bytes, size_t *ret_n,
		struct error *err)
{
	enum { IN_TIME_S = 30 };
	const char *const argv[] = {"cat", path, NULL};
	struct text rom = {0};
	struct process_result result;
	int status = process_stream(
			run->root, argv, IN_TIME_S, take_bytes, &rom, run->arena, &result, err);
	*ret_n = rom.n;
	*ret_bytes = text_take(&rom, run->arena);
	if (status == 0 && result.exit_status == 128 + SIGKILL)
		return error_set(err, ERROR_IO,
				"cannot read '%s': it did not end within %d seconds; see dmesg, the card may be gone until the host is powered off",
				path, IN_TIME_S);
	if (status == 0 && result.exit_status != 0)
		return error_set(err, ERROR_IO, "cannot read '%s': %s", path,
				text_printable(run->arena,
						text_trim(run->arena, result.error_out,
								strlen(result.error_out))));
	return status;
}

/* Read it, with its switches set for that time alone. */
static int read_rom(struct change_run *run, const struct change *change, char **ret_bytes,
		size_t *ret_n, struct error *err)
{
	const char *dir = device_dir(run->arena, change);
	const char *enable = arena_printf(run->arena, "%senable", dir);
	char *now = root_read_value(run->root, enable, run->arena);
	bool enables = is_switched(run, change) && now && strcmp(now, "0") == 0 &&
		       !root_exists(run->root, arena_printf(run->arena, "%sdriver", dir));
	int status = enables ? write_switch(run, enable, "1", err) : 0;
	if (status == 0 && is_switched(run, change))
		status = write_switch(run, change->after, "1", err);
	if (status == 0 && is_switched(run, change))
		status = read_in_time(run, change->after, ret_bytes, ret_n, err);
	else if (status == 0)
		status = root_read(run->root, change->after, run->arena, ret_bytes, ret_n, err);
	if (status == 0 && is_from_table(change))
		take_image(run, change, ret_bytes, ret_n);
	struct error other = {0};
	int back = is_switched(run, change) ? write_switch(run, change->after, "0", &other) : 0;
	if (enables && write_switch(run, enable, "0", &other) < 0)
		back = ERROR_IO;
	if (status == 0 && back < 0) {
		(void)error_set(err, ERROR_IO, "%s", other.text);
		return ERROR_IO;
	}
	return status;
}

void plan_add_rom(struct plan *plan, const char *device, bool table, const char *path,
		const char *because)
{
	if (plan_find_path(plan, &kind_rom, path))
		return;
	struct change *change = plan_add_change(plan, &kind_rom);
	change->path = arena_strdup(plan->arena, path);
	change->before = arena_strdup(plan->arena, device);
	change->after = table ? arena_strdup(plan->arena, PLAN_ROM_TABLE)
			      : arena_printf(plan->arena, "/sys/bus/pci/devices/%s/rom", device);
	change->undo = arena_strdup(plan->arena,
			"the file is removed, where it still holds what the card shows");
	plan_add_because(plan, change, because);
}

static char *title(struct arena *arena, const struct change *change)
{
	return arena_printf(arena, "+ %s", change->path);
}

static void detail(struct text *text, struct arena *arena, const struct change *change)
{
	text_addf(text,
			"reads: %s\n  (%s)\nwrites: %s\n"
			"It is looked into first: 55 aa and PCIR of each image, whole, for this card. Else nothing is written.\n",
			change->after,
			is_from_table(change) ? arena_printf(arena, "the image of %s in it",
								change->before)
					      : "1 is written to it before, 0 after",
			change->path);
}

static void hash(struct text *text, const struct change *change)
{
	hash_field(text, change->path);
	hash_field(text, change->after);
	if (is_from_table(change))
		hash_field(text, change->before);
}

static void to_json(
		json_t *object, const struct plan *plan, const struct change *change, bool forecast)
{
	(void)plan;
	(void)forecast;
	(void)json_object_set_new(object, "path", json_text(change->path));
	(void)json_object_set_new(object, "from", json_text(change->after));
	(void)json_object_set_new(object, "device", json_text(change->before));
}

/* Of a plan from before the table was read the path of the attribute has it. */
static bool read_device(struct arena *arena, const json_t *json, struct change *change)
{
	static const char start[] = "/sys/bus/pci/devices/";
	struct pci_address address;
	const char *device = json_member(json, "device");
	bool attribute = change->after && text_starts(change->after, start);
	change->before = device      ? arena_strdup(arena, device)
			 : attribute ? arena_strndup(arena, change->after + strlen(start),
						       strcspn(change->after + strlen(start), "/"))
				     : NULL;
	if (!change->before || !pci_address_parse_full(change->before, &address))
		return false;
	return attribute ? strcmp(change->after, arena_printf(arena, "%s%s/rom", start,
								 change->before)) == 0
			 : change->after && is_from_table(change);
}

static bool from_json(struct arena *arena, const json_t *json, struct change *change)
{
	static const char kept[] = "/usr/share/kvm/";
	change->path = arena_strdup(arena, json_member(json, "path"));
	change->after = arena_strdup(arena, json_member(json, "from"));
	return change->path && text_starts(change->path, kept) &&
	       pci_rom_name_is_valid(change->path + strlen(kept)) &&
	       read_device(arena, json, change);
}

static int check(struct change_run *run, const struct change *change, struct error *err)
{
	int there = root_presence(run->root, change->path);
	if (there != 0)
		return error_set(err, ERROR_DRIFT, "'%s%s' is there %s: the plan saw none",
				root_dir(run->root), change->path, there > 0 ? "now" : "perhaps");
	if (root_presence(run->root, change->after) != 1)
		return error_set(err, ERROR_DRIFT, "there is no '%s%s' any more",
				root_dir(run->root), change->after);
	return file_check_place(run->root, change->path, ROM_USUAL, err);
}

static int apply(struct change_run *run, const struct change *change, struct error *err)
{
	char *bytes = NULL;
	size_t n = 0;
	struct pci_rom rom;
	struct error why = {0};
	int status = check(run, change, err);
	if (status == 0)
		status = read_rom(run, change, &bytes, &n, err);
	if (status < 0)
		return status;
	const char *reason = why_not_its(run, change, bytes, n, &rom);
	if (reason) {
		(void)error_set(&why, ERROR_REFUSED, "what '%s' gives %s; nothing was written",
				change->after, reason);
		error_hint(&why,
				"read it while the card is awake and no guest has it, or take a ROM from elsewhere");
		if (err)
			*err = why;
		return ERROR_REFUSED;
	}
	return file_replace(run->root, change->path, bytes, rom.size, 0644, err);
}

static int seen(struct change_run *run, const struct change *change, bool undone, struct error *err)
{
	char *bytes = NULL;
	size_t n = 0;
	struct pci_rom rom;
	if (undone)
		return root_presence(run->root, change->path) == 0
				       ? 0
				       : error_set(err, ERROR_IO, "'%s%s' is still there",
							 root_dir(run->root), change->path);
	int status = root_read(run->root, change->path, run->arena, &bytes, &n, err);
	const char *reason = status == 0 ? why_not_its(run, change, bytes, n, &rom) : NULL;
	return reason ? error_set(err, ERROR_IO, "'%s%s' %s", root_dir(run->root), change->path,
					reason)
		      : status;
}

/* Only what is the card's ROM as it was read is taken away unasked. */
static int undo(struct change_run *run, const struct change *change, bool *ret_kept,
		struct error *err)
{
	const char *kept = "";
	char *found = NULL;
	char *bytes = NULL;
	size_t n = 0;
	size_t size = 0;
	struct pci_rom rom = {0};
	int there = root_presence(run->root, change->path);
	if (there == 0)
		return 0;
	int status = there < 0 ? error_set(err, ERROR_IO, "'%s%s' cannot be looked at",
						 root_dir(run->root), change->path)
			       : root_read(run->root, change->path, run->arena, &found, &size, err);
	if (status < 0)
		return status;
	kept = found ? found : kept;
	bool same = read_rom(run, change, &bytes, &n, NULL) == 0 &&
		    !why_not_its(run, change, bytes, n, &rom) && rom.size == size &&
		    memcmp(bytes, kept, size) == 0;
	if (!same)
		*ret_kept = !run->ask ||
			    !run->ask(run->ask_user, change,
					    "Whether the file is as it was written cannot be seen: the card does not show its ROM now, or another one.\n");
	return *ret_kept ? 0 : file_remove(run->root, change->path, err);
}

const struct change_kind kind_rom = {
		.name = "rom",
		.one = "ROM file",
		.many = "ROM files",
		.place = 21, /* after the values of sysfs, before a line of a VM names it */
		.follows_reboot = true,
		.runs_on_host = true,
		.not_in_chroot = "a ROM file is undone on the running host, whose card shows it",
		.undo_order = UNDO_BACKWARDS,
		.title = title,
		.detail = detail,
		.hash = hash,
		.to_json = to_json,
		.from_json = from_json,
		.check = check,
		.apply = apply,
		.seen_to_have_worked = seen,
		.undo = undo,
};
