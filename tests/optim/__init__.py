"""Tests, mirroring the package file by file."""
