"""Answers are unpacked piece by piece, and no more than the limit of them."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.providers.openai.unpack import ACCEPTED, Unpacker, UnreadableAnswer


def raw_deflate(content: bytes) -> bytes:
    """Pack as some servers do: deflate without zlib's header."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()


def plain(content: bytes) -> bytes:
    return content


PACKERS = {
    "": plain,
    "identity": plain,
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    " GZIP ": gzip.compress,
    "deflate": zlib.compress,
}


def unpacked(packing: str, *pieces: bytes, most: int = 10_000) -> bytes:
    unpacker = Unpacker(packing, most)
    for piece in pieces:
        unpacker.feed(piece)
    return unpacker.content()


@given(
    content=st.binary(max_size=300),
    packing=st.sampled_from(sorted(PACKERS)),
    size=st.integers(1, 40),
)
def test_content_comes_back_however_it_was_cut_into_pieces(
    content: bytes, packing: str, size: int
) -> None:
    packed = PACKERS[packing](content)
    pieces = [packed[start : start + size] for start in range(0, len(packed), size)]
    assert unpacked(packing, *pieces) == content


def test_deflate_without_its_header_is_read() -> None:
    content = b"content " * 50
    packed = raw_deflate(content)
    assert unpacked("deflate", packed) == content
    assert unpacked("deflate", packed[:9], packed[9:]) == content


@pytest.mark.parametrize("packing", sorted(PACKERS))
def test_an_answer_of_exactly_the_limit_is_read_and_a_byte_more_is_not(
    packing: str,
) -> None:
    pack = PACKERS[packing]
    assert unpacked(packing, pack(b"x" * 10_000)) == b"x" * 10_000
    with pytest.raises(UnreadableAnswer, match="larger than"):
        unpacked(packing, pack(b"x" * 10_001))


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, raw_deflate])
def test_a_bomb_is_given_up_without_unpacking_it(pack: object) -> None:
    assert callable(pack)
    bomb = pack(bytes(50_000_000))
    packing = "gzip" if pack is gzip.compress else "deflate"
    tracemalloc.start()
    with pytest.raises(UnreadableAnswer, match="larger than"):
        unpacked(packing, bomb, most=100_000)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2_000_000


def test_packed_bytes_that_unpack_to_nothing_are_limited_too() -> None:
    # An empty block of deflate has five bytes and no content.
    blocks = [b"\x00\x00\x00\xff\xff"] * 1000
    with pytest.raises(UnreadableAnswer, match="larger than"):
        unpacked("gzip", gzip.compress(b"")[:10], *blocks, most=1000)


def test_an_answer_that_is_packed_twice_is_refused() -> None:
    with pytest.raises(UnreadableAnswer, match="packed more than once"):
        Unpacker("gzip, gzip")


def test_a_packing_that_was_not_asked_for_is_refused() -> None:
    assert "br" not in ACCEPTED
    with pytest.raises(UnreadableAnswer, match="packed as 'br', which was not"):
        Unpacker("br")


@pytest.mark.parametrize("packing", ["gzip", "deflate"])
def test_bytes_that_are_not_packed_as_they_say_are_refused(packing: str) -> None:
    with pytest.raises(UnreadableAnswer, match=f"is not packed as {packing}"):
        unpacked(packing, b'\xff{"choices": []}')
    pack = PACKERS[packing]
    whole = pack(b"content" * 40)
    with pytest.raises(UnreadableAnswer, match=f"is not packed as {packing}"):
        # Both end in a checksum or a length.
        unpacked(packing, whole[:12], whole[12:-4] + b"\xff" * 4)


@pytest.mark.parametrize("packing", ["gzip", "deflate"])
def test_a_packed_answer_that_ends_too_early_is_refused(packing: str) -> None:
    whole = PACKERS[packing](b"content" * 40)
    with pytest.raises(UnreadableAnswer, match="ended too early"):
        unpacked(packing, whole[:-1])


def test_an_empty_answer_is_empty_whatever_its_packing() -> None:
    assert unpacked("gzip") == b""
