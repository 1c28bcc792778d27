// SPDX-License-Identifier: Apache-2.0
//
// Places at which a test has the shim killed: the names and variables are those of Sources/Linux/FaultPoint.swift, without
// counts. HouseTests compares the names.
#ifndef DROVER_SHIM_FAULT_H
#define DROVER_SHIM_FAULT_H

// Ends the process with SIGKILL when the environment names `point`.
void fault_point(const char *point);

#endif
