// A predictor as Python holds it: nobody changes it, so nobody locks it.
#pragma once

#include "bindings/bound_network.h"

namespace chainrule {

template <class T>
struct BoundPredictor {
  const Model<T> model;
  const int most_threads;  // of a call
};

}  // namespace chainrule
