"""What browsers load: reader's pages, desk pages, syndication, templates, files."""
