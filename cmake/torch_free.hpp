#pragma once
// Before every source that deri_torch_free() names: libtorch's headers, included there by way of another header, are an
// error of the build, not of the lint that follows it.
#pragma GCC poison TORCH_API C10_API
