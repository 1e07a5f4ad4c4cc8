"""A file in the folder of effects is a public effect, with nothing to be added anywhere else."""

from pathlib import Path

import dreampedal
from dreampedal import effects
from dreampedal.effects.spectral.modes import MODES
from dreampedal.engine.host.contract.effect import Effect

FILES = [file.stem for file in Path(effects.__file__).parent.glob("[!_]*.py")]


def test_every_file_has_an_effect_that_is_public():
    assert {"amplify", "dream"} <= set(FILES) and len(effects.__all__) == len(FILES)
    for name in effects.__all__:
        assert name in dreampedal.__all__
        assert getattr(dreampedal, name) is getattr(effects, name) is Effect.registry[name]
        assert getattr(effects, name).__module__.rpartition(".")[2] in FILES


def test_every_mode_is_what_it_says():
    assert list(MODES) == ["studio", "live", "instant"]
    for name, mode in MODES.items():
        effect = dreampedal.Amplify(mode=name)
        assert mode.name == name and effect.latency_at(48_000) == mode.usual_latency
        assert effect.latency_parts(44_100) == [(mode.label, mode.usual_latency)]
