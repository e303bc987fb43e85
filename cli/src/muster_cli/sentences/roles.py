"""Roles that may do what the server has refused to another."""

ROLES = {
    "run the executor and change the backlog": "operator and admin",
    "change budgets": "budget and admin",
    "administer this workspace": "admin",
}


def with_roles(sentence: str) -> str:
    """The server's refusal, with the roles that may."""
    need = sentence.partition(" may not ")[2]
    return f"{sentence}. Roles that may: {ROLES[need]}." if need in ROLES else sentence
