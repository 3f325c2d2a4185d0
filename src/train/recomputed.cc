#include "train/recomputed.h"

#include <torch/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <utility>

namespace memagent {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Work final : torch::CustomClassHolder {
  explicit Work(std::function<torch::Tensor(const torch::Tensor&)> called)
      : call(std::move(called)) {}
  std::function<torch::Tensor(const torch::Tensor&)> call;
};

// Inputs: x, then the parameters. They are inputs so that the result has gradients where x has
// none, and so that theirs come back as those of any other operation do.
class Recomputed : public torch::autograd::Function<Recomputed> {
 public:
  static torch::Tensor forward(AutogradContext* context,
                               const c10::intrusive_ptr<torch::CustomClassHolder>& work,
                               at::TensorList inputs) {
    context->save_for_backward(inputs.vec());
    context->saved_data["work"] = c10::IValue::make_capsule(work);
    context->saved_data["x_learns"] = inputs[0].requires_grad();
    return static_cast<const Work&>(*work).call(inputs[0]);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto held = context->saved_data["work"].toCapsule();
    const bool x_learns = context->saved_data["x_learns"].toBool();
    variable_list inputs = context->get_saved_variables();
    variable_list found;
    {
      const torch::AutoGradMode with_gradients(true);
      const torch::Tensor x = inputs[0].detach().requires_grad_(x_learns);
      const torch::Tensor y = static_cast<const Work&>(*held).call(x);
      inputs[0] = x;
      const variable_list wanted(inputs.begin() + (x_learns ? 0 : 1), inputs.end());
      found = torch::autograd::grad({y}, wanted, {gradients[0]}, /*retain_graph=*/false,
                                    /*create_graph=*/false, /*allow_unused=*/true);
    }
    variable_list all(1);  // for the work
    if (!x_learns) all.emplace_back();
    all.insert(all.end(), found.begin(), found.end());
    return all;
  }
};

}  // namespace

torch::Tensor recomputed(std::function<torch::Tensor(const torch::Tensor& x)> work,
                         const torch::Tensor& x, const std::vector<torch::Tensor>& parameters) {
  variable_list inputs{x};
  inputs.insert(inputs.end(), parameters.begin(), parameters.end());
  return Recomputed::apply(
      c10::intrusive_ptr<torch::CustomClassHolder>(c10::make_intrusive<Work>(std::move(work))),
      at::TensorList(inputs));
}

}  // namespace memagent
