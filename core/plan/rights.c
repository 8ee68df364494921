/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/plan/remedies.h"
#include "pvegpu/base/text.h"
#include "pvegpu/pve/rights.h"

/* What we may do, from what the plan does: on the host itself that is root@pam, by pvesh, which
 * checks no privilege. */

static void need_for_key(struct arena *arena, struct list *needs, const char *vm,
		const struct pve_param *param)
{
	const char *privilege = pve_config_privilege(param->key);
	const char *name = param->value ? strstr(param->value, "mapping=") : NULL;
	if (privilege) /* what only root@pam may set is judged where it is chosen */
		pve_need_add(arena, needs, vm, privilege,
				arena_printf(arena, "to set %s", param->key));
	if (text_starts(param->key, "hostpci") && name)
		pve_need_add(arena, needs,
				arena_printf(arena, "/mapping/pci/%.*s",
						(int)strcspn(name + 8, ","), name + 8),
				"Mapping.Use", "to use the mapping");
}

/* What the calls of a plan need, of struct pve_need. */
struct list plan_needs(struct arena *arena, const struct plan *plan)
{
	struct list needs = {0};
	for (size_t i = 0; i < plan->changes.n; i++) {
		const struct change *change = plan->changes.item[i];
		if (!change_is_api(change))
			continue;
		const char *vm = arena_printf(arena, "/vms/%u", change->vmid);
		if (change->stage == STAGE_MAPPING)
			pve_need_add(arena, &needs,
					change->method[1] == 'U'
							? arena_printf(arena, "/mapping/pci/%s",
									  change->mapping)
							: "/mapping/pci",
					"Mapping.Modify", "to set the mapping");
		else if (change->stage == STAGE_STOP || change->stage == STAGE_START)
			pve_need_add(arena, &needs, vm, "VM.PowerMgmt", "to stop and start the VM");
		else
			for (size_t p = 0; p < change->params.n; p++) {
				need_for_key(arena, &needs, vm, change->params.item[p]);
				/* The value that goes is asked about as well. */
				need_for_key(arena, &needs, vm, change->before_params.item[p]);
			}
	}
	return needs;
}

/* Those of them that are missing. */
static struct list lacks(const struct facts *facts, struct arena *arena, const struct list *needs,
		bool *ret_unknown)
{
	struct list lacking = {0};
	for (size_t i = 0; i < needs->n; i++) {
		const struct pve_need *need = needs->item[i];
		for (size_t p = 0; p < need->privileges.n; p++) {
			const char *privilege = need->privileges.item[p];
			enum known may = facts_may(facts, need->path, privilege);
			*ret_unknown = *ret_unknown || may == KNOWN_UNKNOWN;
			if (may == KNOWN_NO)
				pve_need_add(arena, &lacking, need->path, privilege,
						strings_join(arena, &need->why, ", "));
		}
	}
	return lacking;
}

/* One line a path: a second one would not see what the first has changed. */
static void add_lack(struct report *report, const struct check *check, const struct list *lacking,
		size_t at)
{
	const struct facts *facts = report->facts;
	const struct pve_need *need = lacking->item[at];
	const char *grant = facts_grant(facts, report->arena, lacking, at);
	struct finding *finding = report_add(report, check, STATUS_FAIL, subject_path(need->path),
			"%s lacks %s on %s, %s: %s", facts->identity,
			strings_join(report->arena, &need->privileges, ", "), need->path,
			strings_join(report->arena, &need->why, ", "), grant);
	finding_evidence(report, finding, facts->api, "/access/permissions?path=%s", need->path);
	finding_fix(report, finding, FIX_BY_HAND, "%s", grant);
	finding->risk = RISK_NEVER;
}

void judge_rights(struct report *report, const struct plan *plan)
{
	const struct facts *facts = report->facts;
	const struct check *check = check_by_id("attach.rights");
	size_t first = report->findings.n;
	bool unknown = false;
	struct list needs = plan_needs(report->arena, plan);
	struct list lacking = lacks(facts, report->arena, &needs, &unknown);
	for (size_t i = 0; i < lacking.n; i++)
		add_lack(report, check, &lacking, i);
	if (!lacking.n)
		(void)report_add(report, check, unknown ? STATUS_UNKNOWN : STATUS_OK,
				subject_host(),
				unknown   ? "What %s may do could not be asked."
				: needs.n ? "%s may do all that is planned."
					  : "Nothing is planned that %s would need a privilege for.",
				facts->identity);
	doubt_findings(report, check, first);
	report_settle(report, first);
}
