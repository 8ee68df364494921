/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_FORMATS_VM_OPTION_H
#define PVEGPU_FORMATS_VM_OPTION_H

#include <stdbool.h>

#include "pvegpu/base/arena.h"

/*
 * The options of a VM and what Proxmox VE takes as their values in a configuration file
 * (PVE/QemuServer.pm, $confdesc and check_type; PVE/JSONSchema.pm). Of what stands alone only type
 * and format are checked there, not words, bounds or patterns: `bios: uefi` is taken; inside a
 * "key=value,…" all of it is checked. The set is that of Proxmox VE 9.2.
 */
bool vm_option_exists(const char *key);
/* Its name, which lives as long as the program, where it stands without a number; "" where it has
 * one; NULL: no option. */
const char *vm_option_name(const char *key);

/*
 * The value as it is kept (a boolean as 0 or 1, a number without zeros in front, a text without
 * quotes around it), or NULL when the line is dropped: *ret_why then says why in a phrase that
 * follows the key, and holds no part of the value. A custom CPU model is taken to exist.
 */
const char *vm_option_value(
		struct arena *arena, const char *key, const char *value, const char **ret_why);

/* ide0 … tpmstate0: an option that names a volume. */
bool vm_option_is_drive(const char *key);
/* The volume of a drive or of an unused one, or NULL. */
const char *vm_option_volume(struct arena *arena, const char *value);

#endif
