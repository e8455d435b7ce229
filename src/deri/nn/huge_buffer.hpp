#pragma once
// Memory for the activations of a training step, kept from step to step.

#include <cstddef>

namespace deri {

// Aligned to cache lines, not filled, on large pages where it fills one and the system has them: taking and giving back
// a gigabyte of small pages in every step costs a tenth of it.
class HugeBuffer {
 public:
  HugeBuffer() = default;
  HugeBuffer(const HugeBuffer&) = delete;
  HugeBuffer& operator=(const HugeBuffer&) = delete;
  ~HugeBuffer();

  // Forgets what was taken; from now on `bytes` can be. What was taken before becomes invalid.
  void reserve(std::size_t bytes);

  // The next `count` values of what was reserved. Taking more than that is an internal error.
  template <typename Value>
  Value* take(std::size_t count) {
    return static_cast<Value*>(take_bytes(count * sizeof(Value)));
  }

  // What take() uses for `bytes`.
  static std::size_t padded(std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

 private:
  static constexpr std::size_t kAlignment = 256;
  void* take_bytes(std::size_t bytes);

  std::byte* data_ = nullptr;
  std::size_t size_ = 0, taken_ = 0;
};

}  // namespace deri
