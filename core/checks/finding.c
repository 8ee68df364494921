/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "pvegpu/checks/check.h"

static bool is_meant(const struct finding_query *query, const struct finding *finding)
{
	return (!query->check || strcmp(finding->check->id, query->check) == 0) &&
	       (!query->steps || (query->steps & 1U << finding->check->step)) &&
	       (!query->subject || subject_equal(finding->about, *query->subject));
}

struct finding *report_next(const struct report *report, struct finding_query *query)
{
	while (query->next < report->findings.n) {
		struct finding *finding = report->findings.item[query->next++];
		if (is_meant(query, finding))
			return finding;
	}
	return NULL;
}

struct finding *report_find(const struct report *report, const char *check)
{
	struct finding_query query = {.check = check};
	return report_next(report, &query);
}
