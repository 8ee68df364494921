/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/reading.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

struct reading {
	struct host *host;
	pthread_t thread;
	atomic_bool ended;
	struct facts *facts;
	struct error error;
};

static void *work(void *user)
{
	struct reading *reading = user;
	(void)facts_read_host(reading->host, false, &reading->facts, &reading->error);
	atomic_store(&reading->ended, true);
	return NULL;
}

struct reading *reading_start(struct host *host)
{
	struct reading *reading = calloc(1, sizeof *reading);
	if (!reading)
		return NULL;
	reading->host = host;
	atomic_init(&reading->ended, false);
	/* Signals that ask the program to end are for the thread that owns the terminal; a crash
	 * in this one must still give the terminal back. */
	static const int crashes[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL};
	sigset_t blocked;
	sigset_t before;
	(void)sigfillset(&blocked);
	for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
		(void)sigdelset(&blocked, crashes[i]);
	(void)pthread_sigmask(SIG_SETMASK, &blocked, &before);
	bool started = pthread_create(&reading->thread, NULL, work, reading) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (started)
		return reading;
	free(reading);
	return NULL;
}

bool reading_take(struct reading *reading, struct facts **ret_facts, struct error *err)
{
	if (!atomic_load(&reading->ended))
		return false;
	(void)pthread_join(reading->thread, NULL);
	*ret_facts = reading->facts;
	*err = reading->error;
	free(reading);
	return true;
}

bool reading_drop(struct reading *reading)
{
	struct facts *facts = NULL;
	struct error error;
	if (!reading)
		return true;
	if (!reading_take(reading, &facts, &error))
		return false;
	facts_free(facts);
	return true;
}
