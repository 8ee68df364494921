/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/checks/questions.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/kernel_cmdline.h"

/*
 * The file that makes the kernel's command line, and how it is edited:
 *
 *   systemd-boot   the first line of /etc/kernel/cmdline
 *   GRUB           the value in /etc/default/grub in place, where its last assignment is a plain
 *                  one and no later file of /etc/default/grub.d sets it again; otherwise a file of
 *                  our own there, which is sourced last and adds words to whatever came before
 */
static const char snippet_dir[] = "/etc/default/grub.d/";
/* The first that is sourced after every file that sets the value. */
static const char *const snippet_names[] = {"pvegpu.cfg", "zz-pvegpu.cfg", "zzzz-pvegpu.cfg"};
enum { SNIPPETS = 3 };

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static bool is_snippet(const char *path)
{
	for (int i = 0; text_starts(path, snippet_dir) && i < SNIPPETS; i++)
		if (strcmp(base_name(path), snippet_names[i]) == 0)
			return true;
	return false;
}

/* As pvegpu writes it: one that a person has edited is that person's. */
static bool is_untouched(struct arena *arena, const struct grub_file *file)
{
	struct strings words = grub_snippet_words(arena, &file->parsed, GRUB_DEFAULT_NAME);
	struct lines cursor = lines_start(file->text);
	struct line line;
	struct strings lines = {0};
	while (line_next(&cursor, &line))
		strings_add(arena, &lines, arena_strndup(arena, line.start, line.n));
	if (!words.n || lines.n != 3)
		return false;
	const char *why = lines.item[1];
	return text_starts(why, "# ") &&
	       strcmp(file->text, grub_snippet_make(arena, GRUB_DEFAULT_NAME, &words, why + 2)) ==
			       0;
}

/* Our own file, when there is one. */
static bool is_ours(const struct facts *facts, const struct grub_file *file)
{
	return is_snippet(file->path) && is_untouched(facts->arena, file);
}

const struct grub_file *find_snippet(const struct facts *facts)
{
	for (size_t i = 0; i < facts->grub_files.n; i++)
		if (is_ours(facts, facts->grub_files.item[i]))
			return facts->grub_files.item[i];
	return NULL;
}

bool grub_file_sets(const struct grub_file *file, const char *name)
{
	size_t count = 0;
	(void)grub_default_find(&file->parsed, name, &count);
	return count > 0;
}

/* A file of grub.d, not ours, that sets the value after /etc/default/grub; the last one. */
static const struct grub_file *override_of(const struct facts *facts)
{
	const struct grub_file *found = NULL;
	for (size_t i = 0; i < facts->grub_files.n; i++) {
		const struct grub_file *file = facts->grub_files.item[i];
		if (text_starts(file->path, snippet_dir) && !is_ours(facts, file) &&
				(grub_file_sets(file, GRUB_DEFAULT_NAME) || file->parsed.code_line))
			found = file;
	}
	return found;
}

/* What an installer writes there, and what each loader finds out by itself. */
static bool goes_without_saying(const char *word)
{
	static const char *const starts[] = {"root=", "boot=", "rootfstype="};
	static const char *const whole[] = {"quiet", "splash", "ro", "rw"};
	for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
		if (text_starts(word, starts[i]))
			return true;
	for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
		if (strcmp(word, whole[i]) == 0)
			return true;
	return false;
}

struct strings idle_words(const struct report *report, const char **ret_path)
{
	const struct facts *facts = report->facts;
	bool systemd = facts->boot_loader == BOOT_SYSTEMD;
	const char *text = facts->kernel_cmdline.text;
	struct strings words =
			systemd ? facts->grub_unused
				: cmdline_words(report->arena, cmdline_file_line(report->arena,
									       text ? text : ""));
	struct strings idle = {0};
	*ret_path = systemd ? facts->grub.path : facts->kernel_cmdline.path;
	for (size_t i = 0; i < words.n; i++)
		if (!goes_without_saying(words.item[i]) && !strings_has(&idle, words.item[i]) &&
				!strings_has(&report->configured, words.item[i]))
			strings_add(report->arena, &idle, words.item[i]);
	return idle;
}

void add_words(const struct report *report, struct strings *words, struct index *known,
		const struct strings *more)
{
	for (size_t i = 0; i < more->n; i++) {
		if (index_get(known, more->item[i]))
			continue;
		index_put(report->arena, known, more->item[i], more->item[i]);
		strings_add(report->arena, words, more->item[i]);
	}
}

struct strings possible_words(const struct report *report)
{
	const struct facts *facts = report->facts;
	struct strings words = {0};
	struct index known = {0};
	add_words(report, &words, &known, &report->configured);
	for (size_t f = 0; facts->boot_loader == BOOT_GRUB && f < facts->grub_files.n; f++) {
		const struct grub_file *file = facts->grub_files.item[f];
		for (size_t i = 0; i < file->parsed.assignments.n; i++) {
			const struct grub_assignment *item = file->parsed.assignments.item[i];
			bool counts = (item->conditional || item->dynamic) &&
				      (strcmp(item->name, GRUB_DEFAULT_NAME) == 0 ||
						      strcmp(item->name, GRUB_LINUX_NAME) == 0);
			struct strings more =
					cmdline_words(report->arena, counts ? item->value : "");
			add_words(report, &words, &known, &more);
		}
	}
	index_free(&known);
	return words;
}

/* A line that makes update-grub stop: it sources the files with `set -e` in dash. */
static const char *why_it_stops(const struct report *report)
{
	for (size_t f = 0; f < report->facts->grub_files.n; f++) {
		const struct grub_file *file = report->facts->grub_files.item[f];
		if (file->parsed.bad_line)
			return arena_printf(report->arena,
					"%s, line %zu: that is no command, and update-grub stops there",
					file->path, file->parsed.bad_line);
		if (file->parsed.stray_line)
			return arena_printf(report->arena,
					"%s, line %zu: sh takes '%s' for a command, and update-grub stops there; "
					"an assignment has no blanks around its =: %s=\"...\"",
					file->path, file->parsed.stray_line,
					file->parsed.stray_name, file->parsed.stray_name);
		if (file->parsed.exit_line)
			return arena_printf(report->arena,
					"%s, line %zu: exit there ends update-grub", file->path,
					file->parsed.exit_line);
		for (size_t i = 0; i < file->parsed.assignments.n; i++) {
			const struct grub_assignment *item = file->parsed.assignments.item[i];
			bool ours = text_starts(item->name, "GRUB_");
			if ((ours && item->for_command) || item->append)
				return arena_printf(report->arena, "%s, line %zu: %s %s",
						file->path, item->line, item->name,
						item->append ? "+= is not known to dash, which runs update-grub"
							     : "is followed by a command, so it does not count (are quotes missing?)");
		}
	}
	return NULL;
}

const char *why_not_editable(const struct report *report)
{
	const struct facts *facts = report->facts;
	if (facts->boot_loader == BOOT_SYSTEMD) {
		struct error error;
		char *edited = NULL;
		const struct strings none = {0};
		const char *text = facts->kernel_cmdline.text;
		if (facts->kernel_cmdline.error)
			return facts->kernel_cmdline.error;
		if (!text && !facts->cmdline_running)
			return "/etc/kernel/cmdline is not there, nor is the running command line known";
		if (text && cmdline_file_edit(report->arena, facts->kernel_cmdline.path, text,
					    &none, &none, &edited, &error) < 0)
			return arena_strdup(report->arena, error.text);
		return NULL;
	}
	if (facts->boot_loader != BOOT_GRUB)
		return "it is not known what boots this host";
	if (facts->grub.error)
		return facts->grub.error;
	if (facts->grub_parse_error)
		return facts->grub_parse_error;
	if (!facts->grub.text)
		return "/etc/default/grub is not there";
	if (facts->grub_cut)
		return arena_printf(report->arena,
				"a value runs over several lines, and what stands after the first never reaches the kernel; join them: %s",
				text_printable(report->arena, facts->grub_cut));
	return why_it_stops(report);
}

/* Why the value is left alone in /etc/default/grub and a file of our own is used; NULL: in place.
 */
const char *why_not_in_place(const struct report *report)
{
	const struct facts *facts = report->facts;
	const struct grub_file *override = override_of(facts);
	const struct grub_file *snippet = find_snippet(facts);
	if (override)
		return arena_printf(report->arena, "%s sets %s after /etc/default/grub",
				override->path, GRUB_DEFAULT_NAME);
	if (snippet)
		return "it is there already";
	for (size_t f = 0; f < facts->grub_files.n; f++) {
		const struct grub_file *file = facts->grub_files.item[f];
		for (size_t i = 0; i < file->parsed.assignments.n; i++) {
			const struct grub_assignment *item = file->parsed.assignments.item[i];
			if (strcmp(item->name, GRUB_LINUX_NAME) == 0 && item->dynamic &&
					strstr(item->value, GRUB_DEFAULT_NAME))
				return arena_printf(report->arena, "%s takes its words over in %s",
						GRUB_LINUX_NAME, file->path);
		}
	}
	return grub_default_why_not_editable(&facts->grub_parsed, GRUB_DEFAULT_NAME, report->arena);
}

const char *snippet_path(const struct report *report)
{
	const struct facts *facts = report->facts;
	const struct grub_file *snippet = find_snippet(facts);
	const struct grub_file *override = override_of(facts);
	if (snippet && (!override || strcmp(base_name(snippet->path), base_name(override->path)) >
						       0))
		return snippet->path;
	for (int i = 0; i < SNIPPETS; i++)
		if (!override || strcmp(snippet_names[i], base_name(override->path)) > 0)
			return arena_printf(report->arena, "%s%s", snippet_dir, snippet_names[i]);
	return NULL;
}

const char *edited_file(const struct report *report)
{
	bool grub = report->facts->boot_loader == BOOT_GRUB;
	return grub && why_not_in_place(report) ? snippet_path(report)
						: report->facts->cmdline_file;
}

static bool has_edits(const struct report *report)
{
	for (size_t i = 0; i < report->params.n; i++) {
		const struct param_choice *param = report->params.item[i];
		if (param_is_put(param) || param_is_taken(param))
			return true;
	}
	return false;
}

struct edits list_edits(const struct report *report, struct arena *arena)
{
	struct edits edits = {0};
	for (size_t i = 0; i < report->params.n; i++) {
		const struct param_choice *param = report->params.item[i];
		if (param_is_put(param))
			strings_add(arena, &edits.add, param->word);
		if (param_is_taken(param))
			strings_add(arena, &edits.remove, param->word);
	}
	return edits;
}

/* Does the word stand in this file, and where it can be taken out? */
struct standing {
	bool editable, stuck;
};

static struct standing stands_in(
		const struct report *report, const struct grub_file *file, const char *word)
{
	struct standing standing = {0};
	bool main_file = strcmp(file->path, report->facts->grub.path) == 0;
	if (is_ours(report->facts, file)) {
		struct strings words =
				grub_snippet_words(report->arena, &file->parsed, GRUB_DEFAULT_NAME);
		standing.editable = strings_has(&words, word);
		return standing;
	}
	for (size_t i = 0; i < file->parsed.assignments.n; i++) {
		const struct grub_assignment *item = file->parsed.assignments.item[i];
		bool ours = strcmp(item->name, GRUB_DEFAULT_NAME) == 0 ||
			    strcmp(item->name, GRUB_LINUX_NAME) == 0;
		struct strings words = cmdline_words(report->arena, ours ? item->value : "");
		if (!strings_has(&words, word))
			continue;
		bool last = grub_default_find(&file->parsed, item->name, NULL) == item;
		bool plain = main_file && last &&
			     !grub_default_why_not_editable(
					     &file->parsed, item->name, report->arena);
		/* The last one may take over what this one sets. */
		if (main_file && !last && !file->parsed.code_line && grub_assignment_is_plain(item))
			plain = true;
		/* One that a later plain assignment replaces does not count at all. */
		bool dead = !last && !grub_default_why_not_editable(
						     &file->parsed, item->name, report->arena);
		if (dead)
			continue;
		standing.editable = standing.editable || plain;
		standing.stuck = standing.stuck || !plain;
	}
	return standing;
}

/* A word that is to go but stands where it is not edited: in code, in somebody's file of grub.d, or
 * in a list with others. */
static const char *stuck_word(const struct report *report)
{
	const struct facts *facts = report->facts;
	struct edits edits = list_edits(report, report->arena);
	for (size_t i = 0; i < edits.remove.n; i++) {
		const char *word = edits.remove.item[i];
		struct standing all = {.editable = facts->boot_loader != BOOT_GRUB,
				.stuck = strchr(word, ',') && !strings_has(&edits.add, word) &&
					 !text_starts(word, "pcie_acs_override=") &&
					 !text_starts(word, "video=")};
		for (size_t f = 0; facts->boot_loader == BOOT_GRUB && f < facts->grub_files.n;
				f++) {
			struct standing here = stands_in(report, facts->grub_files.item[f], word);
			all.editable = all.editable || here.editable;
			all.stuck = all.stuck || here.stuck;
		}
		if (all.stuck || !all.editable)
			return word;
	}
	return NULL;
}

/* Where the value stands, and what of the file does not count. */
static void add_places(struct report *report, struct finding *finding, const char *path)
{
	const struct facts *facts = report->facts;
	bool grub = facts->boot_loader == BOOT_GRUB;
	const char *second = !grub && facts->kernel_cmdline.text
					     ? strchr(facts->kernel_cmdline.text, '\n')
					     : NULL;
	if (second && second[strspn(second, " \t\r\n")])
		finding_evidence(report, finding, path,
				"only the first line counts; what stands below it is ignored");
	for (size_t i = 0; grub && i < facts->grub_files.n; i++) {
		const struct grub_file *file = facts->grub_files.item[i];
		const struct grub_assignment *found =
				grub_default_find(&file->parsed, GRUB_DEFAULT_NAME, NULL);
		if (found)
			finding_evidence(report, finding, file->path, "line %zu: %s=%s",
					found->line, GRUB_DEFAULT_NAME, found->value);
	}
}

/* "--" ends what is for the kernel: words that would come after it are for init. */
static bool ends_early(const struct report *report, const char *apart)
{
	const struct facts *facts = report->facts;
	size_t n = facts->grub_files.n;
	struct grub_source *sources = arena_alloc(report->arena, (n + 1) * sizeof *sources);
	for (size_t i = 0; i < n; i++) {
		const struct grub_file *file = facts->grub_files.item[i];
		sources[i] = (struct grub_source){file->path, &file->parsed};
	}
	const char *before =
			grub_default_effective(report->arena, sources, n, GRUB_LINUX_NAME, NULL);
	const char *own = apart ? grub_default_effective(report->arena, sources, n,
						  GRUB_DEFAULT_NAME, NULL)
				: "";
	return strstr(arena_printf(report->arena, " %s %s ", before, own), " -- ") != NULL;
}

/* Why what is to be changed cannot be, though the files are fine; or NULL. */
static const char *why_not_these(const struct report *report, const char *apart)
{
	if (report->facts->boot_loader == BOOT_GRUB && ends_early(report, apart))
		return "a word -- stands before the place where words are added, and what comes after it is for "
		       "init, not for the kernel";
	const char *stuck = stuck_word(report);
	if (stuck)
		return arena_printf(report->arena,
				"%s is to go, but it does not stand in a plain value of /etc/default/grub: take it out by hand",
				stuck);
	if (apart && !snippet_path(report))
		return arena_printf(
				report->arena, "%s, and no file can be sourced after that", apart);
	return NULL;
}

void check_cmdline_syntax(struct report *report, const struct check *check)
{
	const struct facts *facts = report->facts;
	if (facts->boot_loader == BOOT_UNKNOWN && !facts->grub.text)
		return;
	const char *why = why_not_editable(report);
	const char *path = facts->cmdline_file ? facts->cmdline_file : "host";
	struct subject subject = facts->cmdline_file ? subject_path(path) : subject_host();
	const char *apart =
			!why && facts->boot_loader == BOOT_GRUB ? why_not_in_place(report) : NULL;
	if (!why)
		why = why_not_these(report, apart);
	if (!why) {
		struct finding *finding = report_add(report, check, apart ? STATUS_INFO : STATUS_OK,
				subject,
				apart ? "%s is left alone, because %s: words are added by %s."
				      : "%s can be read and edited%s%s.",
				path, apart ? apart : "", apart ? snippet_path(report) : "");
		add_places(report, finding, path);
		return;
	}
	bool broken = facts->grub_parse_error || facts->grub.error || facts->kernel_cmdline.error;
	struct finding *finding = report_add(report, check,
			broken            ? STATUS_FAIL
			: facts->grub_cut ? STATUS_WARN
					  : STATUS_INFO,
			subject, "The kernel parameters are not edited here: %s.", why);
	if (has_edits(report)) {
		finding_fix(report, finding, FIX_BY_HAND,
				"make the change by hand, then run the audit again");
		finding->risk = RISK_NEVER;
	}
}
