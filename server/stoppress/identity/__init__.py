"""The identity of people: JWTs and sign-in of an identity provider, sessions."""
