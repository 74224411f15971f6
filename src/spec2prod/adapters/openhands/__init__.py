"""OpenHands' agent server as a `TestWriter`: started as a child (or configured by URL), spoken to over REST alone."""
