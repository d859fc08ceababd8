"""Arrays and their files: pixels, patches, randomness, checksums."""
