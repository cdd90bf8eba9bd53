"""BLAS on one thread while a fit by L-BFGS runs, of which there may be several at once."""

import threading
from functools import lru_cache
from types import TracebackType
from typing import Any, Self

from threadpoolctl import ThreadpoolController

# Threading layers whose limit is BLAS's alone; that of an OpenBLAS on OpenMP is chainrule's, too.
OWN_THREADS = ["pthreads", "intel", "gnu", "tbb"]

_limit = threading.Lock()  # held by the one fit that limits: it puts back what it found


@lru_cache(maxsize=1)
def _libraries() -> Any:
    """Found in 3 ms, as long as a small fit takes."""
    return ThreadpoolController().select(threading_layer=OWN_THREADS)


class OneThread:
    """`with OneThread() as blas:`, for all that calls BLAS meanwhile.

    Threads of BLAS, which SciPy's sums of products would start, wait at work for 0.1 s and hold the
    cores that the network needs: digits took five times as long on two cores.
    """

    def __init__(self) -> None:
        self._before: Any = None  # knows what to put back

    def __enter__(self) -> Self:
        self.renew()
        return self

    def renew(self) -> None:
        """Limits, if the fit that did so has ended."""
        if self._before is not None or not _limit.acquire(blocking=False):
            return
        try:
            self._before = _libraries().limit(limits=None)
            self._before.__enter__()
            _libraries().limit(limits=1)
        except BaseException:  # Ctrl-C
            self._put_back()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._before is not None:
            self._put_back()

    def _put_back(self) -> None:
        try:
            if self._before is not None:
                self._before.__exit__(None, None, None)
        finally:
            self._before = None
            _limit.release()
