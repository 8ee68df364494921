/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "tests/pvesim/access.h"

/*
 * The built-in roles are made from privileges in categories and levels, as PVE/AccessControl.pm
 * does: r root only, a administrators, u users, d (audit) those who may look.
 */
struct privilege {
	const char *category;
	const char *levels;
	const char *name;
	const char *since;
	const char *until; /* the first version without it */
};

/* clang-format off */
static const struct privilege privileges[] = {
	{"VM", "a", "VM.Config.Disk", NULL, NULL},
	{"VM", "a", "VM.Config.CPU", NULL, NULL},
	{"VM", "a", "VM.Config.Memory", NULL, NULL},
	{"VM", "a", "VM.Config.Network", NULL, NULL},
	{"VM", "a", "VM.Config.HWType", NULL, NULL},
	{"VM", "a", "VM.Config.Options", NULL, NULL},
	{"VM", "a", "VM.Allocate", NULL, NULL},
	{"VM", "a", "VM.Clone", NULL, NULL},
	{"VM", "a", "VM.Migrate", NULL, NULL},
	{"VM", "a", "VM.Monitor", NULL, "9.0"},
	{"VM", "a", "VM.Snapshot", NULL, NULL},
	{"VM", "a", "VM.Snapshot.Rollback", NULL, NULL},
	{"VM", "a", "VM.Replicate", "9.0", NULL},
	{"VM", "d", "VM.GuestAgent.Audit", "9.0", NULL},
	{"VM", "a", "VM.GuestAgent.FileRead", "9.0", NULL},
	{"VM", "a", "VM.GuestAgent.FileWrite", "9.0", NULL},
	{"VM", "a", "VM.GuestAgent.FileSystemMgmt", "9.0", NULL},
	{"VM", "a", "VM.GuestAgent.Unrestricted", "9.0", NULL},
	{"VM", "u", "VM.Config.CDROM", NULL, NULL},
	{"VM", "u", "VM.Config.Cloudinit", NULL, NULL},
	{"VM", "u", "VM.Console", NULL, NULL},
	{"VM", "u", "VM.Backup", NULL, NULL},
	{"VM", "u", "VM.PowerMgmt", NULL, NULL},
	{"VM", "d", "VM.Audit", NULL, NULL},
	{"Sys", "r", "Sys.PowerMgmt", NULL, NULL},
	{"Sys", "r", "Sys.Modify", NULL, NULL},
	{"Sys", "r", "Sys.Incoming", NULL, NULL},
	{"Sys", "r", "Sys.AccessNetwork", "8.2", NULL},
	{"Sys", "a", "Sys.Console", NULL, NULL},
	{"Sys", "a", "Sys.Syslog", NULL, NULL},
	{"Sys", "d", "Sys.Audit", NULL, NULL},
	{"Datastore", "a", "Datastore.Allocate", NULL, NULL},
	{"Datastore", "a", "Datastore.AllocateTemplate", NULL, NULL},
	{"Datastore", "u", "Datastore.AllocateSpace", NULL, NULL},
	{"Datastore", "d", "Datastore.Audit", NULL, NULL},
	{"SDN", "a", "SDN.Allocate", NULL, NULL},
	{"SDN", "d", "SDN.Audit", NULL, NULL},
	{"SDN", "u", "SDN.Use", "8.0", NULL},
	{"User", "r", "Realm.Allocate", NULL, NULL},
	{"User", "a", "User.Modify", NULL, NULL},
	{"User", "a", "Group.Allocate", NULL, NULL},
	{"User", "a", "Realm.AllocateUser", NULL, NULL},
	{"Pool", "a", "Pool.Allocate", NULL, NULL},
	{"Pool", "ud", "Pool.Audit", NULL, NULL},
	{"Mapping", "a", "Mapping.Modify", "8.0", NULL},
	{"Mapping", "u", "Mapping.Use", "8.0", NULL},
	{"Mapping", "d", "Mapping.Audit", "8.0", NULL},
	{"Permissions", "r", "Permissions.Modify", NULL, NULL},
};
/* clang-format on */

static void grant(json_t *roles, const char *role, const char *privilege)
{
	json_t *set = json_object_get(roles, role);
	if (!set) {
		set = json_object();
		json_object_set_new(roles, role, set);
	}
	if (privilege)
		json_object_set_new(set, privilege, json_integer(1));
}

static bool has_users(const char *category)
{
	return strcmp(category, "Sys") != 0 && strcmp(category, "User") != 0;
}

void access_roles(const struct call *call, json_t *roles)
{
	grant(roles, "NoAccess", NULL);
	grant(roles, "PVETemplateUser", "VM.Clone");
	grant(roles, "PVETemplateUser", "VM.Audit");
	for (size_t i = 0; i < sizeof privileges / sizeof *privileges; i++) {
		const struct privilege *row = &privileges[i];
		if ((row->since && !pve_has(call, row->since)) ||
				(row->until && pve_has(call, row->until)))
			continue;
		grant(roles, "Administrator", row->name);
		if (strchr(row->levels, 'r'))
			continue;
		grant(roles, arena_printf(call->arena, "PVE%sAdmin", row->category), row->name);
		if (strcmp(row->name, "Mapping.Modify") != 0)
			grant(roles, "PVEAdmin", row->name);
		if (strpbrk(row->levels, "ud") && has_users(row->category))
			grant(roles, arena_printf(call->arena, "PVE%sUser", row->category),
					row->name);
		if (strchr(row->levels, 'd'))
			grant(roles, "PVEAuditor", row->name);
	}
}
