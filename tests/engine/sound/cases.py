"""Every file of the tests by its name, and what is to become of it."""

import struct

from .formats import FLOAT, PCM, chunk, coded, extensible, floats, form, id3, large, of_wave_module, pcm, riff, wav

OPEN_SIZES = 0x7F000024, 0x7FFF0000, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF
INFO = chunk(b"LIST", b"INFOIART\x05\0\0\0Jane\0\0")


def eight():
    """8 bits, which have no sign, in mono."""
    return riff(chunk(b"fmt ", form(1, bits=8)), chunk(b"data", pcm(8, 1)))


def ext24in32():
    """24 bits, in the upper three of four bytes."""
    packed = pcm(24)
    data = b"".join(b"\0" + packed[at : at + 3] for at in range(0, len(packed), 3))
    return riff(chunk(b"fmt ", extensible(32, 24, PCM)), chunk(b"data", data))


def rifx():
    """With the upper byte first."""
    parts = chunk(b"fmt ", form(order=">"), order=">"), chunk(b"data", pcm(order=">"), order=">")
    return riff(*parts, tag=b"RIFX", order=">")


def twice():
    """Its samples in two chunks."""
    first, second = chunk(b"data", pcm()[:40_000]), chunk(b"data", pcm()[40_000:])
    return riff(chunk(b"fmt ", form()), first, INFO, second)


LOSSLESS = {
    # name: (what makes it, bits, channels)
    "plain.wav": (wav, 16, 2),
    "UPPER.WAV": (wav, 16, 2),
    "noending": (wav, 16, 2),
    "wav_named.mp3": (wav, 16, 2),
    "bext_first.wav": (lambda: wav(before=chunk(b"JUNK", bytes(92)) + chunk(b"bext", bytes(602)), behind=INFO), 16, 2),
    "big_junk_first.wav": (lambda: wav(before=chunk(b"JUNK", bytes(8000))), 16, 2),
    "fmt18.wav": (lambda: wav(more=b"\0\0"), 16, 2),
    "size_with_head.wav": (lambda: wav(outer=44 + len(pcm())), 16, 2),
    "odd_chunk.wav": (lambda: wav(before=chunk(b"LIST", b"INFOX")), 16, 2),
    "odd_unpadded.wav": (lambda: wav(before=chunk(b"LIST", b"INFOX", padded=False)), 16, 2),
    "u8.wav": (eight, 8, 1),
    "24.wav": (lambda: wav(data=pcm(24), bits=24), 24, 2),
    "ext24.wav": (lambda: riff(chunk(b"fmt ", extensible(24, 24, PCM)), chunk(b"data", pcm(24))), 24, 2),
    "32.wav": (lambda: wav(data=pcm(32), bits=32), 32, 2),
    "three_channels.wav": (lambda: wav(data=pcm(16, 3), channels=3), 16, 3),
    "96000.wav": (lambda: wav(rate=96_000), 16, 2),
    "8000.wav": (lambda: wav(rate=8000), 16, 2),
    "half_a_frame.wav": (lambda: wav(data=pcm() + b"\x01"), 16, 2),
    "id3_behind.wav": (lambda: wav() + id3(500), 16, 2),
    "zeros_behind.wav": (lambda: wav() + bytes(1000), 16, 2),
    "id3_before.wav": (lambda: id3() + wav(), 16, 2),
    "no_length.wav": (lambda: wav(0), 16, 2),
    "no_lengths.wav": (lambda: wav(0, 0), 16, 2),
    **{f"open_{size:08x}.wav": (lambda size=size: wav(size, size), 16, 2) for size in OPEN_SIZES},
    "python_pipe.wav": (of_wave_module, 16, 2),
    "rf64.wav": (lambda: large(b"RF64"), 16, 2),
    "bw64.wav": (lambda: large(b"BW64"), 16, 2),
    "rifx.wav": (rifx, 16, 2),
    "data_twice.wav": (twice, 16, 2),
    "ext24in32.wav": (ext24in32, 24, 2),
    "a.aiff": (lambda: coded("aiff"), 16, 2),
    "a24.aif": (lambda: coded("aif", "-c:a", "pcm_s24be", of=wav(data=pcm(24), bits=24)), 24, 2),
    "id3_behind.aif": (lambda: coded("aif") + id3(500), 16, 2),
    "sowt.aifc": (lambda: coded("aif", "-c:a", "pcm_s16le"), 16, 2),
    "none.aifc": (lambda: coded("aifc", program="sox"), 16, 2),
    "a.flac": (lambda: coded("flac", "--no-seektable", program="flac"), 16, 2),
    "a24.flac": (lambda: coded("flac", of=wav(data=pcm(24), bits=24)), 24, 2),
    "8.flac": (lambda: coded("flac", program="flac", of=eight()), 8, 1),
    "id3.flac": (lambda: id3() + coded("flac", program="flac"), 16, 2),
    "tag.flac": (lambda: coded("flac", program="flac") + b"TAG" + bytes(125), 16, 2),
    "flac_named.wav": (lambda: coded("flac", program="flac"), 16, 2),
    "unknown_length.flac": (lambda: unknown_length(coded("flac", program="flac")), 16, 2),
    "flac_in.ogg": (lambda: coded("ogg", "-c:a", "flac"), 16, 2),
    "alac.m4a": (lambda: coded("m4a", "-c:a", "alac"), 16, 2),
    "alac24.m4a": (lambda: coded("m4a", "-c:a", "alac", of=wav(data=pcm(24), bits=24)), 24, 2),
}  # fmt: skip
"""Files whose every sample is known."""

FLOATS = {
    "float32.wav": lambda: floats("<f4"),
    "float64.wav": lambda: floats("<f8"),
    "extfloat.wav": lambda: riff(
        chunk(b"fmt ", extensible(32, 32, FLOAT)), chunk(b"data", floats("<f4")[-len(pcm(32)) :])
    ),
    "fl32.aifc": lambda: coded("aifc", "-e", "floating-point", "-b", "32", program="sox"),
}
"""The same in floating point."""

MISREAD = {"odd_unpadded.wav", "rifx.wav", "data_twice.wav", "ext24in32.wav", "python_pipe.wav"}
"""Those of which ffmpeg makes something else: it knows no chunk without padding, takes RIFX for little-endian, leaves
the first of two chunks of samples, takes 24 bits in 32 for floating point, and believes a header in every case."""

LOSSY = {
    # name: (what makes it, samples that there are, how far it may be from ffmpeg's decoding)
    "cbr.mp3": (lambda: coded("mp3"), 44_100, 1e-5),
    "vbr.mp3": (lambda: coded("mp3", "--quiet", "-V2", program="lame"), 44_100, 1e-5),
    "mono.mp3": (lambda: coded("mp3", "-ac", "1"), 44_100, 1e-5),
    "half_rate.mp3": (lambda: coded("mp3", "-ar", "22050"), 22_050, 1e-5),
    "no_xing.mp3": (lambda: coded("mp3", "-q:a", "2", "-write_xing", "0"), 46_080, 1e-5),
    "picture.mp3": (lambda: id3(60_000) + coded("mp3"), 44_100, 1e-5),
    "id3v1.mp3": (lambda: coded("mp3") + b"TAG" + bytes(125), 44_100, 1e-5),
    "mp3_named.wav": (lambda: coded("mp3"), 44_100, 1e-5),
    "begun_before.mp3": (lambda: b"\x55" * 300 + coded("mp3", "-write_xing", "0", "-id3v2_version", "0"), 46_080, 1e-5),
    "a.mp2": (lambda: coded("mp2"), 44_928, 1e-4),
    "vorbis.ogg": (lambda: coded("ogg", "-c:a", "libvorbis"), 44_100, 1e-5),
    "vorbis_named.flac": (lambda: coded("ogg", "-c:a", "libvorbis"), 44_100, 1e-5),
    "a.opus": (lambda: coded("opus"), 48_000, 1e-5),
    "opus_in.ogg": (lambda: coded("ogg", "-c:a", "libopus"), 48_000, 1e-5),
    "aac.m4a": (lambda: coded("m4a", "-c:a", "aac"), 44_100, 1e-5),
    "mulaw.wav": (lambda: coded("wav", "-c:a", "pcm_mulaw"), 44_100, 1e-5),
    "mp3_in.wav": (lambda: coded("wav", "-c:a", "libmp3lame"), 46_080, 1e-5),
    "adpcm.wav": (lambda: coded("wav", "-c:a", "adpcm_ima_wav"), 44_748, 3e-3),
}  # fmt: skip
"""Files whose samples depend on the decoder."""


def unknown_length(flac):
    """A FLAC file as an encoder writes it to a pipe: how many samples there are, and their checksum, are left open."""
    head = bytearray(flac)
    head[21] &= 0xF0
    head[22:42] = bytes(20)
    return bytes(head)


def cut(data, share):
    return data[: round(share * len(data))]


def wide(data):
    """The sizes of a WAV file's samples told as more than there are, but not by as much as to be open."""
    return data[:40] + struct.pack("<I", 200_000) + data[44:]


REFUSED = {
    # name: (what makes it, what is said)
    "empty.wav": (lambda: b"", ["is empty"]),
    "text.flac": (lambda: b"words " * 1000, ["is no sound that can be read", "opus", "m4a"]),
    "no_samples.wav": (lambda: wav(data=b""), ["holds no samples"]),
    "wide.wav": (lambda: wide(wav()), ["is truncated: 176400 of 200000 bytes"]),
    "second.wav": (lambda: wav() + wav(), ["a second WAV file from byte 176444 of 352888 on: cut it in two"]),
    "odd_bytes_behind.wav": (lambda: wav(behind=INFO) + b"\x01garbage at the end", ["its last 19 bytes"]),
    "cut_chunk.wav": (lambda: wav(behind=INFO, outer=0xFFFFFFFF)[:-4], ["truncated", "'LIST'"]),
    "no_fmt.wav": (lambda: riff(chunk(b"data", pcm())), ["no chunk 'fmt '"]),
    "7bits.wav": (lambda: riff(chunk(b"fmt ", form()[:14] + b"\x07\0"), chunk(b"data", pcm())), ["7 bits"]),
    "cut_rf64.wav": (lambda: large(b"RF64", 5 << 30), ["is truncated: 176400 of 5368709120 bytes"]),
    "cut.aiff": (lambda: cut(coded("aiff"), 0.9), ["truncated"]),
    "two.aiff": (lambda: 2 * coded("aiff"), ["a second AIFF file from byte", "cut it in two"]),
    "cut.flac": (lambda: cut(coded("flac", program="flac"), 0.9), ["truncated"]),
    "cut_unknown.flac": (lambda: cut(unknown_length(coded("flac", program="flac")), 0.9), ["truncated"]),
    "flipped.flac": (lambda: flipped(coded("flac", program="flac")), ["truncated or damaged"]),
    "two.flac": (lambda: 2 * coded("flac", program="flac"), ["a second FLAC file from byte", "cut it in two"]),
    "two_of_no_length.flac": (lambda: 2 * unknown_length(coded("flac", program="flac")), ["a second FLAC file"]),
    "cut.ogg": (lambda: cut(coded("ogg", "-c:a", "libvorbis"), 0.9), ["truncated"]),
    "cut.opus": (lambda: cut(coded("opus"), 0.5), ["truncated"]),
    "flipped.ogg": (lambda: flipped(coded("ogg", "-c:a", "libvorbis")), ["does not match its checksum"]),
    "page_missing.ogg": (lambda: page_missing(coded("ogg", "-c:a", "flac")), ["a page is missing"]),
    "cut.mp3": (lambda: cut(coded("mp3"), 0.9), ["truncated"]),
    "cut_no_xing.mp3": (lambda: coded("mp3", "-write_xing", "0")[:-100], ["truncated", "its last frame"]),
    "flipped.mp3": (lambda: overwritten(coded("mp3")), ["damaged", "a frame of MPEG sound should begin"]),
    "first_frame.mp3": (lambda: b"\x55" + coded("mp3", "-id3v2_version", "0")[1:], ["is no sound that can be read"]),
    "two_rates.mp3": (lambda: coded("mp3") + coded("mp3", "-ar", "22050"), ["from 44100 Hz", "to 22050 Hz"]),
    "cut.m4a": (lambda: cut(coded("m4a", "-c:a", "aac"), 0.5), ["truncated"]),
    "cut_fast.m4a": (lambda: cut(coded("m4a", "-c:a", "aac", "-movflags", "faststart"), 0.9), ["truncated", "'mdat'"]),
    "two_rates.ogg": (
        lambda: coded("ogg", "-c:a", "libvorbis") + coded("ogg", "-c:a", "libvorbis", "-ar", "22050"),
        ["44100 Hz", "22050 Hz", "one behind the other"],
    ),
    "a.au": (lambda: coded("au"), ["is AU sound, which is not read"]),
    "a.caf": (lambda: coded("caf"), ["is Core Audio (CAF) sound, which is not read"]),
    "a.w64": (lambda: coded("w64"), ["is Wave64 sound, which is not read"]),
    "a.wv": (lambda: coded("wv"), ["is WavPack sound, which is not read", "expected one of wav, flac"]),
    "a.mka": (lambda: coded("mka"), ["is a Matroska or WebM file"]),
    "speex.ogg": (lambda: coded("ogg", "-c:a", "libspeex"), ["holds Speex", "expected Vorbis, Opus or FLAC"]),
}  # fmt: skip
"""Files that are told to be what they are."""


def flipped(data):
    """One bit of the sound is another."""
    place = len(data) * 2 // 3
    return data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :]


def overwritten(data):
    """A hundred bytes of the sound, and with them the head of a frame, are lost."""
    place = data.index(b"\xff\xfb", len(data) // 2)
    return data[:place] + b"\x55" * 100 + data[place + 100 :]


def page_missing(ogg):
    """Without the page in its middle."""
    places = [at for at in range(len(ogg)) if ogg.startswith(b"OggS", at)]
    middle = len(places) // 2
    return ogg[: places[middle]] + ogg[places[middle + 1] :]


def positions_moved(ogg, samples):
    """An Ogg file whose positions begin later, its checksums made anew."""
    moved, at = bytearray(ogg), 0
    while at < len(ogg):
        segments = ogg[at + 26]
        end = at + 27 + segments + sum(ogg[at + 27 : at + 27 + segments])
        position = struct.unpack("<q", ogg[at + 6 : at + 14])[0]
        if position > 0:
            moved[at + 6 : at + 14] = struct.pack("<q", position + samples)
        moved[at + 22 : at + 26] = bytes(4)
        moved[at + 22 : at + 26] = struct.pack("<I", _ogg_checksum(moved[at:end]))
        at = end
    return bytes(moved)


def _ogg_checksum(page):
    """A bit at a time, as RFC 3533 words it."""
    found = 0
    for byte in page:
        found ^= byte << 24
        for _ in range(8):
            found = (found << 1 ^ (0x04C11DB7 if found >> 31 else 0)) & 0xFFFFFFFF
    return found
