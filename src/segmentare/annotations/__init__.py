"""What an image shows: categories of pixels, objects and skeletons, and their geometry."""
