"""Images: files, colour spaces, sizes, and the folders of data sets and benchmarks."""
