"""The files and tables that predictions become."""
