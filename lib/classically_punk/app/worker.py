"""A process that answers for files, one after another: the other end of `pool`.

Started as `python -P -m classically_punk.app.worker SOCKET`, an inherited descriptor. Messages are JSON with their
length in front: first the rules (limits, whole_clip_s), then models and lists of files, whose contents follow. Answers
go back in lists, one a file, in order. It ends when the other end closes. Ctrl-C is for the program that asks.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from contextlib import suppress
from multiprocessing.connection import Connection

import numpy as np

from classically_punk.app.answering import Input, answer
from classically_punk.app.answers import Wanted
from classically_punk.audio.decode import SAMPLE_RATE_HZ
from classically_punk.audio.isolation import IsolatedDecoder
from classically_punk.features import describe, warm
from classically_punk.modelling.published import PublishedModel
from classically_punk.settings import Limits

WARM_UP_S = 4.0
HELD_BACK_S = 0.05
"""How long an answer may wait for others to go with it."""


def main() -> None:
    """Serves until the other end of the socket closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel = Connection(int(sys.argv[1]))
    rules = json.loads(channel.recv_bytes())
    model: PublishedModel | None = None
    with IsolatedDecoder(Limits(**rules["limits"]), rules["whole_clip_s"]) as decoder, suppress(EOFError, OSError):
        warm.read_only_cache()
        _warm_up()
        while True:
            request = json.loads(channel.recv_bytes())
            if "model" in request:
                model = PublishedModel.from_json(request["model"])
                continue
            assert model is not None, "the pool sends the model first"
            wanted = Wanted(**request["wanted"])
            files = [
                Input(
                    one["shown"],
                    None if one["path"] is None else bytes.fromhex(one["path"]),
                    channel.recv_bytes() if one["has_content"] else None,
                )
                for one in request["files"]
            ]
            ready, sent = [], time.monotonic()
            for at, file in enumerate(files, start=1):
                ready.append(answer(file, model, decoder, wanted).as_json())
                # one by one where answers are slow; many at a time where messages would cost as much
                if at == len(files) or time.monotonic() - sent > HELD_BACK_S:
                    channel.send_bytes(f"[{','.join(ready)}]".encode())
                    ready, sent = [], time.monotonic()


def _warm_up() -> None:
    """Loads the compiled kernels, so that the first file waits for nothing."""
    noise = 0.1 * np.random.default_rng(0).standard_normal(round(WARM_UP_S * SAMPLE_RATE_HZ))
    describe.describe_segments(noise.astype(np.float32), 3.0)


if __name__ == "__main__":
    main()
    # all is said: what is left of interpreter and libraries needs no tidying up
    os._exit(0)
