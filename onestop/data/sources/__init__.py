"""Where images come from, one file a kind of source; `onestop.data.open_data` is the way in."""
