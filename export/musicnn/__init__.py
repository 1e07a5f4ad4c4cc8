"""The published musicnn networks (Pons and Serra 2019), read without TensorFlow."""
