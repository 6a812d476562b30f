"""Pages that people read: the report of a model and the check of a dataset."""
