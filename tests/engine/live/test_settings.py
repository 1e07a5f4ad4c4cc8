"""The keywords of a live stream: what help shows, and what is said of those that cannot be."""

import inspect

import pytest

from dreampedal import Board, LiveStream
from dreampedal.engine.live.settings import LiveSettings
from dreampedal.engine.live.stream import LiveStream as EngineStream


def test_help_shows_every_keyword_with_its_default():
    shown = inspect.signature(EngineStream).parameters
    assert list(shown) == [
        "board", "input", "output", "sample_rate", "channels", "block_size", "buffer_blocks", "latency", "ceiling_db",
        "record", "load", "describe", "presets", "name",
    ]  # fmt: skip
    assert shown["ceiling_db"].default == -1.0 and shown["block_size"].default is None
    assert all(name in EngineStream.__doc__ for name in shown)


def test_a_keyword_that_there_is_not_is_told_by_the_name_that_was_called():
    with pytest.raises(TypeError, match=r"^LiveStream\.__init__\(\) got an unexpected keyword argument 'blocksize'"):
        LiveStream(Board(), blocksize=128)


@pytest.mark.parametrize("settings, said", [
    ({"block_size": 31}, "block_size = 31: expected at least 32 samples"),
    ({"buffer_blocks": 0}, "buffer_blocks = 0: expected at least 1 block"),
])  # fmt: skip
def test_what_cannot_be_is_refused_before_any_device_is_looked_for(settings, said):
    with pytest.raises(ValueError) as caught:
        LiveSettings(**settings)
    assert str(caught.value) == said
