"""What people touch: the command line, the report, the pages of pictures and numbers."""
