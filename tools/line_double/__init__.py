"""The LINE double: one local process that answers as api.line.me does, counts every call, and holds the truth."""
