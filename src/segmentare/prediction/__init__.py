"""From any function that computes maps to annotations, pictures and files."""
