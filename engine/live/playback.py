"""All that plays through one exchange: from when a device is opened until it comes back with other blocks."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from dreampedal.engine.live.exchange.exchange import Exchange
from dreampedal.engine.live.exchange.pacing import Pacing
from dreampedal.engine.live.interpreter import ask_for_real_time
from dreampedal.engine.live.journal import Journal
from dreampedal.engine.live.midi.control import Midi
from dreampedal.engine.live.player.builder import Builder, Wish
from dreampedal.engine.live.player.changes import Bypass
from dreampedal.engine.live.player.player import BoardPlayer, PreparedBoard
from dreampedal.engine.live.report import Report
from dreampedal.engine.live.settings import LiveSettings
from dreampedal.engine.live.take.recorder import Recorder
from dreampedal.engine.live.take.take import Header, models_of
from dreampedal.engine.live.worker import Ask, Worker


@dataclass(frozen=True)
class Rest:
    """What was wanted of a playback that ended, and is wanted of the next."""

    program: PreparedBoard
    """The newest board that was ready."""
    bypass: bool
    panicked: bool
    pending: Wish | None
    """A board that was being made ready."""


class Playback:
    """An exchange with its worker, its builder, its journal and, perhaps, a take.

    `ask` is the worker's. `earlier` is the last report of the playbacks before it, whose account goes on here.
    """

    def __init__(
        self,
        player: BoardPlayer,
        pacing: Pacing,
        settings: LiveSettings,
        midi: Midi,
        ask: Ask,
        earlier: Report | None = None,
    ) -> None:
        self.player, self.pacing, self.settings, self.earlier = player, pacing, settings, earlier
        self.exchange = Exchange(
            player.sample_rate, player.channels, pacing.block_size, player.latency, pacing.buffer_blocks,
            settings.ceiling_db, pacing.callbacks,
        )  # fmt: skip
        self.journal = Journal(self.exchange, *((earlier.events, earlier.seconds) if earlier else ()))
        self.worker = Worker(player, self.exchange, midi, self.journal, ask)
        self.builder = Builder(player, self.worker.requests.append, settings.load)
        self.recorder: Recorder | None = None
        self._thread = threading.Thread(target=self._work, name="worker", daemon=True)

    def record(self, folder: Path) -> None:
        """Keep a take, in a new folder inside of this one."""
        program = self.player.current
        header = Header(
            sample_rate=round(self.player.sample_rate),
            channels=self.player.channels,
            block_size=self.pacing.block_size,
            buffer_blocks=self.pacing.buffer_blocks,
            latency=self.player.latency,
            ceiling_db=self.settings.ceiling_db,
            board=program.text,
            preset=program.name,
            models=models_of(program.mirror.board),
        )
        self.recorder = Recorder(folder, header)
        self.journal.keeps_entries = True

    @property
    def is_changing(self) -> bool:
        """Whether a board is on its way: asked in the order in which it goes from one to the next."""
        return bool(self.builder.loading or self.worker.wanted() or self.player.coming)

    def start(self) -> None:
        """Play what comes into the exchange."""
        self._thread.start()
        self.builder.start()
        if self.recorder:
            self.recorder.start(self.journal.captured)

    def stop(self) -> Rest:
        """End; nothing comes into the exchange any more."""
        self.worker.stopping = True
        if self._thread.ident is not None:
            self._thread.join()
        pending = self.builder.stop() if self._thread.ident is not None else None
        if self.recorder:
            self.recorder.stop()
        wanted = self.worker.wanted()
        boards = [request for request in wanted if isinstance(request, PreparedBoard)]
        switches = [request.on for request in wanted if isinstance(request, Bypass)]
        return Rest(
            program=boards[-1] if boards else self.player.newest,
            bypass=switches[-1] if switches else self.player.bypass,
            panicked=bool(self.exchange.panic[0]),
            pending=pending,
        )

    def go_on(self, rest: Rest) -> None:
        """Want what was wanted of the playback before."""
        if rest.bypass:
            self.worker.requests.append(Bypass(True))
        self.exchange.panic[0] = rest.panicked
        if rest.pending:
            self.builder.want(rest.pending)

    def _work(self) -> None:
        ask_for_real_time()
        self.worker.run()
