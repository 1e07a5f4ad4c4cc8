"""From a trained network to one safe ONNX file with its gradient written out."""
