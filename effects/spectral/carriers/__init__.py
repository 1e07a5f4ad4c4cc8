"""Carriers: sounds made of the dry one by fixed causal rules, which a student filters and adds to it.

What gain cannot give is not in the source: a bass below a flute, breath in a piano. A carrier has it, at the level of
the dry sound, and depends on nothing else: no network, no parameter. A student answers how loud each is in each band.

| module | what it is |
| --- | --- |
| octaves | `below`, `deep` and `above`: the peaks of a frame an octave or two away, at phases that go on |
| breath | noise at the level of the frame |
| frame | all of them, of one frame, and their sum at the amplitudes that are asked |
| carrying, loudness | what a stream adds of them, in the loudness of the dry sound |
| tail | carriers on long frames of which the end is played, in `live` |
| laws, motion | vibrato, tremolo and strokes of the wet sound, as a class has them |
| whole | all of them, of whole sounds, as training has them |
"""
