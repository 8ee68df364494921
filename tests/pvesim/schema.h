/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVESIM_SCHEMA_H
#define PVESIM_SCHEMA_H

#include "tests/pvesim/perl.h"

/*
 * What Proxmox VE's JSONSchema.pm checks of the parameters of a call, and of the property strings
 * in them, with its words. Tables of these rows end with a row without a name.
 */
struct schema {
	const char *name; /* "cores", or "hostpci[n]" with `last` */
	char type;        /* s string, i integer, n number, b boolean, a array of strings */
	bool needed;      /* "not optional" */
	bool default_key; /* of a property string: what stands without a key */
	bool alloc;       /* only in calls that may make a disk, not in a file */
	bool file_only;   /* only in a file: no call may set it */
	const char *format;
	const char *pattern; /* matched as ^pattern$, so alternatives bind as loosely as there */
	const char *words;   /* the enumeration, "a|b" */
	const char *min;
	const char *max;
	size_t max_length;
	const char *alias;
	const char *requires;
	int first;
	int last;                    /* the highest index + 1 */
	const char *since;           /* version that brought it, "9.1"; NULL: always there */
	const struct schema *object; /* the keys of a property string, or of an array's items */
};

/* Where checks happen: the version of PVE whose rules hold and what the formats look up. */
struct schema_world {
	const char *version;    /* "9.2.11" */
	const char *cpu_models; /* the text of virtual-guest/cpu-models.conf */
	bool file;              /* a file is read or written, not a call checked */
};

/* True when `version` is at least `least`: numbers between dots and dashes. */
bool version_at_least(const char *version, const char *least);

/* The row for a key, with its index checked; NULL if there is none (in that version). */
const struct schema *schema_find(
		const struct schema *table, const struct schema_world *world, const char *key);

/* Check all parameters against one or two tables. `errors` collects {path: message}. */
void schema_check(struct arena *arena, const struct schema_world *world, const struct schema *table,
		const struct schema *second, const json_t *params, json_t *errors);

/*
 * parse_property_string: a new object, or NULL with the message in *ret_why and, for a "format
 * error", the errors by key in *ret_errors (a new reference; may be NULL). `path` may be NULL.
 */
json_t *property_parse(struct arena *arena, const struct schema_world *world,
		const struct schema *table, const char *format, const char *text, const char *path,
		char **ret_why, json_t **ret_errors);
/* The same for a message in one text, as it is put into another. */
json_t *property_parse_text(struct arena *arena, const struct schema_world *world,
		const struct schema *table, const char *format, const char *text, const char *path,
		char **ret_why);
/* print_property_string: default key first, then the needed ones, then the rest, each sorted. */
char *property_print(struct arena *arena, const struct schema *table, const json_t *properties);

/* A value against a row's named format or property string: NULL, or why not. */
char *format_check(struct arena *arena, const struct schema_world *world, const struct schema *row,
		const char *value, const char *path);
/* A named format (formats.c): NULL, or why not. */
char *format_check_named(struct arena *arena, const struct schema_world *world, const char *format,
		const char *value);
/* What is checked of a property string as a whole (pve-vm-cpu-conf): NULL, or why not. */
char *format_validate(struct arena *arena, const struct schema_world *world, const char *format,
		const json_t *properties);

/* check_prop for one value that is no list. */
void schema_check_value(struct arena *arena, const struct schema_world *world,
		const struct schema *row, const char *value, const char *path, json_t *errors);

/* The options of a VM (schema_config.c), for calls and for the file. */
extern const struct schema config_schema[];
extern const struct schema hostpci_schema[];
extern const struct schema usb_schema[];
extern const struct schema boot_schema[];
extern const struct schema cpu_schema[];
extern const struct schema machine_schema[];
extern const struct schema map_schema[];
extern const struct schema net_schema[];
extern const struct schema memory_schema[];
extern const struct schema drive_schema[];
extern const struct schema rng_schema[];
extern const struct schema virtiofs_schema[];

#endif
