// What a user calls. `input_t` and `output_t` are the types of rows and predictions.

// Of one row x (NAME_INPUTS): out (NAME_OUTPUTS), which must not overlap it. Takes NAME_WORKSPACE numbers of stack.
NAME_API void NAME_predict(const input_t *x, output_t *out) {
  real workspace[NAME_WORKSPACE];
  NAME_predict_in(x, out, workspace);
}

// The same of rows that lie one after the other: x (rows, NAME_INPUTS), out (rows, NAME_OUTPUTS).
NAME_API void NAME_predict_rows(const input_t *x, size_t rows, output_t *out) {
  real workspace[NAME_WORKSPACE];
  for (; rows > 0; --rows, x += NAME_INPUTS, out += NAME_OUTPUTS) NAME_predict_in(x, out, workspace);
}

// As NAME_predict, in the caller's memory instead of the stack: workspace (NAME_WORKSPACE), whatever it holds.
NAME_API void NAME_predict_in(const input_t *x, output_t *out, real *workspace) {
@{body}}

// The place of the largest of the NAME_OUTPUTS probabilities, the first of equal ones.
NAME_API size_t NAME_largest(const output_t *probabilities) {
  size_t largest = 0;
  for (size_t j = 1; j < NAME_OUTPUTS; ++j) {
    if (probabilities[j] > probabilities[largest]) largest = j;
  }
  return largest;
}

// The class whose probability stands in this place.
NAME_API @{class_type}NAME_class(size_t place) {
  static @{class_type}const classes[NAME_OUTPUTS] = {@{classes}};
  return classes[place];
}

// What stands for a category in x[column]: -1 for those that are not told apart. "" and NULL are missing ones.
NAME_API double NAME_code(size_t column, const char *category) {
  static const char *const categories[] = {@{categories}};
  static const size_t first[NAME_INPUTS + 1] = {@{first}};
  const char *const wanted = category == NULL ? "" : category;
  for (size_t i = first[column]; i < first[column + 1]; ++i) {
    if (strcmp(categories[i], wanted) == 0) return (double)(i - first[column]);
  }
  return -1;
}
