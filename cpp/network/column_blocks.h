// Dense layers by columns: what threads do that share the columns of a layer, and not its rows.
#pragma once

#include <algorithm>

#include "base/threads.h"
#include "network/network.h"

namespace chainrule {

// Some rows of some panels of a layer's output.
struct Block {
  index_t row, rows, panel, panels;
};

template <class T>
class ColumnBlocks {
 public:
  ColumnBlocks(const Network<T>& network, const Workspace<T>& workspace)
      : net_(network), plan_(network.plan()), work_(workspace) {}

  // y of the node from a slice with all columns of x.
  void forward(std::size_t node, const Slice<T>& s, const Block& b, bool activates = true) const {
    const Node<T>& n = plan_.nodes[node];
    const Slice<T> part = s.at(b.row, b.rows);
    plan_.dense(node).forward_panels(net_.weights(n), part, b.panel, b.panels);
    if (!activates) return;
    const Panels<T> z = part.y.panels_from(b.panel);
    const index_t columns = columns_of(node, b);
    if (work_.z[node].data) copy_panels<T>(b.rows, columns, z, work_.z[node].from(b.row).panels_from(b.panel));
    activate_rest(n, b.rows, columns, z);
  }

  // The gradient in z of a node whose output nobody but the next one reads, from that in the next one's z.
  void backward(std::size_t node, const Block& b) const {
    const Node<T>&n = plan_.nodes[node], &next = plan_.nodes[node + 1];
    plan_.dense(node + 1).backward_panels(net_.weights(next), work_.slices[node + 1].at(b.row, b.rows), b.panel,
                                          b.panels);
    if (n.gated) return;
    const Slice<T> s = work_.slices[node].at(b.row, b.rows);
    const Panels<const T> known = work_.z[node].data ? work_.z[node].from(b.row) : s.y;
    activation_gradient<T>(n.activation, b.rows, columns_of(node, b), known.panels_from(b.panel),
                           s.d.panels_from(b.panel));
  }

  // This member's share of so many rows of a node's output, from `row` on, and of all its columns: whole panels, and
  // rows of those that it shares with another. So the last panel counts for the columns it has, since few are a product
  // of their own (100 columns, batch 200: 2 % of a step).
  template <class F>
  void each(const Team& team, std::size_t node, index_t row, index_t rows, F f) const {
    const index_t width = plan_.width(node + 1);
    const Team::Range part = team.part(width * rows);
    Block whole{row, rows, 0, 0};
    for (index_t p = 0; p < n_panels<T>(width); ++p) {
      const Block of_panel{row, rows, p, 1};
      const index_t before = p * kPanel<T> * rows, n = columns_of(node, of_panel);
      const index_t first = std::clamp<index_t>((part.begin - before) / n, 0, rows);
      const index_t end = std::clamp<index_t>((part.end - before) / n, 0, rows);
      if (end - first == rows) {
        if (whole.panels++ == 0) whole.panel = p;
      } else if (end > first) {
        f(Block{row + first, end - first, p, 1});
      }
    }
    if (whole.panels > 0) f(whole);
  }

 private:
  index_t columns_of(std::size_t node, const Block& b) const {
    return std::min(plan_.width(node + 1) - b.panel * kPanel<T>, b.panels * kPanel<T>);
  }

  const Network<T>& net_;
  const Plan<T>& plan_;
  const Workspace<T>& work_;
};

}  // namespace chainrule
