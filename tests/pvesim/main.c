/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/pvesim/batch.h"
#include "tests/pvesim/http.h"

static struct server server;
static volatile sig_atomic_t fresh_wanted;

static void on_signal(int number)
{
	if (number == SIGHUP)
		fresh_wanted = 1;
	else
		server.stopping = true;
}

static int usage(FILE *file)
{
	(void)fputs("usage: pvesim --state DIR [--port N] [--certificate-dir DIR] [--lifetime S]\n"
		    "       pvesim --batch < LINES\n"
		    "A simulated Proxmox VE cluster on 127.0.0.1; see tests/pvesim/README.md.\n",
			file);
	return file == stderr ? 2 : 0;
}

static int open_listener(unsigned long port)
{
	int one = 1;
	struct sockaddr_in address = {.sin_family = AF_INET,
			.sin_port = htons((uint16_t)port),
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0)
		return -1;
	(void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
			listen(listener, 64) != 0) {
		(void)close(listener);
		return -1;
	}
	return listener;
}

static void set_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGHUP, &action, NULL);
	(void)sigaction(SIGALRM, &action, NULL);
	action.sa_handler = SIG_IGN;
	(void)sigaction(SIGPIPE, &action, NULL);
}

/* SIGHUP asks for another certificate; it is made outside the handler. */
static void *renew_run(void *argument)
{
	(void)argument;
	while (!server.stopping) {
		(void)usleep(20000);
		if (!fresh_wanted)
			continue;
		fresh_wanted = 0;
		pthread_mutex_lock(&server.sim->lock);
		if (server_new_certificate(&server) == 0)
			server_announce(&server);
		pthread_mutex_unlock(&server.sim->lock);
	}
	return NULL;
}

static int run(const char *state, const char *certificates, unsigned long port, unsigned lifetime)
{
	struct sim sim = {.dir = state,
			.tickets = json_object(),
			.tasks = json_object(),
			.fault_uses = json_object(),
			.totp_used = json_object(),
			.ha_errors = json_object(),
			.parsed = json_object()};
	struct arena *arena = arena_new();
	pthread_t renewer;
	(void)pthread_mutex_init(&sim.lock, NULL);
	server.sim = &sim;
	server.certificate_dir =
			certificates ? certificates : arena_printf(arena, "%s/certificates", state);
	sim.certificates = server.certificate_dir;
	server.listener = open_listener(port);
	state_load(&sim, arena);
	if (server.listener < 0 || server_new_certificate(&server) < 0) {
		perror("pvesim: cannot listen");
		return 1;
	}
	set_signals();
	(void)alarm(lifetime);
	server_announce(&server);
	if (pthread_create(&renewer, NULL, renew_run, NULL) != 0)
		return 1;
	server_run(&server);
	(void)pthread_join(renewer, NULL);
	(void)close(server.listener);
	SSL_CTX_free(server.tls);
	json_decref(sim.settings);
	json_decref(sim.tickets);
	json_decref(sim.tasks);
	json_decref(sim.fault_uses);
	json_decref(sim.totp_used);
	json_decref(sim.ha_errors);
	json_decref(sim.parsed);
	arena_free(arena);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"state", required_argument, NULL, 's'},
			{"port", required_argument, NULL, 'p'},
			{"certificate-dir", required_argument, NULL, 'c'},
			{"lifetime", required_argument, NULL, 'l'},
			{"batch", no_argument, NULL, 'b'}, {"help", no_argument, NULL, 'h'},
			{NULL, 0, NULL, 0}};
	const char *state = NULL;
	const char *certificates = NULL;
	unsigned long port = 0;
	unsigned long lifetime = 600;
	for (int c = 0; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (c) {
		case 's':
			state = optarg;
			break;
		case 'c':
			certificates = optarg;
			break;
		case 'p':
			if (!text_to_ulong(optarg, 10, 65535, &port))
				return usage(stderr);
			break;
		case 'l':
			if (!text_to_ulong(optarg, 10, 86400, &lifetime) || !lifetime)
				return usage(stderr);
			break;
		case 'b':
			return batch_run();
		case 'h':
			return usage(stdout);
		default:
			return usage(stderr);
		}
	}
	if (!state || optind < argc)
		return usage(stderr);
	return run(state, certificates, port, (unsigned)lifetime);
}
