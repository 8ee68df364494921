/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/plan/internal.h"
#include "pvegpu/formats/hostpci.h"
#include "pvegpu/pve/rights.h"

/* One call on a VM: its settings in one PUT with digest, its stop, its start. */

/* The cluster does what high availability was asked for within some rounds of ten seconds. */
enum { TASK_TIMEOUT_S = 600, HA_TIMEOUT_S = 120 };

int api_vm_check(struct change_run *run, struct pve_client *client, const struct change *change,
		struct error *err)
{
	if (!api_sets_config(change) || !change->digest)
		return 0;
	json_t *config = NULL;
	int status = pve_vm_config(client, run->node, change->vmid, &config, err);
	if (status < 0)
		return status;
	const char *digest = json_string_value(json_object_get(config, "digest"));
	if (!digest || strcmp(digest, change->digest) != 0) {
		status = error_set(err, ERROR_DRIFT,
				"the configuration of VM %u was changed since the plan was made",
				change->vmid);
		error_hint(err, "make a new plan; nothing was changed");
	}
	json_decref(config);
	return status;
}

/* NULL is a key that is not set. */
static bool same_value(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : !a && !b;
}

/* The first key of `params` that the configuration has another value for, or NULL; `ret_now` is
 * what it has, owned by `arena`. */
static const struct pve_param *find_difference(const json_t *config, const struct list *params,
		struct arena *arena, const char **ret_now)
{
	for (size_t i = 0; i < params->n; i++) {
		const struct pve_param *param = params->item[i];
		*ret_now = pve_config_text(arena, config, param->key);
		if (!same_value(*ret_now, param->value))
			return param;
	}
	return NULL;
}

static const char *shown(const char *value)
{
	return value ? value : "(not set)";
}

/* What counts of the VM: of a change that waits, its configuration after the next stop. */
static int get_config(struct pve_client *client, const char *node, const struct change *change,
		json_t **ret_config, struct error *err)
{
	return (change->waits ? pve_vm_next_config : pve_vm_config)(
			client, node, change->vmid, ret_config, err);
}

/* Each value must be there afterwards: on a running VM it would be pending instead. */
static int read_back(struct pve_client *client, const char *node, const struct change *change,
		const struct list *params, struct error *err)
{
	json_t *config = NULL;
	int status = get_config(client, node, change, &config, err);
	if (status < 0)
		return status;
	struct arena *arena = arena_new();
	const char *now = NULL;
	const struct pve_param *other = find_difference(config, params, arena, &now);
	if (other)
		status = error_set(err, ERROR_API, "VM %u: %s reads back as '%s' instead of '%s'",
				change->vmid, other->key, shown(now), shown(other->value));
	arena_free(arena);
	json_decref(config);
	return status;
}

/* Between the plan and this call nobody else may have set what it sets. What waited in PENDING when
 * the plan was made waits still, or is current since a stop: what counts next is the same. */
static int check_before(struct pve_client *client, const char *node, const json_t *config,
		const struct change *change, struct error *err)
{
	struct arena *arena = arena_new();
	const char *now = NULL;
	json_t *next = NULL;
	int status = 0;
	const struct pve_param *other =
			find_difference(config, &change->before_params, arena, &now);
	if (other)
		status = pve_vm_next_config(client, node, change->vmid, &next, err);
	if (other && status == 0)
		other = find_difference(next, &change->before_params, arena, &now);
	if (other && status == 0)
		status = error_set(err, ERROR_DRIFT, "VM %u: %s is '%s' now; the plan saw '%s'",
				change->vmid, other->key, shown(now), shown(other->value));
	json_decref(next);
	arena_free(arena);
	return status;
}

/* Of an undo: a key that waits in PENDING and is not set now is taken back from there. One that is
 * set needs no more than its value: what waits and equals it goes (PVE/AbstractConfig.pm,
 * cleanup_pending). */
static bool only_waits(const struct change *change, const json_t *config,
		const struct pve_param *before, bool apply)
{
	return change->waits && !apply && !before->value && !json_object_get(config, before->key);
}

/* One PUT: what has a value is set, what has none is deleted. It carries the digest of the
 * configuration that was just looked at: `apply` says whether that must be as the plan saw it. */
static int put_config(struct pve_client *client, const char *node, const struct change *change,
		const struct list *params, bool apply, struct error *err)
{
	json_t *config = NULL;
	int status = pve_vm_config(client, node, change->vmid, &config, err);
	if (status < 0)
		return status;
	const char *digest = json_string_value(json_object_get(config, "digest"));
	if (apply && change->digest)
		digest = change->digest;
	if (!digest)
		status = error_set(err, ERROR_API, "VM %u: its configuration came without a digest",
				change->vmid);
	if (status == 0 && apply)
		status = check_before(client, node, config, change, err);
	struct arena *arena = arena_new();
	struct list sent = {0};
	struct strings deleted = {0};
	struct strings reverted = {0};
	for (size_t i = 0; i < params->n; i++) {
		const struct pve_param *param = params->item[i];
		if (only_waits(change, config, param, apply))
			strings_add(arena, &reverted, param->key);
		else if (param->value)
			pve_param_add(arena, &sent, param->key, param->value);
		else if (json_object_get(config, param->key))
			strings_add(arena, &deleted, param->key);
	}
	if (deleted.n)
		pve_param_add(arena, &sent, "delete", strings_join(arena, &deleted, ","));
	if (reverted.n)
		pve_param_add(arena, &sent, "revert", strings_join(arena, &reverted, ","));
	json_t *data = NULL;
	if (status == 0 && sent.n) {
		pve_param_add(arena, &sent, "digest", digest);
		status = pve_call(client, "PUT", change->api_path, &sent, &data, err);
	}
	json_decref(data);
	json_decref(config);
	arena_free(arena);
	return status;
}

/* `qm showcmd` builds the command line as a start does, and touches nothing: what it cannot build
 * cannot start. Where there is no qm (from afar, in a sample) the start itself tells. */
static int try_start(struct change_run *run, const struct change *change, struct error *err)
{
	struct arena *arena = run->arena;
	const char *vmid = arena_printf(arena, "%u", change->vmid);
	const char *const argv[] = {"qm", "showcmd", vmid, "--pretty", NULL};
	struct process_result result;
	int status = 0;
	if (process_find(run->root, "qm", arena) &&
			process_run(run->root, argv, 120, NULL, NULL, arena, &result, NULL) == 0 &&
			result.exit_status != 0) {
		char *said = text_trim(arena, result.error_out, strlen(result.error_out));
		status = error_set(err, ERROR_API, "VM %s cannot start: %s", vmid,
				text_printable(arena, said));
		error_hint(err, "qm showcmd %s", vmid);
	}
	return status;
}

/* By the guest's own shutdown; where it does not answer, a person is asked before the plug is
 * pulled. */
static int stop_vm(struct change_run *run, struct pve_client *client, const struct change *change,
		struct error *err)
{
	struct error error = {0};
	int status = pve_task(client, run->node, change->api_path, &change->params, TASK_TIMEOUT_S,
			&error);
	if (status == 0)
		return 0;
	if (err)
		*err = error;
	if (!change->asks_if_said || !strstr(error.text, change->asks_if_said))
		return status;
	const char *question = arena_printf(run->arena,
			"VM %u did not shut down in time. Stop it now? That is like pulling its plug: what it has not written is lost.",
			change->vmid);
	if (!run->ask || !run->ask(run->ask_user, change, question)) {
		error_hint(err, "shut it down from inside, or: qm stop %u", change->vmid);
		return status;
	}
	char *path = arena_printf(
			run->arena, "/nodes/%s/qemu/%u/status/stop", run->node, change->vmid);
	return pve_task(client, run->node, path, NULL, TASK_TIMEOUT_S, err);
}

int api_vm_apply(struct change_run *run, struct pve_client *client, const struct change *change,
		struct error *err)
{
	if (api_sets_config(change))
		return put_config(client, run->node, change, &change->params, true, err);
	if (change->stage == STAGE_STOP)
		return stop_vm(run, client, change, err);
	int status = try_start(run, change, err);
	return status < 0 ? status
			  : pve_task(client, run->node, change->api_path, &change->params,
					    TASK_TIMEOUT_S, err);
}

int api_vm_seen(struct change_run *run, struct pve_client *client, const struct change *change,
		bool undone, struct error *err)
{
	if (api_sets_config(change))
		return read_back(client, run->node, change,
				undone ? &change->before_params : &change->params, err);
	if (undone) /* its power is waited for on the way: what HA is asked for comes after that */
		return 0;
	return pve_wait_running(client, run->node, change->vmid, change->stage == STAGE_START,
			HA_TIMEOUT_S, err);
}

static int is_running(struct pve_client *client, const char *node, unsigned vmid,
		struct arena *arena, bool *ret_running, struct error *err)
{
	json_t *data = NULL;
	char *path = arena_printf(arena, "/nodes/%s/qemu/%u/status/current", node, vmid);
	int status = pve_call(client, "GET", path, NULL, &data, err);
	if (status < 0)
		return status;
	const char *state = json_string_value(json_object_get(data, "status"));
	if (state)
		*ret_running = strcmp(state, "running") == 0;
	else
		status = error_set(err, ERROR_API, "whether VM %u runs cannot be told", vmid);
	json_decref(data);
	return status;
}

/* A task of the VM that has not ended, such as the start of a run that was killed: what it will
 * have done cannot be told yet. Where tasks cannot be listed, what the VM does now has to do. */
static int none_runs(struct pve_client *client, const char *node, unsigned vmid,
		struct arena *arena, struct error *err)
{
	json_t *tasks = NULL;
	size_t i = 0;
	json_t *task = NULL;
	struct list params = {0};
	int status = 0;
	pve_param_add(arena, &params, "source", "active");
	pve_param_add(arena, &params, "vmid", arena_printf(arena, "%u", vmid));
	if (pve_call(client, "GET", arena_printf(arena, "/nodes/%s/tasks", node), &params, &tasks,
			    NULL) < 0)
		return 0;
	json_array_foreach(tasks, i, task)
	{
		const char *upid = json_string_value(json_object_get(task, "upid"));
		const char *type = json_string_value(json_object_get(task, "type"));
		/* The list has those that ended lately, too: with the time (PVE/API2/Tasks.pm). */
		if (status < 0 || !upid || !type || !text_starts(type, "qm") ||
				json_object_get(task, "endtime"))
			continue;
		status = error_set(err, ERROR_BUSY, "a task of VM %u still runs: %s", vmid,
				text_printable(arena, upid));
		error_hint(err, "roll back once more when it has ended");
	}
	json_decref(tasks);
	return status;
}

/* The keys whose present value is not what the change set, as a small diff; NULL if none. */
static char *changed_since(const json_t *config, const struct change *change, struct arena *arena)
{
	struct text diff = {0};
	for (size_t i = 0; i < change->params.n; i++) {
		const struct pve_param *set = change->params.item[i];
		const char *now = pve_config_text(arena, config, set->key);
		const struct pve_param *before =
				i < change->before_params.n ? change->before_params.item[i] : NULL;
		if (same_value(now, set->value) || (before && same_value(now, before->value)))
			continue;
		text_addf(&diff, "-%s: %s\n+%s: %s\n", set->key, shown(now), set->key,
				shown(before ? before->value : NULL));
	}
	return diff.n ? text_take(&diff, arena) : NULL;
}

static const char *ha_state_before(const struct change *change)
{
	for (size_t i = 0; i < change->before_params.n; i++) {
		const struct pve_param *param = change->before_params.item[i];
		if (strcmp(param->key, PLAN_HA_STATE) == 0)
			return param->value;
	}
	return NULL;
}

/* What HA is asked for now; NULL where that cannot be read, or it does not manage the VM. */
static char *ha_state_now(struct pve_client *client, unsigned vmid, struct arena *arena)
{
	json_t *data = NULL;
	char *state = NULL;
	const char *sid = arena_printf(arena, "vm:%u", vmid);
	(void)pve_get(client, &data, NULL, "/cluster/ha/resources");
	for (size_t i = 0; i < json_array_size(data); i++) {
		const json_t *entry = json_array_get(data, i);
		const char *of = json_string_value(json_object_get(entry, "sid"));
		const char *asked = json_string_value(json_object_get(entry, "state"));
		if (of && strcmp(of, sid) == 0)
			state = arena_strdup(arena, asked ? asked : "started");
	}
	json_decref(data);
	return state;
}

/*
 * A start of a VM under HA leaves a request behind, also when it failed: HA would try again, here
 * or elsewhere, with the VM as it is undone. What was asked for before is asked for again; where
 * that is `stopped` and the identity may not speak to HA, the VM's own stop does, which needs no
 * more than the start did.
 */
static int undo_ha_request(struct pve_client *client, const char *node, const struct change *change,
		struct arena *arena, struct error *err)
{
	const char *before = ha_state_before(change);
	const char *now = before ? ha_state_now(client, change->vmid, arena) : NULL;
	struct list params = {0};
	struct error error = {0};
	if (!before || strcmp(before, "started") == 0 || (now && strcmp(now, before) == 0))
		return 0;
	json_t *data = NULL;
	pve_param_add(arena, &params, "state", before);
	int status = pve_call(client, "PUT",
			arena_printf(arena, "/cluster/ha/resources/vm:%u", change->vmid), &params,
			&data, &error);
	json_decref(data);
	if (status < 0 && error.http == 403 && strcmp(before, "stopped") == 0)
		return pve_task(client, node,
				arena_printf(arena, "/nodes/%s/qemu/%u/status/stop", node,
						change->vmid),
				NULL, TASK_TIMEOUT_S, err);
	if (status < 0 && err)
		*err = error;
	return status;
}

/* A start is undone by a shutdown, a stop by a start. */
static int undo_power(struct change_run *run, struct pve_client *client,
		const struct change *change, struct error *err)
{
	struct arena *arena = run->arena;
	const char *node = run->node;
	bool running = false;
	bool stop = change->stage == STAGE_START;
	int status = none_runs(client, node, change->vmid, arena, err);
	if (status == 0)
		status = is_running(client, node, change->vmid, arena, &running, err);
	if (status < 0)
		return status;
	if (running == stop) {
		struct list params = {0};
		if (stop) /* by the guest's own shutdown: pulling the plug is a person's decision */
			pve_param_add(arena, &params, "timeout", "180");
		char *path = arena_printf(arena, "/nodes/%s/qemu/%u/status/%s", node, change->vmid,
				stop ? "shutdown" : "start");
		status = pve_task(client, node, path, &params, TASK_TIMEOUT_S, err);
		if (status < 0 && stop)
			error_hint(err, "shut it down from inside, or: qm stop %u; then roll back once more",
					change->vmid);
		/* Of a VM that HA looks after the task is only a request. */
		if (status == 0)
			status = pve_wait_running(
					client, node, change->vmid, !stop, HA_TIMEOUT_S, err);
	}
	/* It may be as it was already, but for what was asked of HA. */
	return status == 0 && stop ? undo_ha_request(client, node, change, arena, err) : status;
}

int api_vm_undo(struct change_run *run, struct pve_client *client, const struct change *change,
		char **ret_diff, bool force, struct error *err)
{
	*ret_diff = NULL;
	if (!api_sets_config(change))
		return undo_power(run, client, change, err);
	json_t *config = NULL;
	int status = get_config(client, run->node, change, &config, err);
	if (status < 0)
		return status;
	char *diff = changed_since(config, change, run->arena);
	json_decref(config);
	if (diff && !force) {
		*ret_diff = diff;
		return 0;
	}
	return put_config(client, run->node, change, &change->before_params, false, err);
}

static void need_root(struct undo_needs *undo, const struct change *change, const char *key,
		const char *why)
{
	strings_add(undo->arena, &undo->root_only,
			arena_printf(undo->arena, "%s of VM %u%s", key, change->vmid, why));
}

/* The value that is there and the one that comes back are both looked at (PVE/API2/Qemu.pm,
 * check_hostpci_perm). */
static bool need_for_hostpci(struct undo_needs *undo, const struct change *change, const char *key,
		const char *value)
{
	struct arena *arena = undo->arena;
	struct hostpci parsed;
	if (!value)
		return true;
	bool known = hostpci_parse(arena, value, &parsed, NULL) == 0;
	if (undo->pve7 || !known || parsed.hosts.n) {
		need_root(undo, change, key, " (a device by its address)");
		return false;
	}
	if (parsed.romfile && !undo->same) {
		need_root(undo, change, key, " (it has a romfile)");
		return false;
	}
	if (parsed.mapping)
		pve_need_add(arena, &undo->needs,
				arena_printf(arena, "/mapping/pci/%s", parsed.mapping),
				"Mapping.Use", NULL);
	return true;
}

static void needs_of_config(struct undo_needs *undo, const struct change *change)
{
	struct arena *arena = undo->arena;
	const char *vm = arena_printf(arena, "/vms/%u", change->vmid);
	json_t *config = NULL;
	/* What cannot be read yet lacks VM.Audit, and is then as the run left it. */
	bool read = pve_vm_config(undo->client, undo->node, change->vmid, &config, NULL) == 0;
	for (size_t i = 0; i < change->before_params.n; i++) {
		const struct pve_param *before = change->before_params.item[i];
		const char *now = read ? pve_config_text(arena, config, before->key)
				       : pve_param_get(&change->params, before->key);
		const char *privilege = pve_config_privilege(before->key);
		if (!now && !before->value)
			continue; /* no call is made for it */
		if (text_starts(before->key, "hostpci") &&
				need_for_hostpci(undo, change, before->key, now))
			(void)need_for_hostpci(undo, change, before->key, before->value);
		if (privilege)
			pve_need_add(arena, &undo->needs, vm, privilege, NULL);
		else
			need_root(undo, change, before->key, "");
	}
	json_decref(config);
}

void api_vm_undo_needs(struct undo_needs *undo, const struct change *change)
{
	const char *vm = arena_printf(undo->arena, "/vms/%u", change->vmid);
	pve_need_add(undo->arena, &undo->needs, vm, "VM.Audit", NULL);
	if (api_sets_config(change))
		needs_of_config(undo, change);
	else
		pve_need_add(undo->arena, &undo->needs, vm, "VM.PowerMgmt", NULL);
}
