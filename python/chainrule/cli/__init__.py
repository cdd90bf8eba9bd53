"""The command line, `chainrule demo | train | predict | info | export-onnx | export-c`.

Also as `python -m chainrule`.

Exit status: 0, 1 for a bug (with its traceback), 2 for input that cannot be used (with one line on
standard error), 130 for Ctrl-C. Results go to standard output, all else to standard error.
"""

import errno
import os
import sys
from collections.abc import Sequence

# What the extra "cli" installs; imported by the commands, so that `chainrule --help` is fast.
EXTRA = {"typer", "rich", "pandas", "pyarrow", "sklearn", "skops", "matplotlib"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command line, None for that of the process, and returns the exit status."""
    try:
        from chainrule.cli.app import run

        status = run(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
        return status
    except ModuleNotFoundError as error:
        name = (error.name or "").split(".")[0]
        if name not in EXTRA:
            raise
        advice = 'pip install "chainrule[cli]"'
        print(f"chainrule: the command line needs {name}: {advice}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("chainrule: interrupted, nothing written", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of a pipe, such as `head`, has seen enough
        _drop_the_rest()
        return 0
    except OSError as error:  # commands see to those of their files
        if error.errno != errno.ENOSPC:
            raise
        _drop_the_rest()
        print(f"chainrule: standard output: {error.strerror}", file=sys.stderr)
        return 2


def _drop_the_rest() -> None:
    """Of standard output, so that Python does not fail writing it at its end."""
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
