/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "pvegpu/base/text.h"
#include "tui/screens/steps.h"

/* VM, container, or both? What each means for the GPUs of this host. */

/* The containers that have it by the host's driver, and the VMs that name it. */
static void add_guests(struct text *text, const struct facts *facts, struct arena *arena,
		const struct pci_device *gpu)
{
	struct list holders = facts_holders(facts, gpu, arena);
	for (size_t i = 0; i < holders.n; i++) {
		const struct holder *holder = holders.item[i];
		text_addf(text, "      now: %s (%s)\n", holder_text(arena, holder), holder->line);
	}
}

/* What stands behind the host's driver, which containers share. */
static void add_nodes(struct text *text, struct arena *arena, const struct wizard *wizard,
		const struct pci_device *gpu)
{
	struct strings nodes = facts_drm_nodes(wizard->root, gpu, arena);
	const char *driver = facts_driver(wizard->facts, gpu);
	const char *render = NULL;
	for (size_t i = 0; i < nodes.n; i++)
		if (text_starts(nodes.item[i], "renderD"))
			render = nodes.item[i];
	if (device_on_vfio(gpu)) {
		text_add(text, "      Not now: vfio-pci has it, so the host drives it not.\n");
		return;
	}
	text_addf(text, "      By the host's driver (%s), any number of containers at once:\n",
			driver);
	if (strcmp(driver, "nvidia") == 0)
		text_add(text, "        pct set CTID --dev0 /dev/nvidia0 --dev1 /dev/nvidiactl\n"
			       "          --dev2 /dev/nvidia-uvm\n"
			       "      with the same version of NVIDIA's driver in each of them.\n");
	else
		text_addf(text,
				"        pct set CTID --dev0 /dev/dri/%s,gid=GID\n"
				"      GID: what `getent group render` says in the container.\n",
				render ? render : "renderD128");
	if (strcmp(driver, "amdgpu") == 0)
		text_add(text, "      To compute (ROCm) /dev/kfd too: --dev1 /dev/kfd,gid=GID\n");
	if (strcmp(driver, "nouveau") == 0)
		text_add(text, "      nouveau draws, and does not compute: CUDA takes NVIDIA's own driver.\n");
}

/* How several can have it at once. */
static void add_both(struct text *text, const struct facts *facts, struct arena *arena,
		const struct pci_device *gpu)
{
	if (pci_is_virtual(gpu))
		text_addf(text, "      It is a part of %s already: others can stay with the host.\n",
				gpu->physfn_name);
	else if (gpu->sriov_total > 0)
		text_addf(text, "      Split it: --functions %s=N, up to %d virtual functions. Each can go to a VM; the rest stays with the host's driver.\n",
				short_address(gpu), gpu->sriov_total);
	else if (gpu->vgpu_types.n)
		text_add(text, "      Parts of it: --mdev TYPE for each VM; the host keeps the GPU.\n");
	else
		text_add(text, "      Not with this card: it cannot be split. The one or the other.\n");
	for (size_t i = 0; i < facts->devices.n; i++) {
		const struct pci_device *other = facts->devices.item[i];
		if (other != gpu && pci_is_gpu(other) && !pci_is_bmc(other) &&
				!pci_is_virtual(other) && !pci_is_virtual(gpu))
			text_addf(text, "      Or another GPU for one of them: %s %s\n",
					short_address(other), short_label(arena, other));
	}
}

void share_page(const struct wizard *wizard, const struct row *row, struct text *text)
{
	const struct facts *facts = wizard->facts;
	struct arena *arena = arena_new();
	(void)row;
	text_add(text, "A VM gets a GPU whole, and brings the driver. Containers use the host's driver, and share what that drives. Not both at once.\n");
	for (size_t i = 0; i < facts->devices.n; i++) {
		const struct pci_device *gpu = facts->devices.item[i];
		if (!pci_is_gpu(gpu) || pci_is_bmc(gpu) ||
				(pci_is_virtual(gpu) && !parts_give(wizard->report, gpu)))
			continue;
		size_t n = facts_card(facts, gpu, arena).n;
		text_addf(text, "\n%s %s\n", short_address(gpu), short_label(arena, gpu));
		text_add(text, "   VM\n");
		text_addf(text, "      %zu %s of the card %s%s. Nothing on the host has them then, until the VM stops and a driver of the host is bound again.\n",
				n, text_plural(n, "function", "functions"),
				text_plural(n, "goes", "go"),
				gpu->boot_vga == KNOWN_YES ? ", the host's console too" : "");
		add_guests(text, facts, arena, gpu);
		text_add(text, "   Containers\n");
		add_nodes(text, arena, wizard, gpu);
		text_add(text, "   Both\n");
		add_both(text, facts, arena, gpu);
	}
	arena_free(arena);
}
