/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include <time.h>

#include "pvegpu/base/text.h"
#include "pvegpu/doctor/doctor.h"
#include "pvegpu/formats/upid.h"

enum { WIDTH = 79, SHOWN_MAX = 6, SAID_MAX = 12 };

/* Columns of UTF-8 text, near enough: bytes that do not go on a character. */
static size_t columns(const char *text, size_t n)
{
	size_t count = 0;
	for (size_t i = 0; i < n; i++)
		count += ((unsigned char)text[i] & 0xc0) != 0x80;
	return count;
}

/* How much of `text` fits into `width` columns: up to a blank, or hard where there is none. */
static size_t piece(const char *text, size_t width)
{
	size_t n = 0;
	size_t blank = 0;
	size_t used = 0;
	while (text[n] && (used < width || ((unsigned char)text[n] & 0xc0) == 0x80)) {
		used += ((unsigned char)text[n] & 0xc0) != 0x80;
		if (text[n] == ' ' && n)
			blank = n;
		n++;
	}
	if (!text[n] || text[n] == ' ')
		return n;
	return blank ? blank : n;
}

/* A paragraph after `first`, its other lines after as many blanks; words longer than a line are cut
 * apart. */
static void add_block(struct text *text, const char *first, const char *string)
{
	size_t indent = columns(first, strlen(first));
	text_add(text, first);
	const char *at = string;
	for (bool go_on = false; *at || !go_on; go_on = true) {
		size_t n = piece(at, WIDTH - indent);
		if (go_on)
			text_addf(text, "%*s", (int)indent, "");
		text_add_bytes(text, at, n);
		text_add(text, "\n");
		at += n + strspn(at + n, " ");
	}
}

/* A task's log is better known by its task. */
static char *source_name(struct arena *arena, const struct log_source *source)
{
	struct upid upid;
	if (!source->upid || !upid_parse(arena, source->upid, &upid))
		return source->name;
	char when[32] = "";
	struct tm parts;
	time_t began = (time_t)upid.start_time;
	if (gmtime_r(&began, &parts))
		(void)strftime(when, sizeof when, ", %Y-%m-%d %H:%M UTC", &parts);
	return arena_printf(arena, "task %s%s%s%s", upid.type, source->vmid ? " of VM " : "",
			source->vmid ? upid.id : "", when);
}

static void add_match(struct arena *arena, struct text *text, const struct match *match)
{
	const struct symptom *symptom = match->symptom;
	static const char *const marks[SEVERITY_COUNT] = {
			"[ERROR]  ", "[WARNING]  ", "[INFO]  ", "[NO FAULT]  "};
	add_block(text, marks[symptom->severity], symptom->cause);
	char *where = arena_printf(arena, "%s, line %llu (%s)%s", source_name(arena, match->source),
			(unsigned long long)match->line, symptom->id,
			match->count > 1 ? arena_printf(arena, ", %llu times",
							   (unsigned long long)match->count)
					 : "");
	add_block(text, "  ", where);
	add_block(text, "    | ", match->text);
}

static void add_findings(struct arena *arena, struct text *text, const char *title,
		const struct list *findings, bool detail)
{
	if (!findings->n)
		return;
	if (!detail) { /* one line of names is enough */
		struct strings names = {0};
		for (size_t i = 0; i < findings->n; i++) {
			const struct finding *finding = findings->item[i];
			if (!strings_has(&names, finding->check->id))
				strings_add(arena, &names, finding->check->id);
		}
		add_block(text, title, strings_join(arena, &names, ", "));
		return;
	}
	for (size_t i = 0; i < findings->n && i < SHOWN_MAX; i++) {
		const struct finding *finding = findings->item[i];
		add_block(text, i ? "               " : title,
				arena_printf(arena, "%s: %s", finding->check->id, finding->detail));
	}
}

static void add_case(struct arena *arena, struct text *text, const struct doctor_case *found)
{
	const struct symptom *symptom = found->match->symptom;
	add_match(arena, text, found->match);
	if (found->over) {
		add_block(text, "  Over:        ", arena_printf(arena, "%s.", found->over));
		return;
	}
	for (size_t i = 0; i < found->evidence.n && i < SHOWN_MAX; i++) {
		const struct evidence *evidence = found->evidence.item[i];
		add_block(text, i ? "               " : "  Found here:  ",
				arena_printf(arena, "%s: %s",
						text_printable(arena, evidence->source),
						text_printable(arena, evidence->text)));
	}
	add_findings(arena, text, "  Ruled out:   ", &found->ruled_out, false);
	add_findings(arena, text, "  Unknown:     ", &found->unknown, true);
	for (size_t i = 0; i < found->fixes.n; i++) {
		const struct doctor_fix *fix = found->fixes.item[i];
		char *line = arena_printf(arena, "%zu. %s%s", i + 1, fix->text,
				fix->automatic ? arena_printf(arena, " [pvegpu does it: %s]",
								 fix->check)
					       : "");
		add_block(text, i ? "               " : "  What to do:  ",
				text_printable(arena, line));
	}
	if (symptom->confirm && found->fixes.n)
		add_block(text, "  It worked:   ", symptom->confirm);
}

static void add_kind(struct arena *arena, struct text *text, const struct doctor_kind *kind)
{
	static const char *const marks[STATUS_COUNT] = {"  [ok]       ", "  [info]     ",
			"  [warn]     ", "  [FAIL]     ", "  [unknown]  "};
	add_block(text, "", arena_printf(arena, "%s (%s)", kind->kind->title, kind->kind->id));
	for (size_t i = 0; i < kind->findings.n; i++) {
		const struct finding *finding = kind->findings.item[i];
		add_block(text, marks[finding->status],
				text_printable(arena, arena_printf(arena, "%s (%s): %s",
								      finding->check->title,
								      finding->subject,
								      finding->detail)));
		if (finding->fix.text && finding->status >= STATUS_WARN)
			add_block(text, "             ",
					arena_printf(arena, "to do: %s%s",
							text_printable(arena, finding->fix.text),
							finding_is_planned(finding)
									? " [pvegpu does it]"
									: ""));
	}
	text_add(text, "By hand, in this order:\n");
	for (size_t i = 0; i < SYMPTOM_STEPS && kind->kind->steps[i]; i++)
		add_block(text, arena_printf(arena, "  %zu. ", i + 1), kind->kind->steps[i]);
	text_add(text, "\n");
}

static void add_holders(struct arena *arena, struct text *text, const struct diagnosis *diagnosis)
{
	if (!diagnosis->holders.n)
		return;
	const struct pci_device *gpu = diagnosis->report ? diagnosis->report->gpu : NULL;
	add_block(text, "",
			gpu ? arena_printf(arena, "Who has %s:", gpu->name) : "Who has GPUs here:");
	for (size_t i = 0; i < diagnosis->holders.n; i++) {
		const struct card_holder *holder = diagnosis->holders.item[i];
		add_block(text, "  - ",
				text_printable(arena,
						arena_printf(arena, "%s: %s%s%s", holder->what,
								holder->how,
								holder->running == KNOWN_NO
										? ", not running"
										: "",
								holder->order >= 0
										? ", starts at boot"
										: "")));
	}
	if (diagnosis->holders_unknown)
		add_block(text, "  - ",
				arena_printf(arena, "unknown: %s", diagnosis->holders_unknown));
	text_add(text, "\n");
}

static void add_sources(struct arena *arena, struct text *text, const struct scan *scan)
{
	uint64_t lines = 0;
	size_t read = 0;
	for (size_t i = 0; i < scan->sources.n; i++) {
		const struct log_source *source = scan->sources.item[i];
		lines += source->lines;
		read += source->bytes > 0;
	}
	text_addf(text, "Read: %llu lines of %zu %s.\n", (unsigned long long)lines, read,
			text_plural(read, "log", "logs"));
	size_t said = 0;
	for (size_t i = 0; i < scan->sources.n; i++) {
		const struct log_source *source = scan->sources.item[i];
		if (source->not_read && ++said <= SAID_MAX)
			add_block(text, "  not all: ",
					text_printable(arena,
							arena_printf(arena, "%s: %s",
									source_name(arena, source),
									source->not_read)));
	}
	if (said > SAID_MAX)
		text_addf(text, "  and %zu more\n", said - SAID_MAX);
	text_add(text, "\n");
}

/* What the plan would do of all this. */
static void add_plan_hint(struct arena *arena, struct text *text, const struct diagnosis *diagnosis)
{
	const struct report *report = diagnosis->report;
	for (size_t i = 0; report && report->gpu && i < diagnosis->cases.n; i++) {
		const struct doctor_case *found = diagnosis->cases.item[i];
		for (size_t f = 0; f < found->fixes.n; f++) {
			const struct doctor_fix *fix = found->fixes.item[f];
			if (!fix->automatic)
				continue;
			add_block(text, "",
					arena_printf(arena,
							"To see the changes pvegpu would make: pvegpu plan --gpu %s%s",
							report->gpu->name,
							report->vm ? arena_printf(arena, " --vm %u",
										     report->vm->vmid)
								   : ""));
			return;
		}
	}
}

/* What is no fault, in one line. */
static void add_normal(struct arena *arena, struct text *text, const struct list *cases)
{
	struct strings names = {0};
	for (size_t i = 0; i < cases->n; i++) {
		const struct doctor_case *found = cases->item[i];
		if (found->match->symptom->severity == SEVERITY_NORMAL)
			strings_add(arena, &names, found->match->symptom->id);
	}
	if (!names.n)
		return;
	add_block(text, "Seen, and no fault: ", strings_join(arena, &names, ", "));
	text_add(text, "\n");
}

char *doctor_text(struct arena *arena, const struct diagnosis *diagnosis)
{
	struct text text = {0};
	size_t told = 0;
	add_sources(arena, &text, diagnosis->scan);
	for (size_t i = 0; i < diagnosis->cases.n; i++) {
		const struct doctor_case *found = diagnosis->cases.item[i];
		bool only_one = diagnosis->cases.n == 1; /* as when one line was asked about */
		if (found->match->symptom->severity == SEVERITY_NORMAL && !only_one)
			continue;
		told++;
		add_case(arena, &text, found);
		text_add(&text, "\n");
	}
	if (!told)
		text_add(&text, scan_has_read(diagnosis->scan)
						? "Nothing in these logs points to a fault of passthrough.\n\n"
						: "No log was found that could be read.\n\n");
	if (diagnosis->cases.n > 1)
		add_normal(arena, &text, &diagnosis->cases);
	bool chosen = false;
	for (size_t i = 0; i < diagnosis->kinds.n; i++) {
		const struct doctor_kind *kind = diagnosis->kinds.item[i];
		if (kind->chosen)
			add_kind(arena, &text, kind);
		chosen |= kind->chosen;
	}
	if (told || chosen)
		add_holders(arena, &text, diagnosis);
	add_plan_hint(arena, &text, diagnosis);
	if (!told && !chosen)
		text_add(&text, "Start from what you see: pvegpu doctor --symptom KIND; --list shows the kinds.\n");
	return text_take(&text, arena);
}

char *doctor_match_text(struct arena *arena, const struct match *match)
{
	struct text text = {0};
	add_match(arena, &text, match);
	for (size_t i = 0; i < SYMPTOM_FIXES && match->symptom->fix[i].text; i++)
		add_block(&text, i ? "               " : "  What to do:  ",
				arena_printf(arena, "%zu. %s", i + 1, match->symptom->fix[i].text));
	return text_take(&text, arena);
}

char *doctor_list_text(struct arena *arena)
{
	struct text text = {0};
	text_add(&text, "Symptoms to start from (--symptom KIND):\n");
	for (const struct symptom_kind *kind = symptom_kinds; kind->id; kind++)
		text_addf(&text, "  %-16s %s\n", kind->id, kind->title);
	text_addf(&text, "\nLines of logs that are known (%zu):\n", symptom_count());
	for (size_t i = 0; i < symptom_count(); i++) {
		const struct symptom *row = symptom_at(i);
		text_addf(&text, "%s (%s, %s)\n", row->id, where_names[row->where],
				severity_names[row->severity]);
		add_block(&text, "    ", row->cause);
	}
	return text_take(&text, arena);
}
