"""What is remembered of what happened."""

import numpy as np

from dreampedal.engine.live.exchange.exchange import INPUT_LOST, Exchange
from dreampedal.engine.live.journal import MOST_EVENTS, Journal
from dreampedal.engine.live.take.take import Held, Restarted


def test_no_flood_pushes_out_what_is_rare_nor_another_flood():
    exchange = Exchange(48_000, 1, 32, 0)
    journal = Journal(exchange)
    silence, out = np.zeros((32, 1), np.float32), np.empty((32, 1), np.float32)
    journal.tell(0, Restarted(0))
    for block in range(1_000):
        exchange.panic[0] = block == 500
        exchange.swap(silence, out)  # nobody works: every block but the first is late
        journal.tell(32 * block, Held(0, 0, block))
        if block % 100 == 0:
            journal.collect()
    for _ in range(1_000):
        exchange.xrun(INPUT_LOST)
    events = journal.events()
    kinds = [event.kind for event in events]
    assert min(kinds.count(flood) for flood in ("late", "held", "input_xrun")) > 50
    assert [event.sample for event in events if event.kind == "late"][-1] == 32 * 999
    assert len(events) == MOST_EVENTS
    assert [kind for kind in kinds if kind not in ("late", "held", "input_xrun")] == ["restart", "panic", "resume"]


def test_of_what_is_rare_the_oldest_goes():
    journal = Journal(Exchange(48_000, 1, 32, 0))
    for number in range(MOST_EVENTS + 3):
        journal.tell(number, Restarted(number))
    assert [event.sample for event in journal.events()] == list(range(3, MOST_EVENTS + 3))
