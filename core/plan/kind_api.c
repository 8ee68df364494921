/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/plan/internal.h"
#include "pvegpu/base/json.h"
#include "pvegpu/formats/pci_mapping.h"
#include "pvegpu/formats/vm_secret.h"
#include "pvegpu/plan/diff.h"

/* A call to the API of Proxmox VE: settings of a VM, its stop and start (api_vm.c), or a mapping
 * (api_mapping.c). */

static const char *const stages[] = {[STAGE_MAPPING] = "mapping",
		[STAGE_STOP] = "stop",
		[STAGE_SETTINGS] = "settings",
		[STAGE_ATTACH] = "attach",
		[STAGE_START] = "start"};

bool api_sets_config(const struct change *change)
{
	return change->stage == STAGE_SETTINGS || change->stage == STAGE_ATTACH;
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

static struct change *add_call(struct plan *plan, enum api_stage stage, unsigned vmid)
{
	static const struct {
		const char *method, *path, *undo;
	} calls[] = {
			[STAGE_STOP] = {"POST", "status/shutdown", "start the VM again"},
			[STAGE_SETTINGS] = {"PUT", "config",
					"the same call with the settings as they were"},
			[STAGE_ATTACH] = {"PUT", "config", "the same call without the device"},
			[STAGE_START] = {"POST", "status/start", "shut the VM down"},
	};
	struct arena *arena = plan->arena;
	struct change *change = plan_add_change(plan, &kind_api);
	change->stage = stage;
	change->vmid = vmid;
	change->method = arena_strdup(arena, calls[stage].method);
	change->api_path = arena_printf(
			arena, "/nodes/%s/qemu/%u/%s", plan->node, vmid, calls[stage].path);
	change->undo = arena_strdup(arena, calls[stage].undo);
	if (stage == STAGE_STOP) {
		change->cost = arena_strdup(arena, "the VM is shut down");
		/* PVE/QemuServer.pm, _do_vm_stop: the guest did not shut down in that time. */
		change->asks_if_said = arena_strdup(arena, "powerdown failed");
		pve_param_add(arena, &change->params, "timeout", "180");
	}
	return change;
}

struct change *plan_find_call(const struct list *changes, enum api_stage stage, unsigned vmid)
{
	for (size_t i = 0; i < changes->n; i++) {
		struct change *change = changes->item[i];
		if (change_is_api(change) && change->stage == stage && change->vmid == vmid)
			return change;
	}
	return NULL;
}

bool plan_calls_on(const struct list *changes, unsigned vmid, const struct change *until)
{
	for (size_t i = 0; i < changes->n && changes->item[i] != until; i++) {
		const struct change *change = changes->item[i];
		if (change_is_api(change) && change->vmid == vmid)
			return true;
	}
	return false;
}

/* The call of that stage, made once for each VM. */
static struct change *call_of(struct plan *plan, enum api_stage stage, unsigned vmid)
{
	struct change *change = plan_find_call(&plan->changes, stage, vmid);
	return change ? change : add_call(plan, stage, vmid);
}

void plan_add_api(struct plan *plan, enum api_stage stage, unsigned vmid, const char *digest,
		const char *key, const char *value, const char *before, const char *because)
{
	struct change *change = call_of(plan, stage, vmid);
	if (!pve_param_get(&change->params, key)) { /* another device of the VM wants the same */
		pve_param_add(plan->arena, &change->params, key, value);
		pve_param_add(plan->arena, &change->before_params, key, before);
	}
	change->digest = arena_strdup(plan->arena, digest);
	plan_add_because(plan, change, because);
}

struct change *plan_add_api_call(
		struct plan *plan, enum api_stage stage, unsigned vmid, const char *because)
{
	struct change *change = call_of(plan, stage, vmid);
	plan_add_because(plan, change, because);
	return change;
}

void plan_let_wait(struct plan *plan, unsigned vmid)
{
	for (size_t i = 0; i < plan->changes.n; i++) {
		struct change *change = plan->changes.item[i];
		if (!change_is_api(change) || change->vmid != vmid || !api_sets_config(change))
			continue;
		change->waits = true;
		change->cost = arena_strdup(plan->arena,
				"none now: the VM runs on, and it counts when it was stopped and started");
		change->undo = arena_strdup(plan->arena,
				"what waits is taken back, or set as it was where it counts by then");
	}
}

static void copy_params(struct arena *arena, struct list *to, const struct list *from)
{
	for (size_t i = 0; i < from->n; i++) {
		const struct pve_param *param = from->item[i];
		pve_param_add(arena, to, param->key, param->value);
	}
}

struct change *plan_add_mapping(struct plan *plan, const char *name, const struct list *params,
		const struct list *before, const char *because)
{
	static const char all[] = "/cluster/mapping/pci";
	struct arena *arena = plan->arena;
	struct change *change = plan_add_change(plan, &kind_api);
	change->stage = STAGE_MAPPING;
	change->mapping = arena_strdup(arena, name);
	change->method = arena_strdup(arena, !before->n ? "POST" : params->n ? "PUT" : "DELETE");
	change->api_path = before->n ? arena_printf(arena, "%s/%s", all, name)
				     : arena_strdup(arena, all);
	change->undo = arena_strdup(
			arena, !before->n  ? "the mapping is deleted"
			       : params->n ? "the same call with the entries as they were"
					   : "the mapping is made again as it was");
	copy_params(arena, &change->params, params);
	copy_params(arena, &change->before_params, before);
	plan_add_because(plan, change, because);
	return change;
}

static int place_of(const struct change *change)
{
	return (int)change->stage;
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
	struct strings deleted = {0};
	for (size_t i = 0; i < change->params.n; i++) {
		const struct pve_param *param = change->params.item[i];
		if (param->value)
			text_addf(&text, " --%s %s", param->key,
					text_shell_quote(plan->arena, param->value));
		else
			strings_add(plan->arena, &deleted, param->key);
	}
	if (deleted.n)
		text_addf(&text, " --delete %s", strings_join(plan->arena, &deleted, ","));
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
	return running && !plan_find_call(changes, STAGE_STOP, vmid);
}

/* The diff a call will make in the VM's file, on top of those of the calls before it. */
static void predict_in(struct plan *plan, struct plan_conf *conf, bool up, struct change *change)
{
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
	change->predicted = vm_secret_diff(
			plan->arena, diff_unified(plan->arena, conf->path, conf->text, after));
	change->predicted_by_api = conf->source == VM_CONF_API;
	conf->text = after;
}

static void predict(struct plan *plan, const struct list *changes, struct change *change)
{
	if (change->waits) /* it goes to PENDING, or is plugged in at once: Proxmox VE decides */
		return;
	bool config = api_sets_config(change) && change->before_params.n;
	for (size_t i = 0; config && i < plan->confs.n; i++) {
		struct plan_conf *conf = plan->confs.item[i];
		if (conf->vmid == change->vmid)
			predict_in(plan, conf, stays_up(plan, changes, conf->vmid), change);
	}
}

static void finish(
		struct plan *plan, const struct list *changes, struct change *change, bool forecast)
{
	/* What is refused is not handed out to be done by hand either. */
	if (!plan->refusals.n)
		change->equivalent = qm_line(plan, change);
	predict(plan, changes, change);
	/* The first call on a VM's configuration carries the digest the plan was made from; for one
	 * that follows another it can only be known then. A stop counts too: it applies what is
	 * pending. */
	if (forecast || plan_calls_on(changes, change->vmid, change))
		change->digest = NULL;
}

/* What it is about: the keys it sets, or the action its path ends in. */
static char *title(struct arena *arena, const struct change *change)
{
	const char *slash = strrchr(change->api_path, '/');
	struct strings keys = {0};
	bool config = api_sets_config(change);
	if (change->mapping)
		return arena_printf(arena, "> %s mapping %s", change->method, change->mapping);
	for (size_t i = 0; config && i < change->params.n; i++)
		strings_add(arena, &keys, ((struct pve_param *)change->params.item[i])->key);
	return arena_printf(arena, "> %s %u %s", change->method, change->vmid,
			config  ? strings_join(arena, &keys, " ")
			: slash ? slash + 1
				: "");
}

static void add_now(struct text *text, const struct change *change)
{
	for (size_t i = 0; i < change->before_params.n; i++) {
		const struct pve_param *param = change->before_params.item[i];
		text_addf(text, "now: %s %s\n", param->key,
				param->value ? param->value : "is not set");
	}
	if (change->mapping && !change->before_params.n)
		text_add(text, "now: there is no such mapping\n");
}

static void detail(struct text *text, struct arena *arena, const struct change *change)
{
	(void)arena;
	text_addf(text, "%s %s\n", change->method, change->api_path);
	for (size_t i = 0; i < change->params.n; i++) {
		const struct pve_param *param = change->params.item[i];
		text_addf(text, "  %s=%s\n", param->value ? param->key : "delete",
				param->value ? param->value : param->key);
	}
	if (api_sets_config(change) || (change->mapping && change->before_params.n))
		text_addf(text, "  digest=%s\n",
				change->digest ? change->digest
					       : "(as read back just before the call)");
	add_now(text, change);
	if (change->asks_if_said)
		text_add(text, "if the guest does not shut down in that time, you are asked before it is stopped\n");
	if (change->equivalent && *change->equivalent)
		text_addf(text, "the same by hand:\n  %s\n", change->equivalent);
	if (change->predicted && *change->predicted)
		text_addf(text, "what it makes of the VM's file%s:\n%s",
				change->predicted_by_api
						? ", as made from the API's values (the file itself is not read)"
						: "",
				change->predicted);
}

static void undo_detail(struct text *text, struct arena *arena, const struct change *change)
{
	(void)arena;
	for (size_t i = 0; i < change->before_params.n; i++) {
		const struct pve_param *before = change->before_params.item[i];
		text_addf(text, "    %s: %s\n", before->key,
				before->value ? before->value : "(not set)");
	}
}

static void hash(struct text *text, const struct change *change)
{
	hash_field(text, change->mapping);
	hash_field(text, change->method);
	hash_field(text, change->api_path);
	hash_field(text, change->digest);
	text_add(text, change->waits ? "w" : "");
	hash_field(text, change->asks_if_said);
	hash_params(text, &change->params);
	text_add(text, ";");
	hash_params(text, &change->before_params);
}

static json_t *params_json(const struct list *params)
{
	json_t *object = json_object();
	for (size_t i = 0; i < params->n; i++) {
		const struct pve_param *param = params->item[i];
		json_t *have = json_object_get(object, param->key);
		/* `map` may come more than once, and is an array however often it does. */
		if (strcmp(param->key, "map") == 0 && !have) {
			have = json_array();
			(void)json_object_set_new(object, param->key, have);
		}
		if (json_is_array(have))
			(void)json_array_append_new(have, json_text(param->value));
		else
			(void)json_object_set_new(object, param->key, json_text(param->value));
	}
	return object;
}

static void to_json(
		json_t *object, const struct plan *plan, const struct change *change, bool forecast)
{
	(void)json_object_set_new(object, "transport", json_string(plan->api ? "https" : "pvesh"));
	(void)json_object_set_new(object, "method", json_string(change->method));
	(void)json_object_set_new(object, "path", json_text(change->api_path));
	(void)json_object_set_new(object, "params", params_json(&change->params));
	(void)json_object_set_new(object, "before_params", params_json(&change->before_params));
	(void)json_object_set_new(object, "stage", json_string(stages[change->stage]));
	(void)json_object_set_new(
			object, "vmid", change->vmid ? json_integer(change->vmid) : json_null());
	(void)json_object_set_new(object, "mapping", json_text(change->mapping));
	(void)json_object_set_new(object, "waits", json_boolean(change->waits));
	(void)json_object_set_new(object, "asks_if_said", json_text(change->asks_if_said));
	if (!forecast)
		(void)json_object_set_new(object, "digest", json_text_or_null(change->digest));
	(void)json_object_set_new(object, "equivalent", json_text_or_null(change->equivalent));
	json_set_content(object, plan->arena, "predicted", change->predicted);
	if (change->predicted)
		(void)json_object_set_new(object, "predicted_from",
				json_string(change->predicted_by_api ? "api" : "file"));
}

static void read_params(struct arena *arena, json_t *object, struct list *list)
{
	const char *key = NULL;
	json_t *value = NULL;
	json_object_foreach(object, key, value)
	{
		for (size_t i = 0; i < json_array_size(value); i++)
			pve_param_add(arena, list, key,
					json_string_value(json_array_get(value, i)));
		if (!json_is_array(value))
			pve_param_add(arena, list, key, json_string_value(value));
	}
}

static bool read_subject(struct arena *arena, const json_t *json, struct change *change)
{
	int stage = json_index(json, "stage", stages, 5);
	const char *mapping = json_member(json, "mapping");
	json_int_t vmid = json_integer_value(json_object_get(json, "vmid"));
	if (stage < 0)
		return false;
	if (stage == STAGE_MAPPING ? !mapping || !pci_mapping_name_is_valid(mapping)
				   : vmid < 100 || vmid > 999999999)
		return false;
	change->stage = (enum api_stage)stage;
	change->vmid = (unsigned)vmid;
	change->mapping = stage == STAGE_MAPPING ? arena_strdup(arena, mapping) : NULL;
	return true;
}

/* None of ours sets a secret; null takes a key out of a VM's configuration. */
static bool are_fine(const struct change *change, json_t *params)
{
	const char *key = NULL;
	json_t *value = NULL;
	json_object_foreach(params, key, value)
	{
		bool taken_out = api_sets_config(change) && json_is_null(value);
		if (vm_secret_key(key) ||
				(!json_is_string(value) && !json_is_array(value) && !taken_out))
			return false;
		for (size_t i = 0; i < json_array_size(value); i++)
			if (!json_is_string(json_array_get(value, i)))
				return false;
	}
	return true;
}

static bool from_json(struct arena *arena, const json_t *json, struct change *change)
{
	const char *equivalent = json_member(json, "equivalent");
	const char *from = json_member(json, "predicted_from");
	change->method = arena_strdup(arena, json_member(json, "method"));
	change->api_path = arena_strdup(arena, json_member(json, "path"));
	if (!read_subject(arena, json, change) || !change->method || !change->api_path)
		return false;
	change->digest = arena_strdup(arena, json_member(json, "digest"));
	change->waits = json_is_true(json_object_get(json, "waits"));
	change->asks_if_said = arena_strdup(arena, json_member(json, "asks_if_said"));
	change->equivalent = arena_strdup(arena, equivalent ? equivalent : "");
	/* A plan saved by an older version has them. */
	change->predicted = vm_secret_diff(arena, json_get_content(json, arena, "predicted"));
	change->predicted_by_api = from && strcmp(from, "api") == 0;
	read_params(arena, json_object_get(json, "params"), &change->params);
	read_params(arena, json_object_get(json, "before_params"), &change->before_params);
	return are_fine(change, json_object_get(json, "params"));
}

static int check(struct change_run *run, const struct change *change, struct error *err)
{
	struct pve_client *client = NULL;
	int status = change_run_client(run, &client, err);
	if (status < 0)
		return status;
	return (change->mapping ? api_mapping_check : api_vm_check)(run, client, change, err);
}

static int apply(struct change_run *run, const struct change *change, struct error *err)
{
	struct pve_client *client = NULL;
	int status = change_run_client(run, &client, err);
	if (status < 0)
		return status;
	return (change->mapping ? api_mapping_apply : api_vm_apply)(run, client, change, err);
}

static int seen(struct change_run *run, const struct change *change, bool undone, struct error *err)
{
	struct pve_client *client = NULL;
	int status = change_run_client(run, &client, err);
	if (status < 0)
		return status;
	return (change->mapping ? api_mapping_seen : api_vm_seen)(run, client, change, undone, err);
}

/* The node that has the VM now, where that is another one. */
static void hint_where_it_is(
		struct change_run *run, struct pve_client *client, unsigned vmid, struct error *err)
{
	json_t *vms = NULL;
	size_t i = 0;
	json_t *vm = NULL;
	if (!vmid || pve_cluster_vms(client, &vms, NULL) < 0)
		return;
	json_array_foreach(vms, i, vm)
	{
		const char *node = json_member(vm, "node");
		if (node && json_integer_value(json_object_get(vm, "vmid")) == (json_int_t)vmid &&
				strcmp(node, run->node) != 0)
			error_hint(err, "VM %u is on node %s now: move it back to %s, then roll back once more",
					vmid, node, run->node);
	}
	json_decref(vms);
}

static int undo(struct change_run *run, const struct change *change, bool *ret_kept,
		struct error *err)
{
	struct pve_client *client = NULL;
	char *diff = NULL;
	int status = change_run_client(run, &client, err);
	if (status < 0)
		return status;
	int (*undo_call)(struct change_run *, struct pve_client *, const struct change *, char **,
			bool, struct error *) = change->mapping ? api_mapping_undo : api_vm_undo;
	status = undo_call(run, client, change, &diff, false, err);
	if (status == 0 && diff) {
		*ret_kept = !run->ask || !run->ask(run->ask_user, change, diff);
		if (!*ret_kept)
			status = undo_call(run, client, change, &diff, true, err);
	}
	if (status < 0 && err)
		hint_where_it_is(run, client, change->vmid, err);
	return status;
}

static bool sets_hostpci(const struct change *change)
{
	for (size_t i = 0; i < change->params.n; i++) {
		const struct pve_param *param = change->params.item[i];
		if (text_starts(param->key, "hostpci"))
			return true;
	}
	return false;
}

/* A hostpci line that was kept rests on the VM's machine, and on its mapping. */
static const char *rests_on(const struct change *kept, const struct change *other)
{
	bool rests = sets_hostpci(kept) && change_is_api(other) &&
		     (other->mapping || (other->vmid == kept->vmid && other->params.n));
	return rests ? "the hostpci line that was kept needs it" : NULL;
}

static void undo_needs(struct undo_needs *needs, const struct change *change)
{
	(change->mapping ? api_mapping_undo_needs : api_vm_undo_needs)(needs, change);
}

const struct change_kind kind_api = {
		.name = "api",
		.one = "API call",
		.many = "API calls",
		.place = 30,
		.follows_reboot = true,
		.runs_on_host = true,
		.not_in_chroot = "VMs are undone on the running host", /* Proxmox VE is not here */
		.undo_order = UNDO_BACKWARDS,
		.place_of = place_of,
		.finish = finish,
		.title = title,
		.detail = detail,
		.undo_detail = undo_detail,
		.hash = hash,
		.to_json = to_json,
		.from_json = from_json,
		.check = check,
		.apply = apply,
		.seen_to_have_worked = seen,
		.undo = undo,
		.rests_on = rests_on,
		.undo_needs = undo_needs,
};
