// Softmax over groups of neighbouring columns, and the sum of the groups' losses.
//
// Start at each_group(): a group's columns of a few rows are copied into panels of their own, the kernel works there,
// and what it made is copied back. So a group has the bits of a softmax of its own.
#pragma once

#include <algorithm>
#include <vector>

#include "base/buffer.h"
#include "kernels/kernels.h"

namespace chainrule {

using Groups = std::vector<index_t>;  // columns of each group

// to[:, to_first + j] = from[:, from_first + j],   j < n
template <class T>
void copy_columns(index_t rows, index_t n, Panels<const T> from, index_t from_first, Panels<T> to, index_t to_first) {
  for (index_t j = 0; j < n;) {
    const index_t in = from_first + j, out = to_first + j;
    const index_t width = std::min({n - j, kPanel<T> - in % kPanel<T>, kPanel<T> - out % kPanel<T>});
    const T* source = from.data + from.place(in);
    T* target = to.data + to.place(out);
    for (index_t i = 0; i < rows; ++i) std::copy_n(source + i * kPanel<T>, width, target + i * kPanel<T>);
    j += width;
  }
}

// A panel of rows of one group.
template <class T>
struct GroupBlock {
  index_t group, first, n;  // its columns are first .. first + n - 1
  index_t begin, rows;
  Panels<T> room[3];  // for matrices (rows, n)

  void take(Panels<const T> whole, int which) const {
    copy_columns<T>(rows, n, whole.from(begin), first, room[which], 0);
  }
  void give_back(int which, Panels<T> whole) const {
    copy_columns<T>(rows, n, room[which], 0, whole.from(begin), first);
  }
};

// Calls f(block) with every block of rows of every group; those of the same rows in the order of the groups.
template <class T, class F>
void each_group(const Groups& groups, index_t rows, F f) {
  const index_t size = n_panels<T>(*std::max_element(groups.begin(), groups.end())) * panel_stride<T>(kPanel<T>);
  thread_local Buffer<T> memory;  // grows with the first step
  if (memory.size() < 3 * size) memory = Buffer<T>(3 * size);
  GroupBlock<T> block{};
  for (int which = 0; which < 3; ++which) {
    block.room[which] = {memory.data() + which * size, panel_stride<T>(kPanel<T>)};
  }
  for (block.begin = 0; block.begin < rows; block.begin += kPanel<T>) {
    block.rows = std::min(kPanel<T>, rows - block.begin);
    block.group = block.first = 0;
    for (const index_t n : groups) {
      block.n = n;
      f(block);
      ++block.group, block.first += n;
    }
  }
}

template <class T, class Kernel>
void activate_groups(Kernel kernel, const Groups& groups, index_t rows, Panels<T> z) {
  each_group<T>(groups, rows, [&](const GroupBlock<T>& block) {
    block.take(z, 0);
    kernel(block.rows, block.n, block.room[0], T(0));
    block.give_back(0, z);
  });
}

template <class T, class Kernel>
void activation_gradient_of_groups(Kernel kernel, const Groups& groups, index_t rows, Panels<const T> a, Panels<T> d) {
  each_group<T>(groups, rows, [&](const GroupBlock<T>& block) {
    block.take(a, 0);
    block.take(d, 1);
    kernel(block.rows, block.n, block.room[0], block.room[1], T(0));
    block.give_back(1, d);
  });
}

// Of classes there is one per row and group, p.classes (rows, groups).
template <class T, class Kernel>
void loss_of_groups(Kernel kernel, const Groups& groups, const LossRows<T>& p) {
  const Panels<T> d{p.d, p.panel};
  each_group<T>(groups, p.rows, [&](const GroupBlock<T>& block) {
    std::int64_t classes[kPanel<T>];
    double losses[kPanel<T>];
    LossRows<T> part = p;
    part.rows = block.rows, part.n = block.n, part.panel = block.room[0].panel;
    block.take({p.y, p.panel}, 0);
    part.y = block.room[0].data;
    if (p.targets) {
      block.take({p.targets, p.panel}, 1);
      part.targets = block.room[1].data;
    } else {
      const std::int64_t* from = p.classes + block.begin * static_cast<index_t>(groups.size()) + block.group;
      for (index_t i = 0; i < block.rows; ++i) classes[i] = from[i * static_cast<index_t>(groups.size())];
      part.classes = classes;
    }
    part.scale = p.scale ? p.scale + block.begin : nullptr;
    part.d = p.d ? block.room[2].data : nullptr;
    part.loss = losses;
    kernel(part);
    if (p.d) block.give_back(2, d);
    double* sum = p.loss + block.begin;
    for (index_t i = 0; i < block.rows; ++i) sum[i] = block.group == 0 ? losses[i] : sum[i] + losses[i];
  });
}

}  // namespace chainrule
