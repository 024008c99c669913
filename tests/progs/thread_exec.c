/* An exec from a thread that is not the leader, while another thread sleeps in accept. */
#include "progs.h"

#include <pthread.h>

static struct sockaddr_in address;
static int listener, kept;
static char kept_text[16];

static void *accept_run(void *unused)
{
	accept(listener, NULL, NULL);
	return unused;
}

static void *exec_run(void *unused)
{
	snprintf(kept_text, sizeof(kept_text), "%d", kept);
	MUST(execl("/proc/self/exe", "thread_exec", kept_text, NULL));
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t accepting, executing;

	prog_begin();
	if (argc > 1) {
		MUST(close(atoi(argv[1])));
		MUST(close(prog_socket()));
		return 0;
	}
	listener = prog_listener(&address);
	MUST(fcntl(listener, F_SETFD, FD_CLOEXEC));
	kept = prog_socket();
	CHECK(pthread_create(&accepting, NULL, accept_run, NULL) == 0);
	CHECK(pthread_create(&executing, NULL, exec_run, NULL) == 0);
	pthread_join(executing, NULL);
	return 1;
}
