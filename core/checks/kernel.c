/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "core/checks/questions.h"
#include "pvegpu/base/text.h"

/* The kernel that boots next, and the one that is pinned (proxmox-kernel-helper: proxmox-boot-tool
 * kernel pin writes /etc/kernel/proxmox-boot-pin). */

static const char next_boot[] = "/etc/kernel/next-boot-pin";

const char *kernel_to_pin(const struct report *report)
{
	const char *wanted = report->goal->values[CHOOSE_PIN_KERNEL];
	return wanted && strcmp(wanted, "none") != 0 ? wanted : NULL;
}

const char *kernel_to_boot(const struct report *report)
{
	const struct facts *facts = report->facts;
	const char *wanted = report->goal->values[CHOOSE_PIN_KERNEL];
	if (!wanted)
		return facts->kernel_next;
	if (kernel_to_pin(report))
		return kernel_to_pin(report);
	return facts->proxmox_boot_tool == KNOWN_YES && facts->kernels.n ? facts->kernels.item[0]
									 : NULL;
}

/* The first two numbers of "6.8.12-4-pve". */
static unsigned long series(const char *kernel)
{
	char *end = NULL;
	unsigned long major = strtoul(kernel, &end, 10);
	return major * 1000 + (*end == '.' ? strtoul(end + 1, NULL, 10) : 0);
}

/* Kernels from 7.0 on bring OpenZFS 2.4; a pool that uses what is new in it cannot be imported by
 * an older one. */
enum { KERNEL_WITH_ZFS_2_4 = 7000 };

static bool loses_zfs(const struct facts *facts, const char *kernel)
{
	return facts->root_pool && facts->kernel && series(kernel) < KERNEL_WITH_ZFS_2_4 &&
	       series(facts->kernel) >= KERNEL_WITH_ZFS_2_4;
}

/* The snippet of a pin is read by GRUB's own tools in the order of names. */
const char kernel_pin_snippet[] = "/etc/default/grub.d/proxmox-kernel-pin.cfg";

static const char *later_default(const struct facts *facts)
{
	if (facts->proxmox_boot_tool == KNOWN_YES || facts->boot_loader != BOOT_GRUB)
		return NULL;
	for (size_t i = 0; i < facts->grub_files.n; i++) {
		const struct grub_file *file = facts->grub_files.item[i];
		if (text_starts(file->path, "/etc/default/grub.d/") &&
				strcmp(file->path, kernel_pin_snippet) > 0 &&
				grub_default_find(&file->parsed, "GRUB_DEFAULT", NULL))
			return file->path;
	}
	return NULL;
}

static bool has_snippet(const struct facts *facts)
{
	for (size_t i = 0; i < facts->grub_files.n; i++)
		if (strcmp(((const struct grub_file *)facts->grub_files.item[i])->path,
				    kernel_pin_snippet) == 0)
			return true;
	return false;
}

static bool is_pinned(const struct facts *facts, const char *kernel)
{
	if (!kernel || !facts->kernel_pin)
		return !kernel && !facts->kernel_pin &&
		       (facts->proxmox_boot_tool == KNOWN_YES || !has_snippet(facts));
	return strcmp(kernel, facts->kernel_pin) == 0 && facts_pin_counts(facts, kernel);
}

static bool is_installed(const struct facts *facts, const char *kernel)
{
	return strings_has(&facts->kernels, kernel);
}

static const char *why_not(const struct report *report)
{
	const struct facts *facts = report->facts;
	const char *kernel = kernel_to_pin(report);
	struct arena *arena = report->arena;
	if (facts->kernel_pin_file && strcmp(facts->kernel_pin_file, next_boot) == 0)
		return arena_printf(arena,
				"%s is pinned for the next boot alone, which would win: take that out first (proxmox-boot-tool kernel unpin --next-boot)",
				facts->kernel_pin);
	if (kernel && !is_installed(facts, kernel))
		return arena_printf(arena, "it is not in /boot; there %s %s",
				text_plural(facts->kernels.n, "is", "are"),
				facts->kernels.n ? strings_join(arena, &facts->kernels, ", ")
						 : "none");
	if (kernel && strings_has(&facts->kernels_bare, kernel))
		return arena_printf(
				arena, "/boot has no initrd.img-%s, so it would not boot", kernel);
	const char *later = kernel ? later_default(facts) : NULL;
	if (later)
		return arena_printf(arena, "%s sets GRUB_DEFAULT after the pin, which would win",
				later);
	if (facts->boot_loader == BOOT_UNKNOWN)
		return "it is not known what boots this machine";
	if (facts->proxmox_boot_tool != KNOWN_YES && facts->boot_loader == BOOT_SYSTEMD)
		return "systemd-boot without proxmox-boot-tool takes no pin";
	if (kernel && facts->proxmox_boot_tool != KNOWN_YES && !facts->grub_submenu)
		return "GRUB's menu has no submenu of kernels, which a pin names (/boot/grub/grub.cfg)";
	if (kernel && loses_zfs(facts, kernel) && facts->root_pool_feature)
		return arena_printf(arena,
				"the root filesystem's pool %s uses %s, which that kernel's ZFS does not know: it would not boot",
				facts->root_pool, facts->root_pool_feature);
	return NULL;
}

static void add_kernels(struct report *report, struct finding *finding)
{
	const struct strings *kernels = &report->facts->kernels;
	for (size_t i = 0; i < kernels->n; i++)
		finding_evidence(report, finding, "/boot", "vmlinuz-%s", kernels->item[i]);
}

/* A pin is asked for, or none. */
static void judge_asked(struct report *report, const struct check *check)
{
	const struct facts *facts = report->facts;
	const char *kernel = kernel_to_pin(report);
	const char *why = why_not(report);
	const char *what = kernel ? arena_printf(report->arena, "Kernel %s", kernel) : "No kernel";
	struct finding *finding = NULL;
	if (why) {
		finding = report_add(report, check, STATUS_FAIL, subject_host(),
				kernel ? "%s cannot be pinned: %s." : "%s is to be pinned: %s.",
				what, why);
		finding->risk = RISK_NEVER;
	} else if (is_pinned(facts, kernel)) {
		finding = report_add(report, check, STATUS_OK, subject_host(),
				"%s is pinned, as asked for.", what);
	} else {
		bool doubtful = kernel && loses_zfs(facts, kernel);
		finding = report_add(report, check, doubtful ? STATUS_WARN : STATUS_INFO,
				subject_host(), "%s is to be pinned%s.", what,
				doubtful ? ": the root filesystem is ZFS, and an older kernel boots only where no feature of the newer ZFS is in use on its pool (zpool upgrade)"
					 : "");
		finding_fix(report, finding, FIX_BY_PLAN, kernel ? "pin it" : "unpin it");
		if (doubtful)
			finding->risk = RISK_ACCEPT;
	}
	add_kernels(report, finding);
	if (facts->kernel_pin)
		finding_evidence(report, finding, facts->kernel_pin_file, "%s", facts->kernel_pin);
}

void check_kernel_pinned(struct report *report, const struct check *check)
{
	const struct facts *facts = report->facts;
	if (report->goal->values[CHOOSE_PIN_KERNEL]) {
		judge_asked(report, check);
		return;
	}
	if (!facts->kernel_pin) {
		bool unknown = facts->proxmox_boot_tool == KNOWN_UNKNOWN;
		(void)report_add(report, check, unknown ? STATUS_UNKNOWN : STATUS_OK,
				subject_host(),
				unknown ? "/etc/kernel is not recorded." : "No kernel is pinned.");
		return;
	}
	bool other = facts->kernel && strcmp(facts->kernel, facts->kernel_pin) != 0;
	struct finding *finding = report_add(report, check, other ? STATUS_WARN : STATUS_INFO,
			subject_host(),
			other ? "Kernel %s is pinned, but another one is running."
			      : "Kernel %s is pinned: updates do not change what boots.",
			facts->kernel_pin);
	finding_evidence(report, finding, facts->kernel_pin_file, "%s", facts->kernel_pin);
}

void check_kernel_next(struct report *report, const struct check *check)
{
	const struct facts *facts = report->facts;
	const char *next = kernel_to_boot(report);
	if (!facts->kernel || !next) {
		(void)report_add(report, check, STATUS_UNKNOWN, subject_host(),
				"It could not be told which kernel boots next.");
		return;
	}
	bool other = strcmp(facts->kernel, next) != 0;
	struct finding *finding = report_add(report, check, other ? STATUS_INFO : STATUS_OK,
			subject_host(),
			other ? "The next boot takes kernel %s, not the running %s: what is judged here is the running one."
			      : "The next boot takes the running kernel, %s%s.",
			next, other ? facts->kernel : "");
	add_kernels(report, finding);
	if (other && is_installed(facts, facts->kernel) && !kernel_to_pin(report))
		finding_fix(report, finding, FIX_BY_HAND,
				"to stay with the one that runs: --pin-kernel %s", facts->kernel);
}
