"""A dream on what you play, with the next knob that you turn on its amount.

    python examples/live_with_midi.py                         # the usual devices, until Ctrl-C
    python examples/live_with_midi.py Scarlett nanoKONTROL    # by a part of their names
"""

import sys
import time

from dreampedal import Board, Dream, LiveStream


def main(device=None, controller=None, seconds=None):
    board = Board([Dream(target="class:flute", mode="live")])
    with LiveStream(board, input=device, output=device) as live:
        if controller:
            live.midi.open(controller)
            live.midi.learn(board[0], "amount")
        print(f"playing, {live.latency} samples late; Ctrl-C ends it")
        ends = time.monotonic() + (seconds or float("inf"))
        try:
            while time.monotonic() < ends:
                time.sleep(0.1)
        except KeyboardInterrupt:
            pass
        return live.report()


if __name__ == "__main__":
    main(*sys.argv[1:3])
