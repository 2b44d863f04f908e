"""Encoders of text: a sentence encoder in ONNX Runtime, static token vectors, and how both are made without torch."""
