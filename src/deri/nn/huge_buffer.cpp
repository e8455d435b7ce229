#include "deri/nn/huge_buffer.hpp"

#include <cstdlib>
#include <new>

#ifdef __linux__
#include <sys/mman.h>
#endif

#include "deri/base/error.hpp"

namespace deri {
namespace {

constexpr std::size_t kPage = std::size_t{2} << 20;

}  // namespace

HugeBuffer::~HugeBuffer() {
  std::free(data_);
}

void HugeBuffer::reserve(std::size_t bytes) {
  taken_ = 0;
  if (bytes <= size_) return;
  std::free(data_);
  data_ = nullptr;
  size_ = 0;
  // Less than a large page would be filled with a whole one.
  const std::size_t unit = bytes < kPage ? kAlignment : kPage;
  const std::size_t whole = (bytes + unit - 1) / unit * unit;
  data_ = static_cast<std::byte*>(std::aligned_alloc(unit, whole));
  if (data_ == nullptr) throw std::bad_alloc();
#ifdef __linux__
  if (unit == kPage) madvise(data_, whole, MADV_HUGEPAGE);  // where the system refuses, small pages do
#endif
  size_ = whole;
}

void* HugeBuffer::take_bytes(std::size_t bytes) {
  const std::size_t next = taken_ + padded(bytes);
  DERI_CHECK(next <= size_);
  std::byte* result = data_ + taken_;
  taken_ = next;
  return result;
}

}  // namespace deri
