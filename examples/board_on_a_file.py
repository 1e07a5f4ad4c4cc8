"""A board of plugins of both kinds on a file, a piece at a time, in constant memory.

    python examples/board_on_a_file.py guitar.wav dream.wav
"""

import sys

from pedalboard import Compressor, Reverb
from pedalboard.io import AudioFile

from dreampedal import Board, Dream, Mix


def main(source, target):
    flutes, organ = Dream(target="class:flute", output_db=-3), Dream(target="class:organ", mix=0.5, output_db=-3)
    dreams = Mix([flutes, organ])  # aligned by latency
    board = Board([Compressor(threshold_db=-20), dreams, Reverb(room_size=0.4)])
    with AudioFile(source) as f, AudioFile(target, "w", f.samplerate, f.num_channels) as o:
        while f.tell() < f.frames:
            o.write(board(f.read(65536), f.samplerate, reset=False))
        o.write(board.flush(tail_seconds=1.0))


if __name__ == "__main__":
    main(*sys.argv[1:3])
