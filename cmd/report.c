#include "cmd/report.h"

#include <errno.h>
#include <string.h>

#include "cmd/commandline.h"
#include "cmd/message.h"
#include "cmd/options.h"
#include "cmd/output.h"
#include "cmd/status.h"
#include "report/recording.h"

enum { KEY_FORMAT = COMMANDLINE_FIRST_KEY, KEY_COLOR };

struct request {
	const char *output; /* NULL: stdout */
	const struct report_format *format;
	enum color_use color;
};

static void take(void *context, int key, const char *argument)
{
	struct request *request = context;

	switch (key) {
	case 'o':
		request->output = argument;
		break;
	case KEY_FORMAT:
		request->format = options_format(argument);
		break;
	default:
		request->color = options_color(argument);
	}
}

static void complete_argument(struct completion *completion, int key)
{
	if (key == 'o')
		completion_files(completion);
	else if (key == KEY_FORMAT)
		options_complete_format(completion);
	else
		options_complete_color(completion);
}

static const struct argp_option argp_options[] = {
	{.name = "output", .key = 'o', .arg = "FILE", .doc = "write to FILE, not to stdout"},
	{.name = "format",
		.key = KEY_FORMAT,
		.arg = "FORMAT",
		.doc = "format of the report, as for socktest trace"},
	{.name = "color", .key = KEY_COLOR, .arg = "WHEN", .doc = "colour in tables"},
	COMMANDLINE_STANDARD_OPTIONS,
	{0},
};

static const struct commandline commandline = {
	.name = "socktest report",
	.argp = {.options = argp_options,
		.args_doc = "FILE...",
		.doc = "Turns recordings that \"socktest trace --events=FILE "
		       "--events-format=jsonl\" made into one report; - is stdin."},
	.take = take,
	.complete = complete_argument,
};

void report_complete(struct completion *completion, char *const *words)
{
	if (commandline_complete(&commandline, completion, words))
		completion_files(completion);
}

static char **parse(int argc, char **argv, struct request *request)
{
	char **const files = commandline_parse(&commandline, argc, argv, request);

	if (!*files)
		message_exit("report: no recording; usage: socktest report [OPTION...] FILE...");
	for (char **file = files + 1; *file; file++)
		if (**file == '-' && (*file)[1])
			message_exit("%s: options come before the first FILE (a file of that name: "
				     "./%s)",
				*file, *file);
	return files;
}

static void leave_out(struct recording *recording, const char *file, const char *reason)
{
	if (recording_leave_out(recording, file, reason))
		message_exit("out of memory");
}

/* Returns whether it holds a recording; if not, the report says so of it. */
static bool read_file(struct recording *recording, const char *file)
{
	FILE *const stream = strcmp(file, "-") == 0 ? stdin : fopen(file, "re");
	struct error error = {.text = ""};
	int status = 0;

	if (stream)
		status = recording_read(recording, file, stream, &error);
	else
		status = -errno;
	if (stream && stream != stdin)
		fclose(stream);
	if (status == -EDOM || status == -ENOMEM)
		message_exit("%s", status == -EDOM ? error.text : "out of memory");
	if (status)
		leave_out(recording, file, *error.text ? error.text : strerror(-status));
	return status == 0;
}

/* Returns whether any of them holds a recording. */
static bool read_files(struct recording *recording, char **files)
{
	bool any = false;

	for (; *files; files++)
		any |= read_file(recording, *files);
	return any;
}

static int refuse(const struct report *report)
{
	for (size_t i = 0; i < report->warnings_count; i++)
		message_print("%s", report->warnings[i]);
	return STATUS_FAILED;
}

static struct output *open_report(const struct request *request)
{
	struct output *const output =
		request->output ? output_open("--output", request->output, request->output)
				: output_open_stdout();

	output_begin(output);
	return output;
}

static bool write_report(const struct request *request, const struct report *report)
{
	struct output *const output = open_report(request);
	const struct report_style style = terminal_style(output_fd(output), request->color);
	int status = request->format->write(report, &style, output_stream(output));

	if (status)
		output_fail(output, -status);

	const bool good = output_close(output);

	if (request->format->warns)
		return good;
	status = report_write_warnings(report, stderr);
	if (status)
		message_print("stderr: cannot write: %s", strerror(-status));
	return good && !status;
}

int report_command(int argc, char **argv)
{
	struct request request = {.format = report_formats[0]};
	char **const files = parse(argc, argv, &request);
	struct recording *const recording = recording_new();
	int status;

	if (!recording)
		message_exit("out of memory");

	const bool any = read_files(recording, files);
	const struct report *const report = recording_report(recording);

	if (!report)
		message_exit("out of memory");
	status = !any ? refuse(report) : write_report(&request, report) ? 0 : STATUS_FAILED;
	recording_free(recording);
	return status;
}
