/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/goal/goal.h"

/* The guide's own lines (its chapter Advanced Configuration) beside the choices that do the same,
 * and what is wrong in them. */

static const struct guide_line lines[] = {
		{CHOOSE_FUNCTIONS, "echo 1 > /sys/bus/pci/devices/0000:01:00.0/sriov_numvfs",
				"It is gone at the next boot, and 01:00.1, which the guide passes then, is the card's audio, not a virtual function."},
		{CHOOSE_SAVE_ROM, "echo 1 > rom; cat rom > /root/gpu-rom.bin; echo 0 > rom",
				"Proxmox VE looks in /usr/share/kvm only, and what was read is not looked into."},
		{CHOOSE_ROMFILE, "qm set 106 -hostpci0 01:00,pcie=1,romfile=/root/gpu-rom.bin",
				"Proxmox VE puts /usr/share/kvm/ before it, so QEMU finds no such file: a name alone is right."},
		{CHOOSE_CORES, "vcpus: 16",
				"vcpus is how many of sockets times cores are plugged in: alone it is more than there are, and the VM does not start. cores: 16 is right."},
		{CHOOSE_CPU_HOST, "qm set 106 -cpu host,flags=+pcid",
				"host has pcid already, and the line takes flags out that the VM had."},
		{CHOOSE_NUMA, "qm set 106 -numa 1",
				"It is needed by huge pages and by more than one socket; it pins nothing."},
		{CHOOSE_AFFINITY, "affinity: 0-7,16-23",
				"Its numbers are of one machine: on another they are half a core, or CPUs that are not there. near takes whole cores near the GPU."},
		{CHOOSE_TABLET_OFF, "qm set 106 -tablet 0",
				"What it saves is little, and a desktop's pointer in the web console is then not where the mouse is."},
		{CHOICES, NULL, NULL},
};

const struct guide_line *goal_guide_line(enum choice_id id)
{
	for (const struct guide_line *line = lines; line->text; line++)
		if (line->id == id)
			return line;
	return NULL;
}
