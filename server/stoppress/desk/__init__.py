"""What an editor may do: publish, edit, withdraw; markup; tokens."""
