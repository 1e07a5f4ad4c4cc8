"""Sound files, read to their end.

`reading` opens a file: what it is, by content; whether it is all there; its samples, a block at a time. A module a
family of containers (`riff`, `aiff`, `flac`, `ogg`, `mpeg`, `mp4`) finds where the sound lies and how long it is, as
`layout` describes; plain numbers become samples in `pcm`, all else in `coded`, by FFmpeg's decoders.
"""
