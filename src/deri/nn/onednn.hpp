#pragma once
// What our uses of oneDNN share. Only for sources that are compiled with DERI_WITH_ONEDNN.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#include <dnnl.hpp>

namespace deri {

inline const dnnl::engine& onednn_engine() {
  static const dnnl::engine kEngine(dnnl::engine::kind::cpu, 0);
  return kEngine;
}

// This thread's stream.
inline dnnl::stream& onednn_stream() {
  thread_local dnnl::stream stream(onednn_engine());
  return stream;
}

// Memory of somebody else's as oneDNN takes it: what it only reads it does not change.
inline dnnl::memory onednn_view(const dnnl::memory::desc& layout, const void* data) {
  return {layout, onednn_engine(), const_cast<void*>(data)};
}

// Kernels take their intermediate memory from the caller, so that one kernel may run in several threads.
inline dnnl::primitive_attr user_scratchpad() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

inline void onednn_reorder(dnnl::memory from, dnnl::memory& to, const dnnl::primitive_attr& attributes = {}) {
  dnnl::reorder(from, to, attributes).execute(onednn_stream(), from, to);
  onednn_stream().wait();
}

// Grows without filling with zeros, aligned to cache lines.
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  AlignedBuffer(const AlignedBuffer&) = delete;
  AlignedBuffer& operator=(const AlignedBuffer&) = delete;
  ~AlignedBuffer() { std::free(data_); }

  // At least `size` bytes; what they held is lost when it grows.
  void* at_least(std::size_t size) {
    if (size > size_) {
      std::free(data_);
      size_ = 0;
      const std::size_t whole = (size + kAlignment - 1) / kAlignment * kAlignment;
      data_ = std::aligned_alloc(kAlignment, whole);
      if (data_ == nullptr) throw std::bad_alloc();
      size_ = whole;
    }
    return data_;
  }

 private:
  static constexpr std::size_t kAlignment = 64;
  void* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace deri
