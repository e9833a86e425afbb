"""The processes of a server: the supervisor, its workers, the sockets they share."""
