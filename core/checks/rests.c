/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fnmatch.h>
#include <string.h>

#include "core/checks/questions.h"
#include "pvegpu/base/text.h"

/*
 * What is judged from what: where a reading failed, the checks that rest on it say "unknown" and
 * why, and nothing is planned by them. A check that reads something new adds its name to that row,
 * or a row. Names and sources are patterns of the shell's kind, with blanks between them.
 */
/* The devices: all of them, or what tells which one it is; and the checks that say something of
 * each GPU. */
static const char devices[] =
		"/sys/bus/pci/devices /sys/bus/pci/devices/*/uevent /sys/bus/pci/devices/*/class "
		"/sys/bus/pci/devices/*/vendor /sys/bus/pci/devices/*/device "
		"/sys/bus/pci/devices/*/subsystem_* /nodes/*/hardware/pci";
static const char each_gpu[] = "gpu.* bios.above-4g vfio.host-driver";

static const struct rest {
	const char *sources; /* of struct gap */
	const char *checks;
} rests[] = {
		{devices, each_gpu},
		{devices, "vfio.binding vfio.ids-overreach vfio.leftovers boot.acs-override "
			  "attach.hostpci attach.device-missing attach.conflict "
			  "attach.onboot-conflict attach.mapping attach.mapping-drift "
			  "attach.token-raw verify.*"},
		{"/nodes/*/hardware/pci", "boot.iommu-active"},
		{"/sys/kernel/iommu_groups /sys/class/iommu",
				"boot.iommu-active boot.iommu-cmdline bios.iommu-firmware boot.acs-override"},
		{"/sys/bus/pci/devices/*/iommu_group",
				"gpu.group-* gpu.only-gpu gpu.functions boot.acs-override attach.mapping attach.mapping-drift attach.onboot-conflict"},
		{"/sys/bus/pci/devices/*/driver /sys/bus/pci/devices/*/vfio-dev",
				"vfio.host-driver vfio.binding vfio.leftovers gpu.only-gpu "
				"gpu.functions gpu.group-isolated gpu.bar gpu.in-use "
				"verify.vfio-bound"},
		{"/sys/bus/pci/devices/*/boot_vga", "gpu.boot-vga gpu.rom vfio.binding"},
		{"/sys/bus/pci/devices/*/resource /sys/bus/pci/devices/*/resource?_resize",
				"bios.above-4g vm.large-gpu gpu.bar-size"},
		{"/sys/bus/pci/devices/*/reset_method", "gpu.reset"},
		{"/sys/bus/pci/devices/*/sriov_*", "gpu.sriov gpu.vf-drivers"},
		{"/sys/bus/pci/devices/*/d3cold_allowed", "gpu.power"},
		{"/sys/bus/pci/devices/*/rom /sys/firmware/acpi/tables/VFCT", "gpu.rom"},
		{"/sys/bus/pci/devices/*/mdev_supported_types /sys/bus/pci/devices/*/nvidia",
				"attach.mapping attach.mapping-drift attach.mdev"},
		{"/sys/bus/pci/devices/*/physfn",
				"gpu.sriov gpu.functions gpu.group-* vfio.binding vfio.ids-overreach attach.hostpci"},
		{"/sys/class/iommu*", "vm.address-width"},
		{"/proc/iomem", "gpu.bar"},
		{"/dev/kmsg /var/log/dmesg /var/log/kern.log",
				"bios.iommu-firmware bios.interrupt-remapping vfio.unsafe-interrupts vfio.leftovers gpu.bar"},

		/* The host: versions, firmware, processor. */
		{"/var/lib/dpkg/status /version",
				"host.pve-version attach.mapping attach.token-raw"},
		{"/nodes/*/status", "bios.cpu-virtualization bios.secure-boot vm.memory"},
		{"/proc/cpuinfo", "bios.cpu-virtualization bios.interrupt-remapping "
				  "boot.iommu-cmdline boot.cmdline-obsolete boot.cmdline-conflict"},
		{"/proc/meminfo /proc/spl/kstat/zfs/arcstats", "vm.memory"},
		{"/proc/sys/kernel/osrelease",
				"host.kernel-* boot.iommu-cmdline boot.framebuffer "
				"boot.cmdline-obsolete vfio.modules* vfio.initramfs-stale "
				"vfio.leftovers gpu.reset"},
		{"/sys/firmware /sys/firmware/efi /sys/firmware/efi/efivars/SecureBoot-*",
				"bios.secure-boot"},
		{"/sys/firmware/efi/efivars/OsIndicationsSupported-*", "bios.iommu-firmware"},
		{"/sys/firmware/acpi/tables*", "bios.iommu-firmware"},
		{"/sys/firmware/acpi/tables/DMAR",
				"bios.interrupt-remapping vfio.unsafe-interrupts vfio.leftovers"},
		{"/etc/hostname", "attach.mapping attach.mapping-drift attach.conflict"},

		/* Boot: what runs, what is configured, what was made of it. */
		{"/proc/cmdline", "host.kernel-next boot.loader boot.cmdline-* boot.iommu-cmdline "
				  "boot.fallback-entry boot.esp-sync boot.acs-override "
				  "boot.framebuffer vfio.binding vfio.ids-overreach "
				  "vfio.unsafe-interrupts gpu.only-gpu gpu.group-isolated"},
		{"/etc/default/grub /etc/default/grub.d* /etc/kernel/cmdline",
				"boot.loader boot.cmdline-* boot.iommu-cmdline boot.esp-sync boot.acs-override boot.framebuffer"},
		{"/etc/default/grub /etc/default/grub.d*", "host.kernel-next"},
		{"/etc/kernel /etc/kernel/proxmox-boot-uuids",
				"host.kernel-* boot.loader boot.cmdline-* boot.iommu-cmdline boot.esp-sync boot.fallback-entry"},
		{"/etc/kernel/next-boot-pin /etc/kernel/proxmox-boot-pin", "host.kernel-*"},
		{"/sys/firmware/efi/efivars/Boot*",
				"boot.loader boot.cmdline-* boot.iommu-cmdline boot.fallback-entry host.kernel-next"},
		{"/boot/grub/grub.cfg",
				"boot.loader boot.cmdline-pending boot.fallback-entry host.kernel-next"},
		{"/boot/grub/custom.cfg /etc/grub.d/41_custom", "boot.fallback-entry"},
		{"/boot", "host.kernel-next"},
		{"/boot/config-*", "boot.framebuffer boot.cmdline-obsolete"},
		{"*/loader/entries* */grub/grub.cfg /proc/mounts /proc/self/mounts /dev/disk/by-uuid/*",
				"boot.esp-sync"},

		/* Modules and their configuration. */
		{"/proc/modules /lib/modules/*/modules.builtin", "vfio.modules"},
		{"/lib/modules/*/modules.dep", "vfio.modules-obsolete vfio.leftovers vfio.binding"},
		{"/lib/modules/*/modules.alias /sys/bus/pci/drivers/*",
				"vfio.binding vfio.host-driver"},
		{"/etc/modules /etc/modules-load.d*",
				"vfio.modules vfio.modules-obsolete vfio.leftovers"},
		{"/etc/modprobe.d* /run/modprobe.d* /usr/local/lib/modprobe.d* /lib/modprobe.d*",
				"vfio.binding vfio.ids-overreach vfio.modprobe-conflict "
				"vfio.initramfs-stale vfio.leftovers vfio.unsafe-interrupts "
				"gpu.only-gpu"},
		{"/etc/udev/rules.d* /etc/sysfs.conf /etc/sysfs.d*",
				"gpu.sriov gpu.vf-drivers gpu.power gpu.bar-size vfio.host-driver"},
		{"/run/udev/rules.d* /usr/local/lib/udev/rules.d* /usr/lib/udev/rules.d* /etc/systemd/system* /etc/tmpfiles.d*",
				"gpu.sriov gpu.vf-drivers gpu.power gpu.bar-size"},
		{"/etc/initramfs-tools*", "vfio.binding vfio.initramfs-stale gpu.only-gpu"},
		{"/boot/initrd.img-*", "vfio.initramfs-stale"},

		/* What the host lives on. */
		{"/proc/mounts /proc/self/mounts /proc/swaps /proc/net/* /sys/class/block* "
		 "/sys/class/net* /sys/devices/* /sys/block* /sys/fs/btrfs* /run/udev/data/* /dev/* "
		 "/etc/pve/corosync.conf /etc/network/interfaces",
				"gpu.group-host-critical vfio.ids-overreach attach.onboot-conflict"},

		/* The guests of this node. Of one VM (struct gap, vmid) only what is said of it,
		 * and what is said of all. */
		{"/etc/pve /etc/pve/qemu-server* /nodes/*/qemu /nodes/*/qemu/*/config /nodes/*/qemu/*/pending",
				"vm.* attach.hostpci* attach.device-missing attach.romfile "
				"attach.conflict attach.onboot-conflict attach.mapping "
				"attach.mapping-drift attach.token-raw gpu.in-use "
				"vfio.ids-overreach verify.vm-started verify.vfio-bound"},
		{"/etc/pve /etc/pve/qemu-server", "host.quorum vm.ha-managed"},
		{"/nodes/*/qemu/*/snapshot", "vm.snapshots"},
		{"/run/qemu-server* /proc/[0-9]*/cmdline",
				"vm.running attach.conflict gpu.in-use verify.vm-started verify.vfio-bound"},
		{"/etc/pve/lxc* /sys/fs/cgroup* /sys/class/drm*", "gpu.in-use"},
		{"/usr/share/kvm*", "attach.romfile"},
		{"/etc/pve/mapping/pci.cfg /cluster/mapping/pci",
				"attach.mapping attach.mapping-drift attach.device-missing "
				"attach.hostpci attach.conflict attach.onboot-conflict "
				"attach.token-raw gpu.in-use vfio.ids-overreach verify.vm-started "
				"verify.vfio-bound"},

		/* The cluster, and who we are in it. */
		{"/etc/pve/corosync.conf /etc/pve/.members /cluster/status", "host.quorum"},
		{"/cluster/status", "attach.mapping"},
		{"/etc/pve/ha/resources.cfg /cluster/resources", "vm.ha-managed"},
		{"/var/log/pve/tasks/index /nodes/*/tasks", "verify.task-log"},
		{"/access/permissions", "attach.rights"},
};

/* Checks that keep a plan from harm: without them calls are not made. */
static const char guards[] =
		"boot.iommu-active boot.iommu-cmdline host.quorum attach.rights attach.conflict "
		"attach.mapping attach.hostpci* attach.device-missing gpu.group-* gpu.only-gpu "
		"gpu.boot-vga gpu.in-use vm.running vm.ha-managed vm.machine-q35";

static bool is_among(const char *patterns, const char *name)
{
	char pattern[256];
	for (const char *at = patterns; *at; at += strspn(at, " ")) {
		size_t n = strcspn(at, " ");
		if (n < sizeof pattern) {
			memcpy(pattern, at, n);
			pattern[n] = '\0';
			if (fnmatch(pattern, name, 0) == 0)
				return true;
		}
		at += n;
	}
	return false;
}

static bool rests_on(const struct check *check, const struct gap *gap)
{
	for (size_t i = 0; i < sizeof rests / sizeof *rests; i++)
		if (is_among(rests[i].sources, gap->source) && is_among(rests[i].checks, check->id))
			return true;
	return false;
}

/* The first word that is the name of no check; NULL when each is. */
static const char *stranger_in(const char *patterns)
{
	for (const char *at = patterns; *at; at += strspn(at, " ")) {
		bool names = false;
		for (const struct check *check = check_catalogue; check->id && !names; check++) {
			char word[64] = "";
			size_t n = strcspn(at, " ");
			memcpy(word, at, n < sizeof word ? n : 0);
			names = is_among(word, check->id);
		}
		if (!names)
			return at;
		at += strcspn(at, " ");
	}
	return NULL;
}

const char *rests_fault(void)
{
	for (size_t i = 0; i < sizeof rests / sizeof *rests; i++)
		if (stranger_in(rests[i].checks))
			return stranger_in(rests[i].checks);
	for (const struct check *check = check_catalogue; check->id; check++) {
		bool named = strcmp(check->id, "host.api") == 0; /* says what was not read */
		for (size_t i = 0; i < sizeof rests / sizeof *rests && !named; i++)
			named = is_among(rests[i].checks, check->id);
		if (!named)
			return check->id;
	}
	return stranger_in(guards);
}

/* What was found in spite of a gap: it may be otherwise. */
static void doubt(struct report *report, struct finding *finding, const struct gap *gap)
{
	if (finding->unread)
		return;
	const char *text = gap->what[0] == '/' ? gap->source : gap->what;
	finding->detail = arena_printf(report->arena, "%s could not be read (%s). Without that: %s",
			text, gap->why, finding->detail);
	if (finding->detail[0] == 't')
		finding->detail[0] = 'T';
	finding_evidence(report, finding, gap->source, "%s", gap->why);
	/* What would have been done, or refused, is refused now. */
	if (finding_is_planned(finding) || finding->risk != RISK_NONE)
		finding->risk = RISK_NEVER;
	finding->fix = (struct fix){FIX_NONE, NULL};
	finding->status = STATUS_UNKNOWN;
	finding->unread = true;
}

/* Of one VM only what is said of it, or of all of them. */
static bool is_about(const struct finding *finding, const struct gap *gap)
{
	return !gap->vmid || finding->about.kind != SUBJECT_VM || finding->about.vmid == gap->vmid;
}

void doubt_findings(struct report *report, const struct check *check, size_t first)
{
	const struct facts *facts = report->facts;
	for (size_t g = 0; g < facts->gaps.n; g++) {
		const struct gap *gap = facts->gaps.item[g];
		if (!rests_on(check, gap))
			continue;
		/* Of a GPU that is not seen it would have said something. */
		bool silent = first == report->findings.n;
		if (silent && is_among(devices, gap->source) && is_among(each_gpu, check->id))
			(void)report_add(report, check, STATUS_UNKNOWN, subject_host(),
					"nothing is known.");
		for (size_t i = first; i < report->findings.n; i++)
			if (is_about(report->findings.item[i], gap))
				doubt(report, report->findings.item[i], gap);
	}
}

/* What is said of the host, or of what the goal names. */
static bool is_of_goal(const struct report *report, struct subject subject)
{
	return subject_is_host(subject) || subject.kind == SUBJECT_GROUP ||
	       subject.kind == SUBJECT_MAPPING || subject_is_device(subject, report->gpu) ||
	       subject_is_vm(subject, report->vm);
}

bool unread_holds(const struct report *report, const struct finding *finding)
{
	if (!finding->unread)
		return false;
	return finding->risk == RISK_NEVER ||
	       (report->gpu && report->vm && finding->check->step <= STEP_GPU &&
			       is_among(guards, finding->check->id) &&
			       is_of_goal(report, finding->about));
}

bool unread_guards(const struct report *report, const struct finding *finding)
{
	return finding->unread && is_among(guards, finding->check->id) &&
	       is_of_goal(report, finding->about);
}

/* The gap that hides what a goal names, or NULL. */
static const struct gap *hides(const struct facts *facts, const char *sources, unsigned vmid)
{
	for (size_t i = 0; i < facts->gaps.n; i++) {
		const struct gap *gap = facts->gaps.item[i];
		if ((!gap->vmid || gap->vmid == vmid) && is_among(sources, gap->source))
			return gap;
	}
	return NULL;
}

int tell_hidden(const struct facts *facts, const char *what, unsigned vmid, struct error *err)
{
	const struct gap *gap = hides(facts,
			vmid ? "/nodes/*/qemu /nodes/*/qemu/*/config /etc/pve /etc/pve/qemu-server*"
			     : "/nodes/*/hardware/pci /sys/bus/pci/devices*",
			vmid);
	if (!gap)
		return 0;
	return error_set(err, facts->remote ? ERROR_API : ERROR_IO,
			"whether there is %s is not known: %s", what, gap->why);
}
