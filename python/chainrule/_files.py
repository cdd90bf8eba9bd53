"""Files that are written whole or not at all."""

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from chainrule._errors import FileFormatError, message

if TYPE_CHECKING:
    from io import FileIO
    from pathlib import Path

AT_ONCE = 2**23  # bytes that the disk is given to write
PathLike = str | os.PathLike[str]


def check_path(where: str, path: object) -> str:
    """The path as text. Raises TypeError, or ValueError for one that no file can have."""
    name = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(name, str):
        raise TypeError(message(where, "path", "a str or a pathlib.Path", path))
    if "\0" in name:
        raise ValueError(message(where, "path", "a name without NUL characters", path))
    return name


def write_atomically(path: PathLike, pieces: Iterable[tuple[int, Any]]) -> None:
    """Writes buffers of bytes, each to its place in a temporary, which then takes the file's name.

    Whatever happens, power failure included, the file is the old one or the new one, whole. A link
    stays, and the file that it leads to is written. A file that is replaced passes on its
    permissions; a new one has those of any new file. Raises OSError that names the file, also for a
    folder, a device or a pipe; the temporary is then gone, and the old file there unless only the
    last step failed, the flush of the folder.
    """
    with _errors_that_name(path):
        target = _followed(path)
        _write(target, _permissions(target), pieces)


def check_place(path: PathLike) -> None:
    """Raises the OSError of a folder that is not there, or where something is that is no file."""
    with _errors_that_name(path):
        target = _followed(path)
        target.parent.stat()
        _permissions(target)


@contextlib.contextmanager
def _errors_that_name(path: PathLike) -> Iterator[None]:
    """The user's file, not a folder or a temporary."""
    try:
        yield
    except OSError as error:
        error.filename = os.fspath(path)
        if error.filename2 is not None:
            del error.filename2
        raise


def _followed(path: PathLike) -> "Path":
    """What a link leads to, be it there or not; else the path itself."""
    from pathlib import Path  # 4 ms of the time that `import chainrule` takes

    return Path(os.path.realpath(path) if os.path.islink(path) else path)


def _permissions(target: "Path") -> int | None:
    """Those of the file, None if there is none. Raises OSError for what is no regular file."""
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "expected the name of a file, got a folder")
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "expected a regular file, got a device or a pipe")
    return mode & 0o777


def _write(target: "Path", permissions: int | None, pieces: Iterable[tuple[int, Any]]) -> None:
    temporary = _temporary(target)  # known before it is there, so that no Ctrl-C leaves it
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            # A new file gets its permissions from the system, which takes the umask off.
            with _create(temporary, 0o666 if permissions is None else 0o600) as file:
                _write_pieces(file.fileno(), pieces)
                if permissions is not None:
                    os.fchmod(file.fileno(), permissions)
                os.fsync(file.fileno())
                os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        _flush_folder(folder)
    finally:
        os.close(folder)


def _write_pieces(handle: int, pieces: Iterable[tuple[int, Any]]) -> None:
    started = 0
    for at, piece in pieces:
        end = _write_all(handle, piece, at)
        if end - started >= AT_ONCE:
            # The disk sets to work now, not at the flush; no page is dropped that it has not
            # written. 100 MB: 1.2 times a plain write instead of 1.8.
            os.posix_fadvise(handle, started, end - started, os.POSIX_FADV_DONTNEED)
            started = end


def read_whole(path: PathLike) -> bytes:
    """The bytes of a regular file. Raises OSError, FileFormatError for a device or a pipe."""
    name = os.fspath(path)
    mode = os.stat(name).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "expected a file, got a directory", name)
    if not stat.S_ISREG(mode):
        raise FileFormatError("it is a device or a pipe")
    with open(name, "rb") as file:
        return file.read()


def remove_leftovers(path: PathLike) -> None:
    """Removes temporaries of this file whose writers were killed; a living one holds a lock."""
    target = _followed(path)
    for temporary in target.parent.iterdir():
        if not temporary.name.startswith(_prefix(target)):
            continue
        with contextlib.suppress(OSError), temporary.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            temporary.unlink()


def _prefix(target: "Path") -> str:
    """Of the names of its temporaries, which take at most 255 bytes, 4 for a character."""
    return f".{target.name[:58]}.part-"


def _temporary(target: "Path") -> str:
    """A name that no other file has."""
    return os.fspath(target.with_name(_prefix(target) + os.urandom(8).hex()))


def _create(temporary: str, mode: int) -> "FileIO":
    """A new file with a lock on it, so that `remove_leftovers` elsewhere lets it be."""
    while True:
        file = open(temporary, "xb", buffering=0, opener=partial(os.open, mode=mode))  # noqa: SIM115
        try:
            with contextlib.suppress(OSError):  # file systems without locks
                fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file.fileno()).st_nlink:  # else it was removed before the lock
                return file
        except BaseException:
            file.close()
            raise
        file.close()


def _write_all(handle: int, piece: Any, at: int) -> int:
    """Returns where it ends."""
    rest = memoryview(piece)
    while len(rest):
        written = os.pwrite(handle, rest, at)
        rest, at = rest[written:], at + written
    return at


def _flush_folder(handle: int) -> None:
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # folders that cannot be flushed
            raise
