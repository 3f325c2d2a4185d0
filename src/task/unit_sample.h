// A Sample whose document is units and inserts: what generated tasks and padded data sets hand out.
// Knows nothing about any of them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "task/task.h"
#include "task/unit_document.h"

namespace memagent {

// The stream of random numbers a row is made from: the same at every length, so that lengths are
// compared on the same questions.
std::uint64_t row_key(std::string_view task, const SampleSpec& spec);
// "niah_single_1-test-0-8192-7": task, split, seed, length, index.
std::string row_id(std::string_view task, const SampleSpec& spec);

using MakeOracle = std::function<std::unique_ptr<Oracle>(const Row&)>;

// Makes the rows of siblings. Evidence without byte ranges stands in the document word for word,
// once.
using MakeRows = std::function<std::vector<Row>(std::int64_t most, std::uint64_t key)>;

// Fills in the row's tokens and document_bytes. Without `make_oracle` there is no oracle, without
// `others` there are no siblings.
std::unique_ptr<Sample> unit_sample(Row row, std::shared_ptr<const UnitDocument> document,
                                    MakeOracle make_oracle, MakeRows others = nullptr);
// The same, and fills in byte ranges of the row's evidence: evidence i is the
// insert `insert_of[i]` of the plan's input, which begins with its text.
std::unique_ptr<Sample> unit_sample(Row row, const std::vector<std::size_t>& insert_of,
                                    std::shared_ptr<const UnitDocument> document,
                                    MakeOracle make_oracle, MakeRows others = nullptr);

// Throws Error(kUsage) unless spec.tokens is from `fewest` to 2^40 and spec.index not negative;
// names the task.
void check_spec(std::string_view task, const SampleSpec& spec, std::int64_t fewest);

}  // namespace memagent
