"""A process that answers for files, one after another: the other end of `pool`.

Started as `python -P -m classically_punk.app.worker SOCKET`, an inherited descriptor. Messages are JSON with their
length in front: first the rules (limits, whole_clip_s), then models and files; a file's bytes follow its message. One
answer a file. It ends when the other end closes. Ctrl-C is for the program that asks.
"""

from __future__ import annotations

import json
import os
import signal
import sys
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
            content = channel.recv_bytes() if request["has_content"] else None
            path = None if request["path"] is None else bytes.fromhex(request["path"])
            file = Input(request["shown"], path, content)
            channel.send_bytes(answer(file, model, decoder, Wanted(**request["wanted"])).as_json())


def _warm_up() -> None:
    """Loads the compiled kernels, so that the first file waits for nothing."""
    noise = 0.1 * np.random.default_rng(0).standard_normal(round(WARM_UP_S * SAMPLE_RATE_HZ))
    describe.describe_segments(noise.astype(np.float32), 3.0)


if __name__ == "__main__":
    main()
    # all is said: what is left of interpreter and libraries needs no tidying up
    os._exit(0)
