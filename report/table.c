/* For people: counters, inflight sockets, filters, checks and warnings, as far as there are any. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "report/format.h"
#include "report/grid.h"
#include "report/leaks.h"
#include "report/text.h"
#include "switch/leak.h"
#include "switch/names.h"

enum { COLUMNS_DEFAULT = 80 };

/* Where a report is being written to. An error sticks. */
struct page {
	FILE *out;
	size_t width;
	bool color;
	bool begun; /* something stands on it */
	int status; /* 0 or -errno */
};

/* What the counters section shows: the counters, and the injected calls of all kinds as one more.
 */
enum { SHOWN_INJECTED = COUNTER_MAX, SHOWN_MAX };

static const char *shown_name(unsigned shown)
{
	return shown == SHOWN_INJECTED ? "injected" : counter_name(shown);
}

static uint64_t shown_value(const struct sockstat *stat, unsigned shown)
{
	uint64_t sum = 0;

	if (shown != SHOWN_INJECTED)
		return stat->count[shown];
	for (size_t i = 0; i < CALL_FILTERABLE; i++)
		sum += stat->injected[i];
	return sum;
}

static bool is_shown(const struct snapshot *snapshot, unsigned shown)
{
	for (size_t i = 0; i < snapshot->stats_count; i++) {
		if (shown_value(&snapshot->stats[i], shown) > 0)
			return true;
	}
	return false;
}

static bool is_failure(const struct sockstat *stat, unsigned shown)
{
	switch (shown) {
	case COUNTER_OPEN_FAILED:
	case COUNTER_CONNECT_FAILED:
	case COUNTER_LISTEN_FAILED:
	case COUNTER_ACCEPT_FAILED:
	case COUNTER_CLOSE_FAILED:
		return shown_value(stat, shown) > 0;
	default:
		return false;
	}
}

static void begin_section(struct page *page)
{
	if (page->begun)
		fputc('\n', page->out);
	page->begun = true;
}

static char *draw(struct page *page, struct grid *grid)
{
	char *text;
	int status = grid_text(grid, page->color, &text);

	if (page->status == 0)
		page->status = status;
	return text;
}

/* Takes the grid over. */
static void print_grid(struct page *page, struct grid *grid)
{
	char *text = draw(page, grid);

	if (text)
		fputs(text, page->out);
	free(text);
	grid_free(grid);
}

static void escaped_cell(struct grid *grid, const char *text)
{
	char *escaped = text_escaped(text, TEXT_DATA);

	grid_cell(grid, escaped, false);
	free(escaped);
}

/* A row for each cookie. */
static struct grid *counters_by_row(const struct snapshot *snapshot)
{
	struct grid *grid = grid_new();
	char cookie[TEXT_COOKIE_BYTES];

	grid_column(grid, "socket", GRID_LEFT);
	for (unsigned shown = 0; shown < SHOWN_MAX; shown++) {
		if (is_shown(snapshot, shown))
			grid_column(grid, shown_name(shown), GRID_RIGHT);
	}
	for (size_t i = 0; i < snapshot->stats_count; i++) {
		const struct sockstat *stat = &snapshot->stats[i];

		grid_row(grid);
		grid_cell(grid, text_cookie(stat->cookie, cookie), false);
		for (unsigned shown = 0; shown < SHOWN_MAX; shown++) {
			if (is_shown(snapshot, shown))
				grid_number(
					grid, shown_value(stat, shown), is_failure(stat, shown));
		}
	}
	return grid;
}

/* A column for each cookie of [first, end). */
static struct grid *counters_by_column(const struct snapshot *snapshot, size_t first, size_t end)
{
	struct grid *grid = grid_new();
	char cookie[TEXT_COOKIE_BYTES];

	grid_column(grid, "", GRID_LEFT);
	for (size_t i = first; i < end; i++)
		grid_column(grid, text_cookie(snapshot->stats[i].cookie, cookie), GRID_RIGHT);
	for (unsigned shown = 0; shown < SHOWN_MAX; shown++) {
		if (!is_shown(snapshot, shown))
			continue;
		grid_row(grid);
		grid_cell(grid, shown_name(shown), false);
		for (size_t i = first; i < end; i++) {
			const struct sockstat *stat = &snapshot->stats[i];

			grid_number(grid, shown_value(stat, shown), is_failure(stat, shown));
		}
	}
	return grid;
}

/* The end of the cookies from first on that stand side by side: those that fit, at least one. */
static size_t columns_end(const struct page *page, const struct snapshot *snapshot, size_t first)
{
	char cookie[TEXT_COOKIE_BYTES];
	size_t used = strlen(counter_name(COUNTER_CONNECT_FAILED));
	size_t end = first;

	while (end < snapshot->stats_count) {
		used += strlen("  ") + strlen(text_cookie(snapshot->stats[end].cookie, cookie));
		if (used > page->width && end > first)
			break;
		end++;
	}
	return end;
}

/*
 * Rows that are too long are turned into columns, because neither of the other ways reads well: a
 * row wrapped by the terminal leaves its headings, and wrapped headings save too little (all the
 * counters' words alone are wider than 80). Turned, the counters are a list of at most 16 short
 * lines, and cookies that have no room stand in another such list below.
 */
static void print_counters(struct page *page, const struct snapshot *snapshot)
{
	struct grid *rows = counters_by_row(snapshot);

	if (grid_width(rows) <= page->width) {
		begin_section(page);
		print_grid(page, rows);
		return;
	}
	grid_free(rows);
	for (size_t first = 0, end; first < snapshot->stats_count; first = end) {
		end = columns_end(page, snapshot, first);
		begin_section(page);
		print_grid(page, counters_by_column(snapshot, first, end));
	}
}

static void opened_text(const struct socket_row *row, char *text, size_t size)
{
	if (row->opened_by.call[0] == '\0')
		snprintf(text, size, "adopted");
	else if (row->opened_by.pid == row->opened_by.tid)
		snprintf(text, size, "%s by %d", row->opened_by.call, row->opened_by.pid);
	else
		snprintf(text, size, "%s by %d/%d", row->opened_by.call, row->opened_by.pid,
			row->opened_by.tid);
}

/*
 * What of a socket stands in its row. The rest has indented lines of its own below, whole, so that
 * it can be copied: addresses are what makes a row too long first (an IPv6 pair has 90 characters, a
 * unix path up to 107), and then whoever opened it.
 */
enum socket_layout { SOCKETS_WHOLE, SOCKETS_WITHOUT_ADDRESSES, SOCKETS_SHORT };

static void socket_cells(struct grid *grid, const struct socket_row *row, enum socket_layout layout)
{
	char text[ADDRESS_TEXT_BYTES];
	char cookie[TEXT_COOKIE_BYTES], age[24];

	grid_number(grid, (uint64_t)row->pid, false);
	escaped_cell(grid, row->command);
	grid_number(grid, (uint64_t)row->fd, false);
	grid_cell(grid, text_cookie(row->cookie, cookie), false);
	grid_cell(grid, socket_state_name(row->state), false);
	if (layout == SOCKETS_WHOLE) {
		grid_cell(grid, address_text(row->local, text), false);
		grid_cell(grid, address_text(row->peer, text), false);
	}
	grid_cell(grid, duration_text(row->opened_by.age_ns, age), false);
	if (layout == SOCKETS_SHORT)
		return;
	opened_text(row, text, sizeof(text));
	grid_cell(grid, text, false);
}

static struct grid *sockets_grid(const struct snapshot *snapshot, enum socket_layout layout)
{
	struct grid *grid = grid_new();

	grid_column(grid, "pid", GRID_RIGHT);
	grid_column(grid, "command", GRID_LEFT);
	grid_column(grid, "fd", GRID_RIGHT);
	grid_column(grid, "socket", GRID_LEFT);
	grid_column(grid, "state", GRID_LEFT);
	if (layout == SOCKETS_WHOLE) {
		grid_column(grid, "local", GRID_LEFT);
		grid_column(grid, "peer", GRID_LEFT);
	}
	grid_column(grid, "age", GRID_RIGHT);
	if (layout != SOCKETS_SHORT)
		grid_column(grid, "opened", GRID_LEFT);
	for (size_t i = 0; i < snapshot->sockets_count; i++) {
		grid_row(grid);
		socket_cells(grid, &snapshot->sockets[i], layout);
	}
	return grid;
}

static void print_addresses(FILE *out, const struct socket_row *row)
{
	char local[ADDRESS_TEXT_BYTES], peer[ADDRESS_TEXT_BYTES];

	address_text(row->local, local);
	address_text(row->peer, peer);
	if (local[0] == '\0' && peer[0] == '\0')
		return;
	fprintf(out, "        %s%s", local, local[0] && peer[0] ? " " : "");
	fprintf(out, "%s%s\n", peer[0] ? "-> " : "", peer);
}

/* Stacks always stand below. */
static void print_below(FILE *out, const struct report *report, const struct socket_row *row,
	enum socket_layout layout)
{
	const struct stack_text *const stack = report_stack(report, row);
	char opened[64];

	if (layout != SOCKETS_WHOLE)
		print_addresses(out, row);
	if (layout == SOCKETS_SHORT) {
		opened_text(row, opened, sizeof(opened));
		fprintf(out, "        %s\n", opened);
	}
	if (stack && !report->leaks) /* which show them */
		text_stack(out, stack, "        ");
}

/* Takes the grid over. */
static void print_socket_rows(struct page *page, const struct report *report, struct grid *grid,
	enum socket_layout layout)
{
	const struct snapshot *const snapshot = report->snapshot;
	char *text = draw(page, grid);
	const char *line = text;

	grid_free(grid);
	for (size_t i = 0; text && i <= snapshot->sockets_count; i++) {
		size_t length = strcspn(line, "\n") + 1;

		fwrite(line, 1, length, page->out);
		if (i > 0)
			print_below(page->out, report, &snapshot->sockets[i - 1], layout);
		line += length;
	}
	free(text);
}

static void print_sockets(struct page *page, const struct report *report)
{
	const struct snapshot *const snapshot = report->snapshot;
	enum socket_layout layout = SOCKETS_WHOLE;
	struct grid *grid;

	begin_section(page);
	if (snapshot->sockets_count == 0) {
		fputs("no inflight sockets\n", page->out);
		return;
	}
	fprintf(page->out, "%zu inflight socket%s\n", snapshot->sockets_count,
		snapshot->sockets_count == 1 ? "" : "s");
	for (;; layout++) {
		grid = sockets_grid(snapshot, layout);
		if (layout == SOCKETS_SHORT || grid_width(grid) <= page->width)
			break;
		grid_free(grid);
	}
	print_socket_rows(page, report, grid, layout);
}

static struct grid *leaks_grid(const struct leak *leaks, size_t count)
{
	struct grid *grid = grid_new();
	char cookie[TEXT_COOKIE_BYTES], age[24];

	grid_column(grid, "leaked", GRID_RIGHT);
	grid_column(grid, "socket", GRID_LEFT);
	grid_column(grid, "opened by", GRID_LEFT);
	grid_column(grid, "first: pid", GRID_RIGHT);
	grid_column(grid, "command", GRID_LEFT);
	grid_column(grid, "fd", GRID_RIGHT);
	grid_column(grid, "age", GRID_RIGHT);
	for (size_t i = 0; i < count; i++) {
		const struct socket_row *row = leaks[i].example;

		grid_row(grid);
		grid_number(grid, leaks[i].count, true);
		grid_cell(grid, text_cookie(row->cookie, cookie), false);
		grid_cell(grid, row->opened_by.call, false);
		grid_number(grid, (uint64_t)row->pid, false);
		escaped_cell(grid, row->command);
		grid_number(grid, (uint64_t)row->fd, false);
		grid_cell(grid, duration_text(row->opened_by.age_ns, age), false);
	}
	return grid;
}

static void print_leak(FILE *out, const struct report *report, const struct socket_row *row)
{
	const struct stack_text *const stack = report_stack(report, row);

	print_addresses(out, row);
	if (stack)
		text_stack(out, stack, "        ");
	fputs("        suppression: ", out);
	leaks_print_suppression(out, row, stack);
}

static void print_leak_rows(
	struct page *page, const struct report *report, const struct leak *leaks, size_t count)
{
	struct grid *const grid = leaks_grid(leaks, count);
	char *const text = draw(page, grid);
	const char *line = text;

	grid_free(grid);
	for (size_t i = 0; text && i <= count; i++) {
		const size_t length = strcspn(line, "\n") + 1;

		fwrite(line, 1, length, page->out);
		if (i > 0)
			print_leak(page->out, report, leaks[i - 1].example);
		line += length;
	}
	free(text);
}

static void print_suppressed(FILE *out, const struct snapshot *snapshot)
{
	size_t count = 0;

	for (size_t i = 0; i < snapshot->sockets_count; i++)
		count += snapshot->sockets[i].suppressed;
	if (count)
		fprintf(out, "%zu suppressed\n", count);
}

static void print_leaks(struct page *page, const struct report *report)
{
	struct leak *leaks;
	size_t count;

	if (!report->leaks)
		return;
	if (leaks_find(report->snapshot, &leaks, &count)) {
		page->status = -ENOMEM;
		return;
	}
	begin_section(page);
	if (count)
		print_leak_rows(page, report, leaks, count);
	else
		fputs("no leaks\n", page->out);
	print_suppressed(page->out, report->snapshot);
	free(leaks);
}

static struct grid *filters_grid(const struct report *report)
{
	struct grid *grid = grid_new();

	grid_column(grid, "filter", GRID_LEFT);
	grid_column(grid, "matched", GRID_RIGHT);
	grid_column(grid, "fired", GRID_RIGHT);
	for (size_t i = 0; i < report->filters_count; i++) {
		const struct filter_tally *tally = &report->filters[i];

		grid_row(grid);
		escaped_cell(grid, tally->option);
		grid_number(grid, tally->matched, false);
		if (tally->fired > 0)
			grid_number(grid, tally->fired, false);
		else
			grid_cell(grid, "never fired", true);
	}
	return grid;
}

/* Where an option is long it has a line of its own, whole. */
static void list_filters(FILE *out, const struct report *report)
{
	for (size_t i = 0; i < report->filters_count; i++) {
		const struct filter_tally *tally = &report->filters[i];

		fputs("filter ", out);
		text_print(out, tally->option, TEXT_DATA);
		fprintf(out, "\n        matched %" PRIu64, tally->matched);
		if (tally->fired > 0)
			fprintf(out, ", fired %" PRIu64 "\n", tally->fired);
		else
			fputs(", never fired\n", out);
	}
}

static void print_filters(struct page *page, const struct report *report)
{
	if (report->filters_count == 0)
		return;
	struct grid *const grid = filters_grid(report);
	begin_section(page);
	if (grid_width(grid) <= page->width) {
		print_grid(page, grid);
		return;
	}
	grid_free(grid);
	list_filters(page->out, report);
}

static struct grid *checks_grid(const struct report *report)
{
	struct grid *grid = grid_new();

	grid_column(grid, "check", GRID_LEFT);
	grid_column(grid, "result", GRID_LEFT);
	grid_column(grid, "detail", GRID_LEFT);
	for (size_t i = 0; i < report->checks_count; i++) {
		const struct check *check = &report->checks[i];
		char *detail = text_escaped(check->detail, TEXT_PROSE);

		grid_row(grid);
		grid_cell(grid, check->name, false);
		grid_cell(grid, check->ok ? "ok" : "FAILED", !check->ok);
		grid_cell(grid, detail, false);
		free(detail);
	}
	return grid;
}

/* Details are prose, and have lines of their own where they are long. */
static void list_checks(FILE *out, const struct report *report)
{
	for (size_t i = 0; i < report->checks_count; i++) {
		const struct check *check = &report->checks[i];

		fprintf(out, "check %s: %s\n", check->name, check->ok ? "ok" : "FAILED");
		if (!*check->detail)
			continue;
		fputs("        ", out);
		text_print(out, check->detail, TEXT_PROSE);
		fputc('\n', out);
	}
}

static void print_checks(struct page *page, const struct report *report)
{
	if (report->checks_count == 0)
		return;
	struct grid *const grid = checks_grid(report);
	begin_section(page);
	if (grid_width(grid) <= page->width) {
		print_grid(page, grid);
		return;
	}
	grid_free(grid);
	list_checks(page->out, report);
}

static void note_warning(void *context, const char *text)
{
	(void)text;
	*(bool *)context = true;
}

static void print_warnings(struct page *page, const struct report *report)
{
	bool any = false;

	report_each_warning(report, note_warning, &any);
	if (!any)
		return;
	begin_section(page);
	report_print_warnings(report, page->out);
}

/* One line within the page, the command cut where it is too long. */
static void print_end(struct page *page, const char *command, const char *end)
{
	static const char head[] = "socktest: ", cut[] = "...";
	size_t others = strlen(head) + strlen(end);
	size_t room = page->width > others ? page->width - others : 0;

	if (strlen(command) <= room) {
		fprintf(page->out, "%s%s%s\n", head, command, end);
		return;
	}
	room = room > strlen(cut) ? room - strlen(cut) : 0;
	fprintf(page->out, "%s%.*s%s%s\n", head, (int)room, command, cut, end);
}

/* How the program ended, where it did not end well. */
static void print_outcome(struct page *page, const struct report *report)
{
	char end[96], duration[24], name[TEXT_SIGNAL_BYTES];
	char *command;

	if (!report->signaled && report->status == 0)
		return;
	duration_text(report->duration_ns, duration);
	if (report->signaled)
		snprintf(end, sizeof(end), " was killed by %s after %s",
			text_signal(report->status, name), duration);
	else
		snprintf(end, sizeof(end), " exited with %d after %s", report->status, duration);
	command = text_command(report->command);
	if (command) {
		begin_section(page);
		print_end(page, command, end);
	} else {
		page->status = -ENOMEM;
	}
	free(command);
}

static void print_page(struct page *page, const struct report *report)
{
	const struct snapshot *snapshot = report->snapshot;

	print_outcome(page, report);
	if (snapshot->stats_count == 0 && snapshot->sockets_count == 0) {
		begin_section(page);
		fputs("no sockets\n", page->out);
	} else {
		print_counters(page, snapshot);
		print_sockets(page, report);
	}
	print_leaks(page, report);
	print_filters(page, report);
	print_checks(page, report);
	print_warnings(page, report);
}

static int write_table(const struct report *report, const struct report_style *style, FILE *stream)
{
	struct draft draft;
	int status = draft_open(&draft);

	if (status < 0)
		return status;

	struct page page = {
		.out = draft.stream,
		.width = style->columns ? style->columns : COLUMNS_DEFAULT,
		.color = style->color,
	};

	print_page(&page, report);
	return draft_end(&draft, page.status, stream);
}

const struct report_format report_format_table = {
	.name = "table",
	.help = "for people",
	.warns = true,
	.checks = true,
	.write = write_table,
};
