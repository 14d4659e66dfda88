"""How a decoder gets to see a file: without what stands in front, with lengths that are true, or with a plain header.

libsndfile trips over much that is legal or harmless: a tag in front of a WAV, a length that says "unknown", a broken
chunk that no sample depends on. The samples themselves are never touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from classically_punk.audio import mpeg
from classically_punk.audio.bytesource import Guarded, read_at
from classically_punk.audio.containers import Promise
from classically_punk.audio.sniff import Container


def views(source: BinaryIO, container: Container, promise: Promise, start: int, size: int) -> Iterator[Guarded]:
    """The same audio in one or two forms, the likelier first: the next is for where the decoder cannot open that.

    `start` is where the container begins in a file of `size` bytes.
    """
    if container is Container.MP3:
        if promise.counts_frames:
            yield Guarded(source, size)  # with its tags, which the decoder reads
            yield Guarded(source, size, start)
        else:
            # libsndfile estimates the count from the first frame otherwise, and stops there: half a clip is lost where
            # that frame is larger than the others. Ours is too high on purpose; the stream ends where its bytes end.
            count = mpeg.xing_frame(read_at(source, start, 4), mpeg.most_frames(size - start))
            yield Guarded(source, mpeg.end_of_frames(source, size), start, before=count)
    elif container is Container.FLAC:
        yield Guarded(source, mpeg.end_of_frames(source, size), start, over=promise.rewritten)
    else:
        yield Guarded(source, size, start, over=promise.rewritten)
    if promise.plain is not None:
        header, audio_start, audio_end = promise.plain
        yield Guarded(source, min(audio_end, size), audio_start, before=header)
