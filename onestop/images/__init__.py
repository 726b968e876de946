"""Image decoding: from the bytes of a file to pixels, without torch."""
