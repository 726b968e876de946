"""The machine and the process: device, memory, chance, signals, files."""
