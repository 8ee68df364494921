/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_PVE_CLIENT_H
#define PVEGPU_PVE_CLIENT_H

#include <jansson.h>
#include <stdbool.h>

#include "pvegpu/base/process.h"

/*
 * The API of Proxmox VE. One set of endpoint functions over a transport: `pvesh` run as root on
 * the node itself; HTTPS would be a second transport behind the same structure.
 */
struct pve_param {
	char *key;
	char *value; /* NULL: not set (only where a list says what was) */
};

/* How a call gets there. `params` is a list of struct pve_param. Lines that the call prints while
 * it runs go to `line`. On success `ret_data` is what the API returned (the caller's reference,
 * JSON null where there is nothing). */
struct pve_transport {
	const char *name; /* "pvesh" */
	int (*call)(void *self, const char *method, const char *path, const struct list *params,
			process_line *line, void *user, json_t **ret_data, struct error *err);
	void (*close)(void *self);
};

struct pve_client {
	const struct pve_transport *transport;
	void *self;
	process_line *line; /* may be NULL: output of calls and tasks, as it comes */
	void *user;
};

/* The local transport: runs pvesh of this root (see process.h). `root` is lent. */
int pve_open_local(const struct root *root, struct pve_client **ret_client, struct error *err);
void pve_close(struct pve_client *client); /* NULL is fine */

/* One call. ERROR_API carries what Proxmox VE said. */
int pve_call(struct pve_client *client, const char *method, const char *path,
		const struct list *params, json_t **ret_data, struct error *err);

/* The VM's configuration as it is now, without what is pending (`current=1`); it has a member
 * `digest`. The caller owns the reference. */
int pve_vm_config(struct pve_client *client, const char *node, unsigned vmid, json_t **ret_config,
		struct error *err);
/* A member of a configuration as text, whatever its JSON type; NULL when it is not there. */
char *pve_config_text(struct arena *arena, const json_t *config, const char *key);

/* A call that starts a task: waits until it has ended and judges its exitstatus. pvesh exits 0
 * when a task fails (PVE/RESTHandler.pm, fork_worker in scalar context), so the status is asked
 * for. ERROR_API with the task's own text when it did not end well. */
int pve_task(struct pve_client *client, const char *node, const char *path,
		const struct list *params, int timeout_s, struct error *err);

#endif
