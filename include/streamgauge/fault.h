/* fault.h - named places where a test build can be killed: SG_FAULT("outbox-written").
 *
 * Built with -DSG_FAULTS=ON, the environment's STREAMGAUGE_FAULT=<name>:<n> kills the process with
 * SIGKILL when it comes by the n-th time (from 1). Else nothing is left of it.
 *
 * On a notification's way: evaluated (a tick changed something that is to be written), row-written
 * (rows are durable, nobody has them yet), request-sent, reply-read, row-marked (what became of
 * rows is durable). */
#ifndef STREAMGAUGE_FAULT_H
#define STREAMGAUGE_FAULT_H

#include <streamgauge/compiler.h>

#ifdef SG_FAULTS
SG_API void sg_fault(const char *name);
#define SG_FAULT(name) sg_fault(name)
#else
#define SG_FAULT(name) ((void)0)
#endif

#endif
