"""Streaming analysis and synthesis, a hop at a time, against librosa and pyroomacoustics.

librosa has no streaming transform: a user transforms the newest window of a ring buffer and overlap-adds by hand.
Run with `python bench/stft.py`.
"""

from __future__ import annotations

import librosa
import numpy as np
from pyroomacoustics.transform import STFT
from report import median_seconds, report

from dreampedal.engine.stft import Frames, FrameState
from dreampedal.presets import demo_recording

HOPS = 200


def main() -> None:
    audio, _ = demo_recording()
    rows = []
    for window, hop in [(2048, 512), (2048, 256), (1024, 128)]:
        frames = Frames(window, hop)
        hops = [np.ascontiguousarray(audio[:1, t * hop : (t + 1) * hop]) for t in range(HOPS)]
        outputs = {}

        def ours(frames=frames, hops=hops, outputs=outputs) -> None:
            state = FrameState.silent(frames, 1)
            outputs["ours"] = [frames.synthesise(frames.analyse(x, state), state).copy() for x in hops]

        def with_librosa(window=window, hop=hop, hops=hops, outputs=outputs) -> None:
            line, overlap = np.zeros(window, np.float32), np.zeros(window, np.float32)
            norm = librosa.filters.window_sumsquare(window="hann", n_frames=64, hop_length=hop, n_fft=window)
            norm = norm[norm.size // 2]
            hann = librosa.filters.get_window("hann", window).astype(np.float32) / norm
            outputs["librosa"] = []
            for x in hops:
                line = np.concatenate([line[hop:], x[0]])
                frame = librosa.stft(line, n_fft=window, hop_length=window, center=False)
                overlap += np.fft.irfft(frame[:, 0]).astype(np.float32) * hann
                outputs["librosa"].append(overlap[:hop].copy())
                overlap = np.concatenate([overlap[hop:], np.zeros(hop, np.float32)])

        def with_pyroomacoustics(window=window, hop=hop, hops=hops, outputs=outputs) -> None:
            hann = librosa.filters.get_window("hann", window).astype(np.float32)
            norm = librosa.filters.window_sumsquare(window="hann", n_frames=64, hop_length=hop, n_fft=window)
            stft = STFT(
                window, hop=hop, analysis_window=hann, synthesis_window=hann / norm[norm.size // 2], channels=1,
                precision="single",
            )  # fmt: skip
            outputs["pyroomacoustics"] = []
            for x in hops:
                stft.analysis(x[0])
                outputs["pyroomacoustics"].append(stft.synthesis().copy())

        times = median_seconds(ours, with_librosa, with_pyroomacoustics)
        joined = {name: np.concatenate([part.reshape(-1) for part in parts]) for name, parts in outputs.items()}
        for peer, seconds in zip(("librosa", "pyroomacoustics"), times[1:], strict=True):
            rows.append(
                {
                    "window/hop": f"{window}/{hop}",
                    "peer": peer,
                    "ours µs/hop": times[0] / HOPS * 1e6,
                    "theirs µs/hop": seconds / HOPS * 1e6,
                    "ratio": seconds / times[0],
                    "largest difference": float(np.abs(joined["ours"] - joined[peer]).max()),
                }
            )
    report("stft", rows)


if __name__ == "__main__":
    main()
