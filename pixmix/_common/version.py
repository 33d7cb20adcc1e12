"""The version of the distribution that is installed."""

from importlib.metadata import version

__version__ = version("pixmix")
"""The installed version of the distribution, which mixset and pixmix share."""
