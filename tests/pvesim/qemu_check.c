/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "tests/pvesim/access.h"
#include "tests/pvesim/qemu.h"
#include "tests/pvesim/vmfile.h"

int option_check_cpu_model(struct call *call, const json_t *conf)
{
	const char *value = param_get(call, "cpu");
	const char *before = vm_get(conf, "cpu");
	char *why = NULL;
	if (!value || access_is_root(call) || !pve_has(call, "9.2"))
		return 0;
	json_t *cpu = property_parse_text(
			call->arena, &call->world, cpu_schema, NULL, value, NULL, &why);
	json_t *old = before ? property_parse_text(call->arena, &call->world, cpu_schema, NULL,
					       before, NULL, &why)
			     : NULL;
	const char *type = hash_get(cpu, "cputype");
	const char *old_type = hash_get(old, "cputype");
	int status = 0;
	if (type && text_starts(type, "custom-") && (!old_type || strcmp(type, old_type) != 0))
		status = access_check(call,
				arena_printf(call->arena, "/mapping/cpu/%s",
						type + strlen("custom-")),
				"Mapping.Use");
	json_decref(cpu);
	json_decref(old);
	return status;
}

static long memory_of(struct call *call, const char *value)
{
	char *why = NULL;
	json_t *memory = property_parse_text(call->arena, &call->world, memory_schema, NULL,
			value ? value : "512", NULL, &why);
	const char *current = hash_get(memory, "current");
	long amount = current ? strtol(current, NULL, 10) : 512;
	json_decref(memory);
	return amount;
}

int option_check_balloon(struct call *call, const json_t *conf)
{
	const json_t *pending = json_object_get(conf, "pending");
	const char *memory = param_get(call, "memory");
	const char *balloon = param_get(call, "balloon");
	if (!perl_true(memory) && !balloon)
		return 0;
	if (!perl_true(memory))
		memory = perl_true(vm_get(pending, "memory")) ? vm_get(pending, "memory")
							      : vm_get(conf, "memory");
	if (!balloon)
		balloon = perl_true(vm_get(pending, "balloon")) ? vm_get(pending, "balloon")
								: vm_get(conf, "balloon");
	if (perl_true(balloon) && strtol(balloon, NULL, 10) > memory_of(call, memory))
		return die(call, "balloon value too large (must be smaller than assigned memory)");
	return 0;
}

int option_check_machine(struct call *call, const char *value)
{
	char *why = NULL;
	json_t *machine = property_parse_text(call->arena, &call->world, machine_schema, NULL,
			value ? value : "", NULL, &why);
	const char *type = hash_get(machine, "type");
	const char *viommu = hash_get(machine, "viommu");
	const char *bits = hash_get(machine, "aw-bits");
	int status = 0;
	if (viommu && strcmp(viommu, "intel") == 0 && !(type && strstr(type, "q35")))
		status = die(call, "to use Intel vIOMMU please set the machine type to q35");
	else if (viommu && strcmp(viommu, "intel") == 0 && bits && !rx_test("^0*(?:39|48)$", bits))
		status = die(call, "Intel vIOMMU supports only 39 or 48 bits as address width");
	else if (bits && !viommu)
		status = die(call, "cannot set aw-bits if no vIOMMU is configured");
	json_decref(machine);
	return status;
}

int option_check_vga(struct call *call, const char *value)
{
	struct rx rx;
	if (!value || !rx_test("(?:^|,)clipboard=vnc(?:,|$)", value) ||
			!rx_match(call->arena, "(?:^|,)(?:type=)?([^=,]+)(?:,|$)", RX_BYTES, value,
					&rx) ||
			rx_test("^(?:std|cirrus|vmware|virtio|qxl)", rx.group[1]))
		return 0;
	return die(call, "vga type %s is not compatible with VNC clipboard", rx.group[1]);
}

static int compare_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char *option_check_tags(struct call *call, const char *value)
{
	struct strings tags;
	struct strings unique = {0};
	perl_split_list(call->arena, value, &tags);
	if (tags.n)
		qsort(tags.item, tags.n, sizeof *tags.item, compare_text);
	for (size_t i = 0; i < tags.n; i++) {
		char *lower = arena_strdup(call->arena, tags.item[i]);
		for (char *c = lower; *c; c++)
			*c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
		if (!strings_has(&unique, lower))
			strings_add(call->arena, &unique, lower);
	}
	return strings_join(call->arena, &unique, ";");
}

int option_check_protection(struct call *call, const json_t *conf, const char *what)
{
	if (perl_true(vm_get(conf, "protection")))
		return die(call, "%s - protection mode enabled", what);
	return 0;
}
