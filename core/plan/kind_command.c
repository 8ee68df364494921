/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "core/plan/internal.h"
#include "pvegpu/base/json.h"
#include "pvegpu/facts/cmdline.h"
#include "pvegpu/facts/facts.h"
#include "pvegpu/formats/kernel_cmdline.h"

/* A command of the host is run. What it must have done is data of the change (plan.h): which
 * command it is means nothing here. */

enum { COMMAND_TIMEOUT_S = 1800 }; /* update-initramfs for many kernels is slow */

static bool same_argv(const struct strings *have, const char *const *argv)
{
	size_t i = 0;
	for (; argv[i]; i++)
		if (i >= have->n || strcmp(have->item[i], argv[i]) != 0)
			return false;
	return i == have->n;
}

struct change *plan_add_command(
		struct plan *plan, const char *const *argv, const char *because, const char *undo)
{
	struct change *change = NULL;
	for (size_t i = 0; i < plan->changes.n && !change; i++) {
		struct change *other = plan->changes.item[i];
		if (change_is_command(other) && same_argv(&other->argv, argv))
			change = other;
	}
	if (!change) {
		change = plan_add_change(plan, &kind_command);
		for (size_t i = 0; argv[i]; i++)
			strings_add(plan->arena, &change->argv, argv[i]);
		change->undo = arena_strdup(plan->arena, undo);
	}
	plan_add_because(plan, change, because);
	return change;
}

/* The initramfs before the boot loader, which may copy it. */
static int place_of(const struct change *change)
{
	return change->makes_images ? 0 : 1;
}

char *change_argv_text(struct arena *arena, const struct strings *argv)
{
	struct text text = {0};
	for (size_t i = 0; i < argv->n; i++)
		text_addf(&text, "%s%s", i ? " " : "", text_shell_quote(arena, argv->item[i]));
	return text_take(&text, arena);
}

static char *title(struct arena *arena, const struct change *change)
{
	return arena_printf(arena, "$ %s", change_argv_text(arena, &change->argv));
}

static void detail(struct text *text, struct arena *arena, const struct change *change)
{
	text_addf(text, "runs: %s\n", change_argv_text(arena, &change->argv));
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

static void hash(struct text *text, const struct change *change)
{
	hash_fields(text, &change->argv);
	hash_fields(text, &change->must_not_say);
	hash_field(text, change->harmless);
	hash_fields(text, &change->must_say);
	hash_fields(text, &change->entries_with);
	hash_fields(text, &change->entries_without);
	hash_field(text, change->entries_in);
	text_add(text, change->makes_images ? "i" : "");
}

static void to_json(
		json_t *object, const struct plan *plan, const struct change *change, bool forecast)
{
	(void)plan;
	(void)forecast;
	(void)json_object_set_new(object, "argv", json_texts(&change->argv));
	(void)json_object_set_new(object, "expect",
			json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "not_said",
					json_texts(&change->must_not_say), "harmless",
					json_text(change->harmless), "said",
					json_texts(&change->must_say), "entries_with",
					json_texts(&change->entries_with), "entries_without",
					json_texts(&change->entries_without), "entries_in",
					json_text(change->entries_in), "images",
					change->makes_images ? 1 : 0));
}

static bool from_json(struct arena *arena, const json_t *json, struct change *change)
{
	const json_t *expect = json_object_get(json, "expect");
	json_read_strings(arena, json_object_get(json, "argv"), &change->argv);
	json_read_strings(arena, json_object_get(expect, "not_said"), &change->must_not_say);
	json_read_strings(arena, json_object_get(expect, "said"), &change->must_say);
	json_read_strings(arena, json_object_get(expect, "entries_with"), &change->entries_with);
	json_read_strings(arena, json_object_get(expect, "entries_without"),
			&change->entries_without);
	change->harmless = arena_strdup(arena, json_member(expect, "harmless"));
	change->entries_in = arena_strdup(arena, json_member(expect, "entries_in"));
	change->makes_images = json_is_true(json_object_get(expect, "images"));
	return change->argv.n > 0;
}

void plan_add_older_expectations(struct arena *arena, const json_t *json, struct change *change)
{
	if (!change_is_command(change) ||
			json_object_get(json_object_get(json, "expect"), "images"))
		return;
	const char *name = change->argv.item[0];
	change->makes_images = strcmp(name, "update-initramfs") == 0;
	if (strcmp(name, "update-grub") == 0)
		change->entries_in = arena_strdup(arena, "/boot/grub/grub.cfg");
}

static int check(struct change_run *run, const struct change *change, struct error *err)
{
	if (process_find(run->root, change->argv.item[0], run->arena))
		return 0;
	return error_set(err, ERROR_COMMAND, "the command '%s' is not on this host",
			change->argv.item[0]);
}

/* What a command says, watched for what it must and must not say. */
struct watch {
	struct change_run *run;
	const struct change *change;
	struct strings said; /* of what it must say */
	char *bad_line;
	time_t start;
};

static void watch_line(void *user, const char *line, bool standard_error)
{
	struct watch *watch = user;
	const struct change *change = watch->change;
	struct arena *arena = watch->run->arena;
	/* It is in the journal already: the command writes there itself. */
	watch->run->show(watch->run->line_user, line, standard_error);
	bool harmless = change->harmless && strstr(line, change->harmless);
	for (size_t i = 0; i < change->must_not_say.n && !harmless && !watch->bad_line; i++)
		if (strstr(line, change->must_not_say.item[i]))
			watch->bad_line = text_printable(arena, line);
	for (size_t i = 0; i < change->must_say.n; i++)
		if (strstr(line, change->must_say.item[i]) &&
				!strings_has(&watch->said, change->must_say.item[i]))
			strings_add(arena, &watch->said, change->must_say.item[i]);
}

int change_run_argv(struct change_run *run, const struct change *change, struct error *err)
{
	struct arena *arena = run->arena;
	struct watch *watch = arena_alloc(arena, sizeof *watch);
	*watch = (struct watch){.run = run, .change = change, .start = time(NULL)};
	run->said = watch;
	const char **vector = arena_alloc(arena, (change->argv.n + 1) * sizeof *vector);
	for (size_t i = 0; i < change->argv.n; i++)
		vector[i] = change->argv.item[i];
	struct process_result result;
	struct process_keep keep = {.lock = run->keep->lock, .output = run->output};
	int status = process_run_kept(run->root, vector, COMMAND_TIMEOUT_S, &keep, watch_line,
			watch, arena, &result, err);
	if (status == 0 && result.exit_status != 0)
		status = error_set(err, ERROR_COMMAND, "'%s' ended with status %d",
				strings_join(arena, &change->argv, " "), result.exit_status);
	return status;
}

static int check_said(const struct watch *watch, const char *command, struct error *err)
{
	const struct change *change = watch->change;
	if (watch->bad_line)
		return error_set(err, ERROR_COMMAND, "'%s' did not do all of it: %s", command,
				watch->bad_line);
	for (size_t i = 0; i < change->must_say.n; i++)
		if (!strings_has(&watch->said, change->must_say.item[i]))
			return error_set(err, ERROR_COMMAND,
					"'%s' ended well, but said nothing of %s", command,
					change->must_say.item[i]);
	return 0;
}

/* After undoing: words that the files ask for again must be there, and those that they do not ask
 * for any more must be gone. */
static void undone_words(const struct root *root, const struct change *change, struct arena *arena,
		struct strings *with, struct strings *without)
{
	struct facts *facts = NULL;
	if (facts_read_first(root, &facts, NULL) < 0)
		return;
	struct strings words = facts_configured_words(facts, arena);
	for (size_t i = 0; i < change->entries_with.n; i++)
		if (!strings_has(&words, change->entries_with.item[i]))
			strings_add(arena, without, change->entries_with.item[i]);
	for (size_t i = 0; i < change->entries_without.n; i++)
		if (strings_has(&words, change->entries_without.item[i]))
			strings_add(arena, with, change->entries_without.item[i]);
	facts_free(facts);
}

/* One boot entry has all of these words, or (`has` false) none of them. */
static int check_entry(const struct boot_entry *entry, const struct strings *words, bool has,
		const char *command, struct arena *arena, struct error *err)
{
	struct strings there = cmdline_words(arena, entry->cmdline);
	for (size_t i = 0; i < words->n; i++)
		if (cmdline_has_word(&there, words->item[i]) != has)
			return error_set(err, ERROR_COMMAND,
					"'%s' ended well, but the entry of kernel %s in %s %s %s",
					command, entry->kernel ? entry->kernel : "?", entry->path,
					has ? "has not" : "still has", words->item[i]);
	return 0;
}

/* What the boot entries must be like now, read back from what was made. */
static int check_entries(struct change_run *run, const struct change *change, bool undone,
		const char *command, struct error *err)
{
	struct arena *arena = run->arena;
	struct strings with = {0};
	struct strings without = {0};
	if (!undone) {
		with = change->entries_with;
		without = change->entries_without;
	} else {
		undone_words(run->root, change, arena, &with, &without);
	}
	struct list entries = facts_boot_entries(run->root, arena);
	if (!entries.n && change->entries_in)
		return error_set(err, ERROR_COMMAND,
				"'%s' ended well, but %s has no entry of an installed kernel",
				command, change->entries_in);
	int status = 0;
	for (size_t i = 0; status == 0 && i < entries.n; i++) {
		status = check_entry(entries.item[i], &with, true, command, arena, err);
		if (status == 0)
			status = check_entry(entries.item[i], &without, false, command, arena, err);
	}
	return status;
}

static int check_image(struct change_run *run, const char *path, time_t start, const char *command,
		struct error *err)
{
	struct stat made;
	struct strings differs = {0};
	if (root_stat(run->root, path, &made) < 0)
		return error_set_errno(err, errno, "'%s' ended well, but %s cannot be seen",
				command, path);
	if (made.st_mtime + 1 < start)
		return error_set(err, ERROR_COMMAND, "'%s' ended well, but %s was not made again",
				command, path);
	if (facts_initramfs_differs(run->root, path, run->arena, &differs) && differs.n)
		return error_set(err, ERROR_COMMAND,
				"'%s' ended well, but %s does not hold what it should: %s", command,
				path, strings_join(run->arena, &differs, ", "));
	return 0;
}

/* Each image must have been made again since `start`, and hold what the host has now. */
static int check_images(
		struct change_run *run, time_t start, const char *command, struct error *err)
{
	struct arena *arena = run->arena;
	struct strings names = {0};
	int status = root_read_dir(run->root, "/boot", arena, &names, err);
	for (size_t i = 0; status == 0 && i < names.n; i++) {
		const char *kernel = names.item[i] + strlen("initrd.img-");
		/* Of a kernel that is no more, an image is left as it is. */
		if (text_starts(names.item[i], "initrd.img-") &&
				root_presence(run->root, arena_printf(arena, "/boot/vmlinuz-%s",
									 kernel)) != 0)
			status = check_image(run, arena_printf(arena, "/boot/%s", names.item[i]),
					start, command, err);
	}
	return status;
}

static int seen(struct change_run *run, const struct change *change, bool undone, struct error *err)
{
	const struct watch *watch = run->said;
	const char *command = strings_join(run->arena, &change->argv, " ");
	bool entries = change->entries_with.n || change->entries_without.n || change->entries_in;
	int status = check_said(watch, command, err);
	if (status == 0 && change->makes_images)
		status = check_images(run, watch->start, command, err);
	if (status == 0 && entries)
		status = check_entries(run, change, undone, command, err);
	return status;
}

/* Once more, over the files as they are again. */
static int undo(struct change_run *run, const struct change *change, bool *ret_kept,
		struct error *err)
{
	(void)ret_kept;
	return change_run_argv(run, change, err);
}

const struct change_kind kind_command = {
		.name = "command",
		.one = "command",
		.many = "commands",
		.place = 10, /* after the files that they serve */
		.runs_on_host = true,
		.undo_order = UNDO_AGAIN,
		.place_of = place_of,
		.title = title,
		.detail = detail,
		.hash = hash,
		.to_json = to_json,
		.from_json = from_json,
		.check = check,
		.apply = change_run_argv,
		.seen_to_have_worked = seen,
		.undo = undo,
};
