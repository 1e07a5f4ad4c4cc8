"""`Classifier`, where programs import it from; it lives in `engine.model.classifier`."""

from __future__ import annotations

from dreampedal.engine.model.classifier import Classifier as Classifier
