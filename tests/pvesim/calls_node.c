/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "tests/pvesim/calls.h"
#include "tests/pvesim/tls.h"

bool ha_manages(struct call *call, const char *vmid, const char **ret_state)
{
	char *text = state_read(call->sim, call->arena, "ha/resources.cfg");
	struct rx rx;
	char *pattern = arena_printf(call->arena, "(?m)^vm: %s$((?:\\n\\t[^\\n]*)*)", vmid);
	if (!text || !rx_match(call->arena, pattern, RX_BYTES, text, &rx))
		return false;
	struct rx state;
	bool said = rx_match(call->arena, "\\n\\tstate (\\S+)", RX_BYTES,
			rx.group[1] ? rx.group[1] : "", &state);
	const char *wanted = said ? state.group[1] : "started";
	if (ret_state)
		*ret_state = arena_strdup(call->arena, wanted);
	return strcmp(wanted, "ignored") != 0;
}

/* The size of the disk that is booted from, as far as the configuration says. */
static json_int_t boot_disk(struct call *call, const json_t *conf)
{
	static const char units[] = "KMGT";
	const char *boot = vm_get(conf, "boot");
	struct rx rx;
	if (!boot || !rx_match(call->arena, "order=([^,]*)", RX_BYTES, boot, &rx))
		return 0;
	struct strings devices;
	perl_split(call->arena, rx.group[1], ';', &devices);
	for (size_t i = 0; i < devices.n; i++) {
		const char *drive = vm_get(conf, devices.item[i]);
		if (!drive || !vm_is_drive(devices.item[i]) || strstr(drive, "media=cdrom") ||
				!rx_match(call->arena, "(?:^|,)size=(\\d+)([KMGT]?)", RX_BYTES,
						drive, &rx))
			continue;
		json_int_t size = strtoll(rx.group[1], NULL, 10);
		const char *unit = *rx.group[2] ? strchr(units, *rx.group[2]) : NULL;
		return unit ? size << (10 * (unit - units + 1)) : size;
	}
	return 0;
}

/* What vmstatus() measures: nothing of it is more than a number here. */
static void add_measures(const struct call *call, json_t *vm, bool runs)
{
	static const char *const pressures[] = {"pressurecpusome", "pressurecpufull",
			"pressureiosome", "pressureiofull", "pressurememorysome",
			"pressurememoryfull"};
	static const char *const zero[] = {"cpu", "disk", "netin", "netout"};
	for (size_t i = 0; i < sizeof zero / sizeof *zero; i++)
		json_object_set_new(vm, zero[i], json_integer(0));
	json_object_set_new(vm, "mem", json_integer(runs ? 1048576 : 0));
	if (!pve_has(call, "9.0"))
		return;
	json_object_set_new(vm, "memhost", json_integer(runs ? 1048576 : 0));
	for (size_t i = 0; runs && i < sizeof pressures / sizeof *pressures; i++)
		json_object_set_new(vm, pressures[i], json_integer(0));
}

static json_t *overview_of(struct call *call, const char *vmid, const json_t *running)
{
	json_t *conf = vm_load(call, vmid);
	if (!conf)
		return NULL;
	const json_t *about = json_object_get(running, vmid);
	const char *name = vm_get(conf, "name");
	const char *cores = vm_get(conf, "cores");
	const char *sockets = vm_get(conf, "sockets");
	const char *memory = vm_get(conf, "memory");
	long cpus = (cores ? strtol(cores, NULL, 10) : 1) *
		    (sockets ? strtol(sockets, NULL, 10) : 1);
	json_int_t bytes = (json_int_t)(memory ? strtol(memory, NULL, 10) : 512) * 1024 * 1024;
	json_t *vm = json_pack("{s:I,s:s,s:s,s:I,s:I,s:I,s:i}", "vmid",
			(json_int_t)strtol(vmid, NULL, 10), "name",
			name ? name : arena_printf(call->arena, "VM %s", vmid), "status",
			about ? "running" : "stopped", "cpus", (json_int_t)cpus, "maxmem", bytes,
			"maxdisk", boot_disk(call, conf), "uptime", 0);
	add_measures(call, vm, about != NULL);
	if (about) {
		json_int_t since = json_integer_value(json_object_get(about, "since"));
		json_object_set(vm, "pid", json_object_get(about, "pid"));
		json_object_set_new(
				vm, "uptime", json_integer((json_int_t)(now_ms() / 1000) - since));
	}
	if (vm_get(conf, "serial0") || vm_get(conf, "serial1") || vm_get(conf, "serial2") ||
			vm_get(conf, "serial3"))
		json_object_set_new(vm, "serial", json_integer(1));
	if (perl_true(vm_get(conf, "template")))
		json_object_set_new(vm, "template", json_integer(1));
	if (vm_get(conf, "lock"))
		hash_set(vm, "lock", vm_get(conf, "lock"));
	if (vm_get(conf, "tags"))
		hash_set(vm, "tags", vm_get(conf, "tags"));
	json_decref(conf);
	return vm;
}

json_t *vm_overview(struct call *call, const char *vmid)
{
	struct strings names;
	json_t *list = json_array();
	json_t *running = running_load(call);
	if (vmid) {
		names = (struct strings){0};
		strings_add(call->arena, &names, arena_printf(call->arena, "%s.conf", vmid));
	} else {
		state_list(call->sim, call->arena,
				arena_printf(call->arena, "nodes/%s/qemu-server", call->node),
				&names);
	}
	for (size_t i = 0; i < names.n; i++) {
		struct rx rx;
		if (!rx_match(call->arena, "^([1-9][0-9]{2,8})\\.conf$", RX_BYTES, names.item[i],
				    &rx))
			continue;
		if (!vmid && !access_allows(call, arena_printf(call->arena, "/vms/%s", rx.group[1]),
					     "VM.Audit"))
			continue;
		json_t *vm = overview_of(call, rx.group[1], running);
		if (!vm) {
			json_decref(list);
			json_decref(running);
			return NULL;
		}
		json_array_append_new(list, vm);
	}
	json_decref(running);
	return list;
}

static json_t *version_of(struct call *call, const char *node)
{
	const char *version = hash_get(setting_node(call->sim, node), "version");
	version = version ? version : pve_version(call->sim);
	struct rx rx;
	bool parsed = rx_match(call->arena, "^(\\d+\\.\\d+)", RX_BYTES, version, &rx);
	return json_pack("{s:s,s:s,s:s}", "version", version, "release",
			parsed ? rx.group[1] : version, "repoid", "faa83925c9641325");
}

/* What is read of each; the authority is the whole cluster's (API2/Certificates.pm). */
static int get_certificates(struct call *call)
{
	static const char *const names[] = {"pve-root-ca.pem", "pve-ssl.pem"};
	const char *dir = call->sim->certificates;
	char print[96];
	call->result = json_array();
	for (size_t i = 0; dir && i < 2; i++)
		if (tls_file_fingerprint(arena_printf(call->arena, "%s/%s", dir, names[i]), print))
			json_array_append_new(
					call->result, json_pack("{s:s,s:s}", "filename", names[i],
								      "fingerprint", print));
	return 0;
}

static int get_node_version(struct call *call)
{
	call->result = version_of(call, call->node);
	return 0;
}

static const char *text_of(const json_t *about, const char *key, const char *missing)
{
	return hash_get(about, key) ? hash_get(about, key) : missing;
}

static json_int_t number_of(const json_t *about, const char *key, json_int_t missing)
{
	json_t *value = json_object_get(about, key);
	return json_is_integer(value) ? json_integer_value(value) : missing;
}

/* Members that nobody asks this simulation for; their shape is that of the real ones. */
static void add_more_status(struct call *call, json_int_t cpus)
{
	json_t *cpu = json_object_get(call->result, "cpuinfo");
	json_t *more = json_pack("{s:I,s:s,s:s,s:s,s:s,s:s,s:i}", "cores", cpus / 2, "family", "6",
			"vendor", "GenuineIntel", "mhz", "3600.000", "flags", "fpu vmx hypervisor",
			"hvm", "1", "user_hz", 100);
	json_object_update(cpu, more);
	json_decref(more);
	more = json_pack("{s:i,s:f,s:{s:i},s:{s:i,s:i,s:i},s:{s:I,s:I,s:I,s:I}}", "idle", 0, "wait",
			0.003, "ksm", "shared", 0, "swap", "total", 0, "used", 0, "free", 0,
			"rootfs", "total", (json_int_t)100000000000, "used",
			(json_int_t)20000000000, "avail", (json_int_t)75000000000, "free",
			(json_int_t)80000000000);
	json_object_update(call->result, more);
	json_decref(more);
}

void node_numbers(json_t *item, const json_t *about)
{
	json_int_t memory = number_of(about, "memory", 68719476736);
	json_t *numbers = json_pack("{s:i,s:f,s:I,s:I,s:I,s:I,s:I}", "uptime", 86400, "cpu", 0.02,
			"maxcpu", number_of(about, "cpus", 16), "maxmem", memory, "mem", memory / 4,
			"maxdisk", (json_int_t)100000000000, "disk", (json_int_t)20000000000);
	json_object_update(item, numbers);
	json_decref(numbers);
}

static int get_node_status(struct call *call)
{
	const json_t *about = setting_node(call->sim, call->node);
	const char *kernel = text_of(about, "kernel", "6.8.4-3-pve");
	const char *version = text_of(about, "version", pve_version(call->sim));
	json_int_t memory = number_of(about, "memory", 68719476736);
	call->result = json_pack("{s:s,s:s,s:I,s:{s:I,s:I,s:I,s:I},s:{s:I,s:s,s:i},s:[s,s,s],s:f}",
			"kversion",
			arena_printf(call->arena, "Linux %s #1 SMP PREEMPT_DYNAMIC", kernel),
			"pveversion",
			arena_printf(call->arena, "pve-manager/%s/faa83925c9641325", version),
			"uptime", (json_int_t)86400, "memory", "total", memory, "used", memory / 4,
			"free", memory / 4 * 3, "available", memory / 4 * 3, "cpuinfo", "cpus",
			number_of(about, "cpus", 16), "model", text_of(about, "cpu", "Sample CPU"),
			"sockets", 1, "loadavg", "0.10", "0.08", "0.05", "cpu", 0.02);
	add_more_status(call, number_of(about, "cpus", 16));
	if (pve_has(call, "8.0")) {
		bool efi = strcmp(text_of(about, "boot_mode", "efi"), "efi") == 0;
		json_t *boot = json_pack("{s:s}", "mode", efi ? "efi" : "legacy-bios");
		if (efi)
			json_object_set_new(boot, "secureboot",
					json_integer(setting_true(about, "secure_boot", false)));
		json_object_set_new(call->result, "boot-info", boot);
		json_object_set_new(call->result, "current-kernel",
				json_pack("{s:s,s:s,s:s,s:s}", "sysname", "Linux", "release",
						kernel, "version", "#1 SMP PREEMPT_DYNAMIC",
						"machine", "x86_64"));
	}
	return 0;
}

/* A node is not really stopped: the request is kept in commands.json, which a test may read. */
static int post_node_status(struct call *call)
{
	json_t *asked = state_json(call->sim, call->arena, "commands.json");
	if (!asked)
		asked = json_array();
	json_array_append_new(asked, json_pack("{s:s,s:s,s:s,s:I}", "node", call->node, "command",
						     param_get(call, "command"), "user", call->user,
						     "time", (json_int_t)(now_ms() / 1000)));
	state_write_json(call->sim, "commands.json", asked);
	json_decref(asked);
	return 0;
}

static int get_pci(struct call *call)
{
	const char *listed = param_get(call, "pci-class-blacklist");
	bool verbose = !param_given(call, "verbose") || param_true(call, "verbose");
	struct strings hidden;
	json_t *devices = devices_load(call);
	perl_split_list(call->arena, listed ? listed : "05;06;0b", &hidden);
	call->result = json_array();
	for (size_t i = 0; i < json_array_size(devices); i++) {
		json_t *device = json_copy(json_array_get(devices, i));
		const char *class = text_of(device, "class", "0x000000");
		bool shown = true;
		for (size_t k = 0; k < hidden.n; k++)
			shown = shown && !text_starts(class + 2, hidden.item[k]);
		const char *key = NULL;
		json_t *value = NULL;
		void *next = NULL;
		json_object_foreach_safe(device, next, key, value)
		{
			if (text_starts(key, "sim-") ||
					(!verbose && !rx_test("^(?:id|class|vendor|device|iommugroup|mdev)$",
								     key)))
				json_object_del(device, key);
		}
		if (shown)
			json_array_append(call->result, device);
		json_decref(device);
	}
	json_decref(devices);
	return 0;
}

static int get_mdev(struct call *call)
{
	const char *id = param_get(call, pve_has(call, "8.3") ? "pci-id-or-mapping" : "pciid");
	json_t *devices = devices_load(call);
	json_t *device = device_find(devices, id);
	if (!device && !strchr(id, ':')) {
		json_t *cfg = mapping_load(call);
		json_t *entries = mapping_entries(call, cfg, id, call->node);
		const char *path = hash_get(json_array_get(entries, 0), "path");
		if (path)
			device = device_find(
					devices, arena_printf(call->arena, "%s%s", path,
								 strchr(path, '.') ? "" : ".0"));
		if (!path)
			die(call, "PCI device mapping not found for '%s'", id);
		json_decref(entries);
		json_decref(cfg);
	}
	json_t *types = json_object_get(device, "sim-mdev-types");
	call->result = call->code ? NULL : types ? json_incref(types) : json_array();
	json_decref(devices);
	return call->code ? -1 : 0;
}

static int get_storage(struct call *call)
{
	json_t *list = json_object_get(setting_node(call->sim, call->node), "storage");
	call->result = json_array();
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *storage = json_array_get(list, i);
		const char *name = hash_get(storage, "storage");
		if (!name || !access_allows(call, arena_printf(call->arena, "/storage/%s", name),
					     "Datastore.Audit|Datastore.AllocateSpace"))
			continue;
		json_t *item = json_copy(storage);
		double total = json_number_value(json_object_get(item, "total"));
		if (total > 0)
			json_object_set_new(item, "used_fraction",
					json_real(json_number_value(json_object_get(item, "used")) /
							total));
		json_array_append_new(call->result, item);
	}
	return 0;
}

static json_t *log_lines(struct call *call, const char *name)
{
	json_t *list = json_array();
	char *text = state_read(call->sim, call->arena,
			arena_printf(call->arena, "nodes/%s/%s", call->node, name));
	struct strings lines;
	perl_split(call->arena, text ? text : "", '\n', &lines);
	for (size_t i = 0; i < lines.n; i++) {
		size_t n = 0;
		char *bytes = perl_to_bytes(call->arena, lines.item[i], &n);
		json_array_append_new(list, json_string(perl_decode_utf8(call->arena, bytes, n)));
	}
	return list;
}

static int get_syslog(struct call *call)
{
	json_t *lines = log_lines(call, "syslog.txt");
	if (!json_array_size(lines)) /* what journalctl says */
		json_array_append_new(lines, json_string("-- No entries --"));
	call->result = numbered_lines(call, lines, 50);
	json_decref(lines);
	return 0;
}

/* The journal comes with a cursor before and after the lines, as mini-journalreader prints it. */
static int get_journal(struct call *call)
{
	json_t *lines = log_lines(call, "journal.txt");
	const char *last = param_get(call, "lastentries");
	size_t n = json_array_size(lines);
	size_t from = last && strtoul(last, NULL, 10) < n ? n - strtoul(last, NULL, 10) : 0;
	call->result = json_array();
	json_array_append_new(call->result, json_string("s=sample;i=1"));
	for (size_t i = from; i < n; i++)
		json_array_append(call->result, json_array_get(lines, i));
	json_array_append_new(call->result,
			json_string(arena_printf(call->arena, "s=sample;i=%zx", n + 1)));
	json_decref(lines);
	return 0;
}

static int get_dns(struct call *call)
{
	call->result = json_pack("{s:s}", "dns1", "192.0.2.53");
	return 0;
}

static int get_machines(struct call *call)
{
	static const char *const versions[] = {"9.2+pve1", "9.2", "9.0"};
	static const char *const types[] = {"q35", "i440fx"};
	call->result = json_array();
	for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
		for (size_t k = 0; k < sizeof types / sizeof *types; k++) {
			json_t *item = json_pack("{s:s,s:s,s:s}", "id",
					arena_printf(call->arena, "pc-%s-%s", types[k],
							versions[i]),
					"type", types[k], "version", versions[i]);
			if (strstr(versions[i], "+pve"))
				hash_set(item, "changes", "A change of a default.");
			json_array_append_new(call->result, item);
		}
	}
	return 0;
}

static int get_index(struct call *call)
{
	(void)call;
	static const char *const names[] = {"hardware", "journal", "qemu", "status", "storage",
			"syslog", "tasks", "version"};
	call->result = json_array();
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		json_array_append_new(call->result, json_pack("{s:s}", "name", names[i]));
	return 0;
}

/* clang-format off */
static const struct schema by_node[] = {PARAM_NODE, {0}};
static const struct schema node_command[] = {
	PARAM_NODE, {.name = "command", .type = 's', .needed = true, .words = "reboot|shutdown"}, {0}
};
static const struct schema pci_list[] = {
	PARAM_NODE,
	{.name = "pci-class-blacklist", .type = 's', .format = "string-list"},
	{.name = "verbose", .type = 'b'},
	{0}
};
#define PCI_OR_MAPPING "(?:(?:[0-9a-fA-F]{4}:)?[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\\.[0-9a-fA-F])|" \
	"([a-zA-Z][a-zA-Z0-9_-]+)"
static const struct schema pci_mdev[] = {
	PARAM_NODE, {.name = "pci-id-or-mapping", .type = 's', .needed = true, .pattern = PCI_OR_MAPPING},
	{0}
};
static const struct schema pci_mdev_old[] = {
	PARAM_NODE, {.name = "pciid", .type = 's', .needed = true, .pattern =
		"(?:[0-9a-fA-F]{4}:)?[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\\.[0-9a-fA-F]"},
	{0}
};
static const struct schema storage_list[] = {
	PARAM_NODE,
	{.name = "content", .type = 's'}, {.name = "enabled", .type = 'b'},
	{.name = "format", .type = 'b'}, {.name = "storage", .type = 's'},
	{.name = "target", .type = 's', .format = "pve-node"},
	{0}
};
#define DAY "^\\d{4}-\\d{2}-\\d{2}( \\d{2}:\\d{2}(:\\d{2})?)?$"
static const struct schema syslog_params[] = {
	PARAM_NODE,
	{.name = "limit", .type = 'i', .min = "0"}, {.name = "start", .type = 'i', .min = "0"},
	{.name = "service", .type = 's', .max_length = 128},
	{.name = "since", .type = 's', .pattern = DAY}, {.name = "until", .type = 's', .pattern = DAY},
	{0}
};
static const struct schema journal_params[] = {
	PARAM_NODE,
	{.name = "since", .type = 'i', .min = "0"}, {.name = "until", .type = 'i', .min = "0"},
	{.name = "lastentries", .type = 'i', .min = "0"},
	{.name = "startcursor", .type = 's'}, {.name = "endcursor", .type = 's'},
	{.name = "identifiers", .type = 'b', .since = "9.2"}, {.name = "kernel", .type = 'b', .since = "9.2"},
	{.name = "priority", .type = 's', .pattern = "^([0-7](\\.\\.[0-7])?)?$", .since = "9.2"},
	{.name = "service", .type = 's', .max_length = 128, .since = "9.2",
		.pattern = "^[A-Za-z0-9_.@:*?!\\[\\]\\/-]+$"},
	{.name = "structured", .type = 'b', .since = "9.2"},
	{.name = "unit", .type = 's', .max_length = 256, .pattern = "^[A-Za-z0-9_.@:-]+$", .since = "9.2"},
	{.name = "units", .type = 'b', .since = "9.2"},
	{0}
};

#define NODE "/nodes/{node}"
#define SYS_AUDIT "/nodes/{node} Sys.Audit"
#define HARDWARE "/ Sys.Audit|Sys.Modify"

const struct method node_methods[] = {
	{"GET", NODE, "all", by_node, NULL, get_index, .by_node = true},
	{"GET", NODE "/version", "all", by_node, NULL, get_node_version, .by_node = true},
	{"GET", NODE "/certificates/info", "all", by_node, NULL, get_certificates, .by_node = true},
	{"GET", NODE "/status", SYS_AUDIT, by_node, NULL, get_node_status, .by_node = true},
	{"POST", NODE "/status", "/nodes/{node} Sys.PowerMgmt", node_command, NULL, post_node_status, .by_node = true, .daemon = true},
	{"GET", NODE "/hardware/pci", HARDWARE, pci_list, NULL, get_pci, .by_node = true, .daemon = true},
	{"GET", NODE "/hardware/pci/{pci-id-or-mapping}/mdev", HARDWARE, pci_mdev, NULL, get_mdev, "8.3", .by_node = true, .daemon = true},
	{"GET", NODE "/hardware/pci/{pciid}/mdev", HARDWARE, pci_mdev_old, NULL, get_mdev, .by_node = true, .daemon = true},
	{"GET", NODE "/dns", SYS_AUDIT, by_node, NULL, get_dns, .by_node = true},
	{"GET", NODE "/capabilities/qemu/machines", "all", by_node, NULL, get_machines, .by_node = true},
	{"GET", NODE "/storage", "all", storage_list, NULL, get_storage, .by_node = true, .daemon = true},
	{"GET", NODE "/syslog", "/nodes/{node} Sys.Syslog", syslog_params, NULL, get_syslog, .by_node = true, .daemon = true},
	{"GET", NODE "/journal", "/nodes/{node} Sys.Syslog", journal_params, NULL, get_journal, .by_node = true, .daemon = true},
	{0}
};
/* clang-format on */
