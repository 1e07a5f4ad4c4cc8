"""A model of your own from a folder with a folder of sounds for each class, and a dream with it.

    python examples/own_model.py sounds guitar.wav dream.wav

Needs the extra `train`. What takes long is kept in `sounds.run` and goes on there when it was stopped.
"""

import subprocess
import sys
from pathlib import Path

from pedalboard.io import AudioFile

from dreampedal import Board, Dream
from dreampedal.engine.classifier import Classifier


def dreampedal(*arguments):
    subprocess.run([sys.executable, "-m", "dreampedal", *map(str, arguments)], check=True)


def main(sounds, source, target, *options):
    checkpoint, model = Path(target).with_suffix(".safetensors"), Path(target).with_suffix(".onnx")
    dreampedal("train", "folder", sounds, "--network", "columns", "--out", checkpoint, *options)
    dreampedal("export", checkpoint, "--out", model)
    classes = Classifier.load(model).classes
    board = Board([Dream(model=str(model), target=f"class:{classes[0]}")])
    with AudioFile(source) as f, AudioFile(target, "w", f.samplerate, f.num_channels) as o:
        o.write(board(f.read(f.frames), f.samplerate))


if __name__ == "__main__":
    main(*sys.argv[1:])
