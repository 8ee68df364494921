/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "pvegpu/base/text.h"
#include "pvegpu/checks/check.h"
#include "pvegpu/formats/pci_mapping.h"

static const struct {
	const char *name;
	enum command command;
	bool operand;
	const char *help;
} commands[] = {
		{"audit", COMMAND_AUDIT, false, "read-only report of this host"},
		{"plan", COMMAND_PLAN, false, "what would be changed for a goal; changes nothing"},
		{"apply", COMMAND_APPLY, true, "PLAN: make exactly the changes of a saved plan"},
		{"rollback", COMMAND_ROLLBACK, true, "[RUN]: undo the last run, or the one named"},
		{"history", COMMAND_HISTORY, false, "runs and what they changed"},
		{"capture", COMMAND_CAPTURE, true,
				"[FILE]: what the audit reads, redacted, to ask others with"},
		{"demo", COMMAND_DEMO, false,
				"the wizard on a built-in sample host; nothing real is "
				"touched"},
		{"doctor", COMMAND_DOCTOR, false, "what the logs say is wrong, and what mends it"},
		{"help", COMMAND_HELP, false, "this text"},
};

enum {
	OPTION_ROOT = 256,
	OPTION_CHROOT,
	OPTION_FORMAT,
	OPTION_NO_COLOR,
	OPTION_ASCII,
	OPTION_GPU,
	OPTION_VM,
	OPTION_PARAM,
	OPTION_NO_PARAM,
	OPTION_BIND,
	OPTION_ACCEPT,
	OPTION_OUT,
	OPTION_YES,
	OPTION_REBOOT,
	OPTION_LIST,
	OPTION_API,
	OPTION_TOKEN_FILE,
	OPTION_USER,
	OPTION_FINGERPRINT,
	OPTION_CA_FILE,
	OPTION_NODE,
	OPTION_MAPPING,
	OPTION_MAPPING_DEVICE,
	OPTION_DELETE_MAPPING,
	OPTION_COMMENTS,
	OPTION_NO_COMMENTS,
	OPTION_ONLY,
	OPTION_SINCE,
	OPTION_LOG,
	OPTION_SYMPTOM,
	OPTION_FOLLOW,
	OPTION_SECONDS,
	OPTION_CHOICE, /* and up: two for each goal choice */
};

static const struct option fixed[] = {
		{"root", required_argument, NULL, OPTION_ROOT},
		{"chroot", required_argument, NULL, OPTION_CHROOT},
		{"format", required_argument, NULL, OPTION_FORMAT},
		{"no-color", no_argument, NULL, OPTION_NO_COLOR},
		{"ascii", no_argument, NULL, OPTION_ASCII},
		{"gpu", required_argument, NULL, OPTION_GPU},
		{"vm", required_argument, NULL, OPTION_VM},
		{"param", required_argument, NULL, OPTION_PARAM},
		{"no-param", required_argument, NULL, OPTION_NO_PARAM},
		{"bind", required_argument, NULL, OPTION_BIND},
		{"accept", required_argument, NULL, OPTION_ACCEPT},
		{"out", required_argument, NULL, OPTION_OUT},
		{"yes", no_argument, NULL, OPTION_YES},
		{"reboot", no_argument, NULL, OPTION_REBOOT},
		{"list", no_argument, NULL, OPTION_LIST},
		{"api", required_argument, NULL, OPTION_API},
		{"token-file", required_argument, NULL, OPTION_TOKEN_FILE},
		{"user", required_argument, NULL, OPTION_USER},
		{"fingerprint", required_argument, NULL, OPTION_FINGERPRINT},
		{"ca-file", required_argument, NULL, OPTION_CA_FILE},
		{"node", required_argument, NULL, OPTION_NODE},
		{"mapping", required_argument, NULL, OPTION_MAPPING},
		{"mapping-device", required_argument, NULL, OPTION_MAPPING_DEVICE},
		{"delete-mapping", required_argument, NULL, OPTION_DELETE_MAPPING},
		{"comments", no_argument, NULL, OPTION_COMMENTS},
		{"no-comments", no_argument, NULL, OPTION_NO_COMMENTS},
		{"only", required_argument, NULL, OPTION_ONLY},
		{"since", required_argument, NULL, OPTION_SINCE},
		{"log", required_argument, NULL, OPTION_LOG},
		{"symptom", required_argument, NULL, OPTION_SYMPTOM},
		{"follow", no_argument, NULL, OPTION_FOLLOW},
		{"seconds", required_argument, NULL, OPTION_SECONDS},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
};
enum { FIXED = sizeof fixed / sizeof *fixed, OPTIONS_MAX = FIXED + 32 };

void options_help(void)
{
	(void)puts("Usage: pvegpu [COMMAND] [OPTION]...\n"
		   "GPU passthrough on a Proxmox VE host, step by step. Every change is shown "
		   "before "
		   "it\nis made, written to a journal, and can be undone.\n\n"
		   "Without a command the wizard starts. Commands:");
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		(void)printf("  %-10s %s\n", commands[i].name, commands[i].help);
	(void)puts("\nOptions:\n"
		   "  --root DIR          read (and apply below) DIR instead of this host; a file\n"
		   "                      made by capture is only looked at\n"
		   "  --format text|json|prometheus  how audit, plan and history print (text);\n"
		   "                      prometheus is audit's, for a textfile collector\n"
		   "  --only STEP|CHECK   audit: nothing but that (repeatable)\n"
		   "  --since FILE        audit: what changed since an earlier one's JSON\n"
		   "  --list              audit: print the catalogue of checks; doctor: symptoms\n"
		   "  --comments          capture: leave the comments of configuration files in;\n"
		   "                      without it, as with --no-comments, they are taken out\n"
		   "  --no-color          no colours; the variable NO_COLOR does the same\n"
		   "  --ascii             accepted; screens use nothing but ASCII\n"
		   "  --help, --version\n\n"
		   "A remote host, by Proxmox VE's API:\n"
		   "  --api URL           https://HOST:8006; the wizard, audit, plan, apply, "
		   "rollback\n"
		   "  --token-file FILE   holds USER@REALM!ID=SECRET, mode 0600; or the variable\n"
		   "                      PVEGPU_TOKEN\n"
		   "  --user USER@REALM   by password instead: asked for, or PVEGPU_PASSWORD\n"
		   "  --node NAME         the node that is meant, in a cluster\n"
		   "  --fingerprint F     SHA-256 of the node's certificate, as its screens show "
		   "it\n"
		   "  --ca-file FILE      authorities that vouch for it\n\n"
		   "Goal (plan; without an option the advised choice is taken):\n"
		   "  --gpu ADDRESS       01:00, 01:00.0, 0000:01:00 ...\n"
		   "  --vm VMID           the VM that gets it\n"
		   "  --param WORD        add a kernel parameter\n"
		   "  --no-param WORD     do not add it, or take it out\n"
		   "  --bind early|at-start  give the GPU to vfio-pci at boot, or at VM start\n"
		   "  --accept CHECK=SUBJECT accept a risk the plan was refused for\n"
		   "  --mapping NAME      attach by the PCI mapping NAME; it is made or extended\n"
		   "  --mapping-device [NODE=]ADDRESS  it names this device too: an alternative, "
		   "or\n"
		   "                      the one of another node\n"
		   "  --delete-mapping NAME  a mapping that no VM uses");
	for (const struct goal_choice *choice = goal_choices; choice->name; choice++)
		if (!strchr(choice->yes, '='))
			(void)printf("  --%s, --%s  %s\n", choice->yes, choice->no, choice->help);
	(void)puts("  --out FILE          save the plan for apply\n\n"
		   "Doctor:\n"
		   "  --log FILE          read this log, plain or packed, - for standard input\n"
		   "  --symptom KIND      start from what you see: vm-start-fails, black-screen "
		   "...\n"
		   "  --follow            keep watching; --seconds N ends it\n\n"
		   "Changes:\n"
		   "  --yes               do not ask for a typed yes (never covers a risk)\n"
		   "  --reboot            apply: reboot at the end if the plan asks for it\n"
		   "  --chroot DIR        rollback from a live system: undo on the host whose root "
		   "is\n"
		   "                      mounted at DIR, with that host's own commands\n\n"
		   "Exit status: 0 fine, 1 something needs attention, 2 wrong use,\n"
		   "3 the host could not be read, 4 applying or rolling back failed.");
}

static int wrong(const char *format, const char *text)
{
	(void)fputs("pvegpu: ", stderr);
	(void)fprintf(stderr, "%s '%s'\n        try: pvegpu --help\n", format, text);
	return EXIT_USAGE;
}

/* The long options: the fixed ones, then yes and no of each choice. */
static void make_table(struct option table[OPTIONS_MAX])
{
	size_t n = FIXED;
	memcpy(table, fixed, sizeof fixed);
	int value = OPTION_CHOICE;
	for (const struct goal_choice *choice = goal_choices; choice->name; choice++, value += 2) {
		if (strchr(choice->yes, '='))
			continue; /* --bind takes an argument */
		table[n++] = (struct option){choice->yes, no_argument, NULL, value};
		table[n++] = (struct option){choice->no, no_argument, NULL, value + 1};
	}
	table[n] = (struct option){0};
}

static int goal_option(struct goal *goal, int option, const char *argument)
{
	unsigned long vmid = 0;
	const char *equals = NULL;
	const char *name = NULL;
	switch (option) {
	case OPTION_GPU:
		strings_add(goal->arena, &goal->gpus, argument);
		return 0;
	case OPTION_VM:
		if (argument[0] < '1' || argument[0] > '9' ||
				!text_to_ulong(argument, 10, 999999999, &vmid) || vmid < 100)
			return wrong("not a VM's number (100 to 999999999):", argument);
		goal->vmid = (unsigned)vmid;
		return 0;
	case OPTION_PARAM:
	case OPTION_NO_PARAM:
		if (!argument[0] || strpbrk(argument, " \t\n\"'\\$`"))
			return wrong("not a single kernel parameter:", argument);
		goal_param(goal, argument, option == OPTION_PARAM);
		return 0;
	case OPTION_BIND:
		if (strcmp(argument, "early") != 0 && strcmp(argument, "at-start") != 0)
			return wrong("--bind takes early or at-start, not", argument);
		goal->bind_early = strcmp(argument, "early") == 0 ? CHOICE_YES : CHOICE_NO;
		return 0;
	case OPTION_MAPPING:
	case OPTION_DELETE_MAPPING:
		if (!pci_mapping_name_is_valid(argument))
			return wrong("no name for a mapping (a letter, then letters, digits, - _):",
					argument);
		*(option == OPTION_MAPPING ? &goal->mapping : &goal->delete_mapping) =
				arena_strdup(goal->arena, argument);
		return 0;
	case OPTION_MAPPING_DEVICE:
		strings_add(goal->arena, &goal->mapping_devices, argument);
		return 0;
	case OPTION_ACCEPT:
		equals = strchr(argument, '=');
		if (!equals)
			return wrong("--accept takes CHECK=SUBJECT, not", argument);
		name = arena_strndup(goal->arena, argument, (size_t)(equals - argument));
		if (!check_by_id(name))
			return wrong("--accept names no check of 'pvegpu audit --list':", name);
		goal_accept(goal, name, equals + 1);
		return 0;
	default:
		*goal_choice_at(goal, &goal_choices[(option - OPTION_CHOICE) / 2]) =
				(option - OPTION_CHOICE) % 2 ? CHOICE_NO : CHOICE_YES;
		return 0;
	}
}

static int take_option(struct options *options, int option, const char *argument)
{
	unsigned long number = 0;
	switch (option) {
	case OPTION_ROOT:
		options->root = argument;
		return 0;
	case OPTION_CHROOT:
		options->root = argument;
		options->chroot = true;
		return 0;
	case OPTION_FORMAT:
		options->json = strcmp(argument, "json") == 0;
		options->prometheus = strcmp(argument, "prometheus") == 0;
		if (!options->json && !options->prometheus && strcmp(argument, "text") != 0)
			return wrong("--format takes text or json (audit: prometheus too), not",
					argument);
		return 0;
	case OPTION_NO_COLOR:
		options->no_color = true;
		return 0;
	case OPTION_ASCII:
		return 0;
	case OPTION_OUT:
		options->out = argument;
		return 0;
	case OPTION_YES:
		options->yes = true;
		return 0;
	case OPTION_REBOOT:
		options->reboot = true;
		return 0;
	case OPTION_LIST:
		options->list = true;
		return 0;
	case OPTION_ONLY:
		strings_add(options->goal->arena, &options->only, argument);
		return 0;
	case OPTION_SINCE:
		options->since = argument;
		return 0;
	case OPTION_COMMENTS:
		options->comments = true;
		return 0;
	case OPTION_NO_COMMENTS:
		options->no_comments = true;
		return 0;
	case OPTION_API:
		options->api = argument;
		return 0;
	case OPTION_TOKEN_FILE:
		options->token_file = argument;
		return 0;
	case OPTION_USER:
		options->user = argument;
		return 0;
	case OPTION_FINGERPRINT:
		options->fingerprint = argument;
		return 0;
	case OPTION_CA_FILE:
		options->ca_file = argument;
		return 0;
	case OPTION_NODE:
		options->node = argument;
		return 0;
	case OPTION_LOG:
		options->log = argument;
		return 0;
	case OPTION_SYMPTOM:
		options->symptom = argument;
		return 0;
	case OPTION_FOLLOW:
		options->follow = true;
		return 0;
	case OPTION_SECONDS:
		if (!text_to_ulong(argument, 10, 86400, &number) || !number)
			return wrong("--seconds takes 1 to 86400, not", argument);
		options->seconds = (unsigned)number;
		return 0;
	case 'h':
		options->command = COMMAND_HELP;
		return 0;
	case 'V':
		options->command = COMMAND_VERSION;
		return 0;
	case '?':
		(void)fputs("        try: pvegpu --help\n", stderr);
		return EXIT_USAGE;
	default:
		options->goal_given = "--gpu, --vm, --param ...";
		return goal_option(options->goal, option, argument);
	}
}

static int take_operands(struct options *options, int argc, char **argv)
{
	if (optind >= argc)
		return 0;
	size_t found = sizeof commands / sizeof *commands;
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (strcmp(argv[optind], commands[i].name) == 0)
			found = i;
	if (found == sizeof commands / sizeof *commands)
		return wrong("no such command:", argv[optind]);
	options->command = commands[found].command;
	optind++;
	if (options->command == COMMAND_PLAN && options->goal->vmid && !options->goal->gpus.n)
		return wrong("a VM needs a GPU to go with it, --gpu ADDRESS:", "--vm");
	/* To clean up is a plan of its own, unless there is more to do. */
	const struct goal *asked = options->goal;
	if (asked->clean_up == CHOICE_YES && asked->advised == CHOICE_ADVISED && !asked->gpus.n &&
			!asked->params.n)
		options->goal->advised = CHOICE_NO;
	if (optind < argc && commands[found].operand)
		options->operand = argv[optind++];
	if (optind < argc)
		return wrong("not understood:", argv[optind]);
	bool doctor = options->command == COMMAND_DOCTOR;
	if (options->list && options->command != COMMAND_AUDIT && !doctor)
		return wrong("only audit and doctor take", "--list");
	if ((options->log || options->symptom || options->follow || options->seconds) && !doctor)
		return wrong("only doctor takes", "--log, --symptom, --follow, --seconds");
	if (options->seconds && !options->follow)
		return wrong("it goes with --follow only:", "--seconds");
	if (options->command == COMMAND_APPLY && !options->operand)
		return wrong("apply needs the file of a saved plan:", "pvegpu plan --out FILE");
	return 0;
}

/* What belongs to --api makes no sense without it. */
static int check_remote(const struct options *options)
{
	const char *with = options->token_file    ? "--token-file"
			   : options->user        ? "--user"
			   : options->fingerprint ? "--fingerprint"
			   : options->ca_file     ? "--ca-file"
			   : options->node        ? "--node"
						  : NULL;
	if (with && !options->api)
		return wrong("that needs --api URL beside it:", with);
	if (options->api && options->root)
		return wrong("--api is another host; it does not go with", "--root");
	if (options->api && options->command == COMMAND_DEMO)
		return wrong("the demo is not remote:", "--api");
	if (options->api &&
			(options->command == COMMAND_CAPTURE || options->command == COMMAND_DOCTOR))
		return wrong("that reads the host's own files, so run it there, without", "--api");
	return 0;
}

/* What one command alone takes. */
static int check_command(const struct options *options)
{
	bool audit = options->command == COMMAND_AUDIT;
	if (options->prometheus && !audit)
		return wrong("only audit has the format", "prometheus");
	if ((options->only.n || options->since) && !audit)
		return wrong("only audit takes", options->since ? "--since" : "--only");
	if ((options->comments || options->no_comments) && options->command != COMMAND_CAPTURE)
		return wrong("only capture takes",
				options->comments ? "--comments" : "--no-comments");
	if (options->comments && options->no_comments)
		return wrong("leave them in or take them out, not both:", "--no-comments");
	bool goal = audit || options->command == COMMAND_PLAN || options->command == COMMAND_DOCTOR;
	bool text = options->command == COMMAND_HELP || options->command == COMMAND_VERSION;
	if (options->goal_given && !goal && !text)
		return wrong("only audit, plan and doctor take a goal (the wizard asks for it), so "
			     "not",
				options->goal_given);
	if (options->chroot && options->command != COMMAND_ROLLBACK)
		return wrong("only rollback takes", "--chroot");
	return 0;
}

int options_parse(int argc, char **argv, struct options *ret_options)
{
	struct options options = {.command = COMMAND_WIZARD, .goal = goal_new()};
	struct option table[OPTIONS_MAX];
	make_table(table);
	int status = 0;
	while (status == 0) {
		/* One thread so far, as getopt needs. */
		/* NOLINTNEXTLINE(concurrency-mt-unsafe) */
		int option = getopt_long(argc, argv, "hV", table, NULL);
		if (option == -1)
			break;
		status = take_option(&options, option, optarg);
	}
	if (status == 0 && options.command != COMMAND_HELP && options.command != COMMAND_VERSION)
		status = take_operands(&options, argc, argv);
	if (status == 0)
		status = check_remote(&options);
	if (status == 0)
		status = check_command(&options);
	if (status != 0) {
		goal_free(options.goal);
		return status;
	}
	*ret_options = options;
	return 0;
}
