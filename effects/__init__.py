"""What a user puts on a board: one short file an effect."""

from dreampedal.effects.amplify import Amplify
from dreampedal.effects.dream import Dream

__all__ = ["Amplify", "Dream"]
