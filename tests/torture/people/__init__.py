"""Who comes to the street: buyers and watchers by the thousand, in processes of their own.

`line` is a socket, `desk` the HTTP interface, `maps` what is seen, `person` one browser, `journeys` what it
does, `crowd` all of them, `office` the load process and the conductor's handle on it.
"""
