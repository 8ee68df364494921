/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_TUI_TERM_H
#define PVEGPU_TUI_TERM_H

#include <ncurses.h>
#include <stdbool.h>

/*
 * The terminal: taken over by term_start() and given back by term_stop(), whatever ends the
 * program. SIGTERM, SIGHUP and SIGINT set a flag that term_key() reports; on SIGSEGV, SIGABRT and
 * the like the terminal is restored before the signal takes its course.
 */
enum role {
	ROLE_PLAIN,
	ROLE_OK,
	ROLE_WARN,
	ROLE_FAIL,
	ROLE_ADD,
	ROLE_DELETE,
	ROLE_CHANGE,
	ROLE_KEY,
	ROLE_TITLE,
	ROLE_DIM,
	ROLE_FOCUS,
	ROLE_COUNT
};

enum {
	KEY_ENDED = KEY_MAX + 1, /* a signal asks the program to end: term_signal() says which */
	KEY_NONE,                /* the time-out passed */
	KEY_PASTE = KEY_MAX + 32 /* text was pasted into a field */
};

/* False with a reason in `ret_reason` (static text) when there is no usable terminal. */
bool term_start(bool no_color, const char **ret_reason);
void term_stop(void);
int term_signal(void); /* 0 none */

/* While held, a second signal does not end the program at once: a change is being made. */
void term_hold(bool hold);

/* The attributes of a role: never colour alone, see draw.h. */
attr_t role_attr(enum role role);

/* Wait for a key; letters as themselves, KEY_… for others, KEY_ENDED, or KEY_NONE after
 * `timeout_ms` (-1: for ever). Keys with the same meaning are folded: Enter is '\n', F1 is '?',
 * j and k are KEY_DOWN and KEY_UP, and so on, unless `raw`. */
int term_key(int timeout_ms, bool raw);

/* Text that was pasted, as one line: line ends are blanks, and none at its end. */
struct term_paste {
	char text[1024];
	size_t n;
};
/* The same for a field of text, without end and raw: KEY_PASTE gives what was pasted. Everywhere
 * else a paste is dropped whole (KEY_RESIZE is returned, as the screen may have to be drawn):
 * nothing in it acts as a key. */
int term_field_key(struct term_paste *ret_paste);

#endif
