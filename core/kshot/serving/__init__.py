"""A classifier on a page of its own, and as JSON: tried and taught from a browser."""

from kshot.serving.application import application
from kshot.serving.desk import Desk
from kshot.serving.hosts import Hosts, is_loopback
from kshot.serving.limits import Limits
from kshot.serving.running import Address, address_of, serve

__all__ = ["Address", "Desk", "Hosts", "Limits", "address_of", "application", "is_loopback", "serve"]
