/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/facts/internal.h"
#include "pvegpu/base/text.h"

/*
 * The EFI system partitions that proxmox-boot-tool keeps in step, by /etc/kernel/
 * proxmox-boot-uuids. Only what is mounted is read: asking the tool would mount them.
 */
void facts_read_esps(const struct root *root, struct facts *facts)
{
	char *text = root_read_value(root, "/etc/kernel/proxmox-boot-uuids", facts->arena);
	struct lines cursor = lines_start(text);
	struct line line;
	while (line_next(&cursor, &line)) {
		char *uuid = text_trim(facts->arena, line.start, line.n);
		if (!*uuid || uuid[0] == '#' || strchr(uuid, '/'))
			continue;
		struct esp *esp = arena_alloc(facts->arena, sizeof *esp);
		esp->uuid = uuid;
		list_add(facts->arena, &facts->esps, esp);
	}
}

static void add_entry(struct facts *facts, struct esp *esp, char *path, char *cmdline)
{
	struct boot_entry *entry = arena_alloc(facts->arena, sizeof *entry);
	/* proxmox-6.8.12-1-pve.conf */
	const char *base = strrchr(path, '/');
	size_t n = base ? strlen(base) : 0;
	size_t before = strlen("/proxmox-");
	size_t after = strlen(".conf");
	*entry = (struct boot_entry){.path = path, .cmdline = cmdline};
	if (n > before + after)
		entry->kernel = arena_strndup(facts->arena, base + before, n - before - after);
	list_add(facts->arena, &esp->entries, entry);
}

/* "options  root=… quiet" of an entry of systemd-boot (Boot Loader Specification). */
static void read_loader_entry(
		const struct root *root, struct facts *facts, struct esp *esp, char *path)
{
	char *text = root_read_value(root, path, facts->arena);
	struct lines cursor = lines_start(text);
	struct line line;
	while (line_next(&cursor, &line)) {
		char *content = text_trim(facts->arena, line.start, line.n);
		size_t n = strcspn(content, " \t");
		if (n == strlen("options") && text_starts(content, "options"))
			add_entry(facts, esp, path, content + n + strspn(content + n, " \t"));
	}
}

void facts_read_esp_entries(const struct root *root, struct facts *facts)
{
	struct arena *arena = facts->arena;
	for (size_t i = 0; i < facts->esps.n; i++) {
		struct esp *esp = facts->esps.item[i];
		if (!esp->mounted_at)
			continue;
		char *menu = arena_printf(arena, "%s/grub/grub.cfg", esp->mounted_at);
		char *dir = arena_printf(arena, "%s/loader/entries", esp->mounted_at);
		if (facts->boot_loader == BOOT_GRUB) {
			esp->entries = facts_grub_menu(root, arena, menu);
			continue;
		}
		struct strings names = {0};
		(void)root_list(root, dir, arena, &names);
		for (size_t n = 0; n < names.n; n++)
			if (text_starts(names.item[n], "proxmox-") &&
					text_ends(names.item[n], ".conf"))
				read_loader_entry(root, facts, esp,
						arena_printf(arena, "%s/%s", dir, names.item[n]));
	}
}
