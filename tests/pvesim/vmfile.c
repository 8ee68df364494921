/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/pvesim/vmfile.h"

#include <stdlib.h>
#include <string.h>

#include "pvegpu/base/hash.h"

bool vm_is_drive(const char *key)
{
	return rx_test("^(?:ide[0-3]|sata[0-5]|scsi(?:[12]?[0-9]|30)|virtio(?:[0-9]|1[0-5])|efidisk0|tpmstate0)$",
			key);
}

bool vm_defined(const json_t *conf, const char *key)
{
	json_t *value = json_object_get(conf, key);
	return value && !json_is_null(value);
}

const char *vm_get(const json_t *conf, const char *key)
{
	return hash_get(conf, key);
}

char *vm_check_option(struct call *call, const char *key, const char *value, char **ret_why)
{
	struct schema_world world = call->world;
	world.file = true;
	const struct schema *row = schema_find(config_schema, &world, key);
	*ret_why = NULL;
	if (!row)
		*ret_why = arena_printf(call->arena, "unknown setting '%s'", key);
	else if (!value)
		*ret_why = arena_strdup(call->arena, "got undefined value");
	else if (strpbrk(value, "\n\r"))
		*ret_why = arena_strdup(call->arena, "property contains a line feed");
	if (*ret_why)
		return NULL;
	struct rx rx;
	if (row->type == 'b') {
		if (rx_match(call->arena, "^(?:1|on|yes|true)$", RX_CASELESS, value, &rx))
			return arena_strdup(call->arena, "1");
		if (rx_match(call->arena, "^(?:0|off|no|false)$", RX_CASELESS, value, &rx))
			return arena_strdup(call->arena, "0");
		*ret_why = arena_printf(
				call->arena, "type check ('boolean') failed - got '%s'", value);
		return NULL;
	}
	if (row->type == 'i' && rx_test("^\\d+$", value)) {
		double number = strtod(value, NULL);
		return number < 1e15 ? arena_printf(call->arena, "%.0f", number)
				     : arena_printf(call->arena, "%.15g", number);
	}
	if (row->type == 'n' && rx_test("^(\\d+)(\\.\\d+)?$", value))
		return arena_strdup(call->arena, value);
	if (row->type != 's') {
		*ret_why = arena_printf(call->arena, "type check ('%s') failed - got '%s'",
				row->type == 'i' ? "integer" : "number", value);
		return NULL;
	}
	if (row->format || row->object) {
		*ret_why = format_check(call->arena, &world, row, value, NULL);
		return *ret_why ? NULL : arena_strdup(call->arena, value);
	}
	if (rx_match(call->arena, "^\\\"(.*)\\\"$", RX_BYTES, value, &rx))
		return rx.group[1];
	return arena_strdup(call->arena, value);
}

/* Where lines go while a file is read. */
struct reader {
	struct call *call;
	const char *vmid;
	json_t *all;
	json_t *section; /* NULL: an unknown section is skipped */
	const char *kind;
	const char *name;
	struct text description;
	bool described;
};

static void finish_description(struct reader *reader)
{
	if (reader->described && reader->section) {
		char *text = arena_strdup(reader->call->arena, text_string(&reader->description));
		struct rx rx;
		if (rx_match(reader->call->arena, "^(?s:(.*?))\\s*$(?!\\n)", RX_UNICODE, text, &rx))
			text = rx.group[1];
		hash_set(reader->section, "description", text);
	}
	text_free(&reader->description);
	reader->described = false;
}

static void open_section(struct reader *reader, json_t *parent, const char *name, const char *kind)
{
	finish_description(reader);
	if (vm_defined(parent, name))
		warn(reader->call, "vm %s - duplicate %ssection: %s", reader->vmid,
				strcmp(kind, "snapshot") == 0  ? "snapshot "
				: strcmp(kind, "special") == 0 ? "special "
							       : "",
				name);
	reader->section = json_object();
	reader->kind = kind;
	reader->name = arena_strdup(reader->call->arena, name);
	json_object_set_new(parent, name, reader->section);
}

static bool read_header(struct reader *reader, const char *line)
{
	struct arena *arena = reader->call->arena;
	struct rx rx;
	if (rx_match(arena, "^\\[PENDING\\]\\s*$", RX_BYTES | RX_CASELESS, line, &rx)) {
		open_section(reader, reader->all, "pending", "pending");
	} else if (rx_match(arena, "^\\[special:(cloudinit|fleecing)\\]\\s*$",
				   RX_BYTES | RX_CASELESS, line, &rx)) {
		open_section(reader, json_object_get(reader->all, "special-sections"), rx.group[1],
				"special");
	} else if (rx_match(arena, "^\\[([a-z][a-z0-9_\\-]+)\\]\\s*$", RX_BYTES | RX_CASELESS, line,
				   &rx)) {
		open_section(reader, json_object_get(reader->all, "snapshots"), rx.group[1],
				"snapshot");
	} else if (rx_match(arena, "^\\[([^\\]]*)\\]\\s*$", RX_BYTES, line, &rx)) {
		finish_description(reader);
		reader->section = NULL;
		warn(reader->call, "vm %s - skipping unknown section: '%s'", reader->vmid,
				rx.group[1]);
	} else {
		return false;
	}
	return true;
}

static void read_option(struct reader *reader, const char *key, const char *value)
{
	struct call *call = reader->call;
	bool special = strcmp(reader->kind, "special") == 0;
	bool cloudinit = special && strcmp(reader->name, "cloudinit") == 0;
	bool fleecing = special && strcmp(reader->name, "fleecing") == 0;
	char *why = NULL;
	char *kept = arena_strdup(call->arena, value);
	if (special && !cloudinit && !fleecing) /* [special:CLOUDINIT] is taken for one */
		why = arena_strdup(call->arena, "check_type: no schema defined");
	else if (fleecing && strcmp(key, "fleecing-images") != 0)
		why = arena_printf(call->arena, "unknown setting '%s'", key);
	else if (fleecing)
		why = format_check_named(call->arena, &call->world, "pve-volume-id-list", value);
	else if (!cloudinit)
		kept = vm_check_option(call, key, value, &why);
	if (why)
		warn(call, "vm %s - unable to parse value of '%s' - %s", reader->vmid, key, why);
	else
		hash_set(reader->section, strcmp(key, "cdrom") == 0 && !cloudinit ? "ide2" : key,
				kept);
}

static void read_line(struct reader *reader, const char *line)
{
	struct call *call = reader->call;
	struct arena *arena = call->arena;
	struct rx rx;
	if (rx_match(arena, "^\\#(.*)$", RX_BYTES, line, &rx)) {
		text_addf(&reader->description, "%s\n", perl_decode_text(arena, rx.group[1]));
		reader->described = true;
	} else if (rx_match(arena, "^(description):\\s*(.*\\S)\\s*$", RX_BYTES, line, &rx)) {
		text_add(&reader->description, perl_decode_text(arena, rx.group[2]));
		reader->described = true;
	} else if (rx_match(arena, "snapstate:\\s*(prepare|delete)\\s*$", RX_BYTES, line, &rx)) {
		hash_set(reader->section, "snapstate", rx.group[1]);
	} else if (rx_match(arena, "^(args):\\s*(.*\\S)\\s*$", RX_BYTES, line, &rx)) {
		hash_set(reader->section, "args", rx.group[2]);
	} else if (rx_match(arena, "^delete:\\s*(.*\\S)\\s*$", RX_BYTES, line, &rx)) {
		if (strcmp(reader->kind, "pending") == 0)
			hash_set(reader->section, "delete", rx.group[1]);
		else
			warn(call, "vm %s - property 'delete' is only allowed in [PENDING]",
					reader->vmid);
	} else if (rx_match(arena, "^([a-z][a-z_\\-]*\\d*):\\s*(.+?)\\s*$", RX_BYTES, line, &rx)) {
		read_option(reader, rx.group[1], rx.group[2]);
	} else {
		warn(call, "vm %s - unable to parse config: %s", reader->vmid, line);
	}
}

json_t *vm_parse(struct call *call, const char *vmid, const char *text)
{
	struct reader reader = {.call = call, .vmid = vmid, .kind = "main"};
	size_t n = 0;
	char digest[41];
	char *bytes = perl_to_bytes(call->arena, text, &n);
	hash_sha1(bytes, n, digest);
	reader.all = json_pack(
			"{s:s,s:{},s:{}}", "digest", digest, "snapshots", "special-sections");
	reader.section = reader.all;
	struct strings lines;
	perl_split(call->arena, text, '\n', &lines);
	for (size_t i = 0; i < lines.n; i++) {
		const char *line = lines.item[i];
		struct rx rx;
		if (rx_match(call->arena, "^\\s*$", RX_BYTES, line, &rx) ||
				read_header(&reader, line) || !reader.section)
			continue;
		read_line(&reader, line);
	}
	finish_description(&reader);
	json_object_del(reader.all, "snapstate");
	if (!vm_defined(reader.all, "pending"))
		json_object_set_new(reader.all, "pending", json_object());
	return reader.all;
}

static bool is_structure(const char *key)
{
	return rx_test("^(?:digest|description|pending|snapshots|snapstate|special-sections)$",
			key);
}

/* Check what will be written; volumes in use are collected for `unused`. */
static int check_section(struct call *call, json_t *section, bool pending, json_t *volumes)
{
	struct strings keys;
	perl_keys(call->arena, section, &keys);
	for (size_t i = 0; i < keys.n; i++) {
		const char *key = keys.item[i];
		if (is_structure(key))
			continue;
		if (strcmp(key, "delete") == 0) {
			if (!pending)
				return die(call, "propertry 'delete' is only allowed in [PENDING]");
			continue;
		}
		char *why = NULL;
		char *value = vm_check_option(call, key, vm_get(section, key), &why);
		if (why)
			return die(call, "unable to parse value of '%s' - %s", key, why);
		hash_set(section, key, value);
		if (!volumes || !vm_is_drive(key))
			continue;
		struct schema_world world = call->world;
		json_t *drive = property_parse_text(
				call->arena, &world, drive_schema, NULL, value, NULL, &why);
		const char *file = drive ? hash_get(drive, "file") : NULL;
		if (file)
			json_object_set_new(volumes, file, json_true());
		json_decref(drive);
	}
	return 0;
}

static void print_section(struct call *call, const json_t *section, bool pending, struct text *out)
{
	const char *description = vm_get(section, "description");
	if (perl_true(description)) {
		struct strings lines;
		perl_split(call->arena, description, '\n', &lines);
		for (size_t i = 0; i < lines.n; i++)
			text_addf(out, "#%s\n", perl_encode_text(call->arena, lines.item[i]));
	} else if (description && pending) {
		text_add(out, "#\n");
	}
	struct strings keys;
	perl_keys(call->arena, section, &keys);
	for (size_t i = 0; i < keys.n; i++)
		if (!is_structure(keys.item[i]) || strcmp(keys.item[i], "snapstate") == 0)
			text_addf(out, "%s: %s\n", keys.item[i], vm_get(section, keys.item[i]));
}

static bool has_cloudinit(struct call *call, const json_t *conf)
{
	const char *key = NULL;
	json_t *value = NULL;
	(void)call;
	json_object_foreach((json_t *)(uintptr_t)conf, key, value)
	{
		if (json_is_string(value) && vm_is_drive(key) &&
				rx_test("^[^,]*[:/](?:\\d+/)?vm-\\d+-cloudinit(?:\\.(?:raw|qcow2?|qed|vmdk|cloop))?(?:,|$)",
						json_string_value(value)))
			return true;
	}
	return false;
}

static void print_named(struct call *call, const json_t *sections, const char *prefix,
		const json_t *conf, struct text *out)
{
	struct strings names;
	perl_keys(call->arena, sections, &names);
	for (size_t i = 0; i < names.n; i++) {
		if (*prefix && strcmp(names.item[i], "cloudinit") == 0 &&
				!has_cloudinit(call, conf))
			continue;
		text_addf(out, "\n[%s%s]\n", prefix, names.item[i]);
		print_section(call, json_object_get(sections, names.item[i]), false, out);
	}
}

static int check_all(struct call *call, json_t *conf)
{
	json_t *volumes = json_object();
	json_t *pending = json_object_get(conf, "pending");
	int status = check_section(call, conf, false, volumes);
	if (status == 0)
		status = check_section(call, pending, true, volumes);
	const char *name = NULL;
	json_t *snapshot = NULL;
	json_object_foreach(json_object_get(conf, "snapshots"), name, snapshot)
	{
		if (status == 0)
			status = check_section(call, snapshot, false, NULL);
	}
	struct strings keys;
	perl_keys(call->arena, conf, &keys);
	for (size_t i = 0; i < keys.n; i++) {
		const char *value = vm_get(conf, keys.item[i]);
		if (text_starts(keys.item[i], "unused") && value && json_object_get(volumes, value))
			json_object_del(conf, keys.item[i]);
	}
	json_decref(volumes);
	return status;
}

char *vm_print(struct call *call, json_t *conf)
{
	json_object_del(conf, "snapstate");
	if (perl_true(vm_get(conf, "sockets"))) {
		json_object_del(conf, "smp");
	} else if (perl_true(vm_get(conf, "smp"))) {
		hash_set(conf, "sockets", vm_get(conf, "smp"));
		json_object_del(conf, "cores");
		json_object_del(conf, "smp");
	}
	if (check_all(call, conf) < 0)
		return NULL;
	struct text out = {0};
	print_section(call, conf, false, &out);
	json_t *pending = json_object_get(conf, "pending");
	if (json_object_size(pending)) {
		text_add(&out, "\n[PENDING]\n");
		print_section(call, pending, true, &out);
	}
	print_named(call, json_object_get(conf, "special-sections"), "special:", conf, &out);
	print_named(call, json_object_get(conf, "snapshots"), "", conf, &out);
	return text_take(&out, call->arena);
}

char *vm_path(struct call *call, const char *vmid)
{
	return arena_printf(call->arena, "nodes/%s/qemu-server/%s.conf", call->node, vmid);
}

json_t *vm_load(struct call *call, const char *vmid)
{
	char *path = vm_path(call, vmid);
	char *text = state_read(call->sim, call->arena, path);
	if (!text) {
		die(call, "Configuration file '%s' does not exist", path);
		return NULL;
	}
	size_t warned = call->warnings.n;
	json_t *conf = vm_parse(call, vmid, text);
	if (state_was_parsed(call->sim, path, vm_get(conf, "digest")))
		call->warnings.n = warned;
	return conf;
}

int vm_write(struct call *call, const char *vmid, json_t *conf)
{
	char *text = vm_print(call, conf);
	return text ? state_write(call, vm_path(call, vmid), text) : -1;
}

json_t *vm_pending_deletes(struct call *call, const json_t *conf)
{
	json_t *deletes = json_object();
	struct strings entries;
	perl_split_list(call->arena, vm_get(json_object_get(conf, "pending"), "delete"), &entries);
	for (size_t i = 0; i < entries.n; i++) {
		bool force = entries.item[i][0] == '!';
		json_object_set_new(deletes, entries.item[i] + force, json_boolean(force));
	}
	return deletes;
}

static void store_deletes(struct call *call, json_t *conf, json_t *deletes)
{
	json_t *pending = json_object_get(conf, "pending");
	struct strings keys;
	struct text text = {0};
	perl_keys(call->arena, deletes, &keys);
	for (size_t i = 0; i < keys.n; i++)
		text_addf(&text, "%s%s%s", i ? "," : "",
				json_is_true(json_object_get(deletes, keys.item[i])) ? "!" : "",
				keys.item[i]);
	if (keys.n)
		hash_set(pending, "delete", text_string(&text));
	else
		json_object_del(pending, "delete");
	text_free(&text);
	json_decref(deletes);
}

void vm_add_delete(struct call *call, json_t *conf, const char *key, bool force)
{
	json_t *deletes = vm_pending_deletes(call, conf);
	json_object_set_new(deletes, key, json_boolean(force));
	store_deletes(call, conf, deletes);
}

void vm_drop_delete(struct call *call, json_t *conf, const char *key)
{
	json_t *deletes = vm_pending_deletes(call, conf);
	if (!json_object_get(deletes, key)) {
		json_decref(deletes);
		return;
	}
	json_object_del(deletes, key);
	store_deletes(call, conf, deletes);
}

bool vm_cleanup_pending(struct call *call, json_t *conf)
{
	bool changed = false;
	json_t *pending = json_object_get(conf, "pending");
	struct strings keys;
	perl_keys(call->arena, pending, &keys);
	for (size_t i = 0; i < keys.n; i++) {
		const char *key = keys.item[i];
		const char *now = vm_get(conf, key);
		if (strcmp(key, "delete") != 0 && now && strcmp(now, vm_get(pending, key)) == 0) {
			json_object_del(pending, key);
			changed = true;
		}
	}
	json_t *deletes = vm_pending_deletes(call, conf);
	perl_keys(call->arena, deletes, &keys);
	for (size_t i = 0; i < keys.n; i++) {
		if (!vm_defined(conf, keys.item[i])) {
			json_object_del(deletes, keys.item[i]);
			changed = true;
		}
	}
	store_deletes(call, conf, deletes);
	return changed;
}
