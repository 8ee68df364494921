/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stands in for Python where the oracle's scripts call it: what it is given is done by judge.py,
 * which has the judge loaded already, on the same standard streams. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { SKIPPED = 5 }; /* of argv: the program, -E -S -c CODE */

static size_t add(char *message, size_t size, size_t n, const char *text)
{
	size_t length = strlen(text) + 1;
	if (length > size - n)
		return size;
	memcpy(message + n, text, length);
	return n + length;
}

int main(int argc, char **argv, char **environment)
{
	static char message[1 << 16];
	char cwd[4096];
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *slash = strrchr(argv[0], '/');
	snprintf(address.sun_path, sizeof address.sun_path, "%.*s/keeper",
			slash ? (int)(slash - argv[0]) : 0, argv[0]);
	if (argc < SKIPPED || !getcwd(cwd, sizeof cwd))
		return 99;
	char count[16];
	snprintf(count, sizeof count, "%d", argc - SKIPPED);
	size_t n = add(message, sizeof message, 0, cwd);
	n = add(message, sizeof message, n, count);
	for (int i = SKIPPED; i < argc; i++)
		n = add(message, sizeof message, n, argv[i]);
	for (char **variable = environment; *variable; variable++)
		n = add(message, sizeof message, n, *variable);
	union {
		char bytes[CMSG_SPACE(3 * sizeof(int))];
		struct cmsghdr align;
	} control = {{0}};
	struct iovec part = {message, n};
	struct msghdr header = {.msg_iov = &part,
			.msg_iovlen = 1,
			.msg_control = control.bytes,
			.msg_controllen = sizeof control.bytes};
	struct cmsghdr *streams = CMSG_FIRSTHDR(&header);
	*streams = (struct cmsghdr){.cmsg_len = CMSG_LEN(3 * sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(streams), (const int[]){0, 1, 2}, 3 * sizeof(int));
	int keeper = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	unsigned char status = 99;
	if (n >= sizeof message || keeper < 0 ||
			connect(keeper, (const struct sockaddr *)&address, sizeof address) != 0 ||
			sendmsg(keeper, &header, 0) < 0 || recv(keeper, &status, 1, 0) != 1) {
		perror(address.sun_path);
		return 99;
	}
	return status;
}
