"""Listeners: networks that name what they hear, as unlike each other as possible, so that no trick pleases them all."""
