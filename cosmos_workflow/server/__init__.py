"""The server: the REST API, the page and the queue. It needs the extra `cosmos-workflow[serve]`."""

__all__: list[str] = []
