/* Signals to socktest itself: held back, nested, and after the run. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "trace/signals.h"

static int came(void)
{
	bool by_terminal;

	return signals_take(&by_terminal);
}

static void test_holds_nest(void **state)
{
	(void)state;
	signals_hold();
	signals_hold();
	assert_int_equal(raise(SIGUSR1), 0);
	signals_let();
	assert_int_equal(came(), 0);
	signals_let();
	assert_int_equal(came(), SIGUSR1);
	assert_int_equal(came(), 0);
}

/* The timer that goes on until somebody has noticed interrupts it. */
static int end_of(pid_t pid)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static void test_child_has_what_was_found(void **state)
{
	struct sigaction action;
	sigset_t mask;

	(void)state;
	const pid_t pid = fork();
	if (pid == 0) {
		signals_hold();
		signals_restore();
		sigprocmask(SIG_BLOCK, NULL, &mask);
		sigaction(SIGIO, NULL, &action);
		_exit(action.sa_handler != SIG_IGN || !sigismember(&mask, SIGUSR1) ||
			sigismember(&mask, SIGIO));
	}
	assert_int_equal(end_of(pid), 0);
}

/* Of a child that is sent each of the signals, and perhaps SIGTERM for as long as it lives. */
static int status_after_the_end(bool insists)
{
	static const int each[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGIO, SIGALRM};
	const pid_t pid = fork();

	if (pid == 0) {
		signals_end();
		for (size_t i = 0; i < sizeof(each) / sizeof(*each); i++)
			raise(each[i]);
		/* NOLINTNEXTLINE(bugprone-infinite-loop) */
		while (insists) {
			usleep(10000);
			raise(SIGTERM);
		}
		_exit(0);
	}
	return end_of(pid);
}

static void test_after_the_end(void **state)
{
	(void)state;
	assert_int_equal(status_after_the_end(false), 0);
	const int status = status_after_the_end(true);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGTERM);
}

static int set_up(void **state)
{
	struct error error;
	sigset_t found;

	(void)state;
	sigemptyset(&found);
	sigaddset(&found, SIGUSR1);
	sigprocmask(SIG_SETMASK, &found, NULL);
	signal(SIGIO, SIG_IGN);
	return signals_begin(&error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_holds_nest),
		cmocka_unit_test(test_child_has_what_was_found),
		cmocka_unit_test(test_after_the_end),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
