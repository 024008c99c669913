/*
 * restarts CALL SCENARIO: a call of a child that sleeps when signals reach it. Says what each of
 * the child's calls gave.
 *
 * CALL is accept (TCP), or connect, which waits for room in a Unix socket's backlog.
 * SCENARIO:
 *   ignored   signals that do nothing
 *   often     twenty signals with a handler with SA_RESTART
 *   eintr     a handler with SA_RESTART, then one without
 *   timeout   SA_RESTART, but the socket has a timeout: EINTR all the same (signal(7))
 *   stop      SIGSTOP and SIGCONT
 *   nested    the handler makes such a call, and a handler without SA_RESTART interrupts it
 *   nested-restart  the same, and both have SA_RESTART
 *   jump      three times, the handler jumps back to before the call (siglongjmp(3))
 *   jump-stack      the same, from an alternate signal stack
 *   jump-nested     the handler of a call in a handler jumps
 *   exit      the handler ends the process
 *   kill      the signal does
 */
#include "progs.h"

#include <setjmp.h>
#include <sys/time.h>
#include <sys/un.h>

enum { SIGNALS_OFTEN = 20, JUMPS = 3, ENDPOINTS = 2 };

/* What the child calls: an accept, or a connect of a new socket. Two of each, for nested calls. */
static struct endpoint {
	int listener, fd;
	struct sockaddr_in inet;
	struct sockaddr_un local;
	socklen_t length;
} endpoints[ENDPOINTS];

static bool connecting;
static sigjmp_buf before_call;
static volatile sig_atomic_t caught;

/* ---- the child ---- */

static void tell(int result)
{
	const char *const text = result >= 0 ? "ok" : strerrorname_np(errno);

	MUST(write(STDOUT_FILENO, text, strlen(text)));
	MUST(write(STDOUT_FILENO, "\n", 1));
}

/* Returns what the call gave. */
static int call(const struct endpoint *endpoint)
{
	const int result =
		connecting ? connect(endpoint->fd, (const struct sockaddr *)&endpoint->local,
				     endpoint->length)
			   : accept(endpoint->listener, NULL, NULL);

	tell(result);
	if (result >= 0)
		MUST(close(connecting ? endpoint->fd : result));
	return result;
}

static void on_signal(int number)
{
	(void)number;
	caught++;
}

static void on_signal_call(int number)
{
	(void)number;
	while (call(&endpoints[1]) < 0)
		CHECK(errno == EINTR);
}

static void on_signal_jump(int number)
{
	(void)number;
	siglongjmp(before_call, 1);
}

static void on_signal_exit(int number)
{
	(void)number;
	_exit(0);
}

static void handle(int number, void (*handler)(int), int flags)
{
	const struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	MUST(sigaction(number, &action, NULL));
}

static void use_alternate_stack(void)
{
	static char memory[64 * 1024];
	const stack_t stack = {.ss_sp = memory, .ss_size = sizeof(memory)};

	MUST(sigaltstack(&stack, NULL));
}

static void set_timeout(void)
{
	const struct timeval limit = {.tv_sec = PROG_SECONDS};
	const struct endpoint *const endpoint = &endpoints[0];

	MUST(setsockopt(connecting ? endpoint->fd : endpoint->listener, SOL_SOCKET,
		connecting ? SO_SNDTIMEO : SO_RCVTIMEO, &limit, sizeof(limit)));
}

static void set_handlers(const char *scenario)
{
	const struct {
		const char *scenario;
		void (*first)(int);
		int first_flags;
		void (*second)(int);
		int second_flags;
	} rows[] = {
		{"ignored", SIG_IGN, 0, SIG_IGN, 0},
		{"often", on_signal, SA_RESTART, on_signal, SA_RESTART},
		{"eintr", on_signal, SA_RESTART, on_signal, 0},
		{"timeout", on_signal, SA_RESTART, on_signal, SA_RESTART},
		{"nested", on_signal_call, SA_RESTART, on_signal, 0},
		{"nested-restart", on_signal_call, SA_RESTART, on_signal, SA_RESTART},
		{"jump", on_signal_jump, SA_RESTART, SIG_DFL, 0},
		{"jump-stack", on_signal_jump, SA_RESTART | SA_ONSTACK, SIG_DFL, 0},
		{"jump-nested", on_signal_call, SA_RESTART, on_signal_jump, SA_RESTART},
		{"exit", on_signal_exit, SA_RESTART, SIG_DFL, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (strcmp(rows[i].scenario, scenario) == 0) {
			handle(SIGUSR1, rows[i].first, rows[i].first_flags);
			handle(SIGUSR2, rows[i].second, rows[i].second_flags);
		}
}

static _Noreturn void be_interrupted(const char *scenario)
{
	prog_begin();
	if (strcmp(scenario, "timeout") == 0)
		set_timeout();
	if (strcmp(scenario, "jump-stack") == 0)
		use_alternate_stack();
	set_handlers(scenario);
	(void)sigsetjmp(before_call, 1);
	while (call(&endpoints[0]) < 0)
		CHECK(errno == EINTR);
	_exit(0);
}

/* ---- the parent ---- */

static void interrupt(pid_t child, int number, int times)
{
	while (times-- > 0) {
		prog_wait_asleep(child);
		MUST(kill(child, number));
	}
	prog_wait_asleep(child);
}

/* Lets the child's call succeed. */
static void serve(const struct endpoint *endpoint)
{
	if (!connecting) {
		struct sockaddr_in address = endpoint->inet;

		MUST(close(prog_client(&address)));
		return;
	}
	/* The one that fills the backlog, and the child's. */
	MUST(close(MUST(accept(endpoint->listener, NULL, NULL))));
	MUST(close(MUST(accept(endpoint->listener, NULL, NULL))));
}

static void prepare(struct endpoint *endpoint)
{
	if (!connecting) {
		endpoint->listener = prog_listener(&endpoint->inet);
		return;
	}
	const int filler = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
	struct sockaddr *const name = (struct sockaddr *)&endpoint->local;
	endpoint->local.sun_family = AF_UNIX;
	endpoint->length = sizeof(endpoint->local);
	endpoint->listener = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
	/* A name of the kernel's choice (unix(7), autobind). */
	MUST(bind(endpoint->listener, name, sizeof(sa_family_t)));
	MUST(getsockname(endpoint->listener, name, &endpoint->length));
	MUST(listen(endpoint->listener, 0));
	MUST(connect(filler, name, endpoint->length));
	MUST(close(filler));
	endpoint->fd = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
}

static void clean_up(const struct endpoint *endpoint)
{
	MUST(close(endpoint->listener));
	if (connecting)
		MUST(close(endpoint->fd));
}

static void play(const char *scenario, pid_t child)
{
	const bool jumps = strcmp(scenario, "jump") == 0 || strcmp(scenario, "jump-stack") == 0;
	const bool nested = strncmp(scenario, "nested", 6) == 0;

	if (strcmp(scenario, "ignored") == 0) {
		interrupt(child, SIGUSR1, 3);
		interrupt(child, SIGWINCH, 3);
		interrupt(child, SIGCHLD, 1);
	} else if (strcmp(scenario, "often") == 0) {
		interrupt(child, SIGUSR1, SIGNALS_OFTEN);
	} else if (strcmp(scenario, "stop") == 0) {
		prog_stop_and_continue(child);
	} else {
		interrupt(child, SIGUSR1, jumps ? JUMPS : 1);
	}
	if (nested || strcmp(scenario, "eintr") == 0 || strcmp(scenario, "jump-nested") == 0)
		interrupt(child, SIGUSR2, 1);
	if (nested) {
		serve(&endpoints[1]);
		prog_wait_asleep(child);
	}
	serve(&endpoints[0]);
	prog_wait(child);
}

static void end_child(const char *scenario, pid_t child)
{
	int status;

	prog_wait_asleep(child);
	MUST(kill(child, SIGUSR1));
	CHECK(waitpid(child, &status, 0) == child);
	if (strcmp(scenario, "exit") == 0)
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	else
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);
}

int main(int argc, char **argv)
{
	prog_begin();
	CHECK(argc == 3);
	const char *const scenario = argv[2];
	connecting = strcmp(argv[1], "connect") == 0;
	for (int i = 0; i < ENDPOINTS; i++)
		prepare(&endpoints[i]);
	const pid_t child = MUST(fork());
	if (child == 0)
		be_interrupted(scenario);
	if (strcmp(scenario, "exit") == 0 || strcmp(scenario, "kill") == 0)
		end_child(scenario, child);
	else
		play(scenario, child);
	for (int i = 0; i < ENDPOINTS; i++)
		clean_up(&endpoints[i]);
	return 0;
}
