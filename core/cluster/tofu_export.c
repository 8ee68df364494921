/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/cluster/tofu.h"

#include <string.h>

#include "core/cluster/hcl.h"

/* What a mapping is checked against at the start of a VM, of one address on one node
 * (PVE/Mapping/PCI.pm, assert_valid): as strings, so that all of it has to be there. */
struct meta {
	const char *node, *path, *id, *subsystem_id;
	int group;
	const char *what; /* the card's model, or NULL */
};

struct export
{
	const struct facts *facts;
	const struct tofu_options *options;
	struct arena *arena;
	struct hcl hcl;
	struct list metas; /* of struct meta, by node and path */
	bool by_node;      /* one address is another device on another node: its key has the node */
	struct strings *left_out;
};

static void add_meta(struct export *export, const struct meta *meta)
{
	for (size_t i = 0; i < export->metas.n; i++) {
		const struct meta *other = export->metas.item[i];
		if (strcmp(other->path, meta->path) != 0)
			continue;
		if (strcmp(other->node, meta->node) == 0)
			return;
		export->by_node = true;
	}
	struct meta *kept = arena_alloc(export->arena, sizeof *kept);
	*kept = *meta;
	list_add(export->arena, &export->metas, kept);
}

static void add_device(struct export *export, const struct pci_device *device, const char *what)
{
	struct arena *arena = export->arena;
	const struct meta meta = {.node = export->facts->node,
			.path = device->name,
			.id = arena_printf(arena, "%04x:%04x", device->vendor, device->device),
			.subsystem_id = device->subsystem_known
							? arena_printf(arena, "%04x:%04x",
									  device->subsystem_vendor,
									  device->subsystem_device)
							: NULL,
			.group = device->group,
			.what = what};
	add_meta(export, &meta);
}

/* The functions of each GPU of this node, and what mappings say of other nodes. */
static void find_metas(struct export *export)
{
	const struct facts *facts = export->facts;
	for (size_t i = 0; i < facts->devices.n; i++) {
		const struct pci_device *gpu = facts->devices.item[i];
		struct list card = pci_is_gpu(gpu) ? facts_card(facts, gpu, export->arena)
						   : (struct list){0};
		for (size_t f = 0; f < card.n; f++)
			add_device(export, card.item[f], gpu->label);
	}
	for (size_t m = 0; m < facts->mappings.mappings.n; m++) {
		const struct pci_mapping *mapping = facts->mappings.mappings.item[m];
		for (size_t e = 0; !mapping->error && e < mapping->entries.n; e++) {
			const struct pci_mapping_entry *entry = mapping->entries.item[e];
			const struct meta meta = {.node = entry->node,
					.path = text_lower(export->arena, entry->path),
					.id = text_lower(export->arena, entry->id),
					.subsystem_id = entry->subsystem_id
									? text_lower(export->arena,
											  entry->subsystem_id)
									: NULL,
					.group = entry->group};
			if (!strchr(entry->path, ';') && strchr(entry->path, '.') &&
					(!facts->node || strcmp(entry->node, facts->node) != 0))
				add_meta(export, &meta);
		}
	}
}

static char *key_of(const struct export *export, const struct meta *meta)
{
	return hcl_quoted(export->arena, export->by_node ? arena_printf(export->arena, "%s/%s",
									   meta->node, meta->path)
							 : meta->path);
}

static void put_metas(struct export *export)
{
	struct hcl *hcl = &export->hcl;
	const char *before = NULL;
	hcl_line(hcl, "gpu_device_meta = {");
	for (size_t i = 0; i < export->metas.n; i++) {
		const struct meta *meta = export->metas.item[i];
		const char *what = meta->what ? meta->what : "as its mapping has it";
		const char *title = arena_printf(export->arena, "%s: %s", meta->node, what);
		struct text value = {0};
		if (!before || strcmp(before, title) != 0)
			hcl_line(hcl, "# %s", text_printable(export->arena, title));
		before = title;
		text_addf(&value, "{ id = %s", hcl_quoted(export->arena, meta->id));
		if (meta->subsystem_id)
			text_addf(&value, ", subsystem_id = %s",
					hcl_quoted(export->arena, meta->subsystem_id));
		if (meta->group >= 0)
			text_addf(&value, ", iommu_group = %d", meta->group);
		text_add(&value, " }");
		hcl_set(hcl, key_of(export, meta), text_take(&value, export->arena));
	}
	hcl_line(hcl, "}");
}

static const char *type_of(const struct export *export)
{
	return export->options->old_names ? "proxmox_virtual_environment_hardware_mapping_pci"
					  : "proxmox_hardware_mapping_pci";
}

/* Without blanks at its ends, which the provider refuses; NULL: nothing is left. */
static const char *comment_of(struct arena *arena, const char *text)
{
	char *comment = text ? text_trim(arena, text, strlen(text)) : NULL;
	return comment && *comment ? comment : NULL;
}

static void put_entry(struct export *export, const struct pci_mapping_entry *entry)
{
	struct hcl *hcl = &export->hcl;
	const char *comment = comment_of(export->arena, entry->description);
	hcl_line(hcl, "{");
	if (comment)
		hcl_set_text(hcl, "comment", comment);
	hcl_set_text(hcl, "node", entry->node);
	hcl_set_text(hcl, "path", text_lower(export->arena, entry->path));
	hcl_set_text(hcl, "id", text_lower(export->arena, entry->id));
	if (entry->subsystem_id)
		hcl_set_text(hcl, "subsystem_id", text_lower(export->arena, entry->subsystem_id));
	if (entry->group >= 0)
		hcl_set(hcl, "iommu_group", arena_printf(export->arena, "%d", entry->group));
	hcl_line(hcl, "},");
}

/* A mapping's name is a label as it is: a letter, then letters, digits, - and _. */
static void put_mapping(struct export *export, const struct pci_mapping *mapping)
{
	struct hcl *hcl = &export->hcl;
	const char *comment = comment_of(export->arena, mapping->description);
	hcl_line(hcl, "%s", "");
	hcl_line(hcl, "resource \"%s\" \"%s\" {", type_of(export), mapping->name);
	if (comment)
		hcl_set_text(hcl, "comment", comment);
	if (mapping->mdev)
		hcl_set(hcl, "mediated_devices", "true");
	hcl_set_text(hcl, "name", mapping->name);
	hcl_line(hcl, "map = [");
	for (size_t i = 0; i < mapping->entries.n; i++)
		put_entry(export, mapping->entries.item[i]);
	hcl_line(hcl, "]");
	hcl_line(hcl, "}");
}

static void put_import(struct export *export, const char *instance, const char *name)
{
	struct hcl *hcl = &export->hcl;
	hcl_line(hcl, "%s", "");
	hcl_line(hcl, "import {");
	hcl_set(hcl, "to", arena_printf(export->arena, "%s.%s", type_of(export), instance));
	hcl_set_text(hcl, "id", name);
	hcl_line(hcl, "}");
}

/* Why the provider could not hold it; NULL: it can. */
static const char *why_left_out(const struct pci_mapping *mapping)
{
	if (mapping->error)
		return mapping->error;
	if (!mapping->entries.n)
		return "it has no device";
	for (size_t i = 0; i < mapping->entries.n; i++) {
		const struct pci_mapping_entry *entry = mapping->entries.item[i];
		if (strchr(entry->path, ';'))
			return "an entry of it has several addresses, and the provider takes one";
	}
	return NULL;
}

static void put_mappings(struct export *export)
{
	const struct list *mappings = &export->facts->mappings.mappings;
	for (size_t i = 0; i < mappings->n; i++) {
		const struct pci_mapping *mapping = mappings->item[i];
		const char *why = why_left_out(mapping);
		if (why) {
			strings_add(export->arena, export->left_out,
					arena_printf(export->arena, "mapping %s: %s", mapping->name,
							why));
			continue;
		}
		put_mapping(export, mapping);
		put_import(export, mapping->name, mapping->name);
	}
}

/* The functions that a VM's lines give, in their order. */
static struct strings devices_of(const struct export *export, const struct vm *vm)
{
	struct strings devices = {0};
	struct list lines = vm_next_lines(vm, export->arena);
	for (size_t l = 0; l < lines.n; l++) {
		const struct vm_hostpci *line = lines.item[l];
		for (size_t d = 0; line->valid && !line->parsed.mdev && d < line->devices.n; d++) {
			const struct pci_device *device = line->devices.item[d];
			if (!strings_has(&devices, device->name))
				strings_add(export->arena, &devices, device->name);
		}
	}
	return devices;
}

/* The part of var.nodes that the mappings are made of, as comments: what else a worker has stands
 * where it is kept. */
static void put_nodes(struct export *export)
{
	const struct facts *facts = export->facts;
	struct hcl *hcl = &export->hcl;
	hcl_line(hcl, "%s", "");
	hcl_line(hcl, "# In var.nodes, beside what is there of each worker:");
	for (size_t i = 0; i < facts->vms.n; i++) {
		const struct vm *vm = facts->vms.item[i];
		struct strings devices = devices_of(export, vm);
		struct strings quoted = {0};
		if (!*vm->name || !devices.n)
			continue;
		for (size_t d = 0; d < devices.n; d++)
			strings_add(export->arena, &quoted,
					hcl_quoted(export->arena, devices.item[d]));
		hcl_line(hcl, "#   %s = { host_node = %s, gpu_devices = [%s] }",
				hcl_quoted(export->arena, vm->name),
				hcl_quoted(export->arena, facts->node),
				strings_join(export->arena, &quoted, ", "));
	}
}

static void put_flatten(struct export *export)
{
	struct hcl *hcl = &export->hcl;
	hcl_line(hcl, "%s", "");
	hcl_line(hcl, "gpu_mappings = flatten([");
	hcl_line(hcl, "for node_name, node_cfg in var.nodes : [");
	hcl_line(hcl, "for idx, bdf in node_cfg.gpu_devices : {");
	hcl_set(hcl, "name", "\"gpu-${node_name}-${idx}\"");
	hcl_set(hcl, "node", "node_cfg.host_node");
	hcl_set(hcl, "path", "bdf");
	hcl_set(hcl, "meta",
			export->by_node ? "local.gpu_device_meta[\"${node_cfg.host_node}/${bdf}\"]"
					: "local.gpu_device_meta[bdf]");
	hcl_line(hcl, "}");
	hcl_line(hcl, "]");
	hcl_line(hcl, "])");
}

/* Of which some cards have none: the provider is to get none then. */
static const char *meta_value(const struct export *export, const char *name, bool always)
{
	return arena_printf(export->arena,
			always ? "each.value.meta.%s" : "try(each.value.meta.%s, null)", name);
}

static void put_for_each(struct export *export)
{
	struct hcl *hcl = &export->hcl;
	bool subsystems = true;
	bool groups = true;
	for (size_t i = 0; i < export->metas.n; i++) {
		const struct meta *meta = export->metas.item[i];
		subsystems = subsystems && meta->subsystem_id;
		groups = groups && meta->group >= 0;
	}
	hcl_line(hcl, "%s", "");
	hcl_line(hcl, "resource \"%s\" \"gpu\" {", type_of(export));
	hcl_set(hcl, "for_each", "{ for m in local.gpu_mappings : m.name => m }");
	hcl_line(hcl, "%s", "");
	hcl_set(hcl, "name", "each.value.name");
	hcl_line(hcl, "map = [{");
	hcl_set(hcl, "node", "each.value.node");
	hcl_set(hcl, "path", "each.value.path");
	hcl_set(hcl, "id", "each.value.meta.id");
	hcl_set(hcl, "subsystem_id", meta_value(export, "subsystem_id", subsystems));
	hcl_set(hcl, "iommu_group", meta_value(export, "iommu_group", groups));
	hcl_line(hcl, "}]");
	hcl_line(hcl, "}");
	for (size_t i = 0; i < export->facts->vms.n; i++) {
		const struct vm *vm = export->facts->vms.item[i];
		struct strings devices = devices_of(export, vm);
		for (size_t d = 0; d < devices.n; d++) {
			const char *name = arena_printf(export->arena, "gpu-%s-%zu", vm->name, d);
			if (*vm->name && facts_mapping(export->facts, name))
				put_import(export, arena_printf(export->arena, "gpu[\"%s\"]", name),
						name);
		}
	}
}

/* Of what is checked at the start of a VM, what this host does not tell now. */
static void tell_groups(struct export *export)
{
	for (size_t i = 0; i < export->metas.n; i++) {
		const struct meta *meta = export->metas.item[i];
		if (meta->group < 0 && meta->what) {
			strings_add(export->arena, export->left_out,
					arena_printf(export->arena,
							"iommu_group of %s and others: it is not known while the IOMMU is off, and a VM with the mapping does not start without it",
							meta->path));
			return;
		}
	}
}

static void put_blocks_title(struct export *export)
{
	hcl_line(&export->hcl, "%s", "");
	hcl_line(&export->hcl,
			"# In the VM's resource (proxmox_virtual_environment_vm), with machine = \"q35\":");
}

static void put_dynamic_block(struct export *export)
{
	static const char *const lines[] = {"dynamic \"hostpci\" {",
			"  for_each = zipmap(range(length(each.value.gpu_devices)), each.value.gpu_devices)",
			"  content {", "    device  = \"hostpci${hostpci.key}\"",
			"    mapping = \"gpu-${each.key}-${hostpci.key}\"", "    pcie    = true",
			"    rombar  = true", "  }", "}"};
	put_blocks_title(export);
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		hcl_line(&export->hcl, "#   %s", lines[i]);
}

/* rombar is said: the provider sends rombar=0 where it is left out
 * (proxmox/nodes/vms/custom_pci_device.go). */
static void put_block(struct export *export, const struct vm *vm, const struct vm_hostpci *line)
{
	struct hcl *hcl = &export->hcl;
	const char *rombar = property_get(&line->parsed.properties, "rombar");
	hcl_line(hcl, "#   hostpci { # VM %u %s", vm->vmid,
			text_printable(export->arena, vm->name));
	hcl_line(hcl, "#     device  = \"%s\"", line->key);
	hcl_line(hcl, "#     mapping = %s.%s.name", type_of(export), line->parsed.mapping);
	if (line->parsed.mdev)
		hcl_line(hcl, "#     mdev    = %s", hcl_quoted(export->arena, line->parsed.mdev));
	hcl_line(hcl, "#     pcie    = %s", line->parsed.pcie ? "true" : "false");
	hcl_line(hcl, "#     rombar  = %s", vm_value_is_off(rombar) ? "false" : "true");
	hcl_line(hcl, "#   }");
}

/* Of the lines that are by a mapping. */
static void put_static_blocks(struct export *export)
{
	size_t n = 0;
	for (size_t v = 0; v < export->facts->vms.n; v++) {
		const struct vm *vm = export->facts->vms.item[v];
		struct list lines = vm_next_lines(vm, export->arena);
		for (size_t l = 0; l < lines.n; l++) {
			const struct vm_hostpci *line = lines.item[l];
			if (!line->valid || !line->parsed.mapping)
				continue;
			if (!n++)
				put_blocks_title(export);
			put_block(export, vm, line);
		}
	}
}

char *tofu_export(const struct facts *facts, const struct tofu_options *options,
		struct arena *arena, struct strings *ret_left_out)
{
	struct export export = {.facts = facts,
			.options = options,
			.arena = arena,
			.hcl = {.arena = arena},
			.left_out = ret_left_out};
	find_metas(&export);
	tell_groups(&export);
	hcl_line(&export.hcl, "# Written by pvegpu from node %s.",
			facts->node ? text_printable(arena, facts->node) : "?");
	hcl_line(&export.hcl, "locals {");
	put_metas(&export);
	if (options->form == TOFU_NODES)
		put_flatten(&export);
	hcl_line(&export.hcl, "}");
	if (options->form == TOFU_NODES) {
		put_for_each(&export);
		put_nodes(&export);
		put_dynamic_block(&export);
	} else {
		put_mappings(&export);
		put_static_blocks(&export);
	}
	return hcl_take(&export.hcl);
}
