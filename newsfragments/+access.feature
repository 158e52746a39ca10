Operators log in with a bearer token, a password or a client certificate (`sdkrelay users`), both ports speak TLS and take renewed certificates at SIGHUP, and chosen web sites may read.
