"""VST3 plugins and Audio Units: loaded on one thread, tried in a process of their own, cloned, on any channels."""
