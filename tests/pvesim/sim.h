/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVESIM_SIM_H
#define PVESIM_SIM_H

#include <pthread.h>
#include <stdint.h>

#include "tests/pvesim/schema.h"

/*
 * One simulated cluster. Its state is files in the shape of /etc/pve plus pvesim.json (see
 * README.md), read afresh for each call, so a test may look at them and edit them at any time.
 * In --batch mode the files are in memory. Everything runs under `lock`.
 */
struct sim {
	pthread_mutex_t lock;
	const char *dir;          /* NULL: `memory` */
	const char *certificates; /* its directory; NULL: none */
	json_t *memory;           /* {path: text} */
	json_t *settings;         /* pvesim.json as it was read for this call */
	json_t *tickets;          /* {text: {user, csrf, made, uses, challenge}} */
	json_t *tasks;            /* {upid: {…}}, see tasks.c */
	json_t *fault_uses;
	json_t *parsed;    /* {path: digest}: what was warned of once */
	json_t *ha_errors; /* {vmid: true}: what HA has given up */
	json_t *totp_used; /* {user: last time step that was accepted} */
	unsigned long serial;
	bool no_quorum; /* for this request: a fault */
	bool batch;     /* pins what would differ from run to run */
};

/* One call of the API: what came in, what goes out. */
struct call {
	struct sim *sim;
	struct arena *arena;
	struct schema_world world;
	const char *method;
	const char *path;    /* without /api2/json */
	const char *user;    /* "root@pam", "a@pve!token", or NULL */
	const char *node;    /* the node that acts; the local one where the path names none */
	json_t *params;      /* with what the path held */
	json_t *user_cfg;    /* access.c */
	json_t *result;      /* NULL: null */
	json_t *more;        /* what stands beside data: total, changes */
	int code;            /* 0 until something failed */
	const char *message; /* why it failed */
	json_t *errors;      /* for a 400 */
	const char *stage;   /* where it ended: body find uri user perm schema code done */
	bool handed_on;      /* pveproxy let pvedaemon or another node answer */
	struct strings warnings;
	struct strings output;  /* what a task would print */
	const char *task_error; /* a task that was started and failed at once (--batch) */
};

/* Fail the call, unless it has failed already; always -1. The second form with `errors`. */
int fail(struct call *call, int code, const char *format, ...)
		__attribute__((format(printf, 3, 4)));
int fail_param(struct call *call, const char *param, const char *format, ...)
		__attribute__((format(printf, 3, 4)));
#define die(call_, ...) fail(call_, 500, __VA_ARGS__)
void warn(struct call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));
void output(struct call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));

const char *param_get(const struct call *call, const char *key); /* a scalar as text, or NULL */
bool param_true(const struct call *call, const char *key);
bool param_given(const struct call *call, const char *key);
/* Take a parameter out (extract_param): its text or NULL. */
const char *param_take(struct call *call, const char *key);

/* state.c: files of the cluster. NULL when there is none. Text as perl_from_bytes(). */
char *state_read(const struct sim *sim, struct arena *arena, const char *path);
int state_write(struct call *call, const char *path, const char *text);
void state_list(const struct sim *sim, struct arena *arena, const char *path,
		struct strings *ret_names);
bool state_exists(const struct sim *sim, const char *path);
/* A file that is JSON; a new reference, NULL when absent or broken. */
json_t *state_json(const struct sim *sim, struct arena *arena, const char *path);
void state_write_json(const struct sim *sim, const char *path, const json_t *value);
/* Read pvesim.json again, and what of it a call needs. */
void state_load(struct sim *sim, struct arena *arena);
/* Proxmox VE keeps what it parsed, so it warns once for each version of a file. */
bool state_was_parsed(struct sim *sim, const char *path, const char *digest);
const char *state_digest(struct call *call, const char *path);

/* Settings, with a default where pvesim.json does not say. */
const char *setting(const struct sim *sim, const char *key, const char *missing);
long setting_number(const struct sim *sim, const char *key, long missing);
json_t *setting_node(const struct sim *sim, const char *node); /* borrowed; NULL: no such node */
bool setting_true(const json_t *object, const char *key, bool missing);
bool has_quorum(const struct sim *sim);
const char *pve_version(const struct sim *sim);
bool pve_has(const struct call *call, const char *version);
/* The packages of PVE 8 kept a release line of their own: true from 8.X or from 9.Y on. */
bool pve_has_either(const struct call *call, const char *in_8, const char *in_9);
int64_t now_ms(void);

#endif
