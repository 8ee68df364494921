/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include <sys/stat.h>

#include "core/facts/internal.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/vfct.h"

/* ROM files: PVE puts /usr/share/kvm/ before a line's romfile, whatever it is
 * (PVE/QemuServer/PCI.pm), so that is where they lie, beside those of QEMU itself. */

static const char directory[] = "/usr/share/kvm";

/* QEMU's own (Debian package pve-qemu-kvm) are for the devices it emulates. */
static bool is_of_qemu(const char *name)
{
	static const char *const starts[] = {"bios", "edk2-", "efi-", "kvmvapic", "linuxboot",
			"multiboot", "npcm", "openbios", "opensbi", "pvh", "pxe-", "qboot", "QEMU,",
			"qemu_", "s390", "sgabios", "skiboot", "slof", "u-boot", "vgabios", "vof",
			"OVMF", "AAVMF", "ast27", "bamboo", "canyonlands", "firmware", "hppa-",
			"keymaps", "palcode", "petalogix", "pnv-", "trace-events"};
	for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
		if (text_starts(name, starts[i]))
			return true;
	return false;
}

/* What it is, is not part of a capture. */
static void read_table(const struct root *root, struct facts *facts)
{
	static const char path[] = "/sys/firmware/acpi/tables/VFCT";
	struct arena *scratch = arena_new();
	char *bytes = NULL;
	size_t n = 0;
	size_t at = 0;
	struct vfct_image image;
	bool read = !root_is_watched(root) && root_exists(root, path) &&
		    root_read(root, path, scratch, &bytes, &n, NULL) == 0;
	while (read && vfct_next((const unsigned char *)bytes, n, &at, &image))
		for (size_t i = 0; i < facts->devices.n; i++) {
			struct pci_device *gpu = facts->devices.item[i];
			if (pci_is_gpu(gpu) && !gpu->address.domain &&
					gpu->address.bus == image.bus &&
					gpu->address.device == image.device &&
					gpu->address.function == image.function &&
					gpu->vendor == image.vendor_id)
				gpu->vfct_size = image.n;
		}
	arena_free(scratch);
}

struct rom_file *facts_rom_file(const struct facts *facts, const char *name)
{
	for (size_t i = 0; i < facts->rom_files.n; i++) {
		struct rom_file *file = facts->rom_files.item[i];
		if (strcmp(file->name, name) == 0)
			return file;
	}
	return NULL;
}

/* What is in it is not part of a capture. */
static void read_content(const struct root *root, struct facts *facts, struct rom_file *file,
		const char *path)
{
	struct arena *scratch = arena_new();
	char *bytes = NULL;
	size_t n = 0;
	struct error error = {0};
	if (root_kind(root) == ROOT_CAPTURED || root_is_watched(root))
		file->error = arena_strdup(facts->arena, "what is in it is not recorded");
	else if (root_read(root, path, scratch, &bytes, &n, &error) < 0)
		file->error = arena_strdup(facts->arena, error.text);
	else
		(void)pci_rom_read((const unsigned char *)bytes, n, &file->rom);
	file->size = n;
	arena_free(scratch);
}

static void add_file(const struct root *root, struct facts *facts, const char *name, bool listed)
{
	char *path = arena_printf(facts->arena, "%s/%s", directory, name);
	if (facts_rom_file(facts, name) || !root_exists(root, path))
		return;
	struct rom_file *file = arena_alloc(facts->arena, sizeof *file);
	file->name = arena_strdup(facts->arena, name);
	if (listed && is_of_qemu(name))
		file->error = arena_strdup(facts->arena,
				"it is one of QEMU's own by its name, and was not looked into");
	else
		read_content(root, facts, file, path);
	list_add(facts->arena, &facts->rom_files, file);
}

static void add_named(const struct root *root, struct facts *facts, const struct list *entries)
{
	for (size_t i = 0; i < entries->n; i++) {
		struct vm_hostpci *entry = entries->item[i];
		const char *name = entry->parsed.romfile;
		if (!name)
			continue;
		add_file(root, facts, name, false);
		entry->rom = facts_rom_file(facts, name);
	}
}

void facts_read_roms(const struct root *root, struct facts *facts)
{
	struct strings names = {0};
	read_table(root, facts);
	facts->roms_known = root_exists(root, directory) ? KNOWN_YES : KNOWN_UNKNOWN;
	if (facts->roms_known != KNOWN_YES)
		return;
	for (size_t i = 0; i < facts->vms.n; i++) {
		const struct vm *vm = facts->vms.item[i];
		add_named(root, facts, &vm->hostpci);
		add_named(root, facts, &vm->pending);
	}
	(void)root_list(root, directory, facts->arena, &names);
	for (size_t i = 0; i < names.n; i++)
		if (pci_rom_name_is_valid(names.item[i]))
			add_file(root, facts, names.item[i], true);
}
