"""Unpack an answer piece by piece, with a limit on its bytes, packed and unpacked."""

from __future__ import annotations

import zlib

from tune.safety.untrusted import ANSWER_BYTES, shown_bytes

ACCEPTED = "gzip, deflate"
"""The packings that we ask for, as the header Accept-Encoding has them."""

# Bits of zlib's window: 32 more finds out by itself whether the header is gzip's or zlib's.
_ANY_HEADER = 32 + zlib.MAX_WBITS
_NO_HEADER = -zlib.MAX_WBITS

_PACKINGS = frozenset({"gzip", "x-gzip", "deflate"})


class UnreadableAnswer(ValueError):
    """An answer that is larger than the limit, or packed so that it cannot be read."""


class Unpacker:
    """Takes the bytes of one answer as they come, and keeps them unpacked up to the limit.

    6 MB of gzip can become gigabytes, so no more than the limit is ever unpacked.

    Args:
        packing: the header Content-Encoding; "" where there is none.
        most: bytes of an answer, packed or unpacked, above which it is given up.

    Raises:
        UnreadableAnswer: it is packed more than once, or in a way that we did not ask for.
    """

    def __init__(self, packing: str, most: int = ANSWER_BYTES) -> None:
        packing = packing.strip().lower()
        if "," in packing:
            raise UnreadableAnswer(f"the answer is packed more than once ({packing!r})")
        if packing not in ("", "identity", *_PACKINGS):
            raise UnreadableAnswer(
                f"the answer is packed as {packing!r}, which was not asked for"
            )
        self._most = most
        self._packed = 0
        self._size = 0
        self._pieces: list[bytes] = []
        self._packing = packing
        self._unpack = zlib.decompressobj(_ANY_HEADER) if packing in _PACKINGS else None

    def feed(self, piece: bytes) -> None:
        """Take the next bytes.

        Raises:
            UnreadableAnswer: the limit is passed, or the bytes are not packed as they say.
        """
        self._packed += len(piece)
        if self._packed > self._most:
            self._refuse_size()
        if self._unpack is not None:
            piece = self._unpacked(piece)
        self._size += len(piece)
        if self._size > self._most:
            self._refuse_size()
        self._pieces.append(piece)

    def content(self) -> bytes:
        """Return the whole answer.

        Raises:
            UnreadableAnswer: a packed answer ended too early.
        """
        if self._unpack is not None and self._packed and not self._unpack.eof:
            raise UnreadableAnswer("the packed answer ended too early")
        return b"".join(self._pieces)

    def _unpacked(self, piece: bytes) -> bytes:
        # One byte beyond the limit shows that the answer is larger.
        room = self._most - self._size + 1
        assert self._unpack is not None
        first = self._packed == len(piece)
        try:
            return self._unpack.decompress(piece, room)
        except zlib.error:
            # Some servers send "deflate" without zlib's header. It shows at the first byte.
            if self._packing != "deflate" or not first:
                raise UnreadableAnswer(
                    f"the answer is not packed as {self._packing}, as it says"
                ) from None
        self._unpack = zlib.decompressobj(_NO_HEADER)
        try:
            return self._unpack.decompress(piece, room)
        except zlib.error:
            raise UnreadableAnswer(
                "the answer is not packed as deflate, as it says"
            ) from None

    def _refuse_size(self) -> None:
        raise UnreadableAnswer(
            f"the answer is larger than {shown_bytes(self._most)}, which is the limit"
        )
