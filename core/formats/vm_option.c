/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/formats/vm_option.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/formats/internal.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/hostpci.h"
#include "pvegpu/formats/pci_mapping.h"
#include "pvegpu/formats/property_string.h"

enum type { TEXT, BOOLEAN, INTEGER, NUMBER };

/* A key of a property string. Tables end with a row without a name. */
struct rule {
	const char *name;
	enum type type;
	bool (*check)(const char *value);
	const char *words; /* "a|b": one of these */
	const char *least;
	const char *most;
	size_t length;     /* at most so long */
	const char *alias; /* stands for that key */
	const char *with;  /* may only stand beside that key */
	bool needed;
	bool is_default; /* may stand without its name */
};

struct option {
	const char *name;
	unsigned count; /* hostpci0 … hostpci15: 16; 0: stands without a number */
	enum type type;
	bool (*check)(const char *value);
	const struct rule *rules;
};

/* clang-format off */
#define DEFAULT .is_default = true
#define NEEDED .needed = true
#define BOOL(name_) {name_, .type = BOOLEAN}
#define WORD(name_, words_) {name_, .words = (words_)}
#define VOLUME {"file", .check = format_drive_file, DEFAULT, NEEDED}, {"volume", .alias = "file"}
#define SIZE {"size", .check = format_disk_size}

/* PVE/QemuServer/Drive.pm */
#define RATES(name_) \
	{name_, .type = INTEGER}, {name_ "_rd", .type = INTEGER}, {name_ "_wr", .type = INTEGER}, \
	{name_ "_max_length", .type = INTEGER, .least = "1"}, \
	{name_ "_rd_max_length", .type = INTEGER, .least = "1"}, \
	{name_ "_wr_max_length", .type = INTEGER, .least = "1"}, \
	{name_ "_rd_length", .alias = name_ "_rd_max_length"}, \
	{name_ "_wr_length", .alias = name_ "_wr_max_length"}
#define IMAGES WORD("format", "raw|qcow|qed|qcow2|vmdk|cloop")
#define DRIVE VOLUME, SIZE, IMAGES, RATES("bps"), RATES("iops"), \
	{"iops_max", .type = INTEGER}, {"iops_rd_max", .type = INTEGER}, {"iops_wr_max", .type = INTEGER}, \
	{"mbps", .type = NUMBER}, {"mbps_rd", .type = NUMBER}, {"mbps_wr", .type = NUMBER}, \
	{"mbps_max", .type = NUMBER}, {"mbps_rd_max", .type = NUMBER}, {"mbps_wr_max", .type = NUMBER}, \
	WORD("aio", "native|threads|io_uring"), BOOL("backup"), \
	WORD("cache", "none|writethrough|writeback|unsafe|directsync"), BOOL("detect_zeroes"), \
	WORD("discard", "ignore|on"), WORD("media", "cdrom|disk"), BOOL("replicate"), \
	WORD("rerror", "ignore|report|stop"), WORD("werror", "enospc|ignore|report|stop"), \
	{"serial", .check = format_urlencoded, .length = 60}, BOOL("shared"), BOOL("snapshot")
#define SSD BOOL("ssd"), {"wwn", .check = format_wwn}

static const struct rule ide_rules[] = {DRIVE, SSD,
	{"model", .check = format_urlencoded, .length = 120}, {0}};
static const struct rule scsi_rules[] = {DRIVE, SSD, BOOL("iothread"), BOOL("ro"),
	BOOL("scsiblock"), {"queues", .type = INTEGER, .least = "2"},
	{"product", .check = format_scsi_product}, {"vendor", .check = format_scsi_vendor}, {0}};
static const struct rule virtio_rules[] = {DRIVE, BOOL("iothread"), BOOL("ro"), {0}};
static const struct rule efidisk_rules[] = {VOLUME, SIZE, IMAGES, WORD("efitype", "2m|4m"),
	BOOL("pre-enrolled-keys"), WORD("ms-cert", "2011|2023|2023w|2023k"), {0}};
static const struct rule tpm_rules[] = {VOLUME, SIZE, WORD("format", "raw|qcow2|vmdk"),
	WORD("version", "v1.2|v2.0"), {0}};
static const struct rule unused_rules[] = {
	{"file", .check = format_volume_id, DEFAULT, NEEDED}, {"volume", .alias = "file"}, {0}};

#define FITS(rules_) _Static_assert(sizeof(rules_) / sizeof *(rules_) <= 64, "a bit for each rule")
FITS(ide_rules);
FITS(scsi_rules);
#define MODELS "e1000|e1000-82540em|e1000-82544gc|e1000-82545em|e1000e|i82551|i82557b|i82559er|" \
	"ne2k_isa|ne2k_pci|pcnet|rtl8139|virtio|vmxnet3"
#define MODEL(name_) {name_, .alias = "macaddr"}
static const struct rule net_rules[] = {
	{"model", .words = MODELS, DEFAULT, NEEDED},
	MODEL("e1000"), MODEL("e1000-82540em"), MODEL("e1000-82544gc"), MODEL("e1000-82545em"),
	MODEL("e1000e"), MODEL("i82551"), MODEL("i82557b"), MODEL("i82559er"), MODEL("ne2k_isa"),
	MODEL("ne2k_pci"), MODEL("pcnet"), MODEL("rtl8139"), MODEL("virtio"), MODEL("vmxnet3"),
	{"macaddr", .check = format_mac}, {"bridge", .check = format_bridge}, BOOL("firewall"),
	BOOL("link_down"), BOOL("host-tunnel"), {"mtu", .type = INTEGER, .least = "1", .most = "65520"},
	{"queues", .type = INTEGER, .least = "0", .most = "64"}, {"rate", .type = NUMBER, .least = "0"},
	{"tag", .type = INTEGER, .least = "1", .most = "4094"}, {"trunks", .check = format_number_ranges},
	{0}};

static const struct rule agent_rules[] = {
	{"enabled", .type = BOOLEAN, DEFAULT, NEEDED}, BOOL("freeze-fs"),
	{"freeze-fs-on-backup", .alias = "freeze-fs"}, {"guest-fsfreeze", .alias = "freeze-fs"},
	BOOL("fstrim_cloned_disks"), WORD("type", "virtio|isa"), {0}};
static const struct rule sev_rules[] = {
	{"type", .words = "std|es|snp", DEFAULT, NEEDED}, BOOL("allow-smt"),
	BOOL("kernel-hashes"), BOOL("no-debug"), BOOL("no-key-sharing"), {0}};
static const struct rule tdx_rules[] = {
	{"type", .words = "tdx", DEFAULT, NEEDED}, {"attestation", .type = BOOLEAN, NEEDED},
	{"vsock-cid", .type = INTEGER, .least = "2"}, {"vsock-port", .type = INTEGER, .least = "0"}, {0}};
static const struct rule audio_rules[] = {
	{"device", .words = "ich9-intel-hda|intel-hda|AC97", NEEDED}, WORD("driver", "spice|none"),
	{0}};
static const struct rule boot_rules[] = {
	{"legacy", .check = format_legacy_boot, DEFAULT}, {"order", .check = format_boot_order},
	{0}};
static const struct rule cicustom_rules[] = {
	{"meta", .check = format_volume_id}, {"network", .check = format_volume_id},
	{"user", .check = format_volume_id}, {"vendor", .check = format_volume_id}, {0}};
static const struct rule ipconfig_rules[] = {
	{"ip", .check = format_ipv4_config}, {"gw", .check = format_ipv4, .with = "ip"},
	{"ip6", .check = format_ipv6_config}, {"gw6", .check = format_ipv6, .with = "ip6"}, {0}};
static const struct rule ivshmem_rules[] = {
	{"size", .type = INTEGER, .least = "1", NEEDED}, {"name", .check = format_shared_name}, {0}};
static const struct rule machine_rules[] = {
	{"type", .check = format_machine, .length = 40, DEFAULT}, WORD("viommu", "intel|virtio"),
	{"aw-bits", .type = NUMBER, .least = "32", .most = "64"}, BOOL("enable-s3"), BOOL("enable-s4"),
	{0}};
static const struct rule memory_rules[] = {
	{"current", .type = INTEGER, .least = "16", DEFAULT, NEEDED}, {0}};
static const struct rule meta_rules[] = {
	{"ctime", .check = format_digits}, {"creation-qemu", .check = format_dotted}, {0}};
static const struct rule numa_rules[] = {
	{"cpus", .check = format_number_ranges, NEEDED},
	{"hostnodes", .check = format_number_ranges}, {"memory", .type = NUMBER},
	WORD("policy", "preferred|bind|interleave"), {0}};
static const struct rule rng_rules[] = {
	{"source", .words = "/dev/urandom|/dev/random|/dev/hwrng", DEFAULT, NEEDED},
	{"max_bytes", .type = INTEGER}, {"period", .type = INTEGER}, {0}};
static const struct rule smbios_rules[] = {
	{"uuid", .check = format_uuid}, BOOL("base64"), {"family", .check = format_base64},
	{"manufacturer", .check = format_base64}, {"product", .check = format_base64},
	{"serial", .check = format_base64}, {"sku", .check = format_base64},
	{"version", .check = format_base64}, {0}};
static const struct rule spice_rules[] = {
	BOOL("foldersharing"), WORD("videostreaming", "off|all|filter"), {0}};
static const struct rule usb_rules[] = {
	{"host", .check = format_usb_host, DEFAULT}, {"mapping", .check = pci_mapping_name_is_valid},
	BOOL("usb3"), {0}};
static const struct rule vga_rules[] = {
	{"type", DEFAULT, .words = "cirrus|qxl|qxl2|qxl3|qxl4|none|serial0|serial1|serial2|serial3|std|virtio|virtio-gl|vmware"},
	{"memory", .type = INTEGER, .least = "4", .most = "512"}, WORD("clipboard", "vnc"), {0}};
static const struct rule virtiofs_rules[] = {
	{"dirid", .check = pci_mapping_name_is_valid, DEFAULT, NEEDED},
	WORD("cache", "auto|always|metadata|never"), BOOL("direct-io"), BOOL("expose-acl"),
	BOOL("expose-xattr"), {0}};
static const struct rule watchdog_rules[] = {
	{"model", .words = "i6300esb|ib700", DEFAULT},
	WORD("action", "reset|shutdown|poweroff|pause|debug|none"), {0}};

#define CPU_MODELS \
	"486|a64fx|athlon|Broadwell|Broadwell-IBRS|Broadwell-noTSX|Broadwell-noTSX-IBRS|" \
	"Cascadelake-Server|Cascadelake-Server-noTSX|Cascadelake-Server-v2|" \
	"Cascadelake-Server-v4|Cascadelake-Server-v5|ClearwaterForest|Conroe|Cooperlake|" \
	"Cooperlake-v2|core2duo|coreduo|cortex-a35|cortex-a53|cortex-a55|cortex-a57|cortex-a710|" \
	"cortex-a72|cortex-a76|EPYC|EPYC-Genoa|EPYC-Genoa-v2|EPYC-IBPB|EPYC-Milan|EPYC-Milan-v2|" \
	"EPYC-Milan-v3|EPYC-Rome|EPYC-Rome-v2|EPYC-Rome-v3|EPYC-Rome-v4|EPYC-Rome-v5|EPYC-Turin|" \
	"EPYC-v3|EPYC-v4|EPYC-v5|GraniteRapids|GraniteRapids-v2|GraniteRapids-v3|Haswell|" \
	"Haswell-IBRS|Haswell-noTSX|Haswell-noTSX-IBRS|host|Icelake-Client|Icelake-Client-noTSX|" \
	"Icelake-Server|Icelake-Server-noTSX|Icelake-Server-v3|Icelake-Server-v4|" \
	"Icelake-Server-v5|Icelake-Server-v6|Icelake-Server-v7|IvyBridge|IvyBridge-IBRS|" \
	"KnightsMill|kvm32|kvm64|max|Nehalem|Nehalem-IBRS|neoverse-n1|neoverse-n2|neoverse-v1|" \
	"Opteron_G1|Opteron_G2|Opteron_G3|Opteron_G4|Opteron_G5|Penryn|pentium|pentium2|pentium3|" \
	"phenom|qemu32|qemu64|SandyBridge|SandyBridge-IBRS|SapphireRapids|SapphireRapids-v2|" \
	"SapphireRapids-v3|SapphireRapids-v4|SierraForest|SierraForest-v2|SierraForest-v3|" \
	"Skylake-Client|Skylake-Client-IBRS|Skylake-Client-noTSX-IBRS|Skylake-Client-v4|" \
	"Skylake-Server|Skylake-Server-IBRS|Skylake-Server-noTSX-IBRS|Skylake-Server-v4|" \
	"Skylake-Server-v5|Westmere|Westmere-IBRS|" \
	"x86-64-v1|x86-64-v2|x86-64-v2-AES|x86-64-v3|x86-64-v4"

static bool is_cpu_type(const char *value)
{
	return text_starts(value, "custom-") || format_is_word(CPU_MODELS, value);
}

/* PVE/QemuServer/CPUConfig.pm; `reported-model` is for custom models only. */
static const struct rule cpu_rules[] = {
	{"cputype", .check = is_cpu_type, DEFAULT, NEEDED}, BOOL("hidden"),
	{"hv-vendor-id", .check = format_cpu_vendor}, {"flags", .check = format_cpu_flags},
	{"phys-bits", .check = format_phys_bits},
	{"guest-phys-bits", .type = INTEGER, .least = "32", .most = "64"},
	{"level", .type = INTEGER, .least = "0", .most = "4294967295"}, {0}};

/* In the order of their first letters. hostpci[n] is checked by hostpci_parse(); args and description
 * are read before any check. */
static const struct option options[] = {
	{"acpi", .type = BOOLEAN},
	{"affinity", .check = format_cpuset},
	{"agent", .rules = agent_rules},
	{"allow-ksm", .type = BOOLEAN},
	{"amd-sev", .rules = sev_rules},
	{.name = "arch"},
	{.name = "args"},
	{"audio0", .rules = audio_rules},
	{"autostart", .type = BOOLEAN},
	{"balloon", .type = INTEGER},
	{.name = "bios"},
	{"boot", .rules = boot_rules},
	{"bootdisk", .check = format_boot_disk},
	{"cdrom", .rules = ide_rules},
	{"cicustom", .rules = cicustom_rules},
	{.name = "cipassword"},
	{.name = "citype"},
	{"ciupgrade", .type = BOOLEAN},
	{.name = "ciuser"},
	{"cores", .type = INTEGER},
	{"cpu", .rules = cpu_rules},
	{"cpulimit", .type = NUMBER},
	{"cpuunits", .type = INTEGER},
	{.name = "description"},
	{"efidisk0", .rules = efidisk_rules},
	{"freeze", .type = BOOLEAN},
	{"hookscript", .check = format_volume_id},
	{"hostpci", .count = HOSTPCI_MAX},
	{"hotplug", .check = format_hotplug},
	{.name = "hugepages"},
	{"ide", 4, .rules = ide_rules},
	{"intel-tdx", .rules = tdx_rules},
	{"ipconfig", 32, .rules = ipconfig_rules},
	{"ivshmem", .rules = ivshmem_rules},
	{"keephugepages", .type = BOOLEAN},
	{.name = "keyboard"},
	{"kvm", .type = BOOLEAN},
	{"localtime", .type = BOOLEAN},
	{.name = "lock"},
	{"machine", .rules = machine_rules},
	{"memory", .rules = memory_rules},
	{"meta", .rules = meta_rules},
	{"migrate_downtime", .type = NUMBER},
	{"migrate_speed", .type = INTEGER},
	{"name", .check = format_dns_name},
	{"nameserver", .check = format_address_list},
	{"net", 32, .rules = net_rules},
	{"numa", .type = BOOLEAN},
	{"numa", 8, .rules = numa_rules},
	{"onboot", .type = BOOLEAN},
	{.name = "ostype"},
	{"parallel", .count = 3},
	{"parent", .check = pci_mapping_name_is_valid},
	{"protection", .type = BOOLEAN},
	{"reboot", .type = BOOLEAN},
	{"rng0", .rules = rng_rules},
	{.name = "running-nets-host-mtu"},
	{.name = "runningcpu"},
	{"runningmachine", .rules = machine_rules},
	{"sata", 6, .rules = ide_rules},
	{"scsi", 31, .rules = scsi_rules},
	{.name = "scsihw"},
	{.name = "searchdomain"},
	{"serial", .count = 4},
	{"shares", .type = INTEGER},
	{"smbios1", .rules = smbios_rules},
	{"smp", .type = INTEGER},
	{"snaptime", .type = INTEGER},
	{"sockets", .type = INTEGER},
	{"spice_enhancements", .rules = spice_rules},
	{"sshkeys", .check = format_urlencoded},
	{.name = "startdate"},
	{"startup", .check = format_startup},
	{"tablet", .type = BOOLEAN},
	{"tags", .check = format_tags},
	{"tdf", .type = BOOLEAN},
	{"template", .type = BOOLEAN},
	{"tpmstate0", .rules = tpm_rules},
	{"unused", 256, .rules = unused_rules},
	{"usb", 14, .rules = usb_rules},
	{"vcpus", .type = INTEGER},
	{"vga", .rules = vga_rules},
	{"virtio", 16, .rules = virtio_rules},
	{"virtiofs", 10, .rules = virtiofs_rules},
	{.name = "vmgenid"},
	{"vmstate", .check = format_volume_id},
	{"vmstatestorage", .check = format_storage_id},
	{"watchdog", .rules = watchdog_rules},
};
/* clang-format on */

/* The first option whose name begins with this letter or a later one: they stand in order. */
static size_t first_of_letter(char letter)
{
	size_t from = 0;
	size_t to = sizeof options / sizeof *options;
	while (from < to) {
		size_t middle = (from + to) / 2;
		if (options[middle].name[0] < letter)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

static const struct option *find_option(const char *key)
{
	for (size_t i = first_of_letter(key[0]); i < sizeof options / sizeof *options; i++) {
		const struct option *option = &options[i];
		if (option->name[0] != key[0])
			return NULL;
		if (option->name[1] && option->name[1] != key[1])
			continue; /* nearly all, without a call */
		if (option->count ? format_is_numbered(key, option->name, option->count)
				  : strcmp(key, option->name) == 0)
			return option;
	}
	return NULL;
}

bool vm_option_exists(const char *key)
{
	return find_option(key) != NULL;
}

const char *vm_option_name(const char *key)
{
	const struct option *option = find_option(key);
	if (!option)
		return NULL;
	return option->count ? "" : option->name;
}

static const struct rule *find_rule(const struct rule *rules, const char *name)
{
	for (const struct rule *rule = rules; rule->name; rule++)
		if (rule->name[0] == name[0] && strcmp(rule->name, name) == 0)
			return rule;
	return NULL;
}

/* [+-]?\d+ */
static bool is_integer(const char *value)
{
	return format_digits(value + (*value == '+' || *value == '-'));
}

/* [+-]?(\d+\.\d+|\d+\.|\.\d+|\d+)([eE][+-]?\d+)? */
static bool is_number(const char *value)
{
	static const char digits[] = "0123456789";
	const char *at = value + (*value == '+' || *value == '-');
	size_t whole = strspn(at, digits);
	at += whole;
	size_t part = *at == '.' ? strspn(at + 1, digits) : 0;
	at += *at == '.' ? 1 + part : 0;
	if (!whole && !part)
		return false;
	return !*at || ((*at == 'e' || *at == 'E') && is_integer(at + 1));
}

static bool is_of_type(enum type type, const char *value)
{
	switch (type) {
	case BOOLEAN:
		return property_is_bool(value);
	case INTEGER:
		return is_integer(value);
	case NUMBER:
		return is_number(value);
	case TEXT:
		break;
	}
	return true;
}

static bool fits(const struct rule *rule, const char *value)
{
	if (!is_of_type(rule->type, value) || (rule->check && !rule->check(value)))
		return false;
	if ((rule->length && strlen(value) > rule->length) ||
			(rule->words && !format_is_word(rule->words, value)))
		return false;
	return !(rule->least && strtod(value, NULL) < strtod(rule->least, NULL)) &&
	       !(rule->most && strtod(value, NULL) > strtod(rule->most, NULL));
}

/* `given`: a bit for each rule of which a key was given, by its place in the table. */
static bool has(uint64_t given, const struct rule *rules, const char *name)
{
	const struct rule *rule = find_rule(rules, name);
	return rule && (given >> (rule - rules) & 1);
}

/* Take a key of a property string as it counts, each once: `virtio=MAC` is model and macaddr. Gives
 * the rule that its value must fit. */
static const char *take_key(struct arena *arena, const struct rule *rules, const char *key,
		uint64_t *given, const struct rule **ret_rule)
{
	const struct rule *rule = find_rule(rules, key);
	if (!rule)
		return arena_printf(arena, "has no setting '%s'", key);
	if (*given >> (rule - rules) & 1)
		return arena_printf(arena, "gives %s twice", key);
	if (rule->alias && strcmp(rule->alias, "macaddr") == 0) {
		const struct rule *model = find_rule(rules, "model");
		uint64_t bit = model ? 1ULL << (model - rules) : 0;
		if (*given & bit)
			return "gives two models";
		*given |= bit;
	}
	const struct rule *target = rule->alias ? find_rule(rules, rule->alias) : NULL;
	rule = target ? target : rule;
	*given |= 1ULL << (rule - rules);
	*ret_rule = rule;
	return NULL;
}

/* NULL, or why not. */
static const char *check_properties(
		struct arena *arena, const struct rule *rules, const char *value)
{
	struct property_string parsed;
	uint64_t given = 0;
	const char *name = NULL;
	const char *why = NULL;
	for (const struct rule *rule = rules; rule->name; rule++)
		if (rule->is_default)
			name = rule->name;
	if (property_string_parse(arena, value, name, &parsed, NULL) < 0)
		return "is not a list of key=value that fits";
	for (size_t i = 0; !why && i < parsed.properties.n; i++) {
		const struct property *property = parsed.properties.item[i];
		const struct rule *rule = NULL;
		why = take_key(arena, rules, property->key, &given, &rule);
		if (!why && rule && !fits(rule, property->value))
			why = arena_printf(arena, "has a wrong value for %s", property->key);
	}
	for (const struct rule *rule = rules; !why && rule->name; rule++) {
		bool there = given >> (rule - rules) & 1;
		if (rule->needed && !there)
			why = arena_printf(arena, "lacks %s", rule->name);
		else if (rule->with && there && !has(given, rules, rule->with))
			why = arena_printf(arena, "has %s without %s", rule->name, rule->with);
	}
	return why;
}

static const char *boolean_value(const char *value, const char **ret_why)
{
	int number = property_bool_value(value);
	if (number < 0)
		*ret_why = "is neither 0 nor 1";
	return number < 0 ? NULL : number ? "1" : "0";
}

static const char *integer_value(struct arena *arena, const char *value, const char **ret_why)
{
	if (!format_digits(value)) {
		*ret_why = "is not a whole number";
		return NULL;
	}
	if (value[0] != '0' && strlen(value) < 10)
		return value;
	double number = strtod(value, NULL);
	return number < 1e15 ? arena_printf(arena, "%.0f", number)
			     : arena_printf(arena, "%.15g", number);
}

static const char *number_value(const char *value, const char **ret_why)
{
	size_t n = strspn(value, "0123456789");
	if (n && (!value[n] || (value[n] == '.' && format_digits(value + n + 1))))
		return value;
	*ret_why = "is not a number";
	return NULL;
}

static const char *text_value(struct arena *arena, const struct option *option, const char *value,
		const char **ret_why)
{
	size_t n = strlen(value);
	struct hostpci hostpci;
	if (option->count == HOSTPCI_MAX && strcmp(option->name, "hostpci") == 0)
		*ret_why = hostpci_parse(arena, value, &hostpci, NULL) < 0
					   ? "is not a device that PVE can read"
					   : NULL;
	else if (option->rules)
		*ret_why = check_properties(arena, option->rules, value);
	else if (option->check)
		*ret_why = option->check(value) ? NULL : "has not the form it must have";
	else if (n >= 2 && value[0] == '"' && value[n - 1] == '"')
		return arena_strndup(arena, value + 1, n - 2);
	return *ret_why ? NULL : value;
}

const char *vm_option_value(
		struct arena *arena, const char *key, const char *value, const char **ret_why)
{
	const struct option *option = find_option(key);
	*ret_why = NULL;
	if (!option)
		*ret_why = "is no setting of a VM";
	else if (strpbrk(value, "\n\r"))
		*ret_why = "has a carriage return in its value";
	if (*ret_why)
		return NULL;
	switch (option->type) {
	case BOOLEAN:
		return boolean_value(value, ret_why);
	case INTEGER:
		return integer_value(arena, value, ret_why);
	case NUMBER:
		return number_value(value, ret_why);
	case TEXT:
		break;
	}
	return text_value(arena, option, value, ret_why);
}

bool vm_option_is_drive(const char *key)
{
	return format_boot_disk(key) || format_is_word("efidisk0|tpmstate0", key);
}

const char *vm_option_volume(struct arena *arena, const char *value)
{
	struct property_string parsed;
	if (property_string_parse(arena, value, "file", &parsed, NULL) < 0)
		return NULL;
	const char *file = property_get(&parsed, "file");
	return file ? file : property_get(&parsed, "volume");
}
