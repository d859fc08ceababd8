"""Labelled data from their publishers or the user's folders, split into parts."""
