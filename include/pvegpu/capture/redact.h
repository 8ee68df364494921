/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_CAPTURE_REDACT_H
#define PVEGPU_CAPTURE_REDACT_H

#include <stdbool.h>
#include <stddef.h>

#include "pvegpu/base/text.h"

/*
 * Making a text of a host fit to be given away. What leaves is what is known to be harmless: words
 * of a vocabulary (of the kernel, of Proxmox VE, of QEMU), small numbers, PCI addresses, device
 * ids, versions, times, and the keys and values that a form of file allows. All else gets a
 * stand-in; one thing the same one wherever it occurs (240.0.0.1, 02:00:00:00:00:01, host1, word7
 * …), so that what belongs together can still be seen to. Passwords, keys and the like get none:
 * they become REDACTED.
 *
 * The time taken grows with the text alone, not with how many things were replaced.
 */
enum redact_kind {
	REDACT_HOST,
	REDACT_IP,
	REDACT_MAC,
	REDACT_SERIAL,
	REDACT_UUID,
	REDACT_EMAIL,
	REDACT_USER,
	REDACT_NAME, /* of a VM, a cluster, a tag */
	REDACT_WORD, /* any other that is not known to be harmless */
	REDACT_SECRET,
	REDACT_COMMENT,
	REDACT_LINE, /* of a log, by a program that has nothing to do with passthrough */
	REDACT_KINDS
};
extern const char *const redact_names[REDACT_KINDS]; /* "host name", "IP address" … */

/* What a text is: each form has its own list of what may leave. */
enum redact_form {
	REDACT_TEXT,      /* words, one thing a line, comments after # */
	REDACT_LOG,       /* of the kernel, of syslog, of a task */
	REDACT_GUEST,     /* a VM's or container's configuration */
	REDACT_CMDLINE,   /* a kernel command line */
	REDACT_SHELL,     /* /etc/default/grub: assignments, some of them command lines */
	REDACT_GRUB_MENU, /* grub.cfg */
	REDACT_HOSTS,     /* nothing but names of hosts and addresses */
	REDACT_CLUSTER,   /* corosync.conf, .members: names of nodes and of the cluster */
	REDACT_NUMBERS,   /* the kernel's tables: long numbers stay, hex too */
	REDACT_FORMS
};

struct redactor;
/* `comments`: the text behind # goes too. */
struct redactor *redactor_new(bool comments);
void redactor_free(struct redactor *redactor); /* NULL is fine */
/* A host's name, whole or with its domain, to be replaced as a word; "localhost" is left alone. */
void redactor_add_host(struct redactor *redactor, const char *name);
/* How many comparisons all of it took so far, for tests of the cost. */
size_t redactor_work(const struct redactor *redactor);

/* A copy that may be given away, owned by `arena`. `counts` (may be NULL) is added to, for each
 * kind. */
char *redact(struct redactor *redactor, struct arena *arena, enum redact_form form,
		const char *text, size_t counts[REDACT_KINDS]);
/* The same for a path; what stands in it and in a text gets the same stand-in. */
char *redact_path(struct redactor *redactor, struct arena *arena, const char *path);
/* The last look, when all was read: every original that ever got a stand-in, in bytes of any kind
 * that were redacted before it was known. */
char *redact_sweep(struct redactor *redactor, struct arena *arena, const char *bytes, size_t n,
		size_t *ret_n);

#endif
