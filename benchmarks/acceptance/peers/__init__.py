"""The accept code of other tools on the same candidates: their own functions, in environments of their own, in the sandbox."""
