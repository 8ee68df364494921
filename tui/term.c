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
static volatile sig_atomic_t active;
static volatile sig_atomic_t
		alternate; /* the terminal has a second screen, which is left at the end */
static bool pasting;
static struct sigaction curses_stop; /* ncurses' own, for SIGTSTP */
static SCREEN *screen;
static volatile sig_atomic_t ended_by;
static volatile sig_atomic_t held;
static attr_t attributes[ROLE_COUNT];

enum { PASTE_BEGIN = KEY_MAX + 64, PASTE_END };

/* Bracketed paste: a terminal that has it marks what is pasted, one that has not ignores this. */
static const char paste_on[] = "\033[?2004h";
static const char paste_off[] = "\033[?2004l";

/* Past ncurses, also from a signal handler. */
static void send(const char *sequence)
{
	ssize_t ignored = write(STDOUT_FILENO, sequence, strlen(sequence));
	(void)ignored;
}

/* Only async-signal-safe calls: leave the alternate screen, or the last row where there is none,
 * show the cursor, plain text. */
static void give_back(void)
{
	send(paste_off);
	send(alternate ? "\033[?1049l" : "\033[999;1H\r\n");
	send("\033[?25h\033[0m\033(B\033[?1l\033>");
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &saved);
}

static void on_end(int number)
{
	if (ended_by && !held) {
		/* The second one does not wait for the loop: give the terminal back and go. */
		give_back();
		_exit(128 + number);
	}
	ended_by = number;
}

static void on_crash(int number)
{
	give_back();
	(void)signal(number, SIG_DFL); /* NOLINT(cert-err33-c): nothing is left to do if it fails */
	(void)raise(number);
}

/* The shell's own keys are not in brackets while the program is stopped. */
static void on_stop(int number)
{
	send(paste_off);
	curses_stop.sa_handler(number);
	send(paste_on); /* it may have gone on without SIGCONT: nobody was there to wake it */
}

static void on_continue(int number)
{
	(void)number;
	if (active)
		send(paste_on);
}

static void start_paste(void)
{
	struct sigaction action = {.sa_handler = on_continue, .sa_flags = SA_RESTART};
	(void)sigemptyset(&action.sa_mask);
	(void)sigaction(SIGCONT, &action, NULL);
	(void)sigaction(SIGTSTP, NULL, &curses_stop);
	action.sa_handler = on_stop;
	if (curses_stop.sa_handler != SIG_DFL && curses_stop.sa_handler != SIG_IGN)
		(void)sigaction(SIGTSTP, &action, NULL);
	(void)define_key("\033[200~", PASTE_BEGIN);
	(void)define_key("\033[201~", PASTE_END);
	send(paste_on);
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
	char leave[] = "rmcup";
	const char *second = tigetstr(leave);
	alternate = second && *second;
	active = true;
	start_paste();
	return true;
}

void term_stop(void)
{
	if (!active)
		return;
	active = false;
	send(paste_off);
	(void)endwin();
	/* Where the screen stays, what is told afterwards begins below it. */
	if (!alternate)
		send("\r\n");
	delscreen(screen);
	screen = NULL;
	/* The rest of a paste is not for the shell. */
	(void)tcsetattr(STDIN_FILENO, pasting ? TCSAFLUSH : TCSANOW, &saved);
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

enum {
	SEQUENCE_MS = 2000, /* nobody types the rest of a sequence after "Esc [": wait for it */
	PASTE_MS = 2000,    /* a paste whose end never comes is over after that silence */
	TICK_MS = 200       /* a signal is never left waiting for a key */
};

/* What follows "Esc [", up to its end: true when that is the begin of a paste. */
static bool read_sequence(void)
{
	static const char begin[] = "200~";
	size_t same = 0;
	size_t n = 0;
	int key = ERR;
	timeout(SEQUENCE_MS);
	do {
		key = getch();
		same += n < sizeof begin - 1 && key == begin[n] && same == n;
		n++;
	} while (key != ERR && !(key >= 0x40 && key <= 0x7e));
	return same == sizeof begin - 1 && n == same;
}

enum meaning { IS_NOTHING, IS_KEY, IS_PASTE };

/* After an Esc: what it was the start of. A sequence that ncurses did not know, or Alt with a key,
 * is read away: no part of it must count as a key of its own. */
static enum meaning after_escape(void)
{
	timeout(get_escdelay());
	int key = getch();
	if (key == ERR)
		return IS_KEY;
	if (key == PASTE_BEGIN)
		return IS_PASTE;
	if (key == 'O')
		(void)getch();
	return key == '[' && read_sequence() ? IS_PASTE : IS_NOTHING;
}

static enum meaning meaning_of(int key)
{
	static bool escaped; /* a lone Esc was the last key: the rest of a sequence may still come
			      */
	if (key == ERR)
		return IS_NOTHING;
	bool late = escaped && key == '[';
	escaped = false;
	if (key == PASTE_BEGIN)
		return IS_PASTE;
	if (key == PASTE_END)
		return IS_NOTHING;
	if (late)
		return read_sequence() ? IS_PASTE : IS_NOTHING;
	if (key != 27)
		return IS_KEY;
	enum meaning meaning = after_escape();
	escaped = meaning == IS_KEY;
	return meaning;
}

/* Keep a pasted byte as text of one line: line ends and tabs are blanks, other controls nothing. */
static void keep_pasted(struct term_paste *paste, int key)
{
	bool blank = key == '\r' || key == '\n' || key == '\t';
	bool after_blank = paste && (!paste->n || paste->text[paste->n - 1] == ' ');
	if (!paste || paste->n + 1 >= sizeof paste->text || (blank && after_blank))
		return;
	if (blank)
		paste->text[paste->n++] = ' ';
	else if (key >= ' ' && key < 127)
		paste->text[paste->n++] = (char)key;
}

/* Read a paste to its end; into `paste`, or NULL to drop it. Nothing in it is a key. */
static void read_paste(struct term_paste *paste)
{
	static const char end[] = "\033[201~"; /* as it comes when a slow line splits it */
	size_t seen = 0;
	pasting = true;
	if (paste)
		paste->n = 0;
	for (int silence = 0; silence < PASTE_MS && seen < sizeof end - 1 && !ended_by;) {
		timeout(TICK_MS);
		int key = getch();
		if (key == PASTE_END)
			break;
		silence = key == ERR ? silence + TICK_MS : 0;
		if (key == ERR)
			continue;
		seen = key == end[seen] ? seen + 1 : key == end[0];
		if (!seen)
			keep_pasted(paste, key);
	}
	if (paste) {
		while (paste->n && paste->text[paste->n - 1] == ' ')
			paste->n--;
		paste->text[paste->n] = '\0';
	}
	pasting = ended_by != 0;
}

/* Where the screen shows nothing but its size no key may do anything. */
static bool is_blind(void)
{
	return LINES < LAYOUT_MIN_LINES || COLS < LAYOUT_MIN_COLUMNS;
}

static int take_paste(struct term_paste *paste)
{
	struct term_paste *wanted = is_blind() ? NULL : paste;
	read_paste(wanted);
	if (ended_by)
		return KEY_ENDED;
	return wanted ? KEY_PASTE : KEY_RESIZE;
}

static int wait_key(int timeout_ms, bool raw, struct term_paste *paste)
{
	int waited = 0;
	for (;;) {
		bool last = timeout_ms >= 0 && timeout_ms - waited < TICK_MS;
		timeout(last ? timeout_ms - waited : TICK_MS);
		int key = getch();
		if (ended_by)
			return KEY_ENDED;
		enum meaning meaning = meaning_of(key);
		if (meaning == IS_PASTE)
			return take_paste(paste);
		if (meaning == IS_KEY && key == 12) { /* ^L */
			(void)clearok(stdscr, TRUE);
			return KEY_RESIZE;
		}
		if (meaning == IS_KEY && (key == KEY_RESIZE || !is_blind()))
			return raw ? (key == '\r' || key == KEY_ENTER ? '\n' : key) : fold(key);
		if (key == ERR && last)
			return KEY_NONE;
		waited += key == ERR ? TICK_MS : 0;
	}
}

int term_key(int timeout_ms, bool raw)
{
	return wait_key(timeout_ms, raw, NULL);
}

int term_field_key(struct term_paste *ret_paste)
{
	return wait_key(-1, true, ret_paste);
}
