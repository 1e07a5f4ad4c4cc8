"""Phase for magnitudes that have none, in real time: SPSI, RTPGHI, RTISI-LA, GSRTISI-LA and their hybrid.

| module | what it is |
| --- | --- |
| streaming | `Estimator`: a magnitude frame in, a complex frame out after the look-ahead |
| gradient, integration | RTPGHI without a heap |
| frame_kernels | taking in, holding, leaning on a known phase, handing out |
| shape | the Gaussian that stands for a window |
| convergence | spectral convergence in dB |
| arithmetic | logarithm, sine and cosine that become vector code |
"""

from .convergence import convergence_db
from .streaming import METHODS, Estimator, State

__all__ = ["METHODS", "Estimator", "State", "convergence_db"]
