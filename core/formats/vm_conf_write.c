/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/formats/internal.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/property_string.h"
#include "pvegpu/formats/vm_conf.h"
#include "pvegpu/formats/vm_option.h"

enum { UNUSED_MAX = 256 };

static void set_entry(struct arena *arena, struct vm_conf_section *section, const char *key,
		const char *value)
{
	struct list kept = {0};
	for (size_t i = 0; i < section->entries.n; i++) {
		struct vm_conf_entry *entry = section->entries.item[i];
		if (strcmp(entry->key, key) != 0)
			list_add(arena, &kept, entry);
	}
	if (value) {
		struct vm_conf_entry *entry = arena_alloc(arena, sizeof *entry);
		*entry = (struct vm_conf_entry){.key = arena_strdup(arena, key),
				.value = arena_strdup(arena, value)};
		list_add(arena, &kept, entry);
	}
	section->entries = kept;
}

static void sorted_keys(struct arena *arena, const struct vm_conf_section *section,
		struct strings *ret_keys)
{
	*ret_keys = (struct strings){0};
	for (size_t i = 0; i < section->entries.n; i++)
		strings_add(arena, ret_keys,
				((struct vm_conf_entry *)section->entries.item[i])->key);
	strings_sort(ret_keys);
}

/* [PENDING] delete: keys between blanks and commas, each with a ! when by force. */
static void pending_deletes(
		struct arena *arena, const struct vm_conf *conf, struct strings *ret_deletes)
{
	static const char between[] = " ,;\t\n\r\f\v";
	const char *at = vm_conf_get(&conf->pending, "delete");
	*ret_deletes = (struct strings){0};
	while (at && *(at += strspn(at, between))) {
		size_t n = strcspn(at, between);
		strings_add(arena, ret_deletes, arena_strndup(arena, at, n));
		at += n;
	}
}

static const char *delete_key(const char *entry)
{
	return entry + (*entry == '!');
}

static int compare_deletes(const void *a, const void *b)
{
	const char *const *first = a;
	const char *const *second = b;
	return strcmp(delete_key(*first), delete_key(*second));
}

/* Written anew: each key once, in byte order. */
static void store_deletes(struct arena *arena, struct vm_conf *conf, struct strings *deletes)
{
	struct strings kept = {0};
	if (deletes->n > 1)
		qsort(deletes->item, deletes->n, sizeof *deletes->item, compare_deletes);
	for (size_t i = 0; i < deletes->n; i++)
		if (i + 1 == deletes->n ||
				compare_deletes(&deletes->item[i], &deletes->item[i + 1]))
			strings_add(arena, &kept, deletes->item[i]);
	set_entry(arena, &conf->pending, "delete", kept.n ? strings_join(arena, &kept, ",") : NULL);
}

static void drop_delete(struct arena *arena, struct vm_conf *conf, const char *key)
{
	struct strings deletes;
	struct strings kept = {0};
	pending_deletes(arena, conf, &deletes);
	for (size_t i = 0; i < deletes.n; i++)
		if (strcmp(delete_key(deletes.item[i]), key) != 0)
			strings_add(arena, &kept, deletes.item[i]);
	if (kept.n < deletes.n)
		store_deletes(arena, conf, &kept);
}

static bool is_cdrom(struct arena *arena, const char *drive)
{
	struct property_string parsed;
	const char *media = property_string_parse(arena, drive, "file", &parsed, NULL) < 0
					    ? NULL
					    : property_get(&parsed, "media");
	return media && strcmp(media, "cdrom") == 0;
}

/* STORAGE:[DIR/]vm-VMID-…, but for a cloud-init drive */
static bool is_owned(struct arena *arena, const char *volume, unsigned vmid)
{
	const char *name = strchr(volume, ':');
	const char *slash = name ? strrchr(name, '/') : NULL;
	if (!name)
		return false;
	name = slash ? slash + 1 : name + 1;
	const char *vm = arena_printf(arena, "vm-%u-", vmid);
	const char *base = arena_printf(arena, "base-%u-", vmid);
	return (text_starts(name, vm) && !text_starts(name + strlen(vm), "cloudinit")) ||
	       (text_starts(name, base) && !text_starts(name + strlen(base), "cloudinit"));
}

/* A volume that is replaced or taken away stays in the configuration as an unused one. */
static void keep_unused(struct arena *arena, struct vm_conf *conf, unsigned vmid, const char *drive)
{
	const char *volume = vm_option_volume(arena, drive);
	const char *free_key = NULL;
	if (!volume || is_cdrom(arena, drive) || !is_owned(arena, volume, vmid))
		return;
	for (int i = UNUSED_MAX - 1; i >= 0; i--) {
		const char *key = arena_printf(arena, "unused%d", i);
		const char *other = vm_conf_get(&conf->current, key);
		if (other && strcmp(other, volume) == 0)
			return;
		free_key = other ? free_key : key;
	}
	if (free_key)
		set_entry(arena, &conf->current, free_key, volume);
}

static void replace_current(struct arena *arena, struct vm_conf *conf, unsigned vmid,
		const char *key, const char *value, bool force)
{
	const char *old = vm_conf_get(&conf->current, key);
	if (old && value && strcmp(old, value) == 0)
		return;
	if (old && vm_option_is_drive(key) && !force)
		keep_unused(arena, conf, vmid, old);
	set_entry(arena, &conf->current, key, value);
}

/* vmconfig_apply_pending: what waits becomes current. */
static void apply_pending(struct arena *arena, struct vm_conf *conf, unsigned vmid)
{
	struct strings deletes;
	struct strings keys;
	pending_deletes(arena, conf, &deletes);
	store_deletes(arena, conf, &deletes);
	pending_deletes(arena, conf, &deletes);
	for (size_t i = 0; i < deletes.n; i++) {
		const char *key = delete_key(deletes.item[i]);
		if (strcmp(key, "description") == 0)
			conf->current.description = (struct strings){0};
		replace_current(arena, conf, vmid, key, NULL, key != deletes.item[i]);
	}
	set_entry(arena, &conf->pending, "delete", NULL);
	sorted_keys(arena, &conf->pending, &keys);
	for (size_t i = 0; i < keys.n; i++)
		if (strcmp(keys.item[i], "snapstate") != 0)
			replace_current(arena, conf, vmid, keys.item[i],
					vm_conf_get(&conf->pending, keys.item[i]), false);
	if (conf->pending.description.n)
		conf->current.description = conf->pending.description;
	if (conf->current.description.n == 1 && !conf->current.description.item[0][0])
		conf->current.description.n = 0;
	conf->pending.entries = (struct list){0};
	conf->pending.description = (struct strings){0};
}

/* Options that a running VM takes at once (PVE/QemuServer.pm, $fast_plug_option). */
static bool is_plugged_at_once(const char *key)
{
	return format_is_word("description|hookscript|lock|migrate_downtime|migrate_speed|name|"
			      "onboot|protection|shares|startup|tags|template|vmstatestorage",
			key);
}

static void set_pending(
		struct arena *arena, struct vm_conf *conf, const char *key, const char *value)
{
	const char *now = vm_conf_get(&conf->current, key);
	bool same = now && value && strcmp(now, value) == 0;
	drop_delete(arena, conf, key);
	set_entry(arena, &conf->pending, key, same ? NULL : value);
	if (!value && now) {
		struct strings deletes;
		pending_deletes(arena, conf, &deletes);
		strings_add(arena, &deletes, key);
		store_deletes(arena, conf, &deletes);
	}
}

static void apply_setting(struct arena *arena, struct vm_conf *conf,
		const struct vm_conf_edit *edit, const struct vm_conf_entry *setting)
{
	if (edit->power == VM_CONF_RUNNING && !is_plugged_at_once(setting->key)) {
		set_pending(arena, conf, setting->key, setting->value);
		return;
	}
	if (edit->power != VM_CONF_WRITTEN) {
		drop_delete(arena, conf, setting->key);
		set_entry(arena, &conf->pending, setting->key, NULL);
	}
	replace_current(arena, conf, edit->vmid, setting->key, setting->value, false);
}

/* `smp` is the name of `sockets` from before Proxmox VE 2.0. */
static void rename_smp(struct arena *arena, struct vm_conf_section *current)
{
	const char *smp = vm_conf_get(current, "smp");
	const char *sockets = vm_conf_get(current, "sockets");
	if (sockets && strcmp(sockets, "0") != 0) {
		set_entry(arena, current, "smp", NULL);
	} else if (smp && strcmp(smp, "0") != 0) {
		set_entry(arena, current, "sockets", smp);
		set_entry(arena, current, "cores", NULL);
		set_entry(arena, current, "smp", NULL);
	}
}

static void add_volumes(
		struct arena *arena, const struct vm_conf_section *section, struct strings *volumes)
{
	for (size_t i = 0; i < section->entries.n; i++) {
		const struct vm_conf_entry *entry = section->entries.item[i];
		const char *volume = vm_option_is_drive(entry->key)
						     ? vm_option_volume(arena, entry->value)
						     : NULL;
		if (volume)
			strings_add(arena, volumes, volume);
	}
}

/* An unused volume that a drive has by now is not unused. */
static void drop_used(struct arena *arena, struct vm_conf *conf)
{
	struct strings volumes = {0};
	struct strings keys;
	add_volumes(arena, &conf->current, &volumes);
	add_volumes(arena, &conf->pending, &volumes);
	sorted_keys(arena, &conf->current, &keys);
	for (size_t i = 0; i < keys.n; i++)
		if (text_starts(keys.item[i], "unused") &&
				strings_has(&volumes, vm_conf_get(&conf->current, keys.item[i])))
			set_entry(arena, &conf->current, keys.item[i], NULL);
}

static void print_section(struct arena *arena, struct text *out,
		const struct vm_conf_section *section, enum vm_conf_source source)
{
	struct strings keys;
	bool checked = source == VM_CONF_FILE && !text_starts(section->name, "special:");
	for (size_t i = 0; i < section->description.n; i++)
		text_addf(out, "#%s\n", section->description.item[i]);
	sorted_keys(arena, section, &keys);
	for (size_t i = 0; i < keys.n; i++) {
		const char *value = vm_conf_get(section, keys.item[i]);
		const char *why = NULL;
		/* Values are checked once more, which takes quotes from args. */
		const char *written =
				checked ? vm_option_value(arena, keys.item[i], value, &why) : NULL;
		text_addf(out, "%s: %s\n", keys.item[i], written ? written : value);
	}
}

/* STORAGE:[VMID/]vm-VMID-cloudinit[.qcow2] */
static bool is_cloudinit(struct arena *arena, const char *drive)
{
	const char *volume = arena_strndup(arena, drive, strcspn(drive, ","));
	const char *slash = strrchr(volume, '/');
	const char *name = slash ? slash : strchr(volume, ':');
	if (!name || !text_starts(name + 1, "vm-"))
		return false;
	name += strlen("/vm-");
	size_t digits = strspn(name, "0123456789");
	if (!digits || !text_starts(name + digits, "-cloudinit"))
		return false;
	name += digits + strlen("-cloudinit");
	return !*name || format_is_word(".raw|.qcow|.qcow2|.qed|.vmdk|.cloop", name);
}

static bool has_cloudinit(struct arena *arena, const struct vm_conf_section *current)
{
	for (size_t i = 0; i < current->entries.n; i++) {
		const struct vm_conf_entry *entry = current->entries.item[i];
		if (vm_option_is_drive(entry->key) && is_cloudinit(arena, entry->value))
			return true;
	}
	return false;
}

static int compare_sections(const void *a, const void *b)
{
	const struct vm_conf_section *const *first = a;
	const struct vm_conf_section *const *second = b;
	return strcmp((*first)->name, (*second)->name);
}

static void print_sections(struct arena *arena, struct text *out, struct list *sections,
		const char *prefix, enum vm_conf_source source)
{
	if (sections->n > 1)
		qsort(sections->item, sections->n, sizeof *sections->item, compare_sections);
	for (size_t i = 0; i < sections->n; i++) {
		struct vm_conf_section section = *(struct vm_conf_section *)sections->item[i];
		section.name = arena_printf(arena, "%s%s", prefix, section.name);
		text_addf(out, "\n[%s]\n", section.name);
		print_section(arena, out, &section, source);
	}
}

static void drop_cloudinit(struct arena *arena, struct vm_conf *conf)
{
	struct list kept = {0};
	if (has_cloudinit(arena, &conf->current))
		return;
	for (size_t i = 0; i < conf->specials.n; i++) {
		struct vm_conf_section *section = conf->specials.item[i];
		if (strcmp(section->name, "cloudinit") != 0)
			list_add(arena, &kept, section);
	}
	conf->specials = kept;
}

char *vm_conf_predict(struct arena *arena, const char *text, const struct vm_conf_edit *edit)
{
	struct vm_conf conf;
	struct text out = {0};
	vm_conf_parse(arena, text, edit->source, &conf);
	for (size_t i = 0; i < edit->settings.n; i++)
		apply_setting(arena, &conf, edit, edit->settings.item[i]);
	if (edit->power == VM_CONF_STOPPED)
		apply_pending(arena, &conf, edit->vmid);
	rename_smp(arena, &conf.current);
	drop_used(arena, &conf);
	drop_cloudinit(arena, &conf);
	print_section(arena, &out, &conf.current, edit->source);
	if (conf.pending.entries.n || conf.pending.description.n) {
		text_add(&out, "\n[PENDING]\n");
		print_section(arena, &out, &conf.pending, edit->source);
	}
	print_sections(arena, &out, &conf.specials, "special:", edit->source);
	print_sections(arena, &out, &conf.snapshots, "", edit->source);
	return text_take(&out, arena);
}
