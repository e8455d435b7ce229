#pragma once
// exp, log, sin and cos from IEEE additions, multiplications and divisions alone. The C library's own versions may
// differ in the last bit between machines (they choose fused multiply-adds at run time), and a synthetic data set must
// not. Relative error below 4e-15 where tests look; arguments of sin and cos up to 1e6 in magnitude.

namespace deri {

double portable_exp(double x);
double portable_log(double x);  // x > 0
double portable_sin(double x);
double portable_cos(double x);

}  // namespace deri
