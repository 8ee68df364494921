/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "tests/pvesim/access.h"
#include "tests/pvesim/qemu.h"
#include "tests/pvesim/vmfile.h"

/* API2/Qemu.pm: which privilege an option needs. What is in no group is for root alone. */
struct option_group {
	const char *pattern;
	const char *privileges; /* "A|B": any of them */
};

/* clang-format off */
static const struct option_group groups[] = {
	{"^(?:cores|cpu|runningcpu|cpulimit|cpuunits|numa|numa\\d+|smp|sockets|vcpus)$", "VM.Config.CPU"},
	{"^(?:memory|balloon|shares|allow-ksm)$", "VM.Config.Memory"},
	{"^(?:acpi|hotplug|kvm|machine|runningmachine|scsihw|smbios1|tablet|vga|watchdog|audio0|rng0)$",
		"VM.Config.HWType"},
	{"^(?:agent|autostart|bios|description|keyboard|localtime|migrate_downtime|migrate_speed|name|"
		"onboot|ostype|protection|reboot|startdate|startup|tdf|template)$", "VM.Config.Options"},
	{"^freeze$", "VM.PowerMgmt"},
	{"^(?:boot|bootdisk|vmstatestorage)$", "VM.Config.Disk"},
	{"^(?:net\\d+|running-nets-host-mtu)$", "VM.Config.Network"},
	{"^(?:cicustom|cipassword|citype|ciuser|ciupgrade|nameserver|searchdomain|sshkeys|ipconfig\\d+)$",
		"VM.Config.Cloudinit|VM.Config.Network"},
};
/* clang-format on */

static int check_key(struct call *call, const char *vmid, const char *key)
{
	const char *elsewhere = pve_has(call, "8.0")
						? "^(?:unused|serial|usb|hostpci|virtiofs)\\d+$"
						: "^(?:unused|serial|usb)\\d+$";
	if (vm_is_drive(key) || strcmp(key, "cdrom") == 0 || strcmp(key, "tags") == 0 ||
			rx_test(elsewhere, key))
		return 0;
	if (strcmp(key, "vmstate") == 0)
		return access_check_all(call, arena_printf(call->arena, "/vms/%s", vmid),
				"VM.Config.Disk,VM.PowerMgmt");
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
		if (!rx_test(groups[i].pattern, key))
			continue;
		if (access_check_vm(call, vmid, groups[i].privileges) < 0)
			return -1;
		return strcmp(key, "startup") == 0 ? access_check(call, "/", "Sys.Modify") : 0;
	}
	return die(call, "only root can set '%s' config", key);
}

int perm_check_keys(struct call *call, const char *vmid, const struct strings *keys)
{
	if (access_is_root(call))
		return 0;
	for (size_t i = 0; i < keys->n; i++)
		if (check_key(call, vmid, keys->item[i]) < 0)
			return -1;
	return 0;
}

static json_t *parse(struct call *call, const struct schema *table, const char *value)
{
	char *why = NULL;
	json_t *parsed = property_parse_text(
			call->arena, &call->world, table, NULL, value ? value : "", NULL, &why);
	if (!parsed)
		die(call, "%s", why);
	return parsed;
}

static int check_mapped(struct call *call, const char *kind, const char *key, const json_t *device)
{
	const char *mapping = hash_get(device, "mapping");
	if (perl_true(hash_get(device, "host")))
		return die(call, "only root can set '%s' config for %s devices", key,
				strcmp(kind, "pci") == 0 ? "non-mapped" : "real");
	if (!perl_true(mapping))
		return die(call, "either 'host' or 'mapping' must be set.");
	return access_check(call, arena_printf(call->arena, "/mapping/%s/%s", kind, mapping),
			"Mapping.Use");
}

int perm_check_hostpci(struct call *call, const char *vmid, const char *key, const char *value)
{
	if (access_is_root(call))
		return 0;
	json_t *device = parse(call, hostpci_schema, value);
	if (!device)
		return -1;
	int status = check_mapped(call, "pci", key, device);
	if (status == 0)
		status = access_check_vm(call, vmid, "VM.Config.HWType");
	if (status == 0 && hash_get(device, "romfile") && pve_has_either(call, "8.4.10", "9.2.6"))
		status = fail_param(call, key, "only root@pam can set 'romfile' option");
	json_decref(device);
	return status;
}

int perm_check_usb(struct call *call, const char *vmid, const char *key, const char *value)
{
	if (access_is_root(call))
		return 0;
	if (access_check_vm(call, vmid, "VM.Config.HWType") < 0)
		return -1;
	json_t *device = parse(call, usb_schema, value);
	if (!device)
		return -1;
	const char *host = hash_get(device, "host");
	int status = 0;
	if (!host || !rx_test("(?i)^spice$", host))
		status = check_mapped(call, "usb", key, device);
	json_decref(device);
	return status;
}

int perm_check_rng(struct call *call, const char *vmid, const char *value)
{
	if (access_is_root(call))
		return 0;
	if (access_check_vm(call, vmid, "VM.Config.HWType") < 0)
		return -1;
	json_t *device = parse(call, rng_schema, value);
	if (!device)
		return -1;
	const char *source = hash_get(device, "source");
	int status = 0;
	if (source && strcmp(source, "/dev/hwrng") == 0)
		status = access_check(call, "/mapping/hwrng", "Mapping.Use");
	json_decref(device);
	return status;
}

int perm_check_dir(struct call *call, const char *vmid, const char *value)
{
	if (access_is_root(call))
		return 0;
	if (access_check_vm(call, vmid, "VM.Config.Disk") < 0)
		return -1;
	json_t *device = parse(call, virtiofs_schema, value);
	if (!device)
		return -1;
	int status = access_check(call,
			arena_printf(call->arena, "/mapping/dir/%s", hash_get(device, "dirid")),
			"Mapping.Use");
	json_decref(device);
	return status;
}

int perm_check_drive(struct call *call, const char *vmid, const char *key, const char *value)
{
	(void)key;
	if (access_is_root(call) || !value)
		return 0;
	if (rx_test("^[^,]*[:/](?:\\d+/)?(?:vm-\\d+-)?cloudinit", value))
		return access_check_all(call, arena_printf(call->arena, "/vms/%s", vmid),
				"VM.Config.Cloudinit,VM.Config.CDROM");
	if (rx_test("(?:^|,)media=cdrom(?:,|$)", value))
		return access_check_vm(call, vmid, "VM.Config.CDROM");
	return access_check_vm(call, vmid, "VM.Config.Disk");
}

/* What storage.cfg says of a storage: its type, or NULL. */
static const char *storage_type(struct call *call, const char *name)
{
	char *text = state_read(call->sim, call->arena, "storage.cfg");
	struct rx rx;
	char *pattern = arena_printf(call->arena, "(?m)^(\\S+):\\s*%s\\s*$", name);
	return text && rx_match(call->arena, pattern, RX_BYTES, text, &rx) ? rx.group[1] : NULL;
}

/* parse_volname() of the storage plugins, as far as a name tells. */
static int check_volume_name(struct call *call, const char *type, const char *name)
{
	if (strcmp(type, "lvm") == 0 || strcmp(type, "lvmthin") == 0) {
		if (!rx_test("(?i)^[a-z0-9][a-z0-9\\-\\_\\.]*[a-z0-9]$", name))
			return die(call, "lvm name '%s' contains illegal characters", name);
		if (!rx_test("^(?:vm|base)-\\d+-\\S+$", name))
			return die(call, "unable to parse lvm volume name '%s'", name);
	} else if (strcmp(type, "dir") == 0 || strcmp(type, "nfs") == 0) {
		if (!rx_test("^(?:\\d+/\\S+|(?:iso|snippets|vztmpl|backup|import)/[^/]+)$", name))
			return die(call, "unable to parse directory volume name '%s'", name);
	}
	return 0;
}

static int check_volume(struct call *call, const char *vmid, const char *key, const char *value)
{
	struct rx rx;
	char *file = arena_strndup(call->arena, value, strcspn(value, ","));
	if (text_starts(file, "file="))
		file += strlen("file=");
	if (!rx_match(call->arena, "^([A-Za-z][A-Za-z0-9\\-_\\.]*[A-Za-z0-9]):(.+)$", RX_BYTES,
			    file, &rx)) {
		if (file[0] == '/' && !access_is_root(call))
			return die(call, "only root can use absolute paths for '%s'", key);
		return 0;
	}
	const char *type = storage_type(call, rx.group[1]);
	if (!type)
		return die(call, "storage '%s' does not exist", rx.group[1]);
	char *path = arena_printf(call->arena, "/storage/%s", rx.group[1]);
	if (rx_test("^(?:\\d+(?:\\.\\d+)?|cloudinit)$", rx.group[2]))
		return access_check(call, path, "Datastore.AllocateSpace");
	if (check_volume_name(call, type, rx.group[2]) < 0)
		return -1;
	/* A VM's own volumes are its own; others need more. */
	if (rx_test(arena_printf(call->arena, "(?:^|/)(?:vm|base)-%s-", vmid), rx.group[2]))
		return access_check_vm(call, vmid, "VM.Config.Disk");
	return access_check(call, path,
			text_starts(rx.group[2], "iso/") ? "Datastore.Audit|Datastore.AllocateSpace"
							 : "Datastore.Allocate");
}

int perm_check_storage(struct call *call, const char *vmid)
{
	struct strings keys;
	perl_keys(call->arena, call->params, &keys);
	for (size_t i = 0; i < keys.n; i++) {
		const char *key = keys.item[i];
		const char *value = param_get(call, key);
		if (!value || !(vm_is_drive(key) || rx_test("^unused\\d+$", key)))
			continue;
		if (rx_test("^(?:file=)?(?:none|cdrom)(?:,|$)", value))
			continue;
		if (check_volume(call, vmid, key, value) < 0)
			return -1;
	}
	return 0;
}

int perm_check_bridges(struct call *call, const char *key, const char *value)
{
	if (access_is_root(call) || !value || !rx_test("^net\\d+$", key) || !pve_has(call, "8.0"))
		return 0;
	json_t *net = parse(call, net_schema, value);
	if (!net)
		return -1;
	const char *bridge = hash_get(net, "bridge");
	const char *tag = hash_get(net, "tag");
	int status = 0;
	if (bridge)
		status = access_check(call,
				arena_printf(call->arena, "/sdn/zones/localnetwork/%s%s%s", bridge,
						tag ? "/" : "", tag ? tag : ""),
				"SDN.Use");
	json_decref(net);
	return status;
}
