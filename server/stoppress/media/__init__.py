"""Uploaded pictures: encoded anew in processes of their own, kept as files."""
