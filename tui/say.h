/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_TUI_SAY_H
#define PVEGPU_TUI_SAY_H

#include <stdio.h>

#include "pvegpu/base/error.h"
#include "pvegpu/base/json.h"
#include "tui/options.h"

/*
 * Telling and asking on a plain terminal. Every byte that a command writes goes through here, so
 * that nothing a host, an archive or an answer holds can steer the terminal it is shown on; no
 * other file writes to a stream.
 */

/* To standard output or standard error. Lines and tabs stay, what text_printable() takes out
 * becomes '?'. What is on standard output already comes before what goes to standard error. */
void say(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* An error and its hint, on standard error. Returns `status`. */
int say_error(const struct error *error, int status);
/* The exit status for an error; `otherwise` where its code alone does not tell. */
int status_of(const struct error *error, int otherwise);
/* To standard output; takes the reference. One line: as a record of a stream. */
void print_json(json_t *json);
void print_json_line(json_t *json);
struct json_out say_json(void); /* to standard output, piece by piece */
bool say_is_lost(void);         /* nobody reads standard output any more, or it is full */
/* A question on standard error: true for "yes", typed. */
bool typed_yes(const char *question);
/* The word of a person, or of --yes: 0, or the exit status. */
int confirm(const struct options *options, const char *question);

/* Before anything is written. `steps`: others may read along, so each line goes out when it is
 * complete. */
void say_begin(bool steps);
/* At the end of the program; gives the exit status. A report that did not arrive whole must not
 * look like one that did; but where the host may have been changed (`changed`) the status says what
 * happened to it, whether or not anybody could read of it. */
int say_end(bool changed, int status);

#endif
