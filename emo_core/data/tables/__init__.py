"""Tables as people's own programs write them: text, rows and cells, read or refused by place."""
