// Dense layers by columns: what threads do that share the columns of a layer, and not its rows.
#pragma once

#include <algorithm>

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

  index_t columns_of(std::size_t node, const Block& b) const {
    return columns_in<T>(plan_.width(node + 1), b.panel, b.panels);
  }

 private:
  const Network<T>& net_;
  const Plan<T>& plan_;
  const Workspace<T>& work_;
};

}  // namespace chainrule
