/* unix_stream FOLDER: path names (the longest too), an abstract name, an autobound one. */
#include "progs.h"

#include <stddef.h>
#include <sys/un.h>

static void serve_one(const struct sockaddr_un *name, size_t path_bytes)
{
	socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path_bytes);
	int listener = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
	int client = MUST(socket(AF_UNIX, SOCK_STREAM, 0));

	MUST(bind(listener, (const struct sockaddr *)name, length));
	MUST(listen(listener, 1));
	MUST(connect(client, (const struct sockaddr *)name, length));
	MUST(close(MUST(accept(listener, NULL, NULL))));
	MUST(close(client));
	MUST(close(listener));
}

static void path_name(size_t path_bytes)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	char path[sizeof(name.sun_path) + 1] = "";

	memset(path, 'x', path_bytes);
	memcpy(name.sun_path, path, sizeof(name.sun_path));
	serve_one(&name, path_bytes);
	MUST(unlink(path));
}

static void abstract_name(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int length = snprintf(
		name.sun_path + 1, sizeof(name.sun_path) - 1, "socktest-%d-\n\x80", (int)getpid());

	serve_one(&name, (size_t)length + 1);
}

static void autobound_name(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	socklen_t length = sizeof(name);
	int server = MUST(socket(AF_UNIX, SOCK_SEQPACKET, 0));
	int client = MUST(socket(AF_UNIX, SOCK_SEQPACKET, 0));

	MUST(bind(server, (struct sockaddr *)&name, sizeof(name.sun_family)));
	MUST(getsockname(server, (struct sockaddr *)&name, &length));
	MUST(listen(server, 1));
	MUST(connect(client, (struct sockaddr *)&name, length));
	MUST(close(MUST(accept(server, (struct sockaddr *)&name, &length))));
	MUST(close(client));
	MUST(close(server));
}

int main(int argc, char **argv)
{
	prog_begin();
	CHECK(argc == 2);
	MUST(chdir(argv[1]));
	path_name(1);
	path_name(107);
	path_name(108);
	abstract_name();
	autobound_name();
	return 0;
}
