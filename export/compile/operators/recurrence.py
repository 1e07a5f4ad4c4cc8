"""What has no adjoint here: a network of it is written as a classifier."""

from __future__ import annotations

from dreampedal.export.compile.graph.operator import Operator


class Recurrence(Operator):
    """LSTM and GRU."""

    kinds = "GRU", "LSTM"


class LogProbability(Operator):
    """Logarithms of shares, and their sum, by which networks that are asked together answer as one."""

    kinds = "LogSoftmax", "ReduceLogSumExp"
