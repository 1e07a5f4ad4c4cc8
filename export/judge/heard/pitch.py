"""Whether a sound keeps its pitch: by Praat's autocorrelation, and by the published network of Basic Pitch.

Both are optional: `pip install 'dreampedal[bench]'` brings Praat; the network is read out of the wheel of Basic Pitch,
whose own requirements (TensorFlow before 2.15.1) cannot be met beside NumPy 2.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

from dreampedal.engine.model.format.inputs import resampled

Audio = NDArray[np.float32]

STEP_SECONDS, LOWEST_HZ, HIGHEST_HZ = 0.01, 60.0, 2000.0
CENTS = 20.0

VERSION = "0.4.0"
WHEEL = f"basic_pitch-{VERSION}-py2.py3-none-any.whl"
WHEEL_SHA256 = "738adb503aae7fdfc7d1e1511aa0ce35052315f260a19531ef4c356708425db0"
INSIDE = "basic_pitch/saved_models/icassp_2022/nmp.onnx"
NOTES = "StatefulPartitionedCall:1"
"""The output of what sounds; the others are what begins, and pitch more finely."""
PLACE = "DREAMPEDAL_BASIC_PITCH"
"""A variable of the environment that names the wheel where it lies elsewhere."""
RATE, CLIP, FRAME = 22_050, 43_844, 256
"""Of the network: Hz, samples of a window, samples of a frame."""
MARGIN = 15
"""Frames at either end of a window that another one knows better."""
SOUNDING = 0.3
"""Posterior from which a note sounds in a frame, as Basic Pitch has it."""


def kept(dry: Audio, wet: Audio, sample_rate: float) -> float | None:
    """Share of the voiced frames of `dry` in which `wet` is voiced and within 20 cents; None where nothing is voiced.

    Frames every 10 ms, 60 Hz to 2 kHz, by the autocorrelation of Boersma (1993) as Praat has it.

    Raises:
        ModuleNotFoundError: without praat-parselmouth.
    """
    before, after = (_hz(sound, sample_rate) for sound in (dry, wet))
    voiced = before > 0
    if not voiced.any():
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        cents = np.abs(1200 * np.log2(after[voiced] / before[voiced]))
    return float(np.mean(cents <= CENTS))


def _hz(audio: Audio, sample_rate: float) -> NDArray[np.float64]:
    parselmouth = _parselmouth()
    sound = parselmouth.Sound(audio.mean(0).astype(np.float64), sampling_frequency=float(sample_rate))
    found = sound.to_pitch_ac(time_step=STEP_SECONDS, pitch_floor=LOWEST_HZ, pitch_ceiling=HIGHEST_HZ)
    return np.asarray(found.selected_array["frequency"])


def _parselmouth() -> Any:
    try:
        import parselmouth
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "pitch is measured by Praat, which is not installed: pip install 'dreampedal[bench]'", name="parselmouth"
        ) from error
    return parselmouth


class Notes:
    """The network of Basic Pitch (Bittner et al. 2022), which hears notes of any instrument.

    Args:
        path: of its ONNX file.
    """

    def __init__(self, path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 1, 3
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def sounding(self, audio: Audio, sample_rate: float) -> NDArray[np.bool_]:
        """Which of the 88 keys of a piano sound in each frame of 11.6 ms, (frames, 88)."""
        mono = resampled(audio.mean(0), sample_rate, RATE).astype(np.float32)
        step = (CLIP // FRAME + 1 - 2 * MARGIN) * FRAME
        count = -(-mono.size // FRAME)
        windows = max(1, -(-count * FRAME // step))
        padded = np.pad(mono, (MARGIN * FRAME, windows * step + CLIP - mono.size))
        found = []
        for at in range(windows):
            clip = padded[None, at * step : at * step + CLIP, None]
            [notes] = self._session.run([NOTES], {self._input: clip})
            found.append(notes[0, MARGIN:-MARGIN])
        return np.concatenate(found)[:count] >= SOUNDING

    def kept(self, dry: Audio, wet: Audio, sample_rate: float) -> float | None:
        """Share of what sounds in `dry`, key by key and frame by frame, that sounds in `wet`; None for nothing."""
        before, after = self.sounding(dry, sample_rate), self.sounding(wet, sample_rate)
        return float(after[before].mean()) if before.any() else None


@lru_cache(maxsize=1)
def basic_pitch(download: bool = False) -> Notes | None:
    """The network, from the wheel that the environment names or the user's cache holds; None where there is none.

    Args:
        download: have pip fetch the wheel (nothing of it is installed) where it is not there.

    Raises:
        ValueError: if the wheel is another one.
        FileNotFoundError: if pip could not fetch it.
    """
    named = os.environ.get(PLACE)
    wheel = Path(named) if named else user_cache_path("dreampedal") / WHEEL
    if not wheel.exists() and download and not named:
        wheel.parent.mkdir(parents=True, exist_ok=True)
        package = f"basic-pitch=={VERSION}"
        fetch = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(wheel.parent), package]
        done = subprocess.run(fetch, capture_output=True, text=True, check=False)
        if done.returncode:
            raise FileNotFoundError(f"{WHEEL} could not be fetched: {done.stderr.strip()[-300:]}")
    if not wheel.exists():
        return None
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != WHEEL_SHA256:
        raise ValueError(f"{wheel} has SHA-256 {found}: expected {WHEEL}, {WHEEL_SHA256}")
    path = wheel.with_name(f"basic_pitch-{VERSION}.onnx")
    if not path.exists():
        from dreampedal.engine.runtime.files import written_whole

        with zipfile.ZipFile(wheel) as opened, written_whole(path) as part:
            part.write_bytes(opened.read(INSIDE))
    return Notes(path)
