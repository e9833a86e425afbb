"""The editors' commands (publish, edit, withdraw), Markdown, and tokens."""
