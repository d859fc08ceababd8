"""What networks recognised: answers, scores, intervals, maps."""
