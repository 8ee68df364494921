/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "tests/pvesim/qemu.h"
#include "tests/pvesim/vmfile.h"

/* cdrom is another name of ide2; drives are printed in one order (print_drive). */
int disk_prepare_params(struct call *call)
{
	if (param_given(call, "cdrom")) {
		if (param_given(call, "ide2"))
			return fail_param(call, "cdrom", "conflicts with ide2");
		const char *value = param_take(call, "cdrom");
		hash_set(call->params, "ide2",
				strstr(value, "media=cdrom")
						? value
						: arena_printf(call->arena, "%s,media=cdrom",
								  value));
	}
	struct strings keys;
	perl_keys(call->arena, call->params, &keys);
	for (size_t i = 0; i < keys.n; i++) {
		const char *value = param_get(call, keys.item[i]);
		char *why = NULL;
		if (!value || !vm_is_drive(keys.item[i]))
			continue;
		json_t *drive = property_parse_text(
				call->arena, &call->world, drive_schema, NULL, value, NULL, &why);
		if (!drive)
			return fail_param(call, keys.item[i], "unable to parse drive options");
		const char *file = arena_strdup(call->arena, hash_get(drive, "file"));
		if (!rx_test("^(?:cdrom$|none$|/dev/.+|[^:]+:.+|\\d+$)", file)) {
			json_decref(drive);
			return fail_param(call, keys.item[i],
					"unable to associate path '%s' to any storage", file);
		}
		if (!hash_get(drive, "media") && rx_test("^(?:cdrom|none)$", file))
			hash_set(drive, "media", "cdrom");
		hash_set(call->params, keys.item[i],
				property_print(call->arena, drive_schema, drive));
		json_decref(drive);
	}
	return 0;
}

/* The first free vm-ID-disk-N, looking at what the VM and the call name. */
static int next_disk(struct call *call, const char *vmid)
{
	char *text = state_read(call->sim, call->arena, vm_path(call, vmid));
	int n = 0;
	while (text && strstr(text, arena_printf(call->arena, "vm-%s-disk-%d", vmid, n)))
		n++;
	return n;
}

char *disk_create(struct call *call, const char *vmid, const char *key, const char *value)
{
	struct rx rx;
	if (!rx_match(call->arena, "^([^,:]+):(\\d+(?:\\.\\d+)?|cloudinit)((?:,.*)?)$", RX_BYTES,
			    value, &rx))
		return arena_strdup(call->arena, value);
	if (strcmp(rx.group[2], "cloudinit") == 0)
		return arena_printf(call->arena, "%s:vm-%s-cloudinit%s%s", rx.group[1], vmid,
				rx.group[3],
				strstr(rx.group[3], "media=cdrom") ? "" : ",media=cdrom");
	const char *size = strcmp(key, "efidisk0") == 0
					   ? (strstr(rx.group[3], "efitype=4m") ? "4M" : "528K")
			   : strcmp(key, "tpmstate0") == 0
					   ? "4M"
					   : arena_printf(call->arena, "%sG", rx.group[2]);
	char *text = arena_printf(call->arena, "%s:vm-%s-disk-%d%s,size=%s", rx.group[1], vmid,
			next_disk(call, vmid), rx.group[3], size);
	char *why = NULL;
	json_t *drive = property_parse_text(
			call->arena, &call->world, drive_schema, NULL, text, NULL, &why);
	if (!drive) {
		die(call, "%s", why);
		return NULL;
	}
	text = property_print(call->arena, drive_schema, drive);
	json_decref(drive);
	output(call, "%s: successfully created disk '%s'", key, text);
	return text;
}

char *net_complete(struct call *call, const char *vmid, const char *key, const char *value)
{
	char *why = NULL;
	json_t *net = property_parse_text(
			call->arena, &call->world, net_schema, NULL, value, NULL, &why);
	if (!net) {
		die(call, "%s", why);
		return NULL;
	}
	const char *mac = hash_get(net, "macaddr");
	if (!mac)
		mac = arena_printf(call->arena, "BC:24:11:%02lX:%02lX:%02lX",
				strtoul(vmid, NULL, 10) / 256 % 256, strtoul(vmid, NULL, 10) % 256,
				strtoul(key + 3, NULL, 10) % 256);
	struct text text = {0};
	text_addf(&text, "%s=%s", hash_get(net, "model"), mac);
	struct strings keys;
	perl_keys(call->arena, net, &keys);
	for (size_t i = 0; i < keys.n; i++)
		if (strcmp(keys.item[i], "model") != 0 && strcmp(keys.item[i], "macaddr") != 0)
			text_addf(&text, ",%s=%s", keys.item[i], hash_get(net, keys.item[i]));
	json_decref(net);
	return text_take(&text, call->arena);
}
