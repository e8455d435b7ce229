#include "deri/base/portable_math.hpp"

#include <cmath>

namespace deri {
namespace {

constexpr double kLn2High = 0x1.62e42feep-1;        // ln 2 in 32 bits: k * kLn2High is exact for |k| < 2^20
constexpr double kLn2Low = 1.9082149292705877e-10;  // ln 2 - kLn2High
constexpr double kHalfPiHigh = 0x1.921fb544p0;      // pi / 2 likewise, in three parts
constexpr double kHalfPiMiddle = 0x1.0b4611a6p-34;
constexpr double kHalfPiLow = 0x1.3198a2e037073p-69;

// Taylor series on |r| <= pi/4, Horner from the smallest term.
double sin_kernel(double r) {
  const double q = r * r;
  double sum = 0;
  for (int k = 8; k >= 1; --k) sum = (sum + 1) * -q / ((2.0 * k) * (2.0 * k + 1));
  return r + r * sum;
}

double cos_kernel(double r) {
  const double q = r * r;
  double sum = 0;
  for (int k = 9; k >= 1; --k) sum = (sum + 1) * -q / ((2.0 * k - 1) * (2.0 * k));
  return 1 + sum;
}

// sin(x + quadrant * pi / 2)
double sin_shifted(double x, long quadrant) {
  const double turns = std::nearbyint(x / (kHalfPiHigh + kHalfPiMiddle));
  const double r = ((x - turns * kHalfPiHigh) - turns * kHalfPiMiddle) - turns * kHalfPiLow;
  switch ((static_cast<long>(turns) + quadrant) & 3) {
    case 0:
      return sin_kernel(r);
    case 1:
      return cos_kernel(r);
    case 2:
      return -sin_kernel(r);
    default:
      return -cos_kernel(r);
  }
}

}  // namespace

double portable_exp(double x) {
  if (!(x > -745.2)) return x != x ? x : 0.0;
  if (x > 709.78) return HUGE_VAL;
  const double k = std::nearbyint(x / (kLn2High + kLn2Low));
  const double r = (x - k * kLn2High) - k * kLn2Low;
  double sum = 0;
  for (int n = 14; n >= 1; --n) sum = (sum + 1) * r / n;
  return std::ldexp(1 + sum, static_cast<int>(k));
}

double portable_log(double x) {
  int exponent = 0;
  double mantissa = std::frexp(x, &exponent);  // [0.5, 1)
  if (mantissa < 0.70710678118654752) {
    mantissa *= 2;
    --exponent;
  }
  // log m = 2 artanh t, t = (m - 1) / (m + 1), |t| < 0.1716
  const double t = (mantissa - 1) / (mantissa + 1);
  const double q = t * t;
  double sum = 0;
  for (int k = 11; k >= 1; --k) sum = (sum + 1.0 / (2 * k + 1)) * q;
  return exponent * kLn2High + (exponent * kLn2Low + 2 * (t + t * sum));
}

double portable_sin(double x) {
  return sin_shifted(x, 0);
}
double portable_cos(double x) {
  return sin_shifted(x, 1);
}

}  // namespace deri
