/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/plan/remedies.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/kernel_cmdline.h"

int fix_firmware_setup(const struct planning *planning, const struct finding *finding)
{
	const struct report *report = planning->report;
	struct plan *plan = planning->plan;
	plan_add_reboot_to_setup(plan, finding->check->id, reboot_cost(report));
	return 0;
}

void plan_refresh_loader(const struct report *report, struct plan *plan, const char *because)
{
	static const char *const update_grub[] = {"update-grub", NULL};
	static const char *const refresh[] = {"proxmox-boot-tool", "refresh", NULL};
	const struct facts *facts = report->facts;
	bool tool = facts->proxmox_boot_tool == KNOWN_YES || facts->boot_loader == BOOT_SYSTEMD;
	struct change *change = plan_add_command(plan, tool ? refresh : update_grub, because,
			"the same command again, after the file was put back");
	for (size_t i = 0; i < report->params.n; i++) {
		const struct param_choice *param = report->params.item[i];
		struct strings *list =
				param->selected ? &change->entries_with : &change->entries_without;
		bool counts = param->selected || param->configured;
		/* A list may hold it among others: only words of their own are looked for. */
		bool alone = param_is_put(param) || param_is_taken(param) ||
			     cmdline_has_word(&report->configured, param->word);
		if (counts && alone && !strings_has(list, param->word))
			strings_add(plan->arena, list, param->word);
	}
	/* ESPs are not mounted to look at them; GRUB's own menu can always be read. */
	if (!tool)
		change->entries_in = arena_strdup(plan->arena, "/boot/grub/grub.cfg");
	struct strings stale = stale_words(report);
	for (size_t i = 0; i < stale.n; i++)
		if (!strings_has(&change->entries_without, stale.item[i]) &&
				!strings_has(&change->entries_with, stale.item[i]))
			strings_add(plan->arena, &change->entries_without, stale.item[i]);
	/* proxmox-kernel-helper, zz-proxmox-boot: an ESP or kernel it leaves out is "... skipping"
	 * and exit status 0, an ESP it cannot unmount ends it with "... - failure" and 0; of a
	 * stray file beside the kernels' directories it says "is not a directory - skipping". Each
	 * ESP it does is "Copying and configuring kernels on /dev/disk/by-uuid/UUID". */
	if (tool && !change->must_not_say.n) {
		strings_add(plan->arena, &change->must_not_say, "skipping");
		strings_add(plan->arena, &change->must_not_say, "- failure");
		change->harmless = arena_strdup(plan->arena, "is not a directory - skipping");
		for (size_t i = 0; i < facts->esps.n; i++)
			strings_add(plan->arena, &change->must_say,
					((const struct esp *)facts->esps.item[i])->uuid);
	}
}

/* That, and the reboot after it. */
static void add_refresh(const struct report *report, struct plan *plan, const char *because)
{
	plan_refresh_loader(report, plan, because);
	plan_add_reboot(plan, because, reboot_cost(report));
}

/* Tell the draft of `path` every reason there is. */
static void set_draft(const struct planning *planning, const char *path, const char *text)
{
	const struct list *params = &planning->report->params;
	for (size_t i = 0; i < params->n; i++) {
		const struct param_choice *param = params->item[i];
		if (param_is_put(param) || param_is_taken(param))
			plan_set_draft(planning->plan, path, text, param->check,
					strcmp(param->check, "boot.acs-override") == 0
							? "isolation between devices is weakened"
							: NULL);
	}
}

static int edit_kernel_cmdline(const struct planning *planning)
{
	const struct report *report = planning->report;
	struct plan *plan = planning->plan;
	const struct facts *facts = report->facts;
	const char *path = facts->kernel_cmdline.path;
	const char *text = NULL;
	int status = planning_draft(planning, path, &text);
	if (status < 0)
		return status;
	if (!text) {
		/* Without the file the boot tool takes what runs, but for the initrd. */
		struct strings words = {0};
		for (size_t i = 0; i < facts->cmdline_words.n; i++)
			if (!text_starts(facts->cmdline_words.item[i], "initrd="))
				strings_add(plan->arena, &words, facts->cmdline_words.item[i]);
		text = arena_printf(plan->arena, "%s\n", strings_join(plan->arena, &words, " "));
	}
	struct edits edits = list_edits(report, plan->arena);
	char *edited = NULL;
	status = cmdline_file_edit(
			plan->arena, path, text, &edits.add, &edits.remove, &edited, planning->err);
	if (status == 0)
		set_draft(planning, path, edited);
	return status;
}

/* Our own file: with the words it adds already, those that are new, and without those that go. */
static int edit_snippet(const struct planning *planning, const struct edits *edits)
{
	const struct report *report = planning->report;
	struct plan *plan = planning->plan;
	const char *path = snippet_path(report);
	const struct grub_file *snippet = find_snippet(report->facts);
	const char *text = NULL;
	if (!path)
		return 0; /* refused: see check_cmdline_syntax() */
	int status = planning_draft(planning, path, &text);
	if (status < 0)
		return status;
	struct strings had = {0};
	struct strings words = {0};
	if (snippet)
		had = grub_snippet_words(plan->arena, &snippet->parsed, GRUB_DEFAULT_NAME);
	for (size_t i = 0; i < had.n; i++)
		if (!strings_has(&edits->remove, had.item[i]))
			strings_add(plan->arena, &words, had.item[i]);
	for (size_t i = 0; i < edits->add.n; i++)
		if (!strings_has(&words, edits->add.item[i]))
			strings_add(plan->arena, &words, edits->add.item[i]);
	bool moved = snippet && strcmp(snippet->path, path) != 0;
	const char *why = !snippet || moved
					  ? why_not_in_place(report)
					  : "The value is not edited in /etc/default/grub itself.";
	set_draft(planning, path,
			words.n ? grub_snippet_make(plan->arena, GRUB_DEFAULT_NAME, &words, why)
				: NULL);
	return 0;
}

static int edit_grub(const struct planning *planning)
{
	const struct report *report = planning->report;
	struct plan *plan = planning->plan;
	const struct facts *facts = report->facts;
	const char *path = facts->grub.path;
	const char *text = NULL;
	int status = planning_draft(planning, path, &text);
	if (status < 0)
		return status;
	struct edits edits = list_edits(report, plan->arena);
	const struct strings none = {0};
	bool in_place = !why_not_in_place(report);
	char *edited = arena_strdup(plan->arena, text ? text : "");
	const char *const names[] = {GRUB_DEFAULT_NAME, GRUB_LINUX_NAME};
	for (size_t i = 0; status == 0 && i < 2; i++) {
		if (edits.remove.n && !facts->grub_parsed.code_line &&
				grub_default_why_not_editable(
						&facts->grub_parsed, names[i], plan->arena))
			status = grub_default_take_out(plan->arena, path, edited, names[i],
					&edits.remove, &edited, planning->err);
		if (status < 0)
			break;
		const struct strings *add = in_place && i == 0 ? &edits.add : &none;
		if ((add->n || edits.remove.n) &&
				!grub_default_why_not_editable(
						&facts->grub_parsed, names[i], plan->arena) &&
				(add->n || grub_file_sets(facts->grub_files.item[0], names[i])))
			status = grub_default_edit(plan->arena, path, edited, names[i], add,
					&edits.remove, &edited, planning->err);
	}
	if (status == 0)
		set_draft(planning, path, edited);
	if (status == 0 && !in_place && (edits.add.n || find_snippet(facts)))
		status = edit_snippet(planning, &edits);
	return status;
}

int fix_params(const struct planning *planning, const struct finding *finding)
{
	(void)finding;
	int status = planning->report->facts->boot_loader == BOOT_SYSTEMD
				     ? edit_kernel_cmdline(planning)
				     : edit_grub(planning);
	if (status == 0)
		add_refresh(planning->report, planning->plan, "boot.iommu-cmdline");
	return status;
}

int fix_refresh(const struct planning *planning, const struct finding *finding)
{
	const struct report *report = planning->report;
	struct plan *plan = planning->plan;
	if (finding->fix.way == FIX_BY_REBOOT)
		plan_add_reboot(plan, finding->check->id, reboot_cost(report));
	else
		add_refresh(report, plan, finding->check->id);
	return 0;
}

/* The first menu entry that starts a kernel of this host, whole: from `menuentry` to the bracket
 * that closes it. */
static char *first_entry(struct arena *arena, const char *menu)
{
	const char *begin = strstr(menu, "### BEGIN /etc/grub.d/10_linux ###");
	for (const char *start = begin ? begin : menu; start;
			start = strstr(start, "\nmenuentry ")) {
		start += *start == '\n';
		const char *end = strstr(start, "\n}");
		char *entry = end ? arena_strndup(arena, start, (size_t)(end + 2 - start)) : NULL;
		if (entry && text_starts(entry, "menuentry ") && strstr(entry, "/vmlinuz-"))
			return entry;
	}
	return NULL;
}

static char *make_entry(struct arena *arena, const char *entry, const char *kernel)
{
	struct text text = {0};
	struct lines cursor = lines_start(entry);
	struct line line;
	text_add(&text, FALLBACK_BEGIN);
	text_addf(&text,
			"menuentry 'Host as it was before pvegpu (kernel %s, without vfio-pci)' {\n",
			kernel ? kernel : "unknown");
	(void)line_next(&cursor, &line); /* its own title */
	while (line_next(&cursor, &line)) {
		char *content = text_trim(arena, line.start, line.n);
		bool kernel_line =
				text_starts(content, "linux\t") || text_starts(content, "linux ");
		text_add_bytes(&text, line.start, line.n);
		text_add(&text, kernel_line ? arena_printf(arena, " %s\n", FALLBACK_WORD) : "\n");
	}
	text_add(&text, FALLBACK_END);
	return text_take(&text, arena);
}

int fix_fallback_entry(const struct planning *planning, const struct finding *finding)
{
	struct plan *plan = planning->plan;
	const struct facts *facts = planning->report->facts;
	const struct boot_entry *first = facts->boot_entries.item[0];
	const char *text = NULL;
	char *menu = NULL;
	int status = root_read(
			planning->root, first->path, plan->arena, &menu, NULL, planning->err);
	if (status < 0)
		return status;
	char *entry = first_entry(plan->arena, menu);
	if (!entry)
		return error_set(planning->err, ERROR_REFUSED,
				"%s has no menu entry that could be copied", first->path);
	status = planning_draft(planning, facts->grub_custom.path, &text);
	if (status < 0)
		return status;
	bool finished = !text || !*text || text_ends(text, "\n");
	plan_set_draft(plan, facts->grub_custom.path,
			arena_printf(plan->arena, "%s%s%s", text ? text : "", finished ? "" : "\n",
					make_entry(plan->arena, entry, first->kernel)),
			finding->check->id, NULL);
	return 0;
}
