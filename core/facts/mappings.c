/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/facts/internal.h"
#include "pvegpu/base/hash.h"

void facts_read_mappings(const struct root *root, struct facts *facts)
{
	struct text_file *file = &facts->pci_cfg;
	struct error error;
	file->path = arena_strdup(facts->arena, "/etc/pve/mapping/pci.cfg");
	size_t size = 0;
	bool pve7 = facts->pve_version && facts->pve_version[0] < '8' &&
		    facts->pve_version[1] == '.';
	facts->mappings_known = pve7                            ? KNOWN_NO
				: root_exists(root, "/etc/pve") ? KNOWN_YES
								: KNOWN_UNKNOWN;
	if (root_read(root, file->path, facts->arena, &file->text, &size, &error) == 0) {
		char digest[SHA1_HEX];
		hash_sha1(file->text, size, digest);
		facts->mapping_digest = arena_strdup(facts->arena, digest);
		pci_mapping_parse(facts->arena, file->text, &facts->mappings);
	} else if (root_exists(root, file->path))
		file->error = arena_strdup(facts->arena, error.text);
}

const struct pci_mapping *facts_mapping(const struct facts *facts, const char *name)
{
	for (size_t i = 0; i < facts->mappings.mappings.n; i++) {
		const struct pci_mapping *mapping = facts->mappings.mappings.item[i];
		if (strcmp(mapping->name, name) == 0)
			return mapping;
	}
	return NULL;
}

bool facts_is_here(const struct facts *facts, const struct pci_mapping_entry *entry)
{
	return facts->node && strcmp(entry->node, facts->node) == 0;
}
