/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

struct worker {
	pthread_t thread;
	atomic_bool ended;
	void (*work)(void *user);
	void *user;
};

static void *run(void *user)
{
	struct worker *worker = user;
	worker->work(worker->user);
	atomic_store(&worker->ended, true);
	return NULL;
}

/* A new thread has the mask of the one that makes it. */
static bool start_masked(struct worker *worker)
{
	static const int crashes[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL};
	sigset_t blocked;
	sigset_t before;
	(void)sigfillset(&blocked);
	for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
		(void)sigdelset(&blocked, crashes[i]);
	(void)pthread_sigmask(SIG_SETMASK, &blocked, &before);
	bool started = pthread_create(&worker->thread, NULL, run, worker) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return started;
}

struct worker *worker_start(void (*work)(void *user), void *user)
{
	struct worker *worker = calloc(1, sizeof *worker);
	if (!worker)
		return NULL;
	worker->work = work;
	worker->user = user;
	atomic_init(&worker->ended, false);
	if (start_masked(worker))
		return worker;
	free(worker);
	return NULL;
}

bool worker_has_ended(const struct worker *worker)
{
	return atomic_load(&worker->ended);
}

void worker_join(struct worker *worker)
{
	if (!worker)
		return;
	(void)pthread_join(worker->thread, NULL);
	free(worker);
}
