"""Files that are no models, though most say so, with the right checksum.

`python -m tests.attacks FOLDER` writes all those of `networks.py`, `trainers.py`, `estimators.py`
and `tables.py`; `tests/test_attacks.py` and `tests/test_attacks_tables.py` load them all.
"""
