/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "pvegpu/base/hash.h"
#include "pvegpu/facts/guests.h"
#include "pvegpu/formats/property_string.h"

/* What a VM's settings amount to. */

const char *vm_get(const struct vm *vm, const char *key)
{
	return vm_conf_get(&vm->conf.current, key);
}

bool vm_key_is_removed(const struct vm *vm, const char *key)
{
	static const char between[] = " ,;!"; /* ! is a removal by force */
	const char *at = vm_conf_get(&vm->conf.pending, "delete");
	while (at && *(at += strspn(at, between))) {
		size_t n = strcspn(at, between);
		if (n == strlen(key) && strncmp(at, key, n) == 0)
			return true;
		at += n;
	}
	return false;
}

const char *vm_digest(const struct vm *vm, struct arena *arena)
{
	char digest[SHA1_HEX];
	if (vm->digest)
		return vm->digest;
	hash_sha1(vm->text, vm->size, digest);
	return arena_strdup(arena, digest);
}

const char *vm_get_next(const struct vm *vm, const char *key)
{
	const char *pending = vm_conf_get(&vm->conf.pending, key);
	if (pending)
		return pending;
	return vm_key_is_removed(vm, key) ? NULL : vm_get(vm, key);
}

struct list vm_next_lines(const struct vm *vm, struct arena *arena)
{
	struct list lines = {0};
	for (size_t e = 0; e < vm->hostpci.n; e++) {
		struct vm_hostpci *entry = vm->hostpci.item[e];
		if (!vm_conf_get(&vm->conf.pending, entry->key) &&
				!vm_key_is_removed(vm, entry->key))
			list_add(arena, &lines, entry);
	}
	for (size_t e = 0; e < vm->pending.n; e++)
		list_add(arena, &lines, vm->pending.item[e]);
	return lines;
}

bool vm_is_windows(const struct vm *vm)
{
	const char *type = vm_get_next(vm, "ostype");
	return type && type[0] == 'w'; /* PVE/QemuServer/Helpers.pm, windows_version */
}

bool vm_value_is_q35(const char *machine)
{
	return machine && strstr(machine, "q35");
}

/* The type in `cpu: host,flags=+aes`: the default key cputype. */
bool vm_value_is_ovmf(const char *bios)
{
	return bios && strcmp(bios, "ovmf") == 0;
}

bool vm_value_is_cpu_host(const char *cpu)
{
	struct arena *arena = arena_new();
	struct property_string parsed;
	const char *type = cpu && property_string_parse(arena, cpu, "cputype", &parsed, NULL) == 0
					   ? property_get(&parsed, "cputype")
					   : NULL;
	bool is = type && strcmp(type, "host") == 0;
	arena_free(arena);
	return is;
}

bool vm_value_is_off(const char *value)
{
	return value && property_is_bool(value) && strcmp(value, "0") == 0;
}

bool vm_value_is_on(const char *value)
{
	return value && property_is_bool(value) && strcmp(value, "0") != 0;
}

bool vm_starts_at_boot(const struct vm *vm)
{
	return vm_value_is_on(vm_conf_get(&vm->conf.current, "onboot"));
}
