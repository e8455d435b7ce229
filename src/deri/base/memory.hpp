#pragma once
// How the process treats memory it no longer needs, and how much it has held.

#include <optional>

namespace deri {

// What becomes of memory that the process frees.
enum class FreedMemory {
  // It stays for the next use, whatever its size, until the process ends. A program that makes and drops the same
  // buffers again and again otherwise spends its time on page faults: 220 us instead of 150 to read a record of 12
  // leads and 5000 samples, 5.2 s instead of 3.9 for a training step of 256 records.
  kKept,
  // It goes back to the system, blocks above 32 MiB at once: glibc's own way, as in a process that sets nothing.
  kReturned,
};

// Tells the C library. Without glibc it does nothing.
void set_freed_memory(FreedMemory freed);

// Starts the process's highest amount of memory anew from what it holds now, after giving back what was freed. False
// where the system cannot.
bool reset_peak_memory();

// Bytes of main memory that this process held at most, since the last reset_peak_memory() that succeeded or since its
// start. Nothing where the system does not tell.
std::optional<double> peak_memory();

}  // namespace deri
