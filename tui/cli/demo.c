/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/cli/cli.h"

#include <stdlib.h>

#include "tui/say.h"

/* The demo: the wizard on a private copy of the sample host, made here and removed at the end. */
int command_demo(const struct options *options)
{
	/* Beside the program as installed; while developing, in the source tree. */
	static const char *const sources[] = {PVEGPU_SAMPLE_INSTALLED, PVEGPU_SAMPLE_BUILD};
	struct error error = {0};
	char *dir = NULL;
	struct options demo = *options;
	int status = -1;
	for (size_t i = 0; status < 0 && i < 2; i++)
		status = root_private_copy(sources[i], &dir, &error);
	if (status < 0)
		return say_error(&error, EXIT_NO_HOST);
	demo.root = dir;
	demo.run_scripts = true;
	status = command_wizard(&demo, true);
	if (root_remove_tree(dir, &error) < 0)
		(void)say_error(&error, 0);
	free(dir);
	return status;
}
