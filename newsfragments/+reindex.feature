`sdkrelay reindex` forgets the index of a stopped relay, so that its next start makes it anew.
