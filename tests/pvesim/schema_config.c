/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/pvesim/schema.h"

/*
 * The options of a VM: qemu-server's $confdesc and the property strings in it. Those of drives
 * are in schema_drives.h. Which versions know an option is said where it matters for GPU
 * passthrough; elsewhere the set is that of PVE 9.
 */
/* clang-format off */

#define HEX_ID "(?:^0x[0-9a-fA-F]{4}$)"
#define PCI_ID "(?:[a-f0-9]{4,}:)?[a-f0-9]{2}:[a-f0-9]{2}(?:\\.[a-f0-9])?"
#define CPU_LIST "(?:\\d+(?:-\\d+)?(?:;\\d+(?:-\\d+)?)*)"
#define UUID "[a-fA-F0-9]{8}(?:-[a-fA-F0-9]{4}){3}-[a-fA-F0-9]{12}"
#define BASE64 "[A-Za-z0-9+\\/]+={0,2}"

const struct schema hostpci_schema[] = {
	{"host", 's', .default_key = true, .pattern = "(?:(?:" PCI_ID ")(;" PCI_ID ")*)"},
	{"mapping", 's', .format = "pve-configid", .since = "8.0"},
	{"rombar", 'b'},
	{"romfile", 's', .pattern = "[^,;]+"},
	{"pcie", 'b'},
	{"x-vga", 'b'},
	{"legacy-igd", 'b'},
	{"mdev", 's', .pattern = "[^/\\.:]+"},
	{"vendor-id", 's', .pattern = HEX_ID},
	{"device-id", 's', .pattern = HEX_ID},
	{"sub-vendor-id", 's', .pattern = HEX_ID},
	{"sub-device-id", 's', .pattern = HEX_ID},
	{"driver", 's', .words = "vfio|keep", .since = "9.1"},
	{0}
};

#define MAP_PATH "[a-f0-9]{4,}:[a-f0-9]{2}:[a-f0-9]{2}(?:.[a-f0-9])?"
const struct schema map_schema[] = {
	{"node", 's', .needed = true, .format = "pve-node"},
	{"id", 's', .needed = true, .pattern = "(?:^[0-9A-Fa-f]{4}:[0-9A-Fa-f]{4}$)"},
	{"subsystem-id", 's', .pattern = "(?:^[0-9A-Fa-f]{4}:[0-9A-Fa-f]{4}$)"},
	{"path", 's', .needed = true, .pattern = "(?:" MAP_PATH ";)*" MAP_PATH},
	{"iommugroup", 'i'},
	{"description", 's', .max_length = 4096},
	{0}
};

const struct schema usb_schema[] = {
	{"host", 's', .default_key = true, .pattern =
		"(?:(?:(?:(?:(0x)?([0-9A-Fa-f]{4}):(0x)?([0-9A-Fa-f]{4})))|"
		"(?:(?:(\\d+)\\-(\\d+(\\.\\d+)*)))|[Ss][Pp][Ii][Cc][Ee]))"},
	{"mapping", 's', .format = "pve-configid", .since = "8.0"},
	{"usb3", 'b'},
	{0}
};

const struct schema boot_schema[] = {
	{"legacy", 's', .default_key = true, .pattern = "[acdn]{1,4}"},
	{"order", 's', .format = "pve-qm-bootdev-list"},
	{0}
};

const struct schema machine_schema[] = {
	{"type", 's', .default_key = true, .max_length = 40, .pattern =
		"(pc|pc(-i440fx)?-\\d+(\\.\\d+)+(\\+pve\\d+)?(\\.pxe)?|q35|"
		"pc-q35-\\d+(\\.\\d+)+(\\+pve\\d+)?(\\.pxe)?|"
		"virt(?:-\\d+(\\.\\d+)+)?(\\+pve\\d+)?)"},
	{"viommu", 's', .words = "intel|virtio"},
	{"aw-bits", 'n', .min = "32", .max = "64", .since = "8.4"},
	{"enable-s3", 'b', .since = "8.4"},
	{"enable-s4", 'b', .since = "8.4"},
	{0}
};

const struct schema cpu_schema[] = {
	{"cputype", 's', .default_key = true, .format = "string"},
	{"reported-model", 's', .words =
		"486|a64fx|athlon|Broadwell|Broadwell-IBRS|Broadwell-noTSX|Broadwell-noTSX-IBRS|"
		"Cascadelake-Server|Cascadelake-Server-noTSX|Cascadelake-Server-v2|"
		"Cascadelake-Server-v4|Cascadelake-Server-v5|ClearwaterForest|Conroe|Cooperlake|"
		"Cooperlake-v2|core2duo|coreduo|cortex-a35|cortex-a53|cortex-a55|cortex-a57|"
		"cortex-a710|cortex-a72|cortex-a76|EPYC|EPYC-Genoa|EPYC-Genoa-v2|EPYC-IBPB|"
		"EPYC-Milan|EPYC-Milan-v2|EPYC-Milan-v3|EPYC-Rome|EPYC-Rome-v2|EPYC-Rome-v3|"
		"EPYC-Rome-v4|EPYC-Rome-v5|EPYC-Turin|EPYC-v3|EPYC-v4|EPYC-v5|GraniteRapids|"
		"GraniteRapids-v2|GraniteRapids-v3|Haswell|Haswell-IBRS|Haswell-noTSX|"
		"Haswell-noTSX-IBRS|host|Icelake-Client|Icelake-Client-noTSX|Icelake-Server|"
		"Icelake-Server-noTSX|Icelake-Server-v3|Icelake-Server-v4|Icelake-Server-v5|"
		"Icelake-Server-v6|Icelake-Server-v7|IvyBridge|IvyBridge-IBRS|KnightsMill|kvm32|"
		"kvm64|max|Nehalem|Nehalem-IBRS|neoverse-n1|neoverse-n2|neoverse-v1|Opteron_G1|"
		"Opteron_G2|Opteron_G3|Opteron_G4|Opteron_G5|Penryn|pentium|pentium2|pentium3|"
		"phenom|qemu32|qemu64|SandyBridge|SandyBridge-IBRS|SapphireRapids|"
		"SapphireRapids-v2|SapphireRapids-v3|SapphireRapids-v4|SierraForest|"
		"SierraForest-v2|SierraForest-v3|Skylake-Client|Skylake-Client-IBRS|"
		"Skylake-Client-noTSX-IBRS|Skylake-Client-v4|Skylake-Server|Skylake-Server-IBRS|"
		"Skylake-Server-noTSX-IBRS|Skylake-Server-v4|Skylake-Server-v5|Westmere|"
		"Westmere-IBRS"},
	{"hidden", 'b'},
	{"hv-vendor-id", 's', .pattern = "(?:[a-zA-Z0-9]{1,12})"},
	{"flags", 's', .pattern = "(?:(?:([+-])([a-zA-Z0-9\\-_\\.]+))(;(?:([+-])([a-zA-Z0-9\\-_\\.]+)))*)"},
	{"phys-bits", 's', .format = "pve-phys-bits"},
	{"guest-phys-bits", 'i', .min = "32", .max = "64", .since = "9.1"},
	{"level", 'i', .min = "0", .max = "4294967295", .since = "9.1"},
	{0}
};

const struct schema memory_schema[] = {
	{"current", 'i', .default_key = true, .needed = true, .min = "16"},
	{0}
};

#define MODELS "e1000|e1000-82540em|e1000-82544gc|e1000-82545em|e1000e|i82551|i82557b|" \
	"i82559er|ne2k_isa|ne2k_pci|pcnet|rtl8139|virtio|vmxnet3"
#define MODEL(name_) {name_, .alias = "macaddr"}
const struct schema net_schema[] = {
	{"model", 's', .default_key = true, .needed = true, .words = MODELS},
	{"macaddr", 's', .format = "mac-addr"},
	{"bridge", 's', .format = "pve-bridge-id"},
	{"queues", 'i', .min = "0", .max = "64"},
	{"rate", 'n', .min = "0"},
	{"tag", 'i', .min = "1", .max = "4094"},
	{"trunks", 's', .pattern = CPU_LIST},
	{"firewall", 'b'},
	{"link_down", 'b'},
	{"mtu", 'i', .min = "1", .max = "65520"},
	{"host-tunnel", 'b', .since = "9.1"},
	MODEL("e1000"), MODEL("e1000-82540em"), MODEL("e1000-82544gc"), MODEL("e1000-82545em"),
	MODEL("e1000e"), MODEL("i82551"), MODEL("i82557b"), MODEL("i82559er"), MODEL("ne2k_isa"),
	MODEL("ne2k_pci"), MODEL("pcnet"), MODEL("rtl8139"), MODEL("virtio"), MODEL("vmxnet3"),
	{0}
};

const struct schema rng_schema[] = {
	{"source", 's', .default_key = true, .needed = true,
		.words = "/dev/urandom|/dev/random|/dev/hwrng"},
	{"max_bytes", 'i'},
	{"period", 'i'},
	{0}
};

const struct schema virtiofs_schema[] = {
	{"dirid", 's', .default_key = true, .needed = true, .format = "pve-configid"},
	{"cache", 's', .words = "auto|always|metadata|never"},
	{"direct-io", 'b'}, {"expose-acl", 'b'}, {"expose-xattr", 'b'},
	{0}
};

static const struct schema agent_schema[] = {
	{"enabled", 'b', .default_key = true, .needed = true},
	{"freeze-fs", 'b'},
	{"freeze-fs-on-backup", .alias = "freeze-fs"}, {"guest-fsfreeze", .alias = "freeze-fs"},
	{"fstrim_cloned_disks", 'b'},
	{"type", 's', .words = "virtio|isa"},
	{0}
};

static const struct schema sev_schema[] = {
	{"type", 's', .default_key = true, .needed = true, .max_length = 3, .words = "std|es|snp"},
	{"allow-smt", 'b'}, {"kernel-hashes", 'b'}, {"no-debug", 'b'}, {"no-key-sharing", 'b'},
	{0}
};

static const struct schema tdx_schema[] = {
	{"type", 's', .default_key = true, .needed = true, .words = "tdx"},
	{"attestation", 'b', .needed = true},
	{"vsock-cid", 'i', .min = "2"},
	{"vsock-port", 'i', .min = "0"},
	{0}
};

static const struct schema audio_schema[] = {
	{"device", 's', .needed = true, .words = "ich9-intel-hda|intel-hda|AC97"},
	{"driver", 's', .words = "spice|none"},
	{0}
};

static const struct schema cicustom_schema[] = {
	{"meta", 's', .format = "pve-volume-id"}, {"network", 's', .format = "pve-volume-id"},
	{"user", 's', .format = "pve-volume-id"}, {"vendor", 's', .format = "pve-volume-id"},
	{0}
};

static const struct schema ipconfig_schema[] = {
	{"ip", 's', .format = "pve-ipv4-config"},
	{"gw", 's', .format = "ipv4", .requires = "ip"},
	{"ip6", 's', .format = "pve-ipv6-config"},
	{"gw6", 's', .format = "ipv6", .requires = "ip6"},
	{0}
};

static const struct schema ivshmem_schema[] = {
	{"size", 'i', .needed = true, .min = "1"},
	{"name", 's', .pattern = "[a-zA-Z0-9\\-]+"},
	{0}
};

static const struct schema numa_schema[] = {
	{"cpus", 's', .needed = true, .pattern = CPU_LIST},
	{"hostnodes", 's', .pattern = CPU_LIST},
	{"memory", 'n'},
	{"policy", 's', .words = "preferred|bind|interleave"},
	{0}
};

static const struct schema smbios_schema[] = {
	{"uuid", 's', .pattern = UUID},
	{"base64", 'b'},
	{"family", 's', .pattern = BASE64}, {"manufacturer", 's', .pattern = BASE64},
	{"product", 's', .pattern = BASE64}, {"serial", 's', .pattern = BASE64},
	{"sku", 's', .pattern = BASE64}, {"version", 's', .pattern = BASE64},
	{0}
};

static const struct schema spice_schema[] = {
	{"foldersharing", 'b'},
	{"videostreaming", 's', .words = "off|all|filter"},
	{0}
};

static const struct schema vga_schema[] = {
	{"type", 's', .default_key = true, .words = "cirrus|qxl|qxl2|qxl3|qxl4|none|serial0|serial1|serial2|serial3|std|virtio|virtio-gl|vmware"},
	{"memory", 'i', .min = "4", .max = "512"},
	{"clipboard", 's', .words = "vnc"},
	{0}
};

static const struct schema watchdog_schema[] = {
	{"model", 's', .default_key = true, .words = "i6300esb|ib700"},
	{"action", 's', .words = "reset|shutdown|poweroff|pause|debug|none"},
	{0}
};

static const struct schema unused_schema[] = {
	{"file", 's', .default_key = true, .needed = true, .format = "pve-volume-id"},
	{"volume", .alias = "file"},
	{0}
};

static const struct schema meta_schema[] = {
	{"ctime", 's', .pattern = "\\d+"},
	{"creation-qemu", 's', .pattern = "\\d+(\\.\\d+)+"},
	{0}
};

#include "tests/pvesim/schema_drives.h"

#define LOCKS "backup|clone|create|migrate|rollback|snapshot|snapshot-delete|suspending|suspended"
#define KEYBOARDS "de|de-ch|da|en-gb|en-us|es|fi|fr|fr-be|fr-ca|fr-ch|hu|is|it|ja|lt|mk|nl|" \
	"no|pl|pt|pt-br|sv|sl|tr"

const struct schema config_schema[] = {
	{"acpi", 'b'},
	{"affinity", 's', .format = "pve-cpuset", .since = "7.2"},
	{"agent", 's', .object = agent_schema},
	{"allow-ksm", 'b', .since = "9.0"},
	{"amd-sev", 's', .object = sev_schema, .since = "8.4"},
	{"arch", 's', .words = "x86_64|aarch64"},
	{"args", 's'},
	{"audio0", 's', .object = audio_schema},
	{"autostart", 'b'},
	{"balloon", 'i', .min = "0"},
	{"bios", 's', .words = "seabios|ovmf"},
	{"boot", 's', .format = "pve-qm-boot", .object = boot_schema},
	{"bootdisk", 's', .format = "pve-qm-bootdisk", .pattern = "(ide|sata|scsi|virtio)\\d+"},
	{"cdrom", 's', .format = "pve-qm-ide", .object = drive_schema},
	{"cicustom", 's', .format = "pve-qm-cicustom", .object = cicustom_schema},
	{"cipassword", 's'},
	{"citype", 's', .words = "configdrive2|nocloud|opennebula"},
	{"ciupgrade", 'b'},
	{"ciuser", 's'},
	{"cores", 'i', .min = "1"},
	{"cpu", 's', .format = "pve-vm-cpu-conf", .object = cpu_schema},
	{"cpulimit", 'n', .min = "0", .max = "128"},
	{"cpuunits", 'i', .min = "1", .max = "262144"},
	{"description", 's', .max_length = 8192},
	{"efidisk0", 's', .object = efidisk_schema},
	{"freeze", 'b'},
	{"hookscript", 's', .format = "pve-volume-id"},
	{"hostpci[n]", 's', .format = "pve-qm-hostpci", .object = hostpci_schema, .last = 16},
	{"hotplug", 's', .format = "pve-hotplug-features"},
	{"hugepages", 's', .words = "any|2|1024"},
	{"ide[n]", 's', .object = ide_schema, .last = 4},
	{"intel-tdx", 's', .object = tdx_schema, .since = "9.1"},
	{"ipconfig[n]", 's', .format = "pve-qm-ipconfig", .object = ipconfig_schema, .last = 32},
	{"ivshmem", 's', .object = ivshmem_schema},
	{"keephugepages", 'b'},
	{"keyboard", 's', .words = KEYBOARDS},
	{"kvm", 'b'},
	{"localtime", 'b'},
	{"lock", 's', .words = LOCKS},
	{"machine", 's', .object = machine_schema},
	{"memory", 's', .object = memory_schema},
	{"meta", 's', .object = meta_schema, .file_only = true},
	{"migrate_downtime", 'n', .min = "0"},
	{"migrate_speed", 'i', .min = "0"},
	{"name", 's', .format = "dns-name"},
	{"nameserver", 's', .format = "address-list"},
	{"net[n]", 's', .object = net_schema, .last = 32},
	{"numa", 'b'},
	{"numa[n]", 's', .object = numa_schema, .last = 8},
	{"onboot", 'b'},
	{"ostype", 's', .words = "other|wxp|w2k|w2k3|w2k8|wvista|win7|win8|win10|win11|l24|l26|solaris"},
	{"parallel[n]", 's', .pattern = "/dev/parport\\d+|/dev/usb/lp\\d+", .last = 3},
	{"parent", 's', .format = "pve-configid", .file_only = true},
	{"protection", 'b'},
	{"reboot", 'b'},
	{"rng0", 's', .format = "pve-qm-rng", .object = rng_schema},
	{"running-nets-host-mtu", 's', .file_only = true},
	{"runningcpu", 's', .file_only = true},
	{"runningmachine", 's', .object = machine_schema, .file_only = true},
	{"sata[n]", 's', .object = ide_schema, .last = 6},
	{"scsi[n]", 's', .object = scsi_schema, .last = 31},
	{"scsihw", 's', .words = "lsi|lsi53c810|virtio-scsi-pci|virtio-scsi-single|megasas|pvscsi"},
	{"searchdomain", 's'},
	{"serial[n]", 's', .pattern = "(/dev/[^,]+|socket)", .last = 4},
	{"shares", 'i', .min = "0", .max = "50000"},
	{"smbios1", 's', .format = "pve-qm-smbios1", .object = smbios_schema, .max_length = 512},
	{"smp", 'i', .min = "1"},
	{"snaptime", 'i', .min = "0", .file_only = true},
	{"sockets", 'i', .min = "1"},
	{"spice_enhancements", 's', .object = spice_schema},
	{"sshkeys", 's', .format = "urlencoded"},
	{"startdate", 's', .pattern = "(now|\\d{4}-\\d{1,2}-\\d{1,2}(T\\d{1,2}:\\d{1,2}:\\d{1,2})?)"},
	{"startup", 's', .format = "pve-startup-order"},
	{"tablet", 'b'},
	{"tags", 's', .format = "pve-tag-list"},
	{"tdf", 'b'},
	{"template", 'b'},
	{"tpmstate0", 's', .object = tpm_schema},
	{"unused[n]", 's', .object = unused_schema, .last = 256},
	{"usb[n]", 's', .format = "pve-qm-usb", .object = usb_schema, .last = 14},
	{"vcpus", 'i', .min = "1"},
	{"vga", 's', .object = vga_schema},
	{"virtio[n]", 's', .object = virtio_schema, .last = 16},
	{"virtiofs[n]", 's', .object = virtiofs_schema, .last = 10, .since = "8.4"},
	{"vmgenid", 's', .pattern = "(?:" UUID "|[01])"},
	{"vmstate", 's', .format = "pve-volume-id", .file_only = true},
	{"vmstatestorage", 's', .format = "pve-storage-id"},
	{"watchdog", 's', .format = "pve-qm-watchdog", .object = watchdog_schema},
	{0}
};
/* clang-format on */
