"""All that plays through one exchange: from when a device is opened until it comes back with other blocks."""

from __future__ import annotations

import threading
from pathlib import Path

from dreampedal.engine.live.exchange.exchange import Exchange
from dreampedal.engine.live.exchange.pacing import Pacing
from dreampedal.engine.live.interpreter import ask_for_real_time
from dreampedal.engine.live.journal import Journal
from dreampedal.engine.live.midi.control import Midi
from dreampedal.engine.live.player.builder import Builder
from dreampedal.engine.live.player.changes import Bypass
from dreampedal.engine.live.player.player import BoardPlayer, PreparedBoard
from dreampedal.engine.live.report import Report
from dreampedal.engine.live.settings import LiveSettings
from dreampedal.engine.live.take.recorder import Recorder
from dreampedal.engine.live.take.take import Header, models_of
from dreampedal.engine.live.worker import Ask, Worker


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
        board = self.player.current
        header = Header(
            sample_rate=round(self.player.sample_rate),
            channels=self.player.channels,
            block_size=self.pacing.block_size,
            buffer_blocks=self.pacing.buffer_blocks,
            latency=self.player.latency,
            ceiling_db=self.settings.ceiling_db,
            board=board.text,
            preset=board.name,
            models=models_of(board.mirror.board),
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

    def stop(self) -> None:
        """End; nothing comes into the exchange any more."""
        self.worker.stopping = True
        if self._thread.ident is not None:
            self._thread.join()
            self.builder.stop()
        if self.recorder:
            self.recorder.stop()

    @property
    def newest(self) -> PreparedBoard:
        """The newest board that is ready, whether or not it plays yet."""
        waiting = [request for request in self.worker.wanted() if isinstance(request, PreparedBoard)]
        return waiting[-1] if waiting else self.player.newest

    @property
    def bypass(self) -> bool:
        """Whether the dry sound plays, or is about to."""
        waiting = [request.on for request in self.worker.wanted() if isinstance(request, Bypass)]
        return waiting[-1] if waiting else self.player.bypass

    def go_on(self, before: Playback) -> None:
        """Want what was wanted of another playback, which has ended."""
        if before.bypass:
            self.worker.requests.append(Bypass(True))
        self.exchange.panic[0] = before.exchange.panic[0]
        if before.builder.wanted:
            self.builder.want(before.builder.wanted)

    def _work(self) -> None:
        ask_for_real_time()
        self.worker.run()
