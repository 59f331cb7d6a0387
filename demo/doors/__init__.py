"""What stands between the page and the network: hosts, routes, bodies, headers and disk space."""
