/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVESIM_QEMU_H
#define PVESIM_QEMU_H

#include "tests/pvesim/sim.h"

/* qemu_config.c: PUT and POST …/config, and what a start or a stop does with [PENDING]. */
int config_update(struct call *call, bool synchronous);
int config_update_work(struct call *call); /* what runs in the task of a POST */
/* vmconfig_apply_pending() for a VM that does not run; writes the file. */
int config_hotplug(struct call *call, const char *vmid, json_t *conf,
		const struct strings *selection); /* for one that runs: qemu_hotplug.c */
int config_apply_pending(struct call *call, const char *vmid, json_t *conf);

/* qemu_check.c: values that are looked at by code rather than by a schema. */
int option_check_cpu_model(struct call *call, const json_t *conf);
int option_check_balloon(struct call *call, const json_t *conf);
int option_check_machine(struct call *call, const char *value);
int option_check_vga(struct call *call, const char *value);
int option_check_protection(struct call *call, const json_t *conf, const char *what);
char *option_check_tags(struct call *call, const char *value); /* sorted, each once */

/* qemu_perm.c: who may set what, and values that are checked by code. */
int perm_check_keys(struct call *call, const char *vmid, const struct strings *keys);
int perm_check_hostpci(struct call *call, const char *vmid, const char *key, const char *value);
int perm_check_usb(struct call *call, const char *vmid, const char *key, const char *value);
int perm_check_rng(struct call *call, const char *vmid, const char *value);
int perm_check_dir(struct call *call, const char *vmid, const char *value);
int perm_check_drive(struct call *call, const char *vmid, const char *key, const char *value);
int perm_check_storage(struct call *call, const char *vmid);
int perm_check_bridges(struct call *call, const char *key, const char *value);

/* qemu_disk.c: `storage:SIZE` makes a volume; others are taken as they stand. */
int disk_prepare_params(struct call *call);
char *disk_create(struct call *call, const char *vmid, const char *key, const char *value);
/* net0 without an address gets one. */
char *net_complete(struct call *call, const char *vmid, const char *key, const char *value);

/* qemu_status.c: which VMs run, and what starting and stopping them does. */
json_t *running_load(struct call *call); /* {vmid: {node, pid, …}}; a new reference */
bool vm_is_running(struct call *call, const char *vmid);
int work_start(struct call *call);
int work_stop(struct call *call);
int work_shutdown(struct call *call);
int work_reboot(struct call *call);
int work_ha(struct call *call);
/* calls_ha.c: what HA is asked for, written into its resources. */
int ha_request(struct call *call, const char *vmid, const char *state);

/* tasks.c: the workers. Their parameters are kept with them. */
const char *task_start(struct call *call, const char *type, const char *id, json_t *params,
		long delay_ms); /* the UPID; `params` is taken over */
void tasks_advance(struct sim *sim);
/* The record of a task: a borrowed reference, or the call fails. */
json_t *task_find(struct call *call, const char *upid);
json_t *task_status(const json_t *task);                      /* a new object as the API shows it */
const char *task_result(struct call *call, const char *upid); /* exit status, NULL: running */

#endif
