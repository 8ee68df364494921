/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "pvegpu/base/process.h"
#include "pvegpu/base/root.h"
#include "pvegpu/base/text.h"
#include "pvegpu/cluster/tofu.h"
#include "pvegpu/formats/pci_address.h"

/* What `output -json` prints (opentofu, internal/command/views/output.go): of all outputs, objects
 * with sensitive, type and value; of one, its value. The type is not needed. */

static const char output_name[] = "gpu_configuration_needed";

struct reading {
	const char *path;
	struct arena *arena;
	struct list *workers;
	struct error *err;
};

/* A text of the object, or NULL where it has none, or null. */
static int take(const struct reading *reading, const json_t *object, const char *where,
		const char *name, const char **ret)
{
	const json_t *member = json_object_get(object, name);
	*ret = NULL;
	if (!member || json_is_null(member))
		return 0;
	if (!json_is_string(member) ||
			strlen(json_string_value(member)) != json_string_length(member))
		return error_set(reading->err, ERROR_PARSE, "%s: %s.%s is no text", reading->path,
				where, name);
	*ret = arena_strdup(reading->arena, json_string_value(member));
	return 0;
}

/* As --gpu has it: small letters, and 0000: before it where there is no domain. */
static int take_address(
		const struct reading *reading, const char *where, const char *id, const char **ret)
{
	struct pci_address address;
	bool whole = false;
	char *small = text_lower(reading->arena, id);
	if (!pci_address_parse(small, &address, &whole))
		return error_set(reading->err, ERROR_PARSE,
				"%s: %s.gpu_pci_id: '%s' is no PCI address, as 01:00 or 0000:01:00.0",
				reading->path, where, text_printable(reading->arena, id));
	*ret = small;
	return 0;
}

static int add_worker(const struct reading *reading, const json_t *object, const char *where)
{
	struct tofu_worker worker = {.where = arena_strdup(reading->arena, where)};
	const char *id = NULL;
	const char *server = NULL;
	if (!json_is_object(object))
		return error_set(reading->err, ERROR_PARSE,
				"%s: %s is no object of hostname, node and gpu_pci_id",
				reading->path, where);
	int status = take(reading, object, where, "hostname", &worker.hostname);
	if (status == 0)
		status = take(reading, object, where, "node", &worker.node);
	if (status == 0)
		status = take(reading, object, where, "server", &server);
	if (status == 0)
		status = take(reading, object, where, "gpu_pci_id", &id);
	if (status == 0 && (!worker.hostname || !*worker.hostname || !id || !*id))
		status = error_set(reading->err, ERROR_PARSE, "%s: %s has no %s", reading->path,
				where,
				worker.hostname && *worker.hostname ? "gpu_pci_id" : "hostname");
	if (status == 0)
		status = take_address(reading, where, id, &worker.device);
	if (status < 0)
		return status;
	worker.node = worker.node ? worker.node : server;
	struct tofu_worker *kept = arena_alloc(reading->arena, sizeof *kept);
	*kept = worker;
	list_add(reading->arena, reading->workers, kept);
	return 0;
}

/* A list, a map by hostname, or one object alone. */
static int read_value(const struct reading *reading, json_t *value, const char *where)
{
	int status = 0;
	size_t i = 0;
	const char *key = NULL;
	json_t *member = NULL;
	if (json_object_get(value, "hostname") || json_object_get(value, "gpu_pci_id"))
		return add_worker(reading, value, where);
	if (!json_is_array(value) && !json_is_object(value))
		return error_set(reading->err, ERROR_PARSE,
				"%s: %s is no list, map or object of workers", reading->path,
				where);
	for (; status == 0 && i < json_array_size(value); i++)
		status = add_worker(reading, json_array_get(value, i),
				arena_printf(reading->arena, "%s[%zu]", where, i));
	json_object_foreach(value, key, member)
	{
		if (status == 0)
			status = add_worker(reading, member,
					arena_printf(reading->arena, "%s.%s", where,
							text_printable(reading->arena, key)));
	}
	return status;
}

/* Of all outputs: each is an object with `value` and `sensitive`. */
static bool is_whole(json_t *json)
{
	const char *key = NULL;
	json_t *member = NULL;
	if (!json_is_object(json))
		return false;
	json_object_foreach(json, key, member)
	{
		if (!json_object_get(member, "sensitive"))
			return false;
	}
	return true;
}

static int no_output(const struct reading *reading, json_t *json)
{
	struct strings names = {0};
	const char *key = NULL;
	json_t *member = NULL;
	json_object_foreach(json, key, member)
	{
		strings_add(reading->arena, &names, text_printable(reading->arena, key));
	}
	(void)error_set(reading->err, ERROR_PARSE, "%s: there is no output %s in it", reading->path,
			output_name);
	if (names.n)
		error_hint(reading->err, "it has: %s", strings_join(reading->arena, &names, ", "));
	else
		error_hint(reading->err,
				"it has none: was it made where the configuration is, and applied there? tofu -chdir=DIR output -json -no-color");
	return ERROR_PARSE;
}

/* Standard input, of which no more is taken than an output can have. */
static size_t read_input(void *buffer, size_t size, void *user)
{
	size_t *left = user;
	ssize_t n = *left ? read(STDIN_FILENO, buffer, size < *left ? size : *left) : 0;
	if (n < 0)
		return (size_t)-1;
	*left -= (size_t)n;
	return (size_t)n;
}

/* Its numbers may be larger than any of ours. */
static const size_t decoding = JSON_DECODE_INT_AS_REAL | JSON_DECODE_ANY;

/* Takes the JSON; `error` where there is none. */
static int read_json(const struct reading *reading, json_t *json, const json_error_t *error)
{
	if (!json)
		return error_set(reading->err, ERROR_PARSE,
				"%s, line %d: not what output -json prints: %s", reading->path,
				error->line > 0 ? error->line : 1, error->text);
	int status = 0;
	json_t *output = is_whole(json) ? json_object_get(json, output_name) : NULL;
	if (output)
		status = read_value(reading, json_object_get(output, "value"),
				arena_printf(reading->arena, "%s.value", output_name));
	else if (is_whole(json))
		status = no_output(reading, json);
	else
		status = read_value(reading, json, output_name);
	json_decref(json);
	if (status == 0 && !reading->workers->n)
		status = error_set(reading->err, ERROR_PARSE, "%s: %s names no worker",
				reading->path, output_name);
	return status;
}

int tofu_read(const char *path, struct arena *arena, struct list *ret_workers, struct error *err)
{
	struct reading reading = {path, arena, ret_workers, err};
	json_error_t error = {0};
	char *text = NULL;
	size_t n = 0;
	*ret_workers = (struct list){0};
	if (strcmp(path, "-") == 0) {
		size_t left = (size_t)16 << 20;
		reading.path = "standard input";
		return read_json(&reading, json_load_callback(read_input, &left, decoding, &error),
				&error);
	}
	int status = root_read(NULL, path, arena, &text, &n, err);
	return status < 0 ? status
			  : read_json(&reading, json_loadb(text, n, decoding, &error), &error);
}

/* All outputs, which tells one that is not there from a failure. */
static int ask(const struct root *root, const char *dir, struct arena *arena,
		struct list *ret_workers, struct error *err)
{
	enum { IN_TIME_S = 120 }; /* the state may be far away */
	const char *name = process_find(root, "tofu", arena) ? "tofu" : "terraform";
	const char *const argv[] = {name, arena_printf(arena, "-chdir=%s", dir), "output", "-json",
			"-no-color", NULL};
	struct reading reading = {
			arena_printf(arena, "%s in %s", name, dir), arena, ret_workers, err};
	struct process_result result;
	json_error_t error = {0};
	*ret_workers = (struct list){0};
	int status = process_run(root, argv, IN_TIME_S, NULL, NULL, arena, &result, err);
	if (status < 0)
		return status;
	if (result.exit_status != 0) {
		char *said = text_trim(arena, result.error_out, strlen(result.error_out));
		return error_set(err, ERROR_COMMAND, "%s ended with status %d: %s", reading.path,
				result.exit_status, text_printable(arena, said));
	}
	return read_json(&reading, json_loads(result.out, decoding, &error), &error);
}

/* The VM of that name on this node; NULL with an error. */
static const struct vm *find_worker(
		const struct facts *facts, const struct tofu_worker *worker, struct error *err)
{
	const struct vm *found = NULL;
	for (size_t i = 0; i < facts->vms.n; i++) {
		const struct vm *vm = facts->vms.item[i];
		if (strcmp(vm->name, worker->hostname) != 0)
			continue;
		if (found) {
			(void)error_set(err, ERROR_USAGE,
					"%s.hostname: VM %u and VM %u of this node are both called %s",
					worker->where, found->vmid, vm->vmid, vm->name);
			return NULL;
		}
		found = vm;
	}
	if (!found)
		(void)error_set(err, ERROR_USAGE, "%s.hostname: no VM of this node is called %s",
				worker->where, worker->hostname);
	return found;
}

int tofu_assign(const struct facts *facts, const struct list *workers, struct goal *goal,
		struct strings *ret_elsewhere, struct error *err)
{
	struct strings nodes = {0};
	size_t here = 0;
	*ret_elsewhere = (struct strings){0};
	for (size_t i = 0; i < workers->n; i++) {
		const struct tofu_worker *worker = workers->item[i];
		bool other = worker->node && facts->node && strcmp(worker->node, facts->node) != 0;
		if (other) {
			strings_add(goal->arena, ret_elsewhere,
					arena_printf(goal->arena, "%s gets %s on node %s",
							text_printable(goal->arena,
									worker->hostname),
							worker->device,
							text_printable(goal->arena, worker->node)));
			if (!strings_has(&nodes, worker->node))
				strings_add(goal->arena, &nodes, worker->node);
			continue;
		}
		const struct vm *vm = find_worker(facts, worker, err);
		if (!vm)
			return ERROR_USAGE;
		int status = goal_assign(goal,
				arena_printf(goal->arena, "%s=%u", worker->device, vm->vmid), err);
		if (status < 0)
			return status;
		here++;
	}
	if (!here) {
		(void)error_set(err, ERROR_USAGE, "none of its workers is on this node, %s",
				facts->node ? facts->node : "whose name is not known");
		error_hint(err, "they are on: %s", strings_join(goal->arena, &nodes, ", "));
		return ERROR_USAGE;
	}
	return 0;
}

int tofu_goal(const struct tofu_source *source, const struct root *root, const struct facts *facts,
		struct goal *goal, struct strings *ret_elsewhere, struct error *err)
{
	struct list workers = {0};
	struct root *own = NULL;
	int status = 0;
	*ret_elsewhere = (struct strings){0};
	if (source->dir && root_kind(root) != ROOT_LIVE && root_kind(root) != ROOT_SAMPLE)
		status = root_open(NULL, &own, err);
	if (status == 0)
		status = source->dir ? ask(own ? own : root, source->dir, goal->arena, &workers,
						       err)
				     : tofu_read(source->file, goal->arena, &workers, err);
	root_close(own);
	return status < 0 ? status : tofu_assign(facts, &workers, goal, ret_elsewhere, err);
}
