#pragma once
// How many threads networks are computed with.

namespace deri {

// `threads` above 0: so many. 0: one for each core this process may use, unless the environment says OMP_NUM_THREADS.
// libtorch by itself takes half of the processors for hyper-threads, whether they are or not: one of two here.
void set_computation_threads(int threads);

}  // namespace deri
