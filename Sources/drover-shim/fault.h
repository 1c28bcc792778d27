// SPDX-License-Identifier: Apache-2.0
//
// Named moments at which a test has the shim killed; the variables are those of Sources/Linux/FaultPoint.swift, without counts.
#ifndef DROVER_SHIM_FAULT_H
#define DROVER_SHIM_FAULT_H

// Ends the process with SIGKILL when the environment names `point`.
void fault_point(const char *point);

#endif
