"""The layers before the routes: a request's id, its limits, its refusal."""
