/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/apply/internal.h"
#include "pvegpu/base/json.h"
#include "pvegpu/base/text.h"

const char *const run_state_names[] = {[RUN_EMPTY] = "nothing was changed",
		[RUN_APPLIED] = "applied",
		[RUN_FAILED] = "failed",
		[RUN_INTERRUPTED] = "interrupted",
		[RUN_UNDONE] = "rolled back",
		[RUN_PARTLY_UNDONE] = "partly rolled back"};

static enum run_state judge(const struct run_record *record, size_t *ret_done)
{
	size_t done = 0;
	size_t undone = 0;
	bool failed = false;
	bool begun = false;
	size_t wanted = 0;
	for (size_t i = 0; i < record->plan->changes.n; i++) {
		const struct change *change = record->plan->changes.item[i];
		if (change->kind->ends_plan)
			continue;
		wanted++;
		enum change_state state = record->states[i];
		done += state == STATE_DONE || state == STATE_NOT_RUN;
		undone += state == STATE_UNDONE || state == STATE_KEPT;
		failed = failed || state == STATE_FAILED;
		begun = begun || state == STATE_BEGUN;
	}
	*ret_done = done;
	if (record->rolled_back)
		return RUN_UNDONE;
	if (wanted && !done && !undone && !failed && !begun)
		return RUN_EMPTY;
	if (undone)
		return RUN_PARTLY_UNDONE;
	if (failed)
		return RUN_FAILED;
	return begun || done < wanted ? RUN_INTERRUPTED : RUN_APPLIED;
}

int history_read(const struct root *root, struct history **ret_history, struct error *err)
{
	struct arena *arena = arena_new();
	struct history *history = arena_alloc(arena, sizeof *history);
	history->arena = arena;
	struct strings names = {0};
	int status = journal_list(root, arena, &names, err);
	if (status < 0) {
		arena_free(arena);
		return status;
	}
	for (size_t i = 0; i < names.n; i++) {
		struct run_record record;
		struct error error;
		if (journal_not_begun(root, names.item[i])) {
			strings_add(arena, &history->not_begun, names.item[i]);
			continue;
		}
		if (journal_read(root, names.item[i], arena, &record, &error) < 0) {
			strings_add(arena, &history->unreadable,
					arena_printf(arena, "%s: %s", names.item[i], error.text));
			continue;
		}
		struct run *run = arena_alloc(arena, sizeof *run);
		*run = (struct run){.id = names.item[i],
				.plan = record.plan,
				.failure = record.failure,
				.identity = record.identity,
				.cluster = record.cluster};
		run->state = judge(&record, &run->done);
		list_add(arena, &history->runs, run);
	}
	*ret_history = history;
	return 0;
}

int history_find(const struct history *history, const char *name, const struct run **ret_run,
		struct error *err)
{
	for (size_t i = history->runs.n; i-- > 0;) {
		const struct run *run = history->runs.item[i];
		bool open = run->state != RUN_UNDONE && run->state != RUN_EMPTY;
		if (name ? strcmp(run->id, name) != 0 : !open)
			continue;
		*ret_run = run;
		return 0;
	}
	if (name)
		return error_set(
				err, ERROR_USAGE, "there is no run '%s': see pvegpu history", name);
	return error_set(err, ERROR_USAGE, "there is nothing to roll back on this host");
}

void history_free(struct history *history)
{
	if (!history)
		return;
	for (size_t i = 0; i < history->runs.n; i++)
		plan_free(((struct run *)history->runs.item[i])->plan);
	arena_free(history->arena);
}

json_t *history_to_json(const struct history *history)
{
	json_t *runs = json_array();
	for (size_t i = 0; i < history->runs.n; i++) {
		const struct run *run = history->runs.item[i];
		json_t *plan = plan_to_json(run->plan);
		json_t *changes = json_incref(json_object_get(plan, "changes"));
		json_decref(plan);
		(void)json_array_append_new(runs,
				json_pack("{s:s, s:s, s:s, s:I, s:o, s:o, s:o, s:o, s:o}", "run",
						run->id, "plan", run->plan->id, "state",
						run_state_names[run->state], "done",
						(json_int_t)run->done, "failure",
						run->failure ? json_text(run->failure)
							     : json_null(),
						"identity", json_text(run->identity), "cluster",
						json_text(run->cluster), "goal",
						goal_to_json(run->plan->goal), "changes", changes));
	}
	return json_pack("{s:s, s:o, s:o, s:o}", "schema", "pvegpu.history/1", "runs", runs,
			"unreadable", json_texts(&history->unreadable), "not_begun",
			json_texts(&history->not_begun));
}

char *history_text(struct arena *arena, const struct history *history)
{
	struct text text = {0};
	if (!history->runs.n && !history->unreadable.n)
		text_add(&text, "pvegpu has changed nothing on this host.\n");
	for (size_t i = 0; i < history->runs.n; i++) {
		const struct run *run = history->runs.item[i];
		text_addf(&text, "%s  %s: %s\n", run->id, run_state_names[run->state],
				plan_totals_text(arena, &run->plan->changes));
		const char *goal = goal_text(arena, run->plan->goal);
		if (goal)
			text_addf(&text, "    for: %s\n", goal);
		if (run->identity)
			text_addf(&text, "    by: %s%s%s\n", run->identity,
					run->plan->api ? " at " : "",
					run->plan->api ? run->plan->api : "");
		for (size_t c = 0; c < run->plan->changes.n; c++)
			text_addf(&text, "    %s\n",
					change_title(arena, run->plan->changes.item[c]));
		if (run->failure)
			text_addf(&text, "    failed: %s\n", run->failure);
	}
	for (size_t i = 0; i < history->not_begun.n; i++)
		text_addf(&text,
				"%s  %s: it ended before its plan was written down; the next run clears it away\n",
				history->not_begun.item[i], run_state_names[RUN_EMPTY]);
	for (size_t i = 0; i < history->unreadable.n; i++)
		text_addf(&text, "cannot be read: %s\n", history->unreadable.item[i]);
	return text_take(&text, arena);
}

struct goal *history_last_goal(const struct root *root)
{
	struct history *history = NULL;
	struct goal *goal = NULL;
	if (history_read(root, &history, NULL) < 0 || !history)
		return NULL;
	for (size_t i = history->runs.n; !goal && i-- > 0;) {
		const struct run *run = history->runs.item[i];
		if (run->state == RUN_UNDONE)
			break; /* the last word was to undo: start afresh */
		const struct goal *planned = run->plan->goal;
		if (goal_names_devices(planned))
			goal = goal_copy(planned);
	}
	history_free(history);
	if (goal) { /* a risk is accepted for one plan, not for good */
		goal->accepted.n = 0;
		goal->devices.n = 0; /* the host keeps their numbers, and may have newer ones */
		goal->chosen[CHOOSE_FIRMWARE_SETUP] = CHOICE_ADVISED;
		goal->chosen[CHOOSE_ADVISED] = CHOICE_ADVISED;
	}
	return goal;
}
