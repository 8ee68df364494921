/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "core/pve/internal.h"
#include "pvegpu/base/text.h"

/* What Proxmox VE answers, in plain words (PVE/APIServer/AnyEvent.pm and Formatter/Standard.pm). */

/* "hostpci0: invalid format - …; cores: …" of the member `errors`, or NULL. */
static char *parameter_errors(struct arena *arena, const json_t *body)
{
	struct text text = {0};
	const char *key = NULL;
	json_t *value = NULL;
	json_t *errors = json_object_get(body, "errors");
	json_object_foreach(errors, key, value) if (json_is_string(value)) text_addf(
			&text, "%s%s: %s", text.n ? "; " : "", key, json_string_value(value));
	return text.n ? text_take(&text, arena) : NULL;
}

/* In one line, without the ends: what is shown and logged. */
static char *one_line(struct arena *arena, const char *text)
{
	char *line = text_trim(arena, text, strlen(text));
	for (char *c = line; *c; c++)
		if (*c == '\n' || *c == '\r' || *c == '\t')
			*c = ' ';
	return text_printable(arena, line);
}

static char *message_of(const struct answer *answer, const json_t *body)
{
	struct arena *arena = answer->arena;
	const char *message = json_string_value(json_object_get(body, "message"));
	/* Before Proxmox VE 8.3 there is no `message`: its first line is the reason phrase. */
	char *said = one_line(arena, message && *message ? message
				     : answer->reason    ? answer->reason
							 : "");
	char *errors = parameter_errors(arena, body);
	if (errors)
		return arena_printf(arena, "%s %s", said, one_line(arena, errors));
	return *said ? said : arena_strdup(arena, "without a message");
}

void hint_message(const char *message, struct error *err)
{
	if (strstr(message, "only root can set"))
		error_hint(err, "only root@pam itself may set that; a token or another user needs a PCI mapping instead (--mapping NAME)");
	else if (strstr(message, "quorum") || (strstr(message, "unable to open file '/etc/pve/") &&
							      strstr(message, "Permission denied")))
		error_hint(err, "without quorum /etc/pve is read-only: pvecm status");
}

static int judge_no(const struct answer *answer, const char *address, const char *identity,
		const char *method, const char *path, const json_t *body, struct error *err)
{
	const char *message = message_of(answer, body);
	long status = answer->status;
	enum error_code code = status == 401 ? ERROR_LOGIN : ERROR_API;
	bool own = strncmp(path, "/nodes/", 7) != 0; /* it is about the node that answers */
	if (status >= 595 && status <= 599)
		(void)error_set(err, ERROR_API,
				own ? "%s cannot reach the node's own pvedaemon for %s: %s"
				    : "%s cannot reach the node that %s is about: %s",
				address, path, message);
	else if (status == 401)
		(void)error_set(err, code, "%s does not accept the login%s%s: %s", address,
				identity ? " of " : "", identity ? identity : "", message);
	else if (status == 501)
		(void)error_set(err, code, "the Proxmox VE at %s does not have %s %s", address,
				method, path);
	else
		(void)error_set(err, code, "%s %s: %s (%ld)", method, path, message, status);
	if (status == 403)
		error_hint(err, "%s may not do that: see pveum user permissions",
				identity ? identity : "the user");
	else if (status == 401 && identity && strchr(identity, '!'))
		error_hint(err, "is the token still there, complete, and not expired? pveum user token list USER");
	else if (status >= 595 && status <= 599)
		error_hint(err, own ? "is pvedaemon running there? systemctl status pvedaemon"
				    : "is that node switched on and in the cluster? pvecm status");
	else
		hint_message(message, err);
	if (err)
		err->http = (int)status;
	return code;
}

int answer_judge(const struct answer *answer, const char *address, const char *identity,
		const char *method, const char *path, json_t **ret_data, struct error *err)
{
	if (answer->too_long)
		return error_set(err, ERROR_API, "the answer of %s to %s is longer than %d MiB",
				address, path, ANSWER_MAX / 1024 / 1024);
	if (answer->status >= 300 && answer->status < 400) {
		(void)error_set(err, ERROR_CONNECT, "%s sends us elsewhere: %s", address,
				answer->location ? one_line(answer->arena, answer->location)
						 : "no address given");
		error_hint(err, "Proxmox VE does not do that: give the address of a node, port 8006");
		return ERROR_CONNECT;
	}
	json_error_t error;
	json_t *body = json_loadb(text_string(&answer->body), answer->body.n, 0, &error);
	bool yes = answer->status >= 200 && answer->status < 300;
	bool html = answer->content_type && strstr(answer->content_type, "html");
	int status = 0;
	if (!yes && (body || !html)) {
		status = judge_no(answer, address, identity, method, path, body, err);
	} else if (!body && html) {
		(void)error_set(err, ERROR_CONNECT,
				"%s answers with a web page, not with JSON (%ld)", address,
				answer->status);
		error_hint(err, "is that the API of Proxmox VE? Its port is 8006");
		status = ERROR_CONNECT;
	} else if (!body) {
		status = error_set(err, ERROR_API,
				"the answer of %s to %s is broken off or no JSON: line %d: %s",
				address, path, error.line, error.text);
	} else if (!json_object_get(body, "data")) {
		status = error_set(err, ERROR_CONNECT,
				"the JSON of %s is not Proxmox VE's: it has no member data",
				address);
	}
	if (status == 0)
		*ret_data = json_incref(json_object_get(body, "data"));
	json_decref(body);
	return status;
}

void secret_free(char *secret)
{
	if (!secret)
		return;
	explicit_bzero(secret, strlen(secret));
	free(secret);
}
