"""The same sparse matrix in every form that scipy has, and in some that it only admits; and what
comes of it."""

import numpy as np
from scipy import sparse

import chainrule as cr

from .helpers import targets


def with_gaps(rows, columns, stored):
    """A share of it is stored; three rows and columns, the outer ones among them, are empty."""
    rng = np.random.default_rng(3)
    X = np.where(rng.random((rows, columns)) < stored, rng.normal(size=(rows, columns)), 0.0)
    X[[0, 100, rows - 1]] = 0
    X[:, [0, 40, columns - 1]] = 0
    return X


def csr(X, dtype=np.float64):
    """CSR with int32 indices."""
    matrix = sparse.csr_array(X.astype(dtype))
    assert (matrix.dtype, matrix.indices.dtype, matrix.indptr.dtype) == (dtype, "int32", "int32")
    return matrix


def wide(matrix):
    """With int64 indices, which scipy narrows where it can."""
    matrix.indices, matrix.indptr = matrix.indices.astype("int64"), matrix.indptr.astype("int64")
    return matrix


def slices(matrix):
    return zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True)


def unsorted(matrix):
    """Every row from right to left."""
    matrix = matrix.copy()
    for begin, end in slices(matrix):
        matrix.indices[begin:end] = matrix.indices[begin:end][::-1].copy()
        matrix.data[begin:end] = matrix.data[begin:end][::-1].copy()
    matrix.has_sorted_indices = False
    return matrix


def doubled(matrix):
    """Every element stands twice in its row, as 3/4 and as 1/4 of its value."""
    parts = [sparse.csr_array(matrix * share) for share in (0.75, 0.25)]
    rows = [np.r_[tuple(p.data[i:j] for p in parts)] for i, j in slices(matrix)]
    columns = [np.r_[tuple(p.indices[i:j] for p in parts)] for i, j in slices(matrix)]
    twice = sparse.csr_array(
        (np.concatenate(rows), np.concatenate(columns), 2 * matrix.indptr), matrix.shape
    )
    assert twice.nnz == 2 * matrix.nnz
    return twice


def with_zeros(matrix):
    """A third of the stored elements are zeros, some of them negative."""
    matrix = matrix.copy()
    matrix.data[::6], matrix.data[3::6] = 0.0, -0.0
    return matrix


def with_room(matrix):
    """More memory than elements, and NaN in what is not used."""
    matrix = matrix.copy()
    matrix.data = np.append(matrix.data, np.full(9, np.nan, matrix.dtype))
    matrix.indices = np.append(matrix.indices, np.full(9, 10**6, matrix.indices.dtype))
    return matrix


def in_gaps(matrix):
    """Read-only arrays with other elements between."""
    matrix = matrix.copy()
    for name in ("data", "indices", "indptr"):
        array = np.repeat(getattr(matrix, name), 2)
        array[1::2] = -1
        array.flags.writeable = False
        setattr(matrix, name, array[::2])
    return matrix


def blocks(X):
    return sparse.bsr_array(np.pad(X, ((0, 0), (0, 1))), blocksize=(7, 4))


def swapped(matrix):
    matrix = matrix.copy()
    for name in ("data", "indices", "indptr"):
        array = getattr(matrix, name)
        setattr(matrix, name, array.astype(array.dtype.newbyteorder()))
    return matrix


def thought_canonical(matrix):
    matrix.has_canonical_format = True
    return matrix


FORMS = {
    "float32": lambda X: csr(X, np.float32),
    "float64": csr,
    "float32, wide": lambda X: wide(csr(X, np.float32)),
    "float64, wide": lambda X: wide(csr(X)),
    "matrix": sparse.csr_matrix,
    "csc": sparse.csc_array,
    "csc matrix": sparse.csc_matrix,
    "coo": sparse.coo_array,
    "coo matrix": sparse.coo_matrix,
    "lil": sparse.lil_array,
    "dok": sparse.dok_array,
    "dia": lambda X: sparse.dia_array((X[1:6], [0, 1, -3, -100, -600]), X.shape),
    "unsorted": lambda X: unsorted(csr(X)),
    "unsorted, wide": lambda X: wide(unsorted(csr(X, np.float32))),
    "twice": lambda X: doubled(csr(X)),
    "twice, wide": lambda X: wide(doubled(csr(X, np.float32))),
    "twice in csc": lambda X: doubled(csr(X.T)).T,
    "twice in coo": lambda X: doubled(csr(X)).tocoo(),
    "twice, unknown to scipy": lambda X: thought_canonical(doubled(csr(X))),
    "explicit zeros": lambda X: with_zeros(csr(X)),
    "room at the end": lambda X: with_room(csr(X)),
    "in gaps": lambda X: in_gaps(csr(X)),
    "other byte order": lambda X: swapped(csr(X)),
    "nothing stored": lambda X: sparse.csr_array(X.shape),
    "small integers": lambda X: csr(20 * X, np.int8),
    "large integers": lambda X: csr(1e18 * X, np.int64),
    "booleans": lambda X: csr(X, bool),
    "long double": lambda X: csr(X, np.longdouble),
}


def results(net, X, loss="cross_entropy"):
    """All that comes out of a network and its training, as bytes."""
    rng = np.random.default_rng(5)
    Y, weights = targets(rng, loss, X.shape[0], net.n_outputs, "classes"), rng.random(X.shape[0])
    out = [net.predict(X).tobytes(), net.cost(X, Y, loss, weights, l2=0.1)]
    out.append(net.backward(X, Y, loss, weights))
    out += [g.tobytes() for g in net.gradients.values()]
    trace = net.trace(X, Y, loss)
    shown = trace.A[0], trace.Z[1], trace.dW[1]  # of a residual block there is no Z
    out += [a.tobytes() for a in shown if a is not None]
    trainer = cr.Trainer(net, loss, cr.Adam(0.01), metrics=["accuracy"])
    history = trainer.fit(X, Y, 2, 64, validation_data=(X, Y), sample_weight=weights)
    trainer.fit(X, Y, 1, None, shuffle=False)
    out += [trainer.step(X, Y, weights), sorted(trainer.evaluate(X, Y).items())]
    out += [history[key] for key in ("loss", "accuracy", "val_loss", "val_accuracy")]
    return out + [p.tobytes() for p in net.parameters.values()]
