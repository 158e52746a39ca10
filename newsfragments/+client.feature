A Python client (``sdkrelay.client``, see ``docs/client.md``) that reconnects, turns to backup relays, and gives each notification once.
