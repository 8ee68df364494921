/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_CORE_FACTS_API_ASK_H
#define PVEGPU_CORE_FACTS_API_ASK_H

#include <jansson.h>

#include "core/facts/internal.h"
#include "pvegpu/pve/client.h"

/* One thing that is asked for. */
struct question {
	const char *call;          /* "/nodes/pve2/status" */
	const struct list *params; /* or NULL */
	const char *item;   /* a list is meant, whose items have this member; NULL: an object */
	const char *member; /* that the object must have, or NULL */
	const char *what;   /* in words: "the VMs" */
	const char *path, *privilege;
	unsigned vmid;
};

/* A text of an object, lent, or NULL. */
const char *api_member(const json_t *object, const char *name);
/* 1, "1" or true: how Proxmox VE writes yes. */
bool api_is_set(const json_t *value);
/* "/nodes/NODE" of the node that is read, and the rest. */
char *api_call(struct facts *facts, const char *rest);

/* 0 and *ret_data NULL: it is not told, and a gap of the facts by now. The caller owns *ret_data.
 */
int api_ask(struct pve_client *client, struct facts *facts, const struct question *question,
		json_t **ret_data, struct error *err);
/* The same, and what is not told is an error. */
int api_fetch(struct pve_client *client, const struct question *question, json_t **ret_data,
		struct error *err);
/* What the API does not tell becomes a gap, with the privilege that it names: 0 when the rest can
 * be asked for all the same. */
int api_add_gap(struct pve_client *client, struct facts *facts, const struct question *question,
		struct error *error, struct error *err);
/* Why the node that a call is about did not answer an earlier one, or NULL: pveproxy waits half a
 * minute for it each time (596). */
const struct gap *api_gone(const struct facts *facts, const char *call);
/* What we may do at the path, asked once. */
int api_ask_rights(struct pve_client *client, struct facts *facts, const char *path,
		struct error *err);

/* api_vms.c: those of the node, with what waits and their snapshots. */
int api_read_vms(struct pve_client *client, struct facts *facts, struct error *err);

#endif
