"""pedalboard's own plugins, VST3 plugins and Audio Units, as streams that give the same samples for any blocks."""
