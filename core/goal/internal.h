/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_CORE_GOAL_INTERNAL_H
#define PVEGPU_CORE_GOAL_INTERNAL_H

#include "pvegpu/goal/goal.h"

/* The choices that differ from what is advised, as a JSON object, and back. */
json_t *goal_choices_json(const enum choice *chosen, char *const *values);
void goal_set_choices(
		struct arena *arena, enum choice *chosen, char **values, const json_t *options);

/* values.c: the forms, and what is chosen as JSON and back; NULL where it does not fit. */
extern const struct choice_form form_vf_drivers, form_functions, form_d3cold, form_bar_size;
extern const struct choice_form form_pin_kernel;
extern const struct choice_form form_mdev, form_romfile;
extern const struct choice_form form_sockets, form_cores, form_numa, form_affinity, form_hugepages,
		form_balloon, form_vga;
json_t *value_to_json(const struct choice_form *form, const char *value);
char *value_from_json(struct arena *arena, const struct choice_form *form, const json_t *json);
void values_copy(struct arena *arena, char **to, char *const *from);
/* Check a value that was typed, for an option. ERROR_USAGE. */
int value_read(struct arena *arena, const struct goal_choice *choice, const char *value,
		char **ret_value, struct error *err);

/* advice.c: for the rows of the table. */
bool always(const struct choice_view *view);
bool advise_bind_early(const struct choice_view *view);
bool advise_cpu_host(const struct choice_view *view);
bool usual_pcie(const struct choice_view *view);
bool usual_x_vga(const struct choice_view *view);
bool usual_by_mapping(const struct choice_view *view);
bool done_q35(const struct choice_view *view);
bool done_cpu_host(const struct choice_view *view);
bool done_tablet_off(const struct choice_view *view);

/* assignments.c: a new one, with all as advised. */
struct assignment *assignment_add(struct goal *goal, const char *device, unsigned vmid);
/* All that the goal assigns, also by its short form; and back, without what the short form says. */
json_t *assignments_to_json(const struct goal *goal);
void assignments_from_json(struct goal *goal, const json_t *array);
/* The same of the guests' own choices. */
json_t *guests_to_json(const struct goal *goal);
void guests_from_json(struct goal *goal, const json_t *array);
/* And as a copy. */
void assignments_copy(struct goal *to, const struct goal *from);
/* For all; or for the device's assignment, or its guest. */
void assignment_set_value(struct goal *goal, const struct goal_choice *choice, const char *device,
		char *value);
/* devices.c: what is chosen for devices, as JSON, back, and as a copy. */
json_t *devices_to_json(const struct goal *goal);
void devices_from_json(struct goal *goal, const json_t *array);
void devices_copy(struct goal *to, const struct goal *from);
int device_set_value(struct goal *goal, const struct goal_choice *choice, const char *device,
		const char *value, struct error *err);
/* A VM's number, or 0. */
unsigned goal_vmid_of(const json_t *number);

#endif
