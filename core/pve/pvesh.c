/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "core/pve/internal.h"
#include "pvegpu/formats/upid.h"

/* A start of a VM with much memory and a PCI device may take minutes (PVE/QemuServer/Helpers.pm,
 * config_aware_timeout). */
enum { TIMEOUT_S = 900 };

struct pvesh {
	const struct root *root;
	const struct process_keep *keep; /* or NULL */
};

static const char *verb_of(const char *method)
{
	return strcmp(method, "GET") == 0    ? "get"
	       : strcmp(method, "PUT") == 0  ? "set"
	       : strcmp(method, "POST") == 0 ? "create"
					     : "delete";
}

/*
 * What went wrong, in Proxmox VE's own words: the last line, for what comes before it is progress
 * ("trying to acquire lock...") and warnings. Of "400 Parameter verification failed." it is that
 * line and one "key: why" for each parameter after it, up to the blank line before the usage
 * (PVE/CLI/pvesh.pm, PVE/CLIHandler.pm). "" when nothing was said.
 */
static char *complaint(struct arena *arena, const char *text)
{
	struct text said = {0};
	const char *last = "";
	for (const char *line = text; *line; line += *line == '\n') {
		size_t n = strcspn(line, "\n");
		char *one = text_trim(arena, line, n);
		line += n;
		if (said.n && !*one)
			break;
		if (said.n || text_starts(one, "400 "))
			text_addf(&said, "%s%s", said.n ? " " : "", one);
		else if (*one)
			last = one;
	}
	return said.n ? text_take(&said, arena) : arena_strdup(arena, last);
}

static int judge(struct arena *arena, const char *path, const struct process_result *result,
		struct error *err)
{
	const char *said = complaint(arena, result->error_out);
	if (!*said)
		said = complaint(arena, result->out);
	(void)error_set(err, ERROR_API, "pvesh on %s: %s (exit status %d)", path,
			*said ? text_printable(arena, said) : "it failed without a message",
			result->exit_status);
	hint_message(said, err);
	return ERROR_API;
}

static int pvesh_call(void *self, const char *method, const char *path, const struct list *params,
		process_line *line, void *user, json_t **ret_data, struct error *err)
{
	const struct pvesh *pvesh = self;
	struct arena *arena = arena_new();
	bool get = strcmp(method, "GET") == 0;
	struct strings argv = {0};
	strings_add(arena, &argv, "pvesh");
	strings_add(arena, &argv, verb_of(method));
	strings_add(arena, &argv, path);
	for (size_t i = 0; params && i < params->n; i++) {
		const struct pve_param *param = params->item[i];
		strings_add(arena, &argv, arena_printf(arena, "--%s=%s", param->key, param->value));
	}
	if (get)
		strings_add(arena, &argv, "--output-format=json");
	const char **vector = arena_alloc(arena, (argv.n + 1) * sizeof *vector);
	for (size_t i = 0; i < argv.n; i++)
		vector[i] = argv.item[i];
	struct process_result result;
	int status = process_run_kept(pvesh->root, vector, TIMEOUT_S, get ? NULL : pvesh->keep,
			get ? NULL : line, user, arena, &result, err);
	if (status == 0 && result.exit_status != 0)
		status = judge(arena, path, &result, err);
	json_t *data = NULL;
	if (status == 0 && get) {
		json_error_t error;
		data = json_loads(result.out, JSON_DECODE_ANY, &error);
		if (!data)
			status = error_set(err, ERROR_API, "pvesh on %s: no JSON in its answer: %s",
					path, error.text);
	} else if (status == 0) {
		/* Output of the call and of its task comes first; a UPID, if any, last. */
		const char *upid = upid_find_last(arena, result.out);
		data = upid ? json_string(upid) : json_null();
	}
	if (status == 0)
		*ret_data = data;
	arena_free(arena);
	return status;
}

static void pvesh_keep(void *self, const struct process_keep *keep)
{
	struct pvesh *pvesh = self;
	pvesh->keep = keep;
}

static void pvesh_close(void *self)
{
	free(self);
}

const struct pve_transport pvesh_transport = {.name = "pvesh",
		.waits_for_tasks = true,
		.call = pvesh_call,
		.keep = pvesh_keep,
		.close = pvesh_close};

void *pvesh_new(const struct root *root)
{
	struct pvesh *pvesh = calloc(1, sizeof *pvesh);
	if (!pvesh)
		abort(); /* see arena.h */
	pvesh->root = root;
	return pvesh;
}
