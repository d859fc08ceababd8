"""What networks that restore share; an edit here trains all of them again."""
