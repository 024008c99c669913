/*
 * timer_signals SECONDS: asks for sockets, and closes what it gets, while timers send it a signal
 * of each sort; says whether each came with all that was to be known of it, and ends when it has
 * had many, or, if SECONDS are given, by then.
 */
#include "progs.h"

#include <stdatomic.h>
#include <time.h>

enum { SIGNALS = 300, NS = 200000 };

static atomic_int came[2], wrong;

static void on_signal(int signal, siginfo_t *info, void *context)
{
	const bool realtime = signal != SIGUSR1;

	(void)context;
	atomic_fetch_add(&came[realtime], 1);
	if (info->si_code != SI_TIMER || info->si_value.sival_int != 1000 + signal)
		atomic_fetch_add(&wrong, 1);
}

static void start_timer(int signal)
{
	const struct sigaction action = {
		.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
	const struct itimerspec times = {.it_value.tv_nsec = NS, .it_interval.tv_nsec = NS};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL,
		.sigev_signo = signal,
		.sigev_value.sival_int = 1000 + signal};
	timer_t timer;

	MUST(sigaction(signal, &action, NULL));
	MUST(timer_create(CLOCK_MONOTONIC, &event, &timer));
	MUST(timer_settime(timer, 0, &times, NULL));
}

int main(int argc, char **argv)
{
	const time_t end = argc > 1 ? time(NULL) + atoi(argv[1]) : 0;

	prog_begin();
	start_timer(SIGUSR1);
	start_timer(SIGRTMIN);
	while (end ? time(NULL) < end : came[0] < SIGNALS || came[1] < SIGNALS) {
		const int fd = socket(AF_INET, SOCK_STREAM, 0);
		if (fd >= 0)
			close(fd);
	}
	printf("%d wrong\n", wrong);
	return 0;
}
