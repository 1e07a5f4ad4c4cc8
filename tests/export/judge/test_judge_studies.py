"""Networks trained with all but one thing equal."""

import json

import numpy as np
import pytest

from dreampedal.engine.model.format.inputs import Envelope, LogBands, Waveform
from dreampedal.engine.model.format.manifest import Bands
from dreampedal.export.data.recordings import open_set
from dreampedal.export.data.splits import split
from dreampedal.export.judge.studies import INPUTS, against_inputs, against_kernels, against_seconds
from dreampedal.export.nets.table import NETWORKS
from dreampedal.export.train.fit.plan import Plan
from tests.export.judge.recording_parts import parts, sounds, write_folder

PLAN = Plan(epochs=4, batch=24, learning_rate=0.01)


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory):
    place = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dreampedal.export.data.store.user_cache_path", lambda _: place)
        yield


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    labelled = open_set(write_folder(tmp_path_factory.mktemp("set")))
    return split(labelled, seed=0, shares=(0.5, 0.25, 0.25))


def test_more_kernels_hear_better_and_cost_more(tmp_path):
    settings = {"filters": (16, 12, 12), "context_frames": 8}
    study = against_kernels("columns", parts(sounds()), (0.01, 1.0), settings=settings, plan=PLAN, seeds=(0, 1))
    few, many = study.points
    assert (few.value, few.kernels, many.kernels) == (3, 3, 40)
    assert few.multiply_adds < many.multiply_adds and few.parameters < many.parameters
    assert few.accuracy() < many.accuracy()
    assert len(many.scores) == 2 and many.accuracy() == np.mean([s.by_clip.accuracy for s in many.scores])
    low, high = many.interval("by_recording")
    assert low <= many.accuracy("by_recording") <= high
    json.dumps(study.to_json(), allow_nan=False)
    study.draw(tmp_path / "kernels.png", "kernels")
    assert (tmp_path / "kernels.png").read_bytes().startswith(b"\x89PNG")


def test_clips_of_every_length_are_cut_from_the_same_recordings(sets):
    input = LogBands(bands=Bands(count=16))
    settings = {"filters": (6, 6), "dilations": (1, 2), "context_frames": 4}
    study = against_seconds("columns", sets, (0.25, 0.5), input=input, settings=settings, plan=PLAN)
    short, long = (point.scores[0] for point in study.points)
    assert short.by_clip.count == 2 * long.by_clip.count
    assert short.by_recording.count == long.by_recording.count == len(sets[2])
    assert [point.value for point in study.points] == [0.25, 0.5]


def test_the_level_alone_tells_less_than_the_bands(sets, tmp_path):
    heard = {
        "envelope": ("vgg", Envelope(), {"kernel": "full_height", "filters": (6,), "dense": 8}),
        "bands": ("vgg", LogBands(bands=Bands(count=16)), {"kernel": "full_height", "filters": (6,), "dense": 8}),
        "samples": ("raw", Waveform(sample_rate=8000), {"dense": 8}),
    }
    study = against_inputs(sets, heard, seconds=0.5, plan=PLAN)
    by_name = {point.value: point for point in study.points}
    assert by_name["bands"].accuracy() > by_name["envelope"].accuracy()
    assert all(point.scores[0].by_clip.count == study.points[0].scores[0].by_clip.count for point in study.points)
    study.draw(tmp_path / "inputs.png")
    assert (tmp_path / "inputs.png").stat().st_size > 5000


def test_what_is_heard_by_default_can_be_built():
    for name, input, settings in INPUTS.values():
        assert input.kind in NETWORKS[name].hears
        NETWORKS[name].settings.model_validate(settings)


def test_a_network_with_no_kernels_is_refused():
    with pytest.raises(ValueError, match="lstm has no setting 'filters'"):
        against_kernels("lstm", parts(sounds()))
