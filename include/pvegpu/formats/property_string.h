/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_FORMATS_PROPERTY_STRING_H
#define PVEGPU_FORMATS_PROPERTY_STRING_H

#include <stdbool.h>

#include "pvegpu/base/arena.h"
#include "pvegpu/base/error.h"

/*
 * Proxmox VE's "key=value,key=value" strings (PVE/JSONSchema.pm, parse_property_string), where one
 * key may be the default and stand without its name: `01:00,pcie=1`.
 */
struct property {
	char *key;
	char *value;
};

struct property_string {
	struct list properties; /* of struct property, in the order they stand */
};

/* `default_key` may be NULL. ERROR_PARSE on a part without key, an empty value's missing key or a
 * key given twice. Whether keys and values are right is for the format that uses it. */
int property_string_parse(struct arena *arena, const char *text, const char *default_key,
		struct property_string *ret_parsed, struct error *err);
const char *property_get(const struct property_string *parsed, const char *key); /* or NULL */
/* The text with this value of a key, and the other properties as they are: the default key's stands
 * first and without its name, another's at the end. NULL where the text cannot be read. */
char *property_string_with(struct arena *arena, const char *text, const char *default_key,
		const char *key, const char *value);
/* Booleans as PVE reads them: 1 on yes true, 0 off no false, any case; `missing` when not there or
 * not a boolean. */
bool property_bool(const struct property_string *parsed, const char *key, bool missing);
bool property_is_bool(const char *value);
int property_bool_value(const char *value); /* 1, 0, or -1 when it is none */

#endif
