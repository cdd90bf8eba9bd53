// Phase A of a pass (pass.h) layer after layer, in blocks that whoever is free takes.
//
// By rows every thread reads all weights, and who then updates some has to take their lines away from all others: on a
// Xeon of 2023 5 ns each if one has read them, 21 if four have, 44 if fifteen have. Blocks of columns are read by those
// who share them. And threads are never equally fast: some share a core with another program, or are of another kind.
// There, steps of 784-512-256-10 take 0.90 of the time on two threads with batch 128, in float64 0.88, and 0.64 with
// batch 32, on sixteen 0.62; of 1024-2048-2048-1000, batch 512, 0.7 on sixteen and as long on two. Which way is faster
// depends on the caches, too: TeamSize tries both.
#pragma once

#include <algorithm>

#include "network/column_blocks.h"
#include "network/row_pass.h"

namespace chainrule {

template <class T>
class LayerPass {
 public:
  LayerPass(const Network<T>& network, const RowPass<T>& rows, Workspace<T>& workspace)
      : plan_(network.plan()), rows_(rows), work_(workspace), blocks_(network, workspace) {
    may_pay_ = plan_.is_chain() && next_wide(0) < plan_.nodes.size();
  }

  bool may_pay() const { return may_pay_; }

  // As RowPass::chunk, where it may pay. Narrow layers, and all but dense ones, go by rows, as many as there are in a
  // row.
  void chunk(const Team& team, const Chunk& c) const {
    const std::size_t end = plan_.nodes.size();
    std::size_t i = next_wide(0);
    each_tile(team, c.rows, [&](index_t first, index_t rows) {
      rows_.begin(c, first, rows);
      rows_.forward({0, i}, c, first, rows);
    });
    for (std::size_t next = i; next < end;) {
      if (next > i) {
        team.barrier();
        each_tile(team, c.rows, [&](index_t first, index_t rows) { rows_.forward({i, next}, c, first, rows); });
      }
      team.barrier();
      each_block(team, c.rows, plan_.width(next + 1), plan_.width(next),
                 [&](const Block& b) { blocks_.forward(next, work_.slices[next], b, rows_.activates(next)); });
      i = next + 1, next = next_wide(i);
    }
    team.barrier();
    std::size_t node = wide_before(end, c.lowest);
    each_tile(team, c.rows, [&](index_t first, index_t rows) {
      rows_.forward({i, end}, c, first, rows);
      rows_.turn(c, first, rows);
      rows_.backward_activation(end - 1, c, first, rows);
      backward_rows(end - 1, node, c, first, rows);
    });
    while (node > c.lowest) {
      team.barrier();
      const std::size_t before = node - 1;
      each_block(team, c.rows, plan_.width(node), plan_.width(node + 1),
                 [&](const Block& b) { blocks_.backward(before, b); });
      node = wide_before(node, c.lowest);
      if (before == node) continue;
      team.barrier();
      each_tile(team, c.rows, [&](index_t first, index_t rows) { backward_rows(before, node, c, first, rows); });
    }
  }

 private:
  // Columns pay from so many panels and weights on.
  static constexpr index_t kWidePanels = 8, kWideWeights = 1 << 14;
  // A block has so many panels, the width of a tile, or fewer where there are few. Its rows of x are at most a
  // second-level cache, and there are at least so many.
  static constexpr index_t kBlockPanels = 4, kBlockBytes = 1 << 20, kLeastRows = 16;
  // So many blocks, or more, for each thread; so many tiles, unless they would share lines of losses.
  static constexpr index_t kBlocksEach = 3, kTilesEach = 2, kTileStep = 8;

  // Whether threads share the columns of that value, which the node makes or whose gradient it makes.
  bool is_wide(std::size_t node, std::size_t value) const {
    return n_panels<T>(plan_.width(value)) >= kWidePanels &&
           plan_.width(node) * plan_.width(node + 1) >= kWideWeights && plan_.is_dense(node);
  }
  // The first node from this one on that goes forward by columns, or the end. Softmax needs whole rows.
  std::size_t next_wide(std::size_t node) const {
    auto is_by_columns = [&](std::size_t n) {
      const bool mixes_columns = plan_.nodes[n].activation.kind == Activation::kSoftmax && rows_.activates(n);
      return is_wide(n, n + 1) && !mixes_columns && !(n == 0 && rows_.multiplies_sparse());
    };
    while (node < plan_.nodes.size() && !is_by_columns(node)) ++node;
    return node;
  }
  // The last node before this one that goes back by columns, or `lowest`.
  std::size_t wide_before(std::size_t node, std::size_t lowest) const {
    do {
      --node;
    } while (node > lowest && !is_wide(node, node));
    return node;
  }

  // From the gradient in the z of node `from` to that of node `to`.
  void backward_rows(std::size_t from, std::size_t to, const Chunk& c, index_t first, index_t rows) const {
    for (std::size_t n = from; n > to; --n) {
      rows_.backward_layer(n, c, first, rows);
      rows_.backward_activation(n - 1, c, first, rows);
    }
  }

  template <class F>
  static void each_tile(const Team& team, index_t rows, F f) {
    const index_t steps = (rows + kTileStep - 1) / kTileStep,
                  tiles = std::min<index_t>(steps, kTilesEach * team.size());
    team.share(tiles, [&](index_t t) {
      const index_t first = steps * t / tiles * kTileStep, end = std::min(steps * (t + 1) / tiles * kTileStep, rows);
      f(first, end - first);
    });
  }

  // Blocks of a value of so many columns, each a sum of `terms` products. A thread's part of them is about a strip
  // of columns, whose weights hardly anybody else reads, and one after the other they run down that.
  template <class F>
  void each_block(const Team& team, index_t rows, index_t columns, index_t terms, F f) const {
    const index_t panels = n_panels<T>(columns), most_down = std::max<index_t>(rows / kLeastRows, 1);
    const index_t width = std::clamp<index_t>(panels / team.size(), 1, kBlockPanels);
    const index_t across = (panels + width - 1) / width;
    const index_t of_rows = rows * terms * static_cast<index_t>(sizeof(T)) / kBlockBytes + 1;
    const index_t down = std::min(std::max(kBlocksEach * team.size() / across + 1, of_rows), most_down);
    const index_t strip = std::max<index_t>(across / team.size(), 1);
    team.share(across * down, [&](index_t t) {
      const index_t before = t / (strip * down) * strip, place = t - before * down;
      const index_t in_strip = std::min(strip, across - before), row = place / in_strip;
      const index_t first = rows * row / down, panel = (before + place % in_strip) * width;
      f(Block{first, rows * (row + 1) / down - first, panel, std::min(width, panels - panel)});
    });
  }

  const Plan<T>& plan_;
  const RowPass<T>& rows_;
  Workspace<T>& work_;
  const ColumnBlocks<T> blocks_;
  bool may_pay_;
};

}  // namespace chainrule
