/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/pvesim/batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pvegpu/base/json.h"
#include "pvegpu/formats/hostpci.h"
#include "pvegpu/formats/pci_mapping.h"
#include "pvegpu/formats/vm_conf.h"
#include "tests/pvesim/api.h"
#include "tests/pvesim/devices.h"
#include "tests/pvesim/qemu.h"
#include "tests/pvesim/vmfile.h"

/*
 * One line is {"state": {"version", "files": {path: text}, "bytes": {path: text}, "running":
 * [vmid], "settings": {…}}, "steps": [step…]}. Text in "files" is UTF-8 as on disk; in "bytes"
 * every character is one byte. The answer is {"verdicts": [verdict…]}. A step is a call,
 * {"method", "path", "user", "params"|"body", "content_type"}, or asks one part alone by "op".
 */

static const char *text_of(const json_t *object, const char *key, const char *missing)
{
	const char *value = hash_get(object, key);
	return value ? value : missing;
}

/* A file's text as it is kept, from JSON, and back. */
static void put_file(struct sim *sim, struct arena *arena, const char *path, const json_t *value)
{
	const char *text = json_string_value(value);
	if (text)
		hash_set(sim->memory, path,
				perl_from_bytes(arena, text, json_string_length(value)));
}

static json_t *file_json(struct arena *arena, const char *text, const char **ret_kind)
{
	size_t n = 0;
	char *bytes = perl_to_bytes(arena, text, &n);
	json_t *value = json_stringn(bytes, n);
	*ret_kind = value ? "after" : "after_bytes";
	return value ? value : json_string(text);
}

static void load_state(struct sim *sim, struct arena *arena, const json_t *state)
{
	const char *path = NULL;
	json_t *value = NULL;
	json_object_foreach(json_object_get(state, "files"), path, value)
			put_file(sim, arena, path, value);
	json_object_foreach(json_object_get(state, "bytes"), path, value)
			hash_set(sim->memory, path,
					perl_decode_utf8(arena, json_string_value(value),
							json_string_length(value)));
	json_t *settings = json_object_get(state, "settings");
	sim->settings = settings ? json_deep_copy(settings) : json_object();
	if (hash_get(state, "version"))
		hash_set(sim->settings, "version", hash_get(state, "version"));
	json_t *running = json_object();
	json_t *list = json_object_get(state, "running");
	for (size_t i = 0; i < json_array_size(list); i++)
		json_object_set_new(running, perl_scalar(arena, json_array_get(list, i)),
				json_pack("{s:s,s:i,s:[]}", "node", "pve1", "pid", 1, "devices"));
	state_write_json(sim, "running.json", running);
	json_decref(running);
}

static json_t *warnings_of(const struct call *call)
{
	json_t *list = json_array();
	for (size_t i = 0; i < call->warnings.n; i++)
		json_array_append_new(list, json_string(call->warnings.item[i]));
	return list;
}

static json_t *verdict_of(struct call *call)
{
	json_t *verdict = json_pack("{s:b}", "ok", call->code == 0);
	if (call->stage)
		hash_set(verdict, "stage", call->stage);
	if (call->code) {
		json_object_set_new(verdict, "code", json_integer(call->code));
		hash_set(verdict, "message", call->message);
	}
	if (call->errors)
		json_object_set(verdict, "errors", call->errors);
	if (call->result && !call->code)
		json_object_set(verdict, "result", call->result);
	if (call->task_error)
		hash_set(verdict, "task_error", call->task_error);
	if (call->warnings.n)
		json_object_set_new(verdict, "warnings", warnings_of(call));
	return verdict;
}

static void step_call(struct call *call, const json_t *step)
{
	const char *body = hash_get(step, "body");
	const char *type = text_of(step, "content_type", "application/x-www-form-urlencoded");
	json_t *params = json_object_get(step, "params");
	int status = 0;
	call->stage = "body";
	if (body)
		status = strstr(type, "json") ? body_decode_json(call, body, strlen(body))
					      : body_decode_form(call, body, strlen(body));
	if (status == 0 && body)
		params = call->params;
	if (status == 0) {
		json_t *decoded = json_deep_copy(params ? params : call->params);
		if (params != call->params)
			json_object_update(call->params, params);
		api_run(call);
		json_decref(decoded);
	}
}

static const struct schema *table_named(const char *format)
{
	if (strcmp(format, "map") == 0)
		return map_schema;
	return hostpci_schema;
}

/* What pvegpu's own parser says of the same string. */
static bool core_takes(struct call *call, const struct schema *table, const char *value)
{
	struct hostpci hostpci;
	struct pci_mapping_entry entry;
	return table == map_schema ? pci_mapping_entry_parse(call->arena, value, &entry, NULL) == 0
				   : hostpci_parse(call->arena, value, &hostpci, NULL) == 0;
}

/* {"op": "property", "format": "hostpci"|"map", "value"} */
static json_t *step_property(struct call *call, const json_t *step)
{
	const struct schema *table = table_named(text_of(step, "format", ""));
	char *why = NULL;
	json_t *errors = NULL;
	json_t *parsed = property_parse(call->arena, &call->world, table, NULL,
			text_of(step, "value", ""), NULL, &why, &errors);
	json_t *verdict = json_pack("{s:b}", "ok", parsed != NULL);
	if (parsed) {
		json_object_set_new(verdict, "parsed", parsed);
		hash_set(verdict, "printed", property_print(call->arena, table, parsed));
	} else {
		hash_set(verdict, "error", why);
	}
	if (errors)
		json_object_set_new(verdict, "errors", errors);
	json_object_set_new(verdict, "core",
			json_boolean(core_takes(call, table, text_of(step, "value", ""))));
	return verdict;
}

/* {"op": "conf", "key", "value"}: the value as a line of a configuration file. */
static json_t *step_conf(struct call *call, const json_t *step)
{
	const char *key = text_of(step, "key", "hostpci0");
	const char *value = text_of(step, "value", "");
	size_t n = strlen(value);
	char *line = arena_printf(
			call->arena, "%s: %s\n", key, perl_from_bytes(call->arena, value, n));
	json_t *conf = vm_parse(call, "100", line);
	json_t *verdict = json_object();
	const char *kept = vm_get(conf, key);
	const char *kind = NULL;
	json_object_set_new(
			verdict, "value", kept ? file_json(call->arena, kept, &kind) : json_null());
	json_object_set_new(verdict, "warnings", warnings_of(call));
	json_decref(conf);
	return verdict;
}

/* {"op": "start", "value"}: a hostpci value as a start reads it. */
static json_t *step_start(struct call *call, const json_t *step)
{
	json_t *devices = devices_load(call);
	json_t *parsed = hostpci_expand(call, devices, text_of(step, "value", ""));
	json_t *verdict = json_pack("{s:b}", "ok", call->code == 0);
	if (call->code)
		hash_set(verdict, "error", call->message);
	if (parsed)
		json_object_set(verdict, "ids", json_object_get(parsed, "ids"));
	json_decref(parsed);
	json_decref(devices);
	return verdict;
}

/* {"op": "map-valid", "value"}: why a map entry does not fit the node. */
static json_t *step_map_valid(struct call *call, const json_t *step)
{
	json_t *devices = devices_load(call);
	char *why = NULL;
	json_t *entry = property_parse_text(call->arena, &call->world, map_schema, NULL,
			text_of(step, "value", ""), NULL, &why);
	json_t *mapping = json_object();
	if (entry)
		why = mapping_why_invalid(call, devices, "m", entry, mapping);
	json_t *verdict = json_pack("{s:s?}", "why", why);
	json_decref(mapping);
	json_decref(entry);
	json_decref(devices);
	return verdict;
}

static void add_file(struct call *call, json_t *verdict, const char *text)
{
	const char *kind = NULL;
	if (!text)
		return;
	json_t *value = file_json(call->arena, text, &kind);
	json_object_set_new(
			verdict, strcmp(kind, "after") == 0 ? "written" : "written_bytes", value);
}

/* What pvegpu's own reader finds in the bytes of a file: the options of each section. */
static json_t *core_section(const struct vm_conf_section *section)
{
	json_t *options = json_object();
	for (size_t i = 0; i < section->entries.n; i++) {
		const struct vm_conf_entry *entry = section->entries.item[i];
		json_object_set_new(options, entry->key, json_text(entry->value));
	}
	return options;
}

static json_t *core_reads(struct call *call, const char *text)
{
	size_t n = 0;
	struct vm_conf conf;
	char *bytes = perl_to_bytes(call->arena, text, &n);
	vm_conf_parse(call->arena, bytes, VM_CONF_FILE, &conf);
	json_t *snapshots = json_object();
	for (size_t i = 0; i < conf.snapshots.n; i++) {
		const struct vm_conf_section *snapshot = conf.snapshots.item[i];
		json_object_set_new(snapshots, snapshot->name, core_section(snapshot));
	}
	return json_pack("{s:o,s:o,s:o,s:o}", "current", core_section(&conf.current), "pending",
			core_section(&conf.pending), "snapshots", snapshots, "predicted",
			json_text(vm_conf_predict(
					call->arena, bytes, &(struct vm_conf_edit){.vmid = 100})));
}

/* {"op": "vm", "path", "set": {…}}: parse the file and print it, with `set` changed. */
static json_t *step_vm(struct call *call, const json_t *step)
{
	char *text = state_read(call->sim, call->arena, text_of(step, "path", ""));
	json_t *conf = vm_parse(call, "100", text ? text : "");
	json_t *verdict = json_pack(
			"{s:O,s:o}", "conf", conf, "core", core_reads(call, text ? text : ""));
	json_object_set_new(verdict, "warnings", warnings_of(call));
	json_t *changed = json_deep_copy(conf);
	json_object_update(changed, json_object_get(step, "set"));
	add_file(call, verdict, vm_print(call, changed));
	if (call->code)
		hash_set(verdict, "error", call->message);
	json_decref(changed);
	json_decref(conf);
	return verdict;
}

/* {"op": "mapping"}: parse mapping/pci.cfg and print it. */
static json_t *step_mapping(struct call *call)
{
	json_t *cfg = mapping_load(call);
	struct pci_mapping_file core;
	size_t n = 0;
	char *text = state_read(call->sim, call->arena, "mapping/pci.cfg");
	pci_mapping_parse(call->arena, perl_to_bytes(call->arena, text ? text : "", &n), &core);
	json_t *seen = json_object();
	for (size_t i = 0; i < core.mappings.n; i++) {
		const struct pci_mapping *mapping = core.mappings.item[i];
		json_t *maps = json_array();
		for (size_t k = 0; k < mapping->entries.n; k++) {
			const struct pci_mapping_entry *entry = mapping->entries.item[k];
			json_array_append_new(maps, json_text(entry->text));
		}
		json_object_set_new(seen, mapping->name,
				json_pack("{s:o,s:o,s:i,s:b}", "map", maps, "description",
						json_text(mapping->description), "mdev",
						mapping->mdev, "error", mapping->error != NULL));
	}
	json_t *verdict = json_pack("{s:O,s:o}", "cfg", cfg, "core", seen);
	json_object_set_new(verdict, "warnings", warnings_of(call));
	add_file(call, verdict, mapping_print(call, cfg));
	if (call->code)
		hash_set(verdict, "error", call->message);
	json_decref(cfg);
	return verdict;
}

static void add_changed_files(
		struct sim *sim, struct arena *arena, const json_t *before, json_t *verdict)
{
	const char *path = NULL;
	json_t *value = NULL;
	json_object_foreach(sim->memory, path, value)
	{
		const char *old = hash_get(before, path);
		const char *kind = NULL;
		if (old && strcmp(old, json_string_value(value)) == 0)
			continue;
		if (strcmp(path, "running.json") == 0)
			continue;
		json_t *text = file_json(arena, json_string_value(value), &kind);
		if (!json_object_get(verdict, kind))
			json_object_set_new(verdict, kind, json_object());
		json_object_set_new(json_object_get(verdict, kind), path, text);
	}
}

static json_t *run_step(struct sim *sim, const json_t *step)
{
	struct arena *arena = arena_new();
	json_t *before = json_deep_copy(sim->memory);
	const char *op = text_of(step, "op", "call");
	struct call call = {.sim = sim,
			.arena = arena,
			.world = {.version = pve_version(sim)},
			.method = text_of(step, "method", "GET"),
			.path = text_of(step, "path", "/"),
			.user = text_of(step, "user", "root@pam"),
			.node = "pve1",
			.params = json_object()};
	call.world.cpu_models = state_read(sim, arena, "virtual-guest/cpu-models.conf");
	json_t *verdict = NULL;
	if (strcmp(op, "property") == 0) {
		verdict = step_property(&call, step);
	} else if (strcmp(op, "conf") == 0) {
		verdict = step_conf(&call, step);
	} else if (strcmp(op, "start") == 0) {
		verdict = step_start(&call, step);
	} else if (strcmp(op, "map-valid") == 0) {
		verdict = step_map_valid(&call, step);
	} else if (strcmp(op, "vm") == 0) {
		verdict = step_vm(&call, step);
	} else if (strcmp(op, "mapping") == 0) {
		verdict = step_mapping(&call);
	} else {
		step_call(&call, step);
		verdict = verdict_of(&call);
		add_changed_files(sim, arena, before, verdict);
	}
	json_decref(before);
	call_done(&call);
	arena_free(arena);
	return verdict;
}

static json_t *run_line(const json_t *line)
{
	struct arena *arena = arena_new();
	struct sim sim = {.memory = json_object(),
			.tickets = json_object(),
			.tasks = json_object(),
			.totp_used = json_object(),
			.parsed = json_object(),
			.batch = true};
	json_t *verdicts = json_array();
	json_t *steps = json_without_nul(arena, json_object_get(line, "steps"));
	load_state(&sim, arena, json_object_get(line, "state"));
	for (size_t i = 0; i < json_array_size(steps); i++)
		json_array_append_new(verdicts, run_step(&sim, json_array_get(steps, i)));
	json_decref(steps);
	json_decref(sim.memory);
	json_decref(sim.settings);
	json_decref(sim.tickets);
	json_decref(sim.tasks);
	json_decref(sim.totp_used);
	json_decref(sim.parsed);
	arena_free(arena);
	return json_pack("{s:o}", "verdicts", verdicts);
}

int batch_run(void)
{
	char *text = NULL;
	size_t size = 0;
	int status = 0;
	while (getline(&text, &size, stdin) >= 0) {
		json_error_t error;
		json_t *line = json_loads(text, JSON_ALLOW_NUL, &error);
		json_t *answer = line ? run_line(line) : json_pack("{s:s}", "error", error.text);
		status = line ? status : 1;
		char *out = json_dumps(answer, JSON_COMPACT);
		if (!out)
			abort();
		(void)puts(out);
		free(out);
		json_decref(answer);
		json_decref(line);
	}
	free(text);
	return status;
}
