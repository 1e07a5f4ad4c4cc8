"""From soundfonts and folders to a student's model file: all that one command does."""
