/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_PLAN_DIFF_H
#define PVEGPU_PLAN_DIFF_H

#include "pvegpu/base/arena.h"

/*
 * A unified diff with three lines of context, as `diff -u` prints it and patch(1) takes it.
 * NULL for `before` or `after` means there is no such file (/dev/null in the header). "" when both
 * are equal. Texts of very many changed lines are shown as one replaced block.
 */
char *diff_unified(struct arena *arena, const char *path, const char *before, const char *after);

/*
 * Three-way merge by lines: `theirs` with what leads from `base` to `ours` done in it too. NULL
 * when both changed the same place. For undoing: base is what was written, ours what was there
 * before, theirs what is there now.
 */
char *diff_merge(struct arena *arena, const char *base, const char *ours, const char *theirs);

#endif
