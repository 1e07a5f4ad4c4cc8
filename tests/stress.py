"""How much of a long test runs: a seeded sample in `make test`, all of it in `make stress`."""

import os

STRESSED = bool(os.environ.get("DREAMPEDAL_STRESS"))


def count(whole, sample):
    """`whole` in `make stress`, else `sample`. The first cases are the same in both."""
    return whole if STRESSED else sample
