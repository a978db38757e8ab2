"""The store's schema, step by step; run by Alembic when a store is opened that is behind."""
