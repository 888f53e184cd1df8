// What the emulated libraries have of the emulated driver.
#pragma once

#include "device.h"

// Does some work now, or notes it where work is captured into a graph. The work returns a code, 0 for success.
int enqueue(std::function<int()> work);
// A product of matrices or a convolution was asked for.
void count_product();
