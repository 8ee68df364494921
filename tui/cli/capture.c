/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/cli/cli.h"

#include <time.h>

#include "pvegpu/capture/capture.h"
#include "tui/connect.h"
#include "tui/say.h"

/* pvegpu capture [FILE]: the list first, then the file. Its name says nothing of the host. */
int command_capture(const struct options *options)
{
	struct error error;
	struct host host = {0};
	struct capture *capture = NULL;
	char name[64];
	struct tm now;
	time_t seconds = time(NULL);
	(void)localtime_r(&seconds, &now);
	(void)strftime(name, sizeof name, "pvegpu-capture-%Y%m%d-%H%M%S.tar.gz", &now);
	const char *path = options->operand ? options->operand : name;
	if (host_open(options, &host, &error) < 0)
		return say_error(&error, status_of(&error, EXIT_NO_HOST));
	int status = capture_collect(host.root, options->comments, &capture, &error);
	host_close(&host);
	if (status < 0 || !capture)
		return say_error(&error, status_of(&error, EXIT_NO_HOST));
	FILE *out = options->json ? stderr : stdout;
	say(out, "%s", capture_text(capture->arena, capture));
	status = confirm(options, "\nType yes to write this to a file: ");
	if (status == 0 && capture_write(capture, path, &error) < 0)
		status = say_error(&error, EXIT_USAGE);
	else if (status == 0 && options->json)
		print_json(json_pack("{s:s, s:s, s:I, s:I}", "schema", "pvegpu.capture/1", "file",
				path, "files", (json_int_t)capture->items.n, "bytes",
				(json_int_t)capture->bytes));
	else if (status == 0)
		say(stdout,
				"Written: %s\nLook into it before you give it away: tar tzf %s\n"
				"Anybody can open it: pvegpu audit --root %s\n",
				path, path, path);
	capture_free(capture);
	return status;
}
