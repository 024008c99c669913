/* The conditions of filters: one table, a row each (condition.c). Private to the filters. */
#ifndef SOCKTEST_SWITCH_CONDITION_H
#define SOCKTEST_SWITCH_CONDITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "switch/address_pattern.h"
#include "switch/filter.h"

/* In the order in which they are tested. */
enum condition_stage {
	CONDITION_FACT,   /* of the call alone */
	CONDITION_CHANCE, /* drawn for every call of which all facts hold */
	CONDITION_COUNT,  /* of the calls of which all else holds */
	CONDITION_EFFECT  /* tested never: it says what the filter does */
};

struct condition {
	const struct condition_kind *kind;
	union {
		uint64_t number;
		double probability;
		struct address_pattern address;
		char comm[16]; /* TASK_COMM_LEN */
		char function[256];
		const char *syscall;
		struct {
			uint64_t first, last, step;
		} when;
	};
	uint64_t state; /* of the chance */
};

/* What the conditions of CONDITION_EFFECT change. */
struct condition_effects {
	uint64_t delay_ns;
	bool cycle, async, each_thread;
};

struct condition_kind {
	const char *name;
	const char *argument; /* NULL: takes none, and parse is NULL */
	const char *help;
	enum condition_stage stage;
	unsigned needs;     /* enum filter_need */
	bool is_address;    /* the argument may have colons */
	bool is_function;   /* it may have pairs of them */
	bool repeatable;    /* may be given more than once: each has to hold */
	bool answer_only;   /* makes no sense where nothing is answered */
	bool fail_only;     /* nor where the call runs */
	bool not_asked;     /* nor where somebody is asked for the errno */
	unsigned not_calls; /* a bit (1 << kind) for each call it cannot be tested on */
	const char *because;
	/* The words that the argument may be, by index, NULL behind the last; NULL: no few words. */
	const char *(*known)(size_t index);

	/* Returns 0, or -EINVAL with a message. */
	int (*parse)(struct condition *condition, const char *argument, struct error *error);
	bool (*match)(struct condition *condition, const struct filter_subject *subject);
	/* In its place for those of CONDITION_COUNT: whether it holds for the call of this number,
	 * from 1. */
	bool (*counts)(const struct condition *condition, uint64_t call);
	void (*effect)(const struct condition *condition, struct condition_effects *effects);
};

/* The kind of this name, of length bytes; or NULL. */
const struct condition_kind *condition_find(const char *name, size_t length);

/* The next of 64 random bits; *state is its seed at first. */
uint64_t chance_next(uint64_t *state);

/* duration_parse with a message: returns 0 or -EINVAL. */
int time_parse(const char *text, uint64_t *duration_ns, struct error *error);

/* The name nearest to a misspelt one; or NULL. flags: only of those that take no argument. */
const char *condition_nearest(const char *name, size_t length, bool flags);

#endif
