/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "tests/pvesim/access.h"
#include "tests/pvesim/http.h"
#include "tests/pvesim/qemu.h"

static const char body_type[] = "application/json;charset=UTF-8";

static bool split_path(struct request *request)
{
	struct arena *arena = request->arena;
	char *raw = request->path;
	request->query = strchr(raw, '?') ? arena_strdup(arena, strchr(raw, '?') + 1)
					  : arena_strdup(arena, "");
	raw[strcspn(raw, "?")] = '\0';
	char *path = perl_uri_unescape(arena, raw);
	request->api = text_starts(path, "/api2/json") && (path[10] == '/' || path[10] == '\0');
	request->path = request->api ? path + 10 : path;
	if (request->api && !*request->path)
		request->path = arena_strdup(arena, "/");
	return request->api;
}

/* The first line of a message is the reason; control characters cannot stand there. */
static char *reason_of(struct arena *arena, const char *message)
{
	char *reason = arena_strndup(arena, message, strcspn(message, "\n"));
	for (char *c = reason; *c; c++)
		if ((unsigned char)*c < 0x20)
			*c = ' ';
	return reason;
}

static void set_body(struct request *request, struct response *response, const json_t *body)
{
	char *text = json_dumps(body, JSON_COMPACT | JSON_PRESERVE_ORDER);
	if (!text)
		abort();
	response->type = body_type;
	response->body = arena_strdup(request->arena, text);
	response->body_n = strlen(text);
	free(text);
}

static void refuse(struct server *server, struct response *response, int code, const char *reason)
{
	*response = (struct response){.code = code,
			.reason = reason,
			.delay_ms = code == 401 ? setting_number(server->sim,
								  "unauthorized_delay_ms", 0)
						: 0};
}

static char *cookie_value(struct arena *arena, const char *cookies)
{
	struct rx rx;
	if (!cookies || !rx_match(arena, "(?:^|[\\s;])PVEAuthCookie=([^;]*)", RX_BYTES, cookies,
					&rx))
		return NULL;
	return perl_uri_unescape(arena, rx.group[1]);
}

/* Proxmox VE 9 does not say why; from which release on is not known, 9.2 was seen to. */
static const char *why_not(const struct call *call, const char *why)
{
	return pve_has(call, "9") ? "Authentication failed!" : why;
}

static bool authenticate_ticket(struct server *server, const struct request *request,
		struct call *call, const char *ticket, struct response *response)
{
	json_t *about = json_object_get(server->sim->tickets, ticket);
	bool challenge = setting_true(about, "challenge", false);
	call->user = ticket_user(server->sim, ticket);
	if (!call->user) {
		refuse(server, response, 401,
				challenge ? "No ticket"
					  : why_not(call, "permission denied - invalid PVE ticket"));
		return false;
	}
	call->user = arena_strdup(call->arena, call->user);
	if (strcmp(request->method, "GET") != 0 &&
			!ticket_csrf_is_valid(server->sim, ticket, request->csrf)) {
		refuse(server, response, 401, "Permission denied - invalid csrf token");
		return false;
	}
	return true;
}

/* Who calls; false: the response is the refusal. A cookie goes before a token. */
static bool authenticate(struct server *server, const struct request *request, struct call *call,
		struct response *response)
{
	bool needed = strcmp(request->path, "/access/ticket") != 0;
	const char *authorization = request->authorization ? request->authorization : "";
	const char *ticket = cookie_value(request->arena, request->cookie);
	struct rx rx;
	if (!ticket || !*ticket)
		ticket = cookie_value(request->arena, authorization);
	if (ticket && *ticket) {
		if (needed && !authenticate_ticket(server, request, call, ticket, response))
			return false;
	} else if (rx_match(request->arena, "^PVEAPIToken[= ]([^=;]+)", RX_BYTES, authorization,
				   &rx)) {
		call->user = token_user(call, authorization);
		if (!call->user && needed && access_check_user(call, rx.group[1]) < 0) {
			refuse(server, response, 401, why_not(call, call->message));
			return false;
		}
		if (!call->user && needed) {
			refuse(server, response, 401, why_not(call, "invalid token value!"));
			return false;
		}
	}
	if (!call->user && needed) {
		refuse(server, response, 401, "No ticket");
		return false;
	}
	if (call->user && access_check_user(call, call->user) < 0) {
		refuse(server, response, 401, why_not(call, call->message));
		return false;
	}
	return true;
}

static bool has_body_method(const struct request *request)
{
	return strcmp(request->method, "PUT") == 0 || strcmp(request->method, "POST") == 0;
}

static bool is_method(const struct request *request)
{
	return strcmp(request->method, "GET") == 0 || strcmp(request->method, "DELETE") == 0 ||
	       has_body_method(request);
}

/* What is refused before the parameters are looked at; without a body, as there. */
static bool check_content(
		struct server *server, const struct request *request, struct response *response)
{
	const char *type = request->content_type ? request->content_type : "";
	if (!request->body_n)
		return true;
	if (!has_body_method(request)) {
		refuse(server, response, 501,
				arena_printf(request->arena, "Unexpected content for method '%s'",
						request->method));
		return false;
	}
	if (*type && !rx_test("^(?:application/x-www-form-urlencoded|application/json)\\s*(?:[;,]|$)",
				     type)) {
		refuse(server, response, 506,
				arena_printf(request->arena,
						"upload 'Content-Type '%s' not implemented", type));
		return false;
	}
	return true;
}

static bool read_params(const struct request *request, struct call *call)
{
	const char *type = request->content_type ? request->content_type : "";
	if (has_body_method(request)) {
		int status = text_starts(type, "application/json")
					     ? body_decode_json(
							       call, request->body, request->body_n)
					     : body_decode_form(call, request->body,
							       request->body_n);
		if (status < 0)
			return false;
	}
	json_t *params = call->params;
	call->params = json_object();
	(void)body_decode_form(call, request->query, strlen(request->query));
	json_object_update(params, call->params);
	json_decref(call->params);
	call->params = params;
	return true;
}

/* What a format's check died of ends in a newline; in the corpus it does not. */
static void end_lines(struct arena *arena, json_t *errors)
{
	const char *key = NULL;
	json_t *value = NULL;
	void *next = NULL;
	json_object_foreach_safe(errors, next, key, value)
	{
		const char *text = json_string_value(value);
		if (text && text_starts(text, "invalid format - ") && !text_ends(text, "\n"))
			hash_set(errors, key, arena_printf(arena, "%s\n", text));
	}
}

static void answer(struct request *request, struct call *call, struct response *response)
{
	json_t *body = json_object();
	json_object_set(body, "data", call->result && !call->code ? call->result : json_null());
	if (call->code) {
		if (call->errors) {
			end_lines(request->arena, call->errors);
			json_object_set(body, "errors", call->errors);
		}
		if (pve_has(call, "8.3"))
			hash_set(body, "message",
					arena_printf(request->arena, "%s%s", call->message,
							call->code == 501 ? "" : "\n"));
	} else if (call->more) {
		json_object_update(body, call->more);
	}
	*response = (struct response){.code = call->code ? call->code : 200,
			.reason = call->code ? reason_of(request->arena, call->message) : "OK",
			.delay_ms = call->code == 401 ? setting_number(call->sim,
									"unauthorized_delay_ms", 0)
						      : 0};
	response->handed_on = call->handed_on;
	if (call->code < 595)
		set_body(request, response, body);
	json_decref(body);
}

static void compress_body(const struct request *request, struct response *response)
{
	if (response->body_n <= 1024 || !request->accept_encoding ||
			!strstr(request->accept_encoding, "gzip"))
		return;
	z_stream stream = {0};
	size_t most = response->body_n + 1024;
	char *out = arena_alloc(request->arena, most);
	if (deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return;
	stream.next_in = (unsigned char *)response->body;
	stream.avail_in = (unsigned)response->body_n;
	stream.next_out = (unsigned char *)out;
	stream.avail_out = (unsigned)most;
	if (deflate(&stream, Z_FINISH) == Z_STREAM_END) {
		response->body = out;
		response->body_n = stream.total_out;
		response->gzip = true;
	}
	(void)deflateEnd(&stream);
}

/* requests.jsonl tells a test what was asked, without what is secret. */
static void note_request(struct server *server, const struct request *request,
		const struct call *call, const json_t *params, int code)
{
	json_t *line = json_pack("{s:s,s:s,s:s?,s:i,s:O?}", "method", request->method, "path",
			request->path, "user", call->user, "status", code, "params", params);
	json_t *shown = json_object_get(line, "params");
	if (json_object_get(shown, "password"))
		hash_set(shown, "password", "(not kept)");
	char *text = line ? json_dumps(line, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
	char *path = arena_printf(request->arena, "%s/requests.jsonl", server->sim->dir);
	FILE *file = text ? fopen(path, "ae") : NULL;
	if (file) {
		(void)fprintf(file, "%s\n", text);
		(void)fclose(file);
	}
	free(text);
	json_decref(line);
}

static const char *local_node(const struct sim *sim, struct arena *arena)
{
	const char *local = hash_get(sim->settings, "local");
	struct strings names;
	perl_keys(arena, json_object_get(sim->settings, "nodes"), &names);
	return local ? local : names.n ? names.item[0] : "pve1";
}

static void call_api(struct server *server, struct request *request, struct response *response)
{
	struct sim *sim = server->sim;
	struct call call = {.sim = sim,
			.arena = request->arena,
			.world = {.version = pve_version(sim)},
			.method = request->method,
			.path = request->path,
			.node = local_node(sim, request->arena),
			.params = json_object()};
	json_t *params = NULL;
	call.world.cpu_models = state_read(sim, request->arena, "virtual-guest/cpu-models.conf");
	if (authenticate(server, request, &call, response) &&
			check_content(server, request, response)) {
		if (read_params(request, &call)) {
			params = json_deep_copy(call.params);
			api_run(&call);
			answer(request, &call, response);
		} else {
			refuse(server, response, 501, reason_of(request->arena, call.message));
		}
	}
	note_request(server, request, &call, params, response->code);
	json_decref(params);
	call_done(&call);
}

void serve(struct server *server, struct request *request, struct response *ret_response)
{
	struct sim *sim = server->sim;
	state_load(sim, request->arena);
	tasks_advance(sim);
	if (!split_path(request)) {
		static char page[] =
				"<!DOCTYPE html><html><head><title>Proxmox Virtual Environment</title></head><body></body></html>";
		*ret_response = (struct response){.code = 200, .reason = "OK"};
		if (strcmp(request->path, "/") != 0) {
			ret_response->code = 501;
			ret_response->reason = arena_printf(request->arena,
					"Method '%s %s' not implemented", request->method,
					request->path);
			return;
		}
		ret_response->type = "text/html; charset=utf-8";
		ret_response->body = page;
		ret_response->body_n = strlen(page);
		return;
	}
	sim->no_quorum = false;
	if (!is_method(request)) {
		refuse(server, ret_response, 501,
				arena_printf(request->arena, "method '%s' not available",
						request->method));
		return;
	}
	if (!fault_before(server, request, ret_response)) {
		long delay = ret_response->delay_ms;
		call_api(server, request, ret_response);
		ret_response->delay_ms += delay;
		fault_after(server, request, ret_response);
	}
	if (!ret_response->cut && !ret_response->length_error)
		compress_body(request, ret_response);
}
