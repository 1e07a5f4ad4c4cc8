"""The devices that a stream plays through: found by their names, opened, and found again when they went away."""

from __future__ import annotations

from dreampedal.engine.live.device import devices
from dreampedal.engine.live.device.arrivals import server_callbacks
from dreampedal.engine.live.device.connection import Connection
from dreampedal.engine.live.exchange.exchange import Exchange
from dreampedal.engine.runtime.blocks import MAX_CHANNELS


class DuplexDevice:
    """An input and an output device, and the connection to them while it is open.

    Args:
        input: the device that is heard, by number, name or part of a name; None for the system's own choice.
        output: the device that plays, likewise.
        sample_rate: in Hz; None for what the output device prefers.
        channels: 1 to 8; None for 2, or 1 on a device that has no more.

    Raises:
        ValueError: for devices, a rate or channels that cannot be, in one line that says what can.
    """

    def __init__(
        self, input: int | str | None, output: int | str | None, sample_rate: float | None, channels: int | None
    ) -> None:
        if channels is not None and not 1 <= channels <= MAX_CHANNELS:
            raise ValueError(f"channels = {channels}: expected 1 to {MAX_CHANNELS}")
        self.input = devices.find(input, "input")
        self.output = devices.find(output, "output")
        self._asked_rate = sample_rate
        self.sample_rate = float(sample_rate or self.output.default_rate)
        self.channels = channels or min(2, self.output.outputs)
        self._columns = self._columns_of(self.channels)
        self._fewer: tuple[int, int] | None = None
        devices.check(self.input, self.output, self.sample_rate, self._columns)
        self.connection: Connection | None = None

    def _columns_of(self, channels: int) -> tuple[int, int]:
        """Channels that are asked of each device. One input feeds all; one channel plays on two outputs, if it can."""
        inputs, outputs = self.input.inputs, self.output.outputs
        if 1 < inputs < channels:
            raise ValueError(f"{self.input.name} has {inputs} input channels: {channels} were asked for")
        if outputs < channels:
            raise ValueError(f"{self.output.name} has {outputs} output channels: {channels} were asked for")
        return min(channels, inputs), min(max(channels, 2), outputs)

    @property
    def seconds(self) -> tuple[float, float]:
        """What the devices say of their latency, in and out."""
        return self.connection.seconds if self.connection else (self.input.low_in, self.output.low_out)

    def callbacks(self, rate: float) -> tuple[int, ...]:
        """Samples of each callback in the period of a server; empty where there is none."""
        return server_callbacks(self.output, rate)

    def open(self, exchange: Exchange) -> None:
        """Let the devices' callbacks swap blocks with an exchange, at its rate."""
        self.connection = Connection(exchange, (self.input, self.output), self._columns)
        self.sample_rate = exchange.sample_rate

    def close(self) -> None:
        """Let go of the devices, even if they are gone."""
        if self.connection:
            self.connection.close()
            self.connection = None

    def find_again(self) -> None:
        """Find both by their names, since numbers change; an error if they are not there.

        A program that comes back to a JACK server makes its ports one by one. Whoever connects meanwhile takes a place
        among them, and channels change about. So it is there once it has as many as before, or as few at two looks.
        """
        devices.refresh()
        input = devices.find(self.input.full_name, "input")
        output = devices.find(self.output.full_name, "output")
        before, there = (self.input.inputs, self.output.outputs), (input.inputs, output.outputs)
        if (there[0] < before[0] or there[1] < before[1]) and there != self._fewer:
            self._fewer = there
            raise ValueError(
                f"{output.name} has {there[0]} of {before[0]} inputs and {there[1]} of {before[1]} outputs so far"
            )
        self._fewer = None
        self.input, self.output = input, output

    def rate_there(self) -> float:
        """The rate at which devices that are back play: ours, or their own if none was asked for; else a ValueError."""
        try:
            devices.check(self.input, self.output, self.sample_rate, self._columns)
        except ValueError as error:
            if self._asked_rate is not None:
                raise ValueError(
                    f"{error}; {self.sample_rate:g} Hz were asked for: without that, the device's own rate is taken"
                ) from error
            devices.check(self.input, self.output, self.output.default_rate, self._columns)
            return self.output.default_rate
        return self.sample_rate
