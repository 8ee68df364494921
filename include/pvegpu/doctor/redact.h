/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_DOCTOR_REDACT_H
#define PVEGPU_DOCTOR_REDACT_H

#include <stdbool.h>
#include <stddef.h>

#include "pvegpu/base/text.h"

/*
 * Taking out of a text what tells whose it is: host names, IP and MAC addresses, serial numbers,
 * UUIDs, e-mail addresses, tokens and passwords. One thing is replaced by one and the same
 * stand-in wherever it occurs (192.0.2.1, 02:00:00:00:00:01 …), so that what belongs together can
 * still be seen to. PCI addresses, device ids and versions stay.
 */
enum redact_kind {
	REDACT_HOST,
	REDACT_IP,
	REDACT_MAC,
	REDACT_SERIAL,
	REDACT_UUID,
	REDACT_EMAIL,
	REDACT_SECRET,
	REDACT_COMMENT,
	REDACT_KINDS
};
extern const char *const redact_names[REDACT_KINDS]; /* "host name", "IP address" … */

struct redactor;
/* `comments`: the text behind # goes too. */
struct redactor *redactor_new(bool comments);
void redactor_free(struct redactor *redactor); /* NULL is fine */
/* A host's name, whole or with its domain, to be replaced as a word; names of one character and
 * "localhost" are left alone. */
void redactor_add_host(struct redactor *redactor, const char *name);
/* A copy without them, owned by `arena`. `counts` (may be NULL) is added to, for each kind. */
char *redact(struct redactor *redactor, struct arena *arena, const char *text,
		size_t counts[REDACT_KINDS]);
/* The same for a part of a path: comments and words like "password" mean nothing there. */
char *redact_path(struct redactor *redactor, struct arena *arena, const char *path);

#endif
