/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/prompt.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "tui/say.h"

/* Not those of a program in the background: it stops before it has changed the terminal. */
static const int signals[] = {
		SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGCONT, SIGALRM, SIGUSR1, SIGUSR2};
enum { SIGNALS = sizeof signals / sizeof *signals };

static volatile sig_atomic_t caught[SIGNALS];

static void note_signal(int number)
{
	for (size_t i = 0; i < SIGNALS; i++)
		if (signals[i] == number)
			caught[i] = 1;
}

struct held {
	struct sigaction before[SIGNALS];
	sigset_t mask; /* with which a key is waited for */
};

/* Signals only end the waiting, and are looked at when the terminal is as it was. */
static void hold_signals(struct held *held)
{
	struct sigaction action = {.sa_handler = note_signal};
	sigset_t all;
	(void)sigemptyset(&action.sa_mask);
	(void)sigemptyset(&all);
	for (size_t i = 0; i < SIGNALS; i++)
		(void)sigaddset(&all, signals[i]);
	(void)pthread_sigmask(SIG_BLOCK, &all, &held->mask);
	for (size_t i = 0; i < SIGNALS; i++) {
		caught[i] = 0;
		(void)sigaction(signals[i], NULL, &held->before[i]);
		if (held->before[i].sa_handler != SIG_IGN)
			(void)sigaction(signals[i], &action, NULL);
	}
}

/* Now they take their course. True: one came and the program goes on, so ask again. */
static bool release_signals(const struct held *held)
{
	bool again = false;
	for (size_t i = 0; i < SIGNALS; i++)
		(void)sigaction(signals[i], &held->before[i], NULL);
	(void)pthread_sigmask(SIG_SETMASK, &held->mask, NULL);
	for (size_t i = 0; i < SIGNALS; i++) {
		if (!caught[i])
			continue;
		again = true;
		if (signals[i] != SIGCONT)
			(void)raise(signals[i]);
	}
	return again;
}

/* False at the end of input, or when a signal came. What is longer than there is room for is read
 * and dropped. */
static bool read_line(const struct held *held, char *ret_line, size_t size)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	size_t n = 0;
	char c = '\0';
	bool got = true;
	while (c != '\n' && c != '\r' && got) {
		got = ppoll(&input, 1, NULL, &held->mask) > 0 && read(STDIN_FILENO, &c, 1) == 1;
		if (got && c != '\n' && c != '\r' && n + 1 < size)
			ret_line[n++] = c;
	}
	ret_line[n] = '\0';
	return got;
}

/* One asking. True in `ret_again` when a signal came between. */
static bool ask(const char *question, bool secret, const struct termios *shown, char *ret_line,
		size_t size, bool *ret_again)
{
	struct held held;
	struct termios quiet = *shown;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	say(stderr, "%s", question);
	hold_signals(&held);
	if (secret)
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	bool got = read_line(&held, ret_line, size);
	if (secret) {
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, shown);
		say(stderr, "\n");
	}
	*ret_again = release_signals(&held);
	return got;
}

bool prompt(const char *question, bool secret, char *ret_line, size_t size)
{
	struct termios shown;
	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO) || tcgetattr(STDIN_FILENO, &shown) < 0)
		return false;
	bool again = false;
	bool got = false;
	do
		got = ask(question, secret, &shown, ret_line, size, &again);
	while (again);
	if (!got)
		explicit_bzero(ret_line, size);
	return got && ret_line[0];
}
