// The parts of the emulated driver that the emulated libraries use.
#pragma once

#include "device.h"

// Does work now, or records it while a graph is being captured. The work returns a code, 0 for success.
int enqueue(std::function<int()> work);
// Counts a requested matrix product or convolution.
void count_product();
