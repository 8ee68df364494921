/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/goal/internal.h"
#include "pvegpu/base/json.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/attribute_rule.h"
#include "pvegpu/formats/cpu_list.h"
#include "pvegpu/formats/pci_rom.h"

/* What choices with a value may be. They are kept as texts. */

static const char *now_romfile(const struct choice_view *view)
{
	return view->line ? view->line->parsed.romfile : NULL;
}

const struct choice_form form_vf_drivers = {.word = "0|1",
		.example = "1",
		.what = "0 or 1",
		.ask = "0 or 1 (empty: as now): ",
		.number = true,
		.most = 1,
		.attribute = ATTRIBUTE_VF_DRIVERS};
const struct choice_form form_d3cold = {.word = "0|1",
		.example = "0",
		.what = "0 or 1",
		.ask = "0 or 1 (empty: as now): ",
		.number = true,
		.most = 1,
		.attribute = ATTRIBUTE_D3COLD};
const struct choice_form form_bar_size = {.word = "MIB",
		.example = "8192",
		.what = "a number of MiB from 0 to 1048576",
		.ask = "MiB, 0 by firmware (empty: as now): ",
		.number = true,
		.most = 1 << 20,
		.attribute = ATTRIBUTE_WINDOW};
const struct choice_form form_functions = {.word = "N",
		.example = "7",
		.what = "a number from 0 to 65535",
		.ask = "How many (empty: as now): ",
		.number = true,
		.most = ATTRIBUTE_MAX,
		.attribute = ATTRIBUTE_FUNCTIONS};
/* As /boot/vmlinuz-VERSION has it. */
static bool is_kernel(const char *value)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	if (strcmp(value, "none") == 0)
		return true;
	size_t n = strlen(value);
	size_t fit = 0;
	while (fit < n && (strchr(letters, value[fit]) || strchr("0123456789.-+~_", value[fit])))
		fit++;
	return n && fit == n && n <= 64 && strchr("0123456789", value[0]);
}

static const char *now_pinned(const struct choice_view *view)
{
	return view->facts->kernel_pin;
}

const struct choice_form form_pin_kernel = {.word = "VERSION",
		.example = "6.8.12-4-pve",
		.what = "a kernel of /boot, as 6.8.12-4-pve, or none",
		.ask = "Version, or none (empty: as now): ",
		.fits = is_kernel,
		.now = now_pinned};

/* PVE/QemuServer/PCI.pm: [^/\.:]+, in a list with commas. */
static bool is_mdev(const char *value)
{
	return *value && strlen(value) <= 64 && !value[strcspn(value, "/\\.:,=+ \t\r\n")];
}

static const char *now_mdev(const struct choice_view *view)
{
	return view->line ? view->line->parsed.mdev : NULL;
}

const struct choice_form form_mdev = {.word = "TYPE",
		.example = "nvidia-63",
		.what = "a type that the GPU offers, as nvidia-63, or none",
		.ask = "vGPU type, or none (empty: as now): ",
		.fits = is_mdev,
		.now = now_mdev};
const struct choice_form form_romfile = {.word = "NAME",
		.example = "card.rom",
		.what = "the name of a file in /usr/share/kvm, without its directory, or none",
		.ask = "ROM file, or none (empty: as now): ",
		.fits = pci_rom_name_is_valid,
		.now = now_romfile};

/* Settings of a VM, by the names that Proxmox VE has for them (PVE/QemuServer.pm, $confdesc). */

static bool is_affinity(const char *value)
{
	struct cpu_list list;
	return strcmp(value, "none") == 0 || strcmp(value, "near") == 0 ||
	       (!strchr(value, '\n') && cpu_list_read(value, &list));
}

static const char *const pages[] = {"any", "2", "1024", "none", NULL};
/* "none" is a display of PVE's own, so that the default has another word. */
static const char *const displays[] = {
		"none", "std", "virtio", "qxl", "vmware", "cirrus", "serial0", "default", NULL};

const struct choice_form form_sockets = {.word = "N",
		.example = "1",
		.what = "a number from 1 to 8192",
		.ask = "Sockets (empty: as now): ",
		.number = true,
		.least = 1,
		.most = CPU_LIST_MAX,
		.key = "sockets"};
const struct choice_form form_cores = {.word = "N",
		.example = "8",
		.what = "a number from 1 to 8192",
		.ask = "Cores (empty: as now): ",
		.number = true,
		.least = 1,
		.most = CPU_LIST_MAX,
		.key = "cores"};
const struct choice_form form_numa = {.word = "0|1",
		.example = "1",
		.what = "0 or 1",
		.ask = "numa, 0 or 1 (empty: as now): ",
		.number = true,
		.most = 1,
		.key = "numa"};
const struct choice_form form_affinity = {.word = "LIST",
		.example = "0-7,16-23",
		.what = "CPUs of the host below 8192, as 0-7,16-23, near, or none",
		.ask = "CPUs, near, none (empty: as now): ",
		.list = true,
		.fits = is_affinity,
		.key = "affinity",
		.unset = "none",
		.root_only = true};
const struct choice_form form_hugepages = {.word = "SIZE",
		.example = "1024",
		.what = "any, 2, 1024 or none",
		.ask = "any, 2, 1024, none (empty: as now): ",
		.words = pages,
		.key = "hugepages",
		.unset = "none",
		.root_only = true};
const struct choice_form form_balloon = {.word = "MIB",
		.example = "0",
		.what = "a number of MiB; 0: no ballooning",
		.ask = "MiB, 0 for none (empty: as now): ",
		.number = true,
		.most = 999999999,
		.key = "balloon"};
const struct choice_form form_vga = {.word = "NAME",
		.example = "std",
		.what = "none, std, virtio, qxl, vmware, cirrus, serial0 or default",
		.ask = "Display, or default (empty: as now): ",
		.words = displays,
		.key = "vga",
		.unset = "default"};

const char *choice_now(const struct goal_choice *choice, const struct choice_view *view)
{
	const struct choice_form *form = choice->form;
	if (form->key)
		return view->vm ? vm_get_next(view->vm, form->key) : NULL;
	return form->now(view);
}

/* With no more digits than the highest has: 007 is a slip. */
static char *read_number(struct arena *arena, const struct choice_form *form, const char *value)
{
	unsigned long number = 0;
	bool fits = strlen(value) <= strlen(arena_printf(arena, "%lu", form->most)) &&
		    text_to_ulong(value, 10, form->most, &number) && number >= form->least;
	return fits ? arena_printf(arena, "%lu", number) : NULL;
}

/* As it is kept, in the arena; NULL: it is none. */
static char *read_value(struct arena *arena, const struct choice_form *form, const char *value)
{
	bool fits = form->fits && form->fits(value);
	if (form->number)
		return read_number(arena, form, value);
	for (size_t i = 0; form->words && form->words[i]; i++)
		fits = fits || strcmp(form->words[i], value) == 0;
	return fits ? arena_strdup(arena, value) : NULL;
}

int value_read(struct arena *arena, const struct goal_choice *choice, const char *value,
		char **ret_value, struct error *err)
{
	const struct choice_form *form = choice->form;
	*ret_value = read_value(arena, form, value);
	if (*ret_value)
		return 0;
	const char *device = choice->scope == SCOPE_DEVICE ? "DEVICE=" : "";
	(void)error_set(err, ERROR_USAGE, "--%s takes %s%s: %s; not '%s'", choice->yes, device,
			form->word, form->what, value);
	error_hint(err, "as --%s %s%s", choice->yes, *device ? "00:02.0=" : "", form->example);
	return ERROR_USAGE;
}

int goal_set_value(struct goal *goal, const struct goal_choice *choice, const char *device,
		const char *value, struct error *err)
{
	char *kept = NULL;
	if (choice->scope == SCOPE_DEVICE)
		return device_set_value(goal, choice, device, value, err);
	int status = value ? value_read(goal->arena, choice, value, &kept, err) : 0;
	if (status == 0)
		assignment_set_value(goal, choice, device, kept);
	return status;
}

int goal_value_at(struct goal *goal, const struct goal_choice *choice, const char *value,
		struct error *err)
{
	return value_read(goal->arena, choice, value, &goal->values[choice->id], err);
}

void values_copy(struct arena *arena, char **to, char *const *from)
{
	for (int id = 0; id < CHOICES; id++)
		to[id] = arena_strdup(arena, from[id]);
}

json_t *value_to_json(const struct choice_form *form, const char *value)
{
	unsigned long number = 0;
	if (form->number && text_to_ulong(value, 10, UINT32_MAX, &number))
		return json_integer((json_int_t)number);
	return json_text(value);
}

/* What does not fit is not chosen: the plan's id then shows that it was edited. */
char *value_from_json(struct arena *arena, const struct choice_form *form, const json_t *json)
{
	if (form->number && json_is_integer(json))
		return read_value(arena, form,
				arena_printf(arena, "%lld", (long long)json_integer_value(json)));
	return !form->number && json_is_string(json)
			       ? read_value(arena, form, json_string_value(json))
			       : NULL;
}
