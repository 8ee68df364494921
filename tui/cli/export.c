/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/cli/cli.h"

#include <string.h>

#include "pvegpu/cluster/tofu.h"
#include "tui/connect.h"
#include "tui/say.h"

/* pvegpu export tofu: the code on standard output, and what it cannot hold on standard error. */
int command_export(const struct options *options)
{
	struct error error;
	struct host host = {0};
	struct facts *facts = NULL;
	if (!options->operand || strcmp(options->operand, "tofu") != 0) {
		(void)error_set(&error, ERROR_USAGE, "what is to be exported? There is: tofu");
		return say_error(&error, EXIT_USAGE);
	}
	int status = host_open(options, &host, &error);
	if (status == 0)
		status = facts_read_host(&host, false, &facts, &error);
	host_close(&host);
	if (status < 0 || !facts)
		return say_error(&error, status_of(&error, EXIT_NO_HOST));
	struct strings left_out = {0};
	say(stdout, "%s", tofu_export(facts, &options->tofu, facts->arena, &left_out));
	for (size_t i = 0; i < left_out.n; i++)
		say(stderr, "pvegpu: left out: %s\n", left_out.item[i]);
	facts_free(facts);
	return left_out.n ? EXIT_ATTENTION : EXIT_FINE;
}
