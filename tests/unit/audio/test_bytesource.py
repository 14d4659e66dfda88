"""A file seen with bytes of our own in front of it and over it: what is read is what was put together by hand."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from classically_punk.audio.bytesource import Guarded


@given(st.binary(max_size=40), st.data())
def test_any_reading_gives_the_bytes_put_together(content: bytes, data: st.DataObject) -> None:
    size = data.draw(st.integers(0, len(content)))
    start = data.draw(st.integers(0, size))
    before, new = data.draw(st.binary(max_size=5)), data.draw(st.binary(max_size=6))
    place = data.draw(st.integers(0, len(content)))
    over = bytearray(content)
    for offset, byte in enumerate(new):
        if place + offset < len(over):
            over[place + offset] = byte
    whole = before + bytes(over[start:size])
    source = Guarded(io.BytesIO(content), size, start, before, (place, new))
    assert source.size == len(whole)
    for _ in range(3):
        at, count = data.draw(st.integers(0, 60)), data.draw(st.integers(0, 60))
        source.seek(at)
        assert source.read(count) == whole[at : at + count]
        assert source.unread == max(len(whole) - min(at, len(whole)) - count, 0)
