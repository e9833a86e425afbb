"""The HTML pages for readers and editors, syndication feeds, and static files."""
