// A network as Python holds it. The GIL is released while the core works; a lock per network lets any number of threads
// predict, or one train.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bindings/arrays.h"
#include "bindings/custom.h"
#include "network/pass.h"

namespace chainrule {

using Lock = std::unique_lock<std::shared_mutex>;
using SharedLock = std::shared_lock<std::shared_mutex>;

template <class T>
struct BoundNetwork {
  const NetworkSpec spec;
  Network<T> net;
  mutable std::shared_mutex mutex;
  mutable std::atomic<int> waiting{0};  // in wait_and_lock
  // The thread whose trainer works on it, and how many calls of that one are under way. The GIL guards both.
  std::thread::id trains;
  int holds = 0;

  explicit BoundNetwork(const NetworkSpec& described) : spec(described), net(spec) {}

  // Taken without waiting: who comes while the network is trained, or while somebody waits to train it, is told, never
  // made to wait or to race.
  template <class AnyLock>
  AnyLock lock(const std::string& where) const {
    AnyLock l(mutex, std::defer_lock);
    if (waiting.load() > 0 || !l.try_lock()) throw at_work(where);
    return l;
  }

  // Training waits for predictions that are under way, but not for later ones, which might never end. Call it without
  // the GIL, which they may need.
  Lock wait_and_lock() const {
    // A function of the user's would wait for what waits for it.
    if (in_a_function()) return lock<Lock>("Trainer");
    ++waiting;
    Lock l(mutex);
    --waiting;
    return l;
  }

  static std::runtime_error at_work(const std::string& where) {
    const std::string also = in_a_function() ? ", or calls the function that uses it here" : "";
    return std::runtime_error("[" + where + "] the network is at work in another thread" + also);
  }
};

// Keeps the trainers of other threads away, during a whole fit. A context manager in C++, for Ctrl-C comes between any
// two functions of Python: a lock that is taken and given back there may stay taken.
template <class T>
class Hold {
 public:
  Hold(BoundNetwork<T>& network, const std::string& where) : network_(&network) {
    if (network.holds > 0 && network.trains != std::this_thread::get_id()) throw BoundNetwork<T>::at_work(where);
    network.trains = std::this_thread::get_id();
    ++network.holds;
  }
  ~Hold() { release(); }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

  void release() {
    if (network_) --network_->holds;
    network_ = nullptr;
  }

 private:
  BoundNetwork<T>* network_;  // null after the release
};

// Lets a file be written while no one trains: training waits for it, as for a prediction, and any number may read.
template <class T>
struct Reading {
  const BoundNetwork<T>& network;
  SharedLock lock;
};

template <class T>
py::array_t<T> public_array(const Parameter& p, const Buffer<T>& flat) {
  const ParameterShape& s = p.shape;
  py::array_t<T> out(s.is_vector ? std::vector<py::ssize_t>{s.columns} : std::vector<py::ssize_t>{s.rows, s.columns});
  s.read(flat.data() + p.offset, out.mutable_data());
  return out;
}

// So many rows of it, the first a multiple of 16; a vector is one row.
template <class T>
py::array_t<T> public_rows(const Parameter& p, const Buffer<T>& flat, index_t first, index_t rows) {
  const ParameterShape& s = p.shape;
  if (first < 0 || first % 16 != 0 || rows < 0 || rows > s.rows - first) throw std::out_of_range("rows");
  py::array_t<T> out({rows, s.columns});
  s.read_rows(flat.data() + p.offset, first, rows, out.mutable_data());
  return out;
}

// A value in the shape of a parameter. Runs the user's code if `value` is an object that converts itself to an array.
template <class T>
py::array_t<T> parameter_arg(const Parameter& p, const py::object& value, const std::string& where,
                             bool finite = true) {
  return p.shape.is_vector ? contiguous_arg<T>(where, p.name, value, p.shape.columns, 0, finite)
                           : contiguous_arg<T>(where, p.name, value, p.shape.rows, p.shape.columns, finite);
}

template <class T>
const Parameter& parameter(const Network<T>& net, std::size_t index) {
  return net.plan().parameters.at(index);
}

// Defined in bind_training.cpp: the optimizer's class, that of a hold, and the network's methods that train.
template <class T>
void bind_training(py::class_<BoundNetwork<T>>& type, py::module_& m, const char* optimizer_name,
                   const char* hold_name);

// Defined in bind_predictor.cpp: the predictor's class, and the network's method that makes one.
template <class T>
void bind_predictor(py::class_<BoundNetwork<T>>& type, py::module_& m, const char* predictor_name);

}  // namespace chainrule
