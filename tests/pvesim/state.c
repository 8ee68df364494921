/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pvegpu/base/hash.h"
#include "tests/pvesim/sim.h"

static char *file_read(const char *path, struct arena *arena, size_t *ret_n)
{
	FILE *file = fopen(path, "re");
	if (!file)
		return NULL;
	struct text text = {0};
	char part[16384];
	size_t n = 0;
	while ((n = fread(part, 1, sizeof part, file)) > 0)
		text_add_bytes(&text, part, n);
	(void)fclose(file);
	*ret_n = text.n;
	return text_take(&text, arena);
}

char *state_read(const struct sim *sim, struct arena *arena, const char *path)
{
	if (!sim->dir) {
		/* In memory a file is kept as it is used: a character for each byte. */
		return arena_strdup(arena, hash_get(sim->memory, path));
	}
	size_t n = 0;
	char *bytes = file_read(arena_printf(arena, "%s/%s", sim->dir, path), arena, &n);
	return bytes ? perl_from_bytes(arena, bytes, n) : NULL;
}

static int file_write(const char *path, const char *bytes, size_t n)
{
	char temporary[4200];
	(void)snprintf(temporary, sizeof temporary, "%s.tmp.%ld", path, (long)getpid());
	for (char *slash = strchr(temporary + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(temporary, 0755);
		*slash = '/';
	}
	FILE *file = fopen(temporary, "we");
	if (!file)
		return -1;
	bool written = n == 0 || fwrite(bytes, 1, n, file) == n;
	if (fclose(file) != 0 || !written || rename(temporary, path) != 0) {
		(void)unlink(temporary);
		return -1;
	}
	return 0;
}

static int write_bytes(const struct sim *sim, const char *path, const char *bytes, size_t n)
{
	struct arena *arena = arena_new();
	int status = 0;
	if (sim->dir)
		status = file_write(arena_printf(arena, "%s/%s", sim->dir, path), bytes, n);
	else
		hash_set(sim->memory, path, perl_from_bytes(arena, bytes, n));
	arena_free(arena);
	return status;
}

int state_write(struct call *call, const char *path, const char *text)
{
	if (!has_quorum(call->sim)) /* /etc/pve is read-only then */
		return die(call, "unable to open file '/etc/pve/%s.tmp.%ld' - Permission denied",
				path, (long)getpid());
	size_t n = 0;
	char *bytes = perl_to_bytes(call->arena, text, &n);
	if (write_bytes(call->sim, path, bytes, n) < 0)
		return die(call, "unable to write '%s' - %s", path, strerror(errno));
	return 0;
}

static void list_memory(const struct sim *sim, struct arena *arena, const char *path,
		struct strings *ret_names)
{
	size_t n = strlen(path);
	struct strings keys;
	perl_keys(arena, sim->memory, &keys);
	for (size_t i = 0; i < keys.n; i++) {
		const char *key = keys.item[i];
		if (strncmp(key, path, n) != 0 || key[n] != '/')
			continue;
		char *name = arena_strndup(arena, key + n + 1, strcspn(key + n + 1, "/"));
		if (!strings_has(ret_names, name))
			strings_add(arena, ret_names, name);
	}
}

void state_list(const struct sim *sim, struct arena *arena, const char *path,
		struct strings *ret_names)
{
	*ret_names = (struct strings){0};
	if (!sim->dir) {
		list_memory(sim, arena, path, ret_names);
		return;
	}
	DIR *directory = opendir(arena_printf(arena, "%s/%s", sim->dir, path));
	if (!directory)
		return;
	struct dirent *entry = NULL;
	while ((entry = readdir(directory)))
		if (entry->d_name[0] != '.')
			strings_add(arena, ret_names, entry->d_name);
	(void)closedir(directory);
	strings_sort(ret_names);
}

bool state_exists(const struct sim *sim, const char *path)
{
	struct arena *arena = arena_new();
	bool exists = sim->dir ? access(arena_printf(arena, "%s/%s", sim->dir, path), F_OK) == 0
			       : hash_get(sim->memory, path) != NULL;
	arena_free(arena);
	return exists;
}

json_t *state_json(const struct sim *sim, struct arena *arena, const char *path)
{
	char *text = state_read(sim, arena, path);
	if (!text)
		return NULL;
	size_t n = 0;
	char *bytes = perl_to_bytes(arena, text, &n);
	json_error_t error;
	json_t *value = json_loadb(bytes, n, 0, &error);
	if (!value)
		(void)fprintf(stderr, "pvesim: %s, line %d: %s\n", path, error.line, error.text);
	return value;
}

void state_write_json(const struct sim *sim, const char *path, const json_t *value)
{
	char *text = json_dumps(value, JSON_INDENT(1) | JSON_SORT_KEYS | JSON_ENCODE_ANY);
	if (!text)
		abort();
	(void)write_bytes(sim, path, text, strlen(text));
	free(text);
}

void state_load(struct sim *sim, struct arena *arena)
{
	json_t *settings = state_json(sim, arena, "pvesim.json");
	if (settings || !sim->settings) {
		json_decref(sim->settings);
		sim->settings = settings ? settings : json_object();
	}
}

const char *state_digest(struct call *call, const char *path)
{
	char *text = state_read(call->sim, call->arena, path);
	size_t n = 0;
	char *bytes = perl_to_bytes(call->arena, text ? text : "", &n);
	char *hex = arena_alloc(call->arena, SHA1_HEX);
	hash_sha1(bytes, n, hex);
	return hex;
}

bool state_was_parsed(struct sim *sim, const char *path, const char *digest)
{
	const char *before = hash_get(sim->parsed, path);
	bool same = before && strcmp(before, digest) == 0;
	if (!same)
		hash_set(sim->parsed, path, digest);
	return same;
}
