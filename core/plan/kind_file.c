/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "core/plan/internal.h"
#include "pvegpu/base/files.h"
#include "pvegpu/base/json.h"
#include "pvegpu/plan/diff.h"

/* A text file is made, edited or deleted: the draft that the remedies made of it. */

static const char *const operations[] = {
		[FILE_CREATE] = "create", [FILE_EDIT] = "edit", [FILE_DELETE] = "delete"};

static struct change *find_file(const struct plan *plan, const char *path)
{
	for (size_t i = 0; i < plan->changes.n; i++) {
		struct change *change = plan->changes.item[i];
		if (change_is_file(change) && strings_has(&change->names, path))
			return change;
	}
	return NULL;
}

static bool is_absent(int sys_errno)
{
	return sys_errno == ENOENT || sys_errno == ENOTDIR;
}

/* The file a path leads to; of one that is not there, in the directory that it would be in. NULL
 * and errno where that cannot be known: the same file might be drafted twice. */
static char *real_file(struct plan *plan, const struct root *root, const char *path)
{
	char *real = root_real_path(root, path, plan->arena);
	const char *slash = strrchr(path, '/');
	if (real || !is_absent(errno))
		return real;
	if (!slash || slash == path)
		return arena_strdup(plan->arena, path);
	char *dir = arena_strndup(plan->arena, path, (size_t)(slash - path));
	dir = root_real_path(root, dir, plan->arena);
	if (!dir && !is_absent(errno))
		return NULL;
	return dir && strcmp(dir, "/") != 0 ? arena_printf(plan->arena, "%s%s", dir, slash)
					    : arena_strdup(plan->arena, dir ? slash : path);
}

/* The draft of the same file by another name, which is noted as one of its. */
static struct change *find_same_file(struct plan *plan, const char *path, const char *real)
{
	for (size_t i = 0; i < plan->changes.n; i++) {
		struct change *change = plan->changes.item[i];
		if (!change_is_file(change) || !change->real || strcmp(change->real, real) != 0)
			continue;
		strings_add(plan->arena, &change->names, path);
		return change;
	}
	return NULL;
}

/* The directories that are not there yet. */
static int find_dirs(struct plan *plan, const struct root *root, struct change *change,
		struct error *err)
{
	const char *path = change->path;
	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		char *dir = arena_strndup(plan->arena, path, (size_t)(slash - path));
		int there = root_presence(root, dir);
		if (there < 0)
			return error_set_errno(err, errno, "cannot see the directory '%s%s'",
					root_dir(root), dir);
		if (there == 0)
			strings_add(plan->arena, &change->dirs, dir);
	}
	return 0;
}

static int load_draft(struct plan *plan, const struct root *root, const char *path,
		struct change **ret_change, struct error *err)
{
	char *text = NULL;
	size_t size = 0;
	struct error error;
	int status = root_read(root, path, plan->arena, &text, &size, &error);
	if (status < 0 && error.sys_errno != ENOENT) {
		if (err)
			*err = error;
		return status;
	}
	if (text && strlen(text) != size)
		return error_set(err, ERROR_PARSE, "%s holds a NUL byte: it is not a text file",
				path);
	struct change *change = plan_add_change(plan, &kind_file);
	change->path = arena_strdup(plan->arena, path);
	strings_add(plan->arena, &change->names, path);
	change->before = text;
	change->after = text;
	*ret_change = change;
	return text ? 0 : find_dirs(plan, root, change, err);
}

int plan_draft(struct plan *plan, const struct root *root, const char *path, const char **ret_text,
		struct error *err)
{
	struct change *change = find_file(plan, path);
	char *real = change ? NULL : real_file(plan, root, path);
	if (!change && !real)
		return error_set_errno(err, errno, "cannot find '%s%s'", root_dir(root), path);
	if (!change)
		change = find_same_file(plan, path, real);
	if (!change) {
		int status = load_draft(plan, root, path, &change, err);
		if (status < 0 || !change)
			return status;
		change->real = real;
	}
	*ret_text = change->after;
	return 0;
}

void plan_set_executable(struct plan *plan, const char *path)
{
	struct change *change = find_file(plan, path);
	if (change)
		change->executable = true;
}

void plan_set_draft(struct plan *plan, const char *path, const char *text, const char *because,
		const char *cost)
{
	struct change *change = find_file(plan, path);
	if (!change)
		return;
	change->after = arena_strdup(plan->arena, text);
	plan_add_because(plan, change, because);
	if (cost && !change->cost)
		change->cost = arena_strdup(plan->arena, cost);
}

static bool is_empty(const struct change *change)
{
	return !change->before == !change->after &&
	       (!change->before || strcmp(change->before, change->after) == 0);
}

/* Hashes and diff follow from the content, so that they cannot say another thing. */
static void describe(struct arena *arena, struct change *change)
{
	if (change->before)
		hash_sha256(change->before, strlen(change->before), change->before_sha256);
	if (change->after)
		hash_sha256(change->after, strlen(change->after), change->after_sha256);
	change->diff = diff_unified(arena, change->path, change->before, change->after);
}

static void finish(
		struct plan *plan, const struct list *changes, struct change *change, bool forecast)
{
	(void)changes;
	(void)forecast;
	describe(plan->arena, change);
	change->operation = !change->before  ? FILE_CREATE
			    : !change->after ? FILE_DELETE
					     : FILE_EDIT;
	change->undo = arena_strdup(plan->arena,
			change->before ? "the file as it was is kept in the journal and put back"
				       : "the file is removed");
}

static char *title(struct arena *arena, const struct change *change)
{
	static const char marks[] = {[FILE_CREATE] = '+', [FILE_EDIT] = '~', [FILE_DELETE] = '-'};
	return arena_printf(arena, "%c %s", marks[change->operation], change->path);
}

static void detail(struct text *text, struct arena *arena, const struct change *change)
{
	(void)arena;
	text_add(text, change->diff);
	if (change->real && strcmp(change->real, change->path) != 0)
		text_addf(text, "the path is a link: the file is %s\n", change->real);
	for (size_t i = 0; i < change->dirs.n; i++)
		text_addf(text, "makes the directory %s\n", change->dirs.item[i]);
	if (change->executable)
		text_add(text, "as a program (mode 0755)\n");
}

static void undo_detail(struct text *text, struct arena *arena, const struct change *change)
{
	text_add(text, diff_unified(arena, change->path, change->after, change->before));
}

static void hash(struct text *text, const struct change *change)
{
	hash_field(text, change->path);
	hash_field(text, change->before_sha256);
	hash_field(text, change->after_sha256);
	text_add(text, change->executable ? "x" : "");
	hash_fields(text, &change->dirs);
}

static void to_json(
		json_t *object, const struct plan *plan, const struct change *change, bool forecast)
{
	(void)forecast;
	struct arena *arena = plan->arena;
	const char *mode = change->executable                 ? "0755"
			   : change->operation == FILE_CREATE ? "0644"
							      : NULL;
	(void)json_object_set_new(object, "path", json_text(change->path));
	(void)json_object_set_new(object, "operation", json_string(operations[change->operation]));
	(void)json_object_set_new(
			object, "before_sha256", json_text_or_null(change->before_sha256));
	(void)json_object_set_new(object, "after_sha256", json_text_or_null(change->after_sha256));
	(void)json_object_set_new(object, "mode", json_text_or_null(mode));
	(void)json_object_set_new(object, "makes_directories", json_texts(&change->dirs));
	json_set_content(object, arena, "diff", change->diff);
	json_set_content(object, arena, "before", change->before);
	json_set_content(object, arena, "after", change->after);
}

static bool are_above(const struct strings *dirs, const char *path)
{
	for (size_t i = 0; i < dirs->n; i++)
		if (!text_starts(path, dirs->item[i]) || path[strlen(dirs->item[i])] != '/')
			return false;
	return true;
}

static bool from_json(struct arena *arena, const json_t *json, struct change *change)
{
	int operation = json_index(json, "operation", operations, 3);
	const char *path = json_member(json, "path");
	const char *mode = json_member(json, "mode");
	if (operation < 0 || !path || path[0] != '/' || strstr(path, "/../"))
		return false;
	change->operation = (enum file_operation)operation;
	change->path = arena_strdup(arena, path);
	change->executable = mode && strcmp(mode, "0755") == 0;
	json_read_strings(arena, json_object_get(json, "makes_directories"), &change->dirs);
	change->before = json_get_content(json, arena, "before");
	change->after = json_get_content(json, arena, "after");
	if (!are_above(&change->dirs, path) || !change->before != (operation == FILE_CREATE) ||
			!change->after != (operation == FILE_DELETE))
		return false;
	describe(arena, change);
	return true;
}

static size_t journal_bytes(const struct change *change)
{
	return 4 * ((change->before ? strlen(change->before) : 0) +
				   (change->after ? strlen(change->after) : 0));
}

static int check(struct change_run *run, const struct change *change, struct error *err)
{
	const struct root *root = run->root;
	char now[SHA256_HEX];
	int status = file_hash(root, change->path, now, err);
	if (status < 0)
		return status;
	if (strcmp(now, change->before_sha256) != 0) {
		(void)error_set(err, ERROR_DRIFT, "'%s%s' was changed since the plan was made",
				root_dir(root), change->path);
		error_hint(err, "make a new plan; nothing was changed");
		return ERROR_DRIFT;
	}
	size_t size = change->after ? strlen(change->after) : 0;
	return file_check_place(root, change->path, size, err);
}

static int apply(struct change_run *run, const struct change *change, struct error *err)
{
	/* Looked at once more right before the write: time has passed since the first check. */
	int status = check(run, change, err);
	if (status < 0)
		return status;
	if (!change->after)
		return file_remove(run->root, change->path, err);
	for (size_t i = 0; i < change->dirs.n; i++) {
		status = file_make_dirs(run->root, change->dirs.item[i], 0755, err);
		if (status < 0)
			return status;
	}
	return file_replace(run->root, change->path, change->after, strlen(change->after),
			change->executable ? 0755 : 0644, err);
}

/* What was applied is what was shown. After an undo a later edit may be in it, too. */
static int seen(struct change_run *run, const struct change *change, bool undone, struct error *err)
{
	char now[SHA256_HEX];
	int status = undone ? 0 : file_hash(run->root, change->path, now, err);
	if (undone || status < 0 || strcmp(now, change->after_sha256) == 0)
		return status;
	return error_set(err, ERROR_IO, "'%s%s' reads back otherwise than it was written",
			root_dir(run->root), change->path);
}

static int check_undo(struct change_run *run, const struct change *change, struct error *err)
{
	char now[SHA256_HEX];
	int status = file_hash(run->root, change->path, now, err);
	if (status < 0 || strcmp(now, change->before_sha256) == 0)
		return status;
	size_t size = change->before ? strlen(change->before) : 0;
	return file_check_place(run->root, change->path, size, err);
}

/* The directories that were made for a file, innermost first, where nothing else is in them now. */
static int undo_dirs(const struct root *root, const struct change *change, struct error *err)
{
	int status = 0;
	for (size_t i = change->dirs.n; status == 0 && i-- > 0;)
		status = file_remove_dir(root, change->dirs.item[i], err);
	return status;
}

static int put_back(const struct root *root, const struct change *change, struct error *err)
{
	if (change->before)
		return file_replace(root, change->path, change->before, strlen(change->before),
				0644, err);
	int status = file_remove(root, change->path, err);
	return status < 0 ? status : undo_dirs(root, change, err);
}

/* Edited since: only what is ours goes, or a person says what to do. */
static int undo_edited(struct change_run *run, const struct change *change, bool *ret_kept,
		struct error *err)
{
	char *now = NULL;
	struct error unread;
	int status = root_read(run->root, change->path, run->arena, &now, NULL, &unread);
	if (status < 0 && unread.sys_errno != ENOENT) {
		if (err)
			*err = unread;
		return status;
	}
	char *undone = file_undo_text(run->arena, change, now);
	if (undone) {
		run->line(run->line_user, "edited since: only what pvegpu changed is undone",
				false);
		return file_replace(run->root, change->path, undone, strlen(undone), 0644, err);
	}
	char *diff = diff_unified(run->arena, change->path, now, change->before);
	if (run->ask && run->ask(run->ask_user, change, diff))
		return put_back(run->root, change, err);
	*ret_kept = true;
	return 0;
}

static int undo(struct change_run *run, const struct change *change, bool *ret_kept,
		struct error *err)
{
	char now[SHA256_HEX];
	file_clean(run->root, change->path);
	int status = file_hash(run->root, change->path, now, err);
	if (status < 0)
		return status;
	if (strcmp(now, change->before_sha256) == 0) /* the directories may be there without it */
		return change->before ? 0 : undo_dirs(run->root, change, err);
	return strcmp(now, change->after_sha256) == 0 ? put_back(run->root, change, err)
						      : undo_edited(run, change, ret_kept, err);
}

const struct change_kind kind_file = {
		.name = "file",
		.one = "file",
		.many = "files",
		.place = 0,
		.undo_order = UNDO_BACKWARDS,
		.is_empty = is_empty,
		.finish = finish,
		.title = title,
		.detail = detail,
		.undo_detail = undo_detail,
		.hash = hash,
		.to_json = to_json,
		.from_json = from_json,
		.journal_bytes = journal_bytes,
		.check = check,
		.check_undo = check_undo,
		.apply = apply,
		.seen_to_have_worked = seen,
		.undo = undo,
};
