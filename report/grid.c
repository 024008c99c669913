#include "report/grid.h"

#include <errno.h>
#include <inttypes.h>
#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/text.h"

struct grid {
	struct libscols_table *table;
	struct libscols_line *line; /* the last row */
	size_t cells;               /* of it that are set */
	bool failed;
};

/*
 * status: the library's. What it gives is not always an errno, but without memory is all that it
 * can be.
 */
static void note(struct grid *grid, int status)
{
	if (status != 0)
		grid->failed = true;
}

/*
 * The library would cut columns at the width of a terminal that it looks up itself, and would
 * escape a second time what is escaped already.
 */
static void set_up(struct grid *grid)
{
	note(grid, scols_table_set_termforce(grid->table, SCOLS_TERMFORCE_NEVER));
	note(grid, scols_table_enable_noencoding(grid->table, 1));
	note(grid, scols_table_set_column_separator(grid->table, "  "));
}

struct grid *grid_new(void)
{
	struct grid *grid = calloc(1, sizeof(*grid));

	if (!grid)
		return NULL;
	grid->table = scols_new_table();
	if (grid->table)
		set_up(grid);
	else
		grid->failed = true;
	return grid;
}

void grid_free(struct grid *grid)
{
	if (!grid)
		return;
	scols_unref_table(grid->table);
	free(grid);
}

void grid_column(struct grid *grid, const char *heading, enum grid_align align)
{
	if (!grid || grid->failed)
		return;

	int flags = align == GRID_RIGHT ? SCOLS_FL_RIGHT : 0;

	if (!scols_table_new_column(grid->table, heading, 0, flags))
		grid->failed = true;
}

void grid_row(struct grid *grid)
{
	if (!grid || grid->failed)
		return;
	grid->line = scols_table_new_line(grid->table, NULL);
	grid->cells = 0;
	if (!grid->line)
		grid->failed = true;
}

void grid_cell(struct grid *grid, const char *text, bool failure)
{
	if (!grid || grid->failed)
		return;
	note(grid, text ? scols_line_set_data(grid->line, grid->cells, text) : -ENOMEM);
	if (failure)
		note(grid,
			scols_cell_set_color(scols_line_get_cell(grid->line, grid->cells), "red"));
	grid->cells++;
}

void grid_number(struct grid *grid, uint64_t number, bool failure)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, number);
	grid_cell(grid, text, failure);
}

/* The library pads an empty last cell. */
static void cut_trailing_blanks(char *text)
{
	char *end = text;

	for (char *at = text; *at; at++) {
		while (*at == '\n' && end > text && end[-1] == ' ')
			end--;
		*end++ = *at;
	}
	*end = '\0';
}

/* Not scols_print_table_to_string: it takes a stream that ran out of memory for a whole one. */
static char *draw(struct grid *grid, bool color)
{
	struct draft draft;

	if (draft_open(&draft) < 0)
		return NULL;
	note(grid, scols_table_enable_colors(grid->table, color));
	note(grid, scols_table_set_stream(grid->table, draft.stream));
	note(grid, scols_print_table(grid->table));
	note(grid, scols_table_set_stream(grid->table, NULL));
	return draft_text(&draft);
}

int grid_text(struct grid *grid, bool color, char **text)
{
	*text = NULL;
	if (!grid || grid->failed)
		return -ENOMEM;
	*text = draw(grid, color);
	if (grid->failed || !*text) {
		free(*text);
		*text = NULL;
		return -ENOMEM;
	}
	cut_trailing_blanks(*text);
	return 0;
}

size_t grid_width(struct grid *grid)
{
	char *text;
	size_t width = 0;

	if (grid_text(grid, false, &text) < 0)
		return 0;
	for (const char *line = text; *line;) {
		size_t length = strcspn(line, "\n");

		if (length > width)
			width = length;
		line += length + (line[length] == '\n');
	}
	free(text);
	return width;
}
