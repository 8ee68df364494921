/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/checks/questions.h"
#include "pvegpu/base/text.h"

/* A hookscript of ours gives the GPU back to the host's drivers when its VM has stopped: Proxmox VE
 * leaves it with vfio-pci (PVE/QemuServer.pm, cleanup_pci_devices). Its own reservation of the GPU
 * is gone by then: `qm cleanup` removes it before post-stop runs, both under the VM's lock. The GPU
 * that another VM has reserved since stays (PVE/QemuServer/PCI.pm, reserve_pci_usage: a process
 * that runs, or a time that has not come). */

const char *hook_path(const struct report *report)
{
	return report->vm ? facts_own_hook(report->facts, report->vm->vmid, report->arena) : NULL;
}

const char *hook_value(const struct report *report)
{
	const struct storage *storage = report->facts->snippets;
	const char *path = hook_path(report);
	return path ? arena_printf(report->arena, "%s:%s", storage->name,
				      path + strlen(storage->path) + 1)
		    : NULL;
}

/* The driver that the host has for the function; NULL: none, or vfio-pci has it. */
static const char *driver_of(const struct pci_device *function)
{
	return function->driver && !device_on_vfio(function) ? function->driver : NULL;
}

/* "give_back 0000:01:00.0 " stands in the script. */
static bool names(struct arena *arena, const char *script, const struct pci_device *function)
{
	return script && strstr(script, arena_printf(arena, "\ngive_back %s ", function->name));
}

/* Of the present script what is of another card of the VM stays: that may be of a plan of its own.
 */
static void keep_lines(struct text *text, const struct report *report)
{
	static const char start[] = "give_back ";
	struct lines cursor = lines_start(report->vm->hook_text);
	struct list devices = devices_next(report, report->vm);
	struct line line;
	while (line_next(&cursor, &line)) {
		char *whole = arena_strndup(report->arena, line.start, line.n);
		if (!text_starts(whole, start))
			continue;
		const char *at = whole + strlen(start);
		const char *address = arena_strndup(report->arena, at, strcspn(at, " "));
		const char *named = arena_printf(report->arena, "\n%s%s ", start, address);
		struct pci_address parsed;
		bool still = pci_address_parse_full(address, &parsed) &&
			     facts_in_list(&devices, facts_device(report->facts, &parsed));
		if (still && !strstr(text_string(text), named))
			text_addf(text, "%s\n", whole);
	}
}

char *hook_text(const struct report *report)
{
	struct text text = {0};
	text_addf(&text,
			"#!/bin/sh\n"
			"# Written by pvegpu: when VM %u has stopped, its GPU goes back to the host's drivers.\n"
			"[ \"$2\" = post-stop ] || exit 0\n"
			"is_taken() { # ADDRESS: another VM runs or starts with it\n"
			"\twhile read -r address vmid until; do\n"
			"\t\t[ \"$address\" = \"$1\" ] || [ \"0000:$address\" = \"$1\" ] || continue\n"
			"\t\t[ \"$vmid\" != %u ] || continue\n"
			"\t\tcase $until in\n"
			"\t\tpid:*) [ -d \"/proc/${until#pid:}\" ] && return 0 ;;\n"
			"\t\ttime:*) [ \"${until#time:}\" -ge \"$(date +%%s)\" ] && return 0 ;;\n"
			"\t\tesac\n"
			"\tdone </run/qemu-server/pci-id-reservations\n"
			"\treturn 1\n"
			"} 2>/dev/null\n"
			"give_back() { # ADDRESS DRIVER\n"
			"\tdevice=/sys/bus/pci/devices/$1\n"
			"\t[ \"$(basename \"$(readlink \"$device/driver\")\")\" = vfio-pci ] || return 0\n"
			"\tis_taken \"$1\" && return 0\n"
			"\tmodprobe \"$2\" 2>/dev/null\n"
			"\techo \"$2\" >\"$device/driver_override\"\n"
			"\techo \"$1\" >\"$device/driver/unbind\"\n"
			"\techo \"$1\" >/sys/bus/pci/drivers_probe\n"
			"\techo >\"$device/driver_override\"\n"
			"}\n",
			report->vm->vmid, report->vm->vmid);
	const struct list *parts = &report->whole->parts;
	for (size_t p = 0; p < parts->n; p++) {
		const struct report *part = parts->item[p];
		for (size_t i = 0; part->vm == report->vm && i < part->card.n; i++) {
			const struct pci_device *function = part->card.item[i];
			if (driver_of(function))
				text_addf(&text, "give_back %s %s\n", function->name,
						driver_of(function));
		}
	}
	keep_lines(&text, report);
	text_add(&text, "exit 0\n");
	return text_take(&text, report->arena);
}

static bool is_ours(const struct report *report)
{
	const char *now = vm_get_next(report->vm, "hookscript");
	return now && text_same(now, hook_value(report));
}

/* qemu-server 9.1.13: post-stop runs also when the guest switched itself off. */
static bool runs_always(const struct facts *facts)
{
	return strverscmp(facts->qemu_server_version, "9.1.13") >= 0;
}

static const char *why_not(const struct report *report)
{
	struct arena *arena = report->arena;
	const char *now = report->vm ? vm_get_next(report->vm, "hookscript") : NULL;
	if (!report->vm || !report->gpu || !report->decided[CHOOSE_ATTACH])
		return "no GPU is given to a VM";
	if (report->pool || report->mdev)
		return "what the VM gets is not taken from a driver of the host by its address";
	if (report->decided[CHOOSE_BIND_EARLY])
		return "vfio-pci takes the GPU at boot: there is no driver to give it back to";
	if (now && !is_ours(report))
		return arena_printf(arena,
				"the VM has a hookscript already (%s), and may have one only", now);
	if (!report->facts->identity_root)
		return "only root@pam itself may set hookscript";
	if (!report->facts->qemu_server_version)
		return "the version of qemu-server is not on record";
	if (!runs_always(report->facts))
		return arena_printf(arena,
				"qemu-server %s does not run a hookscript when the guest switches itself off; 9.1.13 does: leave it out, or upgrade",
				report->facts->qemu_server_version);
	if (report->vm->hook_file == HOOK_OTHER)
		return arena_printf(arena, "%s is there, and is none of pvegpu", hook_path(report));
	if (report->vm->hook_file == HOOK_PLAIN)
		return arena_printf(arena,
				"%s is there and no program, so that the VM would not start: chmod 755 it first",
				hook_path(report));
	if (!report->facts->snippets)
		return report->facts->storages_known == KNOWN_YES
				       ? "no storage of this node holds snippets: pvesm set local --content iso,vztmpl,backup,snippets"
				       : "/etc/pve/storage.cfg is not on record";
	return driver_of(report->gpu)
			       ? NULL
			       : "no driver of the host has it now, so that which one it is to go back to is not known: plan it while the host has it";
}

void check_give_back(struct report *report, const struct check *check)
{
	enum choice asked = report->goal->chosen[CHOOSE_GIVE_BACK];
	struct subject about = report->vm ? subject_vm(report->vm) : subject_host();
	bool ours = report->vm && is_ours(report);
	bool done = ours && report->vm->hook_file == HOOK_OURS && report->gpu &&
		    names(report->arena, report->vm->hook_text, report->gpu);
	const char *why = asked == CHOICE_YES && !done ? why_not(report) : NULL;
	struct finding *finding = NULL;
	if (why) {
		finding = report_add(report, check, STATUS_FAIL, about,
				"It cannot be given back at stop: %s.", why);
		finding->risk = RISK_NEVER;
		return;
	}
	if (asked == CHOICE_YES && !done) {
		const char *driver = report->gpu ? driver_of(report->gpu) : NULL;
		const char *clings = driver ? driver_clings(driver) : NULL;
		finding = report_add(report, check, clings ? STATUS_WARN : STATUS_INFO, about,
				"A hookscript is to give the GPU back to the host when the VM has stopped%s%s.",
				clings ? ": " : "", clings ? clings : "");
		finding_fix(report, finding, FIX_BY_PLAN, "write it, and name it in the VM");
		return;
	}
	if (asked == CHOICE_NO && ours) {
		finding = report_add(report, check, STATUS_INFO, about,
				"The hookscript that gives the GPU back is not to be named any more; its file stays.");
		finding_fix(report, finding, FIX_BY_PLAN, "take it out");
		return;
	}
	(void)report_add(report, check, STATUS_OK, about,
			ours ? "A hookscript of pvegpu gives the GPU back to the host when it has stopped."
			     : "Nothing is to be done when it stops.");
}
