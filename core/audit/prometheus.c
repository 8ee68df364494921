/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/checks/questions.h"
#include "pvegpu/audit/audit.h"
#include "pvegpu/base/text.h"

/* The audit as Prometheus' text format, for the textfile collector of node_exporter
 * (https://prometheus.io/docs/instrumenting/exposition_formats/). */

/* A label's value: backslash, quote and newline are escaped. */
static void add_label(struct text *text, struct arena *arena, const char *name, const char *value)
{
	text_addf(text, "%s=\"", name);
	for (const char *c = text_printable(arena, value ? value : ""); *c; c++) {
		if (*c == '\\' || *c == '"')
			text_add(text, "\\");
		text_add_bytes(text, c, 1);
	}
	text_add(text, "\"");
}

char *report_prometheus(struct arena *arena, const struct report *report)
{
	const struct facts *facts = report->facts;
	struct report_counts counts = report_counts(report);
	struct text text = {0};
	text_add(&text, "# HELP pvegpu_info The host that was audited.\n# TYPE pvegpu_info gauge\n"
			"pvegpu_info{");
	add_label(&text, arena, "version", PVEGPU_VERSION);
	text_add(&text, ",");
	add_label(&text, arena, "kernel", facts->kernel);
	text_add(&text, ",");
	add_label(&text, arena, "pve_version", facts->pve_version);
	text_add(&text, "} 1\n# HELP pvegpu_findings Findings of the audit, by status.\n"
			"# TYPE pvegpu_findings gauge\n");
	for (int i = 0; i < STATUS_COUNT; i++)
		text_addf(&text, "pvegpu_findings{status=\"%s\"} %zu\n", status_names[i],
				counts.by_status[i]);
	text_add(&text, "# HELP pvegpu_finding What is not ok: 1 for each check and subject.\n"
			"# TYPE pvegpu_finding gauge\n");
	struct strings seen = {0};
	for (size_t i = 0; i < report->findings.n; i++) {
		const struct finding *finding = report->findings.item[i];
		const char *key = arena_printf(arena, "%s %s %d", finding->check->id,
				finding->subject, (int)finding->status);
		/* Twice the same set of labels would make the whole file invalid. */
		if (finding->status == STATUS_OK || strings_has(&seen, key))
			continue;
		strings_add(arena, &seen, key);
		text_add(&text, "pvegpu_finding{");
		add_label(&text, arena, "id", finding->check->id);
		text_addf(&text, ",step=\"%s\",", step_names[finding->check->step]);
		add_label(&text, arena, "subject", finding->subject);
		text_addf(&text, ",status=\"%s\"} 1\n", status_names[finding->status]);
	}
	text_add(&text, "# HELP pvegpu_gpu_ready Whether passthrough of the GPU is ready.\n"
			"# TYPE pvegpu_gpu_ready gauge\n");
	for (size_t i = 0; i < facts->devices.n; i++) {
		const struct pci_device *gpu = facts->devices.item[i];
		if (!pci_is_gpu(gpu))
			continue;
		const char *verdict = report_verdict(report, gpu);
		text_add(&text, "pvegpu_gpu_ready{");
		add_label(&text, arena, "address", gpu->name);
		text_add(&text, ",");
		add_label(&text, arena, "name", gpu->label);
		text_addf(&text, ",verdict=\"%s\"} %d\n", verdict, strcmp(verdict, "ready") == 0);
	}
	return text_take(&text, arena);
}
