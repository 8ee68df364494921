/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command line: which command takes which option, and what is said where it does not. */
#include "tests/unit/helper.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tui/cli/cli.h"

/* Written down a second time, so that a change of the table is meant. w: the wizard, a: audit,
 * p: plan, y: apply, r: rollback, h: history, c: capture, D: demo, d: doctor, H: help,
 * x: export. */
static const char letters[] = "wapyrhcDdHx";
static const char *const names[] = {NULL, "audit", "plan", "apply", "rollback", "history",
		"capture", "demo", "doctor", "help", "export"};
static const struct {
	const char *option, *takers, *argument, *beside;
} expected[] = {
		{"root", "wapyrhcdx", "/x", NULL},
		{"run-scripts", "wapyrhcdx", NULL, "--root=/x"},
		{"format", "apyrhcd", "json", NULL},
		{"only", "a", "boot", NULL},
		{"since", "a", "/x", NULL},
		{"list", "ad", NULL, NULL},
		{"comments", "c", NULL, NULL},
		{"no-comments", "c", NULL, NULL},
		{"form", "x", "nodes", NULL},
		{"old-names", "x", NULL, NULL},
		{"no-color", letters, NULL, NULL},
		{"ascii", letters, NULL, NULL},
		{"help", letters, NULL, NULL},
		{"version", letters, NULL, NULL},
		{"api", "wapyrhx", "https://h:8006", NULL},
		{"token-file", "wapyrhx", "/x", "--api=https://h:8006"},
		{"user", "wapyrhx", "root@pam", "--api=https://h:8006"},
		{"node", "wapyrhx", "pve", "--api=https://h:8006"},
		{"fingerprint", "wapyrhx", "AA", "--api=https://h:8006"},
		{"ca-file", "wapyrhx", "/x", "--api=https://h:8006"},
		{"proxy", "wapyrhx", "none", "--api=https://h:8006"},
		{"gpu", "apd", "01:00", NULL},
		{"assign", "apd", "01:00=106", NULL},
		{"vm", "apd", "106", "--gpu=01:00"},
		{"tofu-output", "wapd", "/x", NULL},
		{"tofu-dir", "wapd", "/x", NULL},
		{"param", "apd", "quiet", NULL},
		{"no-param", "apd", "quiet", NULL},
		{"bind", "apd", "early", NULL},
		{"accept", "apd", "gpu.reset=01:00.0", NULL},
		{"mapping", "apd", "gpu1", NULL},
		{"mapping-device", "apd", "02:00", NULL},
		{"delete-mapping", "apd", "gpu1", NULL},
		{"log", "d", "/x", NULL},
		{"symptom", "d", "slow", NULL},
		{"follow", "d", NULL, NULL},
		{"seconds", "d", "5", "--follow"},
		{"out", "p", "/x", NULL},
		{"yes", "yrc", NULL, NULL},
		{"reboot", "y", NULL, NULL},
		{"chroot", "r", "/x", NULL},
};

/* Parse words; what was said is in `said`. */
static int parse(const char *const *words, char *said, size_t size, struct options *ret_options)
{
	char copies[8][64];
	char *argv[9] = {NULL};
	int argc = 0;
	for (; words[argc]; argc++) {
		(void)snprintf(copies[argc], sizeof copies[argc], "%s", words[argc]);
		argv[argc] = copies[argc];
	}
	FILE *file = tmpfile();
	assert_non_null(file);
	(void)fflush(stderr);
	int before = dup(STDERR_FILENO);
	assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
	optind = 0;
	int status = options_parse(argc, argv, ret_options);
	(void)fflush(stderr);
	assert_true(dup2(before, STDERR_FILENO) >= 0);
	(void)close(before);
	rewind(file);
	size_t n = fread(said, 1, size - 1, file);
	said[n] = '\0';
	(void)fclose(file);
	return status;
}

/* Is the option taken; where it is not, it is refused by its name. */
static bool is_taken(size_t command, const char *option, const char *argument, const char *beside)
{
	char word[64];
	char quoted[64];
	char said[2048];
	const char *words[8] = {"pvegpu"};
	size_t n = 1;
	struct options options;
	if (names[command])
		words[n++] = names[command];
	if (names[command] && strcmp(names[command], "apply") == 0)
		words[n++] = "PLAN";
	(void)snprintf(word, sizeof word, "--%s%s%s", option, argument ? "=" : "",
			argument ? argument : "");
	words[n++] = word;
	if (beside)
		words[n++] = beside;
	int status = parse(words, said, sizeof said, &options);
	if (status == 0) {
		assert_string_equal(said, "");
		goal_free(options.goal);
		return true;
	}
	assert_int_equal(status, EXIT_USAGE);
	(void)snprintf(quoted, sizeof quoted, "'--%s'", option);
	if (!strstr(said, quoted) && (!beside || !strstr(said, "'--"))) {
		print_error("%s --%s: %s\n", names[command] ? names[command] : "", option, said);
		fail();
	}
	return false;
}

static void check_option(
		const char *option, const char *takers, const char *argument, const char *beside)
{
	for (size_t command = 0; letters[command]; command++) {
		bool wanted = strchr(takers, letters[command]) != NULL;
		if (is_taken(command, option, argument, beside) == wanted)
			continue;
		print_error("%s --%s\n", names[command] ? names[command] : "the wizard", option);
		fail();
	}
}

/* What the option of a choice with a value takes; NULL: nothing. */
static const char *value_for(struct arena *arena, const struct goal_choice *choice)
{
	return choice->form ? arena_printf(arena, "%s%s",
					      choice->scope == SCOPE_DEVICE ? "02:00.0=" : "",
					      choice->form->example)
			    : NULL;
}

static void commands_and_options(void **state)
{
	size_t n = 0;
	size_t choices = 0;
	const struct option_row *rows = options_rows(*state, goal_choices, &n);
	for (size_t i = 0; i < n; i++) {
		size_t found = 0;
		for (size_t e = 0; e < sizeof expected / sizeof *expected; e++) {
			if (strcmp(expected[e].option, rows[i].name) != 0)
				continue;
			found++;
			check_option(expected[e].option, expected[e].takers, expected[e].argument,
					expected[e].beside);
		}
		choices += rows[i].choice != NULL;
		if (rows[i].choice)
			check_option(rows[i].name, "apd", value_for(*state, rows[i].choice), NULL);
		else if (found != 1)
			fail_msg("--%s is not in this test", rows[i].name);
		assert_non_null(rows[i].help);
		for (size_t other = 0; other < i; other++)
			assert_string_not_equal(rows[i].name, rows[other].name);
	}
	assert_int_equal(n, sizeof expected / sizeof *expected + choices);
}

/* The table is as long as the choices are many. */
static void many_choices(void **state)
{
	enum { MANY = 200 };
	static char words[MANY][2][16];
	struct goal_choice choices[MANY + 1] = {{0}};
	size_t n = 0;
	for (size_t i = 0; i < MANY; i++) {
		(void)snprintf(words[i][0], sizeof words[i][0], "w%zu", i);
		(void)snprintf(words[i][1], sizeof words[i][1], "no-w%zu", i);
		choices[i] = (struct goal_choice){.name = "choice",
				.yes = words[i][0],
				.no = words[i][1],
				.help = "to have it"};
	}
	const struct option_row *rows = options_rows(*state, choices, &n);
	assert_int_equal(n, sizeof expected / sizeof *expected + 2 * (size_t)MANY);
	assert_string_equal(rows[n - 1].name, "no-w199");
	assert_ptr_equal(rows[n - 1].choice, &choices[MANY - 1]);
}

static void without_sense(void **state)
{
	static const char *const lines[][6] = {
			{"pvegpu", "doctor", "--seconds", "5"},
			{"pvegpu", "rollback", "--root", "/x", "--chroot=/y"},
			{"pvegpu", "audit", "--root", "/x", "--api=https://h"},
			{"pvegpu", "audit", "--node", "pve"},
			{"pvegpu", "audit", "--list", "--only", "boot"},
			{"pvegpu", "audit", "--since=/x", "--format=prometheus"},
			{"pvegpu", "plan", "--format=prometheus"},
			{"pvegpu", "doctor", "--follow", "--symptom", "slow"},
			{"pvegpu", "doctor", "--list", "--log", "/x"},
			{"pvegpu", "plan", "--vm", "106"},
			{"pvegpu", "apply"},
			{"pvegpu", "help", "no-such"},
			{"pvegpu", "help", "plan", "audit"},
			{"pvegpu", "--no-such"},
			{"pvegpu", "audit", "--no-"},
			{"pvegpu", "audit", "--list=yes"},
			{"pvegpu", "audit", "-x"},
			{"pvegpu", "audit", "--since"},
	};
	char said[2048];
	struct options options;
	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		int status = parse(lines[i], said, sizeof said, &options);
		const char *word = lines[i][1];
		bool command = *word != '-' && strcmp(word, "help") != 0;
		char where[64];
		(void)snprintf(where, sizeof where, "try: pvegpu %s%s--help\n", command ? word : "",
				command ? " " : "");
		if (status != EXIT_USAGE || !strstr(said, where))
			fail_msg("line %zu: %d %s", i, status, said);
	}
}

/* What is echoed back is shown, not obeyed. */
static void hostile_words(void **state)
{
	static const char *const words[] = {"--\033]0;x\007=1", "-\033", "\033[2J",
			"--vm=\xc2\x9b[2J", "--only=a", "--seconds=\xe2\x80\xae",
			"--format=\xff\xfe", "--accept=\033c=1", "--mapping=\xef\xbb\xbf"};
	char said[2048];
	struct options options;
	(void)state;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		const char *line[] = {"pvegpu", words[i], "\033c", NULL};
		assert_int_equal(parse(line, said, sizeof said, &options), EXIT_USAGE);
		for (const char *c = said; *c; c++)
			assert_true(*c == '\n' || (*c >= ' ' && *c < 127));
	}
}

/* A misspelt option or command is answered with the one that is meant; nothing is guessed else. */
static void misspelt(void **state)
{
	static const struct {
		const char *words[4], *meant;
	} lines[] = {
			{{"pvegpu", "adit"}, "audit"},
			{{"pvegpu", "rolback", "RUN"}, "rollback"},
			{{"pvegpu", "help", "plna"}, "plan"},
			{{"pvegpu", "plan", "--gpus=01:00"}, "--gpu"},
			{{"pvegpu", "--no-colour", "audit"}, "--no-color"},
			{{"pvegpu", "plan", "--no-pci"}, NULL}, /* begins like --no-pcie: is that */
			{{"pvegpu", "plan", "--xvga"}, "--x-vga"},
			{{"pvegpu", "--audit"}, "audit"},
			{{"pvegpu", "--hepl"}, "--help"},
			{{"pvegpu", "frobnicate"}, NULL},
			{{"pvegpu", "audit", "--frobnicate"}, NULL},
	};
	char said[2048];
	char wanted[64];
	struct options options;
	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		int status = parse(lines[i].words, said, sizeof said, &options);
		(void)snprintf(wanted, sizeof wanted, "did you mean: %s\n",
				lines[i].meant ? lines[i].meant : "");
		if (lines[i].meant ? !strstr(said, wanted) : strstr(said, "did you mean") != NULL)
			fail_msg("line %zu: %s", i, said);
		if (status == 0)
			goal_free(options.goal);
	}
}

/* Is the option named in a help text, as a whole word? */
static bool names_option(const char *help, const char *option)
{
	char word[64];
	size_t n = (size_t)snprintf(word, sizeof word, "--%s", option);
	for (const char *at = strstr(help, word); at; at = strstr(at + 1, word))
		if (at > help && strchr(" \n", at[-1]) && strchr(" ,;:\n", at[n]))
			return true;
	return false;
}

/* Each option is told where it is taken: by each command of its own, or once for all of them. What
 * a command does not take its help does not list. */
static void help_tells_all(void **state)
{
	size_t n = 0;
	const struct option_row *rows = options_rows(*state, goal_choices, &n);
	for (size_t i = 0; i < n; i++) {
		size_t told = 0;
		for (const struct command_row *row = command_rows; row->help; row++) {
			const char *help = help_text(*state, row->command);
			bool taken = rows[i].commands >> row->command & 1U;
			const char *line = arena_printf(*state, "\n  --%s ", rows[i].name);
			told += taken && names_option(help, rows[i].name);
			if (!taken && strstr(help, line))
				fail_msg("help of %s lists --%s", row->name, rows[i].name);
		}
		if (!told)
			fail_msg("no help tells of --%s", rows[i].name);
	}
}

/* What stands there as an example is a line that is taken as it stands. */
static void check_example(const char *line, size_t n)
{
	char copy[128];
	char said[2048];
	const char *words[9] = {NULL};
	struct options options;
	size_t count = 0;
	char *rest = NULL;
	(void)snprintf(copy, sizeof copy, "%.*s", (int)n, line);
	for (char *word = strtok_r(copy, " ", &rest); word && count < 8;
			word = strtok_r(NULL, " ", &rest))
		if (*word != '>')
			words[count++] = word;
	if (parse(words, said, sizeof said, &options) != 0)
		fail_msg("%.*s: %s", (int)n, line, said);
	goal_free(options.goal);
}

/* Short, the examples first, and as wide as a terminal is. */
static void help_is_for_reading(void **state)
{
	for (const struct command_row *row = command_rows; row->help; row++) {
		const char *help = help_text(*state, row->command);
		const char *examples = strstr(help, "\nExamples:\n");
		const char *options = strstr(help, "\nOptions:\n");
		size_t lines = 0;
		size_t found = 0;
		assert_non_null(examples);
		assert_true(!options || examples < options);
		assert_null(strstr(help, "null")); /* as printf has it for what is not there */
		for (const char *line = help; *line; line += strcspn(line, "\n") + 1) {
			size_t n = strcspn(line, "\n");
			lines++;
			if (n > 79)
				fail_msg("%zu columns: %.*s", n, (int)n, line);
			if (line > examples && strncmp(line, "  pvegpu", 8) == 0) {
				const char *end = strstr(line + 2, "  ");
				assert_non_null(end);
				check_example(line + 2, (size_t)(end - line - 2));
				found++;
			}
		}
		assert_true(found > 0);
		if (row->command != COMMAND_PLAN && row->name)
			assert_true(lines <= 24);
	}
}

/* What an option takes stands behind it. */
static void help_of_values(void **state)
{
	const char *help = help_text(*state, COMMAND_PLAN);
	for (const struct goal_choice *choice = goal_choices; choice->name; choice++) {
		if (!choice->form)
			continue;
		const char *word = arena_printf(*state, "  --%s %s%s ", choice->yes,
				choice->scope == SCOPE_DEVICE ? "DEVICE=" : "", choice->form->word);
		if (!strstr(help, word))
			fail_msg("no '%s'", word);
	}
}

static void help_of_one(void **state)
{
	static const struct {
		const char *words[5];
		enum command about;
	} lines[] = {
			{{"pvegpu", "--help"}, COMMAND_WIZARD},
			{{"pvegpu", "help"}, COMMAND_WIZARD},
			{{"pvegpu", "help", "plan"}, COMMAND_PLAN},
			{{"pvegpu", "plan", "--help"}, COMMAND_PLAN},
			{{"pvegpu", "-h", "doctor", "--follow"}, COMMAND_DOCTOR},
			{{"pvegpu", "-h", "no-such"}, COMMAND_WIZARD},
	};
	char said[2048];
	struct options options;
	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		assert_int_equal(parse(lines[i].words, said, sizeof said, &options), 0);
		assert_int_equal(options.command, COMMAND_HELP);
		assert_int_equal(options.help_of, lines[i].about);
		goal_free(options.goal);
	}
}

static void help_for_any_line(void **state)
{
	static const char *const line[] = {"pvegpu", "--yes", "-h", NULL};
	char said[2048];
	struct options options;
	(void)state;
	assert_int_equal(parse(line, said, sizeof said, &options), 0);
	assert_int_equal(options.command, COMMAND_HELP);
	goal_free(options.goal);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
			TEST(commands_and_options),
			TEST(many_choices),
			cmocka_unit_test(without_sense),
			cmocka_unit_test(hostile_words),
			cmocka_unit_test(misspelt),
			TEST(help_tells_all),
			TEST(help_is_for_reading),
			TEST(help_of_values),
			cmocka_unit_test(help_of_one),
			cmocka_unit_test(help_for_any_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
