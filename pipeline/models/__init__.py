"""The networks: a folder each, with its settings and its layers; ``parts`` are shared."""
