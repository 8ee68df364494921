/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/pve/login.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/pve/internal.h"
#include "pvegpu/base/json.h"
#include "pvegpu/base/text.h"

enum { PORT = 8006 };

static int bad_url(const char *url, const char *why, struct error *err)
{
	(void)error_set(err, ERROR_USAGE, "'%s' is no address of Proxmox VE's API: %s", url, why);
	error_hint(err, "write it as https://pve1.example.org:8006");
	return ERROR_USAGE;
}

/* Cut the port off, and the brackets of an IPv6 address; why it cannot be done, or NULL. */
static const char *split_port(char **host, char **ret_port)
{
	char *text = *host;
	if (text[0] == '[') {
		char *close = strchr(text, ']');
		if (!close || (close[1] && close[1] != ':'))
			return "the ] is missing";
		*ret_port = close[1] ? close + 2 : NULL;
		*close = '\0';
		*host = text + 1;
		return NULL;
	}
	char *colon = strchr(text, ':');
	if (colon && strchr(colon + 1, ':'))
		return "an IPv6 address stands in [ ]";
	*ret_port = colon ? colon + 1 : NULL;
	if (colon)
		*colon = '\0';
	return NULL;
}

int pve_parse_url(struct arena *arena, const char *url, char **ret_host, int *ret_port,
		struct error *err)
{
	const char *at = url;
	if (text_starts(at, "http://"))
		return bad_url(url, "it is https, never http", err);
	if (text_starts(at, "https://"))
		at += strlen("https://");
	if (strstr(at, "://"))
		return bad_url(url, "it is https", err);
	size_t n = strcspn(at, "/");
	const char *path = at + n;
	if (strcmp(path, "") != 0 && strcmp(path, "/") != 0 && strcmp(path, "/api2/json") != 0 &&
			strcmp(path, "/api2/json/") != 0)
		return bad_url(url, "there is a path in it", err);
	char *host = arena_strndup(arena, at, n);
	if (strchr(host, '@'))
		return bad_url("...", "a user or password does not belong into it", err);
	char *port = NULL;
	const char *why = split_port(&host, &port);
	if (why)
		return bad_url(url, why, err);
	unsigned long number = PORT;
	if (port && (!text_to_ulong(port, 10, 65535, &number) || !number))
		return bad_url(url, "its port is no number from 1 to 65535", err);
	bool v6 = strchr(host, ':') != NULL;
	for (const char *c = host; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr(v6 ? ":.%-" : "-._", *c))
			return bad_url(url, "that is no host name", err);
	if (!*host)
		return bad_url(url, "there is no host in it", err);
	*ret_host = host;
	*ret_port = (int)number;
	return 0;
}

char *pve_parse_token(struct arena *arena, const char *text)
{
	static const char prefix[] = "PVEAPIToken=";
	char *token = text_trim(arena, text, strlen(text));
	/* As a header line, too. */
	if (text_starts(token, "Authorization: "))
		token += strlen("Authorization: ");
	if (text_starts(token, prefix))
		token += sizeof prefix - 1;
	const char *at = strchr(token, '@');
	const char *mark = strchr(token, '!');
	const char *equals = strchr(token, '=');
	bool fine = at && mark && equals && at > token && mark > at + 1 && equals > mark + 1 &&
		    equals[1];
	for (const char *c = token; fine && *c; c++)
		fine = *c > ' ' && *c < 127 && *c != ';';
	return fine ? token : NULL;
}

int pve_token_file(struct arena *arena, const char *path, char **ret_token, struct error *err)
{
	struct stat status;
	if (stat(path, &status) < 0)
		return error_set_errno(err, errno, "cannot read the token file '%s'", path);
	if (S_ISREG(status.st_mode) && (status.st_mode & 077)) {
		(void)error_set(err, ERROR_REFUSED, "the token file '%s' can be read by others",
				path);
		error_hint(err, "chmod 600 %s; and if others may have read it, make a new token",
				path);
		return ERROR_REFUSED;
	}
	char *text = NULL;
	int result = root_read_own(path, arena, &text, err);
	if (result < 0)
		return result;
	char *token = pve_parse_token(arena, text);
	if (!token) {
		(void)error_set(err, ERROR_PARSE, "'%s', line 1: that is no API token", path);
		error_hint(err, "one line: USER@REALM!ID=SECRET, as pveum user token add prints it");
		return ERROR_PARSE;
	}
	*ret_token = token;
	return 0;
}

int pve_profile_load(struct arena *arena, const char *home, const char *config_home,
		const char *host, int port, struct pve_profile *ret_profile, struct error *err)
{
	struct pve_profile profile = {0};
	*ret_profile = profile;
	if (!config_home && !home)
		return 0;
	char *name = arena_printf(arena, "%s_%d.json", host, port);
	for (char *c = name; *c; c++)
		if (*c == '/' || *c == '%')
			*c = '_';
	profile.path = config_home && *config_home
				       ? arena_printf(arena, "%s/pvegpu/%s", config_home, name)
				       : arena_printf(arena, "%s/.config/pvegpu/%s", home, name);
	char *text = NULL;
	struct error error = {0};
	int status = root_read_own(profile.path, arena, &text, &error);
	if (status < 0 && error.sys_errno != ENOENT) {
		if (err)
			*err = error;
		return status;
	}
	json_error_t json_error;
	json_t *json = text ? json_loads(text, 0, &json_error) : NULL;
	if (text && !json_is_object(json)) {
		json_decref(json);
		return error_set(err, ERROR_PARSE, "%s, line %d: %s", profile.path,
				json ? 1 : json_error.line, json ? "no object" : json_error.text);
	}
	const struct {
		const char *name;
		char **to;
	} members[] = {{"user", &profile.user}, {"token_file", &profile.token_file},
			{"fingerprint", &profile.fingerprint}, {"node", &profile.node}};
	for (size_t i = 0; i < sizeof members / sizeof *members; i++)
		*members[i].to = arena_strdup(
				arena, json_string_value(json_object_get(json, members[i].name)));
	json_decref(json);
	*ret_profile = profile;
	return 0;
}

int pve_profile_save(const struct pve_profile *profile, struct error *err)
{
	if (!profile->path)
		return 0;
	json_t *json = json_pack("{s:o, s:o, s:o, s:o}", "user", json_text(profile->user),
			"token_file", json_text(profile->token_file), "fingerprint",
			json_text(profile->fingerprint), "node", json_text(profile->node));
	char *text = json_dumps(json, JSON_INDENT(2));
	json_decref(json);
	if (!text)
		return error_set(err, ERROR_IO, "cannot write '%s'", profile->path);
	struct text line = {0};
	text_addf(&line, "%s\n", text);
	free(text);
	int status = root_write_own(profile->path, text_string(&line), err);
	text_free(&line);
	return status;
}
