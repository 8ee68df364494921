/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVESIM_ACCESS_H
#define PVESIM_ACCESS_H

#include "tests/pvesim/sim.h"

/* Users, tokens, roles and access control lists: user.cfg as PVE/AccessControl.pm reads it. */

void access_load(struct call *call); /* fills call->user_cfg */
bool access_is_root(const struct call *call);
/* 0, or the call fails as at login: unknown, disabled, expired. */
int access_check_user(struct call *call, const char *user);

/* {privilege: propagated} on a path; a new reference. */
json_t *access_permissions(struct call *call, const char *user, const char *path);
/* Privileges are "A|B" for any of them; the call fails with 403. */
int access_check(struct call *call, const char *path, const char *privileges);
bool access_allows(struct call *call, const char *path, const char *privileges);
bool access_allows_user(
		struct call *call, const char *user, const char *path, const char *privileges);
/* all of "A,B" */
int access_check_all(struct call *call, const char *path, const char *privileges);
int access_check_vm(struct call *call, const char *vmid, const char *privileges);

/* "user@realm!token" in its two parts; false: it is none. */
bool access_split_token(
		struct arena *arena, const char *id, const char **ret_user, const char **ret_token);
char *access_normalize_path(struct arena *arena, const char *path); /* or NULL */
/* Paths that GET /access/permissions shows without one being asked for. */
void access_known_paths(struct call *call, struct strings *ret_paths);
void access_list(struct call *call, json_t *ret_entries);  /* GET /access/acl */
void access_roles(const struct call *call, json_t *roles); /* the built-in ones */

/* tickets.c */
int ticket_login(struct call *call);                          /* POST /access/ticket */
const char *ticket_user(struct sim *sim, const char *ticket); /* NULL: not valid */
bool ticket_csrf_is_valid(const struct sim *sim, const char *ticket, const char *token);
const char *token_user(struct call *call, const char *header); /* NULL: not valid */

#endif
