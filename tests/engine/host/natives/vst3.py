"""VST3 plugins to test with: those of Debian's package zam-plugins."""

import os
import platform
import shutil
import struct
from functools import cache
from pathlib import Path

import pytest

from ....stress import STRESSED

FOLDER = Path(os.environ.get("VST3_FOLDER", "/usr/lib/vst3"))
ALL = (
    "ZaMaximX2", "ZaMultiComp", "ZaMultiCompX2", "ZamAutoSat", "ZamComp", "ZamCompX2", "ZamDelay", "ZamDynamicEQ",
    "ZamEQ2", "ZamGEQ31", "ZamGate", "ZamGateX2", "ZamGrains", "ZamHeadX2", "ZamPhono", "ZamTube", "ZamVerb",
)  # fmt: skip
ERRATIC = ("ZamHeadX2", "ZamTube")
"""They read memory that nobody wrote: pedalboard plays one sound with them in two ways."""

SLOW = ("ZamVerb",)
"""It takes seconds to make one, where the others take milliseconds."""

EXACT = [name for name in ALL if name not in ERRATIC + SLOW]
FEW = [name for name in EXACT if STRESSED or name in ("ZaMaximX2", "ZamComp", "ZamDelay", "ZamGateX2")]
"""Two of two channels, two of one; one with latency, one whose sound follows the size of its blocks."""


def is_stereo(name):
    return name.endswith("X2") or name == "ZamVerb"


@cache
def vst3(name):
    """The path of a plugin. Where the package is not installed, its tests are skipped; where `CI` is set, they fail."""
    path = FOLDER / f"{name}.vst3"
    if path.exists():
        return str(path)
    reason = f"{path} is not there: install zam-plugins"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def doctored(name, folder, code):
    """A copy of a plugin whose entry is other machine code."""
    if code and platform.machine() != "x86_64":
        pytest.skip("the code that crashes is that of x86-64")
    copy = folder / f"{name}.vst3"
    shutil.copytree(vst3(name), copy)
    (binary,) = copy.rglob("*.so")
    content = bytearray(binary.read_bytes())
    at = _entry(content, b"GetPluginFactory")
    content[at : at + len(code)] = code
    binary.write_bytes(content)
    return str(copy)


CRASHES = b"\x0f\x0b"
"""UD2 of x86-64: the processor refuses it."""

HANGS = b"\xeb\xfe"
"""A jump to itself."""


def _entry(elf, symbol):
    """Where the code of a symbol lies in an ELF file of 64 bits."""
    (headers,) = struct.unpack_from("<Q", elf, 0x28)
    size, count = struct.unpack_from("<HH", elf, 0x3A)
    # Of each section: name, type, flags, address, offset, size, link, info, alignment, entry size.
    sections = [struct.unpack_from("<IIQQQQIIQQ", elf, headers + size * index) for index in range(count)]
    for section in sections:
        if section[1] != 11:  # the dynamic symbols
            continue
        names = sections[section[6]][4]
        for at in range(section[4], section[4] + section[5], 24):
            name, _, _, _, address, _ = struct.unpack_from("<IBBHQQ", elf, at)
            if elf[names + name :].startswith(symbol + b"\0") if address else False:
                return next(address - s[3] + s[4] for s in sections if s[3] <= address < s[3] + s[5])
    raise AssertionError(f"{symbol!r} is no symbol of the plugin")
