/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_TUI_PROMPT_H
#define PVEGPU_TUI_PROMPT_H

#include <stdbool.h>
#include <stddef.h>

/* Ask for a line on a plain terminal; the question goes to standard error, as standard output is
 * for results. What is `secret` is not shown while it is typed. Whatever signal comes meanwhile,
 * the terminal shows what is typed again before the signal takes its course; who stops the program
 * and goes on is asked once more. False without a terminal, without an answer, and for an empty
 * one. */
bool prompt(const char *question, bool secret, char *ret_line, size_t size);

#endif
