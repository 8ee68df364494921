/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/formats/pci_mapping.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "pvegpu/base/index.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/property_string.h"

bool pci_mapping_name_is_valid(const char *name)
{
	if (!isalpha((unsigned char)name[0]) || !name[1])
		return false;
	for (const char *c = name + 1; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '_' && *c != '-')
			return false;
	return true;
}

static size_t hex_lower(const char *text)
{
	return strspn(text, "0123456789abcdef");
}

/* (?:[a-f0-9]{4,}:[a-f0-9]{2}:[a-f0-9]{2}(?:\.[a-f0-9])?;)*… where Proxmox VE's "\." stands in a
 * double-quoted string and so matches any character. */
static bool path_is_valid(const char *text)
{
	for (;;) {
		size_t n = hex_lower(text);
		if (n < 4 || text[n] != ':' || hex_lower(text + n + 1) != 2 || text[n + 3] != ':' ||
				hex_lower(text + n + 4) < 2)
			return false;
		text += n + 6;
		if (*text && *text != ';') {
			if (!text[1] || hex_lower(text + 1) < 1 || *text == '\n')
				return false;
			text += 2;
		} else if (*text == ';' && text[1] && hex_lower(text + 1) >= 1 &&
				(!text[2] || text[2] == ';')) {
			text += 2; /* the separator read as the "." */
		}
		if (!*text)
			return true;
		if (*text++ != ';')
			return false;
	}
}

static bool id_is_valid(const char *text)
{
	static const char hex[] = "0123456789abcdefABCDEF";
	return strspn(text, hex) == 4 && text[4] == ':' && strspn(text + 5, hex) == 4 && !text[9];
}

/* PVE/JSONSchema.pm, pve-node: [a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])? */
static bool node_is_valid(const char *text)
{
	size_t n = strlen(text);
	if (!n || !isalnum((unsigned char)text[0]) || !isalnum((unsigned char)text[n - 1]))
		return false;
	for (const char *c = text; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '-')
			return false;
	return true;
}

static bool integer_is_valid(const char *text)
{
	text += *text == '+' || *text == '-';
	return *text && strspn(text, "0123456789") == strlen(text);
}

static bool description_is_valid(const char *text)
{
	return strlen(text) <= 4096 && !strchr(text, '\n');
}

int pci_mapping_entry_parse(struct arena *arena, const char *text,
		struct pci_mapping_entry *ret_entry, struct error *err)
{
	static const struct {
		const char *key;
		bool required;
		bool (*is_valid)(const char *text);
	} keys[] = {
			{"node", true, node_is_valid},
			{"path", true, path_is_valid},
			{"id", true, id_is_valid},
			{"subsystem-id", false, id_is_valid},
			{"iommugroup", false, integer_is_valid},
			{"description", false, description_is_valid},
	};
	struct property_string parsed;
	int status = property_string_parse(arena, text, NULL, &parsed, err);
	if (status < 0)
		return status;
	size_t known = 0;
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		const char *value = property_get(&parsed, keys[i].key);
		known += value != NULL;
		if (!value && keys[i].required)
			return error_set(err, ERROR_PARSE, "%s= is missing", keys[i].key);
		if (value && !keys[i].is_valid(value))
			return error_set(
					err, ERROR_PARSE, "%s=%s is not valid", keys[i].key, value);
	}
	for (size_t i = 0; known < parsed.properties.n && i < parsed.properties.n; i++) {
		const struct property *property = parsed.properties.item[i];
		bool found = false;
		for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
			found = found || strcmp(property->key, keys[k].key) == 0;
		if (!found)
			return error_set(err, ERROR_PARSE, "%s= is not known", property->key);
	}
	const char *group = property_get(&parsed, "iommugroup");
	unsigned long number = 0;
	*ret_entry = (struct pci_mapping_entry){
			.text = arena_strdup(arena, text),
			.node = arena_strdup(arena, property_get(&parsed, "node")),
			.path = arena_strdup(arena, property_get(&parsed, "path")),
			.id = arena_strdup(arena, property_get(&parsed, "id")),
			.subsystem_id = arena_strdup(arena, property_get(&parsed, "subsystem-id")),
			.description = arena_strdup(arena, property_get(&parsed, "description")),
			.group = -1,
	};
	if (group && text_to_ulong(group + (*group == '+'), 10, 1000000, &number))
		ret_entry->group = (int)number;
	return 0;
}

static void add_problem(struct arena *arena, struct pci_mapping_file *file, size_t line,
		const char *what, const char *why)
{
	struct pci_mapping_problem *problem = arena_alloc(arena, sizeof *problem);
	*problem = (struct pci_mapping_problem){
			.line = line, .what = arena_printf(arena, "%s: %s", what, why)};
	list_add(arena, &file->problems, problem);
}

/* A later section of one name replaces the earlier one. */
static struct pci_mapping *open_section(struct arena *arena, struct pci_mapping_file *file,
		struct index *names, const char *name, size_t line)
{
	struct pci_mapping *mapping = index_get(names, name);
	if (!mapping) {
		mapping = arena_alloc(arena, sizeof *mapping);
		list_add(arena, &file->mappings, mapping);
		index_put(arena, names, name, mapping);
	}
	*mapping = (struct pci_mapping){.name = arena_strdup(arena, name), .line = line};
	return mapping;
}

/* ^\s+(\S+)(\s+(.*\S))?\s*$ */
static void read_property(struct arena *arena, struct pci_mapping_file *file,
		struct pci_mapping *mapping, const char *line, size_t number)
{
	const char *key = line + strspn(line, " \t");
	size_t n = strcspn(key, " \t");
	const char *rest = key + n + strspn(key + n, " \t");
	char *value = text_trim(arena, rest, strlen(rest));
	char *name = arena_strndup(arena, key, n);
	struct error error;
	if (strcmp(name, "map") == 0) {
		struct pci_mapping_entry *entry = arena_alloc(arena, sizeof *entry);
		if (pci_mapping_entry_parse(arena, value, entry, &error) < 0) {
			add_problem(arena, file, number, "map is dropped", error.text);
			return;
		}
		entry->line = number;
		list_add(arena, &mapping->entries, entry);
	} else if (strcmp(name, "description") == 0) {
		mapping->description = value;
	} else if (strcmp(name, "mdev") == 0 || strcmp(name, "live-migration-capable") == 0) {
		bool valid = strcmp(value, "0") == 0 || strcmp(value, "1") == 0;
		if (!valid)
			add_problem(arena, file, number, name, "not 0 or 1, so it is dropped");
		else if (name[0] == 'm')
			mapping->mdev = value[0] == '1';
	} else {
		add_problem(arena, file, number, name, "not known here, so it is dropped");
	}
}

static bool is_header(const char *line)
{
	size_t n = strcspn(line, " \t\r");
	return n && !line[n + strspn(line + n, " \t\r")];
}

void pci_mapping_parse(struct arena *arena, const char *text, struct pci_mapping_file *ret_file)
{
	*ret_file = (struct pci_mapping_file){0};
	struct pci_mapping *mapping = NULL;
	bool skipping = false;
	struct index names = {0};
	struct lines cursor = lines_start(text);
	struct line line;
	for (size_t number = 1; line_next(&cursor, &line); number++) {
		char *content = arena_memdup(arena, line.start, line.full);
		content[strcspn(content, "\n")] = '\0';
		char *trimmed = text_trim(arena, content, strlen(content));
		bool blank = !*content;
		if (trimmed[0] == '#')
			continue;
		if (blank) {
			/* Only an empty line ends a section; a line of blanks does not. */
			mapping = NULL;
			skipping = false;
		} else if (mapping && *trimmed && isblank((unsigned char)content[0])) {
			read_property(arena, ret_file, mapping, content, number);
		} else if (mapping || skipping || !is_header(content)) {
			if (!skipping)
				add_problem(arena, ret_file, number, "line is ignored",
						*trimmed ? trimmed : "blanks");
		} else if (!pci_mapping_name_is_valid(trimmed)) {
			add_problem(arena, ret_file, number, trimmed,
					"not a valid name, so the section is skipped");
			skipping = true;
		} else {
			mapping = open_section(arena, ret_file, &names, trimmed, number);
		}
	}
	index_free(&names);
	for (size_t i = 0; i < ret_file->mappings.n; i++) {
		struct pci_mapping *found = ret_file->mappings.item[i];
		if (!found->entries.n)
			found->error = arena_strdup(arena,
					"it has no valid map, so Proxmox VE skips it and refuses every change of the file");
	}
}
