"""The queues, proved for every legal program; a planted fault breaks each proof."""

import pytest

from rtl.tile.program import STREAMS, Source
from rtl.tile.queue import Queue
from testbench.claims_sequencer import QueuePlays, SomeoneGoesOn
from testbench.formal import prove
from tests.test_sequencer import CONFIG


def streaming(kind=Queue):
    return kind(CONFIG, sources=STREAMS, advance=CONFIG.drain)


def vectors(kind=Queue):
    return kind(CONFIG, sources=[source for source in Source if source not in STREAMS], stride=CONFIG.drain)


@pytest.mark.parametrize("queue", [streaming, vectors])
def test_a_queue_goes_on_and_stays_in_its_program(queue):
    assert prove(QueuePlays(queue()), depth=2).holds


def test_two_queues_do_not_wait_for_each_other():
    assert prove(SomeoneGoesOn(streaming(), vectors()), depth=2).holds
