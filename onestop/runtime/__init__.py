"""The machine and the process: device, memory, random numbers, signals, files."""
