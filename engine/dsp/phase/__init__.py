"""Phase for magnitudes that have none, in real time: SPSI, RTPGHI, RTISI-LA, GSRTISI-LA and their hybrid.

| module | what it is |
| --- | --- |
| streaming | `Estimator`: a magnitude frame in, a complex frame out after the look-ahead |
| peaks | SPSI: every peak turns at its own frequency |
| gradient, integration | RTPGHI without a heap |
| fitted | RTPGHI, each frame re-analysed once against its neighbours |
| refinement | RTISI-LA, GSRTISI-LA and the hybrid: frames made consistent before they are played |
| frame_kernels | taking in, holding, leaning on a known phase, handing out |
| state | what an estimator is set to, and what it remembers |
| arithmetic | logarithm, sine and cosine that become vector code |
| convergence | spectral convergence in dB |
| offline | whole spectrograms |
"""

from dreampedal.engine.dsp.phase.convergence import convergence_db
from dreampedal.engine.dsp.phase.state import PhaseState
from dreampedal.engine.dsp.phase.streaming import METHODS, Estimator

__all__ = ["METHODS", "Estimator", "PhaseState", "convergence_db"]
