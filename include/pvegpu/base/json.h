/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_BASE_JSON_H
#define PVEGPU_BASE_JSON_H

#include <jansson.h>

#include "pvegpu/base/arena.h"
#include "pvegpu/base/error.h"
#include "pvegpu/base/text.h"

/* A JSON string of text from a host, which may be anything: bytes that JSON cannot hold are made
 * printable (see text_printable()). NULL gives null. The caller owns the reference. */
json_t *json_text(const char *text);
/* An array of such strings. The caller owns the reference. */
json_t *json_texts(const struct strings *list);

/*
 * JSON on its way out: laid out as json_dumps() does with JSON_INDENT(2), or JSON_COMPACT, and with
 * what would steer a terminal as \uXXXX (see text_add_json()). A long answer is written while it is
 * made, and never whole in memory:
 *
 *	json_open(&out, NULL, '{');
 *	json_open(&out, "gpus", '[');
 *	json_put(&out, NULL, json_string("…"));
 *	json_close(&out, ']');
 *	json_close(&out, '}');
 *	json_end(&out);
 *
 * The key is NULL in an array and at the top.
 */
struct json_out {
	void (*write)(const char *bytes, size_t n);
	bool compact;
	struct text text; /* not handed to write() yet */
	size_t depth;     /* of containers that are open */
	bool started;     /* the innermost of them has an item */
};
void json_open(struct json_out *out, const char *key, char bracket);
void json_close(struct json_out *out, char bracket);
void json_put(struct json_out *out, const char *key, json_t *value); /* takes the reference */
void json_put_text(struct json_out *out, const char *key, const char *text); /* as json_text() */
void json_end(struct json_out *out);                                         /* with a newline */

/* A JSON file of the person's own (see root_open_file()). ERROR_PARSE names the line and says that
 * it is not `what` ("a saved plan"). The caller owns the reference. */
int json_read_file(const char *path, const char *what, json_t **ret_json, struct error *err);

#endif
