/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/cli/cli.h"

#include <signal.h>

#include "tui/say.h"

static volatile sig_atomic_t stop_asked;

/* Progress as lines; on standard error where standard output is JSON. */
bool print_progress(
		void *user, const struct change *change, enum apply_event event, const char *text)
{
	FILE *out = user;
	(void)change;
	if (event == APPLY_BEGIN && stop_asked)
		return false;
	switch (event) {
	case APPLY_BEGIN:
		say(out, "%s\n", text);
		break;
	case APPLY_OUTPUT:
		say(out, "    | %s\n", text);
		break;
	case APPLY_DONE:
		say(out, "    done\n");
		break;
	case APPLY_NOT_RUN:
		say(out, "    %s\n", text);
		break;
	case APPLY_FAILED:
		say(out, "    FAILED: %s\n", text);
		break;
	}
	return true;
}

/* While changes are made a signal does not cut one in half: the run stops before the next. */
static void on_stop(int number)
{
	(void)number;
	stop_asked = 1;
}

void hold_signals(void)
{
	static const int numbers[] = {SIGHUP, SIGINT, SIGTERM, SIGQUIT};
	struct sigaction action = {.sa_handler = on_stop, .sa_flags = SA_RESTART};
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		(void)sigaction(numbers[i], &action, NULL);
}

/* The word of a person, or of --yes, for what changes the host: the commands' only way to a yes. */
int ask_consent(const struct options *options, const char *question, const char *what,
		struct consent *ret_consent)
{
	int status = confirm(options, question);
	if (status == 0)
		*ret_consent = consent_given(what);
	return status;
}
