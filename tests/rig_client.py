"""The other end of the cable: a JACK client that plays signals and MIDI, and records what comes back, sample by sample.

A process of its own: it shares no interpreter with what is tested. `Rig` in rig.py starts it and talks to it, one JSON
object a line; signals travel in files that both map.
"""

import json
import os
import sys
import threading
import time

import jack
import numpy as np


class Instrument:
    """A client with `channels` inputs and outputs and a MIDI output called knobs."""

    def __init__(self, server, name, channels):
        self.client = jack.Client(name, use_exact_name=True, no_start_server=True, servername=server)
        self.inputs = [self.client.inports.register(f"in_{number + 1}") for number in range(channels)]
        self.outputs = [self.client.outports.register(f"out_{number + 1}") for number in range(channels)]
        self.knobs = self.client.midi_outports.register("knobs")
        self.played = None
        self.recorded = None
        self.messages = []
        self.sent = []
        """For each message, when the cycle that sent it began and when it was over, by `time.perf_counter`."""
        self.at = 0
        self.pause_seconds = 0.0
        self.xruns = 0
        self.finished = threading.Event()
        self.client.set_process_callback(self.process)
        self.client.set_xrun_callback(self.xrun)
        self.client.set_shutdown_callback(lambda status, reason: os._exit(0))
        self.client.activate()

    def process(self, frames):
        now = time.perf_counter()
        if self.sent and len(self.sent[-1]) == 1:
            self.sent = [times if len(times) == 2 else [*times, now] for times in self.sent]
        if self.pause_seconds:
            time.sleep(self.pause_seconds)
        for port in self.outputs:
            port.get_array().fill(0)
        self.knobs.clear_buffer()
        if self.played is None:
            return
        begin, end = self.at, min(self.at + frames, self.played.shape[1])
        for port, samples in zip(self.outputs, self.played, strict=False):
            port.get_array()[: end - begin] = samples[begin:end]
        for port, samples in zip(self.inputs, self.recorded, strict=False):
            samples[begin:end] = port.get_array()[: end - begin]
        while self.messages and self.messages[0][0] < end:
            place, message = self.messages.pop(0)
            self.knobs.write_midi_event(place - begin, bytes(message))
            self.sent.append([now])
        self.at = end
        if end == self.played.shape[1]:
            self.played = None
            self.finished.set()

    def xrun(self, delayed_usecs):
        self.xruns += 1

    def play(self, played, recorded, channels, samples, messages, seconds):
        """Play one mapped file from the next cycle on, and record as much of what comes back."""
        shape = (channels, samples)
        self.recorded = np.memmap(recorded, np.float32, "r+", shape=shape)
        self.messages, self.sent, self.at = sorted(messages), [], 0
        self.finished.clear()
        self.played = np.memmap(played, np.float32, "r", shape=shape)
        return {"finished": self.finished.wait(seconds), "sent": self.sent}

    def block_size(self, samples):
        if samples not in (0, self.client.blocksize):
            self.client.blocksize = samples
        return {"block_size": self.client.blocksize}

    def pause(self, seconds):
        self.pause_seconds = seconds
        return {}

    def connections(self):
        """What each port of any client is connected to, by name."""
        ports = self.client.get_ports()
        return {port.name: [other.name for other in self.client.get_all_connections(port)] for port in ports}


def main(server, name, channels):
    instrument = Instrument(server, name, int(channels))
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        answer = getattr(instrument, request.pop("do"))(**request)
        print(json.dumps(answer | {"xruns": instrument.xruns}), flush=True)
    instrument.client.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
