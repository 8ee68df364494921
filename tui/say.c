/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "pvegpu/base/text.h"

static int lost; /* errno of the first write to standard output that failed */

static void put_bytes(const char *bytes, size_t n)
{
	errno = 0;
	if (fwrite(bytes, 1, n, stdout) < n && !lost)
		lost = errno ? errno : EIO;
}

static void put(FILE *out, const char *text)
{
	if (out == stdout) {
		put_bytes(text, strlen(text));
		return;
	}
	(void)fflush(stdout); /* so that the reason comes last */
	(void)fputs(text, out);
}

void say(FILE *out, const char *format, ...)
{
	struct arena *arena = arena_new();
	va_list args;
	va_start(args, format);
	put(out, text_printable_page(arena, arena_vprintf(arena, format, args)));
	va_end(args);
	arena_free(arena);
}

int say_error(const struct error *error, int status)
{
	struct arena *arena = arena_new();
	struct lines cursor = lines_start(error->hint);
	struct line line;
	/* What it quotes must not look like a line of ours. */
	say(stderr, "pvegpu: %s\n", text_printable(arena, error->text));
	while (line_next(&cursor, &line))
		say(stderr, "        %.*s\n", (int)line.n, line.start);
	arena_free(arena);
	return status;
}

int status_of(const struct error *error, int otherwise)
{
	switch (error->code) {
	case ERROR_USAGE:
	case ERROR_PARSE:
		return EXIT_USAGE;
	case ERROR_NOT_HOST:
	case ERROR_CONNECT:
	case ERROR_TRUST:
	case ERROR_LOGIN:
		return EXIT_NO_HOST;
	case ERROR_REFUSED:
		return EXIT_ATTENTION;
	case ERROR_OK:
	case ERROR_IO:
	case ERROR_DRIFT:
	case ERROR_BUSY:
	case ERROR_COMMAND:
	case ERROR_API:
	case ERROR_STOPPED:
		break;
	}
	return otherwise;
}

struct json_out say_json(void)
{
	return (struct json_out){.write = put_bytes};
}

static void put_json(json_t *json, bool compact)
{
	struct json_out out = say_json();
	out.compact = compact;
	json_put(&out, NULL, json);
	json_end(&out);
}

void print_json(json_t *json)
{
	put_json(json, false);
}

void print_json_line(json_t *json)
{
	put_json(json, true);
}

bool say_is_lost(void)
{
	return lost != 0;
}

bool typed_yes(const char *question)
{
	char line[32];
	(void)tcflush(STDIN_FILENO, TCIFLUSH); /* what was typed before the question is no answer */
	say(stderr, "%s", question);
	return fgets(line, sizeof line, stdin) && strcmp(line, "yes\n") == 0;
}

int confirm(const struct options *options, const char *question)
{
	if (options->yes)
		return 0;
	if (!isatty(STDIN_FILENO)) {
		say(stderr, "pvegpu: nothing was changed: there is no terminal to ask on, and --yes was not given\n");
		return EXIT_USAGE;
	}
	if (typed_yes(question))
		return 0;
	say(stderr, "Nothing was changed.\n");
	return EXIT_ATTENTION;
}

void say_begin(bool steps)
{
	if (steps)
		(void)setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
}

int say_end(bool changed, int status)
{
	errno = 0;
	if ((fflush(stdout) != 0 || ferror(stdout)) && !lost)
		lost = errno ? errno : EIO;
	if (!lost)
		return status;
	/* A reader that has seen enough, as head(1), is no fault. */
	if (lost != EPIPE || changed)
		say(stderr, "pvegpu: standard output could not be written: %s%s\n",
				strerror(lost), /* NOLINT(concurrency-mt-unsafe): at the end */
				changed ? "\n        what was done: pvegpu history" : "");
	return changed ? status : EXIT_NO_HOST;
}
