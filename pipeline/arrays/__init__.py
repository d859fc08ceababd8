"""Arrays, tables and their files: pixels, patches, randomness, checksums."""
