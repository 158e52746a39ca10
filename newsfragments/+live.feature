`make chaos N=1000` kills a relay under load as often as asked and checks that nothing it promised is lost.
