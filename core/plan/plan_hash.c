/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "core/plan/internal.h"

void hash_field(struct text *text, const char *field)
{
	text_addf(text, "%zu:%s", field ? strlen(field) : 0, field ? field : "-");
}

void hash_fields(struct text *text, const struct strings *fields)
{
	for (size_t i = 0; i < fields->n; i++)
		hash_field(text, fields->item[i]);
	text_add(text, ";");
}

void hash_params(struct text *text, const struct list *params)
{
	for (size_t i = 0; i < params->n; i++) {
		const struct pve_param *param = params->item[i];
		hash_field(text, param->key);
		hash_field(text, param->value);
	}
}

/* By its sorted JSON, so that no choice and no acceptance can be left out. */
static void add_goal(struct text *text, const struct goal *goal)
{
	json_t *json = goal_to_json(goal);
	if (!goal->assignments.n) /* the short form says it, as it did when there was no other */
		(void)json_object_del(json, "assignments");
	if (!goal->guests.n)
		(void)json_object_del(json, "guests");
	if (!goal->cards.n)
		(void)json_object_del(json, "cards");
	if (!goal->devices.n)
		(void)json_object_del(json, "devices");
	char *dumped = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
	json_decref(json);
	hash_field(text, dumped);
	free(dumped);
}

static void add_place(struct text *text, const struct plan *plan)
{
	hash_field(text, plan->node);
	if (plan->api)
		hash_field(text, plan->api);
}

static void hash_text(struct text *text, char ret_id[SHA256_HEX])
{
	hash_sha256(text_string(text), text->n, ret_id);
	text_free(text);
}

void plan_hash(const struct plan *plan, char ret_id[SHA256_HEX])
{
	struct text text = {0};
	add_goal(&text, plan->goal);
	add_place(&text, plan);
	for (size_t i = 0; i < plan->changes.n; i++) {
		const struct change *change = plan->changes.item[i];
		text_add(&text, "\n");
		hash_field(&text, change->kind->name);
		change->kind->hash(&text, change);
	}
	hash_text(&text, ret_id);
}

/* Every field, whatever kind it is of; what is not of the kind is empty. There were four kinds. */
static void add_older(struct text *text, const struct change *change)
{
	static const struct change_kind *const all[] = {
			&kind_file, &kind_command, &kind_api, &kind_reboot};
	int number = 0;
	while (number < 3 && all[number] != change->kind)
		number++;
	text_addf(text, "\n%d ", number);
	hash_field(text, change->path);
	hash_field(text, change->before_sha256);
	hash_field(text, change->after_sha256);
	hash_fields(text, &change->argv);
	text_add(text, change->executable ? "x" : "");
	hash_fields(text, &change->dirs);
	hash_fields(text, &change->must_not_say);
	hash_field(text, change->harmless);
	hash_fields(text, &change->must_say);
	hash_fields(text, &change->entries_with);
	hash_fields(text, &change->entries_without);
	if (change->entries_in)
		hash_field(text, change->entries_in);
	text_add(text, change->makes_images ? "i" : "");
	if (change->mapping)
		hash_field(text, change->mapping);
	hash_field(text, change->method);
	hash_field(text, change->api_path);
	hash_field(text, change->digest);
	text_add(text, change->waits ? "w" : "");
	hash_params(text, &change->params);
	hash_params(text, &change->before_params);
}

void plan_hash_older(const struct plan *plan, bool goal, char ret_id[SHA256_HEX])
{
	struct text text = {0};
	if (goal)
		add_goal(&text, plan->goal);
	add_place(&text, plan);
	for (size_t i = 0; i < plan->changes.n; i++)
		add_older(&text, plan->changes.item[i]);
	hash_text(&text, ret_id);
}
