/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "pvegpu/base/text.h"
#include "pvegpu/plan/plan.h"

struct plan_totals plan_totals(const struct list *changes)
{
	struct plan_totals totals = {0};
	for (size_t i = 0; i < changes->n; i++) {
		const struct change *change = changes->item[i];
		totals.files += change->kind == CHANGE_FILE;
		totals.commands += change->kind == CHANGE_COMMAND;
		totals.api_calls += change->kind == CHANGE_API;
		totals.reboots += change->kind == CHANGE_REBOOT;
	}
	return totals;
}

static void add_count(struct text *text, size_t n, const char *one, const char *many)
{
	if (n)
		text_addf(text, "%s%zu %s", text->n ? ", " : "", n, text_plural(n, one, many));
}

char *plan_totals_text(struct arena *arena, struct plan_totals totals)
{
	struct text text = {0};
	add_count(&text, totals.files, "file", "files");
	add_count(&text, totals.commands, "command", "commands");
	add_count(&text, totals.api_calls, "API call", "API calls");
	add_count(&text, totals.reboots, "reboot", "reboots");
	if (!text.n)
		text_add(&text, "nothing");
	return text_take(&text, arena);
}

static char *command_line(struct arena *arena, const struct strings *argv)
{
	struct text text = {0};
	for (size_t i = 0; i < argv->n; i++)
		text_addf(&text, "%s%s", i ? " " : "", text_shell_quote(arena, argv->item[i]));
	return text_take(&text, arena);
}

char *change_title(struct arena *arena, const struct change *change)
{
	static const char marks[] = {[FILE_CREATE] = '+', [FILE_EDIT] = '~', [FILE_DELETE] = '-'};
	switch (change->kind) {
	case CHANGE_FILE:
		return arena_printf(arena, "%c %s", marks[change->operation], change->path);
	case CHANGE_COMMAND:
		return arena_printf(arena, "$ %s", command_line(arena, &change->argv));
	case CHANGE_API: {
		/* What it is about: the keys it sets, or the action its path ends in. */
		const char *slash = strrchr(change->api_path, '/');
		struct strings keys = {0};
		bool config = change->stage == STAGE_SETTINGS || change->stage == STAGE_ATTACH;
		if (change->mapping)
			return arena_printf(
					arena, "> %s mapping %s", change->method, change->mapping);
		for (size_t i = 0; config && i < change->params.n; i++)
			strings_add(arena, &keys,
					((struct pve_param *)change->params.item[i])->key);
		return arena_printf(arena, "> %s %u %s", change->method, change->vmid,
				config  ? strings_join(arena, &keys, " ")
				: slash ? slash + 1
					: "");
	}
	case CHANGE_REBOOT:
		return arena_printf(arena, "! reboot%s",
				change->argv.n > 1 ? " into the firmware setup" : "");
	}
	return arena_strdup(arena, "");
}

static void add_api_detail(struct text *text, const struct change *change)
{
	text_addf(text, "%s %s\n", change->method, change->api_path);
	for (size_t i = 0; i < change->params.n; i++) {
		const struct pve_param *param = change->params.item[i];
		text_addf(text, "  %s=%s\n", param->key, param->value);
	}
	bool config = change->stage == STAGE_SETTINGS || change->stage == STAGE_ATTACH;
	if (config || (change->mapping && change->before_params.n))
		text_addf(text, "  digest=%s\n",
				change->digest ? change->digest
					       : "(as read back just before the call)");
	for (size_t i = 0; i < change->before_params.n; i++) {
		const struct pve_param *param = change->before_params.item[i];
		text_addf(text, "now: %s %s\n", param->key,
				param->value ? param->value : "is not set");
	}
	if (change->mapping && !change->before_params.n)
		text_add(text, "now: there is no such mapping\n");
	if (change->stage == STAGE_STOP)
		text_add(text, "if the guest does not shut down in that time, you are asked before "
			       "it is stopped\n");
	if (change->equivalent && *change->equivalent)
		text_addf(text, "the same by hand:\n  %s\n", change->equivalent);
	if (change->predicted && *change->predicted)
		text_addf(text, "what it makes of the VM's file%s:\n%s",
				change->predicted_by_api ? ", as made from the API's values (the "
							   "file itself "
							   "is not read)"
							 : "",
				change->predicted);
}

/* How it is seen that a command did what it is for. */
static void add_expectation(struct text *text, struct arena *arena, const struct change *change)
{
	if (change->entries_with.n)
		text_addf(text, "then each boot entry must have: %s\n",
				strings_join(arena, &change->entries_with, " "));
	if (change->entries_without.n)
		text_addf(text, "and must not have: %s\n",
				strings_join(arena, &change->entries_without, " "));
	if (change->entries_in)
		text_addf(text, "%s must have entries of the kernels\n", change->entries_in);
	if (change->makes_images)
		text_add(text, "then each initramfs must be new, and hold what the host has\n");
	for (size_t i = 0; i < change->must_not_say.n; i++)
		text_addf(text, "it has failed if it says: %s\n", change->must_not_say.item[i]);
	if (change->harmless)
		text_addf(text, "but not for: %s\n", change->harmless);
	for (size_t i = 0; i < change->must_say.n; i++)
		text_addf(text, "it must say: %s\n", change->must_say.item[i]);
}

char *change_detail(struct arena *arena, const struct change *change)
{
	struct text text = {0};
	switch (change->kind) {
	case CHANGE_FILE:
		text_add(&text, change->diff);
		if (change->real && strcmp(change->real, change->path) != 0)
			text_addf(&text, "the path is a link: the file is %s\n", change->real);
		for (size_t i = 0; i < change->dirs.n; i++)
			text_addf(&text, "makes the directory %s\n", change->dirs.item[i]);
		if (change->executable)
			text_add(&text, "as a program (mode 0755)\n");
		break;
	case CHANGE_COMMAND:
		text_addf(&text, "runs: %s\n", command_line(arena, &change->argv));
		add_expectation(&text, arena, change);
		break;
	case CHANGE_API:
		add_api_detail(&text, change);
		break;
	case CHANGE_REBOOT:
		text_addf(&text, "runs: %s\n", command_line(arena, &change->argv));
		break;
	}
	text_addf(&text, "\nbecause: %s\n", strings_join(arena, &change->because, ", "));
	if (change->cost)
		text_addf(&text, "cost: %s\n", change->cost);
	text_addf(&text, "undo: %s\n", change->undo);
	return text_take(&text, arena);
}

static void add_changes(struct arena *arena, struct text *text, const struct list *changes)
{
	for (size_t i = 0; i < changes->n; i++) {
		const struct change *change = changes->item[i];
		text_addf(text, "\n[%zu] %s\n", change->n, change_title(arena, change));
		const char *detail = change_detail(arena, change);
		struct lines cursor = lines_start(detail);
		struct line line;
		while (line_next(&cursor, &line)) {
			text_add(text, line.n ? "    " : "");
			text_add_bytes(text, line.start, line.full);
		}
	}
}

/* By name, each time the plan is shown: what was accepted once is not out of sight then. */
static void add_accepted(struct text *text, const struct plan *plan)
{
	for (size_t i = 0; i < plan->accepted.n; i++) {
		const struct refusal *risk = plan->accepted.item[i];
		text_addf(text, "\nACCEPTED: %s on %s:\n    %s\n", risk->check, risk->subject,
				risk->reason);
	}
	for (size_t i = 0; i < plan->goal->accepted.n; i++) {
		const char *name = plan->goal->accepted.item[i];
		bool named = false;
		for (size_t r = 0; r < plan->accepted.n && !named; r++) {
			const struct refusal *risk = plan->accepted.item[r];
			size_t n = strlen(risk->check);
			named = text_starts(name, risk->check) && name[n] == '=' &&
				strcmp(name + n + 1, risk->subject) == 0;
		}
		if (!named)
			text_addf(text, "\nACCEPTED: %s, which this plan has no need of\n", name);
	}
}

char *plan_text(struct arena *arena, const struct plan *plan)
{
	struct text text = {0};
	text_addf(&text, "Plan %.12s: %s\n", plan->id,
			plan_totals_text(arena, plan_totals(&plan->changes)));
	if (plan->goal->gpus.n)
		text_addf(&text, "Goal: GPU %s", strings_join(arena, &plan->goal->gpus, ", "));
	if (plan->goal->gpus.n && plan->goal->vmid)
		text_addf(&text, " to VM %u", plan->goal->vmid);
	if (plan->goal->gpus.n)
		text_add(&text, "\n");
	for (size_t i = 0; i < plan->refusals.n; i++) {
		const struct refusal *refusal = plan->refusals.item[i];
		text_addf(&text, "\nREFUSED by %s on %s:\n    %s\n", refusal->check,
				refusal->subject, refusal->reason);
		if (refusal->acceptable)
			text_addf(&text, "    to accept this risk: --accept %s=%s\n",
					refusal->check, refusal->subject);
	}
	add_accepted(&text, plan);
	if (plan->nothing_to_do)
		text_add(&text, "\nNothing to do: the host is already as the goal asks.\n");
	add_changes(arena, &text, &plan->changes);
	if (plan->forecast.n) {
		text_add(&text, "\nForecast after the reboot (planned again then, from what the "
				"host shows):\n");
		add_changes(arena, &text, &plan->forecast);
	}
	return text_take(&text, arena);
}
