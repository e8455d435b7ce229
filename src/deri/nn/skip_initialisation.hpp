#pragma once
// Modules without the random numbers that their constructors draw.

#include <c10/core/impl/LocalDispatchKeySet.h>

namespace deri {

// While it lives, in this thread, uniform_() and normal_() leave a tensor as it is: weights that are read from a file
// need not be drawn first, which for 110 million costs a second. Other operations are as ever.
class SkipInitialisation {
 public:
  SkipInitialisation();
  SkipInitialisation(const SkipInitialisation&) = delete;
  SkipInitialisation& operator=(const SkipInitialisation&) = delete;

 private:
  c10::impl::IncludeDispatchKeyGuard guard_;
};

}  // namespace deri
