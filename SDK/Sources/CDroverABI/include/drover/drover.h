// Drover plug-in ABI, draft 1. Include this one, or only what you need; read types.h, plugin.h and one interface.
#ifndef DROVER_DROVER_H
#define DROVER_DROVER_H

#include "types.h"       // bytes, sinks, calls, codes, thread classes
#include "plugin.h"      // the entry, the plug-in's table, the manifest
#include "host.h"        // log, metrics, events, key-value state, clock, folders
#include "executor.h"    // starting processes
#include "driver.h"      // drover.driver/1
#include "fit.h"         // the fit function
#include "scheduler.h"   // drover.scheduler/1
#include "scorer.h"      // drover.scorer/1
#include "fingerprint.h" // drover.fingerprint/1
#include "device.h"      // drover.device/1
#include "selftest.h"    // drover.selftest/1
#include "signatures.h"  // signature lines by interface id, for hosts
#include "json.h"        // help for plug-ins in C

#endif
