/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/checks/internal.h"
#include "pvegpu/base/text.h"

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
				"Read by the API of %s, as %s. What only files tell (boot loader, "
				"modules, drivers) is not known from here.",
				facts->api, facts->identity);
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
		if (gap->privilege)
			finding_fix(report, finding, false, "%s",
					pve_grant_command(report->arena, gap->path, facts->identity,
							gap->privilege));
	}
}

/* Keys of a VM and the privilege to set them (PVE/API2/Qemu.pm, check_vm_modify_config_perm);
 * those that only root@pam may set have none. */
static const char *privilege_of(const char *key)
{
	static const struct {
		const char *keys, *privilege;
	} groups[] = {
			{" cores cpu cpulimit cpuunits numa sockets vcpus ", "VM.Config.CPU"},
			{" memory balloon shares allow-ksm ", "VM.Config.Memory"},
			{" machine vga tablet hotplug scsihw acpi kvm smbios1 watchdog audio0 "
			 "rng0 ",
					"VM.Config.HWType"},
			{" bios name description onboot ostype agent protection boot ",
					"VM.Config.Options"},
			{" efidisk0 ", "VM.Config.Disk"},
	};
	char padded[64];
	(void)snprintf(padded, sizeof padded, " %.40s ", key);
	if (text_starts(key, "hostpci"))
		return "VM.Config.HWType";
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
		if (strstr(groups[i].keys, padded))
			return groups[i].privilege;
	return "VM.Config.Options";
}

struct need_right {
	const char *path, *privilege, *why;
};

static void add_need(struct arena *arena, struct list *needs, const char *path,
		const char *privilege, const char *why)
{
	for (size_t i = 0; i < needs->n; i++) {
		const struct need_right *need = needs->item[i];
		if (strcmp(need->path, path) == 0 && strcmp(need->privilege, privilege) == 0)
			return;
	}
	struct need_right *need = arena_alloc(arena, sizeof *need);
	*need = (struct need_right){path, privilege, why};
	list_add(arena, needs, need);
}

/* What the calls of a plan need. */
static struct list needs_of(struct arena *arena, const struct plan *plan)
{
	struct list needs = {0};
	for (size_t i = 0; i < plan->changes.n; i++) {
		const struct change *change = plan->changes.item[i];
		if (change->kind != CHANGE_API)
			continue;
		const char *vm = arena_printf(arena, "/vms/%u", change->vmid);
		if (change->stage == STAGE_MAPPING)
			add_need(arena, &needs,
					change->method[1] == 'U'
							? arena_printf(arena, "/mapping/pci/%s",
									  change->mapping)
							: "/mapping/pci",
					"Mapping.Modify", "to set the mapping");
		else if (change->stage == STAGE_STOP || change->stage == STAGE_START)
			add_need(arena, &needs, vm, "VM.PowerMgmt", "to stop and start the VM");
		for (size_t p = 0; !change->mapping && p < change->params.n; p++) {
			const struct pve_param *param = change->params.item[p];
			if (change->stage == STAGE_STOP || change->stage == STAGE_START)
				break;
			add_need(arena, &needs, vm, privilege_of(param->key),
					arena_printf(arena, "to set %s", param->key));
			const char *name = strstr(param->value, "mapping=");
			if (text_starts(param->key, "hostpci") && name)
				add_need(arena, &needs,
						arena_printf(arena, "/mapping/pci/%.*s",
								(int)strcspn(name + 8, ","),
								name + 8),
						"Mapping.Use", "to use the mapping");
		}
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
	size_t missing = 0;
	size_t unknown = 0;
	for (size_t i = 0; i < needs.n; i++) {
		const struct need_right *need = needs.item[i];
		enum known may = facts_may(facts, need->path, need->privilege);
		unknown += may == KNOWN_UNKNOWN;
		if (may != KNOWN_NO)
			continue;
		missing++;
		const char *grant = pve_grant_command(
				arena, need->path, facts->identity, need->privilege);
		struct finding *finding = report_add(report, check, STATUS_FAIL, need->path,
				"%s lacks %s on %s, %s: %s", facts->identity, need->privilege,
				need->path, need->why, grant);
		finding_evidence(report, finding, facts->api, "/access/permissions?path=%s",
				need->path);
		finding_fix(report, finding, false, "%s%s", grant,
				strchr(facts->identity, '!')
						? "; the token's user needs it too, unless its "
						  "privileges are not separated"
						: "");
		finding->risk = RISK_NEVER;
	}
	if (missing)
		return;
	(void)report_add(report, check, unknown ? STATUS_UNKNOWN : STATUS_OK, "host",
			unknown   ? "What %s may do could not be asked."
			: needs.n ? "%s may do all that is planned."
				  : "Nothing is planned that %s would need a privilege for.",
			facts->identity);
}
