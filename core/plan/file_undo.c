/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/plan/internal.h"
#include "pvegpu/formats/grub_default.h"
#include "pvegpu/formats/kernel_cmdline.h"
#include "pvegpu/plan/diff.h"

/*
 * Undo a change in a file that somebody has edited since: only what pvegpu put there goes, and what
 * it took out comes back. By lines where the edit is elsewhere; by words where it is in the very
 * line of the kernel parameters.
 */
static void add_difference(struct arena *arena, const struct strings *from,
		const struct strings *to, struct strings *list)
{
	for (size_t i = 0; i < to->n; i++)
		if (!strings_has(from, to->item[i]) && !strings_has(list, to->item[i]))
			strings_add(arena, list, to->item[i]);
}

static struct strings grub_words(struct arena *arena, const char *text, const char *name)
{
	struct grub_default parsed;
	if (grub_default_parse(arena, "grub", text, &parsed, NULL) < 0)
		return (struct strings){0};
	const struct grub_assignment *found = grub_default_find(&parsed, name, NULL);
	return cmdline_words(arena, found ? found->value : "");
}

static char *undo_grub(struct arena *arena, const struct change *change, const char *now)
{
	static const char *const names[] = {"GRUB_CMDLINE_LINUX_DEFAULT", "GRUB_CMDLINE_LINUX"};
	char *text = arena_strdup(arena, now);
	bool any = false;
	for (size_t i = 0; i < 2; i++) {
		struct strings before = grub_words(arena, change->before, names[i]);
		struct strings after = grub_words(arena, change->after, names[i]);
		struct strings put = {0};
		struct strings taken = {0};
		add_difference(arena, &before, &after, &put);
		add_difference(arena, &after, &before, &taken);
		if (!put.n && !taken.n)
			continue;
		any = true;
		if (grub_default_edit(arena, change->path, text, names[i], &taken, &put, &text,
				    NULL) < 0)
			return NULL;
	}
	return any ? text : NULL;
}

static char *undo_cmdline(struct arena *arena, const struct change *change, const char *now)
{
	struct strings before = cmdline_words(arena, cmdline_file_line(arena, change->before));
	struct strings after = cmdline_words(arena, cmdline_file_line(arena, change->after));
	struct strings put = {0};
	struct strings taken = {0};
	char *text = NULL;
	add_difference(arena, &before, &after, &put);
	add_difference(arena, &after, &before, &taken);
	return cmdline_file_edit(arena, change->path, now, &taken, &put, &text, NULL) == 0 ? text
											   : NULL;
}

char *file_undo_text(struct arena *arena, const struct change *change, const char *now)
{
	if (!change->before || !change->after || !now)
		return NULL;
	char *merged = diff_merge(arena, change->after, change->before, now);
	if (merged)
		return merged;
	if (strcmp(change->path, "/etc/default/grub") == 0)
		return undo_grub(arena, change, now);
	if (strcmp(change->path, "/etc/kernel/cmdline") == 0)
		return undo_cmdline(arena, change, now);
	return NULL;
}
