// Phase A of a pass (pass.h) in which a few threads share the columns of the first layer, and then rows as ever.
//
// By rows, every thread needs the whole of what the others have written in the step before: parameters, and for their
// gradients x and dz. By columns each keeps its share of the first layer, from x to the update; the threads exchange a,
// for the second layer, and the gradient in that one's z. On two threads that share a third-level cache, steps of
// 64-128-10, batch 64, are 11 % shorter so, in float64 15 %; of 64-100-10, batch 200, in float64 8 %; of 30-100-50-2,
// batch 64, 6 and 7 %.
#pragma once

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
    blocks_.each(team, 0, 0, c.rows, [&](const Block& b) { blocks_.forward(0, s, b); });
    team.barrier();
    rows_.after_first_layer(team, c);
  }

  // The rest of it, when all rows are there. Ends without a barrier, too.
  void first_gradient(const Team& team, const Chunk& c) const {
    blocks_.each(team, 0, 0, c.rows, [&](const Block& b) { blocks_.backward(0, b); });
  }

 private:
  const Plan<T>& plan_;
  const Samples& samples_;
  const RowPass<T>& rows_;
  Workspace<T>& work_;
  const ColumnBlocks<T> blocks_;
};

}  // namespace chainrule
