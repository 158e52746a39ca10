Every limit names itself and the time to try again; requests cost on the WebSocket too, are counted by token first, and configured proxies are believed about their clients.
