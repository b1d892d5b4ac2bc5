"""The queue: the same pipeline, elsewhere. In reading order: `app`, `tasks`, `bench`, `sending`, `sweep`, `serve`."""
