"""A web application whose every session and judgement needs the whole of it."""
