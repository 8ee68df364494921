/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_TUI_WIZARD_DRAW_H
#define PVEGPU_TUI_WIZARD_DRAW_H

#include "tui/wizard.h"

/* The wizard's screens in the order of struct wizard's `step`: the guide's seven steps first. */
extern const struct wizard_step *const wizard_steps[WIZARD_SCREENS];

/* The rows of the screen that is shown; until the whole host was read, what is known so far. */
void wizard_rows(struct wizard *wizard, struct rows *rows);
/* Draw the screen from them: title, steps, rows, hint and keys. */
void wizard_draw_rows(struct wizard *wizard, const struct rows *rows);

/* The focus counts rows that can have it. The row that has it, or NULL. */
struct row *rows_focused(const struct list *rows, int focus);
int rows_focusable(const struct list *rows); /* how many can have it */

#endif
