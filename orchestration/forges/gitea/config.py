"""Addresses of Gitea, which has no public server of its own."""

from orchestration.forges.shared.interface import ForgeConfig

CONFIG = ForgeConfig("Gitea")
