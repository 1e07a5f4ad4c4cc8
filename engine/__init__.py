"""What plays in real time. Nothing here imports torch."""

import os

# On Linux and macOS, ONNX Runtime from 1.29 on starts a thread as it is loaded, which reports to its maker how it is
# used. No instrument of ours talks behind its player's back, and a process that is forked hangs at its exit: it waits
# for that thread, which was left behind. The variable is read once, when the library is loaded. Who wants the reports
# sets it to 0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
