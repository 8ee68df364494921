/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_TUI_CONNECT_H
#define PVEGPU_TUI_CONNECT_H

#include "pvegpu/pve/host.h"
#include "tui/options.h"

/*
 * The host that the options name: this one, a tree (--root), or a remote one (--api). For a remote
 * one the token comes from a file, the environment or a prompt, never from the command line; a
 * person on a terminal is asked for what is missing, and whether an unknown certificate is the
 * node's. What is not secret is remembered (pve_profile).
 */
int host_open(const struct options *options, struct host *ret_host, struct error *err);
/* The command that undoes the last run there, as it was opened: with --root or --api. Of the arena.
 */
const char *host_undo_command(struct arena *arena, const struct host *host);

#endif
