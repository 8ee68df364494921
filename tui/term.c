/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/term.h"
#include "tui/layout.h" /* before term.h, whose macros take the names of its members */

#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

static struct termios saved;
static bool active;
static SCREEN *screen;
static volatile sig_atomic_t ended_by;
static volatile sig_atomic_t held;
static attr_t attributes[ROLE_COUNT];

static void on_end(int number)
{
	if (ended_by && !held) {
		/* The second one does not wait for the loop: give the terminal back and go. */
		static const char reset[] = "\033[?1049l\033[?25h\033[0m\033(B\033[?1l\033>";
		ssize_t ignored = write(STDOUT_FILENO, reset, sizeof reset - 1);
		(void)ignored;
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &saved);
		_exit(128 + number);
	}
	ended_by = number;
}

static void on_crash(int number)
{
	/* Only async-signal-safe calls: leave the alternate screen, show the cursor, plain text. */
	static const char reset[] = "\033[?1049l\033[?25h\033[0m\033(B\033[?1l\033>";
	ssize_t ignored = write(STDOUT_FILENO, reset, sizeof reset - 1);
	(void)ignored;
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &saved);
	(void)signal(number, SIG_DFL); /* NOLINT(cert-err33-c): nothing is left to do if it fails */
	(void)raise(number);
}

static void catch_signals(void)
{
	static const int ends[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT};
	static const int crashes[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL};
	struct sigaction action = {.sa_handler = on_end};
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		(void)sigaction(ends[i], &action, NULL);
	action.sa_handler = on_crash;
	for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
		(void)sigaction(crashes[i], &action, NULL);
	action.sa_handler = SIG_IGN;
	(void)sigaction(SIGPIPE, &action, NULL);
}

static void set_roles(bool colors)
{
	static const struct {
		attr_t mono;
		short color;
	} roles[ROLE_COUNT] = {
			[ROLE_PLAIN] = {A_NORMAL, -1},
			[ROLE_OK] = {A_NORMAL, COLOR_GREEN},
			[ROLE_WARN] = {A_BOLD, COLOR_YELLOW},
			[ROLE_FAIL] = {A_BOLD, COLOR_RED},
			[ROLE_ADD] = {A_NORMAL, COLOR_GREEN},
			[ROLE_DELETE] = {A_NORMAL, COLOR_RED},
			[ROLE_CHANGE] = {A_BOLD, COLOR_YELLOW},
			[ROLE_KEY] = {A_BOLD, -1},
			[ROLE_TITLE] = {A_BOLD, COLOR_CYAN},
			[ROLE_DIM] = {A_DIM, -1},
			[ROLE_FOCUS] = {A_REVERSE, -1},
	};
	for (int i = 0; i < ROLE_COUNT; i++) {
		attributes[i] = roles[i].mono;
		if (!colors || roles[i].color < 0)
			continue;
		(void)init_pair((short)(i + 1), roles[i].color, -1);
		attributes[i] |= COLOR_PAIR(i + 1);
	}
}

/* 25 ms tells a lone Esc from an arrow key on a fast line; a serial console needs longer. */
static void set_escape_delay(void)
{
	const char *name =
			ttyname(STDIN_FILENO); /* NOLINT(concurrency-mt-unsafe): before threads */
	const char *type = getenv("TERM");     /* NOLINT(concurrency-mt-unsafe) */
	bool slow = (name && (strstr(name, "/ttyS") || strstr(name, "/hvc"))) ||
		    (type && (strcmp(type, "vt100") == 0 || strcmp(type, "vt220") == 0));
	if (!getenv("ESCDELAY")) /* NOLINT(concurrency-mt-unsafe) */
		(void)set_escdelay(slow ? 200 : 25);
}

bool term_start(bool no_color, const char **ret_reason)
{
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		*ret_reason = "there is no terminal";
		return false;
	}
	(void)setlocale(LC_ALL, ""); /* NOLINT(concurrency-mt-unsafe): before threads */
	(void)tcgetattr(STDIN_FILENO, &saved);
	catch_signals();
	set_escape_delay();
	screen = newterm(NULL, stdout, stdin);
	if (!screen) {
		*ret_reason = "the terminal type in TERM is not known here";
		return false;
	}
	char name[] = "cup";
	char *move = tigetstr(name);
	if (!move || strcmp(move, "") == 0) {
		(void)endwin();
		delscreen(screen);
		screen = NULL;
		*ret_reason = "this terminal cannot place the cursor";
		return false;
	}
	bool colors = has_colors() && !no_color &&
		      !getenv("NO_COLOR"); /* NOLINT(concurrency-mt-unsafe) */
	if (colors) {
		(void)start_color();
		(void)use_default_colors();
	}
	set_roles(colors);
	(void)cbreak();
	(void)noecho();
	(void)nonl();
	(void)keypad(stdscr, TRUE);
	(void)intrflush(stdscr, FALSE);
	(void)curs_set(0); /* a terminal without it keeps its cursor */
	/* Home and End as many terminals send them, whatever their terminfo entry says. */
	static const struct {
		const char *sequence;
		int key;
	} spellings[] = {{"\033[1~", KEY_HOME}, {"\033[4~", KEY_END}, {"\033[7~", KEY_HOME},
			{"\033[8~", KEY_END}, {"\033[H", KEY_HOME}, {"\033[F", KEY_END},
			{"\033OH", KEY_HOME}, {"\033OF", KEY_END}};
	for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++)
		(void)define_key(spellings[i].sequence, spellings[i].key);
	active = true;
	return true;
}

void term_stop(void)
{
	if (!active)
		return;
	active = false;
	(void)endwin();
	delscreen(screen);
	screen = NULL;
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &saved);
}

int term_signal(void)
{
	return (int)ended_by;
}

void term_hold(bool hold)
{
	held = hold;
}

attr_t role_attr(enum role role)
{
	return attributes[role];
}

/* Keys of one meaning are one key to the screens. */
static int fold(int key)
{
	switch (key) {
	case '\r':
	case KEY_ENTER:
		return '\n';
	case 'j':
		return KEY_DOWN;
	case 'k':
		return KEY_UP;
	case 'g':
		return KEY_HOME;
	case 'G':
		return KEY_END;
	case KEY_F(1):
	case 'h':
		return '?';
	case 27:
	case KEY_BACKSPACE:
	case 'p':
	case KEY_BTAB:
		return 'b';
	case '\t':
		return 'n';
	default:
		return key;
	}
}

/* After an Esc: true when it was the start of a sequence that ncurses did not know, or Alt with a
 * key. All of it is read away: no part of it must count as a key of its own. */
static bool swallow_sequence(void)
{
	timeout(get_escdelay());
	int key = getch();
	if (key == ERR)
		return false;
	if (key == 'O') {
		(void)getch();
	} else if (key == '[') {
		do
			key = getch();
		while (key != ERR && !(key >= 0x40 && key <= 0x7e));
	}
	return true;
}

int term_key(int timeout_ms, bool raw)
{
	/* Wake up now and then so that a signal is never left waiting for a key. */
	int waited = 0;
	for (;;) {
		int step = timeout_ms >= 0 && timeout_ms - waited < 200 ? timeout_ms - waited : 200;
		timeout(step);
		int key = getch();
		if (ended_by)
			return KEY_ENDED;
		if (key == 12) { /* ^L */
			(void)clearok(stdscr, TRUE);
			return KEY_RESIZE;
		}
		if (key == 27 && swallow_sequence())
			continue;
		/* Where the screen shows nothing but its size no key may do anything. */
		bool blind = LINES < LAYOUT_MIN_LINES || COLS < LAYOUT_MIN_COLUMNS;
		if (key != ERR && key != KEY_RESIZE && blind)
			continue;
		if (key != ERR)
			return raw ? (key == '\r' || key == KEY_ENTER ? '\n' : key) : fold(key);
		waited += step;
		if (timeout_ms >= 0 && waited >= timeout_ms)
			return KEY_NONE;
	}
}
