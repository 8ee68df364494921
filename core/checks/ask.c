/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stddef.h>
#include <string.h>

#include "core/checks/questions.h"

/* From a check whose fix is wanted to the choice of the goal that makes it: for those who come with
 * a fault and want that one thing done. */

static const struct {
	const char *check;
	size_t offset; /* of an enum choice in struct goal */
	const char *what;
} choices[] = {
		{"vfio.binding", offsetof(struct goal, bind_early),
				"give the card to vfio-pci at boot, so that no host driver touches "
				"it"},
		{"vfio.host-driver", offsetof(struct goal, bind_early),
				"give the card to vfio-pci at boot, so that no host driver touches "
				"it"},
		{"vfio.modules", offsetof(struct goal, modules), "load the vfio modules at boot"},
		{"vfio.modules-obsolete", offsetof(struct goal, clean_up),
				"take out what has no effect on this host"},
		{"vfio.leftovers", offsetof(struct goal, clean_up),
				"take out what has no effect on this host"},
		{"boot.cmdline-obsolete", offsetof(struct goal, clean_up),
				"take out what has no effect on this host"},
		{"boot.fallback-entry", offsetof(struct goal, fallback_entry),
				"add a boot entry that starts the host as it is now"},
		{"bios.iommu-firmware", offsetof(struct goal, firmware_setup),
				"restart into the firmware setup"},
		{"vm.machine-q35", offsetof(struct goal, machine_q35), "set the machine to q35"},
		{"vm.cpu-host", offsetof(struct goal, cpu_host), "set the CPU type to host"},
		{"vm.tablet", offsetof(struct goal, tablet_off), "remove the emulated tablet"},
		{"attach.hostpci", offsetof(struct goal, attach), "attach the GPU to the VM"},
		{"attach.token-raw", offsetof(struct goal, by_mapping), "use a PCI mapping"},
		{"attach.mapping", offsetof(struct goal, fix_mappings), "mend the mapping"},
		{"attach.mapping-drift", offsetof(struct goal, fix_mappings), "mend the mapping"},
		{"verify.vm-started", offsetof(struct goal, start), "start the VM"},
};

static enum choice *choice_of(struct goal *goal, const char *check)
{
	for (size_t i = 0; i < sizeof choices / sizeof *choices; i++)
		if (strcmp(choices[i].check, check) == 0)
			return (enum choice *)(void *)((char *)goal + choices[i].offset);
	return NULL;
}

static bool is_parameters(const char *check)
{
	return strcmp(check, "boot.iommu-cmdline") == 0 ||
	       strcmp(check, "boot.iommu-active") == 0 ||
	       strcmp(check, "boot.cmdline-conflict") == 0;
}

/* The kernel parameters that this host needs, or that contradict. */
static bool ask_parameters(const struct report *report, struct goal *goal, bool wanted)
{
	bool any = false;
	for (size_t i = 0; i < report->params.n; i++) {
		const struct param_choice *param = report->params.item[i];
		bool there = param->configured || param->running;
		if (param->need != NEED_ADVISED && !(param->unwanted && there))
			continue;
		any = true;
		if (wanted)
			goal_param(goal, param->word, !param->unwanted);
		else
			goal_param_forget(goal, param->word);
	}
	return any;
}

bool report_ask_for(const struct report *report, struct goal *goal, const char *check, bool wanted)
{
	if (is_parameters(check))
		return ask_parameters(report, goal, wanted);
	enum choice *choice = choice_of(goal, check);
	if (choice)
		*choice = wanted ? CHOICE_YES : CHOICE_ADVISED;
	return choice != NULL;
}

const char *report_ask_text(const char *check)
{
	for (size_t i = 0; i < sizeof choices / sizeof *choices; i++)
		if (strcmp(choices[i].check, check) == 0)
			return choices[i].what;
	return is_parameters(check) ? "set the kernel parameters that this host needs" : NULL;
}

bool report_asks_for(const struct report *report, const struct goal *goal, const char *check)
{
	if (is_parameters(check)) {
		for (size_t i = 0; i < report->params.n; i++) {
			const struct param_choice *param = report->params.item[i];
			if (strings_has(&goal->params, param->word) ||
					strings_has(&goal->params_unwanted, param->word))
				return true;
		}
		return false;
	}
	struct goal *copy = goal_copy(goal);
	const enum choice *choice = choice_of(copy, check);
	bool asks = choice && *choice == CHOICE_YES;
	goal_free(copy);
	return asks;
}
