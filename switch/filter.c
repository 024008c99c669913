#include "switch/filter.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "switch/filter_parse.h"

struct filters {
	struct filter *list;
	size_t count;
	uint64_t seed;
};

struct filters *filters_new(uint64_t seed)
{
	struct filters *filters = calloc(1, sizeof(*filters));

	if (filters)
		filters->seed = seed;
	return filters;
}

void filters_free(struct filters *filters)
{
	if (!filters)
		return;
	for (size_t i = 0; i < filters->count; i++)
		filter_clear(&filters->list[i]);
	free(filters->list);
	free(filters);
}

/* Each filter draws of its own, so that one more of them leaves the others' chances as they were.
 */
static void seed_chance(struct filter *filter, uint64_t seed, size_t index)
{
	uint64_t mixed = seed;

	mixed = chance_next(&mixed) + index;
	for (size_t i = 0; i < filter->conditions_count; i++) {
		if (filter->conditions[i].kind->stage == CONDITION_CHANCE)
			filter->conditions[i].state = chance_next(&mixed);
	}
}

/* A cleared one of the same text, or a new one behind all. */
static size_t place_of(const struct filters *filters, const struct filter *filter)
{
	for (size_t i = 0; i < filters->count; i++) {
		const struct filter *old = &filters->list[i];

		if (old->cleared && strcmp(old->option, filter->option) == 0)
			return i;
	}
	return filters->count;
}

int filters_set(struct filters *filters, const char *option, const char *value, size_t *index,
	struct error *error)
{
	struct filter *list = reallocarray(filters->list, filters->count + 1, sizeof(*list));
	struct filter filter;
	int result;

	if (!list)
		return -ENOMEM;
	filters->list = list;
	result = filter_parse(&filter, option, value, error);
	if (result < 0)
		return result;
	*index = place_of(filters, &filter);
	if (*index < filters->count) {
		filter.matched = list[*index].matched;
		filter.fired = list[*index].fired;
		/* Events and tallies name it by the text that they were given. */
		free(filter.option);
		filter.option = list[*index].option;
		list[*index].option = NULL;
		filter_clear(&list[*index]);
	} else {
		filters->count++;
	}
	list[*index] = filter;
	seed_chance(&list[*index], filters->seed, *index);
	return 0;
}

int filters_add(struct filters *filters, const char *option, const char *value, struct error *error)
{
	size_t index;

	return filters_set(filters, option, value, &index, error);
}

void filters_clear(struct filters *filters, size_t index)
{
	filters->list[index].cleared = true;
}

unsigned filters_needs(const struct filters *filters, enum call_kind kind, _Bool *any)
{
	unsigned needs = 0;

	*any = false;
	for (size_t i = 0; i < filters->count; i++) {
		const struct filter *filter = &filters->list[i];

		if (filter->kind != kind || filter->cleared)
			continue;
		*any |= filter->action != FILTER_SO_ERROR;
		for (size_t j = 0; j < filter->conditions_count; j++)
			needs |= filter->conditions[j].kind->needs;
	}
	/* A connect brings its peer along. */
	return kind == CALL_CONNECT ? needs & ~(unsigned)FILTER_NEEDS_PEER : needs;
}

static bool any_condition(
	const struct filters *filters, bool (*is_such)(const struct condition_kind *kind))
{
	for (size_t i = 0; i < filters->count; i++) {
		const struct filter *filter = &filters->list[i];

		for (size_t j = 0; j < filter->conditions_count; j++) {
			if (is_such(filter->conditions[j].kind))
				return true;
		}
	}
	return false;
}

static bool is_chance(const struct condition_kind *kind)
{
	return kind->stage == CONDITION_CHANCE;
}

_Bool filters_use_chance(const struct filters *filters)
{
	return any_condition(filters, is_chance);
}

static bool looks_at_stacks(const struct condition_kind *kind)
{
	return kind->needs & FILTER_NEEDS_STACK;
}

_Bool filters_use_stacks(const struct filters *filters)
{
	return any_condition(filters, looks_at_stacks);
}

const char *filters_asking(const struct filters *filters)
{
	for (size_t i = 0; i < filters->count; i++) {
		if (filters->list[i].asks && !filters->list[i].cleared)
			return filters->list[i].option;
	}
	return NULL;
}

static bool stage_holds(
	struct filter *filter, enum condition_stage stage, const struct filter_subject *subject)
{
	for (size_t i = 0; i < filter->conditions_count; i++) {
		struct condition *condition = &filter->conditions[i];

		if (condition->kind->stage == stage && !condition->kind->match(condition, subject))
			return false;
	}
	return true;
}

static struct turn *turn_of(struct filter *filter, pid_t tid)
{
	return filter->effects.each_thread ? turns_of(&filter->turns, tid) : &filter->turn;
}

static bool is_its_turn(const struct filter *filter, struct turn *turn)
{
	turn->calls++;
	for (size_t i = 0; i < filter->conditions_count; i++) {
		const struct condition *condition = &filter->conditions[i];

		if (condition->kind->counts && !condition->kind->counts(condition, turn->calls))
			return false;
	}
	return true;
}

/* The turn of a call for which all holds; or NULL. */
static struct turn *filter_holds(struct filter *filter, const struct filter_subject *subject)
{
	if (filter->action == FILTER_SO_ERROR && !subject->asks_so_error)
		return NULL;
	if (!stage_holds(filter, CONDITION_FACT, subject))
		return NULL;
	filter->matched++;
	if (!stage_holds(filter, CONDITION_CHANCE, subject))
		return NULL;
	struct turn *const turn = turn_of(filter, subject->caller->tid);
	return is_its_turn(filter, turn) ? turn : NULL;
}

/* Of several errnos each is handed out once, unless they cycle. */
static bool has_errno(const struct filter *filter, const struct turn *turn)
{
	return filter->asks || filter->errors_count == 1 || filter->effects.cycle ||
	       turn->errors < filter->errors_count;
}

static int next_errno(const struct filter *filter, struct turn *turn)
{
	return filter->errors[turn->errors++ % filter->errors_count];
}

static uint64_t saturating_add(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static enum answer answer_of(const struct filter *filter)
{
	switch (filter->action) {
	case FILTER_FAIL:
		if (filter->asks)
			return ANSWER_ASK;
		return filter->effects.async ? ANSWER_ASYNC : ANSWER_CANCEL;
	case FILTER_AFTER:
		return ANSWER_AFTER;
	case FILTER_SO_ERROR:
		return ANSWER_SO_ERROR;
	default:
		return ANSWER_NONE;
	}
}

static void fire(struct filter *filter, struct turn *turn, struct filter_decision *decision)
{
	const enum answer answer = answer_of(filter);

	filter->fired++;
	decision->delay_ns = saturating_add(
		decision->delay_ns, saturating_add(filter->delay_ns, filter->effects.delay_ns));
	if (answer == ANSWER_NONE)
		return;
	decision->answer = answer;
	if (answer != ANSWER_ASK)
		decision->error = next_errno(filter, turn);
}

void filters_decide(struct filters *filters, enum call_kind kind,
	const struct filter_subject *subject, struct filter_decision *decision)
{
	int answering = -1, delaying = -1;

	*decision = (struct filter_decision){0};
	for (size_t i = 0; i < filters->count; i++) {
		struct filter *filter = &filters->list[i];

		if (filter->cleared || filter->kind != kind)
			continue;
		struct turn *const turn = filter_holds(filter, subject);
		if (!turn)
			continue;
		const bool answers = filter->action != FILTER_DELAY;
		int *const winner = answers ? &answering : &delaying;
		if (*winner >= 0 || (answers && !has_errno(filter, turn)))
			continue;
		*winner = (int)i;
		fire(filter, turn, decision);
	}
	decision->filter = answering >= 0 ? answering : delaying;
}

void filters_thread_ended(struct filters *filters, pid_t tid)
{
	for (size_t i = 0; i < filters->count; i++)
		turns_forget(&filters->list[i].turns, tid);
}

void filters_thread_renamed(struct filters *filters, pid_t from, pid_t to)
{
	for (size_t i = 0; i < filters->count; i++)
		turns_rename(&filters->list[i].turns, from, to);
}

void filters_take_back(struct filters *filters, size_t index, pid_t tid)
{
	struct filter *filter = &filters->list[index];

	/* One that asks fired when it asked. */
	if (filter->asks)
		return;
	filter->fired--;
	turn_of(filter, tid)->errors--;
}

size_t filters_count(const struct filters *filters)
{
	return filters->count;
}

size_t filters_in_force(const struct filters *filters)
{
	size_t count = 0;

	for (size_t i = 0; i < filters->count; i++)
		count += !filters->list[i].cleared;
	return count;
}

struct filter_tally filters_tally(const struct filters *filters, size_t index)
{
	const struct filter *filter = &filters->list[index];

	return (struct filter_tally){
		.option = filter->option,
		.matched = filter->matched,
		.fired = filter->fired,
		.cleared = filter->cleared,
	};
}
