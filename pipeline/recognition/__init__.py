"""Recognition: is a restored image worth more? Tasks, their splits, networks, and scores."""
