/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "tui/wizard.h"

/* A goal with several devices: which of them a screen is about. */

const struct report *parts_shown(const struct wizard *wizard)
{
	const struct list *parts = &wizard->report->parts;
	for (size_t i = 0; parts->n > 1 && i < parts->n; i++) {
		const struct report *part = parts->item[i];
		if (part->gpu && strcmp(part->gpu->name, wizard->shown) == 0)
			return part;
	}
	return NULL;
}

struct list parts_on_screen(struct arena *arena, const struct wizard *wizard)
{
	const struct list *parts = &wizard->report->parts;
	const struct report *shown = parts_shown(wizard);
	struct list on_screen = {0};
	for (size_t i = 0; i < parts->n; i++)
		if (!shown || parts->item[i] == shown)
			list_add(arena, &on_screen, parts->item[i]);
	return on_screen;
}

bool parts_give(const struct report *report, const struct pci_device *gpu)
{
	for (size_t i = 0; i < report->parts.n; i++)
		if (((const struct report *)report->parts.item[i])->gpu == gpu)
			return true;
	return false;
}

struct list parts_vms(struct arena *arena, const struct report *report)
{
	struct list vms = {0};
	for (size_t i = 0; i < report->parts.n; i++) {
		struct vm *vm = ((const struct report *)report->parts.item[i])->vm;
		bool seen = !vm;
		for (size_t k = 0; k < vms.n; k++)
			seen = seen || vms.item[k] == vm;
		if (!seen)
			list_add(arena, &vms, vm);
	}
	return vms;
}

bool parts_are_chosen(const struct report *report)
{
	for (size_t i = 0; i < report->parts.n; i++) {
		const struct report *part = report->parts.item[i];
		if (!part->gpu || !part->vm)
			return false;
	}
	return report->parts.n > 0;
}

void parts_add_rows(const struct wizard *wizard, struct rows *rows)
{
	const struct list *parts = &wizard->report->parts;
	const struct report *shown = parts_shown(wizard);
	if (parts->n < 2)
		return;
	struct row *row = rows_add(
			rows, ROW_RADIO, arena_printf(rows->arena, "all %zu of them", parts->n));
	row->on = !shown;
	row->stays = true;
	row->device = "";
	row->hint = "What is chosen below counts for all of them. Enter on a GPU chooses for it alone.";
	for (size_t i = 0; i < parts->n; i++) {
		const struct report *part = parts->item[i];
		if (!part->gpu)
			continue;
		row = rows_add(rows, ROW_RADIO,
				arena_printf(rows->arena, "%s %s", short_address(part->gpu),
						short_label(rows->arena, part->gpu)));
		row->on = part == shown;
		row->stays = true;
		row->device = part->gpu->name;
		row->note = part->vm ? arena_printf(rows->arena, "to %u %s", part->vm->vmid,
						       part->vm->name)
				     : "no VM yet";
		row->hint = "Enter: what is chosen below is for this GPU alone.";
	}
	(void)rows_add(rows, ROW_TEXT, "");
}

void parts_show(struct wizard *wizard, const char *device)
{
	(void)snprintf(wizard->shown, sizeof wizard->shown, "%s", device);
}

bool parts_act(struct wizard *wizard, const struct row *row)
{
	if (!row->device || row->kind != ROW_RADIO)
		return false;
	parts_show(wizard, row->device);
	return true;
}
