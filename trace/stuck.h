/* In which call, and on which socket, the tasks are when the time is up. */
#ifndef SOCKTEST_TRACE_STUCK_H
#define SOCKTEST_TRACE_STUCK_H

#include "trace/tracer.h"

/* A warning for each task. The tasks run on meanwhile; nothing of what is known of them changes. */
void stuck_warn(struct tracer *tracer);

#endif
