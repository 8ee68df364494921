/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "pvegpu/base/text.h"
#include "tui/wizard.h"

/* The guide's quick reference card, with the values of this host and of the choices made, and right
 * for this host: what its kernel ignores is not on it. */

static void add_boot(struct text *text, const struct wizard *wizard)
{
	const struct facts *facts = wizard->facts;
	const struct report *report = wizard->report;
	text_addf(text, "=== HOST: %s ===\n", facts->node ? facts->node : "this host");
	struct text words = {0};
	for (size_t i = 0; i < report->params.n; i++) {
		const struct param_choice *param = report->params.item[i];
		if (param->selected)
			text_addf(&words, " %s", param->word);
	}
	if (!words.n) {
		text_add(text, "No kernel parameter is needed.\n");
	} else if (facts->boot_loader == BOOT_SYSTEMD) {
		text_addf(text,
				"nano /etc/kernel/cmdline      (one line; add:%s)\n"
				"proxmox-boot-tool refresh && reboot\n",
				text_string(&words));
	} else {
		text_addf(text,
				"nano /etc/default/grub\n"
				"  GRUB_CMDLINE_LINUX_DEFAULT: add%s\n%s && reboot\n",
				text_string(&words),
				facts->proxmox_boot_tool == KNOWN_YES ? "proxmox-boot-tool refresh"
								      : "update-grub");
	}
	text_free(&words);
	text_addf(text, "nano /etc/modules\n  vfio\n  vfio_iommu_type1\n  vfio_pci\n%s",
			facts->virqfd_exists == KNOWN_YES ? "  vfio_virqfd\n" : "");
	if (report->decided[CHOOSE_BIND_EARLY])
		text_add(text, "After a change in /etc/modprobe.d: update-initramfs -u -k all && reboot\n");
}

/* 01:00 for 0000:01:00.0, as lspci -s and the guide write it. */
static char *slot_text(struct arena *arena, const struct pci_device *gpu)
{
	const char *name = short_address(gpu);
	return arena_strndup(arena, name, strlen(name) - 2);
}

static void add_gpu(struct text *text, const struct wizard *wizard, struct arena *arena)
{
	const struct report *report = wizard->report;
	text_add(text, "\n=== IDENTIFY THE GPU ===\nlspci -nn | grep -Ei 'vga|3d|display'\n");
	if (!report->gpu)
		text_add(text, "(choose one in step 4, then its commands stand here)\n");
	for (size_t i = 0; i < report->parts.n; i++) {
		const struct pci_device *gpu = ((const struct report *)report->parts.item[i])->gpu;
		if (gpu)
			text_addf(text, "lspci -nnk -s %s\nreadlink /sys/bus/pci/devices/%s/iommu_group\n",
					slot_text(arena, gpu), gpu->name);
	}
}

static void add_equivalents(struct text *text, const struct list *changes, bool *any)
{
	for (size_t i = 0; i < changes->n; i++) {
		const struct change *change = changes->item[i];
		if (!change_is_api(change) || !change->equivalent)
			continue;
		text_addf(text, "%s\n", change->equivalent);
		*any = true;
	}
}

static void add_vm(struct text *text, const struct wizard *wizard, struct arena *arena)
{
	const struct report *report = wizard->report;
	text_add(text, "\n=== CONFIGURE THE VM ===\nqm list\n");
	if (!parts_are_chosen(report)) {
		text_add(text, "(choose a GPU and a VM, then its commands stand here)\n");
		return;
	}
	bool any = false;
	if (wizard->plan) {
		add_equivalents(text, &wizard->plan->changes, &any);
		add_equivalents(text, &wizard->plan->forecast, &any);
	}
	bool refused = wizard->plan && wizard->plan->refusals.n;
	text_add(text, any        ? ""
			: refused ? "(this is refused: press v to see why)\n"
				  : "(nothing is left to do for it)\n");
	struct list vms = parts_vms(arena, report);
	for (size_t i = 0; i < vms.n; i++)
		text_addf(text, "qm config %u\n", ((const struct vm *)vms.item[i])->vmid);
}

static void add_verify(struct text *text, const struct wizard *wizard, struct arena *arena)
{
	const struct report *report = wizard->report;
	text_add(text, "\n=== VERIFY ===\nlsmod | grep vfio\nls /sys/kernel/iommu_groups\n");
	for (size_t i = 0; i < report->parts.n; i++) {
		const struct pci_device *gpu = ((const struct report *)report->parts.item[i])->gpu;
		if (gpu)
			text_addf(text, "lspci -nnk -s %s      (Kernel driver in use: vfio-pci)\n",
					slot_text(arena, gpu));
	}
	struct list vms = parts_vms(arena, report);
	text_add(text, "kubectl get nodes -l nvidia.com/gpu.present=true\n");
	for (size_t i = 0; i < vms.n; i++)
		text_addf(text, "kubectl describe node %s | grep nvidia.com/gpu\n",
				((const struct vm *)vms.item[i])->name);
	if (!vms.n)
		text_add(text, "kubectl describe node NODE | grep nvidia.com/gpu\n");
	text_add(text, "\n=== UNDO ===\n");
	text_addf(text, "%s\n", wizard->undo);
	text_add(text, "\nMore: https://pve.proxmox.com/wiki/PCI_Passthrough\n"
		       "https://www.talos.dev/latest/talos-guides/configuration/nvidia-gpu/\n"
		       "https://docs.nvidia.com/datacenter/cloud-native/gpu-operator/\n");
}

int card_show(struct wizard *wizard)
{
	struct arena *arena = arena_new();
	struct text text = {0};
	add_boot(&text, wizard);
	add_gpu(&text, wizard, arena);
	add_vm(&text, wizard, arena);
	add_verify(&text, wizard, arena);
	int key = show_text("Quick reference card for this host", text_string(&text));
	text_free(&text);
	arena_free(arena);
	return key;
}
