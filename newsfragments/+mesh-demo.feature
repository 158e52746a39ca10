``make mesh`` (``sdkrelay mesh-demo``) starts three relays that are one mesh, parts and heals them, and shows what happens.
