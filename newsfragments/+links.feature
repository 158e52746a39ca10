Relays link with each other: `twistd sdkrelay --peer ws://other:8090 --mesh-token-file FILE`; `/relays` shows how each stands, and who was refused.
