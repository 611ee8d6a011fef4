"""A few whole frames read without a reader: the same as a reader reads, or nothing."""

from hypothesis import given
from hypothesis import strategies as st

from channels.frames import BINARY, SOME_FRAMES, TEXT, Reader, whole_frames
from tests.channels.raw_peer import masked

FIRST = 0x80 | BINARY


def read(data: bytes) -> list[bytes]:
    """All that a reader finds, if they are nothing but messages and the last one is whole."""
    reader, found = Reader(), list[bytes]()
    reader.feed(data)
    while (message := reader.next()) is not None:
        assert message[0] == BINARY
        found.append(message[1])
    return found if reader.idle else []


@given(st.lists(st.binary(max_size=125), min_size=1, max_size=SOME_FRAMES))
def test_short_ones_are_all_found(payloads: list[bytes]) -> None:
    data = b"".join(masked(BINARY, payload) for payload in payloads)
    assert list(whole_frames(data, FIRST)) == payloads == read(data)


@given(st.lists(st.binary(max_size=125), min_size=1, max_size=4), st.data())
def test_what_is_cut_or_goes_on_is_for_a_reader(payloads: list[bytes], data: st.DataObject) -> None:
    wire = b"".join(masked(BINARY, payload) for payload in payloads)
    cut = data.draw(st.integers(0, len(wire) - 1))
    found = list(whole_frames(wire[:cut], FIRST))
    assert found in ([], read(wire[:cut]))
    assert found == payloads[: len(found)]
    assert not whole_frames(wire + b"\x82", FIRST)
    assert not whole_frames(wire + masked(BINARY, b"x")[:-1], FIRST)


def test_what_is_of_another_kind_is_for_a_reader() -> None:
    one = masked(BINARY, b"one")
    assert not whole_frames(one + masked(TEXT, b"two"), FIRST)
    assert not whole_frames(one + masked(BINARY, b"two", final=False), FIRST)
    assert not whole_frames(one + masked(BINARY, b"two", reserved=0x40), FIRST)
    assert not whole_frames(one + masked(BINARY, b"two", unmasked=True) + b"1234", FIRST)
    assert not whole_frames(one + masked(BINARY, b"two", form=16), FIRST)
    assert not whole_frames(one + masked(BINARY, b"x" * 126), FIRST)
    assert not whole_frames(one * (SOME_FRAMES + 1), FIRST)
    assert not whole_frames(b"", FIRST)


@given(st.binary(max_size=40))
def test_no_bytes_are_read_otherwise(junk: bytes) -> None:
    data = masked(BINARY, b"one") + junk
    found = list(whole_frames(data, FIRST))
    if found:
        assert found == read(data)
