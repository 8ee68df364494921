/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVESIM_HTTP_H
#define PVESIM_HTTP_H

#include "tests/pvesim/api.h"
#include "tests/pvesim/tls.h"

/*
 * HTTP/1.1 as pve-http-server speaks it, over TLS on 127.0.0.1. It is done by hand because the
 * message of an error is the reason phrase of the status line, and because the faults need to
 * send what no library would.
 */
struct server {
	struct sim *sim;
	SSL_CTX *tls; /* replaced under sim->lock */
	const char *certificate_dir;
	int listener;
	volatile bool stopping;
	int connections; /* under sim->lock */
};

struct request {
	struct arena *arena;
	char *method;
	char *path;  /* decoded, without /api2/json */
	char *query; /* as it came, or "" */
	char *cookie, *authorization, *csrf, *content_type, *accept_encoding,
			*transfer_encoding; /* or NULL */
	char *body;
	size_t body_n;
	bool api;   /* below /api2/json */
	bool close; /* after this request */
};

struct response {
	int code;
	const char *reason;
	const char *type; /* NULL: no body */
	char *body;
	size_t body_n;
	const char *extra; /* more header lines, each with its end; or NULL */
	bool gzip;
	bool handed_on; /* the answer of another daemon, with its header lines too */
	/* What faults do to it. */
	bool silent;       /* send nothing and close */
	bool never;        /* send nothing and keep the connection */
	bool garbage;      /* bytes that are no HTTP */
	long cut;          /* send only so many bytes of the body; 0: all */
	long length_error; /* added to Content-Length */
	long pad;          /* a body of that many bytes */
	long delay_ms;
};

void server_run(struct server *server); /* until `stopping` */
int server_new_certificate(struct server *server);
void server_announce(struct server *server); /* the line of JSON on standard output */

/* serve.c: a request to a response. Called with sim->lock held. */
void serve(struct server *server, struct request *request, struct response *ret_response);
/* faults.c: what pvesim.json wants to go wrong. True when the response is complete already. */
bool fault_before(struct server *server, struct request *request, struct response *response);
void fault_after(struct server *server, const struct request *request, struct response *response);

#endif
