"""Upscaling: a video becomes three times as wide and as high, by Transfer1's upscaler."""
