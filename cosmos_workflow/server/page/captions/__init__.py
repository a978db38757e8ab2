"""The page of a structured caption: shown as a story with its times, edited field by field, kept and run again."""
