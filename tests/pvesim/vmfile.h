/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVESIM_VMFILE_H
#define PVESIM_VMFILE_H

#include "tests/pvesim/sim.h"

/*
 * A VM's configuration file, read and written as PVE/QemuServer.pm does: into a hash of its
 * options with "digest", "pending", "snapshots" and "special-sections", and back, byte for byte.
 * An undefined value is a JSON null.
 */
json_t *vm_parse(struct call *call, const char *vmid, const char *text); /* warns */
char *vm_print(struct call *call, json_t *conf); /* NULL: the call has failed */

/* The file of a VM on this call's node: a new reference, or the call fails. */
json_t *vm_load(struct call *call, const char *vmid);
int vm_write(struct call *call, const char *vmid, json_t *conf);
char *vm_path(struct call *call, const char *vmid);

/* check_type(): the value as it is kept, or NULL with the reason. */
char *vm_check_option(struct call *call, const char *key, const char *value, char **ret_why);
bool vm_is_drive(const char *key);
bool vm_defined(const json_t *conf, const char *key);
/* A value of the configuration that a start would see, after pending changes: or NULL */
const char *vm_get(const json_t *conf, const char *key);

/* [PENDING] delete: keys with `!` for force, as a hash {key: force}. A new reference. */
json_t *vm_pending_deletes(struct call *call, const json_t *conf);
void vm_add_delete(struct call *call, json_t *conf, const char *key, bool force);
void vm_drop_delete(struct call *call, json_t *conf, const char *key);
/* Remove what would change nothing; true when there was such. */
bool vm_cleanup_pending(struct call *call, json_t *conf);

#endif
