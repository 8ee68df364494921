/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/options.h"

#include <getopt.h>
#include <stddef.h>
#include <string.h>

#include "pvegpu/base/text.h"
#include "pvegpu/checks/check.h"
#include "pvegpu/formats/pci_address.h"
#include "pvegpu/formats/pci_mapping.h"
#include "tui/say.h"

const struct command_row command_rows[] = {
		{NULL, COMMAND_WIZARD, NULL, "the wizard"},
		{"audit", COMMAND_AUDIT, NULL, "read-only report of this host"},
		{"plan", COMMAND_PLAN, NULL, "what would be changed for a goal; changes nothing"},
		{"apply", COMMAND_APPLY, "PLAN", "make exactly the changes of a saved plan"},
		{"rollback", COMMAND_ROLLBACK, "[RUN]", "undo the last run, or the one named"},
		{"history", COMMAND_HISTORY, NULL, "runs and what they changed"},
		{"capture", COMMAND_CAPTURE, "[FILE]",
				"what the audit reads, redacted, to ask others with"},
		{"demo", COMMAND_DEMO, NULL,
				"the wizard on a built-in sample host; nothing real is touched"},
		{"doctor", COMMAND_DOCTOR, NULL, "what the logs say is wrong, and what mends it"},
		{"export", COMMAND_EXPORT, "tofu",
				"OpenTofu code for the PCI mappings and GPUs that there are"},
		{"help", COMMAND_HELP, "[COMMAND]", "examples and options, of a command or of all"},
		{0},
};

/* Its row, or the end of them. */
static const struct command_row *find_command(const char *name)
{
	const struct command_row *row = command_rows;
	while (row->help && (!row->name || strcmp(row->name, name) != 0))
		row++;
	return row;
}

static const char *command_name(enum command command)
{
	for (const struct command_row *row = command_rows; row->help; row++)
		if (row->command == command && row->name)
			return row->name;
	return "the wizard";
}

/* A word is wrong: said with its reason and the word that may be meant, and EXIT_USAGE. */
static int wrong_near(const char *reason, const char *word, const char *meant)
{
	say(stderr, "pvegpu: %s '%s'\n", reason, word);
	if (meant)
		say(stderr, "        did you mean: %s\n", meant);
	return EXIT_USAGE;
}

static int wrong(const char *reason, const char *word)
{
	return wrong_near(reason, word, NULL);
}

/* The member of the options that a row of take_flag or take_text sets. */
static void *member(struct options *options, const struct option_row *row)
{
	return (char *)options + row->offset;
}

static int take_flag(struct options *options, const struct option_row *row, const char *argument)
{
	(void)argument;
	*(bool *)member(options, row) = true;
	return 0;
}

static int take_text(struct options *options, const struct option_row *row, const char *argument)
{
	*(const char **)member(options, row) = argument;
	return 0;
}

static int take_nothing(struct options *options, const struct option_row *row, const char *argument)
{
	(void)options;
	(void)row;
	(void)argument;
	return 0;
}

static int take_help(struct options *options, const struct option_row *row, const char *argument)
{
	(void)argument;
	options->command = strcmp(row->name, "help") == 0 ? COMMAND_HELP : COMMAND_VERSION;
	return 0;
}

static int take_chroot(struct options *options, const struct option_row *row, const char *argument)
{
	(void)row;
	options->root = argument;
	options->chroot = true;
	return 0;
}

static int take_format(struct options *options, const struct option_row *row, const char *argument)
{
	(void)row;
	options->json = strcmp(argument, "json") == 0;
	options->prometheus = strcmp(argument, "prometheus") == 0;
	if (!options->json && !options->prometheus && strcmp(argument, "text") != 0)
		return wrong("--format takes text or json (audit: prometheus too), not", argument);
	return 0;
}

static int take_form(struct options *options, const struct option_row *row, const char *argument)
{
	(void)row;
	options->tofu.form = strcmp(argument, "nodes") == 0 ? TOFU_NODES : TOFU_STATIC;
	if (options->tofu.form == TOFU_STATIC && strcmp(argument, "static") != 0)
		return wrong("--form takes static or nodes, not", argument);
	return 0;
}

static int take_only(struct options *options, const struct option_row *row, const char *argument)
{
	(void)row;
	strings_add(options->goal->arena, &options->only, argument);
	return 0;
}

static int take_seconds(struct options *options, const struct option_row *row, const char *argument)
{
	unsigned long number = 0;
	(void)row;
	if (!text_to_ulong(argument, 10, 86400, &number) || !number)
		return wrong("--seconds takes 1 to 86400, not", argument);
	options->seconds = (unsigned)number;
	return 0;
}

static int take_gpu(struct options *options, const struct option_row *row, const char *argument)
{
	(void)row;
	strings_add(options->goal->arena, &options->goal->gpus, argument);
	return 0;
}

static int take_assign(struct options *options, const struct option_row *row, const char *argument)
{
	struct error error;
	(void)row;
	return goal_assign(options->goal, argument, &error) < 0 ? say_error(&error, EXIT_USAGE) : 0;
}

static int take_vm(struct options *options, const struct option_row *row, const char *argument)
{
	unsigned long vmid = 0;
	(void)row;
	if (argument[0] < '1' || argument[0] > '9' ||
			!text_to_ulong(argument, 10, 999999999, &vmid) || vmid < 100)
		return wrong("not a VM's number (100 to 999999999):", argument);
	options->goal->vmid = (unsigned)vmid;
	return 0;
}

static int take_param(struct options *options, const struct option_row *row, const char *argument)
{
	if (!argument[0] || strpbrk(argument, " \t\n\"'\\$`"))
		return wrong("not a single kernel parameter:", argument);
	goal_param(options->goal, argument, strcmp(row->name, "param") == 0);
	return 0;
}

static int take_bind(struct options *options, const struct option_row *row, const char *argument)
{
	(void)row;
	if (strcmp(argument, "early") != 0 && strcmp(argument, "at-start") != 0)
		return wrong("--bind takes early or at-start, not", argument);
	options->goal->chosen[CHOOSE_BIND_EARLY] =
			strcmp(argument, "early") == 0 ? CHOICE_YES : CHOICE_NO;
	return 0;
}

static int take_mapping(struct options *options, const struct option_row *row, const char *argument)
{
	struct goal *goal = options->goal;
	if (!pci_mapping_name_is_valid(argument))
		return wrong("no name for a mapping (a letter, then letters, digits, - _):",
				argument);
	*(strcmp(row->name, "mapping") == 0 ? &goal->mapping : &goal->delete_mapping) =
			arena_strdup(goal->arena, argument);
	return 0;
}

static int take_mapping_device(
		struct options *options, const struct option_row *row, const char *argument)
{
	(void)row;
	strings_add(options->goal->arena, &options->goal->mapping_devices, argument);
	return 0;
}

static int take_accept(struct options *options, const struct option_row *row, const char *argument)
{
	struct goal *goal = options->goal;
	const char *equals = strchr(argument, '=');
	(void)row;
	if (!equals)
		return wrong("--accept takes CHECK=SUBJECT, not", argument);
	const char *name = arena_strndup(goal->arena, argument, (size_t)(equals - argument));
	if (!check_by_id(name))
		return wrong("--accept names no check of 'pvegpu audit --list':", name);
	/* 01:00.0, as lspci has it, will do for 0000:01:00.0. */
	struct pci_address address;
	bool whole = false;
	char device[PCI_ADDRESS_TEXT];
	bool is_device = pci_address_parse(equals + 1, &address, &whole) && !whole;
	if (is_device)
		pci_address_format(&address, device);
	goal_accept(goal, name, is_device ? device : equals + 1);
	return 0;
}

static int take_choice(struct options *options, const struct option_row *row, const char *argument)
{
	(void)argument;
	*goal_choice_at(options->goal, row->choice) =
			strcmp(row->name, row->choice->yes) == 0 ? CHOICE_YES : CHOICE_NO;
	return 0;
}

/* Those for which it is chosen. */
static size_t count_devices(const struct goal *goal, enum choice_id id)
{
	size_t n = 0;
	for (size_t i = 0; i < goal->devices.n; i++)
		n += ((const struct device_goal *)goal->devices.item[i])->values[id] != NULL;
	return n;
}

/* VALUE, or DEVICE=VALUE of what is a device's. */
static int take_value(struct options *options, const struct option_row *row, const char *argument)
{
	struct goal *goal = options->goal;
	struct error error;
	if (row->choice->scope != SCOPE_DEVICE)
		return goal_value_at(goal, row->choice, argument, &error) < 0
				       ? say_error(&error, EXIT_USAGE)
				       : 0;
	const char *equals = strchr(argument, '=');
	if (!equals)
		return wrong(arena_printf(goal->arena, "--%s takes DEVICE=%s, as 01:00.0=%s, not",
					     row->choice->yes, row->choice->form->word,
					     row->choice->form->example),
				argument);
	const char *device = arena_strndup(goal->arena, argument, (size_t)(equals - argument));
	size_t before = count_devices(goal, row->choice->id);
	if (goal_set_value(goal, row->choice, device, equals + 1, &error) < 0)
		return say_error(&error, EXIT_USAGE);
	return count_devices(goal, row->choice->id) > before
			       ? 0
			       : wrong("a device has one number, and this is its second:",
						 argument);
}

/* Which commands take an option, as a set. */
#define TAKES(name) (1U << COMMAND_##name)
enum {
	NAMED = TAKES(AUDIT) | TAKES(PLAN) | TAKES(APPLY) | TAKES(ROLLBACK) | TAKES(HISTORY) |
		TAKES(CAPTURE) | TAKES(DOCTOR),
	HOSTS = NAMED | TAKES(EXPORT) | TAKES(WIZARD),
	REMOTES = HOSTS & ~(TAKES(CAPTURE) | TAKES(DOCTOR)),
	GOALS = TAKES(AUDIT) | TAKES(PLAN) | TAKES(DOCTOR),
	EVERY = HOSTS | TAKES(DEMO) | TAKES(HELP),
};

#define FLAG(name) take_flag, offsetof(struct options, name)
#define TEXT(name) take_text, offsetof(struct options, name)
#define CALL(name) name, 0

/* One row an option: all that is known of it. In the order of --help. */
static const struct option_row fixed[] = {
		{"root", "DIR", GROUP_GENERAL, HOSTS, TEXT(root), NULL,
				"read (and apply below) DIR instead of this host; a file made by capture is only looked at"},
		{"run-scripts", NULL, GROUP_GENERAL, HOSTS, FLAG(run_scripts), NULL,
				"DIR is a sample host: run its own scripts, which stand in for the "
				"host's commands, without the sandbox that keeps them in DIR; "
				"never for a tree you did not make"},
		{"format", "text|json|prometheus", GROUP_GENERAL, NAMED, CALL(take_format), NULL,
				"how a command prints (text); prometheus is audit's, for a textfile collector"},
		{"only", "STEP|CHECK", GROUP_GENERAL, TAKES(AUDIT), CALL(take_only), NULL,
				"nothing but that (repeatable)"},
		{"since", "FILE", GROUP_GENERAL, TAKES(AUDIT), TEXT(since), NULL,
				"what changed since an earlier one's JSON"},
		{"list", NULL, GROUP_GENERAL, TAKES(AUDIT) | TAKES(DOCTOR), FLAG(list), NULL,
				"print the catalogue of checks, or of symptoms"},
		{"comments", NULL, GROUP_GENERAL, TAKES(CAPTURE), FLAG(comments), NULL,
				"leave the comments of configuration files in"},
		{"no-comments", NULL, GROUP_GENERAL, TAKES(CAPTURE), FLAG(no_comments), NULL,
				"take them out, as without either"},
		{"form", "static|nodes", GROUP_GENERAL, TAKES(EXPORT), CALL(take_form), NULL,
				"a resource for each mapping that there is, with what imports it (static); or mappings made of var.nodes"},
		{"old-names", NULL, GROUP_GENERAL, TAKES(EXPORT), FLAG(tofu.old_names), NULL,
				"the resource's name as before version 0.100 of the provider bpg/proxmox"},
		{"no-color", NULL, GROUP_GENERAL, EVERY, FLAG(no_color), NULL,
				"no colours; the variable NO_COLOR does the same"},
		{"ascii", NULL, GROUP_GENERAL, EVERY, CALL(take_nothing), NULL,
				"accepted; screens use nothing but ASCII"},
		{"help", NULL, GROUP_GENERAL, EVERY, CALL(take_help), NULL, "-h: this text"},
		{"version", NULL, GROUP_GENERAL, EVERY, CALL(take_help), NULL, "-V: the version"},

		{"api", "URL", GROUP_REMOTE, REMOTES, TEXT(api), NULL, "https://HOST:8006"},
		{"token-file", "FILE", GROUP_REMOTE, REMOTES, TEXT(token_file), NULL,
				"holds USER@REALM!ID=SECRET, mode 0600; or the variable PVEGPU_TOKEN"},
		{"user", "USER@REALM", GROUP_REMOTE, REMOTES, TEXT(user), NULL,
				"by password instead: asked for, or PVEGPU_PASSWORD"},
		{"node", "NAME", GROUP_REMOTE, REMOTES, TEXT(node), NULL,
				"the node that is meant, in a cluster"},
		{"fingerprint", "F", GROUP_REMOTE, REMOTES, TEXT(fingerprint), NULL,
				"SHA-256 of the node's certificate, as its screens show it"},
		{"ca-file", "FILE", GROUP_REMOTE, REMOTES, TEXT(ca_file), NULL,
				"authorities that vouch for it"},
		{"proxy", "URL|none", GROUP_REMOTE, REMOTES, TEXT(proxy), NULL,
				"reach it by that proxy; https_proxy and all_proxy are for hosts that are not private"},

		{"gpu", "ADDRESS", GROUP_GOAL, GOALS, CALL(take_gpu), NULL,
				"01:00, 01:00.0, 0000:01:00 ... (repeatable: all for that VM)"},
		{"vm", "VMID", GROUP_GOAL, GOALS, CALL(take_vm), NULL, "the VM that gets it"},
		{"assign", "DEVICE[,OPTION...]=VMID", GROUP_GOAL, GOALS, CALL(take_assign), NULL,
				"one device, or one of a mapping, for one VM (repeatable); OPTION is x-vga, bind=early, mapping=NAME ... of this device, or no-start, q35 ... of its VM, alone"},
		{"tofu-output", "FILE", GROUP_GOAL, GOALS | TAKES(WIZARD), TEXT(workers.file), NULL,
				"the workers that tofu output -json names, each with its GPU; - for standard input"},
		{"tofu-dir", "DIR", GROUP_GOAL, GOALS | TAKES(WIZARD), TEXT(workers.dir), NULL,
				"the same, asked of tofu, or terraform, for the configuration in DIR"},
		{"param", "WORD", GROUP_GOAL, GOALS, CALL(take_param), NULL,
				"add a kernel parameter"},
		{"no-param", "WORD", GROUP_GOAL, GOALS, CALL(take_param), NULL,
				"do not add it, or take it out"},
		{"bind", "early|at-start", GROUP_GOAL, GOALS, CALL(take_bind), NULL,
				"give the GPU to vfio-pci at boot, or at VM start"},
		{"accept", "CHECK=SUBJECT", GROUP_GOAL, GOALS, CALL(take_accept), NULL,
				"accept a risk the plan was refused for"},
		{"mapping", "NAME", GROUP_GOAL, GOALS, CALL(take_mapping), NULL,
				"attach by the PCI mapping NAME; it is made or extended. Without --gpu: a device of it that is free"},
		{"mapping-device", "[NODE=]ADDRESS", GROUP_GOAL, GOALS, CALL(take_mapping_device),
				NULL,
				"it names this device too: an alternative, or the one of another node"},
		{"delete-mapping", "NAME", GROUP_GOAL, GOALS, CALL(take_mapping), NULL,
				"a mapping that no VM uses"},

		{"log", "FILE", GROUP_DOCTOR, TAKES(DOCTOR), TEXT(log), NULL,
				"read this log, plain or packed, - for standard input"},
		{"symptom", "KIND", GROUP_DOCTOR, TAKES(DOCTOR), TEXT(symptom), NULL,
				"start from what you see: vm-start-fails, black-screen ..."},
		{"follow", NULL, GROUP_DOCTOR, TAKES(DOCTOR), FLAG(follow), NULL, "keep watching"},
		{"seconds", "N", GROUP_DOCTOR, TAKES(DOCTOR), CALL(take_seconds), NULL,
				"ends --follow"},

		{"out", "FILE", GROUP_CHANGES, TAKES(PLAN), TEXT(out), NULL,
				"save the plan for apply"},
		{"yes", NULL, GROUP_CHANGES, TAKES(APPLY) | TAKES(ROLLBACK) | TAKES(CAPTURE),
				FLAG(yes), NULL,
				"do not ask for a typed yes (never covers a risk)"},
		{"reboot", NULL, GROUP_CHANGES, TAKES(APPLY), FLAG(reboot), NULL,
				"reboot at the end if the plan asks for it"},
		{"chroot", "DIR", GROUP_CHANGES, TAKES(ROLLBACK), CALL(take_chroot), NULL,
				"from a live system: undo on the host whose root is mounted at DIR, with that host's own commands"},
};
enum { FIXED = sizeof fixed / sizeof *fixed };

/* Options of which one makes no sense without, or with, another. */
static const struct {
	const char *option;
	bool needs; /* that one; false: does not go with it */
	const char *other;
	const char *reason; /* before the option's, or the other's, name */
} pairs[] = {
		{"run-scripts", true, "root", "that goes with --root DIR only:"},
		{"seconds", true, "follow", "it goes with --follow only:"},
		{"api", false, "root", "--api is another host; it does not go with"},
		{"chroot", false, "root", "--chroot names the host's root itself; without"},
		{"symptom", false, "follow", "a symptom is looked for in what is there; without"},
		{"comments", false, "no-comments", "leave them in or take them out, not both:"},
		{"tofu-dir", false, "tofu-output",
				"the workers come from one or the other; without"},
		{"list", false, "only", "--list prints the whole catalogue; without"},
		{"list", false, "since", "--list prints the catalogue, not an audit; without"},
		{"list", false, "follow", "--list prints the catalogue, and ends; without"},
		{"list", false, "log", "--list prints the catalogue, and reads no log; without"},
};

static void add_choice(struct arena *arena, struct option_row *row,
		const struct goal_choice *choice, const char *name)
{
	const char *device = choice->scope == SCOPE_DEVICE ? "DEVICE=" : "";
	*row = (struct option_row){.name = name,
			.group = GROUP_GOAL,
			.commands = GOALS,
			.argument = choice->form ? arena_printf(arena, "%s%s", device,
								   choice->form->word)
						 : NULL,
			.take = choice->form ? take_value : take_choice,
			.choice = choice,
			.help = choice->help};
}

struct option_row *options_rows(
		struct arena *arena, const struct goal_choice *choices, size_t *ret_n)
{
	size_t most = FIXED;
	for (const struct goal_choice *choice = choices; choice->name; choice++)
		most += 2;
	struct option_row *rows = arena_alloc(arena, most * sizeof *rows);
	size_t n = 0;
	for (size_t i = 0; i < FIXED; i++)
		rows[n++] = fixed[i];
	for (const struct goal_choice *choice = choices; choice->name; choice++) {
		if (strchr(choice->yes, '='))
			continue; /* --bind takes an argument, and is a row of its own */
		add_choice(arena, &rows[n++], choice, choice->yes);
		if (choice->no)
			add_choice(arena, &rows[n++], choice, choice->no);
	}
	*ret_n = n;
	return rows;
}

/* "audit, plan and doctor"; the wizard has no name on the command line. */
static const char *takers(struct arena *arena, unsigned set, const char *last)
{
	struct strings names = {0};
	struct text text = {0};
	for (const struct command_row *row = command_rows; row->help; row++)
		if (row->name && set >> row->command & 1U)
			strings_add(arena, &names, row->name);
	for (size_t i = 0; i < names.n; i++)
		text_addf(&text, "%s%s",
				i == 0            ? ""
				: i + 1 < names.n ? ", "
						  : last,
				names.item[i]);
	return text_take(&text, arena);
}

static bool is_few(unsigned set)
{
	unsigned n = 0;
	for (; set; set &= set - 1)
		n++;
	return n <= 3;
}

/* While the command line is read. */
struct reading_line {
	struct options options;
	struct option_row *rows;
	bool *given; /* by row */
	size_t n;
};

static const struct option_row *given_row(const struct reading_line *line, const char *name)
{
	for (size_t i = 0; i < line->n; i++)
		if (line->given[i] && strcmp(line->rows[i].name, name) == 0)
			return &line->rows[i];
	return NULL;
}

static int refuse_option(
		struct arena *arena, const struct options *options, const struct option_row *row)
{
	const char *name = arena_printf(arena, "--%s", row->name);
	if (row->group == GROUP_GOAL)
		return wrong("only audit, plan and doctor take a goal (the wizard asks for it), so not",
				name);
	if (row->group == GROUP_REMOTE)
		return wrong(options->command == COMMAND_DEMO ? "the demo is not remote:"
				: options->command == COMMAND_HELP
						? "help does not take"
						: "that reads the host's own files, so run it there, without",
				name);
	if (is_few(row->commands))
		return wrong(arena_printf(arena, "only %s %s",
					     takers(arena, row->commands, " and "),
					     row->commands & (row->commands - 1) ? "take"
										 : "takes"),
				name);
	return wrong(arena_printf(arena, "%s does not take", command_name(options->command)), name);
}

/* What the command does not take is refused, by name. */
static int check_command(struct reading_line *line)
{
	const struct options *options = &line->options;
	for (size_t i = 0; i < line->n; i++)
		if (line->given[i] && !(line->rows[i].commands >> options->command & 1U))
			return refuse_option(options->goal->arena, options, &line->rows[i]);
	if (options->prometheus && options->command != COMMAND_AUDIT)
		return wrong("only audit has the format", "prometheus");
	if (options->prometheus && options->since)
		return wrong("--since tells it as text or JSON, not", "prometheus");
	if (options->command == COMMAND_APPLY && !options->operand)
		return wrong("apply needs the file of a saved plan:", "pvegpu plan --out FILE");
	if (options->command == COMMAND_PLAN && options->goal->vmid && !options->goal->gpus.n &&
			!options->goal->mapping)
		return wrong("a VM needs a GPU to go with it, --gpu ADDRESS:", "--vm");
	return 0;
}

static int check_pairs(struct reading_line *line)
{
	struct arena *arena = line->options.goal->arena;
	for (size_t i = 0; i < line->n; i++)
		if (line->given[i] && line->rows[i].group == GROUP_REMOTE && !line->options.api)
			return wrong("that needs --api URL beside it:",
					arena_printf(arena, "--%s", line->rows[i].name));
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		bool both = given_row(line, pairs[i].other) != NULL;
		const char *named = pairs[i].needs ? pairs[i].option : pairs[i].other;
		if (given_row(line, pairs[i].option) && both != pairs[i].needs)
			return wrong(pairs[i].reason, arena_printf(arena, "--%s", named));
	}
	return 0;
}

static void add_commands(struct arena *arena, struct strings *names)
{
	for (const struct command_row *row = command_rows; row->help; row++)
		if (row->name)
			strings_add(arena, names, row->name);
}

static int unknown_command(struct arena *arena, const char *word)
{
	struct strings names = {0};
	add_commands(arena, &names);
	return wrong_near("no such command:", word, text_nearest(word, &names));
}

static int take_operands(struct options *options, int argc, char **argv)
{
	struct arena *arena = options->goal->arena;
	if (optind >= argc)
		return 0;
	const struct command_row *row = find_command(argv[optind]);
	if (!row->help)
		return unknown_command(arena, argv[optind]);
	options->command = row->command;
	optind++;
	if (optind < argc && row->operand)
		options->operand = argv[optind++];
	if (optind < argc)
		return wrong("not understood:", argv[optind]);
	if (row->command != COMMAND_HELP || !options->operand)
		return 0;
	row = find_command(options->operand);
	options->help_of = row->command;
	return row->help ? 0 : unknown_command(arena, options->operand);
}

enum { OPTION_FIRST = 256 }; /* getopt()'s value of the first row */

/* No row begins like that. A command that was taken for an option is meant too. */
static int no_such_option(const struct reading_line *line, const char *word)
{
	struct arena *arena = line->options.goal->arena;
	struct strings names = {0};
	const char *name = arena_strndup(arena, word + 2, strcspn(word + 2, "="));
	for (size_t i = 0; i < line->n; i++)
		strings_add(arena, &names, line->rows[i].name);
	add_commands(arena, &names);
	const char *meant = text_nearest(name, &names);
	bool is_command = meant && find_command(meant)->help && strcmp(meant, "help") != 0;
	return wrong_near("no such option:", word,
			meant ? arena_printf(arena, "%s%s", is_command ? "" : "--", meant) : NULL);
}

/* getopt() did not take a word; its own messages would show it as it is. */
static int unknown_option(const struct reading_line *line, int option, const char *word)
{
	size_t like = 0;
	if (optopt && optopt < OPTION_FIRST) {
		const char letter[3] = {'-', (char)optopt, '\0'};
		return wrong("no such option:", letter);
	}
	if (option == ':')
		return wrong("that option takes an argument:", word);
	if (optopt)
		return wrong("that option takes no argument:", word);
	for (size_t i = 0; i < line->n; i++)
		like += strncmp(line->rows[i].name, word + 2, strcspn(word + 2, "=")) == 0;
	return like ? wrong("more than one option begins like that:", word)
		    : no_such_option(line, word);
}

/* The rows as getopt() wants them. */
static struct option *getopt_table(const struct reading_line *line)
{
	struct option *table =
			arena_alloc(line->options.goal->arena, (line->n + 1) * sizeof *table);
	for (size_t i = 0; i < line->n; i++)
		table[i] = (struct option){line->rows[i].name,
				line->rows[i].argument ? required_argument : no_argument, NULL,
				OPTION_FIRST + (int)i};
	table[line->n] = (struct option){0};
	return table;
}

static int take_options(struct reading_line *line, int argc, char **argv)
{
	const struct option *table = getopt_table(line);
	opterr = 0;
	for (;;) {
		/* One thread so far, as getopt needs. */
		/* NOLINTNEXTLINE(concurrency-mt-unsafe) */
		int option = getopt_long(argc, argv, ":hV", table, NULL);
		if (option == -1)
			return 0;
		if (option == 'h' || option == 'V') {
			line->options.command = option == 'h' ? COMMAND_HELP : COMMAND_VERSION;
			continue;
		}
		if (option < OPTION_FIRST)
			return unknown_option(line, option, argv[optind - 1]);
		const struct option_row *row = &line->rows[option - OPTION_FIRST];
		int status = row->take(&line->options, row, optarg);
		if (status != 0)
			return status;
		line->given[option - OPTION_FIRST] = true;
		if (row->group == GROUP_GOAL)
			line->options.goal_given = row->name;
	}
}

static int read_line(struct reading_line *line, int argc, char **argv)
{
	struct options *options = &line->options;
	int status = take_options(line, argc, argv);
	/* Who asks for help gets it, whatever else is there: that of the command, if one is. */
	if (status == 0 && options->command == COMMAND_HELP && optind < argc)
		options->help_of = find_command(argv[optind])->command;
	if (status != 0 || options->command == COMMAND_HELP || options->command == COMMAND_VERSION)
		return status;
	status = take_operands(options, argc, argv);
	if (status == 0)
		status = check_command(line);
	if (status == 0)
		status = check_pairs(line);
	/* To clean up, to set a device, or to pin a kernel, is a plan of its own, unless there is
	 * more to do. */
	struct goal *goal = options->goal;
	bool alone = goal->chosen[CHOOSE_CLEAN_UP] == CHOICE_YES || goal->devices.n ||
		     goal->values[CHOOSE_PIN_KERNEL];
	if (status == 0 && alone && goal->chosen[CHOOSE_ADVISED] == CHOICE_ADVISED &&
			!goal->gpus.n && !goal->assignments.n && !goal->params.n)
		goal->chosen[CHOOSE_ADVISED] = CHOICE_NO;
	return status;
}

bool command_changes(enum command command)
{
	return (TAKES(APPLY) | TAKES(ROLLBACK) | TAKES(WIZARD) | TAKES(DEMO)) >> command & 1U;
}

/* Behind what is wrong: where to read on, of the command if the line has one. */
static void say_where(int argc, char **argv)
{
	const struct command_row *row = NULL;
	for (int i = 1; i < argc && !(row && row->help); i++)
		row = find_command(argv[i]);
	if (row && row->help && row->command != COMMAND_HELP)
		say(stderr, "        try: pvegpu %s --help\n", row->name);
	else
		say(stderr, "        try: pvegpu --help\n");
}

int options_parse(int argc, char **argv, struct options *ret_options)
{
	struct reading_line line = {.options = {.command = COMMAND_WIZARD, .goal = goal_new()}};
	struct arena *arena = line.options.goal->arena;
	line.rows = options_rows(arena, goal_choices, &line.n);
	line.given = arena_alloc(arena, line.n * sizeof *line.given);
	memset(line.given, 0, line.n * sizeof *line.given);
	int status = read_line(&line, argc, argv);
	if (status != 0) {
		if (status == EXIT_USAGE)
			say_where(argc, argv);
		goal_free(line.options.goal);
		return status;
	}
	*ret_options = line.options;
	return 0;
}
