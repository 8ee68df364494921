/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVESIM_API_H
#define PVESIM_API_H

#include "tests/pvesim/sim.h"

/*
 * One method of the API. `permission` is "all", "world", "root", or "PATH A|B", where the path may
 * hold {names} of what stands in the call's path; "or PATH A|B" for alternatives of one each.
 */
struct method {
	const char *method;
	const char *path; /* "/nodes/{node}/qemu/{vmid}/config" */
	const char *permission;
	const struct schema *params;
	const struct schema *more_params; /* NULL, or config_schema */
	int (*run)(struct call *call);
	const char *since;
	bool by_node; /* handed on to the node that the path names */
	bool quorum;  /* looked at first; elsewhere the first write fails */
	bool daemon;  /* done by pvedaemon, to which pveproxy hands it on */
	bool no_token;
};

extern const struct method config_methods[];
extern const struct method mapping_methods[];
extern const struct method node_methods[];
extern const struct method task_methods[];
extern const struct method cluster_methods[];
extern const struct method access_methods[];
extern const struct method ha_methods[];

/*
 * A whole call: find the method, check user, permission and parameters, run it. What the body and
 * the query held is in call->params. On return call->code is 0 or the HTTP status.
 */
void api_run(struct call *call);
void call_done(struct call *call); /* gives back what a call refers to, not its arena */

/* Bodies (body.c): parameters of a form or of JSON, as AnyEvent.pm takes them apart. */
int body_decode_form(struct call *call, const char *text, size_t n);
int body_decode_json(struct call *call, const char *text, size_t n);
/* What Perl's JSON::XS says of text that is not JSON (complaint.c). */
char *json_complaint(struct arena *arena, const char *text, size_t n);
/* A copy with every NUL inside a string, which C cannot hold, as NUL_CHAR. */
json_t *json_without_nul(struct arena *arena, json_t *value);

#endif
