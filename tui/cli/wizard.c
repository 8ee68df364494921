/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/cli/cli.h"

#include "tui/connect.h"
#include "tui/say.h"
#include "tui/wizard.h"

int command_wizard(const struct options *options, bool demo)
{
	struct error error;
	struct host host = {0};
	if (host_open(options, &host, &error) < 0)
		return say_error(&error, status_of(&error, EXIT_NO_HOST));
	bool asked = tofu_is_asked(&options->workers);
	int status = wizard_run(&host, options->no_color, demo, asked ? &options->workers : NULL);
	host_close(&host);
	return status;
}
