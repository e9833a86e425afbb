"""Link cards: the server fetches pages for the desk, only from public addresses."""
