"""Videos and cameras: reading, tracking, smoothing, writing."""
