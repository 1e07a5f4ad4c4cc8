"""Live: an audio device through a board, knobs on MIDI, and takes that can be rendered again."""
