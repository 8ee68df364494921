/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_TUI_CLI_CLI_H
#define PVEGPU_TUI_CLI_CLI_H

#include <stdio.h>

#include "pvegpu/apply/apply.h"
#include "tui/options.h"

/*
 * The commands, one file each; run.c calls the one that the command line named. Each returns the
 * program's exit status and has said what went wrong.
 */
int command_audit(const struct options *options);
int command_plan(const struct options *options);
int command_apply(const struct options *options);
int command_rollback(const struct options *options);
int command_history(const struct options *options);
int command_capture(const struct options *options);
int command_doctor(const struct options *options);
/* The wizard; of the demo, on a private copy of the sample host that is removed at the end. */
int command_wizard(const struct options *options, bool demo);
int command_demo(const struct options *options);
int command_export(const struct options *options);
int command_help(const struct options *options);
/* What --help says of a command, of COMMAND_WIZARD: of everything. The arena's. */
const char *help_text(struct arena *arena, enum command command);

/* Facts and report for the options' root and goal (view.c). */
struct view {
	struct host host;
	struct facts *facts;
	struct report *report;
};
/* On failure nothing is open. */
int view_open(const struct options *options, struct view *ret_view, struct error *err);
void view_close(struct view *view);

void print_plan(FILE *out, const struct plan *plan); /* as `plan` shows it */

/*
 * What apply and rollback have in common (changing.c).
 *
 * ask_consent(): the word of a person, or of --yes, for what changes the host; the commands' only
 * way to a yes. `what` as in struct consent. 0, or the exit status when it was no yes.
 */
int ask_consent(const struct options *options, const char *question, const char *what,
		struct consent *ret_consent);
/* From here on a signal does not cut a change in half: print_progress() ends the run before the
 * next one. */
void hold_signals(void);
/* An apply_progress: a line for what is done, `user` is the stream it goes to. */
bool print_progress(
		void *user, const struct change *change, enum apply_event event, const char *text);

#endif
