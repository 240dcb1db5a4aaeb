"""Spaces: a page on models of the Hub."""

from .deploy import SpaceArguments, deploy_space, plan_space, run_space

__all__ = ["SpaceArguments", "deploy_space", "plan_space", "run_space"]
