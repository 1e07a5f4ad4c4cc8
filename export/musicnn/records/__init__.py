"""Published networks as listeners: what students of genres and tags are taught and judged by."""
