/* How the parsers of a text that is still being typed say what may come next. */
#ifndef SOCKTEST_SWITCH_SUGGEST_H
#define SOCKTEST_SWITCH_SUGGEST_H

#include <stddef.h>

struct suggest {
	/*
	 * The first kept bytes of the text stay; what is behind them may become word, if that begins so:
	 * whoever is told has to look. Neither word nor help (NULL: none) stays beyond the call.
	 */
	void (*take)(void *context, size_t kept, const char *word, const char *help);
	void *context;
};

#endif
