/* leak_sanitizer: built with LeakSanitizer, which looks at its memory at the end. */
#include "progs.h"

int main(void)
{
	MUST(close(prog_socket()));
	return 0;
}
