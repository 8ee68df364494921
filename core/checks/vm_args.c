/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/checks/questions.h"
#include "pvegpu/base/text.h"

/* args: what Proxmox VE hands to QEMU as it stands, behind its own arguments. */

/* The words of args, split as Proxmox VE splits them: quotes keep blanks together and go
 * (PVE::Tools::split_args). */
static struct strings split_args(struct arena *arena, const char *value)
{
	struct strings words = {0};
	while (*(value += strspn(value, " \t"))) {
		struct text word = {0};
		char quote = '\0';
		for (; *value && (quote || !strchr(" \t", *value)); value++) {
			if (quote ? *value == quote : *value == '"' || *value == '\'')
				quote = (char)(quote ? '\0' : *value);
			else
				text_add_bytes(&word, value, 1);
		}
		strings_add(arena, &words, text_take(&word, arena));
	}
	return words;
}

/* It gives a PCIe device the root port that QEMU knows by this number (PVE/QemuServer/PCI.pm: ports
 * 1 to 4 stand in pve-q35-4.0.cfg, of hostpci4 and later each gets one of its own). */
static bool has_port(const struct vm *vm, const char *number)
{
	const char *machine = vm_get(vm, "machine");
	unsigned long port = 0;
	if (!machine || !strstr(machine, "q35") || !text_to_ulong(number, 10, HOSTPCI_MAX, &port))
		return false;
	bool own = false;
	for (size_t i = 0; i < vm->hostpci.n; i++) {
		const struct vm_hostpci *entry = vm->hostpci.item[i];
		own = own || (entry->parsed.pcie && hostpci_index(entry->key) + 1 == (int)port);
	}
	return port >= 1 && (port <= 4 || own);
}

/* The id that a -device of args has and that Proxmox VE gives to one of its own, or NULL. */
static const char *id_taken(struct arena *arena, const struct vm *vm, const struct strings *words)
{
	static const char port[] = "ich9-pcie-port-";
	for (size_t i = 1; i < words->n; i++) {
		const char *id = strstr(words->item[i], "id=");
		if (strcmp(words->item[i - 1], "-device") != 0 || !id ||
				(id != words->item[i] && id[-1] != ','))
			continue;
		id = arena_strndup(arena, id + 3, strcspn(id + 3, ","));
		if (text_starts(id, port) && has_port(vm, id + sizeof port - 1))
			return id;
	}
	return NULL;
}

static struct finding *add(struct report *report, const struct check *check, enum status status,
		const struct vm *vm, const char *detail)
{
	struct finding *finding = report_add(report, check, status, subject_vm(vm), "%s", detail);
	finding_evidence(report, finding, vm->path, "args: %s",
			vm_conf_shown(&vm->conf.current, "args"));
	return finding;
}

static void judge_args(struct report *report, const struct check *check, const struct vm *vm)
{
	const char *value = vm_get(vm, "args");
	if (!value) {
		(void)report_add(report, check, STATUS_OK, subject_vm(vm),
				"It has no arguments of its own.");
		return;
	}
	struct strings words = split_args(report->arena, value);
	const char *id = id_taken(report->arena, vm, &words);
	if (id) {
		struct finding *finding = add(report, check, STATUS_FAIL, vm,
				arena_printf(report->arena,
						"Its args add a device %s, and Proxmox VE's own q35 machine has one: QEMU does not start with two.",
						id));
		finding_fix(report, finding, FIX_BY_HAND,
				"give it another id, or take it out: pcie=1 has a root port by itself");
		if (vm == report->vm && report->gpu)
			finding->risk = RISK_NEVER;
	}
	if (strings_has(&words, "-cpu"))
		(void)add(report, check, STATUS_INFO, vm,
				"The -cpu of its args takes the place of the one that Proxmox VE "
				"makes: of its cpu line, flags and hidden=1 among them, nothing "
				"counts.");
	else if (!id)
		(void)add(report, check, STATUS_INFO, vm,
				"Its args go to QEMU as they stand; they are not judged here.");
}

void check_vm_args(struct report *report, const struct check *check)
{
	for_each_vm(report, check, judge_args);
}
