/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_AUDIT_AUDIT_H
#define PVEGPU_AUDIT_AUDIT_H

#include "pvegpu/base/json.h"
#include "pvegpu/checks/check.h"

/* A report for people and programs, and what is otherwise than in an earlier one. */

char *report_text(struct arena *arena, const struct report *report);
/* For node_exporter's textfile collector. */
char *report_prometheus(struct arena *arena, const struct report *report);

/* What is otherwise than in an earlier audit: a finding, or what a GPU is like. */
struct audit_change {
	char *what;           /* a check's id, "gpu driver", "kernel" ... */
	char *subject;        /* host, an address ... */
	char *before, *after; /* a status or a value; NULL: not there */
	char *detail;         /* of a finding; or NULL */
};
/* `before` is pvegpu.audit/1; ERROR_PARSE when it is not. The list is of struct audit_change. */
int report_changes(struct arena *arena, const struct report *report, const json_t *before,
		struct list *ret_changes, struct error *err);
json_t *report_changes_to_json(const struct list *changes);
/* Schema pvegpu.audit/1; `changes`: of report_changes(), or NULL. Ended by the caller. */
void report_put_json(struct json_out *out, const struct report *report, const struct list *changes);
char *report_changes_text(struct arena *arena, const struct list *changes);

#endif
