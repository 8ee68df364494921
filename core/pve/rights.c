/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/pve/rights.h"

#include <stdio.h>
#include <string.h>

#include "pvegpu/base/hash.h"
#include "pvegpu/base/text.h"

static bool is_token(const char *identity)
{
	return strchr(identity, '!') != NULL;
}

static char *owner_of(struct arena *arena, const char *identity)
{
	return arena_strndup(arena, identity, strcspn(identity, "!"));
}

/* Nothing is below a VM, a node or a mapping. */
static bool is_leaf(const char *path)
{
	return text_starts(path, "/vms/") || text_starts(path, "/nodes/") ||
	       text_starts(path, "/mapping/pci/");
}

static int ask(struct pve_client *client, struct arena *arena, const char *user, const char *path,
		json_t **ret_data, struct error *err)
{
	struct list params = {0};
	pve_param_add(arena, &params, "path", path);
	if (user)
		pve_param_add(arena, &params, "userid", user);
	return pve_call(client, "GET", "/access/permissions", &params, ret_data, err);
}

static int read_privileges(struct pve_client *client, struct arena *arena, const char *user,
		const char *path, struct pve_privileges *ret, struct error *err)
{
	json_t *data = NULL;
	int status = ask(client, arena, user, path, &data, err);
	if (status < 0)
		return status;
	if (!json_is_object(json_object_get(data, path))) { /* empty where there are none */
		json_decref(data);
		return error_set(err, ERROR_API,
				"the answer to /access/permissions says nothing of %s", path);
	}
	const char *privilege = NULL;
	json_t *propagates = NULL; /* 0 is granted too */
	json_object_foreach(json_object_get(data, path), privilege, propagates)
	{
		strings_add(arena, &ret->here, privilege);
		if (!json_integer_value(propagates))
			strings_add(arena, &ret->only_here, privilege);
	}
	json_decref(data);
	/* What has no entry of its own shows what is inherited: no name is one of these. */
	const char *child = arena_printf(arena, "%s/-", path);
	data = NULL;
	if (ret->only_here.n && !is_leaf(path) && strcmp(path, "/") != 0)
		status = ask(client, arena, user, child, &data, err);
	json_object_foreach(json_object_get(data, child), privilege, propagates)
	{
		strings_add(arena, &ret->below, privilege);
	}
	json_decref(data);
	return status;
}

/* NoAccess is seen in the list of entries only, and nothing else explains that nothing is there. */
static void find_no_access(
		struct pve_client *client, struct arena *arena, struct pve_rights *rights)
{
	json_t *list = NULL;
	size_t i = 0;
	json_t *entry = NULL;
	const char *owner = owner_of(arena, client->identity);
	if (pve_get(client, &list, NULL, "/access/acl") < 0)
		return;
	json_array_foreach(list, i, entry)
	{
		const char *path = json_string_value(json_object_get(entry, "path"));
		const char *who = json_string_value(json_object_get(entry, "ugid"));
		const char *role = json_string_value(json_object_get(entry, "roleid"));
		if (!path || !who || !role || strcmp(path, rights->path) != 0 ||
				strcmp(role, "NoAccess") != 0)
			continue;
		rights->user_shut_out = rights->user_shut_out || strcmp(who, owner) == 0;
		rights->token_shut_out =
				rights->token_shut_out ||
				(is_token(client->identity) && strcmp(who, client->identity) == 0);
	}
	json_decref(list);
}

int pve_rights_read(struct pve_client *client, struct arena *arena, const char *path,
		struct pve_rights **ret_rights, struct error *err)
{
	struct pve_rights *rights = arena_alloc(arena, sizeof *rights);
	rights->path = arena_strdup(arena, path);
	int status = read_privileges(client, arena, NULL, path, &rights->ours, err);
	if (status < 0)
		return status;
	bool token = is_token(client->identity);
	rights->owner = token ? rights->owner : rights->ours;
	rights->owner_known =
			!token || read_privileges(client, arena, owner_of(arena, client->identity),
						  path, &rights->owner, NULL) == 0;
	if (!rights->ours.here.n)
		find_no_access(client, arena, rights);
	*ret_rights = rights;
	return 0;
}

int pve_roles_read(struct pve_client *client, struct arena *arena, struct list *ret_roles,
		struct error *err)
{
	json_t *data = NULL;
	size_t i = 0;
	json_t *entry = NULL;
	int status = pve_get(client, &data, err, "/access/roles");
	json_array_foreach(data, i, entry)
	{
		const char *name = json_string_value(json_object_get(entry, "roleid"));
		const char *privileges = json_string_value(json_object_get(entry, "privs"));
		if (!name)
			continue;
		struct pve_role *role = arena_alloc(arena, sizeof *role);
		role->name = arena_strdup(arena, name);
		for (const char *at = privileges ? privileges : ""; *at;) {
			size_t n = strcspn(at, ", ");
			if (n)
				strings_add(arena, &role->privileges, arena_strndup(arena, at, n));
			at += n + (at[n] != '\0');
		}
		list_add(arena, ret_roles, role);
	}
	json_decref(data);
	return status;
}

void pve_need_add(struct arena *arena, struct list *needs, const char *path, const char *privilege,
		const char *why)
{
	struct pve_need *need = NULL;
	for (size_t i = 0; !need && i < needs->n; i++)
		if (strcmp(((struct pve_need *)needs->item[i])->path, path) == 0)
			need = needs->item[i];
	if (!need) {
		need = arena_alloc(arena, sizeof *need);
		need->path = arena_strdup(arena, path);
		list_add(arena, needs, need);
	}
	if (!strings_has(&need->privileges, privilege))
		strings_add(arena, &need->privileges, privilege);
	if (why && !strings_has(&need->why, why))
		strings_add(arena, &need->why, why);
}

static void add_all(struct arena *arena, struct strings *to, const struct strings *from)
{
	for (size_t i = 0; i < from->n; i++)
		if (!strings_has(to, from->item[i]))
			strings_add(arena, to, from->item[i]);
}

static struct strings without(
		struct arena *arena, const struct strings *from, const struct strings *taken)
{
	struct strings rest = {0};
	for (size_t i = 0; i < from->n; i++)
		if (!strings_has(taken, from->item[i]))
			strings_add(arena, &rest, from->item[i]);
	return rest;
}

/* How many of `left` the role has; 0 where it has what is not wanted. Looking (*.Audit) is let
 * pass, and counted in `ret_more`. */
static size_t covers(const struct pve_role *role, const struct strings *wanted,
		const struct strings *left, size_t *ret_more)
{
	size_t n = 0;
	*ret_more = 0;
	for (size_t i = 0; i < role->privileges.n; i++) {
		const char *privilege = role->privileges.item[i];
		if (!strings_has(wanted, privilege)) {
			if (!text_ends(privilege, ".Audit"))
				return 0;
			(*ret_more)++;
		}
		n += strings_has(left, privilege) ? 1 : 0;
	}
	return n;
}

static const struct pve_role *best_role(
		const struct list *roles, const struct strings *wanted, const struct strings *left)
{
	const struct pve_role *best = NULL;
	size_t best_n = 0;
	size_t best_more = 0;
	for (size_t i = 0; i < roles->n; i++) {
		const struct pve_role *role = roles->item[i];
		size_t more = 0;
		size_t n = covers(role, wanted, left, &more);
		if (!n || n < best_n || (n == best_n && more > best_more))
			continue;
		if (best && n == best_n && more == best_more && strcmp(role->name, best->name) > 0)
			continue;
		best = role;
		best_n = n;
		best_more = more;
	}
	return best;
}

/* Names that begin with PVE are Proxmox VE's own (PVE/API2/Role.pm, create_role). The rest of the
 * name stands for what is in it, so one who was given the line twice has one role. */
static char *own_role(struct arena *arena, const struct list *roles, const char *privileges)
{
	char hash[SHA256_HEX];
	char *name = NULL;
	bool taken = true;
	hash_sha256(privileges, strlen(privileges), hash);
	for (size_t at = 0; taken && at + 8 < sizeof hash; at += 8) {
		name = arena_printf(arena, "GpuPassthrough-%.8s", hash + at);
		taken = false;
		for (size_t i = 0; i < roles->n && !taken; i++)
			taken = strcmp(((struct pve_role *)roles->item[i])->name, name) == 0;
	}
	return name;
}

/* What makes up one line. */
struct grant {
	struct arena *arena;
	const char *path, *owner, *token; /* token: NULL, we are no token */
	const struct list *roles;
	struct text line;
};

static void add_command(struct grant *grant, const char *command)
{
	text_addf(&grant->line, "%s%s", grant->line.n ? " && " : "", command);
}

/* The roles that hold `wanted` and nothing beyond `allowed`, joined; one that is not there yet is
 * made first. */
static char *roles_for(struct grant *grant, const struct strings *wanted,
		const struct strings *allowed, bool propagates)
{
	struct arena *arena = grant->arena;
	struct strings left = without(arena, wanted, &(struct strings){0});
	struct strings names = {0};
	const struct pve_role *role = NULL;
	/* One role holds at a path in one way only: what is not to be inherited has its own. */
	while (propagates && left.n && (role = best_role(grant->roles, allowed, &left)) != NULL) {
		strings_add(arena, &names, role->name);
		left = without(arena, &left, &role->privileges);
	}
	if (left.n) {
		strings_sort(&left);
		const char *privileges = strings_join(arena, &left, ",");
		const char *name = own_role(arena, grant->roles, privileges);
		char *add = arena_printf(arena, "pveum role add %s --privs %s", name, privileges);
		if (!strstr(text_string(&grant->line), add))
			add_command(grant, add);
		strings_add(arena, &names, name);
	}
	return strings_join(arena, &names, ",");
}

static void add_entry(
		struct grant *grant, bool user, bool token, const char *roles, bool propagates)
{
	struct arena *arena = grant->arena;
	struct text who = {0};
	if (user)
		text_addf(&who, " --users %s", text_shell_quote(arena, grant->owner));
	if (token)
		text_addf(&who, " --tokens %s", text_shell_quote(arena, grant->token));
	add_command(grant, arena_printf(arena, "pveum acl modify %s%s --roles %s%s", grant->path,
					   text_string(&who), roles,
					   propagates ? "" : " --propagate 0"));
	text_free(&who);
}

/* `needed` and what is there `now`, but for what is `given` already, for the user, the token or
 * both; what paths below do not inherit now is not inherited then. */
static void add_union(struct grant *grant, bool user, bool token, const struct pve_privileges *now,
		const struct strings *needed, const struct strings *given)
{
	struct arena *arena = grant->arena;
	const struct strings none = {0};
	bool leaf = is_leaf(grant->path);
	struct strings allowed = without(arena, &now->here, leaf ? &none : &now->only_here);
	add_all(arena, &allowed, &now->below);
	add_all(arena, &allowed, needed);
	struct strings wanted = without(arena, &allowed, given);
	if (wanted.n)
		add_entry(grant, user, token, roles_for(grant, &wanted, &allowed, true), true);
	struct strings only = without(arena, &now->only_here, &allowed);
	only = without(arena, &only, given);
	if (!leaf && only.n)
		add_entry(grant, user, token, roles_for(grant, &only, &only, false), false);
}

static bool has_all(const struct strings *all, const struct strings *some)
{
	for (size_t i = 0; i < some->n; i++)
		if (!strings_has(all, some->item[i]))
			return false;
	return true;
}

static bool is_above(const char *path, const char *below)
{
	size_t n = strcmp(path, "/") == 0 ? 0 : strlen(path);
	return strcmp(path, below) != 0 && strncmp(path, below, n) == 0 && below[n] == '/';
}

char *pve_grant_line(struct arena *arena, const char *identity, const struct pve_rights *rights,
		const struct list *roles, const struct list *needs, size_t at)
{
	static const struct pve_rights unknown;
	const struct pve_need *need = needs->item[at];
	struct grant grant = {.arena = arena,
			.path = need->path,
			.owner = owner_of(arena, identity),
			.token = is_token(identity) ? identity : NULL,
			.roles = roles};
	struct strings needed = {0};
	add_all(arena, &needed, &need->privileges);
	for (size_t i = 0; i < needs->n; i++) {
		const struct pve_need *other = needs->item[i];
		if (is_above(other->path, need->path))
			add_all(arena, &needed, &other->privileges);
	}
	rights = rights ? rights : &unknown;
	/* The user has it already, so only the token's own entries keep it from the token. */
	bool user = !(grant.token &&
			(strcmp(grant.owner, "root@pam") == 0 ||
					(rights->owner_known &&
							has_all(&rights->owner.here, &needed))));
	if (rights->user_shut_out)
		add_command(&grant,
				arena_printf(arena,
						"pveum acl delete %s --users %s --roles NoAccess",
						need->path, text_shell_quote(arena, grant.owner)));
	if (rights->token_shut_out)
		add_command(&grant,
				arena_printf(arena,
						"pveum acl delete %s --tokens %s --roles NoAccess",
						need->path, text_shell_quote(arena, identity)));
	struct strings given = {0};
	add_union(&grant, user, grant.token != NULL, &rights->ours, &needed, &given);
	/* The user may have more there than its token: that is kept for the user alone. */
	add_all(arena, &given, &needed);
	add_all(arena, &given, &rights->ours.here);
	add_all(arena, &given, &rights->ours.below);
	if (user && grant.token && rights->owner_known)
		add_union(&grant, true, false, &rights->owner, &needed, &given);
	return text_take(&grant.line, arena);
}

char *pve_grant_caution(struct arena *arena, const char *identity, const char *path,
		const struct pve_rights *rights)
{
	const char *owner = owner_of(arena, identity);
	if ((rights && rights->owner_known) || strcmp(owner, "root@pam") == 0)
		return NULL;
	return arena_printf(arena,
			"what %s has on %s cannot be seen from here: look first (pveum user permissions %s "
			"--path %s), and name the roles of what is more in --roles too, "
			"because an entry on a path takes the place of what is inherited",
			owner, path, text_shell_quote(arena, owner), path);
}

char *pve_grant_now(struct pve_client *client, struct arena *arena, const char *path,
		const char *privilege)
{
	struct pve_rights *rights = NULL;
	struct list roles = {0};
	struct list needs = {0};
	pve_need_add(arena, &needs, path, privilege, NULL);
	(void)pve_rights_read(client, arena, path, &rights, NULL);
	(void)pve_roles_read(client, arena, &roles, NULL);
	return pve_grant_line(arena, client->identity, rights, &roles, &needs, 0);
}

/* "numa" of "numa3". */
static size_t stem_of(const char *key)
{
	size_t n = strlen(key);
	while (n && key[n - 1] >= '0' && key[n - 1] <= '9')
		n--;
	return n ? n : strlen(key);
}

const char *pve_config_privilege(const char *key)
{
	static const struct {
		const char *keys, *privilege;
	} groups[] = {
			{" cores cpu cpulimit cpuunits numa smp sockets vcpus ", "VM.Config.CPU"},
			{" memory balloon shares allow-ksm ", "VM.Config.Memory"},
			{" acpi hotplug kvm machine scsihw smbios1 tablet vga watchdog audio0 rng0 ",
					"VM.Config.HWType"},
			{" agent autostart bios description keyboard localtime migrate_downtime "
			 "migrate_speed name onboot ostype protection reboot startdate startup "
			 "tags tdf template ",
					"VM.Config.Options"},
			{" boot bootdisk vmstatestorage cdrom ", "VM.Config.Disk"},
	};
	static const struct {
		const char *stems, *privilege;
	} numbered[] = {
			{" hostpci usb serial ", "VM.Config.HWType"},
			{" numa ", "VM.Config.CPU"},
			{" net ipconfig ", "VM.Config.Network"},
			{" ide sata scsi virtio efidisk tpmstate unused ", "VM.Config.Disk"},
	};
	char padded[64];
	(void)snprintf(padded, sizeof padded, " %.40s ", key);
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
		if (strstr(groups[i].keys, padded))
			return groups[i].privilege;
	size_t stem = stem_of(key);
	(void)snprintf(padded, sizeof padded, " %.*s ", (int)(stem < 40 ? stem : 40), key);
	for (size_t i = 0; key[stem] && i < sizeof numbered / sizeof *numbered; i++)
		if (strstr(numbered[i].stems, padded))
			return numbered[i].privilege;
	return NULL;
}
