"""The version of the installed distribution."""

from importlib.metadata import version

__version__ = version("pixmix")
"""The installed version of the distribution, which mixset and pixmix share."""
