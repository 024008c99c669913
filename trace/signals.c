#include "trace/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

enum { NS_PER_S = 1000000000, RETRY_NS = 10000000 };

/*
 * SIGCHLD among them: where it is ignored, ended children could not be waited for (wait(2),
 * "Notes").
 */
static const int taken[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGIO, SIGALRM, SIGCHLD};
enum { TAKEN = sizeof(taken) / sizeof(*taken), TAKEN_TO_END = 4 };

/* A handler has no other way to be told of its surroundings. */
static struct {
	struct sigaction found[TAKEN];
	sigset_t found_mask, ours;
	timer_t timer;
	unsigned held;
	volatile sig_atomic_t came[2][TAKEN]; /* by a process, by the terminal */
	volatile sig_atomic_t over;           /* nobody takes them any more */
	uint64_t over_ns;                     /* when the first came that would have ended us */
} state;

static void set_timer(const struct itimerspec *when, int flags)
{
	(void)timer_settime(state.timer, flags, when, NULL);
}

static const struct itimerspec retry = {
	.it_value = {.tv_nsec = RETRY_NS}, .it_interval = {.tv_nsec = RETRY_NS}};

static void note(int signal, bool by_terminal)
{
	for (size_t i = 0; i < TAKEN; i++)
		if (taken[i] == signal)
			state.came[by_terminal][i] = 1;
	set_timer(&retry, 0);
}

/*
 * What is still to be written is not cut off by the signal that ended the program, which may come
 * to us a moment later or twice (timeout(1)); but whoever insists need not wait.
 */
static void outlive(int signal)
{
	struct timespec now;

	if (signal == SIGUSR1 || signal == SIGIO)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	const uint64_t now_ns = (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
	if (!state.over_ns)
		state.over_ns = now_ns;
	if (now_ns - state.over_ns <= NS_PER_S)
		return;
	sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
	raise(signal); /* it comes when the handler returns */
}

static void handle(int signal, siginfo_t *info, void *context)
{
	const int saved = errno;

	(void)context;
	if (state.over && signal != SIGALRM)
		outlive(signal);
	else if (signal != SIGALRM)
		note(signal, info->si_code > 0);
	errno = saved;
}

static void take_over(size_t i)
{
	struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO};

	sigaction(taken[i], NULL, &state.found[i]);
	sigfillset(&action.sa_mask);
	if (taken[i] == SIGCHLD)
		action = (struct sigaction){.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDSTOP};
	/* Ignored by whoever started us, as by nohup(1): it stays so, but for what is ours alone. */
	else if (taken[i] != SIGALRM && taken[i] != SIGIO && state.found[i].sa_handler == SIG_IGN)
		action = state.found[i];
	sigaction(taken[i], &action, NULL);
}

int signals_begin(struct error *error)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};

	if (timer_create(CLOCK_MONOTONIC, &event, &state.timer) < 0)
		return error_set(error, errno, "timer_create: %s", strerror(errno));
	sigemptyset(&state.ours);
	for (size_t i = 0; i < TAKEN; i++) {
		sigaddset(&state.ours, taken[i]);
		take_over(i);
	}
	sigprocmask(SIG_UNBLOCK, &state.ours, &state.found_mask);
	return 0;
}

void signals_restore(void)
{
	for (size_t i = 0; i < TAKEN; i++)
		sigaction(taken[i], &state.found[i], NULL);
	sigprocmask(SIG_SETMASK, &state.found_mask, NULL);
}

void signals_end(void)
{
	state.over = true;
	set_timer(&(struct itimerspec){0}, 0);
}

int signals_take(bool *by_terminal)
{
	for (size_t i = 0; i < 2 * TAKEN; i++) {
		volatile sig_atomic_t *const came = &state.came[i / TAKEN][i % TAKEN];
		if (!*came)
			continue;
		*came = 0;
		*by_terminal = i >= TAKEN;
		return taken[i % TAKEN];
	}
	return 0;
}

bool signals_pending(void)
{
	for (size_t i = 0; i < TAKEN_TO_END; i++)
		if (state.came[false][i] || state.came[true][i])
			return true;
	return false;
}

void signals_interrupt_at(uint64_t time_ns)
{
	const struct itimerspec when = {
		.it_value = {.tv_sec = (time_t)(time_ns / NS_PER_S),
			.tv_nsec = (long)(time_ns % NS_PER_S)},
		.it_interval = {.tv_nsec = RETRY_NS},
	};

	set_timer(&when, TIMER_ABSTIME);
}

void signals_hold(void)
{
	if (state.held++ == 0)
		sigprocmask(SIG_BLOCK, &state.ours, NULL);
}

void signals_let(void)
{
	if (--state.held == 0)
		sigprocmask(SIG_UNBLOCK, &state.ours, NULL);
}
