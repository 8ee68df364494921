/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_CORE_PLAN_INTERNAL_H
#define PVEGPU_CORE_PLAN_INTERNAL_H

#include "pvegpu/base/text.h"
#include "pvegpu/plan/kind.h"

/* The rows of the table, each in the file of its name. */
extern const struct change_kind kind_file, kind_command, kind_sysfs, kind_rom, kind_api,
		kind_reboot;

/* kinds.c: the change of this kind that is about the path, or NULL. */
struct change *plan_find_path(
		const struct plan *plan, const struct change_kind *kind, const char *path);
/* kind_sysfs.c: an attribute, links followed: they are what sysfs is made of, and must not lead
 * out.
 */
int sysfs_attribute(const struct root *root, const char *path, struct arena *arena, char **ret_real,
		struct error *err);

/* plan.c: a new change at the end of the plan, and one more reason for it, each once. */
struct change *plan_add_change(struct plan *plan, const struct change_kind *kind);
void plan_add_because(struct plan *plan, struct change *change, const char *because);

/* Numbers, consequences and id, of a plan whose changes are all there. */
void plan_seal(struct plan *plan);

/* plan_hash.c: the hash of what the plan will do, and of what was asked for and accepted: its id.
 */
void plan_hash(const struct plan *plan, char ret_id[SHA256_HEX]);
/* Ids of runs before the kinds had a hash of their own (`goal`), and before the goal was in it:
 * their journals are still to be undone. */
void plan_hash_older(const struct plan *plan, bool goal, char ret_id[SHA256_HEX]);
/* For the kinds: with lengths, so that fields are apart whatever they hold. NULL is not "". */
void hash_field(struct text *text, const char *field);
void hash_fields(struct text *text, const struct strings *fields);
void hash_params(struct text *text, const struct list *params);

/* json_fields.c: for the kinds. A text's member, NULL where there is none; null for NULL and "". */
const char *json_member(const json_t *object, const char *name);
json_t *json_text_or_null(const char *text);
void json_read_strings(struct arena *arena, const json_t *array, struct strings *list);
/* A file's text: bytes that are not UTF-8 cannot stand in JSON and go to NAME_base64. */
void json_set_content(json_t *object, struct arena *arena, const char *name, const char *text);
char *json_get_content(const json_t *object, struct arena *arena, const char *name);
/* -1: none of them. */
int json_index(const json_t *object, const char *name, const char *const *names, int n);

/* consequences.c: what a person must know first, of a plan whose changes are in order. */
void plan_find_consequences(struct plan *plan);

/* file_undo.c: the text as it is now without this change, a later edit kept; NULL when both are in
 * the same place. */
char *file_undo_text(struct arena *arena, const struct change *change, const char *now);

/* kind_command.c: what a journal of before all that is expected of a command stood in its plan does
 * not say of it: two commands were known by name. */
void plan_add_older_expectations(struct arena *arena, const json_t *json, struct change *change);
/* An argument vector as one would type it, and running it. ERROR_COMMAND unless it
 * ends well and says all that it must and nothing that it must not. */
char *change_argv_text(struct arena *arena, const struct strings *argv);
int change_run_argv(struct change_run *run, const struct change *change, struct error *err);

/* api_vm.c: one call on a VM, with digest. */
bool api_sets_config(const struct change *change);
int api_vm_check(struct change_run *run, struct pve_client *client, const struct change *change,
		struct error *err);
int api_vm_apply(struct change_run *run, struct pve_client *client, const struct change *change,
		struct error *err);
int api_vm_seen(struct change_run *run, struct pve_client *client, const struct change *change,
		bool undone, struct error *err);
/* `ret_diff`: what somebody changed since, and nothing was undone; NULL: nothing, or `force`. */
int api_vm_undo(struct change_run *run, struct pve_client *client, const struct change *change,
		char **ret_diff, bool force, struct error *err);
void api_vm_undo_needs(struct undo_needs *needs, const struct change *change);

/* api_mapping.c: the same for a mapping. */
int api_mapping_check(struct change_run *run, struct pve_client *client,
		const struct change *change, struct error *err);
int api_mapping_apply(struct change_run *run, struct pve_client *client,
		const struct change *change, struct error *err);
int api_mapping_seen(struct change_run *run, struct pve_client *client, const struct change *change,
		bool undone, struct error *err);
int api_mapping_undo(struct change_run *run, struct pve_client *client, const struct change *change,
		char **ret_diff, bool force, struct error *err);
void api_mapping_undo_needs(struct undo_needs *needs, const struct change *change);

#endif
