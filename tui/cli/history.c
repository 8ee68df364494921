/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/cli/cli.h"

#include "pvegpu/apply/apply.h"
#include "tui/connect.h"
#include "tui/say.h"

int command_history(const struct options *options)
{
	struct error error;
	struct host host = {0};
	struct history *history = NULL;
	if (host_open(options, &host, &error) < 0)
		return say_error(&error, status_of(&error, EXIT_NO_HOST));
	if (history_read(host.root, &history, &error) < 0) {
		host_close(&host);
		return say_error(&error, EXIT_NO_HOST);
	}
	if (options->json)
		print_json(history_to_json(history));
	else
		say(stdout, "%s", history_text(history->arena, history));
	history_free(history);
	host_close(&host);
	return EXIT_FINE;
}
