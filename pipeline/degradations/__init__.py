"""What degradations there are: settings, levels, labels; ``pipeline/degrading`` does them."""
