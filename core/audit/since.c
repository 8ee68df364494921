/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/audit/internal.h"
#include "core/checks/questions.h"
#include "pvegpu/audit/audit.h"
#include "pvegpu/base/json.h"
#include "pvegpu/base/text.h"

/* What changed since an earlier audit: findings by check and subject, and what each GPU is like. */

static const char *member(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text ? text : "";
}

/* The findings of one check on one subject, as one text: a check may have several. */
static const char *told_before(struct arena *arena, const json_t *findings, const char *id,
		const char *subject, const char **ret_detail)
{
	struct strings statuses = {0};
	size_t i = 0;
	json_t *item = NULL;
	json_array_foreach(findings, i, item)
	{
		if (strcmp(member(item, "id"), id) != 0 ||
				strcmp(member(item, "subject"), subject) != 0)
			continue;
		strings_add(arena, &statuses, member(item, "status"));
		*ret_detail = member(item, "detail");
	}
	strings_sort(&statuses);
	return statuses.n ? strings_join(arena, &statuses, " ") : NULL;
}

static const char *told_now(struct arena *arena, const struct report *report, const char *id,
		const char *subject, const char **ret_detail)
{
	struct strings statuses = {0};
	struct finding_query query = {.check = id};
	const struct finding *finding;
	while ((finding = report_next(report, &query))) {
		if (strcmp(finding->subject, subject) != 0) /* the text of an audit before */
			continue;
		strings_add(arena, &statuses, status_names[finding->status]);
		*ret_detail = finding->detail;
	}
	strings_sort(&statuses);
	return statuses.n ? strings_join(arena, &statuses, " ") : NULL;
}

static void add_change(struct arena *arena, struct list *changes, const char *what,
		const char *subject, const char *before, const char *after, const char *detail)
{
	for (size_t i = 0; i < changes->n; i++) {
		const struct audit_change *known = changes->item[i];
		if (strcmp(known->what, what) == 0 && strcmp(known->subject, subject) == 0)
			return;
	}
	struct audit_change *change = arena_alloc(arena, sizeof *change);
	*change = (struct audit_change){.what = arena_strdup(arena, what),
			.subject = arena_strdup(arena, subject),
			.before = arena_strdup(arena, before),
			.after = arena_strdup(arena, after),
			.detail = arena_strdup(arena, detail)};
	list_add(arena, changes, change);
}

/* A member of a GPU as text, whatever it is in JSON. */
static const char *gpu_text(struct arena *arena, const json_t *gpu, const char *name)
{
	const json_t *value = json_object_get(gpu, name);
	if (json_is_integer(value))
		return arena_printf(arena, "%lld", (long long)json_integer_value(value));
	return json_is_string(value) ? json_string_value(value) : "none";
}

static const json_t *gpu_at(const json_t *gpus, const char *address)
{
	size_t i = 0;
	json_t *item = NULL;
	json_array_foreach(gpus, i,
			item) if (strcmp(member(item, "address"), address) == 0) return item;
	return NULL;
}

/* The GPUs as the audit has them, with what is compared. */
static json_t *gpus_now(struct arena *arena, const struct report *report)
{
	json_t *gpus = json_array();
	for (size_t i = 0; i < report->facts->devices.n; i++) {
		const struct pci_device *gpu = report->facts->devices.item[i];
		if (!pci_is_gpu(gpu))
			continue;
		const char *id = arena_printf(arena, "%04x:%04x", gpu->vendor, gpu->device);
		(void)json_array_append_new(gpus,
				json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "address",
						json_text(gpu->name), "name", json_text(gpu->label),
						"id", json_text(id), "driver",
						json_text(gpu->driver), "iommu_group",
						group_to_json(gpu->group), "verdict",
						json_text(report_verdict(report, gpu))));
	}
	return gpus;
}

static void compare_gpus(
		struct arena *arena, const json_t *before, const json_t *now, struct list *changes)
{
	static const char *const members[] = {"id", "driver", "iommu_group", "verdict"};
	size_t i = 0;
	json_t *gpu = NULL;
	json_array_foreach(now, i, gpu)
	{
		const char *address = member(gpu, "address");
		const json_t *old = gpu_at(before, address);
		if (!old)
			add_change(arena, changes, "gpu", address, NULL, member(gpu, "name"), NULL);
		for (size_t m = 0; old && m < sizeof members / sizeof *members; m++) {
			const char *was = gpu_text(arena, old, members[m]);
			const char *is = gpu_text(arena, gpu, members[m]);
			if (strcmp(was, is) != 0)
				add_change(arena, changes,
						arena_printf(arena, "gpu %s", members[m]), address,
						was, is, NULL);
		}
	}
	json_array_foreach(before, i, gpu) if (!gpu_at(now, member(gpu, "address")))
			add_change(arena, changes, "gpu", member(gpu, "address"),
					member(gpu, "name"), NULL, NULL);
}

int report_changes(struct arena *arena, const struct report *report, const json_t *before,
		struct list *ret_changes, struct error *err)
{
	if (strcmp(member(before, "schema"), "pvegpu.audit/1") != 0)
		return error_set(err, ERROR_PARSE, "that is no audit: pvegpu audit --format json");
	struct list changes = {0};
	json_t *here = report_host_to_json(report->facts);
	json_t *gpus = gpus_now(arena, report);
	const json_t *then = json_object_get(before, "host");
	static const char *const host[] = {"pve_version", "kernel", "cmdline_running"};
	for (size_t i = 0; i < sizeof host / sizeof *host; i++)
		if (strcmp(member(then, host[i]), member(here, host[i])) != 0)
			add_change(arena, &changes, host[i], subject_text(arena, subject_host()),
					member(then, host[i]), member(here, host[i]), NULL);
	compare_gpus(arena, json_object_get(before, "gpus"), gpus, &changes);
	const json_t *findings = json_object_get(before, "findings");
	for (size_t i = 0; i < report->findings.n; i++) {
		const struct finding *finding = report->findings.item[i];
		const char *detail = NULL;
		const char *is = told_now(
				arena, report, finding->check->id, finding->subject, &detail);
		const char *old = NULL;
		const char *was = told_before(
				arena, findings, finding->check->id, finding->subject, &old);
		if (!text_same(was, is))
			add_change(arena, &changes, finding->check->id, finding->subject, was, is,
					detail);
	}
	size_t i = 0;
	json_t *item = NULL;
	json_array_foreach(findings, i, item)
	{
		const char *detail = NULL;
		const char *id = member(item, "id");
		const char *subject = member(item, "subject");
		if (!told_now(arena, report, id, subject, &detail))
			add_change(arena, &changes, id, subject, member(item, "status"), NULL,
					member(item, "detail"));
	}
	json_decref(gpus);
	json_decref(here);
	*ret_changes = changes;
	return 0;
}

json_t *report_changes_to_json(const struct list *changes)
{
	json_t *array = json_array();
	for (size_t i = 0; i < changes->n; i++) {
		const struct audit_change *change = changes->item[i];
		(void)json_array_append_new(
				array, json_pack("{s:o, s:o, s:o, s:o, s:o}", "what",
						       json_text(change->what), "subject",
						       json_text(change->subject), "before",
						       json_text(change->before), "after",
						       json_text(change->after), "detail",
						       json_text(change->detail)));
	}
	return array;
}

char *report_changes_text(struct arena *arena, const struct list *changes)
{
	struct text text = {0};
	if (!changes->n)
		text_add(&text, "Nothing has changed since that audit.\n");
	for (size_t i = 0; i < changes->n; i++) {
		const struct audit_change *change = changes->item[i];
		const char *line = arena_printf(arena, "%s (%s): %s -> %s%s%s", change->what,
				change->subject, change->before ? change->before : "(not there)",
				change->after ? change->after : "(not there)",
				change->detail && change->after ? ": " : "",
				change->detail && change->after ? change->detail : "");
		text_add_wrapped(&text, text_printable(arena, line), 0, 4, 79);
	}
	return text_take(&text, arena);
}
