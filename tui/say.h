/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_TUI_SAY_H
#define PVEGPU_TUI_SAY_H

#include <jansson.h>

#include "pvegpu/base/error.h"
#include "tui/options.h"

/* What the commands share (commands.c): telling and asking on a plain terminal. */

/* An error and its hint, on standard error. Returns `status`. */
int say_error(const struct error *error, int status);
/* The exit status for an error; `otherwise` where its code alone does not tell. */
int status_of(const struct error *error, int otherwise);
/* To standard output; takes the reference. */
void print_json(json_t *json);
/* A question on standard error: true for "yes", typed. */
bool typed_yes(const char *question);
/* The word of a person, or of --yes: 0, or the exit status. */
int confirm(const struct options *options, const char *question);

#endif
