/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "pvegpu/base/text.h"
#include "pvegpu/doctor/doctor.h"

/*
 * Who has a card: processes that hold one of its device files open, and guests whose configuration
 * names it. /proc is walked once, with bounds; of a process of another user without the right to
 * look nothing is seen, and that is said.
 */
enum { PROCESSES_MAX = 20000, FILES_MAX = 200000, HOLDERS_MAX = 64 };

struct walk {
	const struct root *root;
	struct arena *arena;
	const struct pci_device *device;
	struct list holders;
	size_t processes, files, denied;
	bool stopped;
};

static void add_holder(struct walk *walk, char *what, char *how, enum known running, int order)
{
	if (walk->holders.n >= HOLDERS_MAX) {
		walk->stopped = true;
		return;
	}
	struct card_holder *holder = arena_alloc(walk->arena, sizeof *holder);
	*holder = (struct card_holder){
			.what = what, .how = how, .running = running, .order = order};
	list_add(walk->arena, &walk->holders, holder);
}

/* A device file that belongs to the card, or to any where none is asked for. */
static bool is_of_card(const struct walk *walk, const char *path)
{
	const struct pci_device *device = walk->device;
	if (text_starts(path, "/dev/nvidia"))
		return !device || device->vendor == 0x10de;
	if (text_starts(path, "/dev/vfio/")) {
		unsigned long group = 0;
		if (!text_to_ulong(path + 10, 10, 65535, &group))
			return false; /* /dev/vfio/vfio is everybody's */
		return !device || device->group == (int)group;
	}
	bool dri = text_starts(path, "/dev/dri/");
	if (!dri && !text_starts(path, "/dev/snd/"))
		return false;
	if (!device)
		return dri;
	const char *class = dri ? "drm" : "sound";
	char *real = root_real_path(walk->root,
			arena_printf(walk->arena, "/sys/class/%s/%s/device", class,
					strrchr(path, '/') + 1),
			walk->arena);
	char slot[PCI_ADDRESS_TEXT];
	memcpy(slot, device->name, sizeof slot);
	slot[strlen(slot) - 1] = '\0';
	return real && strstr(real, slot);
}

/* "process 2211 (Xorg)", with the container it runs in. */
static char *process_name(struct walk *walk, const char *pid)
{
	struct arena *arena = walk->arena;
	char *comm = root_read_value(walk->root, arena_printf(arena, "/proc/%s/comm", pid), arena);
	char *cgroup = root_read_value(
			walk->root, arena_printf(arena, "/proc/%s/cgroup", pid), arena);
	const char *lxc = cgroup ? strstr(cgroup, "/lxc/") : NULL;
	const char *scope = cgroup ? strstr(cgroup, "/qemu.slice/") : NULL;
	char *where = lxc ? arena_printf(arena, " in container %.*s", (int)strcspn(lxc + 5, "/\n"),
					    lxc + 5)
		      : scope ? arena_printf(arena, " of VM %.*s", (int)strcspn(scope + 12, "./\n"),
						scope + 12)
			      : arena_strdup(arena, "");
	return arena_printf(arena, "process %s (%s)%s", pid,
			comm ? text_printable(arena, comm) : "?", where);
}

static void look_at_process(struct walk *walk, const char *pid)
{
	char *path = arena_printf(walk->arena, "/proc/%s/fd", pid);
	int fd = root_openat(walk->root, path, O_RDONLY | O_DIRECTORY);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		walk->denied++;
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	const struct dirent *entry = NULL;
	char seen[256] = "";
	/* One directory stream a thread, as readdir() needs. */
	/* NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while ((entry = readdir(dir)) != NULL && walk->files < FILES_MAX) {
		char target[256];
		ssize_t n = readlinkat(fd, entry->d_name, target, sizeof target - 1);
		walk->files++;
		if (n <= 0)
			continue;
		target[n] = '\0';
		if (strcmp(target, seen) == 0 || !is_of_card(walk, target))
			continue;
		memcpy(seen, target, sizeof seen);
		add_holder(walk, process_name(walk, pid),
				arena_printf(walk->arena, "%s is open", target), KNOWN_YES, -1);
	}
	(void)closedir(dir);
}

static void look_at_processes(struct walk *walk)
{
	int fd = root_openat(walk->root, "/proc", O_RDONLY | O_DIRECTORY);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	const struct dirent *entry = NULL;
	/* NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while ((entry = readdir(dir)) != NULL && !walk->stopped) {
		size_t digits = strspn(entry->d_name, "0123456789");
		if (!digits || entry->d_name[digits])
			continue;
		if (++walk->processes > PROCESSES_MAX || walk->files >= FILES_MAX)
			walk->stopped = true;
		else
			look_at_process(walk, entry->d_name);
	}
	(void)closedir(dir);
}

/* "order=2,up=30" of a guest that starts at boot; -1 where it does not. */
static int boot_order(const struct vm *vm)
{
	const char *startup = vm_conf_get(&vm->conf.current, "startup");
	if (!vm_starts_at_boot(vm))
		return -1;
	const char *order = startup ? strstr(startup, "order=") : NULL;
	const char *digits = order ? order + 6 : startup ? startup : "";
	int value = 0;
	size_t n = strspn(digits, "0123456789");
	for (size_t i = 0; i < n && value < 100000; i++)
		value = value * 10 + (digits[i] - '0');
	return n ? value : 100000; /* without an order a guest comes after those with one */
}

static bool takes(const struct list *devices, const struct pci_device *device)
{
	for (size_t i = 0; i < devices->n; i++) {
		const struct pci_device *taken = devices->item[i];
		if (device ? pci_address_same_slot(&taken->address, &device->address)
			   : pci_is_gpu(taken))
			return true;
	}
	return false;
}

static void look_at_guests(struct walk *walk, const struct facts *facts)
{
	struct arena *arena = walk->arena;
	for (size_t i = 0; i < facts->vms.n; i++) {
		const struct vm *vm = facts->vms.item[i];
		for (size_t h = 0; h < vm->hostpci.n; h++) {
			const struct vm_hostpci *entry = vm->hostpci.item[h];
			if (takes(&entry->devices, walk->device) ||
					takes(&entry->alternatives, walk->device))
				add_holder(walk,
						arena_printf(arena, "VM %u %s", vm->vmid, vm->name),
						arena_printf(arena, "%s: %s", entry->key,
								entry->value),
						vm->running, boot_order(vm));
		}
	}
	for (size_t i = 0; i < facts->containers.n; i++) {
		const struct container *container = facts->containers.item[i];
		if (takes(&container->devices, walk->device))
			add_holder(walk,
					arena_printf(arena, "container %u %s", container->ctid,
							container->name),
					arena_strdup(arena, container->line), container->running,
					-1);
	}
}

struct list doctor_holders(const struct root *root, const struct facts *facts,
		const struct pci_device *device, struct arena *arena, char **ret_unknown)
{
	struct walk walk = {.root = root, .arena = arena, .device = device};
	look_at_guests(&walk, facts);
	look_at_processes(&walk);
	*ret_unknown = NULL;
	if (root_kind(root) != ROOT_LIVE && walk.files == 0)
		*ret_unknown = arena_strdup(arena, "open files of processes are not recorded here");
	else if (walk.stopped)
		*ret_unknown = arena_strdup(
				arena, "there are too many processes to look at them all");
	else if (walk.denied)
		*ret_unknown = arena_printf(arena,
				"the open files of %zu of %zu processes may not be seen",
				walk.denied, walk.processes);
	return walk.holders;
}
