/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/plan/internal.h"
#include "pvegpu/base/json.h"

/* The host reboots: the end of a plan, and a question of its own. */

static struct change *add_reboot(struct plan *plan, const char *because, const char *cost)
{
	struct change *change = NULL;
	for (size_t i = 0; i < plan->changes.n; i++)
		if (change_is_reboot(plan->changes.item[i]))
			change = plan->changes.item[i];
	if (!change)
		change = plan_add_change(plan, &kind_reboot);
	change->undo = arena_strdup(plan->arena, "roll back what is above, then reboot once more");
	change->cost = arena_strdup(plan->arena, cost);
	if (!change->argv.n)
		strings_add(plan->arena, &change->argv, "reboot");
	plan_add_because(plan, change, because);
	return change;
}

void plan_add_reboot(struct plan *plan, const char *because, const char *cost)
{
	(void)add_reboot(plan, because, cost);
}

void plan_add_reboot_to_setup(struct plan *plan, const char *because, const char *cost)
{
	static const char *const argv[] = {"systemctl", "reboot", "--firmware-setup"};
	struct change *change = add_reboot(plan, because, cost);
	change->argv = (struct strings){0};
	for (size_t i = 0; i < 3; i++)
		strings_add(plan->arena, &change->argv, argv[i]);
}

static char *title(struct arena *arena, const struct change *change)
{
	return arena_printf(
			arena, "! reboot%s", change->argv.n > 1 ? " into the firmware setup" : "");
}

static void detail(struct text *text, struct arena *arena, const struct change *change)
{
	text_addf(text, "runs: %s\n", change_argv_text(arena, &change->argv));
}

static void hash(struct text *text, const struct change *change)
{
	hash_fields(text, &change->argv);
}

static void to_json(
		json_t *object, const struct plan *plan, const struct change *change, bool forecast)
{
	(void)plan;
	(void)forecast;
	(void)json_object_set_new(object, "argv", json_texts(&change->argv));
}

static bool from_json(struct arena *arena, const json_t *json, struct change *change)
{
	json_read_strings(arena, json_object_get(json, "argv"), &change->argv);
	return change->argv.n > 0;
}

const struct change_kind kind_reboot = {
		.name = "reboot",
		.one = "reboot",
		.many = "reboots",
		.place = 100,
		.ends_plan = true,
		.runs_on_host = true,
		.undo_order = UNDO_NEVER,
		.title = title,
		.detail = detail,
		.hash = hash,
		.to_json = to_json,
		.from_json = from_json,
		.apply = change_run_argv,
};
