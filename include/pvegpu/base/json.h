/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_BASE_JSON_H
#define PVEGPU_BASE_JSON_H

#include <jansson.h>

/* A JSON string of text from a host, which may be anything: bytes that JSON cannot hold are made
 * printable (see text_printable()). NULL gives null. The caller owns the reference. */
json_t *json_text(const char *text);

#endif
