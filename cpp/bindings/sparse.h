// The door for features, which may be sparse: matrices and arrays of scipy.sparse. CSR of float32 or float64 is read in
// place; other formats and types are converted to it, in memory of the same sparse size.
#pragma once

#include "bindings/arrays.h"

namespace chainrule {

// X with `columns` columns and finite numbers, an array (arrays.h) or sparse. Imports nothing and leaves the user's
// matrix as it is; a copy is taken where elements that stand twice must be summed.
Matrix features_arg(const std::string& where, const py::object& object, index_t columns, bool network_is_double,
                    bool takes_row = false, int most_threads = kAnyThreads);

}  // namespace chainrule
