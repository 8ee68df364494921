/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "core/facts/internal.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/modprobe_conf.h"
#include "pvegpu/formats/modules_list.h"

static void read_loaded(const struct root *root, struct facts *facts)
{
	char *text = root_read_value(root, "/proc/modules", facts->arena);
	facts->modules_known = text ? KNOWN_YES : KNOWN_UNKNOWN;
	struct lines cursor = lines_start(text);
	struct line line;
	while (line_next(&cursor, &line)) {
		const char *blank = memchr(line.start, ' ', line.n);
		size_t n = blank ? (size_t)(blank - line.start) : line.n;
		if (n)
			strings_add(facts->arena, &facts->modules_loaded,
					arena_strndup(facts->arena, line.start, n));
	}
	if (!facts->kernel || strchr(facts->kernel, '/'))
		return;
	/* Built-in modules count as loaded: kernel/drivers/vfio/vfio.ko, one path a line. */
	char *path = arena_printf(facts->arena, "/lib/modules/%s/modules.builtin", facts->kernel);
	text = root_read_value(root, path, facts->arena);
	cursor = lines_start(text);
	while (line_next(&cursor, &line)) {
		if (!memmem(line.start, line.n, "/vfio", 5))
			continue;
		char *entry = arena_strndup(facts->arena, line.start, line.n);
		char *base = strrchr(entry, '/');
		base = base ? base + 1 : entry;
		base[strcspn(base, ".")] = '\0';
		for (char *c = base; *c; c++)
			if (*c == '-')
				*c = '_';
		strings_add(facts->arena, &facts->modules_loaded, base);
	}
}

/* Is there still a module vfio_virqfd? Folded into vfio in Linux 6.2. */
static void judge_virqfd(const struct root *root, struct facts *facts)
{
	facts->virqfd_exists = KNOWN_UNKNOWN;
	if (facts->kernel && !strchr(facts->kernel, '/')) {
		char *text = NULL;
		char *path = arena_printf(
				facts->arena, "/lib/modules/%s/modules.dep", facts->kernel);
		if (root_read(root, path, facts->arena, &text, NULL, NULL) == 0) {
			facts->virqfd_exists =
					strstr(text, "vfio_virqfd.ko") ? KNOWN_YES : KNOWN_NO;
			return;
		}
	}
	enum known gone = facts_kernel_at_least(facts, 6, 2);
	if (gone != KNOWN_UNKNOWN)
		facts->virqfd_exists = gone == KNOWN_YES ? KNOWN_NO : KNOWN_YES;
}

static void read_module_file(const struct root *root, struct facts *facts, const char *path)
{
	char *text = NULL;
	if (root_read(root, path, facts->arena, &text, NULL, NULL) < 0)
		return;
	struct module_file *file = arena_alloc(facts->arena, sizeof *file);
	file->path = arena_strdup(facts->arena, path);
	file->names = modules_list_names(facts->arena, text);
	list_add(facts->arena, &facts->module_files, file);
}

static void read_text_file(const struct root *root, struct facts *facts, struct text_file *file,
		const char *path)
{
	struct error error;
	file->path = arena_strdup(facts->arena, path);
	if (root_read(root, path, facts->arena, &file->text, NULL, &error) < 0 &&
			root_exists(root, path))
		file->error = arena_strdup(facts->arena, error.text);
}

/* "take 0000:01:00.0 0x10de 0x2206" in the script that pvegpu puts into the initramfs. */
static void read_overrides(const struct root *root, struct facts *facts)
{
	read_text_file(root, facts, &facts->init_script,
			"/etc/initramfs-tools/scripts/init-top/pvegpu");
	read_text_file(root, facts, &facts->init_modules, "/etc/initramfs-tools/modules");
	struct stat status;
	/* mkinitramfs leaves out a script that cannot be run. */
	bool runs = root_stat(root, facts->init_script.path, &status) == 0 &&
		    (status.st_mode & 0111);
	struct lines cursor = lines_start(runs ? facts->init_script.text : NULL);
	struct line line;
	while (line_next(&cursor, &line)) {
		char *content = text_trim(facts->arena, line.start, line.n);
		for (size_t i = 0; text_starts(content, "take ") && i < facts->devices.n; i++) {
			const struct pci_device *device = facts->devices.item[i];
			/* Another card at that address is not taken. */
			if (strcmp(content, arena_printf(facts->arena, "take %s 0x%04x 0x%04x",
							    device->name, device->vendor,
							    device->device)) == 0)
				strings_add(facts->arena, &facts->overrides, device->name);
		}
	}
}

static void read_module_lists(const struct root *root, struct facts *facts)
{
	struct arena *arena = facts->arena;
	facts->etc_modules.path = arena_strdup(arena, "/etc/modules");
	struct error error;
	if (root_read(root, "/etc/modules", arena, &facts->etc_modules.text, NULL, &error) < 0 &&
			root_exists(root, "/etc/modules"))
		facts->etc_modules.error = arena_strdup(arena, error.text);
	read_module_file(root, facts, "/etc/modules");
	struct strings names = {0};
	(void)root_list(root, "/etc/modules-load.d", arena, &names);
	for (size_t i = 0; i < names.n; i++) {
		char *path = arena_printf(arena, "/etc/modules-load.d/%s", names.item[i]);
		const char *real =
				root_leads(root, path) ? root_real_path(root, path, arena) : NULL;
		/* Debian links modules.conf there to /etc/modules: the same file once. */
		if (text_ends(names.item[i], ".conf") && real && strcmp(real, "/etc/modules") != 0)
			read_module_file(root, facts, path);
	}
}

static int compare_base_names(const void *a, const void *b)
{
	return strcmp(strrchr(*(char *const *)a, '/'), strrchr(*(char *const *)b, '/'));
}

/* Files of all directories sorted by their base names; a name in an earlier directory hides the
 * same name in a later one (modprobe.d(5)). */
static void read_modprobe(const struct root *root, struct facts *facts)
{
	static const char *const directories[] = {"/etc/modprobe.d", "/run/modprobe.d",
			"/usr/local/lib/modprobe.d", "/lib/modprobe.d"};
	struct arena *arena = facts->arena;
	struct strings paths = {0};
	struct strings seen = {0};
	for (size_t d = 0; d < sizeof directories / sizeof *directories; d++) {
		struct strings names = {0};
		(void)root_list(root, directories[d], arena, &names);
		for (size_t i = 0; i < names.n; i++) {
			if (!text_ends(names.item[i], ".conf") || strings_has(&seen, names.item[i]))
				continue;
			strings_add(arena, &seen, names.item[i]);
			strings_add(arena, &paths,
					arena_printf(arena, "%s/%s", directories[d],
							names.item[i]));
		}
	}
	if (paths.n > 1)
		qsort(paths.item, paths.n, sizeof *paths.item, compare_base_names);
	for (size_t i = 0; i < paths.n; i++) {
		char *text = NULL;
		if (!root_leads(root, paths.item[i]) ||
				root_read(root, paths.item[i], arena, &text, NULL, NULL) < 0)
			continue;
		strings_add(arena, &facts->modprobe_files, paths.item[i]);
		modprobe_conf_parse(arena, paths.item[i], text, &facts->modprobe);
	}
}

void facts_read_modules(const struct root *root, struct facts *facts)
{
	read_loaded(root, facts);
	judge_virqfd(root, facts);
	read_module_lists(root, facts);
	read_modprobe(root, facts);
	read_overrides(root, facts);
}
