// Where the supporting paragraphs of a row stand: far apart, at every depth, and in every order, in
// turn by the row's index, so that any run of rows is balanced.
#pragma once

#include <cstdint>
#include <vector>

namespace memagent::world {

// Depths in [0, 1) of `count` paragraphs given in the order of reasoning. The document is cut into
// `count` equal parts and each holds one of them, at a distance from its edges: `index` runs
// through all orders of the paragraphs, and within each through depths (van der Corput). `key`
// shifts the depths.
std::vector<double> supporting_depths(std::int64_t index, std::size_t count, std::uint64_t key);

// The number of orders that supporting_depths runs through: what is balanced besides must not have
// this period.
std::int64_t num_orders(std::size_t count);

}  // namespace memagent::world
