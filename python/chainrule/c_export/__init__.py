"""C99 files of networks and estimators, which predict the same bits without Python or chainrule.

Start at `export_c`. `snippets` has the C, to be read as such: functions, and the frame of a file.
`_library.py` cuts it into blocks and takes those that a file needs, `_layers.py` has the statements
of each layer, `_program.py` the memory they share, `_file.py` puts all of it together.
"""

from chainrule.c_export._export import export_c

__all__ = ["export_c"]
