"""The sync client: `scripts/sync_client.py` makes these modules of those in `_async/`."""
