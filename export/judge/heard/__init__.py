"""What a dream is heard as by networks that took no part in it, and what it costs the sound."""
