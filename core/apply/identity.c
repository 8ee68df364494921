/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/apply/internal.h"
#include "pvegpu/base/text.h"
#include "pvegpu/pve/cluster.h"
#include "pvegpu/pve/rights.h"

/* Who changed what, at which cluster: kept with the run, and looked at before it is undone. */

int identity_record(struct run_context *context, struct error *err)
{
	struct pve_client *client = context->host->client;
	if (!client)
		return 0; /* nothing but files and commands of this host, as root */
	struct arena *arena = arena_new();
	struct pve_cluster cluster = {0};
	int status = journal_record(context->journal, 0, "login", client->identity, err);
	if (status == 0 && host_is_remote(context->host)) {
		pve_cluster_read(client, arena, &cluster);
		if (cluster.authority)
			status = journal_record(
					context->journal, 0, "cluster", cluster.authority, err);
	}
	arena_free(arena);
	return status;
}

/* The run is of the cluster that is there now. */
static int check_cluster(struct pve_client *client, const struct run_record *record,
		const char *run, struct arena *arena, struct error *err)
{
	struct pve_cluster now = {0};
	const char *node = record->plan->node;
	pve_cluster_read(client, arena, &now);
	if (record->cluster && !now.authority) {
		(void)error_set(err, ERROR_REFUSED,
				"which cluster %s is cannot be told: %s; nothing was changed",
				client->address, now.why);
		error_hint(err, "run %s is of the cluster with the authority %s", run,
				record->cluster);
		return ERROR_REFUSED;
	}
	if (record->cluster && strcmp(record->cluster, now.authority) != 0) {
		(void)error_set(err, ERROR_REFUSED,
				"run %s was made at another cluster than %s; nothing was changed",
				run, client->address);
		error_hint(err, "its authority is %s, that of this one is %s; it was reached at %s then",
				record->cluster, now.authority,
				record->plan->api ? record->plan->api : "?");
		return ERROR_REFUSED;
	}
	if (node && now.nodes.n && !strings_has(&now.nodes, node)) {
		(void)error_set(err, ERROR_REFUSED,
				"run %s was made on node %s, and %s has no such node; nothing was changed",
				run, node, pve_cluster_text(arena, &now));
		return ERROR_REFUSED;
	}
	return 0;
}

static void find_pve7(struct undo_needs *undo)
{
	json_t *version = NULL;
	(void)pve_get(undo->client, &version, NULL, "/version");
	const char *text = json_string_value(json_object_get(version, "version"));
	undo->pve7 = text && text_starts(text, "7.");
	json_decref(version);
}

/* What of it is missing, each with the line that gives it. */
static int read_missing(struct undo_needs *undo, struct text *ret_text, struct error *err)
{
	struct arena *arena = undo->arena;
	struct list lacking = {0};
	struct list roles = {0};
	struct list rights = {0};
	for (size_t i = 0; i < undo->needs.n; i++) {
		const struct pve_need *need = undo->needs.item[i];
		struct pve_rights *here = NULL;
		int status = pve_rights_read(undo->client, arena, need->path, &here, err);
		if (status < 0)
			return status;
		size_t before = lacking.n;
		for (size_t p = 0; p < need->privileges.n; p++)
			if (!strings_has(&here->ours.here, need->privileges.item[p]))
				pve_need_add(arena, &lacking, need->path, need->privileges.item[p],
						NULL);
		if (lacking.n > before)
			list_add(arena, &rights, here);
	}
	if (lacking.n)
		(void)pve_roles_read(undo->client, arena, &roles, NULL);
	for (size_t i = 0; i < lacking.n; i++) {
		const struct pve_need *need = lacking.item[i];
		const char *who = undo->client->identity;
		const char *caution = pve_grant_caution(arena, who, need->path, rights.item[i]);
		text_addf(ret_text, "\n%s lacks %s on %s: %s%s%s", who,
				strings_join(arena, &need->privileges, ", "), need->path,
				pve_grant_line(arena, who, rights.item[i], &roles, &lacking, i),
				caution ? "  # " : "", caution ? caution : "");
	}
	return 0;
}

static int refuse_undo(const struct undo_needs *undo, const char *applied_by, const char *run,
		const char *missing, struct error *err)
{
	struct arena *arena = undo->arena;
	const char *who = undo->client->identity;
	struct text hint = {0};
	bool cut = false;
	if (applied_by)
		text_addf(&hint, "it was applied by %s", applied_by);
	if (undo->root_only.n)
		text_addf(&hint,
				"%sonly root@pam itself may set or take away %s; no token may, not even one of root@pam: --user root@pam",
				hint.n ? "\n" : "", strings_join(arena, &undo->root_only, ", "));
	text_addf(&hint, "%s", hint.n || !*missing ? missing : missing + 1);
	(void)error_set(err, ERROR_REFUSED, "%s may not undo run %s; nothing was changed", who,
			run);
	/* Whole lines: half a command is worse than none. */
	const size_t max = sizeof((struct error *)0)->hint - sizeof "\n...";
	while (hint.n > max) {
		hint.n = (size_t)(strrchr(hint.data, '\n') ? strrchr(hint.data, '\n') - hint.data
							   : 0);
		hint.data[hint.n] = '\0';
		cut = true;
	}
	error_hint(err, "%s%s", text_string(&hint), cut ? "\n..." : "");
	text_free(&hint);
	return ERROR_REFUSED;
}

static int check_rights_to_undo(struct pve_client *client, const struct run_record *record,
		const char *run, struct arena *arena, struct error *err)
{
	struct undo_needs undo = {.arena = arena,
			.client = client,
			.node = record->plan->node,
			.same = record->identity &&
				strcmp(record->identity, client->identity) == 0};
	struct text missing = {0};
	find_pve7(&undo);
	for (size_t i = 0; i < record->plan->changes.n; i++) {
		const struct change *change = record->plan->changes.item[i];
		if (change->kind->undo_needs && change_was_touched(record->states[i]))
			change->kind->undo_needs(&undo, change);
	}
	int status = read_missing(&undo, &missing, err);
	if (status == 0 && (missing.n || undo.root_only.n))
		status = refuse_undo(&undo, record->identity, run, text_string(&missing), err);
	text_free(&missing);
	return status;
}

int identity_check(struct host *host, const struct run_record *record, const char *run,
		struct error *err)
{
	struct pve_client *client = NULL;
	if (!host_is_remote(host))
		return 0; /* root on the host itself */
	int status = host_client(host, &client, err);
	struct arena *arena = arena_new();
	if (status == 0)
		status = check_cluster(client, record, run, arena, err);
	if (status == 0 && !pve_is_root(client))
		status = check_rights_to_undo(client, record, run, arena, err);
	arena_free(arena);
	return status;
}

void history_hint_elsewhere(const struct root *root, const char *run, struct error *err)
{
	struct arena *arena = arena_new();
	struct root *all = NULL;
	struct strings names = {0};
	/* Its neighbours are the journals of other clusters. */
	char *base = arena_strdup(arena, root_absolute(root));
	char *slash = strrchr(base, '/');
	if (slash)
		*slash = '\0';
	if (root_kind(root) == ROOT_REMOTE && run && !strchr(run, '/') &&
			root_open(base, &all, NULL) == 0)
		(void)root_list(all, "/", arena, &names);
	for (size_t i = 0; i < names.n; i++)
		if (root_exists(all, arena_printf(arena, "/%s" RUNS_DIR "/%s", names.item[i], run)))
			error_hint(err, "a run of that name was made at another cluster: %s/%s%s",
					root_dir(all), names.item[i], RUNS_DIR);
	root_close(all);
	arena_free(arena);
}
