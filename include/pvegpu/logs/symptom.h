/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_LOGS_SYMPTOM_H
#define PVEGPU_LOGS_SYMPTOM_H

#include <stddef.h>

/*
 * A symptom: what logs say when passthrough goes wrong, what it means and what mends it. The rows
 * are in pvegpu/doctor/symptoms.h; here is what a reader of logs must know of one.
 */
enum symptom_where {
	WHERE_KERNEL,     /* the host's kernel: dmesg, journalctl -k */
	WHERE_QEMU,       /* what QEMU says; stands in the task's log and the journal */
	WHERE_PVE,        /* a task's log of Proxmox VE */
	WHERE_API,        /* an answer of Proxmox VE's API */
	WHERE_HOST,       /* other logs and files of the host */
	WHERE_GUEST,      /* the guest's kernel */
	WHERE_NVIDIA,     /* NVIDIA's driver and tools, mostly in the guest */
	WHERE_TALOS,      /* Talos Linux */
	WHERE_KUBERNETES, /* kubelet, events, device plugin, GPU operator */
	WHERE_COUNT
};

/* SEVERITY_NORMAL: looks alarming and is no fault. */
enum severity { SEVERITY_ERROR, SEVERITY_WARNING, SEVERITY_INFO, SEVERITY_NORMAL, SEVERITY_COUNT };

/* How near a line is to the cause. A line that only follows from another one never hides it. */
enum rank {
	RANK_CAUSE,   /* names the cause */
	RANK_GENERAL, /* an error that has several causes */
	RANK_RESULT,  /* follows from another line */
	RANK_HINT,    /* says nothing by itself: "see above", "TASK ERROR: start failed" */
};

/* Symptoms as a person has them: one bit each. */
enum {
	KIND_START = 1 << 0,
	KIND_BLACK = 1 << 1,
	KIND_HANG = 1 << 2,
	KIND_ONCE = 1 << 3,
	KIND_CODE43 = 1 << 4,
	KIND_CUDA = 1 << 5,
	KIND_WRONG = 1 << 6,
	KIND_SLOW = 1 << 7,
	KIND_BOOT = 1 << 8,
	KIND_COUNT = 9
};

struct symptom_fix {
	const char *text;
	/* The check whose fix does it, where pvegpu can; or the setting that it is, as the command
	 * line has it ("pcie_aspm=off", "vfio-pci.disable_idle_d3=1"): where the host has that it
	 * is not advised; or NULL. */
	const char *by;
};
enum { SYMPTOM_FIXES = 4 };

struct symptom {
	const char *id;
	enum symptom_where where;
	enum severity severity;
	enum rank rank;
	const char *literal;                   /* stands in each line that matches; any case */
	const char *pattern;                   /* extended regular expression, any case */
	const char *cause;                     /* two sentences at most */
	struct symptom_fix fix[SYMPTOM_FIXES]; /* in order; ends with text NULL */
	const char *checks;                    /* checks to see for evidence, blanks between */
	unsigned kinds;                        /* KIND_… */
	const char *confirm;                   /* how to see that it worked; NULL: nothing to do */
};

#endif
