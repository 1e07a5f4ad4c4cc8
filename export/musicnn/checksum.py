"""CRC-32C (Castagnoli) of megabytes in NumPy: many stretches side by side, then joined.

A CRC is linear, so that of a whole follows from those of its parts: the register after `a + b` is the register after
`a` moved on by as many zero bytes as `b` has, XORed with that of `b` from a register of zeros. Stretches of one length
run in step, one table look-up a byte for all of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

POLYNOMIAL = 0x82F63B78
"""Castagnoli's polynomial with its bits reversed (RFC 3720, appendix B.4)."""

MASK_DELTA = 0xA282EAD8
"""What LevelDB adds to a stored CRC, after turning it right by 15 bits."""

LANES = 1024


def crc32c(content: bytes) -> int:
    """The CRC-32C of `content`.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    table = _table()
    values = np.frombuffer(content, np.uint8)
    stretch = len(values) // LANES
    whole = values[: stretch * LANES].reshape(LANES, stretch)
    lanes = np.zeros(LANES, np.uint32)
    for column in np.ascontiguousarray(whole.T):
        lanes = table[(lanes ^ column) & 255] ^ (lanes >> 8)
    register = 0xFFFFFFFF
    if stretch:
        moved = _moved_on(stretch)
        for lane in lanes.tolist():
            register = _apply(moved, register) ^ lane
    for byte in values[stretch * LANES :].tolist():
        register = int(table[(register ^ byte) & 255]) ^ (register >> 8)
    return register ^ 0xFFFFFFFF


def masked_crc32c(content: bytes) -> int:
    """The CRC-32C as LevelDB and TensorFlow store it.

    >>> hex(masked_crc32c(b"123456789"))
    '0xc78ab0e5'
    """
    crc = crc32c(content)
    return ((crc >> 15 | crc << 17) + MASK_DELTA) & 0xFFFFFFFF


def _table() -> NDArray[np.uint32]:
    """The register after each byte, shape (256,)."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(POLYNOMIAL), table >> 1).astype(np.uint32)
    return table


def _moved_on(count: int) -> list[int]:
    """What each bit of a register becomes after `count` zero bytes: 32 registers, by repeated squaring."""
    step = [int(POLYNOMIAL), *(1 << bit for bit in range(31))]
    for _ in range(3):
        step = [_apply(step, row) for row in step]
    moved = [1 << bit for bit in range(32)]
    while count:
        if count & 1:
            moved = [_apply(step, row) for row in moved]
        step = [_apply(step, row) for row in step]
        count >>= 1
    return moved


def _apply(matrix: list[int], register: int) -> int:
    result = 0
    for bit in range(32):
        if register >> bit & 1:
            result ^= matrix[bit]
    return result
