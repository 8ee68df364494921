/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_FACTS_CMDLINE_H
#define PVEGPU_FACTS_CMDLINE_H

#include "pvegpu/facts/facts.h"

/* The words that the boot loader's files ask for now. */
struct strings facts_configured_words(const struct facts *facts, struct arena *arena);

#endif
