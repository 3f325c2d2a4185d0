#include "model/local/kernels/reference.h"

#include <algorithm>
#include <cmath>

#include "format/quant.h"

namespace memagent::reference {

std::vector<double> matmul(const TensorView& w, std::span<const float> x, std::int64_t rows) {
  const std::int64_t columns = w.shape.at(0);
  const std::int64_t inputs = w.shape.at(1);
  const std::size_t row_bytes = w.data.size() / static_cast<std::size_t>(columns);
  std::vector<double> out(static_cast<std::size_t>(rows * columns));
  std::vector<float> weights(static_cast<std::size_t>(inputs));
  for (std::int64_t c = 0; c < columns; ++c) {
    dequantize_row(w.type, w.data.subspan(static_cast<std::size_t>(c) * row_bytes, row_bytes),
                   weights);
    for (std::int64_t r = 0; r < rows; ++r) {
      double sum = 0.0;
      for (std::int64_t k = 0; k < inputs; ++k) {
        sum += static_cast<double>(weights[static_cast<std::size_t>(k)]) *
               x[static_cast<std::size_t>(r * inputs + k)];
      }
      out[static_cast<std::size_t>(r * columns + c)] = sum;
    }
  }
  return out;
}

std::vector<float> quantize_activations(std::span<const float> x) {
  std::vector<float> out(x.size());
  for (std::size_t begin = 0; begin < x.size(); begin += 32) {
    float largest = 0.0F;
    for (std::size_t i = begin; i < begin + 32; ++i) largest = std::max(largest, std::abs(x[i]));
    const float scale = largest / 127.0F;
    const float inverse = largest > 0.0F ? 127.0F / largest : 0.0F;
    for (std::size_t i = begin; i < begin + 32; ++i)
      out[i] = scale * std::nearbyint(x[i] * inverse);
  }
  return out;
}

std::vector<double> rms_norm(std::span<const float> x, std::span<const float> weight,
                             double epsilon) {
  double squares = 0.0;
  for (const float value : x) squares += static_cast<double>(value) * value;
  const double factor = 1.0 / std::sqrt(squares / static_cast<double>(x.size()) + epsilon);
  std::vector<double> out(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) out[i] = x[i] * factor * weight[i];
  return out;
}

std::vector<double> silu_mul(std::span<const float> gate, std::span<const float> up) {
  std::vector<double> out(gate.size());
  for (std::size_t i = 0; i < gate.size(); ++i) {
    const double g = gate[i];
    out[i] = g / (1.0 + std::exp(-g)) * up[i];
  }
  return out;
}

std::vector<double> attention(std::span<const float> query, std::span<const float> keys,
                              std::span<const float> values, std::int64_t length) {
  const std::size_t head_dim = query.size();
  std::vector<double> scores(static_cast<std::size_t>(length));
  double largest = -1e300;
  for (std::size_t j = 0; j < scores.size(); ++j) {
    for (std::size_t d = 0; d < head_dim; ++d) {
      scores[j] += static_cast<double>(query[d]) * keys[j * head_dim + d];
    }
    largest = std::max(largest, scores[j]);
  }
  double total = 0.0;
  for (double& score : scores) total += score = std::exp(score - largest);
  std::vector<double> out(head_dim);
  for (std::size_t j = 0; j < scores.size(); ++j) {
    for (std::size_t d = 0; d < head_dim; ++d)
      out[d] += scores[j] / total * values[j * head_dim + d];
  }
  return out;
}

void rotate(std::span<double> head, std::int64_t position, double theta, RotaryPairs pairs,
            std::span<const float> factors) {
  const std::size_t half = head.size() / 2;
  for (std::size_t i = 0; i < half; ++i) {
    double frequency =
        std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(head.size()));
    if (!factors.empty()) frequency /= factors[i];
    const double angle = static_cast<double>(position) * frequency;
    double& a = head[pairs == RotaryPairs::kHalves ? i : 2 * i];
    double& b = head[pairs == RotaryPairs::kHalves ? i + half : 2 * i + 1];
    const double turned = a * std::cos(angle) - b * std::sin(angle);
    b = a * std::sin(angle) + b * std::cos(angle);
    a = turned;
  }
}

}  // namespace memagent::reference
