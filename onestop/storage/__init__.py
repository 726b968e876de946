"""What is kept on the disk: run folders, model files, and files of other tools."""
