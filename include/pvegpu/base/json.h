/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_BASE_JSON_H
#define PVEGPU_BASE_JSON_H

#include <jansson.h>

#include "pvegpu/base/arena.h"
#include "pvegpu/base/error.h"

/* A JSON string of text from a host, which may be anything: bytes that JSON cannot hold are made
 * printable (see text_printable()). NULL gives null. The caller owns the reference. */
json_t *json_text(const char *text);
/* An array of such strings. The caller owns the reference. */
json_t *json_texts(const struct strings *list);

/* A JSON file of the person's own (see root_open_file()). ERROR_PARSE names the line and says that
 * it is not `what` ("a saved plan"). The caller owns the reference. */
int json_read_file(const char *path, const char *what, json_t **ret_json, struct error *err);

#endif
