/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/plan/remedies.h"
#include "pvegpu/base/text.h"

/* Entries that are there are mended, by groups that are known, and none is added: a guest that
 * starts at boot by the mapping needs that before the reboot. */
static bool is_mended_only(const struct report *report, const struct mapping_edit *edit)
{
	return report->facts->iommu_active == KNOWN_YES && edit->mapping && !edit->deleted &&
	       edit->map.n == edit->mapping->entries.n;
}

static const struct change *find_call(const struct plan *plan, const char *mapping)
{
	for (size_t i = 0; i < plan->changes.n; i++) {
		const struct change *change = plan->changes.item[i];
		if (change->mapping && strcmp(change->mapping, mapping) == 0)
			return change;
	}
	return NULL;
}

static bool same_params(const struct list *a, const struct list *b)
{
	bool same = a->n == b->n;
	for (size_t i = 0; same && i < a->n; i++) {
		const struct pve_param *x = a->item[i];
		const struct pve_param *y = b->item[i];
		same = strcmp(x->key, y->key) == 0 && strcmp(x->value, y->value) == 0;
	}
	return same;
}

int fix_mapping(const struct planning *planning, const struct finding *finding)
{
	const struct report *report = planning->report;
	struct plan *plan = planning->plan;
	struct error *err = planning->err;
	const struct mapping_edit *edit =
			finding->about.kind == SUBJECT_MAPPING
					? find_mapping_edit(report, finding->about.name)
					: NULL;
	if (!edit || !mapping_edit_changes(edit))
		return 0;
	/* An empty map, or a value with a line end, would leave a file that nobody can change any
	 * more but by hand. */
	if (!edit->deleted && !edit->map.n)
		return error_set(err, ERROR_REFUSED, "mapping %s would be empty", edit->name);
	struct list params = {0};
	struct list before = {0};
	if (!edit->mapping)
		pve_param_add(plan->arena, &params, "id", edit->name);
	if (!edit->mapping && edit->mdev)
		pve_param_add(plan->arena, &params, "mdev", "1");
	for (size_t i = 0; i < edit->map.n; i++) {
		struct pci_mapping_entry parsed;
		if (strpbrk(edit->map.item[i], "\n\r") ||
				pci_mapping_entry_parse(
						plan->arena, edit->map.item[i], &parsed, err) < 0)
			return error_set(err, ERROR_REFUSED,
					"mapping %s: '%s' is not sent, Proxmox VE would not read it back",
					edit->name, text_printable(plan->arena, edit->map.item[i]));
		pve_param_add(plan->arena, &params, "map", edit->map.item[i]);
	}
	for (size_t i = 0; edit->mapping && i < edit->mapping->entries.n; i++) {
		const struct pci_mapping_entry *entry = edit->mapping->entries.item[i];
		pve_param_add(plan->arena, &before, "map", entry->text);
	}
	if (edit->deleted && edit->mapping && edit->mapping->description)
		pve_param_add(plan->arena, &before, "description", edit->mapping->description);
	if (edit->deleted && edit->mapping && edit->mapping->mdev)
		pve_param_add(plan->arena, &before, "mdev", "1");
	const struct change *planned = find_call(plan, edit->name);
	if (planned) /* one call for all that is to be done to it */
		return same_params(&planned->params, &params)
				       ? 0
				       : error_set(err, ERROR_REFUSED,
							 "two devices of the goal would change mapping %s, each in its way: one after the other",
							 edit->name);
	plan_add_mapping(plan, edit->name, &params, &before, finding->check->id)->early =
			is_mended_only(report, edit);
	return 0;
}
