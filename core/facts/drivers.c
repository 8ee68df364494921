/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "core/facts/internal.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/modprobe_conf.h"
#include "pvegpu/formats/modules_alias.h"
#include "pvegpu/formats/modules_list.h"

/*
 * Which modules could take a GPU's functions, by what each kernel that may boot says of itself
 * (modules.alias), and which drivers are VFIO's: they hold a device for a VM.
 */

/* Kernels whose aliases are read; each list is a megabyte. */
enum { KERNELS_MAX = 4, MODALIAS = 80 };

/* The functions of all cards, each once. */
static struct list card_functions(struct facts *facts)
{
	struct list functions = {0};
	for (size_t i = 0; i < facts->devices.n; i++) {
		const struct pci_device *gpu = facts->devices.item[i];
		if (!pci_is_gpu(gpu))
			continue;
		struct list card = facts_card(facts, gpu, facts->arena);
		for (size_t c = 0; c < card.n; c++)
			list_add(facts->arena, &functions, card.item[c]);
	}
	return functions;
}

static void add_taker(struct facts *facts, struct pci_device *device, const char *module)
{
	if (*module && !modules_list_has(&device->takers, module))
		strings_add(facts->arena, &device->takers, module);
}

/* Functions that the kernel names alike. */
struct kind {
	char modalias[MODALIAS];
	struct list functions;
};

/* As the kernel names a device (drivers/pci/pci-driver.c, pci_uevent). */
static void modalias_of(const struct pci_device *device, char text[MODALIAS])
{
	(void)snprintf(text, MODALIAS, "pci:v%08Xd%08Xsv%08Xsd%08Xbc%02Xsc%02Xi%02X",
			device->vendor, device->device, device->subsystem_vendor,
			device->subsystem_device, device->class_code >> 16,
			device->class_code >> 8 & 0xff, device->class_code & 0xff);
}

/* A host has many functions of few kinds, and each alias is compared with each kind. */
static struct list kinds_of(struct arena *arena, const struct list *functions)
{
	struct list kinds = {0};
	for (size_t i = 0; i < functions->n; i++) {
		char modalias[MODALIAS];
		struct kind *kind = NULL;
		modalias_of(functions->item[i], modalias);
		for (size_t k = kinds.n; !kind && k > 0; k--)
			if (strcmp(((struct kind *)kinds.item[k - 1])->modalias, modalias) == 0)
				kind = kinds.item[k - 1];
		if (!kind) {
			kind = arena_alloc(arena, sizeof *kind);
			memcpy(kind->modalias, modalias, sizeof modalias);
			list_add(arena, &kinds, kind);
		}
		list_add(arena, &kind->functions, functions->item[i]);
	}
	return kinds;
}

/* Aliases of one vendor are most; only those of any vendor, or of this one, are compared. */
static bool matches(const struct modules_alias *alias, const char *modalias)
{
	enum { VENDOR = 13 }; /* "pci:v000010DE" */
	return (alias->pattern[5] == '*' || strncmp(alias->pattern, modalias, VENDOR) == 0) &&
	       fnmatch(alias->pattern, modalias, 0) == 0;
}

static void take_alias(
		struct facts *facts, const struct list *kinds, const struct modules_alias *alias)
{
	for (size_t k = 0; k < kinds->n; k++) {
		const struct kind *kind = kinds->item[k];
		if (!matches(alias, kind->modalias))
			continue;
		for (size_t i = 0; i < kind->functions.n; i++)
			add_taker(facts, kind->functions.item[i], alias->module);
	}
}

static bool read_aliases(const struct root *root, struct facts *facts, const struct list *kinds,
		const char *kernel)
{
	struct arena *arena = arena_new(); /* a megabyte, for as long as it is read */
	char *path = arena_printf(arena, "/lib/modules/%s/modules.alias", kernel);
	char *text = strchr(kernel, '/') ? NULL : root_read_value(root, path, arena);
	bool told = text != NULL;
	struct lines cursor = lines_start(text);
	struct modules_alias alias;
	while (modules_alias_next(&cursor, &alias)) {
		if (!alias.vfio)
			take_alias(facts, kinds, &alias);
		else if (!modules_list_has(&facts->vfio_modules, alias.module))
			strings_add(facts->arena, &facts->vfio_modules, alias.module);
	}
	arena_free(arena);
	return told;
}

/* Drivers of graphics cards, where no kernel tells. */
static const struct known_driver {
	uint16_t vendor;     /* 0: any */
	uint32_t class_word; /* 0: of a GPU */
	const char *module;
} known_drivers[] = {
		{0x10de, 0, "nouveau"},
		{0x10de, 0, "nvidia"},
		{0x10de, 0, "nvidiafb"},
		{0x10de, 0, "nvidia_drm"},
		{0x1002, 0, "amdgpu"},
		{0x1002, 0, "radeon"},
		{0x8086, 0, "i915"},
		{0x8086, 0, "xe"},
		{0, 0x0403, "snd_hda_intel"},
		{0, 0x0c03, "xhci_pci"},
		{0x10de, 0x0c80, "i2c_nvidia_gpu"},
		{0x1002, 0x0c80, "i2c_designware_pci"},
};

static bool is_driver_of(const struct known_driver *known, const struct pci_device *device)
{
	return (!known->vendor || known->vendor == device->vendor) &&
	       (known->class_word ? known->class_word == device->class_code >> 8
				  : pci_is_gpu(device));
}

/* Whether modules.dep names it; its files have - where the kernel says _. */
static bool is_installed(struct arena *arena, const char *dep, const char *module)
{
	char *file = arena_printf(arena, "/%s.ko", module);
	if (!dep || strstr(dep, file))
		return true;
	for (char *c = file; *c; c++)
		if (*c == '_')
			*c = '-';
	return strstr(dep, file) != NULL;
}

static void take_known(const struct root *root, struct facts *facts, const struct list *functions)
{
	struct arena *arena = facts->arena;
	bool named = facts->kernel && !strchr(facts->kernel, '/');
	char *dep = named ? root_read_value(root,
					    arena_printf(arena, "/lib/modules/%s/modules.dep",
							    facts->kernel),
					    arena)
			  : NULL;
	for (size_t i = 0; i < sizeof known_drivers / sizeof *known_drivers; i++) {
		const char *module = known_drivers[i].module;
		bool installed = is_installed(arena, dep, module);
		for (size_t f = 0; installed && f < functions->n; f++)
			if (is_driver_of(&known_drivers[i], functions->item[f]))
				add_taker(facts, functions->item[f], module);
	}
}

/* The module of the driver that has it now: its link in sysfs, or its name; where that differs. */
static const char *module_of(const struct root *root, struct facts *facts, const char *driver)
{
	static const char *const differs[][2] = {
			{"xhci_hcd", "xhci_pci"}, {"nvidia-gpu", "i2c_nvidia_gpu"}};
	char *link = arena_printf(facts->arena, "/sys/bus/pci/drivers/%s/module", driver);
	const char *path =
			root_exists(root, link) ? root_real_path(root, link, facts->arena) : NULL;
	if (path && strrchr(path, '/'))
		return strrchr(path, '/') + 1;
	for (size_t i = 0; i < sizeof differs / sizeof *differs; i++)
		if (strcmp(driver, differs[i][0]) == 0)
			return differs[i][1];
	return driver;
}

static void judge_bound(struct facts *facts, struct pci_device *device)
{
	if (!device->driver)
		device->on_vfio = facts->drivers_known == KNOWN_YES ? KNOWN_NO : KNOWN_UNKNOWN;
	else if (device->on_vfio != KNOWN_YES)
		device->on_vfio =
				strcmp(device->driver, "vfio-pci") == 0 ||
								modules_list_has(
										&facts->vfio_modules,
										device->driver)
						? KNOWN_YES
						: KNOWN_NO;
}

static bool has_module(const struct root *root, struct arena *arena, const char *kernel,
		const char *where, const char *module)
{
	static const char *const ends[] = {".ko", ".ko.zst", ".ko.xz"};
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (root_exists(root, arena_printf(arena, "/lib/modules/%s/%s/%s%s", kernel, where,
						      module, ends[i])))
			return true;
	return false;
}

/* What depmod prefers (depmod.d(5), search: updates, extra, built-in), by where DKMS puts it. */
static enum known is_added(const struct root *root, struct facts *facts, const char *kernel,
		const char *module)
{
	static const char *const places[] = {"updates/dkms", "updates", "extra"};
	const char *own = arena_printf(facts->arena, "kernel/drivers/gpu/drm/%s", module);
	if (!kernel || strchr(kernel, '/'))
		return KNOWN_UNKNOWN;
	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		if (has_module(root, facts->arena, kernel, places[i], module))
			return KNOWN_YES;
	return has_module(root, facts->arena, kernel, own, module) ? KNOWN_NO : KNOWN_UNKNOWN;
}

/* Whether the functions come depends on which i915 there is; of other drivers nothing is asked. */
static void read_origin(const struct root *root, struct facts *facts, struct pci_device *gpu)
{
	if (gpu->sriov_total <= 0 || !gpu->driver || strcmp(gpu->driver, "i915") != 0)
		return;
	const char *next = facts->kernel_next ? facts->kernel_next : facts->kernel;
	gpu->driver_added = is_added(root, facts, facts->kernel, gpu->driver);
	gpu->driver_added_next = is_added(root, facts, next, gpu->driver);
}

void facts_read_drivers(const struct root *root, struct facts *facts)
{
	struct list functions = card_functions(facts);
	struct strings kernels = {0};
	const char *const first[] = {facts->kernel, facts->kernel_next};
	for (size_t i = 0; i < 2 + facts->kernels.n && kernels.n < KERNELS_MAX; i++) {
		const char *kernel = i < 2 ? first[i] : facts->kernels.item[i - 2];
		if (kernel && !strings_has(&kernels, kernel))
			strings_add(facts->arena, &kernels, arena_strdup(facts->arena, kernel));
	}
	struct list kinds = kinds_of(facts->arena, &functions);
	bool told = false;
	for (size_t i = 0; i < kernels.n; i++)
		told = read_aliases(root, facts, &kinds, kernels.item[i]) || told;
	if (!told)
		take_known(root, facts, &functions);
	for (size_t i = 0; i < facts->devices.n; i++)
		judge_bound(facts, facts->devices.item[i]);
	for (size_t i = 0; i < functions.n; i++) {
		struct pci_device *device = functions.item[i];
		if (device->driver && device->on_vfio == KNOWN_NO)
			add_taker(facts, device, module_of(root, facts, device->driver));
		read_origin(root, facts, device);
	}
}

bool device_on_vfio(const struct pci_device *device)
{
	return device->on_vfio == KNOWN_YES;
}

struct strings facts_rivals(
		const struct facts *facts, const struct pci_device *device, struct arena *arena)
{
	struct strings rivals = {0};
	struct strings early = facts->init_modules.text
					       ? modules_list_names(arena, facts->init_modules.text)
					       : (struct strings){0};
	if (modules_list_has(&early, "vfio_pci"))
		return rivals;
	for (size_t i = 0; i < device->takers.n; i++) {
		const char *module = device->takers.item[i];
		if (!modules_same_name(module, "vfio_pci") &&
				!modprobe_blacklisted(&facts->modprobe, module) &&
				!modprobe_softdep_pre(&facts->modprobe, module, "vfio-pci"))
			strings_add(arena, &rivals, module);
	}
	return rivals;
}
