"""Data sources, one module per kind; `onestop.data.open_data` is the entry point."""
