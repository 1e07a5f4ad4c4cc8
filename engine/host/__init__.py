"""What holds effects: boards, mixes and the streams that they become; natives and the contract of an effect below."""
