"""Phase for magnitudes that have none, in real time: SPSI, RTPGHI, RTISI-LA, GSRTISI-LA and their hybrid.

| module | what it is |
| --- | --- |
| streaming | `Estimator`: a magnitude frame in, a complex frame out after the look-ahead |
| peaks | SPSI: every peak turns at its own frequency |
| gradient, integration | RTPGHI without a heap |
| fitted | RTPGHI, each frame heard once among those around it |
| refinement | RTISI-LA, GSRTISI-LA and the hybrid: frames made consistent before they are played |
| frame_kernels | taking in, holding, leaning on a known phase, handing out |
| arithmetic | logarithm, sine and cosine that become vector code |
| convergence | spectral convergence in dB |
| offline, offline_pghi, offline_stream | whole spectrograms |
"""

from dreampedal.engine.dsp.phase.convergence import convergence_db
from dreampedal.engine.dsp.phase.streaming import METHODS, Estimator, State

__all__ = ["METHODS", "Estimator", "State", "convergence_db"]
