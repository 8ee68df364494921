/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_PVE_RIGHTS_H
#define PVEGPU_PVE_RIGHTS_H

#include "pvegpu/pve/client.h"

/*
 * Who may do what, by the rules of PVE/AccessControl.pm and PVE/RPCEnvironment.pm:
 *
 * - What counts on a path are the roles of the deepest entry at or above it. An entry there hides
 *   what would be inherited: to add, all that holds there now is named again.
 * - Entries of a user come before those of its groups. NoAccess of an entry wins over all others
 *   of the same path.
 * - A token has what its user has, or (privilege separation) no more than that and its own entries:
 *   what a token lacks is given to both.
 */

struct pve_privileges {
	struct strings here;
	struct strings only_here; /* those of them that paths below do not inherit */
	struct strings below;     /* where there are such: what paths below inherit instead */
};

/* What whoever we are has on a path (GET /access/permissions). */
struct pve_rights {
	char *path;
	struct pve_privileges ours;
	struct pve_privileges owner; /* of the user whose token we are; of a user the same */
	bool owner_known;            /* a token may ask that only with Sys.Audit on /access */
	bool user_shut_out, token_shut_out; /* an entry with NoAccess on this very path */
};

struct pve_role {
	char *name;
	struct strings privileges;
};

/* What is missing or wanted on one path. */
struct pve_need {
	char *path;
	struct strings privileges;
	struct strings why; /* "to set machine" */
};

/* A new entry of `arena`. ERROR_API and its like when it cannot be asked. */
int pve_rights_read(struct pve_client *client, struct arena *arena, const char *path,
		struct pve_rights **ret_rights, struct error *err);
/* The roles of this cluster, of struct pve_role; nobody needs a privilege for that. */
int pve_roles_read(struct pve_client *client, struct arena *arena, struct list *ret_roles,
		struct error *err);

/* Add to a list of struct pve_need, one for each path; `why` may be NULL. */
void pve_need_add(struct arena *arena, struct list *needs, const char *path, const char *privilege,
		const char *why);

/*
 * The line that gives `identity` the privileges needs[at], for root on a node, and takes from
 * nobody what he has: roles that exist where they hold no more than that (but for *.Audit, which
 * only looks), else a role of exactly these. `rights` is what holds on that path; NULL: unknown.
 * `roles` is of struct pve_role. The other needs count where they are above it: they are granted
 * by lines of their own, and are not hidden by this one.
 */
char *pve_grant_line(struct arena *arena, const char *identity, const struct pve_rights *rights,
		const struct list *roles, const struct list *needs, size_t at);
/* What the person must look at before that line, as a sentence; NULL: nothing. */
char *pve_grant_caution(struct arena *arena, const char *identity, const char *path,
		const struct pve_rights *rights);
/* The same line for one privilege, asked for now. */
char *pve_grant_now(struct pve_client *client, struct arena *arena, const char *path,
		const char *privilege);

/* The privilege on /vms/ID to set that key of a VM's configuration (PVE/API2/Qemu.pm,
 * check_vm_modify_config_perm); NULL: only root@pam itself may. */
const char *pve_config_privilege(const char *key);

#endif
