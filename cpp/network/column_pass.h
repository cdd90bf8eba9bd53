// Phase A of a pass (pass.h) in which a few threads share the columns of the first layer, and then rows as ever.
//
// By rows, every thread needs the whole of what the others have written in the step before: parameters, and for their
// gradients x and dz. By columns each keeps its share of the first layer, from x to the update; the threads exchange a,
// for the second layer, and the gradient in that one's z. On two threads that share a third-level cache, steps of
// 64-128-10, batch 64, are 11 % shorter so, in float64 15 %; of 64-100-10, batch 200, in float64 8 %; of 30-100-50-2,
// batch 64, 6 and 7 %.
#pragma once

#include <algorithm>

#include "network/column_blocks.h"
#include "network/row_pass.h"

namespace chainrule {

template <class T>
class ColumnPass {
 public:
  ColumnPass(const Network<T>& network, const Samples& samples, const RowPass<T>& rows, Workspace<T>& workspace)
      : plan_(network.plan()), samples_(samples), rows_(rows), work_(workspace), blocks_(network, workspace) {}

  // As RowPass::chunk, but for the gradient in the first layer's z.
  void chunk(const Team& team, const Chunk& c) const {
    Slice<T> s = work_.slices[0];
    s.x = work_.x_of(team.id());
    samples_.x.gather(c.order, c.rows, plan_.n_inputs, work_.x_of(team.id()));
    each_block(team, c.rows, [&](const Block& b) { blocks_.forward(0, s, b); });
    team.barrier();
    rows_.after_first_layer(team, c);
  }

  // The rest of it, when all rows are there. Ends without a barrier, too.
  void first_gradient(const Team& team, const Chunk& c) const {
    each_block(team, c.rows, [&](const Block& b) { blocks_.backward(0, b); });
  }

 private:
  // This member's share of all rows and columns of the first layer: whole panels, and rows of those that it shares with
  // another. So the last panel counts for the columns it has, since few are a product of their own (100 columns, batch
  // 200: 2 % of a step).
  template <class F>
  void each_block(const Team& team, index_t rows, F f) const {
    const Team::Range part = team.part(plan_.width(1) * rows);
    Block whole{0, rows, 0, 0};
    for (index_t p = 0; p < plan_.shared_panels; ++p) {
      const Block of_panel{0, rows, p, 1};
      const index_t before = p * kPanel<T> * rows, n = blocks_.columns_of(0, of_panel);
      const index_t first = std::clamp<index_t>((part.begin - before) / n, 0, rows);
      const index_t end = std::clamp<index_t>((part.end - before) / n, 0, rows);
      if (end - first == rows) {
        if (whole.panels++ == 0) whole.panel = p;
      } else if (end > first) {
        f(Block{first, end - first, p, 1});
      }
    }
    if (whole.panels > 0) f(whole);
  }

  const Plan<T>& plan_;
  const Samples& samples_;
  const RowPass<T>& rows_;
  Workspace<T>& work_;
  const ColumnBlocks<T> blocks_;
};

}  // namespace chainrule
