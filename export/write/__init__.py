"""ONNX files of networks that name what they hear, or that dream on samples."""
