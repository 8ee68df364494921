/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/cli/cli.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pvegpu/doctor/doctor.h"
#include "tui/connect.h"
#include "tui/say.h"

static int list(bool json)
{
	if (json) {
		print_json(doctor_list_to_json());
		return EXIT_FINE;
	}
	struct arena *arena = arena_new();
	say(stdout, "%s", doctor_list_text(arena));
	arena_free(arena);
	return EXIT_FINE;
}

static volatile sig_atomic_t interrupted;

static void note_signal(int number)
{
	(void)number;
	interrupted = 1;
}

static bool is_interrupted(void *user)
{
	(void)user;
	return interrupted != 0 || say_is_lost();
}

/* A new match, as it is told while following: a paragraph, or one JSON object a line. */
static void print_new(void *user, const struct match *match)
{
	const struct options *options = user;
	if (options->json) {
		print_json_line(doctor_match_to_json(match));
	} else {
		struct arena *arena = arena_new();
		say(stdout, "%s\n", doctor_match_text(arena, match));
		arena_free(arena);
	}
}

static int follow(const struct options *options, const struct root *root)
{
	struct error error;
	struct scan *scan = symptoms_scan(NULL);
	union {
		const struct options *in; /* cppcheck-suppress unusedStructMember */
		void *out;
	} user = {.in = options};
	struct sigaction action = {.sa_handler = note_signal};
	(void)sigemptyset(&action.sa_mask);
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	scan->on_new = print_new;
	scan->user = user.out;
	int status = scan_follow(
			scan, root, options->log, options->seconds, is_interrupted, NULL, &error);
	int result = EXIT_FINE;
	for (size_t i = 0; i < scan->matches.n; i++) {
		const struct match *match = scan->matches.item[i];
		if (match->symptom->severity == SEVERITY_ERROR)
			result = EXIT_ATTENTION;
	}
	scan_free(scan);
	return status < 0 ? say_error(&error, EXIT_NO_HOST) : result;
}

static void print(const struct options *options, const struct diagnosis *diagnosis)
{
	if (options->json)
		print_json(doctor_to_json(diagnosis));
	else
		say(stdout, "%s", doctor_text(diagnosis->arena, diagnosis));
}

/* The host beside the log, for evidence; a log alone can be read on any machine. */
static int read_report(const struct options *options, struct scan *scan, const struct root *root,
		struct facts **ret_facts, struct report **ret_report)
{
	struct error error;
	bool needed = !options->log || options->root || options->goal_given || options->symptom;
	if (facts_read(root, ret_facts, &error) < 0)
		return needed ? say_error(&error, EXIT_NO_HOST) : 0;
	doctor_fill_goal(scan, *ret_facts, options->goal);
	if (report_new(*ret_facts, options->goal, ret_report, &error) < 0)
		return say_error(&error, error.code == ERROR_USAGE ? EXIT_USAGE : EXIT_NO_HOST);
	return 0;
}

static int diagnose(const struct options *options, const struct root *root,
		const struct symptom_kind *kind)
{
	struct error error;
	struct facts *facts = NULL;
	struct report *report = NULL;
	struct scan *scan = symptoms_scan(NULL);
	int status = 0;
	if (!options->log)
		scan_host(scan, root);
	else if (scan_file(scan, options->log, &error) < 0)
		status = say_error(&error, EXIT_NO_HOST);
	if (status == 0)
		status = read_report(options, scan, root, &facts, &report);
	if (status == 0) {
		struct diagnosis *diagnosis = doctor_diagnose(scan, report, root, kind);
		print(options, diagnosis);
		status = doctor_needs_attention(diagnosis) ? EXIT_ATTENTION : EXIT_FINE;
		if (!options->log && !kind && !scan_has_read(scan))
			status = EXIT_NO_HOST;
		diagnosis_free(diagnosis);
	}
	report_free(report);
	facts_free(facts);
	scan_free(scan);
	return status;
}

int command_doctor(const struct options *options)
{
	struct error error;
	struct host host = {0};
	const struct symptom_kind *kind = NULL;
	if (options->list)
		return list(options->json);
	if (options->symptom && !(kind = symptom_kind_by_id(options->symptom))) {
		(void)error_set(&error, ERROR_USAGE, "no such symptom: '%s'", options->symptom);
		error_hint(&error, "pvegpu doctor --list shows them");
		return say_error(&error, EXIT_USAGE);
	}
	if (host_open(options, &host, &error) < 0)
		return say_error(&error, status_of(&error, EXIT_NO_HOST));
	int status = options->follow ? follow(options, host.root)
				     : diagnose(options, host.root, kind);
	host_close(&host);
	return status;
}
