"""What ships: presets, models, references, one demo recording; and their loader."""

from dreampedal.presets.loader import load_preset, preset_names, read_preset, save_preset, shipped_presets
from dreampedal.presets.recording import DEMO_RECORDING, demo_recording

__all__ = [
    "DEMO_RECORDING",
    "demo_recording",
    "load_preset",
    "preset_names",
    "read_preset",
    "save_preset",
    "shipped_presets",
]
