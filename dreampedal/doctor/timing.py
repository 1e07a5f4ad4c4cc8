"""How the callbacks of a device really come, and what follows for blocks."""

from __future__ import annotations

from dataclasses import dataclass

from dreampedal.console.console import one_line
from dreampedal.doctor.devices import Listing, audio_line
from dreampedal.doctor.options import Doctor
from dreampedal.engine.live.device.arrivals import Arrivals, arrivals, server_callbacks
from dreampedal.engine.live.device.devices import check, find
from dreampedal.engine.live.exchange.pacing import USUAL_BLOCK, usual_block

LONGEST_SECONDS, SHORTEST_SECONDS = 2.0, 0.5
"""That a device is listened to."""


@dataclass(frozen=True)
class DeviceTiming:
    """A device's callbacks, or why nothing is known of them."""

    arrivals: Arrivals | None = None
    trouble: str = ""
    callbacks: tuple[int, ...] = ()
    """Samples of each callback in the period of a server; empty where there is none."""

    @property
    def least(self) -> int:
        """Samples under which a block is no sooner, since that many come at a time."""
        if self.callbacks:
            return usual_block(self.callbacks)
        return self.arrivals.together if self.arrivals and self.arrivals.is_burst else 1

    @property
    def sizes(self) -> tuple[int, ...]:
        """Blocks that have to be tried because of this device."""
        return (self.least,) if self.least > 1 else ()

    @property
    def jitter(self) -> float:
        """Seconds by which callbacks come too soon, at most, in 19 of 20."""
        return self.arrivals.early_p95 if self.arrivals else 0.0

    @property
    def usual(self) -> str:
        """What the least block is to `live`."""
        return ", which is the server's period and what live takes by itself" if self.callbacks else ""

    @property
    def shorter(self) -> str:
        """What makes the sound sooner, where smaller blocks do not."""
        return f"for less latency, make {'the server' if self.callbacks else 'the device'}'s period shorter"

    @property
    def sentence(self) -> str:
        """How callbacks come.

        >>> DeviceTiming(Arrivals(128, 1024, 8, 93, 1024 / 48_000, 0.0002, 0.0001, 0.0217, 0)).sentence
        'callbacks: 8 of 128 samples at once, every 21.33 ms; 19 of 20 within 0.20 ms, longest wait 21.70 ms, xruns 0'
        """
        found = self.arrivals
        if found is None:
            return f"callbacks: not measured: {self.trouble}; the block is recommended by its times alone"
        several = f"{found.callbacks} of up to" if len(set(self.callbacks)) > 1 else f"{found.callbacks} of"
        at_once = f"{several} {found.samples} samples at once" if found.is_burst else f"{found.samples} samples"
        return (
            f"callbacks: {at_once}, every {1000 * found.period:.2f} ms; 19 of 20 within "
            f"{1000 * found.jitter_p95:.2f} ms, longest wait {1000 * found.longest:.2f} ms, xruns {found.xruns}"
        )


def time_device(devices: Listing, options: Doctor, rate: float) -> DeviceTiming:
    """Listen to a device that `live` would play through. One that was named and is not there is a ValueError."""
    if not devices.audio:
        return DeviceTiming(trouble=audio_line(devices).removeprefix("audio: "))
    try:
        found = find(options.input, "input"), find(options.output, "output")
    except ValueError as error:
        if options.input is not None or options.output is not None:
            raise
        return DeviceTiming(trouble=str(error))
    columns = min(2, found[0].inputs), min(2, found[1].outputs)
    listened = min(max(options.seconds, SHORTEST_SECONDS), LONGEST_SECONDS)
    try:
        check(*found, rate, columns)
        callbacks = server_callbacks(found[1], rate)
        times = arrivals(found, rate, 0 if callbacks else USUAL_BLOCK, listened, columns)
    except Exception as error:  # whatever PortAudio says: the rest can be measured all the same
        return DeviceTiming(trouble=one_line(error))
    return DeviceTiming(times, "" if times else "callbacks came all at once, or none came", callbacks)
