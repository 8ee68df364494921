/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/pvesim/sim.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int fail_with(struct call *call, int code, const char *message)
{
	if (!call->code) {
		call->code = code;
		call->message = message;
	}
	return -1;
}

int fail(struct call *call, int code, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	char *message = arena_vprintf(call->arena, format, args);
	va_end(args);
	return fail_with(call, code, message);
}

int fail_param(struct call *call, const char *param, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	char *message = arena_vprintf(call->arena, format, args);
	va_end(args);
	if (!call->code || call->errors) {
		if (!call->errors)
			call->errors = json_object();
		hash_set(call->errors, param, message);
	}
	return fail_with(call, 400, "Parameter verification failed.");
}

void warn(struct call *call, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	strings_add(call->arena, &call->warnings, arena_vprintf(call->arena, format, args));
	va_end(args);
}

void output(struct call *call, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	strings_add(call->arena, &call->output, arena_vprintf(call->arena, format, args));
	va_end(args);
}

const char *param_get(const struct call *call, const char *key)
{
	return perl_scalar(call->arena, json_object_get(call->params, key));
}

bool param_true(const struct call *call, const char *key)
{
	return perl_true(param_get(call, key));
}

bool param_given(const struct call *call, const char *key)
{
	json_t *value = json_object_get(call->params, key);
	return value && !json_is_null(value);
}

const char *param_take(struct call *call, const char *key)
{
	const char *value = param_get(call, key);
	json_object_del(call->params, key);
	return value;
}

const char *setting(const struct sim *sim, const char *key, const char *missing)
{
	const char *value = hash_get(sim->settings, key);
	return value ? value : missing;
}

long setting_number(const struct sim *sim, const char *key, long missing)
{
	json_t *value = json_object_get(sim->settings, key);
	return json_is_number(value) ? (long)json_number_value(value) : missing;
}

json_t *setting_node(const struct sim *sim, const char *node)
{
	return json_object_get(json_object_get(sim->settings, "nodes"), node);
}

bool setting_true(const json_t *object, const char *key, bool missing)
{
	json_t *value = json_object_get(object, key);
	if (json_is_boolean(value))
		return json_is_true(value);
	return json_is_number(value) ? json_number_value(value) != 0.0 : missing;
}

bool has_quorum(const struct sim *sim)
{
	return !sim->no_quorum && setting_true(sim->settings, "quorate", true);
}

const char *pve_version(const struct sim *sim)
{
	return setting(sim, "version", "9.2.11");
}

bool pve_has(const struct call *call, const char *version)
{
	return version_at_least(call->world.version, version);
}

bool pve_has_either(const struct call *call, const char *in_8, const char *in_9)
{
	return pve_has(call, in_9) || (pve_has(call, in_8) && !pve_has(call, "9"));
}

int64_t now_ms(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
