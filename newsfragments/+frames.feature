Short text frames are read many at a time, at a fraction of what reading each by itself took.
