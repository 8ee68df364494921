/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_FORMATS_CPU_LIST_H
#define PVEGPU_FORMATS_CPU_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pvegpu/base/arena.h"

/*
 * A list of CPUs as the kernel and Proxmox VE write it: 0-7,16-23
 * (Documentation/admin-guide/cputopology.rst; PVE/CpuSet.pm). PVE's own parser makes a list of
 * every number of a range, so that 0-4294967296 takes all memory: more than CPU_LIST_MAX is none.
 */
enum { CPU_LIST_MAX = 8192 }; /* CONFIG_NR_CPUS of x86-64 with MAXSMP */

struct cpu_list {
	uint64_t bits[CPU_LIST_MAX / 64];
	size_t n; /* how many CPUs there are in it */
};

/* False where it is none, is empty, or a range goes backwards or too far. A newline may end it. */
bool cpu_list_read(const char *text, struct cpu_list *ret_list);
void cpu_list_add(struct cpu_list *list, size_t cpu); /* below CPU_LIST_MAX */
/* As it was read, ranges together. */
char *cpu_list_text(struct arena *arena, const struct cpu_list *list);
bool cpu_list_has(const struct cpu_list *list, size_t cpu);
/* The first CPU of the list that the other one has not; CPU_LIST_MAX: it has them all. */
size_t cpu_list_beyond(const struct cpu_list *list, const struct cpu_list *other);

#endif
