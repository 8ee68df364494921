/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/plan/internal.h"
#include "pvegpu/base/files.h"
#include "pvegpu/base/json.h"
#include "pvegpu/base/text.h"
#include "pvegpu/facts/facts.h"
#include "pvegpu/formats/attribute_rule.h"

/* One value is written to an attribute of sysfs (Documentation/filesystems/sysfs.rst: one value a
 * file). `path` is the attribute, `before` and `after` its values. It does not outlast a reboot. */

/* What an attribute says as its value: of a choice ("[always] madvise never") the one in brackets,
 * else all of it. NULL where it cannot be read. */
static char *read_value(const struct root *root, const char *path, struct arena *arena)
{
	char *text = root_read_value(root, path, arena);
	const char *open = text ? strchr(text, '[') : NULL;
	const char *close = open ? strchr(open, ']') : NULL;
	return close ? arena_strndup(arena, open + 1, (size_t)(close - open - 1)) : text;
}

/* The attribute itself, links followed: they are what sysfs is made of, and must not lead out. */
int sysfs_attribute(const struct root *root, const char *path, struct arena *arena, char **ret_real,
		struct error *err)
{
	char *real = root_real_path(root, path, arena);
	struct stat status;
	if (real && !text_starts(real, "/sys/"))
		return error_set(err, ERROR_REFUSED, "'%s%s' is not below /sys: it leads to '%s'",
				root_dir(root), path, real);
	if (!real || root_stat(root, real, &status) < 0 || !S_ISREG(status.st_mode))
		return error_set(err, ERROR_NOT_HOST, "there is no attribute '%s%s'",
				root_dir(root), path);
	*ret_real = real;
	return 0;
}

/* Its value now, too. One that cannot be read could not be put back. */
static int read_attribute(const struct root *root, const char *path, struct arena *arena,
		char **ret_real, char **ret_value, struct error *err)
{
	int status = sysfs_attribute(root, path, arena, ret_real, err);
	if (status < 0)
		return status;
	*ret_value = read_value(root, *ret_real, arena);
	return *ret_value ? 0
			  : error_set(err, ERROR_REFUSED,
					    "'%s%s' cannot be read, so it could not be put back",
					    root_dir(root), path);
}

int plan_add_sysfs(struct plan *plan, const struct root *root, const char *path, const char *value,
		const char *because, const char *cost, struct change **ret_change,
		struct error *err)
{
	char *real = NULL;
	char *now = NULL;
	int status = read_attribute(root, path, plan->arena, &real, &now, err);
	if (status < 0)
		return status;
	struct change *change = plan_find_path(plan, &kind_sysfs, path); /* the last word counts */
	if (!change)
		change = plan_add_change(plan, &kind_sysfs);
	change->path = arena_strdup(plan->arena, path);
	change->before = now;
	change->after = arena_strdup(plan->arena, value);
	change->cost = arena_strdup(plan->arena, cost);
	change->undo = arena_strdup(plan->arena, "the value as it was is written back");
	plan_add_because(plan, change, because);
	if (ret_change)
		*ret_change = change;
	return 0;
}

static bool is_empty(const struct change *change)
{
	return strcmp(change->before, change->after) == 0;
}

static char *title(struct arena *arena, const struct change *change)
{
	return arena_printf(arena, "= %s %s", change->path, change->after);
}

static void detail(struct text *text, struct arena *arena, const struct change *change)
{
	(void)arena;
	bool way = change->by_way_of && strcmp(change->before, change->by_way_of) != 0 &&
		   strcmp(change->after, change->by_way_of) != 0;
	text_addf(text, "writes: %s%s%s\n  to %s\nnow: %s\n", way ? change->by_way_of : "",
			way ? ", then " : "", change->after, change->path, change->before);
}

static void undo_detail(struct text *text, struct arena *arena, const struct change *change)
{
	(void)arena;
	text_addf(text, "    %s: %s\n", change->path, change->before);
}

static void hash(struct text *text, const struct change *change)
{
	hash_field(text, change->path);
	hash_field(text, change->before);
	hash_field(text, change->after);
	hash_field(text, change->by_way_of);
}

static void to_json(
		json_t *object, const struct plan *plan, const struct change *change, bool forecast)
{
	(void)plan;
	(void)forecast;
	(void)json_object_set_new(object, "path", json_text(change->path));
	(void)json_object_set_new(object, "value", json_text(change->after));
	(void)json_object_set_new(object, "before_value", json_text(change->before));
	if (change->by_way_of)
		(void)json_object_set_new(object, "by_way_of", json_text(change->by_way_of));
}

static bool from_json(struct arena *arena, const json_t *json, struct change *change)
{
	change->path = arena_strdup(arena, json_member(json, "path"));
	change->after = arena_strdup(arena, json_member(json, "value"));
	change->before = arena_strdup(arena, json_member(json, "before_value"));
	change->by_way_of = arena_strdup(arena, json_member(json, "by_way_of"));
	return change->path && change->path[0] == '/' && change->after && change->before;
}

static int check(struct change_run *run, const struct change *change, struct error *err)
{
	char *real = NULL;
	char *now = NULL;
	int status = read_attribute(run->root, change->path, run->arena, &real, &now, err);
	if (status < 0 || strcmp(now, change->before) == 0)
		return status;
	(void)error_set(err, ERROR_DRIFT, "'%s%s' is '%s' now; the plan saw '%s'",
			root_dir(run->root), change->path, now, change->before);
	error_hint(err, "make a new plan; nothing was changed");
	return ERROR_DRIFT;
}

static int write_value(struct change_run *run, const struct change *change, const char *value,
		struct error *err)
{
	const char *way = change->by_way_of;
	char *real = NULL;
	char *now = NULL;
	int status = read_attribute(run->root, change->path, run->arena, &real, &now, err);
	if (status == 0 && way && strcmp(now, way) != 0 && strcmp(value, way) != 0)
		status = file_write_attribute(run->root, real, way, err);
	return status < 0 ? status : file_write_attribute(run->root, real, value, err);
}

static int apply(struct change_run *run, const struct change *change, struct error *err)
{
	/* Looked at once more right before the write: time has passed since the first check. */
	int status = check(run, change, err);
	return status < 0 ? status : write_value(run, change, change->after, err);
}

/* A driver may take a value and do otherwise. */
static int seen(struct change_run *run, const struct change *change, bool undone, struct error *err)
{
	const char *wanted = undone ? change->before : change->after;
	char *real = NULL;
	char *now = NULL;
	int status = read_attribute(run->root, change->path, run->arena, &real, &now, err);
	if (status < 0 || strcmp(now, wanted) == 0)
		return status;
	return error_set(err, ERROR_IO, "'%s%s' reads back as '%s' instead of '%s'",
			root_dir(run->root), change->path, now, wanted);
}

/* Virtual functions that a guest has now do not go: their removal would wait for the guest. */
static int check_undo(struct change_run *run, const struct change *change, struct error *err)
{
	char *real = NULL;
	char *now = NULL;
	struct facts *facts = NULL;
	/* What cannot be read is told when it is undone. */
	if (!text_ends(change->path, "/sriov_numvfs") ||
			read_attribute(run->root, change->path, run->arena, &real, &now, NULL) <
					0 ||
			strcmp(now, change->before) == 0)
		return 0;
	int status = facts_read(run->root, &facts, err);
	if (status < 0)
		return status;
	const struct pci_device *device = facts_device_in_path(facts, change->path);
	unsigned long count = 0;
	(void)text_to_ulong(change->before, 10, ATTRIBUTE_MAX, &count);
	const char *held = device ? facts_functions_held(facts, device, (unsigned)count, run->arena)
				  : NULL;
	if (held) {
		status = error_set(err, ERROR_REFUSED,
				"the virtual functions of %s cannot be taken away: %s",
				device->name, held);
		error_hint(err, "stop the guest, and take the device from its configuration; then undo again");
	}
	facts_free(facts);
	return status;
}

static int undo(struct change_run *run, const struct change *change, bool *ret_kept,
		struct error *err)
{
	char *real = NULL;
	char *now = NULL;
	int status = read_attribute(run->root, change->path, run->arena, &real, &now, err);
	if (status < 0 || strcmp(now, change->before) == 0)
		return status;
	if (strcmp(now, change->after) != 0) {
		const char *diff = arena_printf(run->arena, "-%s\n+%s\n", now, change->before);
		*ret_kept = !run->ask || !run->ask(run->ask_user, change, diff);
	}
	return *ret_kept ? 0 : write_value(run, change, change->before, err);
}

const struct change_kind kind_sysfs = {
		.name = "sysfs",
		.one = "sysfs value",
		.many = "sysfs values",
		.place = 20, /* after the commands, before a VM takes what it makes */
		.follows_reboot = true,
		.runs_on_host = true,
		.not_in_chroot = "values of the running kernel are undone on the running host",
		.undo_order = UNDO_BACKWARDS,
		.is_empty = is_empty,
		.title = title,
		.detail = detail,
		.undo_detail = undo_detail,
		.hash = hash,
		.to_json = to_json,
		.from_json = from_json,
		.check = check,
		.check_undo = check_undo,
		.apply = apply,
		.seen_to_have_worked = seen,
		.undo = undo,
};
