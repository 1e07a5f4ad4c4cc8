"""What a user puts on a board: one short file an effect."""

from .amplify import Amplify
from .dream import Dream

__all__ = ["Amplify", "Dream"]
