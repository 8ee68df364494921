/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/doctor/internal.h"
#include "pvegpu/base/arena.h"

const char *const where_names[WHERE_COUNT] = {"host-kernel", "qemu-stderr", "pve-task-log",
		"pve-api", "host", "guest-kernel", "guest-nvidia", "talos", "kubernetes"};
const char *const severity_names[SEVERITY_COUNT] = {"error", "warning", "info", "not a fault"};

/* Where two rows of one rank match a line, the family that stands first here has it. */
static const struct symptom *const families[] = {symptoms_pve, symptoms_pve_api, symptoms_qemu,
		symptoms_vfio, symptoms_iommu, symptoms_bar, symptoms_reset, symptoms_host,
		symptoms_drivers, symptoms_nvidia, symptoms_talos, symptoms_kubernetes, NULL};

static size_t family_size(const struct symptom *family)
{
	size_t n = 0;
	while (family[n].id)
		n++;
	return n;
}

size_t symptom_count(void)
{
	size_t n = 0;
	for (size_t i = 0; families[i]; i++)
		n += family_size(families[i]);
	return n;
}

const struct symptom *symptom_at(size_t index)
{
	for (size_t i = 0; families[i]; i++) {
		size_t n = family_size(families[i]);
		if (index < n)
			return &families[i][index];
		index -= n;
	}
	return NULL;
}

const struct symptom *symptom_by_id(const char *id)
{
	for (size_t i = 0; families[i]; i++)
		for (const struct symptom *row = families[i]; row->id; row++)
			if (strcmp(row->id, id) == 0)
				return row;
	return NULL;
}

const struct symptom_kind *symptom_kind_by_id(const char *id)
{
	for (const struct symptom_kind *kind = symptom_kinds; kind->id; kind++)
		if (strcmp(kind->id, id) == 0)
			return kind;
	return NULL;
}

struct matcher *symptoms_matcher(void)
{
	struct arena *arena = arena_new();
	size_t n = symptom_count();
	const struct symptom **all = arena_alloc(arena, n * sizeof(const struct symptom *));
	for (size_t i = 0; i < n; i++)
		all[i] = symptom_at(i);
	struct matcher *matcher = matcher_new(all, n);
	arena_free(arena);
	return matcher;
}

struct scan *symptoms_scan(const struct scan_limits *limits)
{
	return scan_new(symptoms_matcher(), limits);
}
