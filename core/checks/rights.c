/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/checks/internal.h"
#include "pvegpu/base/text.h"
#include "pvegpu/pve/rights.h"

/* Who we are to the API and what that allows. On the host itself that is root@pam, by pvesh, which
 * checks no privilege. */

/* One finding for all of them; each check says what it lacks. */
static void tell_unread_files(struct report *report, const struct check *check)
{
	const struct list *gaps = &report->facts->gaps;
	struct finding *finding = gaps->n ? report_add(report, check, STATUS_WARN, "host",
							    "%zu %s could not be read.", gaps->n,
							    text_plural(gaps->n, "file", "files"))
					  : report_add(report, check, STATUS_OK, "host",
							    "Its files are read; VMs are changed "
							    "as root@pam, by pvesh.");
	for (size_t i = 0; i < gaps->n; i++) {
		const struct gap *gap = gaps->item[i];
		finding_evidence(report, finding, gap->source, "%s", gap->why);
	}
	if (gaps->n)
		finding_fix(report, finding, false, "run pvegpu as root, on a host in good health");
}

/* The readings that were left out because of this one. */
static size_t count_following(const struct facts *facts, const struct gap *first)
{
	size_t n = 0;
	for (size_t i = 0; i < facts->gaps.n; i++) {
		const struct gap *gap = facts->gaps.item[i];
		n += gap->follows && strcmp(gap->why, first->why) == 0;
	}
	return n;
}

CHECK_FUNCTION(check_api)
{
	const struct facts *facts = report->facts;
	if (!facts->remote) {
		tell_unread_files(report, check);
		return;
	}
	if (!facts->gaps.n)
		(void)report_add(report, check, STATUS_INFO, "host",
				"Read by the API of %s, as %s%s%s. What only files tell (boot "
				"loader, "
				"modules, drivers) is not known from here.",
				facts->api, facts->identity, facts->via ? ", by the proxy " : "",
				facts->via ? facts->via : "");
	for (size_t i = 0; i < facts->gaps.n; i++) {
		const struct gap *gap = facts->gaps.item[i];
		if (gap->follows)
			continue;
		size_t more = count_following(facts, gap);
		struct finding *finding = report_add(report, check, STATUS_WARN, "host",
				more ? "%s could not be read, and nothing more is asked there: "
				       "%zu other %s."
				     : "%s could not be read.",
				gap->what, more, text_plural(more, "reading", "readings"));
		if (finding->detail[0] == 't')
			finding->detail[0] = 'T';
		finding_evidence(report, finding, facts->api, "%s", gap->why);
		if (gap->grant)
			finding_fix(report, finding, false, "%s", gap->grant);
	}
}

static void need_for_key(struct arena *arena, struct list *needs, const char *vm,
		const struct pve_param *param)
{
	const char *privilege = pve_config_privilege(param->key);
	const char *name = strstr(param->value, "mapping=");
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
static struct list needs_of(struct arena *arena, const struct plan *plan)
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
			for (size_t p = 0; p < change->params.n; p++)
				need_for_key(arena, &needs, vm, change->params.item[p]);
	}
	return needs;
}

/* The plan as far as it goes by now: the checks whose fixes make calls stand above this one. */
static struct plan *calls_so_far(struct report *report)
{
	struct plan *plan = plan_new(report->goal, report->facts->node);
	for (size_t i = 0; i < report->findings.n; i++) {
		const struct finding *finding = report->findings.item[i];
		bool vm = finding->check->step == STEP_VM || finding->check->step == STEP_ATTACH;
		if (vm && finding->automatic && finding->check->fix)
			(void)finding->check->fix(report, finding, plan, NULL, NULL);
	}
	bool attached = gpu_attached(report) || plan->changes.n;
	if (report->vm && report->gpu && report->start && attached &&
			report->vm->running != KNOWN_YES)
		plan_add_api_call(plan, STAGE_START, report->vm->vmid, "verify.vm-started");
	return plan;
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
	struct finding *finding = report_add(report, check, STATUS_FAIL, need->path,
			"%s lacks %s on %s, %s: %s", facts->identity,
			strings_join(report->arena, &need->privileges, ", "), need->path,
			strings_join(report->arena, &need->why, ", "), grant);
	finding_evidence(report, finding, facts->api, "/access/permissions?path=%s", need->path);
	finding_fix(report, finding, false, "%s", grant);
	finding->risk = RISK_NEVER;
}

CHECK_FUNCTION(check_rights)
{
	const struct facts *facts = report->facts;
	struct arena *arena = report->arena;
	if (facts->identity_root) {
		(void)report_add(report, check, STATUS_OK, "host", "%s may do everything.",
				facts->identity);
		return;
	}
	struct plan *plan = calls_so_far(report);
	struct list needs = needs_of(arena, plan);
	plan_free(plan);
	bool unknown = false;
	struct list lacking = lacks(facts, arena, &needs, &unknown);
	for (size_t i = 0; i < lacking.n; i++)
		add_lack(report, check, &lacking, i);
	if (lacking.n)
		return;
	(void)report_add(report, check, unknown ? STATUS_UNKNOWN : STATUS_OK, "host",
			unknown   ? "What %s may do could not be asked."
			: needs.n ? "%s may do all that is planned."
				  : "Nothing is planned that %s would need a privilege for.",
			facts->identity);
}
