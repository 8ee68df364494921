/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/pvesim/http.h"

/* Things that go wrong on purpose: "faults" of pvesim.json, see README.md. */

static long number(const json_t *fault, const char *key, long missing)
{
	json_t *value = json_object_get(fault, key);
	return json_is_number(value) ? (long)json_number_value(value) : missing;
}

static const char *text(const json_t *fault, const char *key, const char *missing)
{
	const char *value = hash_get(fault, key);
	return value ? value : missing;
}

/* "PUT /nodes/" or "* /": the method and how the path begins; the whole path before a $. */
static bool matches(const struct request *request, const json_t *fault)
{
	const char *match = text(fault, "match", "* /");
	size_t n = strcspn(match, " ");
	bool method = strncmp(match, "*", n) == 0 ||
		      (strlen(request->method) == n && strncmp(match, request->method, n) == 0);
	if (!method || !match[n])
		return false;
	const char *path = match + n + 1;
	size_t whole = strlen(path);
	return whole && path[whole - 1] == '$'
			       ? strlen(request->path) == whole - 1 &&
						 strncmp(request->path, path, whole - 1) == 0
			       : text_starts(request->path, path);
}

/* The fault whose turn it is. Each counts the requests it fits: `after` of them are let through,
 * then `times` go wrong. */
static const json_t *find(struct sim *sim, const struct request *request)
{
	json_t *faults = json_object_get(sim->settings, "faults");
	const json_t *found = NULL;
	for (size_t i = 0; i < json_array_size(faults); i++) {
		const json_t *fault = json_array_get(faults, i);
		if (!matches(request, fault))
			continue;
		/* The whole row is the key, so a test that changes the rows starts anew. */
		char *key = json_dumps(fault, JSON_SORT_KEYS | JSON_COMPACT);
		if (!key)
			abort();
		json_int_t seen = json_integer_value(json_object_get(sim->fault_uses, key)) + 1;
		json_object_set_new(sim->fault_uses, key, json_integer(seen));
		free(key);
		long after = number(fault, "after", 0);
		long times = number(fault, "times", 1000000000);
		if (!found && seen > after && seen <= after + times)
			found = fault;
	}
	return found;
}

/* "digest-change": what somebody else would do just before. */
static void edit_file(struct server *server, const struct request *request)
{
	struct sim *sim = server->sim;
	struct rx rx;
	struct call call = {.sim = sim, .arena = request->arena};
	const char *path = "mapping/pci.cfg";
	bool vm = rx_match(request->arena, "^/nodes/([^/]+)/qemu/([0-9]+)", RX_BYTES, request->path,
			&rx);
	if (vm)
		path = arena_printf(request->arena, "nodes/%s/qemu-server/%s.conf", rx.group[1],
				rx.group[2]);
	char *before = state_read(sim, request->arena, path);
	if (before)
		(void)state_write(&call, path,
				vm ? arena_printf(request->arena, "#changed by someone else\n%s",
						     before)
				   : arena_printf(request->arena, "%s#changed by someone else\n",
						     before));
}

static void html(struct response *response, struct arena *arena)
{
	response->code = 200;
	response->reason = "OK";
	response->type = "text/html; charset=utf-8";
	response->body = arena_strdup(arena,
			"<!DOCTYPE html>\n<html><body><h1>Please log in</h1></body></html>\n");
	response->body_n = strlen(response->body);
}

static void status(struct response *response, struct arena *arena, const json_t *fault)
{
	response->code = (int)number(fault, "status", 500);
	response->reason = text(fault, "reason", "Internal Server Error");
	const char *message = hash_get(fault, "message");
	json_t *body = json_pack("{s:n,s:s*}", "data", "message", message);
	char *dumped = json_dumps(body, JSON_COMPACT);
	response->type = "application/json;charset=UTF-8";
	response->body = arena_strdup(arena, dumped ? dumped : "{}");
	response->body_n = strlen(response->body);
	free(dumped);
	json_decref(body);
}

/* "data": a yes with an answer of the test's own. */
static void other_data(struct response *response, struct arena *arena, const json_t *fault)
{
	json_t *body = json_pack("{s:O?}", "data", json_object_get(fault, "data"));
	char *dumped = json_dumps(body, JSON_COMPACT);
	response->code = 200;
	response->reason = "OK";
	response->type = "application/json;charset=UTF-8";
	response->body = arena_strdup(arena, dumped ? dumped : "{}");
	response->body_n = strlen(response->body);
	free(dumped);
	json_decref(body);
}

bool fault_before(struct server *server, struct request *request, struct response *response)
{
	struct sim *sim = server->sim;
	const json_t *fault = find(sim, request);
	const char *what = fault ? text(fault, "do", "") : "";
	*response = (struct response){0};
	if (strcmp(what, "slow") == 0) {
		response->delay_ms = number(fault, "ms", 1000);
	} else if (strcmp(what, "hang") == 0) {
		response->never = true;
		return true;
	} else if (strcmp(what, "close") == 0) {
		response->silent = true;
		return true;
	} else if (strcmp(what, "garbage") == 0) {
		response->garbage = true;
		return true;
	} else if (strcmp(what, "html") == 0) {
		html(response, request->arena);
		return true;
	} else if (strcmp(what, "status") == 0) {
		status(response, request->arena, fault);
		return true;
	} else if (strcmp(what, "data") == 0) {
		other_data(response, request->arena, fault);
		return true;
	} else if (strcmp(what, "redirect") == 0) {
		response->code = (int)number(fault, "status", 302);
		response->reason = "Found";
		response->extra = arena_printf(request->arena, "Location: %s\r\n",
				text(fault, "url", "https://127.0.0.1:1/"));
		return true;
	} else if (strcmp(what, "huge") == 0) {
		response->code = 200;
		response->reason = "OK";
		response->type = "application/json;charset=UTF-8";
		response->pad = number(fault, "bytes", 100L * 1024 * 1024);
		return true;
	} else if (strcmp(what, "node-down") == 0) {
		response->code = 595;
		response->reason = text(fault, "reason", "Connection refused");
		return true;
	} else if (strcmp(what, "no-quorum") == 0) {
		sim->no_quorum = true;
	} else if (strcmp(what, "digest-change") == 0) {
		edit_file(server, request);
	} else if (strcmp(what, "expire-ticket") == 0) {
		json_object_clear(sim->tickets);
	} else if (strcmp(what, "new-certificate") == 0) {
		/* This connection goes on; the next one sees another certificate. */
		request->close = true;
		(void)server_new_certificate(server);
	}
	return false;
}

void fault_after(struct server *server, const struct request *request, struct response *response)
{
	/* Counted in fault_before(); those that bend an answer are looked up by name here. */
	json_t *faults = json_object_get(server->sim->settings, "faults");
	for (size_t i = 0; i < json_array_size(faults); i++) {
		const json_t *fault = json_array_get(faults, i);
		const char *what = text(fault, "do", "");
		if (!matches(request, fault))
			continue;
		char *key = json_dumps(fault, JSON_SORT_KEYS | JSON_COMPACT);
		json_int_t seen = key ? json_integer_value(json_object_get(
							server->sim->fault_uses, key))
				      : 0;
		free(key);
		long after = number(fault, "after", 0);
		if (seen <= after || seen > after + number(fault, "times", 1000000000))
			continue;
		if (strcmp(what, "truncate") == 0) {
			/* The length is that of what is sent, so only the JSON is broken. */
			response->body_n = response->body_n / 2;
		} else if (strcmp(what, "cut") == 0) {
			response->cut = (long)response->body_n / 2 + 1;
		} else if (strcmp(what, "bad-length") == 0) {
			response->length_error = number(fault, "by", 10);
		}
	}
}
