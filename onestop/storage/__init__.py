"""What is stored on disk: run folders, model files, and files of other tools."""
