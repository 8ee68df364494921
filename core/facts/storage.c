/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/facts/internal.h"
#include "pvegpu/base/text.h"

/* Where hookscripts may lie: directories of this node that have `snippets` among their content
 * (/etc/pve/storage.cfg; PVE/Storage/DirPlugin.pm). */

struct section {
	char *name, *path;
	bool dir, snippets, off;
};

static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);
	for (const char *at = list; *at; at += strcspn(at, ", ") + (at[strcspn(at, ", ")] != '\0'))
		if (strcspn(at, ", ") == n && strncmp(at, word, n) == 0)
			return true;
	return false;
}

static void keep(struct facts *facts, const struct section *section)
{
	if (!section->name || !section->dir || section->off || !section->path)
		return;
	struct storage *storage = arena_alloc(facts->arena, sizeof *storage);
	*storage = (struct storage){section->name, section->path, section->snippets};
	list_add(facts->arena, &facts->dir_storages, storage);
	if (storage->snippets && !facts->snippets)
		facts->snippets = storage;
}

static void take(struct facts *facts, struct section *section, const char *line)
{
	struct arena *arena = facts->arena;
	const char *at = line + strspn(line, " \t");
	size_t n = strcspn(at, " \t");
	const char *value = at + n + strspn(at + n, " \t");
	if (n == 4 && strncmp(at, "path", n) == 0)
		section->path = arena_strdup(arena, value);
	else if (n == 7 && strncmp(at, "content", n) == 0)
		section->snippets = has_word(value, "snippets");
	else if (n == 7 && strncmp(at, "disable", n) == 0)
		section->off = *value != '0';
	else if (n == 5 && strncmp(at, "nodes", n) == 0 && facts->node)
		section->off = section->off || !has_word(value, facts->node);
}

/* What a VM's hookscript says, where it lies in such a directory: STORAGE:snippets/NAME. */
static void read_hook(const struct root *root, struct facts *facts, struct vm *vm)
{
	static const char start[] = ":snippets/";
	const char *value = vm_get_next(vm, "hookscript");
	const char *colon = value ? strchr(value, ':') : NULL;
	if (!colon || !text_starts(colon, start) || strstr(colon, ".."))
		return;
	for (size_t i = 0; i < facts->dir_storages.n; i++) {
		const struct storage *storage = facts->dir_storages.item[i];
		size_t n = strlen(storage->name);
		if ((size_t)(colon - value) != n || strncmp(value, storage->name, n) != 0)
			continue;
		const char *path = arena_printf(facts->arena, "%s/snippets/%s", storage->path,
				colon + strlen(start));
		if (root_leads(root, path))
			vm->hook_text = root_read_value(root, path, facts->arena);
	}
}

char *facts_own_hook(const struct facts *facts, unsigned vmid, struct arena *arena)
{
	return facts->snippets ? arena_printf(arena, "%s/snippets/pvegpu-%u.sh",
						 facts->snippets->path, vmid)
			       : NULL;
}

/* What lies where a hookscript of ours for the VM would. */
static void read_own(const struct root *root, struct facts *facts, struct vm *vm)
{
	struct stat status;
	char *path = facts_own_hook(facts, vm->vmid, facts->arena);
	if (!path)
		return;
	bool link = root_readlink(root, path, facts->arena) != NULL;
	if (root_stat(root, path, &status) < 0) {
		vm->hook_file = link ? HOOK_OTHER : HOOK_NONE;
		return;
	}
	char *text = !link && S_ISREG(status.st_mode) ? root_read_value(root, path, facts->arena)
						      : NULL;
	vm->hook_file = !text || !strstr(text, "\n# Written by pvegpu") ? HOOK_OTHER
			: status.st_mode & 0100                         ? HOOK_OURS
									: HOOK_PLAIN;
}

void facts_read_storage(const struct root *root, struct facts *facts)
{
	char *text = root_read_value(root, "/etc/pve/storage.cfg", facts->arena);
	struct section section = {0};
	struct lines cursor = lines_start(text);
	struct line line;
	facts->storages_known = text ? KNOWN_YES : KNOWN_UNKNOWN;
	while (line_next(&cursor, &line)) {
		char *whole = arena_strndup(facts->arena, line.start, line.n);
		whole[strcspn(whole, "\r")] = '\0';
		const char *colon = strchr(whole, ':');
		if (*whole == ' ' || *whole == '\t') {
			take(facts, &section, whole);
		} else if (colon) {
			keep(facts, &section);
			section = (struct section){.dir = text_starts(whole, "dir:"),
					.name = text_trim(facts->arena, colon + 1,
							strlen(colon + 1))};
		}
	}
	keep(facts, &section);
	for (size_t i = 0; i < facts->vms.n; i++) {
		read_hook(root, facts, facts->vms.item[i]);
		read_own(root, facts, facts->vms.item[i]);
	}
}
