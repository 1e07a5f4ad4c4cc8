"""Every operator that a network may hold, a file an operator or a close family; importing a file registers it."""

from dreampedal.export.compile.graph.activation import Activation, activation_of, activations
from dreampedal.export.compile.graph.operator import REGISTERED, Operator, Values, operator_class
from dreampedal.export.compile.operators import broadcasting as broadcasting
from dreampedal.export.compile.operators import gelu as gelu
from dreampedal.export.compile.operators import linear as linear
from dreampedal.export.compile.operators import patches as patches
from dreampedal.export.compile.operators import positions as positions
from dreampedal.export.compile.operators import recurrence as recurrence
from dreampedal.export.compile.operators import reductions as reductions
from dreampedal.export.compile.operators import saturating as saturating
from dreampedal.export.compile.operators import shapes as shapes
from dreampedal.export.compile.operators import silu as silu

__all__ = ["REGISTERED", "Activation", "Operator", "Values", "activation_of", "activations", "operator_class"]
