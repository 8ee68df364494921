/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/checks/questions.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/kernel_cmdline.h"

/* The kernel parameters a goal chooses among: which this host needs, which contradict, which do
 * nothing. */

static struct param_choice *add_param(
		struct report *report, const char *word, const char *check, const char *help)
{
	struct param_choice *param = arena_alloc(report->arena, sizeof *param);
	*param = (struct param_choice){
			.word = arena_strdup(report->arena, word),
			.check = check,
			.help = help,
			.running = cmdline_holds(&report->facts->cmdline_words, word),
			.configured = cmdline_holds(&report->configured, word),
	};
	list_add(report->arena, &report->params, param);
	return param;
}

static void advise(struct param_choice *param, enum need need, const char *note)
{
	param->need = need;
	param->note = note;
}

bool is_configured_known(const struct facts *facts)
{
	return (facts->boot_loader == BOOT_GRUB && facts->grub.text) ||
	       (facts->boot_loader == BOOT_SYSTEMD && facts->kernel_cmdline.text);
}

static bool choose_iommu_on(struct report *report)
{
	const struct facts *facts = report->facts;
	if (facts->cpu_vendor == CPU_AMD) {
		advise(add_param(report, "amd_iommu=on", "boot.iommu-cmdline",
				       "The kernel knows no such value for amd_iommu: it does nothing. AMD's IOMMU is on by itself."),
				NEED_USELESS, "ignored: AMD's is on by itself");
		return false;
	}
	struct param_choice *param = add_param(report, "intel_iommu=on", "boot.iommu-cmdline",
			"Turns the IOMMU on, so the kernel can give a VM a device of its own. Costs a reboot.");
	const char *value = cmdline_value(&facts->cmdline_words, "intel_iommu");
	enum known by_default = facts_intel_iommu_default_on(facts);
	if (facts->iommu_active == KNOWN_YES && param->running && !param->configured &&
			is_configured_known(facts) && by_default == KNOWN_NO)
		advise(param, NEED_ADVISED, "set for this boot only: off after the next");
	else if (facts->iommu_active == KNOWN_YES)
		advise(param, NEED_DONE,
				cmdline_list_has(value, "on") ? "set, and the IOMMU is on"
							      : "not needed: the IOMMU is on");
	else if (param->configured)
		advise(param, NEED_DONE, "set; counts after the reboot");
	else if (facts->iommu_active == KNOWN_UNKNOWN)
		advise(param, NEED_OPTIONAL, "unknown whether the IOMMU is on");
	else if (facts->cpu_vendor == CPU_UNKNOWN)
		advise(param, NEED_OPTIONAL, "needed by Intel's; whose it is is unknown");
	else if (by_default == KNOWN_YES)
		advise(param, NEED_OPTIONAL, "this kernel turns it on by itself");
	else if (by_default == KNOWN_UNKNOWN)
		advise(param, NEED_ADVISED,
				"needed before Linux 6.8; this kernel's version is unknown");
	else
		advise(param, NEED_ADVISED, "needed: this kernel leaves it off");
	/* Set, but for the next boot: what goes with it is still to be set. */
	return param->need == NEED_ADVISED ||
	       (param->configured && facts->iommu_active == KNOWN_NO);
}

/* It turns off what passthrough needs, by itself or as an item of a list. The kernel takes double
 * quotes away. */
static bool contradicts(struct arena *arena, const char *word)
{
	struct text plain = {0};
	for (const char *c = word; *c; c++)
		if (*c != '"')
			text_add_bytes(&plain, c, 1);
	char *text = text_take(&plain, arena);
	const char *value = strchr(text, '=');
	if (strcmp(text, "nointremap") == 0)
		return true;
	if (!value)
		return false;
	size_t n = (size_t)(value - text);
	value++;
	if (n == 5 && strncmp(text, "iommu", n) == 0)
		return cmdline_list_has(value, "off") || cmdline_list_has(value, "soft");
	static const char *const keys[] = {"intel_iommu", "amd_iommu", "intremap"};
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (strlen(keys[i]) == n && strncmp(text, keys[i], n) == 0)
			return cmdline_list_has(value, "off");
	return false;
}

/* Words that turn off what is needed, each a row that is to go unless the person keeps it. */
static void choose_contradictions(struct report *report)
{
	struct strings words = possible_words(report);
	for (size_t i = 0; i < words.n; i++) {
		if (!contradicts(report->arena, words.item[i]))
			continue;
		struct param_choice *param = add_param(report, words.item[i],
				"boot.cmdline-conflict",
				"Turns off what passthrough needs. It is taken out, so that the other parameters can count.");
		param->unwanted = true;
		param->configured = true; /* or may be, under a condition */
		advise(param, NEED_ADVISED, "contradicts: is taken out");
	}
}

const struct kernel_config *config_of(const struct facts *facts, const char *kernel)
{
	for (size_t i = 0; kernel && i < facts->kernel_configs.n; i++) {
		const struct kernel_config *config = facts->kernel_configs.item[i];
		if (strcmp(config->kernel, kernel) == 0)
			return config;
	}
	return NULL;
}

/* Does a kernel ignore video=efifb:off, or vesafb:off? It does where that driver is not built in,
 * and where the firmware's screen becomes a simple-framebuffer before it
 * (drivers/firmware/sysfb.c). By the version, which is a guess, where its configuration could not
 * be read. */
static enum known ignores_video(const struct facts *facts, const char *kernel, const char *word,
		bool *ret_by_version)
{
	const struct kernel_config *config = config_of(facts, kernel);
	*ret_by_version = !config;
	if (!config)
		return facts_kernel_at_least(facts, 5, 16);
	bool efifb = strstr(word, "efifb:off") && config->efifb != BUILT_NO;
	bool vesafb = strstr(word, "vesafb:off") && config->vesafb != BUILT_NO;
	return config->simplefb != BUILT_NO || (!efifb && !vesafb) ? KNOWN_YES : KNOWN_NO;
}

enum known is_video_ignored(const struct facts *facts, const char *word, bool *ret_by_version)
{
	bool next_by_version = false;
	const char *next = facts->kernel_next ? facts->kernel_next : facts->kernel;
	enum known now = ignores_video(facts, facts->kernel, word, ret_by_version);
	enum known then = ignores_video(facts, next, word, &next_by_version);
	*ret_by_version = *ret_by_version || next_by_version;
	return now == then ? now : KNOWN_UNKNOWN;
}

static bool is_obsolete(const struct report *report, const char *word)
{
	const struct facts *facts = report->facts;
	bool amd = facts->cpu_vendor == CPU_AMD;
	bool by_version = false;
	if (strcmp(word, "amd_iommu=on") == 0)
		return true;
	if (strcmp(word, "intel_iommu=on") == 0)
		return amd;
	return (strcmp(word, "video=efifb:off") == 0 || strcmp(word, "video=vesafb:off") == 0 ||
			       strcmp(word, "video=vesafb:off,efifb:off") == 0 ||
			       strcmp(word, "video=efifb:off,vesafb:off") == 0) &&
	       is_video_ignored(facts, word, &by_version) == KNOWN_YES;
}

bool param_is_put(const struct param_choice *param)
{
	return param->selected && (!param->configured || param->repeated);
}

bool param_is_taken(const struct param_choice *param)
{
	return param->configured && (!param->selected || param->repeated);
}

/* Words of which a second one is without meaning; of others (hugepages=) the place may count. */
static bool says_the_same_twice(const char *word)
{
	static const char *const starts[] = {
			"intel_iommu=", "amd_iommu=", "iommu=", "pcie_acs_override="};
	for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
		if (text_starts(word, starts[i]))
			return true;
	return strcmp(word, "quiet") == 0;
}

static size_t count_word(const struct strings *words, const char *word)
{
	size_t n = 0;
	for (size_t i = 0; i < words->n; i++)
		n += strcmp(words->item[i], word) == 0;
	return n;
}

/* To clean up: words that this kernel ignores go, and repeated ones stay once. */
static void choose_obsolete(struct report *report)
{
	for (size_t i = 0; report->goal->chosen[CHOOSE_CLEAN_UP] == CHOICE_YES &&
			   i < report->configured.n;
			i++) {
		const char *word = report->configured.item[i];
		bool obsolete = is_obsolete(report, word);
		bool repeated = !obsolete && says_the_same_twice(word) &&
				count_word(&report->configured, word) > 1;
		if (!obsolete && !repeated)
			continue;
		struct param_choice *param = NULL;
		for (size_t p = 0; p < report->params.n && !param; p++)
			if (strcmp(((struct param_choice *)report->params.item[p])->word, word) ==
					0)
				param = report->params.item[p];
		if (!param)
			param = add_param(report, word, "boot.cmdline-obsolete",
					"It does nothing, or stands there twice. That is cleaned up.");
		param->check = "boot.cmdline-obsolete";
		param->obsolete = obsolete;
		param->repeated = repeated;
		advise(param, NEED_USELESS,
				obsolete ? "without effect: is taken out"
					 : "stands there twice: once goes");
	}
}

static void choose_acs(struct report *report)
{
	const struct facts *facts = report->facts;
	struct param_choice *param = add_param(report, "pcie_acs_override=downstream,multifunction",
			"boot.acs-override",
			"Pretends that devices are isolated. Splits groups on paper only: a VM's device may then reach others.");
	if (facts->iommu_groups == 0) {
		advise(param, NEED_LATER, "known once the IOMMU is on");
		return;
	}
	if (acs_override_works(&facts->cmdline_words)) {
		advise(param, NEED_OPTIONAL, "on: it may be what splits the groups");
		return;
	}
	bool shared = report->gpu && group_has_others(report, report->gpu);
	advise(param, NEED_OPTIONAL,
			shared        ? "the GPU's group is shared: see GPU"
			: report->gpu ? "not needed: the GPU's group is clean"
				      : "known once a GPU is chosen");
}

static void choose_framebuffer(struct report *report)
{
	struct param_choice *param = add_param(report, "video=efifb:off", "boot.framebuffer",
			"Keeps the old EFI framebuffer driver off the GPU. Most of today's kernels "
			"use simpledrm instead, which does not read it.");
	bool by_version = false;
	if (is_video_ignored(report->facts, param->word, &by_version) == KNOWN_YES)
		advise(param, NEED_USELESS,
				by_version ? "ignored by kernels since 5.15.27"
					   : "ignored: simpledrm is used here");
	else
		advise(param, NEED_OPTIONAL, "only for the GPU the host boots with");
	advise(add_param(report, "initcall_blacklist=sysfb_init", "boot.framebuffer",
			       "Keeps every firmware framebuffer off: the host loses its local console until a driver takes the card."),
			NEED_OPTIONAL, "only if a BAR is held");
}

/* A word that has no row yet. */
static void add_named(struct report *report, const char *word, const char *note)
{
	for (size_t p = 0; p < report->params.n; p++)
		if (strcmp(((struct param_choice *)report->params.item[p])->word, word) == 0)
			return;
	advise(add_param(report, word, "boot.iommu-cmdline", "Named by the person."), NEED_OPTIONAL,
			note);
}

void choose_params(struct report *report)
{
	bool iommu = choose_iommu_on(report);
	struct param_choice *pt = add_param(report, "iommu=pt", "boot.iommu-cmdline",
			"Host devices bypass the IOMMU's translation and stay fast. It changes nothing for the VM's isolation.");
	if (pt->running)
		advise(pt, NEED_DONE, "set");
	else if (pt->configured)
		advise(pt, NEED_DONE, "set; counts after the reboot");
	else
		advise(pt, iommu ? NEED_ADVISED : NEED_OPTIONAL,
				iommu ? "the guide's; keeps the host fast" : "optional");
	choose_acs(report);
	choose_framebuffer(report);
	choose_contradictions(report);
	choose_obsolete(report);
	const struct goal *goal = report->goal;
	bool advised = goal->chosen[CHOOSE_ADVISED] != CHOICE_NO;
	for (size_t i = 0; i < goal->params.n; i++)
		add_named(report, goal->params.item[i], "asked for");
	for (size_t i = 0; i < goal->params_unwanted.n; i++)
		if (cmdline_has_word(&report->configured, goal->params_unwanted.item[i]))
			add_named(report, goal->params_unwanted.item[i], "not wanted");
	for (size_t p = 0; p < report->params.n; p++) {
		struct param_choice *param = report->params.item[p];
		param->selected = param->configured || (advised && param->need == NEED_ADVISED);
		if ((advised && param->unwanted) || param->obsolete)
			param->selected = false;
		if (strings_has(&goal->params, param->word))
			param->selected = true;
		if (strings_has(&goal->params_unwanted, param->word))
			param->selected = false;
	}
}
