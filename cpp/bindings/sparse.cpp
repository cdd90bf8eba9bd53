// Start at sparse_arg(). scipy's own conversions trust indices, so those are checked before and after. Another thread
// may change the matrix meanwhile: each index is read once, and what was read is checked; scipy converts a copy.
#include "bindings/sparse.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace chainrule {

namespace {

// What makes a matrix sparse is loaded where there is one.
bool is_sparse(const py::object& object) {
  if (py::isinstance<py::array>(object)) return false;
  const auto scipy = py::reinterpret_steal<py::object>(PyImport_GetModule(py::str("scipy.sparse").ptr()));
  if (!scipy) PyErr_Clear();
  return scipy && py::hasattr(scipy, "issparse") && scipy.attr("issparse")(object).cast<bool>();
}

[[noreturn]] void refuse(const std::string& where, const std::string& expected, const std::string& got) {
  throw py::value_error(complaint(where, "X", expected, got));
}

// An attribute that must be an array: scipy's own methods, which work on the matrix later, take nothing else.
py::array array_of(const std::string& where, const py::object& matrix, const char* name) {
  const py::object given = matrix.attr(name);
  if (!py::isinstance<py::array>(given)) {
    refuse(where, std::string(name) + " as an array", std::string(py::str(py::type::of(given))));
  }
  return given;
}

// An attribute that must be a vector of integers.
py::array integers(const std::string& where, const py::object& matrix, const char* name) {
  const py::array array = array_of(where, matrix, name);
  const char kind = array.dtype().kind();
  if (array.ndim() != 1 || (kind != 'i' && kind != 'u')) {
    refuse(where, std::string(name) + " of integers in one dimension",
           std::string(py::str(array.dtype())) + " of shape " + shape_text(array));
  }
  return array;
}

// Aligned, contiguous and in native byte order: the array itself where it is.
py::array as_type(const py::array& array, const char* type) {
  return py::module_::import("numpy").attr("require")(array, type, py::make_tuple("C", "A"));
}

// The indices of a compressed format: `outer` slices (the rows of CSR), and positions in each below `inner`.
struct Indices {
  index_t outer, inner, stored;
  py::array starts, positions;
  bool is_wide, ascends = true;  // the positions in every slice, once they are checked
  index_t longest = 0;           // slice

  Indices(const std::string& where, const py::object& matrix, index_t n_outer, index_t n_inner)
      : outer(n_outer),
        inner(n_inner),
        starts(integers(where, matrix, "indptr")),
        positions(integers(where, matrix, "indices")) {
    const py::array data = array_of(where, matrix, "data");
    const index_t length = starts.size(), values = data.ndim() > 0 ? data.shape(0) : 0;
    if (length != outer + 1) {
      refuse(where, "indptr of " + std::to_string(outer + 1) + " elements", std::to_string(length) + " elements");
    }
    if (values != positions.size()) {
      refuse(where, "as many indices as values", std::to_string(positions.size()) + " and " + std::to_string(values));
    }
    is_wide = starts.itemsize() != 4 || positions.itemsize() != 4 || starts.dtype().kind() == 'u' ||
              positions.dtype().kind() == 'u';
    starts = as_type(starts, is_wide ? "int64" : "int32");
    positions = as_type(positions, is_wide ? "int64" : "int32");
    is_wide ? check_starts<std::int64_t>(where) : check_starts<std::int32_t>(where);
  }

  // Refuses positions out of range; returns whether one comes twice in a slice.
  bool check_positions(const std::string& where) {
    return is_wide ? check_positions<std::int64_t>(where) : check_positions<std::int32_t>(where);
  }

  // The slice that holds stored element k.
  index_t slice_of(index_t k) const { return is_wide ? slice_of<std::int64_t>(k) : slice_of<std::int32_t>(k); }
  index_t position(index_t k) const {
    return is_wide ? data_of<std::int64_t>(positions)[k] : data_of<std::int32_t>(positions)[k];
  }

 private:
  template <class Index>
  static const Index* data_of(const py::array& array) {
    return static_cast<const Index*>(array.data());
  }

  template <class Index>
  void check_starts(const std::string& where) {
    const Index* start = data_of<Index>(starts);
    stored = read_once(start);
    if (stored != 0) refuse(where, "indptr[0] = 0", std::to_string(stored));
    for (index_t i = 0; i < outer; ++i) {
      const index_t before = stored;
      stored = read_once(start + i + 1);
      if (stored >= before) continue;
      refuse(where, "indptr that never decreases",
             std::to_string(stored) + " after " + std::to_string(before) + " at indptr[" + std::to_string(i + 1) + "]");
    }
    if (stored > positions.size()) {
      refuse(where, "indptr that ends within the " + std::to_string(positions.size()) + " stored elements",
             std::to_string(stored));
    }
  }

  template <class Index>
  bool check_positions(const std::string& where) {
    const Index *start = data_of<Index>(starts), *at = data_of<Index>(positions);
    const auto checked = [&](index_t k) {
      const index_t position = read_once(at + k);
      if (position >= 0 && position < inner) return position;
      refuse(where, "indices from 0 to " + std::to_string(inner - 1),
             std::to_string(position) + " at indices[" + std::to_string(k) + "]");
    };
    std::vector<index_t> last_slice;  // where each position was seen last, once one is out of order
    bool twice = false;
    for (index_t i = 0, begin = 0, end = 0; i < outer; ++i, begin = end) {
      end = std::clamp<index_t>(read_once(start + i + 1), begin, stored);
      bool in_order = true;
      for (index_t k = begin, before = -1; k < end; ++k) {
        const index_t position = checked(k);
        in_order = in_order && position > before;
        before = position;
      }
      longest = std::max(longest, end - begin);
      if (in_order) continue;
      ascends = false;
      if (twice) continue;
      last_slice.resize(static_cast<std::size_t>(inner), -1);
      for (index_t k = begin; k < end; ++k) {
        index_t& last = last_slice[static_cast<std::size_t>(checked(k))];
        twice = twice || last == i;
        last = i;
      }
    }
    return twice;
  }

  template <class Index>
  index_t slice_of(index_t k) const {
    const Index* start = data_of<Index>(starts);
    return std::upper_bound(start, start + outer + 1, static_cast<Index>(k)) - start - 1;
  }
};

// Coordinates of COO.
void check_coordinates(const std::string& where, const py::object& matrix, const char* name, index_t n) {
  const py::array array = integers(where, matrix, name);
  const index_t values = array_of(where, matrix, "data").size();
  if (array.size() != values) {
    refuse(where, std::string(name) + " of " + std::to_string(values) + " elements",
           std::to_string(array.size()) + " elements");
  }
  if (values == 0) return;
  for (const char* extreme : {"min", "max"}) {
    const auto value = array.attr(extreme)().cast<double>();  // also of uint64
    if (value >= 0 && value < static_cast<double>(n)) continue;
    refuse(where, std::string(name) + " from 0 to " + std::to_string(n - 1), number_text(value));
  }
}

// DIA: scipy counts elements by the offsets as they are, and then copies them by offsets of the type of its indices.
void check_diagonals(const std::string& where, const py::object& matrix, index_t rows, index_t columns) {
  const py::array offsets = integers(where, matrix, "offsets");
  const py::array diagonals = array_of(where, matrix, "data");
  if (diagonals.ndim() != 2) refuse(where, "data of diagonals in two dimensions", "shape " + shape_text(diagonals));
  if (offsets.size() != diagonals.shape(0)) {
    refuse(where, "as many offsets as diagonals",
           std::to_string(offsets.size()) + " and " + std::to_string(diagonals.shape(0)));
  }
  if (offsets.dtype().kind() != 'i' || offsets.itemsize() < 4) {
    refuse(where, "offsets of int32 or int64", std::string(py::str(offsets.dtype())));
  }
  const py::array wide = as_type(offsets, "int64");
  const auto* offset = static_cast<const std::int64_t*>(wide.data());
  for (index_t i = 0; i < wide.size(); ++i) {
    if (offset[i] >= -rows && offset[i] <= columns) continue;
    refuse(where, "offsets from " + std::to_string(-rows) + " to " + std::to_string(columns),
           std::to_string(offset[i]));
  }
}

// LIL: scipy makes room for the lists of columns and trusts that those of values are as long.
void check_lists(const std::string& where, const py::object& matrix, index_t rows) {
  const py::object lists[] = {matrix.attr("rows"), matrix.attr("data")};
  for (const py::object& list : lists) {
    const bool is_array = py::isinstance<py::array>(list);
    if (is_array && list.attr("dtype").attr("kind").cast<std::string>() == "O" && py::len(list.attr("shape")) == 1 &&
        static_cast<index_t>(py::len(list)) == rows) {
      continue;
    }
    refuse(where, "rows and data of " + std::to_string(rows) + " lists", std::string(py::str(py::type::of(list))));
  }
  for (index_t i = 0; i < rows; ++i) {
    const py::object columns = lists[0][py::int_(i)], values = lists[1][py::int_(i)];
    if (py::isinstance<py::list>(columns) && py::isinstance<py::list>(values) && py::len(columns) == py::len(values)) {
      continue;
    }
    refuse(where, "as many columns as values in each row's lists", "others in row " + std::to_string(i));
  }
}

// What a method of scipy's makes of the matrix; it may find fault with it, too.
py::object converted(const std::string& where, const py::object& matrix, const char* method) {
  try {
    return matrix.attr(method)();
  } catch (py::error_already_set& e) {
    if (!e.matches(PyExc_Exception) || e.matches(PyExc_MemoryError)) throw;
    refuse(where, "a matrix that can be converted to CSR",
           name_of_type(matrix) + " (" + std::string(py::str(e.value())) + ")");
  }
}

// The arrays of a format other than CSR, as far as scipy trusts them.
void check_format(const std::string& where, const py::object& matrix, index_t rows, index_t columns) {
  const std::string format = py::str(matrix.attr("format"));
  if (format == "csc") Indices(where, matrix, columns, rows).check_positions(where);
  if (format == "coo") {
    check_coordinates(where, matrix, "row", rows);
    check_coordinates(where, matrix, "col", columns);
  }
  if (format == "dia") check_diagonals(where, matrix, rows, columns);
  if (format == "lil") check_lists(where, matrix, rows);
  if (format == "bsr") {
    const py::array blocks = array_of(where, matrix, "data");
    if (blocks.ndim() != 3 || blocks.shape(1) == 0 || blocks.shape(2) == 0 || rows % blocks.shape(1) != 0 ||
        columns % blocks.shape(2) != 0) {
      refuse(where, "blocks that divide " + shape_text(matrix), "data of shape " + shape_text(blocks));
    }
    Indices(where, matrix, rows / blocks.shape(1), columns / blocks.shape(2)).check_positions(where);
  }
}

// The matrix itself, if it is CSR, or a new one.
py::object as_csr(const std::string& where, const py::object& matrix, index_t rows, index_t columns) {
  const std::string format = py::str(matrix.attr("format"));
  if (format == "csr") return matrix;
  check_format(where, matrix, rows, columns);
  if (format == "lil" || format == "dok") return converted(where, matrix, "tocsr");  // of Python's own objects
  const py::object own = converted(where, matrix, "copy");
  check_format(where, own, rows, columns);
  return converted(where, own, "tocsr");
}

// (stored) float or double, one after the other.
py::array values_of(const std::string& where, const py::object& csr, index_t stored, bool network_is_double) {
  const py::array data = numbers_arg(where, "X", csr.attr("data"));
  if (data.ndim() != 1) refuse(where, "data in one dimension", "shape " + shape_text(data));
  if (data.size() < stored) refuse(where, std::to_string(stored) + " values", std::to_string(data.size()));
  const py::array values = readable(data, network_is_double);
  return values.itemsize() == 8 ? py::array(contiguous<double>(values)) : py::array(contiguous<float>(values));
}

Matrix sparse_arg(const std::string& where, const py::object& matrix, index_t columns, bool network_is_double) {
  const py::tuple shape = matrix.attr("shape");
  if (shape.size() != 2 || shape[0].cast<index_t>() == 0 || shape[1].cast<index_t>() != columns) {
    refuse(where, matrix_shape_text(columns), shape_text(matrix));
  }
  const auto rows = shape[0].cast<index_t>();
  py::object csr = as_csr(where, matrix, rows, columns);
  Indices indices(where, csr, rows, columns);
  if (indices.check_positions(where)) {  // the sum is meant
    if (csr.is(matrix)) {
      csr = converted(where, csr, "copy");
      Indices(where, csr, rows, columns).check_positions(where);
    }
    converted(where, csr, "sum_duplicates");
    indices = Indices(where, csr, rows, columns);
    indices.check_positions(where);
  }
  const py::array values = values_of(where, csr, indices.stored, network_is_double);
  RowSource source{static_cast<const char*>(values.data()), 0, values.itemsize(), values.itemsize() == 8, {}};
  if (!row_is_finite(source, source.data, indices.stored, network_is_double)) {
    index_t k = 0;
    while (k + 1 < indices.stored && row_is_finite(source, source.data + k * source.column_bytes, 1, network_is_double))
      ++k;
    refuse_value(where, "X", element(source, 0, k),
                 std::to_string(indices.slice_of(k)) + ", " + std::to_string(indices.position(k)));
  }
  source.sparse = {indices.starts.data(), indices.positions.data(), indices.stored,
                   indices.is_wide,       indices.ascends,          indices.longest};
  return {csr, py::make_tuple(values, indices.positions, indices.starts), source, rows, columns, false};
}

}  // namespace

Matrix features_arg(const std::string& where, const py::object& object, index_t columns, bool network_is_double,
                    bool takes_row, int most_threads) {
  return is_sparse(object) ? sparse_arg(where, object, columns, network_is_double)
                           : matrix_arg(where, "X", object, columns, network_is_double, takes_row, most_threads);
}

}  // namespace chainrule
