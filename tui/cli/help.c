/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/cli/cli.h"

#include <string.h>

#include "pvegpu/base/text.h"
#include "tui/say.h"

/*
 * --help, made from the tables of options.h: of all, what there is and the options that every
 * command takes; of one command, how it is used and the options of its own.
 */
enum { WIDTH = 79 };

static const struct {
	enum command command;
	const char *line, *what;
} examples[] = {
		{COMMAND_WIZARD, "pvegpu", "the wizard: step by step, nothing before a typed yes"},
		{COMMAND_WIZARD, "pvegpu demo", "the same on a sample host, to try it"},
		{COMMAND_WIZARD, "pvegpu audit", "is this host fit for passthrough?"},
		{COMMAND_WIZARD, "pvegpu doctor", "it does not work: why?"},
		{COMMAND_WIZARD, "pvegpu plan --gpu 01:00 --vm 106",
				"what a card for VM 106 takes"},

		{COMMAND_AUDIT, "pvegpu audit", "all that was found, and the verdict for each GPU"},
		{COMMAND_AUDIT, "pvegpu audit --gpu 01:00 --vm 106", "for that card and that VM"},
		{COMMAND_AUDIT, "pvegpu audit --only boot", "one step of the seven"},
		{COMMAND_AUDIT, "pvegpu audit --format json >before.json", "to compare with later"},
		{COMMAND_AUDIT, "pvegpu audit --since before.json", "what is otherwise now"},
		{COMMAND_AUDIT, "pvegpu audit --root host.tar.gz", "of a capture that was sent"},

		{COMMAND_PLAN, "pvegpu plan --gpu 01:00 --vm 106", "show it"},
		{COMMAND_PLAN, "pvegpu plan --gpu 01:00 --vm 106 --out PLAN", "keep it for apply"},
		{COMMAND_PLAN, "pvegpu plan --gpu 01:00 --gpu 02:00 --vm 106", "both to one VM"},
		{COMMAND_PLAN, "pvegpu plan --mapping POOL --vm 106",
				"one of a mapping that is free"},
		{COMMAND_PLAN, "pvegpu plan --functions 00:02.0=7",
				"split it into virtual functions"},
		{COMMAND_PLAN, "pvegpu plan --assign 01:00=106 --assign 02:00=107",
				"each to its own"},
		{COMMAND_PLAN, "pvegpu plan --gpu 01:00 --bind early --no-start", "other choices"},
		{COMMAND_PLAN, "pvegpu plan --clean-up", "only take out what is left over"},

		{COMMAND_APPLY, "pvegpu apply PLAN", "shows it again and asks for a typed yes"},
		{COMMAND_APPLY, "pvegpu apply PLAN --yes --reboot", "from a script"},

		{COMMAND_ROLLBACK, "pvegpu rollback", "the last run, after a typed yes"},
		{COMMAND_ROLLBACK, "pvegpu history", "which runs there are"},
		{COMMAND_ROLLBACK, "pvegpu rollback --chroot /mnt",
				"the host does not boot any more"},

		{COMMAND_HISTORY, "pvegpu history", "the newest run first"},

		{COMMAND_CAPTURE, "pvegpu capture", "lists it, asks, writes it here"},
		{COMMAND_CAPTURE, "pvegpu capture host.tar.gz", "to that file"},

		{COMMAND_DEMO, "pvegpu demo", "its host is thrown away at the end"},

		{COMMAND_DOCTOR, "pvegpu doctor", "this host's logs"},
		{COMMAND_DOCTOR, "pvegpu doctor --symptom black-screen", "start from what is seen"},
		{COMMAND_DOCTOR, "pvegpu doctor --log qemu.log",
				"one log, also on another machine"},
		{COMMAND_DOCTOR, "pvegpu doctor --follow", "and start the VM meanwhile"},

		{COMMAND_EXPORT, "pvegpu export tofu >gpu.tf", "the mappings that there are"},
		{COMMAND_EXPORT, "pvegpu export tofu --form nodes", "made of var.nodes"},

		{COMMAND_HELP, "pvegpu help plan", "the same as pvegpu plan --help"},
};

static const char *const titles[] = {
		[GROUP_GENERAL] = "Options",
		[GROUP_REMOTE] =
				"A remote host, by Proxmox VE's API (the wizard, audit, plan, apply, rollback, history)",
		[GROUP_GOAL] = "Goal (without an option the advised choice is taken)",
		[GROUP_DOCTOR] = "Logs",
		[GROUP_CHANGES] = "Changes",
};

static bool takes(const struct option_row *row, enum command command)
{
	return row->commands >> command & 1U;
}

/* Whose help tells of it: of what many commands take, one has it and the others name that. */
static bool is_told(const struct option_row *row, enum command command)
{
	bool common = takes(row, COMMAND_WIZARD) || takes(row, COMMAND_HELP);
	if (!takes(row, command))
		return false;
	if (row->group == GROUP_GOAL)
		return command == COMMAND_PLAN;
	return common == (command == COMMAND_WIZARD);
}

/* "  --only STEP|CHECK   nothing but that (repeatable)" */
static void add_option(struct arena *arena, struct text *text, const struct option_row *row)
{
	enum { COLUMN = 22 };
	if (row->choice && strcmp(row->name, row->choice->yes) != 0)
		return; /* told with the yes of that choice */
	bool pair = row->choice && row->choice->no;
	const char *name = pair ? arena_printf(arena, "  --%s, --%s", row->choice->yes,
						  row->choice->no)
				: arena_printf(arena, "  --%s%s%s", row->name,
						  row->argument ? " " : "",
						  row->argument ? row->argument : "");
	int column = strlen(name) + 2 > COLUMN ? (int)strlen(name) + 2 : COLUMN;
	text_addf(text, "%-*s", column, name);
	text_add_wrapped(text, row->help, (size_t)column, COLUMN, WIDTH);
}

/* Each group under its title; nothing where it has no options here. */
static void add_options(struct arena *arena, struct text *text, enum command command)
{
	size_t n = 0;
	const struct option_row *rows = options_rows(arena, goal_choices, &n);
	for (unsigned group = 0; group < sizeof titles / sizeof *titles; group++) {
		bool titled = false;
		for (size_t i = 0; i < n; i++) {
			if (rows[i].group != group || !is_told(&rows[i], command))
				continue;
			if (!titled)
				text_add_wrapped(text, arena_printf(arena, "\n%s:", titles[group]),
						0, 0, WIDTH);
			titled = true;
			add_option(arena, text, &rows[i]);
		}
	}
	for (size_t i = 0; i < n && command != COMMAND_PLAN; i++)
		if (rows[i].group == GROUP_GOAL && takes(&rows[i], command)) {
			text_add(text, "\nIt takes a goal too, by the options of: pvegpu plan --help\n");
			break;
		}
}

static void add_examples(struct text *text, enum command command)
{
	size_t wide = 0;
	text_add(text, "\nExamples:\n");
	for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
		if (examples[i].command == command && strlen(examples[i].line) > wide)
			wide = strlen(examples[i].line);
	for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
		if (examples[i].command != command)
			continue;
		text_addf(text, "  %-*s", (int)wide + 3, examples[i].line);
		text_add_wrapped(text, examples[i].what, wide + 5, wide + 5, WIDTH);
	}
}

static void add_commands(struct arena *arena, struct text *text)
{
	text_add(text, "\nCommands:\n");
	for (const struct command_row *row = command_rows; row->help; row++)
		if (row->name)
			text_addf(text, "  %-15s %s\n",
					arena_printf(arena, "%s%s%s", row->name,
							row->operand ? " " : "",
							row->operand ? row->operand : ""),
					row->help);
	text_add(text, "Examples and options of one: pvegpu COMMAND --help\n");
}

/* Of everything: without a command the wizard starts, so its options are those of all. */
static void add_overview(struct arena *arena, struct text *text)
{
	text_add(text, "Usage: pvegpu [COMMAND] [OPTION]...\n"
		       "GPU passthrough on a Proxmox VE host, step by step. Every change is shown\n"
		       "before it is made, written to a journal, and can be undone.\n");
	add_examples(text, COMMAND_WIZARD);
	add_commands(arena, text);
	add_options(arena, text, COMMAND_WIZARD);
	text_add(text, "\nExit status: 0 fine, 1 something needs attention, 2 wrong use,\n"
		       "3 the host could not be read, 4 applying or rolling back failed.\n");
}

const char *help_text(struct arena *arena, enum command command)
{
	struct text text = {0};
	const struct command_row *row = command_rows;
	while (row->command != command)
		row++;
	if (!row->name) {
		add_overview(arena, &text);
		return text_take(&text, arena);
	}
	text_addf(&text, "Usage: pvegpu %s%s%s [OPTION]...\n", row->name, row->operand ? " " : "",
			row->operand ? row->operand : "");
	text_addf(&text, "%c%s.\n", row->help[0] - 'a' + 'A', row->help + 1);
	add_examples(&text, command);
	add_options(arena, &text, command);
	text_add(&text, "\nOptions of every command, and the exit status: pvegpu --help\n");
	return text_take(&text, arena);
}

int command_help(const struct options *options)
{
	struct arena *arena = arena_new();
	say(stdout, "%s", help_text(arena, options->help_of));
	arena_free(arena);
	return EXIT_FINE;
}
