/* Aligned columns of printable ASCII: the only user of libsmartcols. */
#ifndef SOCKTEST_REPORT_GRID_H
#define SOCKTEST_REPORT_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Errors stick: only grid_text has to be asked. Every function takes a NULL grid, which is one. */
struct grid;

enum grid_align { GRID_LEFT, GRID_RIGHT };

struct grid *grid_new(void);
void grid_free(struct grid *grid);

/* All columns come before the first row. */
void grid_column(struct grid *grid, const char *heading, enum grid_align align);
void grid_row(struct grid *grid);

/*
 * The next cell of the row; in red where it tells a failure and the grid is drawn in colour. The
 * text is copied; NULL is an error, so that a text that could not be made needs no look of its own.
 */
void grid_cell(struct grid *grid, const char *text, bool failure);
void grid_number(struct grid *grid, uint64_t number, bool failure);

/*
 * Draws it: a line for the headings, then one a row, none cut or wrapped, no blanks at their ends.
 * *text is the caller's (free), NULL on error. Returns 0 or -ENOMEM.
 */
int grid_text(struct grid *grid, bool color, char **text);

/* The length of its longest line, 0 on error. */
size_t grid_width(struct grid *grid);

#endif
