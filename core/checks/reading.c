/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/checks/questions.h"
#include "pvegpu/base/text.h"

/* Who we are to the API and what that allows. On the host itself that is root@pam, by pvesh, which
 * checks no privilege. */

/* One finding for all of them; each check says what it lacks. */
static void tell_unread_files(struct report *report, const struct check *check)
{
	const struct list *gaps = &report->facts->gaps;
	struct finding *finding =
			gaps->n ? report_add(report, check, STATUS_WARN, subject_host(),
						  "%zu %s could not be read.", gaps->n,
						  text_plural(gaps->n, "file", "files"))
				: report_add(report, check, STATUS_OK, subject_host(),
						  "Its files are read; VMs are changed as root@pam, by pvesh.");
	for (size_t i = 0; i < gaps->n; i++) {
		const struct gap *gap = gaps->item[i];
		finding_evidence(report, finding, gap->source, "%s", gap->why);
	}
	if (gaps->n)
		finding_fix(report, finding, FIX_BY_HAND,
				"run pvegpu as root, on a host in good health");
}

/* The readings that were left out because of this one. */
static size_t count_following(const struct facts *facts, const struct gap *first)
{
	size_t n = 0;
	for (size_t i = 0; i < facts->gaps.n; i++) {
		const struct gap *gap = facts->gaps.item[i];
		n += gap->after == first;
	}
	return n;
}

void check_api(struct report *report, const struct check *check)
{
	const struct facts *facts = report->facts;
	if (!facts->remote) {
		tell_unread_files(report, check);
		return;
	}
	if (!facts->gaps.n)
		(void)report_add(report, check, STATUS_INFO, subject_host(),
				"Read by the API of %s, as %s%s%s. What only files tell (boot loader, modules, drivers) is not known from here.",
				facts->api, facts->identity, facts->via ? ", by the proxy " : "",
				facts->via ? facts->via : "");
	for (size_t i = 0; i < facts->gaps.n; i++) {
		const struct gap *gap = facts->gaps.item[i];
		if (gap->after)
			continue;
		size_t more = count_following(facts, gap);
		struct finding *finding = report_add(report, check, STATUS_WARN, subject_host(),
				more ? "%s could not be read, and nothing more is asked there: %zu other %s."
				     : "%s could not be read.",
				gap->what, more, text_plural(more, "reading", "readings"));
		if (finding->detail[0] == 't')
			finding->detail[0] = 'T';
		finding_evidence(report, finding, facts->api, "%s", gap->why);
		if (gap->grant)
			finding_fix(report, finding, FIX_BY_HAND, "%s", gap->grant);
	}
}

/* What is lacking for a plan is told by the planner, from its calls (core/plan/rights.c). */
void check_rights(struct report *report, const struct check *check)
{
	if (report->facts->identity_root)
		(void)report_add(report, check, STATUS_OK, subject_host(), "%s may do everything.",
				report->facts->identity);
}
