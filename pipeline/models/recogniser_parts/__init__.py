"""What networks that recognise share; an edit here trains all of them again."""
