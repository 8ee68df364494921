/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_FORMATS_VM_SECRET_H
#define PVEGPU_FORMATS_VM_SECRET_H

#include <stdbool.h>

#include "pvegpu/base/arena.h"

/*
 * The one filter that a VM's configuration passes before it leaves the program: to a screen, a
 * report, a saved plan, the journal. Secret are the cloud-init password and keys, passwords inside
 * other values (args, addresses), and what cannot be told to be none: notes, options that Proxmox
 * VE does not know and lines that are none. In args the values of options that are known to be
 * harmless are shown. Calls and digests are made from the real text.
 */
#define VM_SECRET_MASK "**********" /* as the API shows a cloud-init password */

/* An option whose whole value is secret. pvegpu never sets one. */
bool vm_secret_key(const char *key);

/* The value of an option as it may be shown; the value itself where nothing in it is secret. */
const char *vm_secret_value(struct arena *arena, const char *key, const char *value);

/* A unified diff of configuration files as it may be shown. What is masked is still seen to differ;
 * masking twice changes nothing. NULL gives NULL. */
char *vm_secret_diff(struct arena *arena, const char *diff);

#endif
