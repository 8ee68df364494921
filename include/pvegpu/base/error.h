/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_BASE_ERROR_H
#define PVEGPU_BASE_ERROR_H

/*
 * One error shape for the whole program.
 *
 * A function that can fail returns 0 for success or a negative enum error_code, and takes
 * `struct error *err` as its last argument; err may be NULL. Outputs are named ret_… and are set
 * only on success. `text` says what failed and on which object, in lower case without a full stop;
 * `hint` says what the person can do next and may be empty. The core prints nothing itself.
 */
enum error_code {
	ERROR_OK = 0,
	ERROR_IO = -1,       /* a system call failed; sys_errno is set */
	ERROR_PARSE = -2,    /* a file or an answer is not in the expected form */
	ERROR_USAGE = -3,    /* the request itself makes no sense (unknown VM, bad address) */
	ERROR_NOT_HOST = -4, /* what was read is not (enough of) a host */
	ERROR_DRIFT = -5,    /* the host is not as it was when the plan was made */
	ERROR_BUSY = -6,     /* another run holds the lock */
	ERROR_COMMAND = -7,  /* a command could not be run or failed */
	ERROR_API = -8,      /* Proxmox VE refused a call, or a task ended badly */
	ERROR_REFUSED = -9,  /* refused for the safety of the host */
	ERROR_STOPPED = -10, /* stopped between two changes, as asked */
	ERROR_CONNECT = -11, /* the API could not be reached, or is not Proxmox VE's */
	ERROR_TRUST = -12,   /* nobody known vouches for the server's certificate */
	ERROR_LOGIN = -13,   /* the API does not accept who we say we are */
};

struct error {
	enum error_code code;
	int sys_errno;
	int http; /* status of the API's answer (401, 403, 595 ...); 0 none */
	char text[512];
	char hint[2048]; /* may have several lines */
};

/* Fill `err`, if there is one, and return `code`. */
int error_set(struct error *err, enum error_code code, const char *format, ...)
		__attribute__((format(printf, 3, 4)));

/* The same for a failed system call: appends the text of `sys_errno` after a colon. */
int error_set_errno(struct error *err, int sys_errno, const char *format, ...)
		__attribute__((format(printf, 3, 4)));

/* Add advice to an error that is already set. */
void error_hint(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
