/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/facts/internal.h"

void facts_read_mappings(const struct root *root, struct facts *facts)
{
	struct text_file *file = &facts->pci_cfg;
	struct error error;
	file->path = arena_strdup(facts->arena, "/etc/pve/mapping/pci.cfg");
	if (root_read(root, file->path, facts->arena, &file->text, NULL, &error) == 0)
		pci_mapping_parse(facts->arena, file->text, &facts->mappings);
	else if (root_exists(root, file->path))
		file->error = arena_strdup(facts->arena, error.text);
}
