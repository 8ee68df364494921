/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/plan/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/plan/internal.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/vm_secret.h"
#include "pvegpu/plan/diff.h"

struct plan *plan_new(const struct goal *goal, const char *node)
{
	struct arena *arena = arena_new();
	struct plan *plan = arena_alloc(arena, sizeof *plan);
	plan->arena = arena;
	plan->goal = goal_copy(goal);
	plan->node = arena_strdup(arena, node ? node : "localhost");
	return plan;
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	goal_free(plan->goal);
	arena_free(plan->arena);
}

bool change_is_file(const struct change *change)
{
	return change->kind == CHANGE_FILE;
}

bool change_is_command(const struct change *change)
{
	return change->kind == CHANGE_COMMAND;
}

bool change_is_api(const struct change *change)
{
	return change->kind == CHANGE_API;
}

bool change_is_reboot(const struct change *change)
{
	return change->kind == CHANGE_REBOOT;
}

static struct change *find_file(const struct plan *plan, const char *path)
{
	for (size_t i = 0; i < plan->changes.n; i++) {
		struct change *change = plan->changes.item[i];
		if (change->kind == CHANGE_FILE && strings_has(&change->names, path))
			return change;
	}
	return NULL;
}

/* The file a path leads to; of one that is not there, in the directory that it would be in. */
static char *real_file(struct plan *plan, const struct root *root, const char *path)
{
	char *real = root_real_path(root, path, plan->arena);
	const char *slash = strrchr(path, '/');
	if (real || !slash || slash == path)
		return real ? real : arena_strdup(plan->arena, path);
	char *dir = arena_strndup(plan->arena, path, (size_t)(slash - path));
	dir = root_real_path(root, dir, plan->arena);
	return dir && strcmp(dir, "/") != 0 ? arena_printf(plan->arena, "%s%s", dir, slash)
					    : arena_strdup(plan->arena, dir ? slash : path);
}

/* The draft of the same file by another name, which is noted as one of its. */
static struct change *find_same_file(struct plan *plan, const char *path, const char *real)
{
	for (size_t i = 0; i < plan->changes.n; i++) {
		struct change *change = plan->changes.item[i];
		if (change->kind != CHANGE_FILE || !change->real || strcmp(change->real, real) != 0)
			continue;
		strings_add(plan->arena, &change->names, path);
		return change;
	}
	return NULL;
}

static struct change *add_change(struct plan *plan, enum change_kind kind)
{
	struct change *change = arena_alloc(plan->arena, sizeof *change);
	change->kind = kind;
	list_add(plan->arena, &plan->changes, change);
	return change;
}

static void add_because(struct plan *plan, struct change *change, const char *because)
{
	if (!strings_has(&change->because, because))
		strings_add(plan->arena, &change->because, because);
}

int plan_draft(struct plan *plan, const struct root *root, const char *path, const char **ret_text,
		struct error *err)
{
	struct change *change = find_file(plan, path);
	char *real = change ? NULL : real_file(plan, root, path);
	if (!change)
		change = find_same_file(plan, path, real);
	if (change) {
		*ret_text = change->after;
		return 0;
	}
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
	change = add_change(plan, CHANGE_FILE);
	change->path = arena_strdup(plan->arena, path);
	change->real = real;
	strings_add(plan->arena, &change->names, path);
	change->before = text;
	change->after = text;
	*ret_text = text;
	for (const char *slash = strchr(path + 1, '/'); !text && slash;
			slash = strchr(slash + 1, '/')) {
		char *dir = arena_strndup(plan->arena, path, (size_t)(slash - path));
		if (!root_exists(root, dir))
			strings_add(plan->arena, &change->dirs, dir);
	}
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
	add_because(plan, change, because);
	if (cost && !change->cost)
		change->cost = arena_strdup(plan->arena, cost);
}

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
		if (other->kind == CHANGE_COMMAND && same_argv(&other->argv, argv))
			change = other;
	}
	if (!change) {
		change = add_change(plan, CHANGE_COMMAND);
		for (size_t i = 0; argv[i]; i++)
			strings_add(plan->arena, &change->argv, argv[i]);
		change->undo = arena_strdup(plan->arena, undo);
	}
	add_because(plan, change, because);
	return change;
}

static struct change *add_reboot(struct plan *plan, const char *because, const char *cost)
{
	struct change *change = NULL;
	for (size_t i = 0; i < plan->changes.n; i++) {
		struct change *other = plan->changes.item[i];
		if (other->kind == CHANGE_REBOOT)
			change = other;
	}
	if (!change)
		change = add_change(plan, CHANGE_REBOOT);
	change->undo = arena_strdup(plan->arena, "roll back what is above, then reboot once more");
	change->cost = arena_strdup(plan->arena, cost);
	if (!change->argv.n)
		strings_add(plan->arena, &change->argv, "reboot");
	add_because(plan, change, because);
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

void plan_show_conf(struct plan *plan, const struct plan_conf *conf)
{
	struct plan_conf *copy = arena_alloc(plan->arena, sizeof *copy);
	*copy = *conf;
	copy->path = arena_strdup(plan->arena, conf->path);
	copy->text = arena_strdup(plan->arena, conf->text);
	if (conf->source == VM_CONF_API) { /* what is no change is not to look like one */
		struct vm_conf_edit none = {.vmid = conf->vmid, .source = conf->source};
		copy->text = vm_conf_predict(plan->arena, conf->text, &none);
	}
	list_add(plan->arena, &plan->confs, copy);
}

static struct change *find_api(struct plan *plan, enum api_stage stage, unsigned vmid)
{
	static const char *const undo[] = {
			[STAGE_MAPPING] = "",
			[STAGE_STOP] = "start the VM again",
			[STAGE_SETTINGS] = "the same call with the settings as they were",
			[STAGE_ATTACH] = "the same call without the device",
			[STAGE_START] = "shut the VM down",
	};
	for (size_t i = 0; i < plan->changes.n; i++) {
		struct change *other = plan->changes.item[i];
		if (other->kind == CHANGE_API && other->stage == stage && other->vmid == vmid)
			return other;
	}
	struct change *change = add_change(plan, CHANGE_API);
	bool config = stage == STAGE_SETTINGS || stage == STAGE_ATTACH;
	change->stage = stage;
	change->vmid = vmid;
	change->method = arena_strdup(plan->arena, config ? "PUT" : "POST");
	change->api_path = arena_printf(plan->arena, "/nodes/%s/qemu/%u/%s", plan->node, vmid,
			config                ? "config"
			: stage == STAGE_STOP ? "status/shutdown"
					      : "status/start");
	change->undo = arena_strdup(plan->arena, undo[stage]);
	return change;
}

void plan_add_api(struct plan *plan, enum api_stage stage, unsigned vmid, const char *digest,
		const char *key, const char *value, const char *before, const char *because)
{
	struct change *change = find_api(plan, stage, vmid);
	pve_param_add(plan->arena, &change->params, key, value);
	pve_param_add(plan->arena, &change->before_params, key, before);
	change->digest = arena_strdup(plan->arena, digest);
	add_because(plan, change, because);
}

struct change *plan_add_api_call(
		struct plan *plan, enum api_stage stage, unsigned vmid, const char *because)
{
	struct change *change = find_api(plan, stage, vmid);
	if (stage == STAGE_STOP) {
		change->cost = arena_strdup(plan->arena, "the VM is shut down");
		if (change->params.n == 0)
			pve_param_add(plan->arena, &change->params, "timeout", "180");
	}
	add_because(plan, change, because);
	return change;
}

void plan_let_wait(struct plan *plan, unsigned vmid)
{
	for (size_t i = 0; i < plan->changes.n; i++) {
		struct change *change = plan->changes.item[i];
		if (change->kind != CHANGE_API || change->vmid != vmid ||
				(change->stage != STAGE_SETTINGS && change->stage != STAGE_ATTACH))
			continue;
		change->waits = true;
		change->cost = arena_strdup(plan->arena,
				"none now: the VM runs on, and it counts when it was stopped and "
				"started");
		change->undo = arena_strdup(plan->arena, "what waits is taken back, or set as it "
							 "was where it counts by then");
	}
}

void plan_add_mapping(struct plan *plan, const char *name, const struct list *params,
		const struct list *before, const char *because)
{
	static const char all[] = "/cluster/mapping/pci";
	struct arena *arena = plan->arena;
	struct change *change = add_change(plan, CHANGE_API);
	change->stage = STAGE_MAPPING;
	change->mapping = arena_strdup(arena, name);
	change->method = arena_strdup(arena, !before->n ? "POST" : params->n ? "PUT" : "DELETE");
	change->api_path = before->n ? arena_printf(arena, "%s/%s", all, name)
				     : arena_strdup(arena, all);
	change->undo = arena_strdup(
			arena, !before->n  ? "the mapping is deleted"
			       : params->n ? "the same call with the entries as they were"
					   : "the mapping is made again as it was");
	for (size_t i = 0; i < params->n; i++) {
		const struct pve_param *param = params->item[i];
		pve_param_add(arena, &change->params, param->key, param->value);
	}
	for (size_t i = 0; i < before->n; i++) {
		const struct pve_param *param = before->item[i];
		pve_param_add(arena, &change->before_params, param->key, param->value);
	}
	add_because(plan, change, because);
}

void plan_refuse(struct plan *plan, const char *check, const char *subject, const char *reason,
		bool acceptable)
{
	struct refusal *refusal = arena_alloc(plan->arena, sizeof *refusal);
	*refusal = (struct refusal){
			.check = arena_strdup(plan->arena, check),
			.subject = arena_strdup(plan->arena, subject),
			.reason = arena_strdup(plan->arena, reason),
			.acceptable = acceptable,
	};
	list_add(plan->arena, &plan->refusals, refusal);
}

void plan_accept(struct plan *plan, const char *check, const char *subject, const char *reason)
{
	struct refusal *accepted = arena_alloc(plan->arena, sizeof *accepted);
	*accepted = (struct refusal){
			.check = arena_strdup(plan->arena, check),
			.subject = arena_strdup(plan->arena, subject),
			.reason = arena_strdup(plan->arena, reason),
			.acceptable = true,
	};
	list_add(plan->arena, &plan->accepted, accepted);
}

/* Files in the order they were drafted, commands after them (the initramfs before the boot
 * loader), the calls by stage, the reboot last. */
static int order_of(const struct change *change)
{
	switch (change->kind) {
	case CHANGE_FILE:
		return 0;
	case CHANGE_COMMAND:
		return change->makes_images ? 1 : 2;
	case CHANGE_API:
		return 10 + (int)change->stage;
	case CHANGE_REBOOT:
		return 100;
	}
	return 0;
}

static void finish_file(struct plan *plan, struct change *change)
{
	if (change->before)
		hash_sha256(change->before, strlen(change->before), change->before_sha256);
	if (change->after)
		hash_sha256(change->after, strlen(change->after), change->after_sha256);
	change->operation = !change->before  ? FILE_CREATE
			    : !change->after ? FILE_DELETE
					     : FILE_EDIT;
	change->diff = diff_unified(plan->arena, change->path, change->before, change->after);
	change->undo = arena_strdup(plan->arena,
			change->before ? "the file as it was is kept in the journal and put back"
				       : "the file is removed");
}

static bool unchanged(const struct change *change)
{
	return change->kind == CHANGE_FILE && !change->before == !change->after &&
	       (!change->before || strcmp(change->before, change->after) == 0);
}

/* The first call on a VM's configuration carries the digest the plan was made from; for one that
 * follows another call it can only be known then. */
static void chain_digests(struct list *changes)
{
	for (size_t i = 1; i < changes->n; i++) {
		struct change *change = changes->item[i];
		for (size_t j = 0; j < i; j++) {
			const struct change *other = changes->item[j];
			/* A stop counts too: it applies what is pending in the configuration. */
			if (other->kind == CHANGE_API && change->kind == CHANGE_API &&
					other->vmid == change->vmid)
				change->digest = NULL;
		}
	}
}

static char *qm_line(struct plan *plan, const struct change *change)
{
	struct text text = {0};
	static const char *const verbs[] = {"", "shutdown", "set", "set", "start"};
	if (change->stage == STAGE_MAPPING) {
		const char *verb = change->method[0] == 'D'   ? "delete"
				   : change->method[1] == 'U' ? "set"
							      : "create";
		text_addf(&text, "pvesh %s %s", verb, change->api_path);
	} else {
		text_addf(&text, "qm %s %u", verbs[change->stage], change->vmid);
	}
	for (size_t i = 0; i < change->params.n; i++) {
		const struct pve_param *param = change->params.item[i];
		text_addf(&text, " --%s %s", param->key,
				text_shell_quote(plan->arena, param->value));
	}
	return text_take(&text, plan->arena);
}

/* Is the VM up when its configuration is changed? */
static bool stays_up(const struct plan *plan, const struct list *changes, unsigned vmid)
{
	bool running = false;
	for (size_t i = 0; i < plan->confs.n; i++) {
		const struct plan_conf *conf = plan->confs.item[i];
		running = running || (conf->vmid == vmid && conf->running);
	}
	for (size_t i = 0; i < changes->n; i++) {
		const struct change *change = changes->item[i];
		if (change->kind == CHANGE_API && change->stage == STAGE_STOP &&
				change->vmid == vmid)
			running = false;
	}
	return running;
}

/* The diff a call will make in the VM's file, on top of those of the calls before it. */
static void predict(struct plan *plan, const struct list *changes, struct change *change)
{
	if (change->waits) /* it goes to PENDING, or is plugged in at once: Proxmox VE decides */
		return;
	bool config = change->stage == STAGE_SETTINGS || change->stage == STAGE_ATTACH;
	for (size_t i = 0; config && change->before_params.n && i < plan->confs.n; i++) {
		struct plan_conf *conf = plan->confs.item[i];
		if (conf->vmid != change->vmid)
			continue;
		bool up = stays_up(plan, changes, conf->vmid);
		struct vm_conf_edit edit = {.vmid = conf->vmid,
				.source = conf->source,
				.power = up ? VM_CONF_RUNNING : VM_CONF_STOPPED};
		for (size_t p = 0; p < change->params.n; p++) {
			const struct pve_param *param = change->params.item[p];
			struct vm_conf_entry *entry = arena_alloc(plan->arena, sizeof *entry);
			*entry = (struct vm_conf_entry){.key = param->key, .value = param->value};
			list_add(plan->arena, &edit.settings, entry);
		}
		char *after = vm_conf_predict(plan->arena, conf->text, &edit);
		change->predicted = vm_secret_diff(plan->arena,
				diff_unified(plan->arena, conf->path, conf->text, after));
		change->predicted_by_api = conf->source == VM_CONF_API;
		conf->text = after;
	}
}

void plan_finish(struct plan *plan)
{
	struct list all = plan->changes;
	struct list changes = {0};
	bool reboot = false;
	for (int order = 0; order <= 100; order++)
		for (size_t i = 0; i < all.n; i++) {
			struct change *change = all.item[i];
			if (order_of(change) != order || unchanged(change))
				continue;
			reboot = reboot || change->kind == CHANGE_REBOOT;
			list_add(plan->arena, &changes, change);
		}
	plan->changes = (struct list){0};
	for (size_t i = 0; i < changes.n; i++) {
		struct change *change = changes.item[i];
		bool later = reboot && change->kind == CHANGE_API;
		list_add(plan->arena, later ? &plan->forecast : &plan->changes, change);
		if (change->kind == CHANGE_FILE)
			finish_file(plan, change);
		/* What is refused is not handed out to be done by hand either. */
		if (change->kind == CHANGE_API && !plan->refusals.n)
			change->equivalent = qm_line(plan, change);
		if (change->kind == CHANGE_API)
			predict(plan, &changes, change);
	}
	chain_digests(&plan->changes);
	size_t n = 0;
	for (size_t i = 0; i < plan->changes.n; i++)
		((struct change *)plan->changes.item[i])->n = ++n;
	for (size_t i = 0; i < plan->forecast.n; i++) {
		struct change *change = plan->forecast.item[i];
		change->n = ++n;
		change->digest = NULL; /* known only from the facts after the reboot */
	}
	plan->nothing_to_do = n == 0;
	plan->sealed = true;
	plan_hash(plan, plan->id);
}

static void hash_field(struct text *text, const char *field)
{
	/* Lengths keep fields apart whatever they hold. */
	text_addf(text, "%zu:%s", field ? strlen(field) : 0, field ? field : "-");
}

static void hash_fields(struct text *text, const struct strings *fields)
{
	for (size_t i = 0; i < fields->n; i++)
		hash_field(text, fields->item[i]);
	text_add(text, ";");
}

static void add_changes(struct text *text, const struct plan *plan)
{
	hash_field(text, plan->node);
	if (plan->api)
		hash_field(text, plan->api);
	for (size_t i = 0; i < plan->changes.n; i++) {
		const struct change *change = plan->changes.item[i];
		text_addf(text, "\n%d ", (int)change->kind);
		hash_field(text, change->path);
		hash_field(text, change->before_sha256);
		hash_field(text, change->after_sha256);
		hash_fields(text, &change->argv);
		text_add(text, change->executable ? "x" : "");
		hash_fields(text, &change->dirs);
		hash_fields(text, &change->must_not_say);
		hash_field(text, change->harmless);
		hash_fields(text, &change->must_say);
		hash_fields(text, &change->entries_with);
		hash_fields(text, &change->entries_without);
		if (change->entries_in)
			hash_field(text, change->entries_in);
		text_add(text, change->makes_images ? "i" : "");
		if (change->mapping)
			hash_field(text, change->mapping);
		hash_field(text, change->method);
		hash_field(text, change->api_path);
		hash_field(text, change->digest);
		text_add(text, change->waits ? "w" : "");
		for (size_t p = 0; p < change->params.n; p++) {
			const struct pve_param *param = change->params.item[p];
			hash_field(text, param->key);
			hash_field(text, param->value);
		}
		for (size_t p = 0; p < change->before_params.n; p++) {
			const struct pve_param *param = change->before_params.item[p];
			hash_field(text, param->key);
			hash_field(text, param->value);
		}
	}
}

/* By its sorted JSON, so that no choice and no acceptance can be left out. */
static void add_goal(struct text *text, const struct goal *goal)
{
	json_t *json = goal_to_json(goal);
	char *dumped = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
	json_decref(json);
	hash_field(text, dumped);
	free(dumped);
}

static void hash_text(struct text *text, char ret_id[SHA256_HEX])
{
	hash_sha256(text_string(text), text->n, ret_id);
	text_free(text);
}

void plan_hash(const struct plan *plan, char ret_id[SHA256_HEX])
{
	struct text text = {0};
	add_goal(&text, plan->goal);
	add_changes(&text, plan);
	hash_text(&text, ret_id);
}

void plan_hash_changes(const struct plan *plan, char ret_id[SHA256_HEX])
{
	struct text text = {0};
	add_changes(&text, plan);
	hash_text(&text, ret_id);
}
