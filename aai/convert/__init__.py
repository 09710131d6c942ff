"""Models turned into another framework's files."""
