"""Roles that may do what the server has refused to another."""


def with_roles(sentence: str, named: str) -> str:
    """The server's refusal, with the roles that may. `named`: the header of the answer; empty: a role is not what is missing, or the server is older."""
    roles = " and ".join(role.strip() for role in named.split(",") if role.strip())
    return f"{sentence}. Roles that may: {roles}." if roles else sentence
