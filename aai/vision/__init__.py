"""What runs on frames: pictures in, network input, decoding, results in pixels of the picture."""
