/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/plan/internal.h"

const struct change_kind *const change_kinds[] = {
		&kind_file, &kind_command, &kind_sysfs, &kind_rom, &kind_api, &kind_reboot, NULL};

bool change_is_file(const struct change *change)
{
	return change->kind == &kind_file;
}

bool change_is_command(const struct change *change)
{
	return change->kind == &kind_command;
}

bool change_is_api(const struct change *change)
{
	return change->kind == &kind_api;
}

bool change_is_reboot(const struct change *change)
{
	return change->kind->ends_plan;
}

bool change_is_undone(const struct change *change)
{
	return change->kind->undo_order == UNDO_BACKWARDS;
}

bool change_is_done_again(const struct change *change)
{
	return change->kind->undo_order == UNDO_AGAIN;
}

int change_run_client(struct change_run *run, struct pve_client **ret_client, struct error *err)
{
	int status = host_client(run->host, ret_client, err);
	if (status == 0) {
		(*ret_client)->line = run->line;
		(*ret_client)->user = run->line_user;
		pve_keep(*ret_client, run->keep);
	}
	return status;
}

struct change *plan_find_path(
		const struct plan *plan, const struct change_kind *kind, const char *path)
{
	for (size_t i = 0; i < plan->changes.n; i++) {
		struct change *change = plan->changes.item[i];
		if (change->kind == kind && strcmp(change->path, path) == 0)
			return change;
	}
	return NULL;
}

static size_t count_kind(const struct list *changes, const struct change_kind *kind)
{
	size_t n = 0;
	for (size_t i = 0; i < changes->n; i++)
		n += ((const struct change *)changes->item[i])->kind == kind;
	return n;
}

size_t plan_count_calls(const struct list *changes)
{
	return count_kind(changes, &kind_api);
}

size_t plan_count_reboots(const struct list *changes)
{
	size_t n = 0;
	for (size_t i = 0; i < changes->n; i++)
		n += change_is_reboot(changes->item[i]);
	return n;
}

char *plan_totals_text(struct arena *arena, const struct list *changes)
{
	struct text text = {0};
	for (const struct change_kind *const *kind = change_kinds; *kind; kind++) {
		size_t n = count_kind(changes, *kind);
		if (n)
			text_addf(&text, "%s%zu %s", text.n ? ", " : "", n,
					text_plural(n, (*kind)->one, (*kind)->many));
	}
	if (!text.n)
		text_add(&text, "nothing");
	return text_take(&text, arena);
}

char *change_title(struct arena *arena, const struct change *change)
{
	return change->kind->title(arena, change);
}

char *change_detail(struct arena *arena, const struct change *change)
{
	struct text text = {0};
	change->kind->detail(&text, arena, change);
	text_addf(&text, "\nbecause: %s\n", strings_join(arena, &change->because, ", "));
	if (change->cost)
		text_addf(&text, "cost: %s\n", change->cost);
	text_addf(&text, "undo: %s\n", change->undo);
	return text_take(&text, arena);
}

char *change_undo_detail(struct arena *arena, const struct change *change)
{
	struct text text = {0};
	if (change->kind->undo_detail)
		change->kind->undo_detail(&text, arena, change);
	return text_take(&text, arena);
}
