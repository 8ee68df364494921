/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_PVE_CLIENT_H
#define PVEGPU_PVE_CLIENT_H

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "pvegpu/base/process.h"

/*
 * The API of Proxmox VE: one set of endpoint functions over two transports, `pvesh` run as root on
 * the node itself, and HTTPS from anywhere (login.h).
 *
 * A client may be used by several threads: one call is made at a time.
 */
struct pve_param {
	char *key;
	char *value; /* NULL: not set (only where a list says what was) */
};

/* Add a copy to a list of struct pve_param; a key that comes twice is an array. */
void pve_param_add(struct arena *arena, struct list *params, const char *key, const char *value);
/* The value of the first one with that key, or NULL. */
const char *pve_param_get(const struct list *params, const char *key);

/* How a call gets there. `params` is a list of struct pve_param. Lines that the call prints while
 * it runs go to `line`. On success `ret_data` is what the API returned (the caller's reference,
 * JSON null where there is nothing). Of an answer that says no, err->http is the status. */
struct pve_transport {
	const char *name;     /* "pvesh", "https" */
	bool waits_for_tasks; /* a call comes back when its task has ended, its log printed */
	int (*call)(void *self, const char *method, const char *path, const struct list *params,
			process_line *line, void *user, json_t **ret_data, struct error *err);
	/* Where calls are commands: what those that change something run under (process.h); lent,
	 * NULL ends it. NULL as function where they are none. */
	void (*keep)(void *self, const struct process_keep *keep);
	void (*close)(void *self);
};

struct pve_client {
	const struct pve_transport *transport;
	void *self;
	char *identity;     /* root@pam, automation@pve!tofu */
	char *address;      /* "pve1.example.org:8006", or "" for this node */
	char *via;          /* the proxy between, for people; or NULL */
	process_line *line; /* may be NULL: output of calls and tasks, as it comes */
	void *user;
	/* May be NULL: set by another thread (a key was pressed) to give up waiting. What changes
	 * something is never cut off. */
	atomic_bool *cancel;
	pthread_mutex_t lock; /* of a call */
};

/* The local transport: runs pvesh of this root (see process.h). `root` is lent. */
int pve_open_local(const struct root *root, struct pve_client **ret_client, struct error *err);
void pve_close(struct pve_client *client); /* NULL is fine */
/* Calls that change something run under this from now on; lent, NULL ends it. */
void pve_keep(struct pve_client *client, const struct process_keep *keep);
/* For the transports: a client of theirs, with copies of the texts. */
struct pve_client *pve_client_new(const struct pve_transport *transport, void *self,
		const char *identity, const char *address);

/* Exactly root@pam, by password or on the console: no token is, not even one of root@pam
 * (PVE/API2/Qemu.pm, check_hostpci_perm: $authuser eq 'root@pam'). */
bool pve_is_root(const struct pve_client *client);

/* One call. ERROR_API carries what Proxmox VE said, and of a change that we may not make the line
 * that would allow it (rights.h); ERROR_LOGIN, ERROR_CONNECT and ERROR_TRUST say
 * that it never came to that. */
int pve_call(struct pve_client *client, const char *method, const char *path,
		const struct list *params, json_t **ret_data, struct error *err);
/* GET without parameters, the path by printf rules. */
int pve_get(struct pve_client *client, json_t **ret_data, struct error *err, const char *format,
		...) __attribute__((format(printf, 4, 5)));

/* The VM's configuration as it is now, without what is pending (`current=1`); it has a member
 * `digest`. The caller owns the reference. */
int pve_vm_config(struct pve_client *client, const char *node, unsigned vmid, json_t **ret_config,
		struct error *err);
/* What counts after the next stop and start, of GET …/pending: each key with the value that waits,
 * without it the one it has now, and not where its removal waits (PVE/GuestHelpers.pm,
 * config_with_pending_array). The caller owns the reference. */
int pve_vm_next_config(struct pve_client *client, const char *node, unsigned vmid,
		json_t **ret_config, struct error *err);
/* status/current: an object with `status` and, where it is managed, `ha`. */
int pve_vm_status(struct pve_client *client, const char *node, unsigned vmid, json_t **ret_status,
		struct error *err);
/* A member of a configuration as text, whatever its JSON type; NULL when it is not there. */
char *pve_config_text(struct arena *arena, const json_t *config, const char *key);

/* VMs and containers of every node, as far as they may be seen; a list that is some seconds old
 * (GET /cluster/resources?type=vm). */
int pve_cluster_vms(struct pve_client *client, json_t **ret_vms, struct error *err);

/* The mapping of that name as the API has it, with `digest`; JSON null when there is none. */
int pve_mapping(struct pve_client *client, const char *name, json_t **ret_mapping,
		struct error *err);

/* A call that starts a task: its log is handed on line by line, and its exitstatus is judged when
 * it has ended. pvesh exits 0 when a task fails (PVE/RESTHandler.pm, fork_worker in scalar
 * context), so the status is asked for. ERROR_API with the task's own text when it did not end
 * well; ERROR_STOPPED when `cancel` ended the waiting, not the task. */
int pve_task(struct pve_client *client, const char *node, const char *path,
		const struct list *params, int timeout_s, struct error *err);

/* After a task of a VM: wait until it is running, or is not. Of a VM under high availability the
 * task only asks for that (`hastart`, `hastop`), and the cluster does it later. */
int pve_wait_running(struct pve_client *client, const char *node, unsigned vmid, bool running,
		int timeout_s, struct error *err);

#endif
