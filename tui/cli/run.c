/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/cli/cli.h"

#include <stdio.h>

#include "tui/say.h"

int command_run(const struct options *options)
{
	switch (options->command) {
	case COMMAND_AUDIT:
		return command_audit(options);
	case COMMAND_PLAN:
		return command_plan(options);
	case COMMAND_APPLY:
		return command_apply(options);
	case COMMAND_ROLLBACK:
		return command_rollback(options);
	case COMMAND_HISTORY:
		return command_history(options);
	case COMMAND_CAPTURE:
		return command_capture(options);
	case COMMAND_DEMO:
		return command_demo(options);
	case COMMAND_DOCTOR:
		return command_doctor(options);
	case COMMAND_EXPORT:
		return command_export(options);
	case COMMAND_HELP:
		return command_help(options);
	case COMMAND_VERSION:
		say(stdout, "pvegpu %s\n", PVEGPU_VERSION);
		return EXIT_FINE;
	case COMMAND_WIZARD:
		break;
	}
	return command_wizard(options, false);
}
