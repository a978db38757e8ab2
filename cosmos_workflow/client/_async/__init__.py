"""The async client, by what it is about; `_sync/` is made of it."""
